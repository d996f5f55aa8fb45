/* Product rules. */
#include <stdio.h>

#include "base/err.h"
#include "fmt/ptable_lint.h"
#include "host/json.h"
#include "partgen.h"

static bool as_json, strict, list_rules, encrypted;

const struct opt lint_options[] = {
        { 0, "json", OPT_FLAG, &as_json, NULL, "one JSON object a finding", 0 },
        { 0, "strict", OPT_FLAG, &strict, NULL, "warnings fail as errors do", 0 },
        { 0, "flash-encryption", OPT_FLAG, &encrypted, NULL, "the product uses flash encryption",
          0 },
        { 0, "list-rules", OPT_FLAG, &list_rules, NULL, "print every rule with its reason and fix",
          0 },
        { 0 },
};

static const char *const severities[] = { "advice", "warning", "error" };

struct counts {
        const struct ptable_file *f;
        unsigned n[3];
};

static void rule_json(struct json_writer *w, const struct ptable_lint_rule *rule)
{
        json_str(w, "rule", rule->id);
        json_str(w, "name", rule->name);
        json_str(w, "severity", severities[rule->severity]);
}

static void found_json(const struct ptable_file *f, const struct ptable_lint_finding *x)
{
        struct json_writer w = { .out = stdout };

        json_open(&w, NULL, '{');
        json_uint(&w, "v", 1);
        json_str(&w, "file", f->name);
        json_str(&w, "partition", x->entry >= 0 ? f->table.entries[x->entry].name : NULL);
        json_uint(&w, "line", x->entry >= 0 ? f->lines[x->entry] : 0);
        rule_json(&w, x->rule);
        json_str(&w, "text", x->text);
        json_str(&w, "reason", x->rule->reason);
        json_str(&w, "fix", x->rule->fix);
        json_close(&w, '}');
        putchar('\n');
}

static void found(void *ctx, const struct ptable_lint_finding *x)
{
        struct counts *c = ctx;
        const struct ptable_file *f = c->f;

        c->n[x->rule->severity]++;
        if (as_json) {
                found_json(f, x);
                return;
        }
        printf("%s:", f->name);
        if (x->entry >= 0 && f->lines[x->entry])
                printf("%u:%u:", f->lines[x->entry], f->columns[x->entry][x->field]);
        printf(" %s %s: %s\n    why: %s\n    fix: %s\n", severities[x->rule->severity], x->rule->id,
               x->text, x->rule->reason, x->rule->fix);
}

static int list(void)
{
        size_t count;
        const struct ptable_lint_rule *rules = ptable_lint_rules(&count);

        for (size_t i = 0; i < count; i++) {
                struct json_writer w = { .out = stdout };

                if (!as_json) {
                        printf("%s %-24s %s\n    why: %s\n    fix: %s\n", rules[i].id,
                               rules[i].name, severities[rules[i].severity], rules[i].reason,
                               rules[i].fix);
                        continue;
                }
                json_open(&w, NULL, '{');
                json_uint(&w, "v", 1);
                rule_json(&w, &rules[i]);
                json_str(&w, "reason", rules[i].reason);
                json_str(&w, "fix", rules[i].fix);
                json_close(&w, '}');
                putchar('\n');
        }
        return STATUS_DONE;
}

/* assumed: the flash's size where nobody said it, else 0. */
static void summary(const struct counts *c, uint64_t assumed)
{
        char flash[32];

        printf("%s: %u error%s, %u warning%s, %u piece%s of advice", c->f->name, c->n[PTABLE_ERROR],
               c->n[PTABLE_ERROR] == 1 ? "" : "s", c->n[PTABLE_WARNING],
               c->n[PTABLE_WARNING] == 1 ? "" : "s", c->n[PTABLE_ADVICE],
               c->n[PTABLE_ADVICE] == 1 ? "" : "s");
        size_text(assumed, flash, sizeof flash);
        if (assumed)
                printf("; a flash of %s is assumed, --flash-size says another", flash);
        putchar('\n');
}

int cmd_lint(int argc, char **argv)
{
        static struct ptable_file f;
        struct counts c = { .f = &f };
        struct ptable_lint_config cfg = { .encrypted = encrypted, .found = found, .ctx = &c };
        struct report r = { 0 };
        bool given;
        int status;

        if (list_rules)
                return list();
        if (argc < 1)
                return usage_error("something is missing: TABLE");
        if ((status = table_load(&f, argv[0], &r)) != STATUS_DONE)
                return status;
        cfg.table_offset = table_offset_of();
        cfg.flash_size = flash_size_of(&f.table, &given);
        ptable_lint(&f.table, &cfg);
        if (!as_json && !quiet)
                summary(&c, given ? 0 : cfg.flash_size);
        return c.n[PTABLE_ERROR] || (strict && c.n[PTABLE_WARNING]) ? STATUS_DATA : STATUS_DONE;
}
