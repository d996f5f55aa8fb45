/* Runs a fuzz target over its corpus with the ordinary compiler: fuzz/corpus/NAME, NAME taken from
 * argv[0]. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "host/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *path)
{
        struct diag d = { 0 };
        struct blob b;
        uint8_t *exact;

        if (file_load(path, FILE_LIMIT_IMAGE, &b, &d) < 0) {
                printf("not ok - %s\n", diag_text(&d));
                return 1;
        }
        /* exactly the size of the input, so that a sanitizer sees the first byte too many */
        exact = malloc(b.len ? b.len : 1);
        if (!exact)
                return 1;
        memcpy(exact, b.data, b.len);
        LLVMFuzzerTestOneInput(exact, b.len);
        free(exact);
        blob_free(&b);
        return 0;
}

int main(int argc, char **argv)
{
        const char *base = strrchr(argv[0], '/');
        char dir[256];
        struct dirent **names;
        unsigned n = 0;
        int count;
        int bad = 0;

        base = base ? base + 1 : argv[0];
        snprintf(dir, sizeof dir, "fuzz/corpus/%.*s", (int)strcspn(base, "."), base);
        if (strlen(dir) > 7 && !strcmp(dir + strlen(dir) - 7, "_replay"))
                dir[strlen(dir) - 7] = 0;
        if (argc > 1)
                snprintf(dir, sizeof dir, "%s", argv[1]);
        count = scandir(dir, &names, NULL, alphasort);
        for (int i = 0; i < count; i++) {
                char *path = path_join(dir, names[i]->d_name);

                if (names[i]->d_name[0] != '.' && path) {
                        bad |= replay(path);
                        n++;
                }
                free(path);
                free(names[i]);
        }
        if (count >= 0)
                free(names);
        if (n == 0) {
                printf("not ok 1 - %s: no corpus\n", dir);
                return 1;
        }
        printf("%s 1 - %s: %u inputs replayed\n1..1\n", bad ? "not ok" : "ok", dir, n);
        return bad;
}
