#include <stdlib.h>

#include "image.h"
#include "nvsgen.h"

static struct image_request request;

static int run(int argc, char **argv)
{
        struct report r = { .quiet_notes = request.quiet };
        struct image im = { 0 };
        char *path;
        int status = image_request_words(&request, argc, argv);

        if (status)
                return status;
        path = image_output(&request, NULL, &r);
        if (path && image_make(&request, &im, &r) == 0)
                image_save(&request, &im, path, NULL, &r);
        image_free(&im);
        free(path);
        return err_status(report_finish(&r));
}

static const struct opt options[] = {
        IMAGE_OPTIONS(request),
        { 0, "outdir", OPT_STR, &request.outdir, "DIR",
          "folder that the output's name is relative to" },
        { 0 },
};

const struct command cmd_generate = {
        .name = "generate",
        .synopsis = "INPUT.csv... OUTPUT.bin [SIZE]",
        .summary = "make an NVS image from CSV files",
        .options = options,
        .max_args = -1,
        .run = run,
        .more = "SIZE is 0x6000 if nothing says otherwise. Examples:\n"
                "  nvsgen mfg_config.csv out.bin\n"
                "  nvsgen generate mfg_config.csv out.bin 24K\n"
                "  nvsgen mfg_config.csv out.bin --partition-table partitions.csv --partition "
                "fctry",
};
