#include "flasher.h"

static struct job job;
static bool diff;

const struct opt verify_flash_options[] = {
        { 0, "flash-mode", OPT_STR, &job.flash_mode, "MODE",
          "as the bootloader was patched: qio, qout, dio, dout or keep",
          .words = FLASH_MODES "|keep" },
        { 0, "flash-freq", OPT_STR, &job.flash_freq, "FREQ",
          "as the bootloader was patched: 80m, 40m, ... or keep", .words = FLASH_FREQS "|keep" },
        { 0, "flash-size", OPT_STR, &job.flash_size, "SIZE",
          "as the bootloader was patched: 4MB, ..., detect or keep",
          .words = FLASH_SIZES "|detect|keep" },
        { 0, "flash-key", OPT_STR, &job.flash_key, "FILE",
          "the flash holds what this flash encryption key makes of the files" },
        { 'd', "diff", OPT_FLAG, &diff, NULL, NULL },
        { 0 },
};

int cmd_verify_flash(int argc, char **argv)
{
        struct loader *l;
        int status = 0;

        if (argc % 2)
                return usage_error(
                        "addresses and files come in pairs: 0x1000 bootloader.bin 0x10000 app.bin");
        for (int i = 0; i < argc && status == 0; i += 2) {
                uint32_t offset;

                if ((status = parse_u32("address", argv[i], &offset)) == 0)
                        status = job_add(&job, offset, argv[i + 1]);
        }
        if (status == 0 && (status = session_open(&l)) == 0)
                status = session_close(l, job_verify(&job, l));
        job_free(&job);
        return status;
}
