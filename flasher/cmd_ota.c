/* ota status | switch SLOT | erase: the work of ESP-IDF's otatool */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "flasher.h"
#include "fmt/otadata.h"
#include "fmt/ptable.h"

static bool dry_run;

const struct opt ota_options[] = {
        { 'T', "table", OPT_STR, &parts.table, "FILE",
          "partition table: CSV, binary or flash dump (default: the device's own)" },
        { 0, "table-offset", OPT_SIZE, &parts.offset, "OFFSET",
          "where the table lies on flash (default 0x8000)" },
        { 0, "flash-key", OPT_STR, &parts.flash_key, "FILE",
          "of a chip with flash encryption: its key" },
        { 0, "dry-run", OPT_FLAG, &dry_run, NULL, "connect and check, write nothing" },
        { 0 },
};

struct ota {
        struct ptable table;
        const struct ptable_entry *data; /* the otadata partition */
        unsigned slots;
        uint8_t raw[OTADATA_LEN];
        struct otadata now;
};

/* Plain otadata would be noise to a chip that decrypts, and its own are noise to us. */
static int check_key(struct loader *l)
{
        struct loader_security sec = { 0 };
        struct diag d = { 0 };

        if (parts.flash_key || loader_chip(l)->image_id < 0)
                return 0;
        if (loader_security(l, &sec, &d) < 0)
                return fail(g.port, &d);
        if (!sec.encrypted)
                return 0;
        diag_set(&d, E_REFUSED,
                 "flash encryption is on: otadata are ciphertext; name the chip's key with "
                 "--flash-key");
        return fail(g.port, &d);
}

static int load(struct loader *l, struct ota *o)
{
        struct diag d = { 0 };
        int status;

        if (loader_flash_attach(l, 0, &d) < 0)
                return fail(g.port, &d);
        if ((status = check_key(l)) != 0)
                return status;
        if ((status = parts_load(l, &o->table)) != 0)
                return status;
        o->slots = ptable_slots(&o->table);
        o->data = ptable_find_type(&o->table, PTABLE_DATA, PTABLE_DATA_OTA, NULL);
        if (!o->data || o->data->size < OTADATA_LEN || !o->slots) {
                tool_error("the partition table has no %s: this board does not update itself",
                           o->slots ? "otadata partition" : "OTA slots");
                return STATUS_DATA;
        }
        if (loader_flash_read(l, o->data->offset, o->raw, sizeof o->raw, &d) < 0)
                return fail(g.port, &d);
        if (parts.flash_key &&
            (status = parts_crypt(l, o->data->offset, o->raw, sizeof o->raw, true)) != 0)
                return status;
        if (otadata_parse(&o->now, o->raw, sizeof o->raw, &d) < 0)
                return fail(g.port, &d);
        return 0;
}

/* What the bootloader takes: a slot, or the factory app, or the first slot. */
static const char *boots(const struct ota *o)
{
        const int slot = otadata_slot(&o->now, o->slots);
        const struct ptable_entry *e;

        if (slot < 0)
                e = ptable_find_type(&o->table, PTABLE_APP, PTABLE_APP_FACTORY, NULL);
        else
                e = ptable_find_type(&o->table, PTABLE_APP, (uint8_t)(PTABLE_APP_OTA_0 + slot),
                                     NULL);
        if (!e)
                e = ptable_find_type(&o->table, PTABLE_APP, PTABLE_APP_OTA_0, NULL);
        return e ? e->name : "nothing";
}

