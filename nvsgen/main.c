/* nvsgen: NVS factory images from CSV files. One row a command; the work is in cmd_*.c. */
#include "nvsgen.h"

static const struct command *const all[] = {
        &cmd_generate, &cmd_encrypt, &cmd_decrypt, &cmd_generate_key, &cmd_batch,
        &cmd_dump,     &cmd_check,   &cmd_verify,  &cmd_diff,
};

int main(int argc, char **argv)
{
        struct command rows[sizeof all / sizeof *all + 1] = { 0 };
        const struct tool nvsgen = {
                .name = "nvsgen",
                .summary = "NVS factory images from CSV files, byte for byte as Espressif's "
                           "generator makes them",
                .commands = rows,
                .fallback = &cmd_generate,
        };

        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
                rows[i] = *all[i];
        return tool_main(&nvsgen, argc, argv);
}
