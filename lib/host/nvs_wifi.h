/*
 * Keys of ESP-IDF's Wi-Fi library that bring others with them: nvs_partition_gen.py (package
 * 0.2.0, write_entry) adds three blobs behind the first of sta.ssid and sta.pswd, and ap.pmk_info
 * before the last of ap.ssid, ap.passwd and an ap.authmode other than 0. It does so in any
 * namespace; here only in the library's own.
 */
#ifndef HOST_NVS_WIFI_H
#define HOST_NVS_WIFI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NVS_WIFI_NAMESPACE "nvs.net80211"
#define NVS_WIFI_BLOBS     3 /* at most behind one key */

struct nvs_wifi_blob {
        const char *key;
        size_t len;
        uint8_t data[140]; /* of ap.pmk_info it is secret: wipe */
};

/* What was seen of one image's rows; zeros at first. */
struct nvs_wifi {
        /* private: */
        bool sta_done;
        bool ap_done;
        bool ap_protected;         /* an authentication mode other than 0 */
        char *ap_ssid, *ap_passwd; /* owned, wiped */
};

/* True for sta.ssid and sta.pswd, which are keys of the Wi-Fi library's namespace only. */
bool nvs_wifi_is_sta(const char *key);

/* True if the Wi-Fi library's namespace may get key from other: both begin alike, and that one is
 * of those that bring, this one of those that are brought. */
bool nvs_wifi_brings(const char *other, const char *key);

/*
 * Before each row of data, in order: 1 if *b is to be written before it, else 0. text: the cell.
 * -E_UNSUPPORTED: it completes the three in a namespace ns that is another; -E_NOMEM.
 */
int nvs_wifi_before(struct nvs_wifi *w, const char *ns, const char *key, const char *text,
                    struct nvs_wifi_blob *b);

/* Behind each row: how many of b are to be written there. */
size_t nvs_wifi_behind(struct nvs_wifi *w, const char *key, struct nvs_wifi_blob b[NVS_WIFI_BLOBS]);

void nvs_wifi_free(struct nvs_wifi *w);

/* Why such a row is refused in another namespace; the sentence goes behind the key. */
extern const char nvs_wifi_sta_elsewhere[], nvs_wifi_ap_elsewhere[];

#endif
