/* Programs in the chip's memory: load, start; esptool's stub loader from its JSON file. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/hex.h"
#include "host/file.h"
#include "host/json.h"
#include "host/loader_impl.h"

#define MEM_END_MS 200 /* what was started may have taken the port over before it answered */

int loader_mem_write(struct loader *l, uint32_t addr, const uint8_t *data, size_t len,
                     struct diag *d)
{
        const size_t block = ROMLDR_MEM_BLOCK;
        const uint32_t words[] = { (uint32_t)len, (uint32_t)((len + block - 1) / block),
                                   ROMLDR_MEM_BLOCK, addr };
        int rc = loader_request(l, ROMLDR_MEM_BEGIN, words, 4, LOADER_TIMEOUT_MS, NULL, d);

        for (size_t at = 0; at < len && rc == 0; at += block)
                rc = loader_block(l, ROMLDR_MEM_DATA, (uint32_t)(at / block), data + at,
                                  len - at < block ? len - at : block, LOADER_TIMEOUT_MS, NULL, d);
        return rc;
}

int loader_mem_run(struct loader *l, uint32_t entry, struct diag *d)
{
        const uint32_t words[] = { entry == 0, entry };
        const int rc = loader_request(l, ROMLDR_MEM_END, words, 2, MEM_END_MS, NULL, NULL);

        (void)d;
        return rc == -E_TIMEOUT || rc == -E_REFUSED ? 0 : rc;
}

/* A member that holds base64: uploaded to the address in start. */
static int upload(struct loader *l, const cJSON *o, const char *what, const char *start,
                  struct diag *d)
{
        const cJSON *item = cJSON_GetObjectItem(o, what);
        const char *text = cJSON_GetStringValue(item);
        const cJSON *addr = cJSON_GetObjectItem(o, start);
        uint8_t *code;
        size_t cap;
        long n;
        int rc;

        if (!item && !strcmp(what, "data"))
                return 0; /* a stub without data */
        if (!text || !cJSON_IsNumber(addr))
                return diag_set(d, E_FORMAT, "no stub loader: '%s' or '%s' is missing", what,
                                start);
        cap = strlen(text);
        if (!(code = malloc(cap + 1)))
                return diag_set(d, E_NOMEM, "out of memory");
        n = base64_decode(text, cap, code, cap, NULL);
        if (n < 0)
                rc = diag_set(d, E_FORMAT, "no stub loader: '%s' is no base64", what);
        else
                rc = loader_mem_write(l, (uint32_t)addr->valuedouble, code, (size_t)n, d);
        free(code);
        return rc;
}

static int start_stub(struct loader *l, const cJSON *o, struct diag *d)
{
        const cJSON *entry = cJSON_GetObjectItem(o, "entry");
        long n;
        int rc;

        if (!cJSON_IsNumber(entry))
                return diag_set(d, E_FORMAT, "no stub loader: 'entry' is missing");
        if ((rc = upload(l, o, "text", "text_start", d)) < 0 ||
            (rc = upload(l, o, "data", "data_start", d)) < 0 ||
            (rc = loader_mem_run(l, (uint32_t)entry->valuedouble, d)) < 0)
                return rc;
        /* the answer to MEM_END may still come before the stub's greeting */
        do
                n = loader_frame(l, LOADER_TIMEOUT_MS);
        while (n > 4 && l->rx[0] == ROMLDR_REPLY);
        if (n != 4 || memcmp(l->rx, "OHAI", 4))
                return diag_set(
                        d, E_TIMEOUT,
                        "the stub loader does not start; leave it out (the ROM alone will do)");
        romldr_client_init(&l->client, l->rx, sizeof l->rx, ROMLDR_STATUS_2);
        l->is_stub = true;
        l->attached = false;
        return 0;
}

int loader_stub_start(struct loader *l, struct diag *d)
{
        struct stat st;
        char path[4096];
        cJSON *o;
        int rc;

        snprintf(path, sizeof path, "%s", l->cfg.stub);
        if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
                snprintf(path, sizeof path, "%s/%s.json", l->cfg.stub, l->chip->option);
        o = json_load(path, d);
        if (!o)
                return -(d && d->code ? d->code : E_FORMAT);
        rc = start_stub(l, o, d);
        cJSON_Delete(o);
        return rc;
}
