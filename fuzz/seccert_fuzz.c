/*
 * esp_secure_cert partitions and the CSV files they are made of. First byte even: a partition;
 * property: what passes the check is written again by our writer, entry by entry, to the same
 * bytes. Odd: a CSV; property: what is made into an image passes the check, sealed, and holds every
 * row's type and subtype once.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fmt/seccert.h"
#include "host/seccert_set.h"

static void partition(const uint8_t *data, size_t size)
{
        static uint8_t buf[SECCERT_SIZE];
        struct seccert_writer w = { .buf = buf, .cap = sizeof buf };
        struct seccert_facts f;
        struct seccert_entry e;
        struct diag d = { 0 };
        size_t at = 0;

        if (seccert_check(data, size, &f, &d) < 0) {
                if (!d.code)
                        abort(); /* refused without a word */
                return;
        }
        if (f.used > SECCERT_SIZE)
                return;
        while (at < f.used) {
                struct seccert_signature s;

                if (seccert_next(data, size, &at, &e, NULL) != 1)
                        abort();
                if (e.type == SECCERT_SIGNATURE)
                        seccert_verify_signature(data, &e, &s, NULL);
                seccert_add(&w, e.flags, e.type, e.subtype, e.data, e.len, NULL);
        }
        if (w.error < 0 || w.len != f.used)
                abort(); /* accepted what it cannot write */
        for (at = 0;
             at < f.used;) { /* the reserved bytes, and so the CRC, are all that may differ */
                struct seccert_entry ours;
                size_t also = at;

                if (seccert_next(data, size, &at, &e, NULL) != 1 ||
                    seccert_next(buf, w.len, &also, &ours, NULL) != 1 || also != at ||
                    ours.len != e.len || memcmp(ours.data, e.data, e.len) != 0)
                        abort();
        }
}

static void rows(const uint8_t *data, size_t size)
{
        const struct seccert_build cfg = { .chip = "esp32h2", .quiet = true };
        struct report r = { .silent = true, .quiet_notes = true };
        struct seccert_set set = { 0 };
        struct seccert_facts f;
        struct blob image = { 0 };
        char *text = malloc(size + 1);

        if (!text)
                abort();
        memcpy(text, data, size);
        text[size] = 0;
        /* no files, and no keys made on the way */
        if (!strcasestr(text, "file") && !strcasestr(text, "rsa_ds") &&
            seccert_set_csv_mem(&set, "rows.csv", text, size, &r) == 0 &&
            seccert_set_image(&set, &cfg, &image, &r) == 0) {
                if (seccert_check(image.data, image.len, &f, NULL) < 0 || !f.sealed ||
                    f.entries < set.count + 1)
                        abort(); /* made what it would refuse */
        } else if (image.data) {
                abort();
        }
        blob_free_secret(&image);
        seccert_set_free(&set);
        free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (size == 0)
                return 0;
        if (data[0] % 2)
                rows(data + 1, size - 1);
        else
                partition(data + 1, size - 1);
        return 0;
}
