#include "host/nvs_wifi.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "crypt/crypt.h"

const char nvs_wifi_sta_elsewhere[] =
        "a key of the Wi-Fi library, to which Espressif's generator adds three blobs in any "
        "namespace: rename it, or put it into " NVS_WIFI_NAMESPACE;
const char nvs_wifi_ap_elsewhere[] =
        "ap.ssid, ap.passwd and ap.authmode are keys of the Wi-Fi library, to which Espressif's "
        "generator adds ap.pmk_info: rename one, or put them into " NVS_WIFI_NAMESPACE;

bool nvs_wifi_is_sta(const char *key)
{
        return !strcmp(key, "sta.ssid") || !strcmp(key, "sta.pswd");
}

static bool is_ap(const char *key)
{
        return !strcmp(key, "ap.ssid") || !strcmp(key, "ap.passwd") || !strcmp(key, "ap.authmode");
}

bool nvs_wifi_brings(const char *other, const char *key)
{
        if (nvs_wifi_is_sta(other))
                return !strcmp(key, "sta.apinfo") || !strcmp(key, "sta.pmk") ||
                       !strcmp(key, "sta.apsw");
        return is_ap(other) && !strcmp(key, "ap.pmk_info");
}

static void secret_free(char *s)
{
        if (s)
                wipe(s, strlen(s));
        free(s);
}

static int secret_set(char **where, const char *text)
{
        secret_free(*where);
        *where = strdup(text);
        return *where ? 0 : -E_NOMEM;
}

/* 100 zeros, and the key that name and password make. */
static int ap_blob(const struct nvs_wifi *w, struct nvs_wifi_blob *b)
{
        b->key = "ap.pmk_info";
        b->len = 100 + CRYPT_WIFI_PMK_LEN;
        memset(b->data, 0, 100);
        return crypt_wifi_pmk(w->ap_passwd, w->ap_ssid, b->data + 100) < 0 ? -E_BUG : 1;
}

int nvs_wifi_before(struct nvs_wifi *w, const char *ns, const char *key, const char *text,
                    struct nvs_wifi_blob *b)
{
        int rc = 0;

        if (!is_ap(key))
                return 0;
        if (!strcmp(key, "ap.ssid"))
                rc = secret_set(&w->ap_ssid, text);
        else if (!strcmp(key, "ap.passwd"))
                rc = secret_set(&w->ap_passwd, text);
        else
                w->ap_protected |= strcmp(text, "0") != 0;
        if (rc < 0 || w->ap_done || !w->ap_ssid || !*w->ap_ssid || !w->ap_passwd ||
            !*w->ap_passwd || !w->ap_protected)
                return rc;
        w->ap_done = true;
        return strcmp(ns, NVS_WIFI_NAMESPACE) ? -E_UNSUPPORTED : ap_blob(w, b);
}

size_t nvs_wifi_behind(struct nvs_wifi *w, const char *key, struct nvs_wifi_blob b[NVS_WIFI_BLOBS])
{
        if (w->sta_done || !nvs_wifi_is_sta(key))
                return 0;
        w->sta_done = true;
        b[0] = (struct nvs_wifi_blob){ .key = "sta.apinfo", .len = 140 };
        memset(b[0].data, 0xFF, 140);
        b[1] = (struct nvs_wifi_blob){ .key = "sta.pmk", .len = 32 };
        b[2] = (struct nvs_wifi_blob){ .key = "sta.apsw", .len = 2 };
        return 3;
}

void nvs_wifi_free(struct nvs_wifi *w)
{
        secret_free(w->ap_ssid);
        secret_free(w->ap_passwd);
        *w = (struct nvs_wifi){ 0 };
}
