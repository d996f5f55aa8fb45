#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "flasher.h"

static struct job job;
static bool compress, accepted;
static struct opt_list diff_with, encrypt_files;

const struct opt write_flash_options[] = {
        { 'e', "erase-all", OPT_FLAG, &job.erase_all, NULL, "erase the whole flash first" },
        { 'z', "compress", OPT_FLAG, &compress, NULL,
          "compress what is sent (so it is by default)" },
        { 'u', "no-compress", OPT_FLAG, &job.plain, NULL, "send it as it is" },
        { 0, "flash-mode", OPT_STR, &job.flash_mode, "MODE",
          "patch the bootloader: qio, qout, dio, dout or keep", .words = FLASH_MODES "|keep" },
        { 0, "flash-freq", OPT_STR, &job.flash_freq, "FREQ",
          "patch the bootloader: 80m, 40m, ... or keep", .words = FLASH_FREQS "|keep" },
        { 0, "flash-size", OPT_STR, &job.flash_size, "SIZE",
          "patch the bootloader: 4MB, ..., detect or keep", .words = FLASH_SIZES "|detect|keep" },
        { 0, "encrypt", OPT_FLAG, &job.encrypt, NULL, "the chip encrypts while it writes" },
        { 0, "encrypt-files", OPT_LIST, &encrypt_files, "ADDRESS FILE ...",
          "the chip encrypts these while it writes, the others go as they are" },
        { 0, "flash-key", OPT_STR, &job.flash_key, "FILE",
          "encrypt here with this key what flash encryption covers" },
        { 0, "pre-encrypted", OPT_FLAG, &job.pre_encrypted, NULL,
          "the files are encrypted already (flasher encrypt)" },
        { 0, "force", OPT_FLAG, &job.force, NULL,
          "write in spite of chip, revision and security checks" },
        { 's', "skip-flashed", OPT_FLAG, &job.skip_flashed, NULL,
          "leave alone what is there already (so it is by default)" },
        { 0, "always-write", OPT_FLAG, &job.always, NULL, "write also what is there already" },
        { 0, "diff-with", OPT_LIST, &diff_with, "OLD",
          "what the flash holds now, a file for each image in turn, or 'skip': only sectors that "
          "differ are sent" },
        { 0, "trust-flash-content", OPT_FLAG, &job.trust_old, NULL,
          "with --diff-with: do not verify OLD first" },
        { 0, "no-progress", OPT_FLAG, &job.no_progress, NULL, "no progress line" },
        { 0, "no-verify", OPT_FLAG, &job.no_verify, NULL, "do not compare digests after writing" },
        { 0, "verify", OPT_FLAG, &accepted, NULL,
          "compare digests after writing (so it is always)" },
        { 0, "ignore-flash-enc-efuse|ignore-flash-encryption-efuse-setting", OPT_FLAG, &accepted,
          NULL, NULL },
        { 0, "dry-run", OPT_FLAG, &job.dry_run, NULL, "connect and check, write nothing" },
        { 0 },
};

static int load_old(void)
{
        struct diag d = { 0 };

        if (diff_with.count > job.n)
                return usage_error("--diff-with: %zu old files for %zu images", diff_with.count,
                                   job.n);
        for (size_t i = 0; i < diff_with.count; i++) {
                if (!strcmp(diff_with.items[i], "skip"))
                        continue;
                if (file_load(diff_with.items[i], FILE_LIMIT_IMAGE, &job.files[i].old, &d) < 0)
                        return fail(NULL, &d);
                job.files[i].has_old = true;
        }
        return 0;
}

/* The words behind --encrypt-files come as ADDRESS=FILE (args.c). */
static int add_encrypted(void)
{
        int status = 0;

        for (size_t i = 0; i < encrypt_files.count && status == 0; i++) {
                const char *file = strchr(encrypt_files.items[i], '=');
                char address[32];
                uint32_t offset;

                if (!file || (size_t)(file - encrypt_files.items[i]) >= sizeof address)
                        return usage_error("--encrypt-files: ADDRESS FILE, in pairs");
                snprintf(address, sizeof address, "%.*s", (int)(file - encrypt_files.items[i]),
                         encrypt_files.items[i]);
                if ((status = parse_u32("address", address, &offset)) == 0 &&
                    (status = job_add(&job, offset, file + 1)) == 0)
                        job.files[job.n - 1].encrypted = true;
        }
        return status;
}

int cmd_write_flash(int argc, char **argv)
{
        struct loader *l;
        int status = 0;

        if (argc == 0 && !encrypt_files.count)
                return usage_error("what? ADDRESS FILE ...");
        if (argc % 2)
                return usage_error(
                        "addresses and files come in pairs: 0x1000 bootloader.bin 0x10000 app.bin");
        if (!!job.flash_key + job.pre_encrypted + job.encrypt > 1 ||
            (encrypt_files.count && (job.flash_key || job.encrypt)))
                return usage_error("--encrypt, --encrypt-files, --flash-key and --pre-encrypted "
                                   "exclude each other");
        if (job.plain && compress)
                compress = false;
        for (int i = 0; i < argc && status == 0; i += 2) {
                uint32_t offset;

                if ((status = parse_u32("address", argv[i], &offset)) == 0)
                        status = job_add(&job, offset, argv[i + 1]);
        }
        if (status == 0)
                status = add_encrypted();
        if (status == 0)
                status = load_old();
        if (status == 0 && (status = session_open(&l)) == 0)
                status = session_close(l, job_run(&job, l));
        job_free(&job);
        return status;
}
