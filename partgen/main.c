/* partgen: partition tables made, read, judged and drawn. */
#include <stdlib.h>
#include <string.h>

#include "partgen.h"

static const char convert_more[] = "INPUT is CSV, a binary table or a whole flash dump (--offset "
                                   "says where the table lies); its content\n"
                                   "tells which. '-' is standard input or output. Sizes may be max "
                                   "(an equal share of what is left) or NN%.\n"
                                   "\n"
                                   "  partgen --flash-size 4MB partitions.csv partition-table.bin\n"
                                   "  partgen partition-table.bin";

static const char convert_synopsis[] = "INPUT [OUTPUT]";
static const char convert_summary[] =
        "CSV to a binary table, or a binary table or flash dump to CSV";

static const struct command commands[] = {
        { "convert", convert_synopsis, convert_summary, convert_options, 1, 2, cmd_convert,
          convert_more },
        { "lint", "TABLE", "judge a table by product rules", lint_options, 0, 1, cmd_lint,
          "Exit status 1 if a rule of severity error is broken (with --strict also for a "
          "warning)." },
        { "map", "TABLE", "draw the flash with addresses, sizes, holes and use", map_options, 1, 1,
          cmd_map, NULL },
        { "diff", "OLD NEW", "can a fielded unit take the new table by OTA?", diff_options, 2, 2,
          cmd_diff, "Exit status 0: yes. 1: no, and the lines say what breaks." },
        { "fit", "TABLE IMAGE...", "do images fit every app slot?", fit_options, 2, -1, cmd_fit,
          "Exit status 1 if one does not.\n\n  partgen fit --margin 5% partitions.csv "
          "build/outlet.bin" },
        { "plan", "TABLE", "label, offset and size for other programs", plan_options, 1, 1,
          cmd_plan, NULL },
        { 0 },
};

static const struct command convert = {
        .name = "convert",
        .synopsis = convert_synopsis,
        .summary = convert_summary,
        .options = convert_options,
        .min_args = 1,
        .max_args = 2,
        .run = cmd_convert,
        .more = convert_more,
};

static const struct tool tool = {
        .name = "partgen",
        .summary = "partition tables for ESP32-class flash",
        .options = table_options,
        .commands = commands,
        .fallback = &convert,
};

static bool has_two_commas(const char *word)
{
        const char *comma = strchr(word, ',');

        return comma && strchr(comma + 1, ',');
}

/*
 * Two options of the reference take a variable number of words: --secure stands for --secure v1
 * where no version follows, and --extra-partition-subtypes takes every definition that follows.
 * Spell them out as this tool's options. words has room for twice the arguments.
 */
static int spell_out(int argc, char **argv, char **words)
{
        static char secure_v1[] = "--secure=v1";
        static char extra[] = "--extra-partition-subtypes";
        int n = 0;

        for (int i = 0; i < argc; i++) {
                const bool last = i + 1 == argc;

                words[n++] = argv[i];
                if (!strcmp(argv[i], "--"))
                        while (++i < argc)
                                words[n++] = argv[i];
                else if (!strcmp(argv[i], "--secure") &&
                         (last || (strcmp(argv[i + 1], "v1") && strcmp(argv[i + 1], "v2") &&
                                   strcmp(argv[i + 1], "V1") && strcmp(argv[i + 1], "V2"))))
                        words[n - 1] = secure_v1;
                else if (!strcmp(argv[i], extra) && !last &&
                         (has_two_commas(argv[i + 1]) || argv[i + 1][0] == '-'))
                        for (n--;
                             i + 1 < argc && argv[i + 1][0] != '-' && has_two_commas(argv[i + 1]);
                             i++) {
                                words[n++] = extra;
                                words[n++] = argv[i + 1];
                        }
        }
        words[n] = NULL;
        return n;
}

int main(int argc, char **argv)
{
        char **words = calloc(2 * (size_t)argc + 1, sizeof *words);
        int status;

        if (!words)
                return STATUS_STATION;
        status = tool_main(&tool, spell_out(argc, argv, words), words);
        free(words);
        return status;
}
