/* Packs a Linux program into an ESP image for the virtual board. Part of the build, not installed.
 */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/bytes.h"
#include "base/err.h"
#include "host/opt.h"
#include "host/payload.h"
#include "host/report.h"

static const char *output, *version = "", *project = "";
static bool bootloader, deflated;
static const char *encryption, *key_file;
static struct payload_settings settings;
static int64_t chip = 5, room;

static const struct opt options[] = {
        { 'o', "output", OPT_STR, &output, "FILE", "the image" },
        { 0, "bootloader", OPT_FLAG, &bootloader, NULL, "a bootloader, not an app" },
        { 0, "deflate", OPT_FLAG, &deflated, NULL, "pack the program (a bootloader's)" },
        { 0, "flash-encryption", OPT_STR, &encryption, "MODE",
          "a bootloader that switches it on: development or release" },
        { 0, "verification-key", OPT_STR, &key_file, "FILE",
          "secure boot version 1: its public key (flasher extract-public-key --version 1)" },
        { 0, "app-version", OPT_STR, &version, "TEXT", "version in the app descriptor" },
        { 0, "project", OPT_STR, &project, "TEXT", "project in the app descriptor" },
        { 0, "chip-id", OPT_INT, &chip, "N", "of the image header; 5: ESP32-C3" },
        { 0, "room", OPT_INT, &room, "BYTES", "fail if the image is larger" },
        { 0 },
};

/* 0 or a usage error. */
static int parse_encryption(void)
{
        if (!encryption || !strcmp(encryption, "off"))
                settings.encrypt = PAYLOAD_PLAIN;
        else if (!strcmp(encryption, "development"))
                settings.encrypt = PAYLOAD_DEVELOPMENT;
        else if (!strcmp(encryption, "release"))
                settings.encrypt = PAYLOAD_RELEASE;
        else
                return usage_error("--flash-encryption %s: off, development or release",
                                   encryption);
        return 0;
}

static int load_key(struct diag *d)
{
        struct blob key = { 0 };
        int rc = file_load(key_file, FILE_LIMIT_KEY, &key, d);

        if (rc == 0 && key.len != sizeof settings.key)
                rc = diag_set(d, E_KEY, "%s: %zu bytes are no key of %zu", key_file, key.len,
                              sizeof settings.key);
        if (rc == 0)
                memcpy(settings.key, key.data, sizeof settings.key);
        settings.has_key = rc == 0;
        blob_free(&key);
        return rc;
}

/* The program in blob becomes a packed one. */
static int deflate_program(struct blob *b, struct diag *d)
{
        uLongf len = compressBound(b->len);
        uint8_t *out = malloc(PAYLOAD_PACKED_N + len);

        if (!out || compress2(out + PAYLOAD_PACKED_N, &len, b->data, b->len, 9) != Z_OK) {
                free(out);
                return diag_set(d, E_NOMEM, "no memory to pack the program");
        }
        memcpy(out, PAYLOAD_PACKED, strlen(PAYLOAD_PACKED));
        le32_put(out + 4, (uint32_t)b->len);
        blob_free(b);
        b->data = out;
        b->len = PAYLOAD_PACKED_N + len;
        return 0;
}

static int pack(const char *path, struct diag *d)
{
        const struct payload p = { .chip_id = (uint16_t)chip,
                                   .bootloader = bootloader,
                                   .version = version,
                                   .project = project };
        struct blob elf = { 0 };
        struct blob image = { 0 };
        int rc = file_load(path, FILE_LIMIT_IMAGE, &elf, d);

        if (rc == 0 && key_file)
                rc = load_key(d);
        if (rc == 0 && (key_file || settings.encrypt))
                rc = payload_set(&elf, &settings, d);
        if (rc == 0 && deflated)
                rc = deflate_program(&elf, d);
        if (rc == 0)
                rc = payload_pack(&p, &elf, &image, d);
        if (rc == 0 && room && image.len > (size_t)room)
                rc = diag_set(d, E_NOSPACE, "%s: 0x%zx bytes, there is room for 0x%x", output,
                              image.len, (unsigned)room);
        if (rc == 0)
                rc = file_save(output, image.data, image.len, FILE_PUBLIC, d);
        blob_free(&elf);
        blob_free(&image);
        return rc;
}

static int run(int argc, char **argv)
{
        struct diag d = { 0 };
        int rc;

        (void)argc;
        if (!output)
                return usage_error("--output is missing");
        if (chip < 0 || chip > UINT16_MAX)
                return usage_error("--chip-id: from 0 to 65535");
        if ((rc = parse_encryption()) != 0)
                return rc;
        if ((rc = pack(argv[0], &d)) < 0)
                tool_error("%s: %s", argv[0], diag_text(&d));
        return err_status(rc);
}

int main(int argc, char **argv)
{
        static const struct command pack_command = { .name = "pack",
                                                     .synopsis = "ELF",
                                                     .summary = "a program into an image",
                                                     .options = options,
                                                     .min_args = 1,
                                                     .max_args = 1,
                                                     .run = run };
        static const struct command none[] = { { 0 } };
        const struct tool tool = { .name = "fwpack",
                                   .summary = "a Linux program into an ESP image",
                                   .commands = none,
                                   .fallback = &pack_command };

        return tool_main(&tool, argc, argv);
}
