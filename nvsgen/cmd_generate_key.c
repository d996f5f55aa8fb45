#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "keys.h"
#include "nvsgen.h"

static struct key_request request;
static bool quiet;

int generate_key(const struct key_request *q, bool say_nothing)
{
        struct report r = { 0 };
        struct nvs_keys keys;
        char *path = NULL;
        int status = key_request_check(q);

        if (status)
                return status;
        if (key_request_make(q, &keys, &path, &r) == 0 && !say_nothing)
                printf("%s: %u bytes, 64 of them the keys; keep it secret\n", path, NVS_KEYS_SIZE);
        wipe(&keys, sizeof keys);
        free(path);
        return err_status(report_finish(&r));
}

static int run(int argc, char **argv)
{
        (void)argc;
        (void)argv;
        return generate_key(&request, quiet);
}

static const struct opt options[] = {
        KEY_OPTIONS(request),
        { 'q', "quiet", OPT_FLAG, &quiet, NULL, "say nothing when it worked" },
        { 0 },
};

const struct command cmd_generate_key = {
        .name = "generate-key",
        .synopsis = "",
        .summary = "make NVS encryption keys",
        .options = options,
        .run = run,
        .more = "The key file is a whole nvs_keys partition, ready for flashing. A file that holds "
                "another\n"
                "key is never overwritten.\n",
};
