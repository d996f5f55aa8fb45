/* CSV to a binary table, and back: what gen_esp32part.py does. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "host/file.h"
#include "partgen.h"

const struct opt convert_options[] = {
        { 0 },
};

static int save(const char *path, const void *data, size_t len)
{
        struct diag d = { 0 };
        char *dir;
        int rc = 0;

        if (strcmp(path, "-") != 0) {
                dir = path_dir(path);
                rc = dir ? file_mkdirs(dir, 0777, &d) : -E_NOMEM;
                free(dir);
        }
        if (rc == 0)
                rc = file_save(path, data, len, FILE_PUBLIC, &d);
        if (rc < 0)
                tool_error("%s", diag_text(&d));
        return err_status(rc);
}

static int save_csv(const struct ptable_file *f, const char *path,
                    const struct ptable_extras *extras)
{
        struct diag d = { 0 };
        struct blob text = { 0 };
        int status;

        if (ptable_to_csv(&f->table, extras, &text, &d) < 0) {
                tool_error("%s: %s", f->name, diag_text(&d));
                return err_status(-diag_code(&d));
        }
        status = save(path, text.data, text.len);
        blob_free(&text);
        return status;
}

int cmd_convert(int argc, char **argv)
{
        static struct ptable_file f;
        static uint8_t out[PTABLE_LEN];
        const char *to = argc > 1 ? argv[1] : "-";
        struct ptable_config cfg;
        struct report r = { 0 };
        struct diag d = { 0 };
        int status;

        if (table_config(&cfg))
                return STATUS_USAGE;
        if ((status = table_load(&f, argv[0], &r)) != STATUS_DONE)
                return status;
        if (f.source != PTABLE_FROM_CSV)
                return save_csv(&f, to, cfg.extras);
        if (ptable_write(&f.table, out, sizeof out, &d) < 0) {
                tool_error("%s: %s", f.name, diag_text(&d));
                return err_status(-diag_code(&d));
        }
        return save(to, out, sizeof out);
}
