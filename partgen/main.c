/* partgen: partition tables made, read, judged and drawn. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "partgen/partgen.h"

static const struct command commands[] = {
        { 0 },
};

static const struct command convert = {
        .name = "convert",
        .synopsis = "INPUT [OUTPUT]",
        .summary = "CSV to a binary table, or a binary table or flash dump to CSV",
        .options = convert_options,
        .min_args = 1,
        .max_args = 2,
        .run = cmd_convert,
};

static const struct tool tool = {
        .name = "partgen",
        .summary = "partition tables for ESP32-class flash",
        .options = table_options,
        .commands = commands,
        .fallback = &convert,
};

int main(int argc, char **argv)
{
        return tool_main(&tool, argc, argv);
}
