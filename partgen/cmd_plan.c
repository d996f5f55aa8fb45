/* The table for other programs: text, JSON, a C header. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "host/json.h"
#include "partgen.h"

static bool as_json, as_header;
static const char *prefix = "PART";

const struct opt plan_options[] = {
        { 0, "json", OPT_FLAG, &as_json, NULL, "one JSON object", 0 },
        { 0, "header", OPT_FLAG, &as_header, NULL,
          "a C header with offset and size of each partition", 0 },
        { 0, "prefix", OPT_STR, &prefix, "WORD", "of the header's names (PART)", 0 },
        { 0 },
};

static void plan_text(const struct ptable *t)
{
        for (size_t i = 0; i < t->count; i++)
                printf("%-16s 0x%06x 0x%x\n", t->entries[i].name, t->entries[i].offset,
                       t->entries[i].size);
}

static void plan_json(const struct ptable *t)
{
        struct json_writer w = { .out = stdout };

        json_open(&w, NULL, '{');
        json_uint(&w, "v", 1);
        json_uint(&w, "table_offset", table_offset_of());
        json_open(&w, "partitions", '[');
        for (size_t i = 0; i < t->count; i++) {
                const struct ptable_entry *e = &t->entries[i];

                json_open(&w, NULL, '{');
                json_str(&w, "label", e->name);
                json_uint(&w, "type", e->type);
                json_uint(&w, "subtype", e->subtype);
                json_str(&w, "type_name", ptable_type_name(e->type));
                json_str(&w, "subtype_name", ptable_subtype_name(e->type, e->subtype));
                json_uint(&w, "offset", e->offset);
                json_uint(&w, "size", e->size);
                json_bool(&w, "encrypted", e->flags & PTABLE_FLAG_ENCRYPTED);
                json_bool(&w, "readonly", e->flags & PTABLE_FLAG_READONLY);
                json_close(&w, '}');
        }
        json_close(&w, ']');
        json_close(&w, '}');
        putchar('\n');
}

/* A label as part of a C name: letters and digits in upper case, '_' for the rest. */
static void c_name(const char *label, char *out)
{
        for (; *label; label++)
                *out++ =
                        isalnum((unsigned char)*label) ? (char)toupper((unsigned char)*label) : '_';
        *out = 0;
}

static int plan_header(const struct ptable_file *f)
{
        static char names[PTABLE_MAX][PTABLE_NAME_LEN + 1];
        const struct ptable *t = &f->table;
        const char *slash = strrchr(f->name, '/');
        const char *base = slash ? slash + 1 : f->name;

        for (size_t i = 0; i < t->count; i++) {
                c_name(t->entries[i].name, names[i]);
                for (size_t k = 0; k < i; k++)
                        if (!strcmp(names[i], names[k])) {
                                tool_error("%s: '%s' and '%s' would both be %s_%s in C; rename one",
                                           f->name, t->entries[k].name, t->entries[i].name, prefix,
                                           names[i]);
                                return STATUS_DATA;
                        }
        }
        printf("/* Partition table of %s, made by partgen plan --header. */\n#ifndef "
               "%s_TABLE_H\n#define %s_TABLE_H\n\n",
               strstr(base, "*/") ? "this project" : base, prefix, prefix);
        printf("#define %s_TABLE_OFFSET 0x%xu\n", prefix, table_offset_of());
        for (size_t i = 0; i < t->count; i++)
                printf("\n#define %s_%s_LABEL  \"%s\"\n#define %s_%s_OFFSET 0x%xu\n#define "
                       "%s_%s_SIZE   0x%xu\n",
                       prefix, names[i], t->entries[i].name, prefix, names[i], t->entries[i].offset,
                       prefix, names[i], t->entries[i].size);
        printf("\n#endif\n");
        return STATUS_DONE;
}

int cmd_plan(int argc, char **argv)
{
        static struct ptable_file f;
        struct report r = { 0 };
        int status;

        (void)argc;
        for (const char *p = prefix; *p; p++)
                if (!(isalnum((unsigned char)*p) || *p == '_') || isdigit((unsigned char)*prefix))
                        return usage_error("--prefix: '%s' is not a C name", prefix);
        if (as_json && as_header)
                return usage_error("--json and --header: take one");
        if ((status = table_load(&f, argv[0], &r)) != STATUS_DONE)
                return status;
        if (as_header)
                return plan_header(&f);
        if (as_json)
                plan_json(&f.table);
        else
                plan_text(&f.table);
        return STATUS_DONE;
}
