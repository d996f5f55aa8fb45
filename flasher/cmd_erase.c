/* erase-flash, erase-region */
#include "base/err.h"
#include "base/flash.h"
#include "flasher.h"
#include "host/progress.h"

static bool force, dry_run;

const struct opt erase_flash_options[] = {
        { 0, "force", OPT_FLAG, &force, NULL, "in spite of secure boot or flash encryption" },
        { 0, "dry-run", OPT_FLAG, &dry_run, NULL, "connect and check, erase nothing" },
        { 0 },
};
const struct opt erase_region_options[] = {
        { 0, "force", OPT_FLAG, &force, NULL, "in spite of secure boot or flash encryption" },
        { 0, "dry-run", OPT_FLAG, &dry_run, NULL, "connect and check, erase nothing" },
        { 0 },
};

/* A chip that only boots what is signed or encrypted cannot be filled again by everybody. */
static int check_security(struct loader *l, struct diag *d)
{
        struct loader_security s;
        int rc;

        if (force || loader_chip(l)->image_id < 0)
                return 0;
        if ((rc = loader_security(l, &s, d)) < 0)
                return rc;
        if (s.secure_boot || s.encrypted)
                return diag_set(
                        d, E_REFUSED,
                        "%s is on: an erased chip may never boot again; --force if you can fill it",
                        s.secure_boot ? "secure boot" : "flash encryption");
        return 0;
}

/* len 0: all of it. */
static int erase(struct loader *l, uint32_t offset, uint32_t len)
{
        struct diag d = { 0 };
        uint32_t flash;
        int rc = 0;

        if (check_security(l, &d) < 0 || loader_flash_attach(l, 0, &d) < 0)
                return fail(g.port, &d);
        flash = loader_flash_size(l);
        if (!len)
                len = flash;
        if (offset > flash || len > flash - offset)
                rc = diag_set(&d, E_RANGE, "0x%x bytes at 0x%x: this flash has 0x%x bytes", len,
                              offset, flash);
        else if (!dry_run)
                rc = loader_flash_erase(l, offset, len, &d);
        progress_clear();
        if (rc < 0)
                return fail(g.port, &d);
        say("%s 0x%x bytes at 0x%x", dry_run ? "would erase" : "erased", len, offset);
        return STATUS_DONE;
}

static int erase_all(struct loader *l)
{
        return erase(l, 0, 0);
}

int cmd_erase_flash(int argc, char **argv)
{
        (void)argc;
        (void)argv;
        return session_run(erase_all);
}

int cmd_erase_region(int argc, char **argv)
{
        struct loader *l;
        uint32_t offset;
        uint32_t len;
        int status;

        (void)argc;
        if ((status = parse_u32("address", argv[0], &offset)) != 0 ||
            (status = parse_u32("size", argv[1], &len)) != 0)
                return status;
        if (offset % FLASH_SECTOR || len % FLASH_SECTOR || !len)
                return usage_error(
                        "address and size have to be multiples of 4096, and something to erase");
        if ((status = session_open(&l)) != 0)
                return status;
        return session_close(l, erase(l, offset, len));
}
