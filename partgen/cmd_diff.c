/* Can a unit in the field take the new table? */
#include <stdio.h>

#include "base/err.h"
#include "fmt/ptable_diff.h"
#include "host/json.h"
#include "partgen.h"

static bool as_json;
static uint64_t new_offset = UINT64_MAX;

const struct opt diff_options[] = {
        { 0, "json", OPT_FLAG, &as_json, NULL,
          "one JSON object a difference, and one with the answer", 0 },
        { 0, "new-offset", OPT_SIZE, &new_offset, "OFFSET",
          "where the new table lies (as --offset)", 0 },
        { 0 },
};

static const char *const impacts[] = { "safe", "reformat", "fatal" };

static void change(void *ctx, const struct ptable_change *c)
{
        (void)ctx;
        if (as_json) {
                struct json_writer w = { .out = stdout };

                json_open(&w, NULL, '{');
                json_uint(&w, "v", 1);
                json_str(&w, "impact", impacts[c->impact]);
                json_str(&w, "before", c->before ? c->before->name : NULL);
                json_str(&w, "after", c->after ? c->after->name : NULL);
                json_str(&w, "text", c->text);
                json_close(&w, '}');
                putchar('\n');
                return;
        }
        printf("%-9s %s\n", impacts[c->impact], c->text);
}

static void answer(enum ptable_impact worst, unsigned changes)
{
        static const char *const words[] = {
                "yes: nothing that a unit holds is lost",
                "no: units keep running but lose data, which has to be erased and made again",
                "no: units would stop working or lose what the factory gave them",
        };

        if (as_json) {
                struct json_writer w = { .out = stdout };

                json_open(&w, NULL, '{');
                json_uint(&w, "v", 1);
                json_bool(&w, "ota", worst == PTABLE_SAFE);
                json_str(&w, "worst", impacts[worst]);
                json_uint(&w, "changes", changes);
                json_close(&w, '}');
                putchar('\n');
                return;
        }
        if (!changes)
                printf("yes: the tables are the same\n");
        else
                printf("%s\n", words[worst]);
        if (changes && worst == PTABLE_SAFE)
                printf("An ordinary update writes app slots only: units keep the old table, and "
                       "the new one counts only "
                       "where the update writes it too.\n");
}

int cmd_diff(int argc, char **argv)
{
        static struct ptable_file before;
        static struct ptable_file after;
        struct ptable_diff_config cfg = { .change = change };
        struct report r = { 0 };
        enum ptable_impact worst;
        unsigned changes;
        int status;

        (void)argc;
        if ((status = table_load(&before, argv[0], &r)) != STATUS_DONE)
                return status;
        cfg.before_offset = table_offset_of();
        if (new_offset == UINT64_MAX)
                new_offset = cfg.before_offset;
        if ((status = table_load_at(&after, argv[1], new_offset, &r)) != STATUS_DONE)
                return status;
        cfg.after_offset = (uint32_t)new_offset;
        worst = ptable_diff(&before.table, &after.table, &cfg, &changes);
        answer(worst, changes);
        return worst == PTABLE_SAFE ? STATUS_DONE : STATUS_DATA;
}
