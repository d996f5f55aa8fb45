#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "nvsgen.h"

bool same_file(const char *a, const char *b)
{
        struct stat x, y;

        return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

int output_save(const char *path, const struct blob *data, enum file_mode mode, struct report *r)
{
        struct diag d = { 0 };
        char *dir = path_dir(path);
        int rc = dir ? 0 : diag_set(&d, E_NOMEM, "out of memory");

        if (rc == 0 && strcmp(path, "-") != 0 && (rc = file_mkdirs(dir, 0777, &d)) == 0)
                file_sweep(dir, NULL); /* what a killed run left may hold secrets */
        if (rc == 0)
                rc = file_save(path, data->data, data->len, mode, &d);
        free(dir);
        return rc < 0 ? report_diag(r, NULL, &d) : 0;
}
