/* efuse: read and burn eFuses; several commands in one line are one plan, one connection, one burn.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/hex.h"
#include "efuse.h"
#include "flasher.h"

static const char *virt;
static bool yes, dry_run, quiet_words;

static char kept_format[] = "--format", kept_file[] = "--file", kept_offset[] = "--offset",
            kept_force[] = "--force", kept_no_read[] = "--no-read-protect",
            kept_no_write[] = "--no-write-protect", kept_no_protect[] = "--no-protect-key",
            kept_secrets[] = "--show-sensitive-info", kept_value[] = "--value-only",
            kept_recovery[] = "--recovery";

const struct opt efuse_options[] = {
        { 0, "virt|path-efuse-file", OPT_STR, &virt, "FILE",
          "an eFuse file instead of a chip (with --chip); made if it is not there" },
        { 'y', "yes|do-not-confirm", OPT_FLAG, &yes, NULL, "burn without asking" },
        { 'n', "dry-run", OPT_FLAG, &dry_run, NULL, "show the plan, burn nothing" },
        { 0, "format", OPT_KEPT, kept_format, "FORM",
          "of summary: summary, json or value-only; of dump: default, joint or split",
          .words = "summary|json|value-only|default|joint|split" },
        { 0, "file|file-name", OPT_KEPT, kept_file, "FILE", "where summary or dump go" },
        { 0, "value-only", OPT_KEPT, kept_value, NULL, "of summary: values alone" },
        { 'o', "offset", OPT_KEPT, kept_offset, "BYTES",
          "of burn-block-data: where in the block the data begin" },
        { 0, "no-read-protect", OPT_KEPT, kept_no_read, NULL, "of burn-key: software can read it" },
        { 0, "no-write-protect", OPT_KEPT, kept_no_write, NULL,
          "of burn-key: the block can be burnt again" },
        { 0, "no-protect-key", OPT_KEPT, kept_no_protect, NULL, "both, on the ESP32" },
        { 0, "show-sensitive-info", OPT_KEPT, kept_secrets, NULL, "of burn-key: show the key" },
        { 0, "force|force-write-always", OPT_KEPT, kept_force, NULL,
          "of the command: burn what looks wrong, too" },
        { 0, "recovery", OPT_KEPT, kept_recovery, NULL,
          "of check-error: burn blocks with errors once more" },
        /* what espefuse has and what here is always so, or the tool's */
        { 0, "postpone", OPT_FLAG, &quiet_words, NULL, NULL },
        { 'd', "debug", OPT_FLAG, &quiet_words, NULL, NULL },
        { 0 },
};

const char efuse_more[] =
        "Reading:  summary [FIELD ...], get FIELD ..., dump, digest, check-error, get-custom-mac, "
        "adc-info\n"
        "Burning:  burn-efuse FIELD [VALUE] ..., burn-bit BLOCK BIT ..., burn-block-data BLOCK "
        "FILE ...,\n"
        "          burn-key BLOCK FILE PURPOSE ..., burn-key-digest BLOCK FILE PURPOSE ...,\n"
        "          write-protect FIELD ..., read-protect FIELD ..., set-custom-mac ADDRESS,\n"
        "          set-flash-voltage 1.8V|3.3V|OFF\n"
        "All that burn in one line are one plan: checked, shown, confirmed, burnt and verified; "
        "what reads\n"
        "comes behind it. Options stand behind the command that they are for.";

const char efuse_verbs[] =
        "summary|get|dump|get-custom-mac|adc-info|digest|check-error|burn-efuse|burn-bit|"
        "burn-block-data|burn-key|burn-key-digest|write-protect|read-protect|set-custom-mac|"
        "set-flash-voltage";

struct verb {
        const char *name; /* other spellings behind '|' */
        int (*run)(struct efuse_plan *p, struct efuse_dev *dev, const struct efuse_words *w);
        bool burns;
        int min;
        const char *synopsis;
};

static const struct verb verbs[] = {
        { "summary", efuse_summary, false, 0, "[FIELD ...]" },
        { "get", efuse_get_values, false, 1, "FIELD ..." },
        { "dump", efuse_dump, false, 0, "" },
        { "get-custom-mac", efuse_get_mac, false, 0, "" },
        { "adc-info", efuse_adc_info, false, 0, "" },
        { "digest", efuse_digest, false, 0, "" },
        { "check-error", efuse_check_error, false, 0, "" },
        { "burn-efuse", efuse_burn_fields, true, 1, "FIELD [VALUE] ..." },
        { "burn-bit", efuse_burn_bits, true, 2, "BLOCK BIT ..." },
        { "burn-block-data", efuse_burn_data, true, 2, "BLOCK FILE ..." },
        { "burn-key", efuse_burn_keys, true, 2, "BLOCK FILE PURPOSE ..." },
        { "burn-key-digest", efuse_burn_digests, true, 1, "BLOCK FILE PURPOSE ..." },
        { "write-protect|write-protect-efuse", efuse_write_protect, true, 1, "FIELD ..." },
        { "read-protect|read-protect-efuse", efuse_read_protect, true, 1, "FIELD ..." },
        { "set-custom-mac|burn-custom-mac", efuse_set_mac, true, 1, "AA:BB:CC:DD:EE:FF" },
        { "set-flash-voltage", efuse_set_voltage, true, 1, "1.8V|3.3V|OFF" },
        { 0 },
};

