/*
 * What the outlet asks of a platform: one header, one set of sources for each platform (Linux,
 * ESP-IDF, the tests' fake), chosen at link time.
 *
 * The other direction is outlet.h: the platform's main loop calls outlet_start() once, then
 * outlet_event() for what happens and outlet_tick() when its time has come.
 *
 * Rules
 * - One thread. port_* is only called from inside outlet_*. A port never calls outlet_* from inside
 *   port_*: what happens there becomes an event that its loop delivers later, in order.
 * - Pointers given to port_* are borrowed during the call, pointers in events during outlet_event,
 *   unless "borrowed until" says longer.
 * - Calls that take long (join, connect, get) start the work and return; the answer is an event.
 *   After the call that ends the work (leave, disconnect, cancel, stop) none of its events comes
 *   any more, also none that was queued already.
 * - 0 or a count is success, -E_XXX (base/err.h) is failure.
 * - Power may be lost between any two calls. What a call has reported as written, stays.
 */
#ifndef CORE_PORT_H
#define CORE_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Limits that a port can rely on. */
#define PORT_MESSAGE_MAX 4096u /* bytes of an MQTT payload, either way */
#define PORT_TOPIC_MAX   160u  /* bytes of a topic with its NUL */
#define PORT_URL_MAX     512u  /* bytes of a URL with its NUL */
#define PORT_ETAG_MAX    80u   /* bytes of an entity tag with its NUL */
#define PORT_VALUE_MAX   4000u /* bytes of a stored string with its NUL (NVS_STR_MAX) */
#define PORT_KEY_PEM_MAX 512u  /* bytes of a P-256 private key as PEM with its NUL */
#define PORT_CSR_PEM_MAX 1024u /* bytes of a certificate request as PEM with its NUL */
#define PORT_VERSION_MAX 33u   /* bytes of an app version with its NUL */

/* ---- the machine ---- */

enum port_level { PORT_ERROR, PORT_WARN, PORT_INFO, PORT_DEBUG };

/* One line without its end, never a secret. Where it goes (UART, file, nowhere) is the port's
 * choice. */
void port_log(enum port_level level, const char *line);

/* Bytes for the operator on the console's UART. What arrives there is PORT_EV_CONSOLE. */
void port_console_write(const char *p, size_t n);

/*
 * Restart as soon as outlet_* returns (or at once). May return: the caller does nothing more. The
 * outputs keep their levels until port_gpio_output() is called again (ESP-IDF: gpio_hold_en).
 */
void port_restart(void);

/* Not for keys: jitter only (ESP-IDF: esp_random). */
uint32_t port_random(void);

void port_mac(uint8_t mac[6]);      /* of the station interface */
uint16_t port_chip(void);           /* as in image headers: 0 ESP32, 2 S2, 5 C3, 9 S3, 13 C6 */
const char *port_version(void);     /* of the running app's descriptor; borrowed for ever */
const char *port_project(void);     /* the same: project name */
uint32_t port_secure_version(void); /* least that eFuses allow; 0 where there is none */

/* ---- GPIO ---- */

/* Makes pin an output at this level, without a pulse of the other level, or sets its level. */
void port_gpio_output(unsigned pin, bool high);

/* The level that the outputs had when the app stopped: 0 or 1 after port_restart() or a crash, -1
 * after power was lost or where nothing is known. */
int port_gpio_kept(unsigned pin);

/* Input with a pull-up. From now on a change is PORT_EV_GPIO, with little delay. */
void port_gpio_input(unsigned pin);
bool port_gpio_read(unsigned pin); /* inputs and outputs: the level at the pin */

/* ---- key-value store: NVS partitions by label ---- */

#define PORT_NVS "nvs" /* the user's: reset to factory erases it */
#define PORT_FCTRY \
        "fctry" /* the unit's identity: a port mounts it read-only if its table says so */
#define PORT_STORAGE "storage" /* the same by another name; may be missing everywhere */

/*
 * 0; -E_NOSPACE: no free page, -E_UNSUPPORTED: pages of a later version (both: port_kv_format and
 * mount again is the advice, for PORT_NVS only); -E_NOTFOUND: no such partition; anything else: the
 * flash fails. Mounting again is allowed.
 */
int port_kv_mount(const char *part);

/* Erases all of it and leaves it unmounted. -E_PERM for all but PORT_NVS, always. */
int port_kv_format(const char *part);

/*
 * The string (without its NUL) or the blob of this key, whichever it is. Returns its length in
 * bytes; buf == NULL only asks for that. -E_NOTFOUND (also: not mounted, no such namespace),
 * -E_NOSPACE: longer than cap, -E_CRC: damaged.
 */
