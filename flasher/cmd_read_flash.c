#include <stdlib.h>

#include "base/bytes.h"
#include "base/err.h"
#include "flasher.h"
#include "host/progress.h"

static bool no_progress;
static const char *flash_size;

const struct opt read_flash_options[] = {
        { 0, "flash-size", OPT_STR, &flash_size, "SIZE", "instead of the detected size",
          .words = FLASH_SIZES "|detect" },
        { 0, "no-progress", OPT_FLAG, &no_progress, NULL, "no progress line" },
        { 0 },
};

/* "ALL" and "all" mean up to the end. */
static int read_to(struct loader *l, uint32_t offset, uint32_t len, bool all, const char *path)
{
        struct diag d = { 0 };
        uint8_t *data = NULL;
        uint32_t flash;
        int rc = loader_flash_attach(l, flash_size ? flash_size_bytes(flash_size) : 0, &d);

        if (rc < 0)
                return fail(g.port, &d);
        flash = loader_flash_size(l);
        if (all)
                len = offset < flash ? flash - offset : 0;
        if (offset > flash || len > flash - offset || !(data = malloc((size_t)len + 1))) {
                diag_set(&d, E_RANGE, "0x%x bytes at 0x%x: this flash has 0x%x bytes", len, offset,
                         flash);
                return fail(g.port, &d);
        }
        if ((rc = loader_fast(l, &d)) == 0)
                rc = loader_flash_read(l, offset, data, len, &d);
        progress_clear();
        if (rc < 0)
                rc = fail(g.port, &d);
        else if (file_save(path, data, len, FILE_SECRET, &d) < 0)
                rc = fail(NULL, &d);
        wipe(data, len); /* may hold keys */
        free(data);
        return rc;
}

int cmd_read_flash(int argc, char **argv)
{
        const bool all = opt_word_is(argv[1], "all|ALL");
        struct loader *l;
        uint32_t offset;
        uint32_t len = 0;
        int status;

        (void)argc;
        if (no_progress)
                progress_disable();
        if ((status = parse_u32("address", argv[0], &offset)) != 0 ||
            (!all && (status = parse_u32("size", argv[1], &len)) != 0) ||
            (status = session_open(&l)) != 0)
                return status;
        return session_close(l, read_to(l, offset, len, all, argv[2]));
}