static const struct verb *verb_of(const char *word)
{
        for (const struct verb *v = verbs; v->name; v++)
                if (opt_word_is(word, v->name))
                        return v;
        return NULL;
}

/* --- the line --- */

#define GROUPS_MAX 64

struct line {
        struct {
                const struct verb *verb;
                struct efuse_words words;
        } group[GROUPS_MAX];
        size_t n;
};

static int take_offset(struct efuse_words *w, const char *text)
{
        uint64_t v;

        if (parse_size(text, &v) < 0 || v > 1024)
                return usage_error("--offset: '%s' is not a number of bytes", text);
        w->offset = (size_t)v;
        w->has_offset = true;
        return 0;
}

/* An option at at[0]; *used: how many words it takes. */
static int take_option(struct efuse_words *w, char **at, int *used)
{
        int rc = 0;

        *used = 1;
        if (at[0] == kept_format || at[0] == kept_file || at[0] == kept_offset) {
                *used = 2; /* opt.c has seen to it that there is one */
                if (at[0] == kept_format)
                        w->format = at[1];
                else if (at[0] == kept_file)
                        w->file = at[1];
                else
                        rc = take_offset(w, at[1]);
        }
        w->force |= at[0] == kept_force;
        w->no_read_protect |= at[0] == kept_no_read || at[0] == kept_no_protect;
        w->no_write_protect |= at[0] == kept_no_write || at[0] == kept_no_protect;
        w->show_secrets |= at[0] == kept_secrets;
        w->value_only |= at[0] == kept_value;
        w->recovery |= at[0] == kept_recovery;
        return rc;
}

static bool is_option(const char *word)
{
        static char *const kept[] = { kept_format,  kept_file,     kept_offset,     kept_force,
                                      kept_no_read, kept_no_write, kept_no_protect, kept_secrets,
                                      kept_value,   kept_recovery };

        for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
                if (word == kept[i])
                        return true;
        return false;
}

/* Cut the words into commands; the words of each close up where its options were. */
static int cut(struct line *l, int argc, char **argv)
{
        struct efuse_words *w = NULL;
        int used;
        int rc = 0;

        for (int i = 0; i < argc && rc == 0; i += used) {
                const struct verb *v = is_option(argv[i]) ? NULL : verb_of(argv[i]);

                used = 1;
                if (v) {
                        if (l->n == GROUPS_MAX)
                                return usage_error("efuse: more than %d commands", GROUPS_MAX);
                        l->group[l->n].verb = v;
                        w = &l->group[l->n++].words;
                        w->name = v->name;
                        w->at = argv + i + 1;
                } else if (!w) {
                        return usage_error(is_option(argv[i])
                                                   ? "efuse: %s stands behind the command it is for"
                                                   : "efuse: '%s' is no command",
                                           argv[i]);
                } else if (is_option(argv[i])) {
                        rc = take_option(w, argv + i, &used);
                } else {
                        w->at[w->n++] = argv[i];
                }
        }
        for (size_t i = 0; i < l->n && rc == 0; i++)
                if (l->group[i].words.n < l->group[i].verb->min)
                        rc = usage_error("efuse: %.*s %s",
                                         (int)strcspn(l->group[i].verb->name, "|"),
                                         l->group[i].verb->name, l->group[i].verb->synopsis);
        return rc;
}

/* --- burning --- */

void efuse_show_change(void *ctx, const char *text)
{
        struct json_writer w = { .out = stdout };

        (void)ctx;
        if (!g.json) {
                say("  %s", text);
                return;
        }
        json_open(&w, NULL, '{');
        json_uint(&w, "v", 1);
        json_str(&w, "event", "efuse-plan");
        json_str(&w, "change", text);
        json_close(&w, '}');
        putchar('\n');
}

int efuse_confirm(bool agreed, const char *otherwise)
{
        char answer[16];

        if (agreed)
                return 0;
        if (!isatty(STDIN_FILENO)) {
                tool_error("%s: say --yes, or work at a terminal", otherwise);
                return STATUS_USAGE;
        }
        fprintf(stderr, "This cannot be undone. Type BURN to go on: ");
        if (!fgets(answer, sizeof answer, stdin) || strcmp(answer, "BURN\n") != 0) {
                tool_error("%s", otherwise);
                return STATUS_USAGE;
        }
        return 0;
}