int port_kv_get(const char *part, const char *ns, const char *key, void *buf, size_t cap);

/*
 * Sets a string; the namespace is made where it is missing. Written when this returns: old or new
 * value after a power cut, never half. -E_PERM: read-only partition.
 */
int port_kv_set(const char *part, const char *ns, const char *key, const char *value);

/* 0 also if there was none. */
int port_kv_erase(const char *part, const char *ns, const char *key);

/* ---- Wi-Fi station ---- */

enum port_wifi_reason {
        PORT_WIFI_LOST,       /* was up; beacon lost, kicked, address lost */
        PORT_WIFI_WRONG_KEY,  /* the handshake or authentication fails */
        PORT_WIFI_NOT_FOUND,  /* no such network in the air */
        PORT_WIFI_NO_ADDRESS, /* associated, but no address in time */
        PORT_WIFI_OTHER,
};

/*
 * The port stores what provisioning brings (in PORT_NVS, so that its format forgets it), and only
 * once it has worked: credentials that never joined are gone after a restart.
 */
bool port_wifi_stored(void);

struct port_wifi {
        const char *ssid;
        const char *passphrase; /* "": open */
};

/*
 * One attempt with w, or with the stored credentials (w NULL); w is not stored. Ends in one
 * PORT_EV_WIFI_UP (with an address) or PORT_EV_WIFI_DOWN, within a minute. After UP one DOWN may
 * come at any time. The port does not reconnect by itself.
 */
int port_wifi_join(const struct port_wifi *w);
void port_wifi_leave(void);
int port_wifi_rssi(void); /* dBm; 0: unknown */

/* ---- provisioning ---- */

enum port_prov_transport { PORT_PROV_BLE, PORT_PROV_SOFTAP, PORT_PROV_CONSOLE };

struct port_prov {
        enum port_prov_transport transport;
        unsigned security;              /* 1; 2: there are salt and verifier; 0: no secrets, by choice */
        bool console; /* requests on the console's UART are taken too, where the port can; read
                         again for each line, so it may be cleared meanwhile */
        const char *service_name;       /* advertised, or the access point's SSID */
        const char *service_key;        /* password of the access point; NULL: open */
        const char *pop;                /* security 1: proof of possession; NULL: none */
        const uint8_t *salt, *verifier; /* security 2 */
        size_t salt_len, verifier_len;
};

/*
 * Unified provisioning until it has worked or port_prov_stop(). All of cfg is borrowed until then.
 * -E_UNSUPPORTED: this port or build has not that transport or security; it never takes another.
 * While it runs the port joins by itself with what the client applies: PORT_EV_PROV_CREDENTIALS,
 * then PORT_EV_PROV_FAILED (the client may try again) or PORT_EV_PROV_DONE: station up, credentials
 * stored, client told, service ended and its memory (Bluetooth's too) given back.
 */
int port_prov_start(const struct port_prov *cfg);
void port_prov_stop(void);

/* ---- MQTT 3.1.1 over TLS ---- */

/* PEM text or DER; NULL: none. */
struct port_blob {
        const uint8_t *p;
        size_t len; /* bytes; PEM: without a NUL, but a NUL follows */
};

struct port_mqtt {
        const char *host;
        uint16_t port;
        const char *alpn; /* NULL: none */
        const char *client_id;
        struct port_blob ca, cert, key; /* the server is always verified, its name too */
        uint16_t keepalive_s;
        const char *will_topic; /* NULL: no last will */
        const char *will_payload;
};

enum port_mqtt_reason {
        PORT_MQTT_LOST,        /* connection gone */
        PORT_MQTT_UNREACHABLE, /* no name, no route, no answer */
        PORT_MQTT_TLS,         /* certificate of either side not accepted */
        PORT_MQTT_REFUSED,     /* CONNACK says no */
};

/*
 * One attempt, clean session; all of m is borrowed until PORT_EV_MQTT_DOWN or
 * port_mqtt_disconnect(). Ends in one PORT_EV_MQTT_UP or PORT_EV_MQTT_DOWN within a minute; no
 * reconnect by the port.
 */
int port_mqtt_connect(const struct port_mqtt *m);
/* Sends DISCONNECT if it can (then there is no last will). */
void port_mqtt_disconnect(void);

/* Quality of service 1. The broker's answer is PORT_EV_MQTT_SUBSCRIBED. */
int port_mqtt_subscribe(const char *filter);