static int show(const struct ota *o)
{
        const int active = otadata_active(&o->now);

        if (g.json) {
                struct json_writer w = { .out = stdout };

                json_open(&w, NULL, '{');
                json_uint(&w, "v", 1);
                json_str(&w, "event", "ota");
                json_str(&w, "boots", boots(o));
                json_int(&w, "slot", otadata_slot(&o->now, o->slots));
                json_uint(&w, "slots", o->slots);
                json_open(&w, "copies", '[');
                for (int i = 0; i < 2; i++) {
                        json_open(&w, NULL, '{');
                        json_uint(&w, "seq", o->now.copy[i].seq);
                        json_str(&w, "state", otadata_state_name(o->now.copy[i].state));
                        json_bool(&w, "crc_ok", o->now.copy[i].crc_ok);
                        json_bool(&w, "active", i == active);
                        json_close(&w, '}');
                }
                json_close(&w, ']');
                json_close(&w, '}');
                putchar('\n');
                return STATUS_DONE;
        }
        printf("boots: %s\n", boots(o));
        for (int i = 0; i < 2; i++) {
                const struct otadata_copy *c = &o->now.copy[i];

                if (c->seq == OTADATA_NONE)
                        printf("copy %d: empty\n", i);
                else
                        printf("copy %d: sequence %u, %s, checksum %s%s\n", i, c->seq,
                               otadata_state_name(c->state), c->crc_ok ? "right" : "WRONG",
                               i == active ? ", active" : "");
        }
        return STATUS_DONE;
}

/* "ota_1", "1" or the label of the slot. */
static int slot_of(const struct ota *o, const char *text, unsigned *slot)
{
        const struct ptable_entry *e = ptable_find(&o->table, text);
        int64_t n;

        if (parse_int(text, &n) < 0 &&
            (strncmp(text, "ota_", 4) != 0 || parse_int(text + 4, &n) < 0))
                n = -1;
        if (e && ptable_is_slot(e))
                n = e->subtype - PTABLE_APP_OTA_0;
        if (n >= 0 && n < (int64_t)o->slots) {
                *slot = (unsigned)n;
                return 0;
        }
        tool_error("no OTA slot is called '%s'; there are ota_0 to ota_%u", text, o->slots - 1);
        return STATUS_DATA;
}

static int switch_to(struct loader *l, struct ota *o, const char *text)
{
        struct diag d = { 0 };
        unsigned slot;
        unsigned copy;
        uint32_t at;
        int status;

        if ((status = slot_of(o, text, &slot)) != 0)
                return status;
        if (otadata_switch(o->raw, sizeof o->raw, slot, o->slots, &copy, &d) < 0)
                return fail(g.port, &d);
        at = o->data->offset + copy * OTADATA_COPY;
        if (parts.flash_key &&
            (status = parts_crypt(l, at, o->raw + copy * OTADATA_COPY, OTADATA_COPY, false)) != 0)
                return status;
        if (!dry_run) {
                const struct flash_image image = { .name = "otadata",
                                                   .offset = at,
                                                   .data = o->raw + copy * OTADATA_COPY,
                                                   .len = OTADATA_COPY };
                const struct flash_options opt = { 0 };
                struct flash_stats st;
                struct flash_plan *plan;

                if (flash_plan_new(&image, 1, &opt, &plan, &d) < 0)
                        return fail(NULL, &d);
                status = flash_plan_run(plan, l, &st, &d);
                flash_plan_free(plan);
                if (status < 0)
                        return fail(g.port, &d);
        }
        say("%s boot ota_%u", dry_run ? "would" : "will", slot);
        return STATUS_DONE;
}

static int work(struct loader *l, int argc, char **argv)
{
        static struct ota o;
        struct diag d = { 0 };
        int status = load(l, &o);

        if (status != 0)
                return status;
        if (!strcmp(argv[0], "status"))
                return show(&o);
        if (!strcmp(argv[0], "switch"))
                return switch_to(l, &o, argv[argc - 1]);
        if (!dry_run && loader_flash_erase(l, o.data->offset, OTADATA_LEN, &d) < 0)
                return fail(g.port, &d);
        say("otadata erased: the board boots its factory app, or the first slot where there is "
            "none");
        return STATUS_DONE;
}

int cmd_ota(int argc, char **argv)
{
        struct loader *l;
        int status;

        if (strcmp(argv[0], "status") && strcmp(argv[0], "switch") && strcmp(argv[0], "erase"))
                return usage_error("ota: '%s' is none of status, switch, erase", argv[0]);
        if (!strcmp(argv[0], "switch") != (argc == 2))
                return usage_error("ota: switch needs a slot, the others none");
        if ((status = session_open(&l)) != 0)
                return status;
        return session_close(l, work(l, argc, argv));
}