static int report_burn(struct efuse_plan *p, struct efuse_dev *dev)
{
        const struct efuse_chip *c = efuse_dev_chip(dev);
        struct json_writer w = { .out = stdout };
        uint8_t digest[32];
        char text[65];

        if (efuse_dev_digest(dev, digest) < 0)
                return memory_error();
        hex_encode(digest, sizeof digest, text);
        if (!g.json) {
                say("%s, digest of all eFuses: %s",
                    !efuse_dev_is_closed(dev) ? "burnt and verified"
                    : efuse_dev_is_confirmed(dev)
                            ? "burnt, and the chip says that it is closed"
                            : "burnt, and the chip answers no more, as it should",
                    text);
                return STATUS_DONE;
        }
        json_open(&w, NULL, '{');
        json_uint(&w, "v", 1);
        json_str(&w, "event", "efuse-burnt");
        json_str(&w, "chip", c->name);
        json_open(&w, "blocks", '[');
        for (unsigned i = 0; i < c->block_count; i++)
                if (efuse_plan_blocks(p) >> i & 1)
                        json_strn(&w, NULL, c->blocks[i].name, efuse_name_len(c->blocks[i].name));
        json_close(&w, ']');
        json_bool(&w, "verified", !efuse_dev_is_closed(dev));
        json_bool(&w, "closed", efuse_dev_is_closed(dev));
        json_str(&w, "digest", text);
        json_close(&w, '}');
        putchar('\n');
        return STATUS_DONE;
}

static int burn(struct efuse_plan *p, struct efuse_dev *dev, bool secrets)
{
        struct diag d = { 0 };
        const int bits = efuse_plan_settle(p, &d);
        int status;

        if (bits < 0)
                return fail("efuse: nothing was burnt", &d);
        if (bits == 0) {
                say("nothing to burn: it is all there already");
                return STATUS_DONE;
        }
        say("%s of %s:", dry_run ? "would burn into the eFuses" : "to be burnt into the eFuses",
            efuse_dev_name(dev));
        efuse_plan_show(p, secrets, efuse_show_change, NULL);
        if (dry_run)
                return STATUS_DONE;
        if ((status = efuse_confirm(yes, "nothing was burnt")) != 0)
                return status;
        if (efuse_plan_burn(p, &d) < 0)
                return fail("efuse", &d);
        return report_burn(p, dev);
}

static struct line the_line;

static int run_groups(struct efuse_plan *p, struct efuse_dev *dev, bool burns)
{
        struct line *l = &the_line;
        bool any = false;
        bool secrets = false;
        int status = 0;

        for (size_t i = 0; i < l->n && status == 0; i++) {
                const bool repairs = l->group[i].words.recovery;

                if (burns ? !l->group[i].verb->burns && !repairs : l->group[i].verb->burns)
                        continue;
                any = true;
                secrets |= l->group[i].words.show_secrets;
                efuse_plan_force(p, l->group[i].words.force);
                status = l->group[i].verb->run(burns ? p : NULL, dev, &l->group[i].words);
        }
        if (burns && any && status == 0)
                status = burn(p, dev, secrets);
        return status;
}

/* All that burns is one plan; what reads comes behind it. */
static int work_on(struct efuse_dev *dev)
{
        struct efuse_plan *p;
        int status;

        if (efuse_plan_new(dev, &p) < 0)
                return memory_error();
        status = run_groups(p, dev, true);
        if (status == 0)
                status = run_groups(p, dev, false);
        efuse_plan_free(p);
        return status;
}

static int on_chip(struct loader *l)
{
        struct efuse_dev *dev;
        struct diag d = { 0 };
        int status;

        if (efuse_dev_open(l, &dev, &d) < 0)
                return fail(g.port, &d);
        status = work_on(dev);
        efuse_dev_close(dev);
        return status;
}

static int on_file(void)
{
        const struct efuse_chip *chip = g.chip ? efuse_chip_of(g.chip) : NULL;
        struct efuse_dev *dev;
        struct diag d = { 0 };
        int status;

        if (!chip)
                return usage_error("efuse: --virt needs --chip: esp32, esp32s2, esp32s3, esp32c3, "
                                   "esp32c6 or esp32h2");
        if (efuse_dev_open_file(*virt ? virt : NULL, chip, &dev, &d) < 0)
                return fail(NULL, &d);
        status = work_on(dev);
        efuse_dev_close(dev);
        return status;
}

int cmd_efuse(int argc, char **argv)
{
        const int status = cut(&the_line, argc, argv);

        if (status != 0)
                return status;
        return virt ? on_file() : session_run(on_chip);
}