/* Quality of service 1, not retained; p is copied. -E_STATE: not connected; -E_NOMEM. */
int port_mqtt_publish(const char *topic, const void *p, size_t n);

/* ---- HTTPS download ---- */

struct port_http {
        const char *url; /* https:// only; the port follows redirections to https:// only */
        struct port_blob ca;
        uint64_t from;    /* first byte wanted; not 0: "Range: bytes=FROM-" */
        const char *etag; /* with from: "If-Range: ETAG"; NULL: none known */
};

/*
 * One at a time. PORT_EV_HTTP_HEAD, then PORT_EV_HTTP_DATA in order, then one PORT_EV_HTTP_END. The
 * core writes flash while it handles data: the port reads on when outlet_event has returned. All of
 * h is borrowed until END or port_http_cancel(). A silence of 30 s is -E_TIMEOUT.
 */
int port_http_get(const struct port_http *h);
void port_http_cancel(void);

/* ---- update slots ---- */

enum port_ota_state {
        PORT_OTA_VALID,   /* confirmed, or rollback is not in use */
        PORT_OTA_PENDING, /* on trial: restarts before port_ota_mark_valid() roll back, the first
                             one (ESP-IDF's bootloader) or the third (the virtual board's) */
};
enum port_ota_state port_ota_state(void);

/* Opens the passive slot for writing from 0; *size: its bytes. -E_STATE: this app is pending. */
int port_ota_begin(uint32_t *size);
/* n more bytes; the port erases ahead of them. */
int port_ota_write(const void *p, size_t n);
/* All bytes are there: verify what the platform demands of them (signature). -E_VERIFY. */
int port_ota_finish(void);
/* The slot boots next. Only after port_ota_finish() was 0. Old or new choice after a power cut. */
int port_ota_activate(void);
void port_ota_abort(void);

int port_ota_mark_valid(void);
/* Marks the running app invalid and restarts into the other one; as port_restart(). -E_NOTFOUND:
 * there is no other that could boot, nothing happens. */
int port_ota_rollback(void);

/* ---- keys made on the device ---- */

/* A new P-256 private key as PEM with its NUL, from the platform's best random source. */
int port_key_new(char *pem, size_t cap);
/* A certificate request for the key (PEM or DER) with subject CN=cn, as PEM with its NUL. */
int port_csr(struct port_blob key, const char *cn, char *pem, size_t cap);
/* 0; -E_VERIFY: not the key of this certificate; -E_FORMAT: one of them is not readable. */
int port_key_matches(struct port_blob key, struct port_blob cert);

/* ---- events ---- */

enum port_event_type {
        PORT_EV_GPIO,             /* gpio: an input changed */
        PORT_EV_CONSOLE,          /* data: bytes typed */
        PORT_EV_WIFI_UP,          /* text: the address, for people */
        PORT_EV_WIFI_DOWN,        /* wifi */
        PORT_EV_PROV_CREDENTIALS, /* text: the SSID, NUL-terminated */
        PORT_EV_PROV_FAILED,      /* wifi */
        PORT_EV_PROV_DONE,        /* text: the address */
        PORT_EV_MQTT_UP,
        PORT_EV_MQTT_DOWN,       /* mqtt */
        PORT_EV_MQTT_SUBSCRIBED, /* error: 0, or the broker refused one filter */
        PORT_EV_MQTT_MESSAGE,    /* message: whole; longer than PORT_MESSAGE_MAX: dropped */
        PORT_EV_HTTP_HEAD,       /* http */
        PORT_EV_HTTP_DATA,       /* data */
        PORT_EV_HTTP_END,        /* error: 0 the whole answer; -E_LINK, -E_TIMEOUT: cut (may be
                                    resumed); -E_VERIFY: the server is not who it should be */
};

struct port_event {
        enum port_event_type type;
        int error; /* 0 or -E_XXX */
        union {
                const char *text;
                enum port_wifi_reason wifi;
                enum port_mqtt_reason mqtt;
                struct {
                        unsigned pin;
                        bool high;
                } gpio;
                struct {
                        const uint8_t *p;
                        size_t n;
                } data;
                struct {
                        const char *topic; /* NUL-terminated */
                        const uint8_t *p;
                        size_t n;
                } message;
                struct {
                        unsigned status;  /* 200, 206, 404 … */
                        uint64_t from;    /* of the first byte that follows: 0, or Content-Range */
                        uint64_t total;   /* bytes of the whole file; 0: not said */
                        const char *etag; /* NULL: none, or a weak one */
                } http;
        };
};

#endif
