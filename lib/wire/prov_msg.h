/*
 * The messages behind the session of unified provisioning: Wi-Fi configuration, scan and control.
 * One struct a family, encoded and decoded the same way by client and device; protobuf on the wire
 * (prov.proto). Sources: ESP-IDF v5.5 wifi_provisioning, network_provisioning 1.x.
 */
#ifndef WIRE_PROV_MSG_H
#define WIRE_PROV_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Status field of responses; devices send 0, 4 and 5. */
enum prov_status {
        PROV_OK = 0,
        PROV_INVALID_SEC = 1,
        PROV_INVALID_PROTO = 2,
        PROV_TOO_MANY_SESSIONS = 3,
        PROV_INVALID_ARGUMENT = 4,
        PROV_INTERNAL_ERROR = 5,
        PROV_CRYPTO_ERROR = 6,
        PROV_INVALID_SESSION = 7
};

/* The sentence of a status; never NULL. */
const char *prov_status_text(uint32_t status);

#define PROV_SSID_MAX       32u
#define PROV_PASSPHRASE_MAX 63u /* bytes; the device refuses a 64-digit key */
#define PROV_BSSID_LEN      6u
#define PROV_IP_TEXT        48u

enum prov_sta_state {
        PROV_STA_CONNECTED = 0,
        PROV_STA_CONNECTING = 1,
        PROV_STA_DISCONNECTED = 2,
        PROV_STA_FAILED = 3
};

enum prov_fail_reason { PROV_FAIL_AUTH = 0, PROV_FAIL_NOT_FOUND = 1 };

/* The name of a Wi-Fi authentication mode ("WPA2"), also for values a device adds: "mode 11". text
 * holds 16 bytes. */
const char *prov_auth_name(uint32_t auth, char *text);

struct prov_credentials {
        uint8_t ssid[PROV_SSID_MAX];
        size_t ssid_len;
        uint8_t passphrase[PROV_PASSPHRASE_MAX + 1];
        size_t passphrase_len;
        uint8_t bssid[PROV_BSSID_LEN];
        bool has_bssid;
        int32_t channel; /* 0: any */
        bool too_long;   /* decoded: a field was over its limit; answer PROV_INVALID_ARGUMENT */
};

struct prov_wifi_state {
        uint32_t sta_state; /* enum prov_sta_state */
        bool has_reason;
        uint32_t reason; /* enum prov_fail_reason */
        bool has_attempts;
        uint32_t attempts_left; /* while connecting */
        bool has_connected;
        char ip4[PROV_IP_TEXT];
        uint32_t auth;
        uint8_t ssid[PROV_SSID_MAX];
        size_t ssid_len;
        uint8_t bssid[PROV_BSSID_LEN];
        bool has_bssid;
        int32_t channel;
};

enum prov_config_op {
        PROV_CONFIG_GET_STATUS = 0,
        PROV_CONFIG_GET_STATUS_RESP = 1,
        PROV_CONFIG_SET = 2,
        PROV_CONFIG_SET_RESP = 3,
        PROV_CONFIG_APPLY = 4,
        PROV_CONFIG_APPLY_RESP = 5
};

struct prov_config_msg {
        uint32_t op;                  /* enum prov_config_op */
        uint32_t status;              /* of responses */
        struct prov_credentials set;  /* PROV_CONFIG_SET */
        struct prov_wifi_state state; /* PROV_CONFIG_GET_STATUS_RESP */
};

/*
 * encode: the length written or -E_NOSPACE, -E_INVAL (unknown op). decode: 0 or -E_PROTO (not
 * protobuf, unknown op, a needed part missing). Wipe the struct when it held a passphrase.
 */
long prov_config_encode(const struct prov_config_msg *m, uint8_t *out, size_t cap);
int prov_config_decode(struct prov_config_msg *m, const uint8_t *in, size_t n);

struct prov_ap {
        uint8_t ssid[PROV_SSID_MAX];
        size_t ssid_len; /* 0: hidden */
        uint32_t channel;
        int32_t rssi; /* dBm */
        uint8_t bssid[PROV_BSSID_LEN];
        uint32_t auth;
};

enum prov_scan_op {
        PROV_SCAN_START = 0,
        PROV_SCAN_START_RESP = 1,
        PROV_SCAN_STATUS = 2,
        PROV_SCAN_STATUS_RESP = 3,
        PROV_SCAN_RESULT = 4,
        PROV_SCAN_RESULT_RESP = 5
};

struct prov_scan_msg {
        uint32_t op;
        uint32_t status;
        bool blocking, passive;  /* START */
        uint32_t group_channels; /* 0: all at once */
        uint32_t period_ms;
        bool finished;           /* STATUS_RESP */
        uint32_t start;          /* RESULT */
        uint32_t count;          /* RESULT, STATUS_RESP; entries of RESULT_RESP */
        struct prov_ap *entries; /* the caller's; RESULT_RESP */
        size_t entries_cap;      /* decode: more than this is -E_NOSPACE */
};

long prov_scan_encode(const struct prov_scan_msg *m, uint8_t *out, size_t cap);
int prov_scan_decode(struct prov_scan_msg *m, const uint8_t *in, size_t n);

enum prov_ctrl_op {
        PROV_CTRL_RESET = 1,
        PROV_CTRL_RESET_RESP = 2,
        PROV_CTRL_REPROV = 3,
        PROV_CTRL_REPROV_RESP = 4
};

struct prov_ctrl_msg {
        uint32_t op;
        uint32_t status;
};

long prov_ctrl_encode(const struct prov_ctrl_msg *m, uint8_t *out, size_t cap);
int prov_ctrl_decode(struct prov_ctrl_msg *m, const uint8_t *in, size_t n);

#endif
