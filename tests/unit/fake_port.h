/* A platform for the outlet that only tests have: port.h on memory, with everything to be seen and
 * to be broken. */
#ifndef TEST_FAKE_PORT_H
#define TEST_FAKE_PORT_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firmware/core/outlet.h"

#define FAKE_PART     0x6000u /* bytes of nvs and of fctry */
#define FAKE_SLOT     (64u << 10)
#define FAKE_MESSAGES 32u

struct fake_message {
        char topic[PORT_TOPIC_MAX];
        char payload[PORT_MESSAGE_MAX + 1];
};

struct fake {
        /* what survives a loss of power */
        uint8_t nvs[FAKE_PART], fctry[FAKE_PART];
        uint8_t slot[FAKE_SLOT];
        bool activated, pending, rolled_back;

        /* how the platform is */
        uint16_t chip;
        char version[PORT_VERSION_MAX], project[PORT_VERSION_MAX];
        uint32_t secure_version;
        bool is_storage; /* the factory partition has that name */
        bool fctry_missing, fctry_writable, wifi_stored, no_other_slot, bad_signature, stuck_output;
        int mount_error; /* of nvs, until it is formatted */
        int key_check;   /* what port_key_matches says */
        uint32_t seed;
        int kept;   /* of every output */
        int refuse; /* what join, connect, get and prov_start return */

        /* what has happened */
        bool level[64];
        unsigned changes[64]; /* of a level, since it became an output */
        bool is_output[64];
        unsigned restarts, joins, leaves, provs, connects, disconnects, gets, cancels, formats,
                sets;
        unsigned begins, marks, subscriptions;
        bool prov_running, ota_open, ota_finished;
        struct port_wifi wifi;
        struct port_prov prov;
        const struct port_prov *prov_cfg; /* the same, as it is now */
        struct port_mqtt mqtt;
        struct port_http http;
        char filters[16][PORT_TOPIC_MAX];
        struct fake_message sent[FAKE_MESSAGES];
        unsigned sent_count; /* since the last fake_forget() */
        uint32_t written;
        char console[8192];
        size_t console_len;
        char log[16384];
        size_t log_len;

        unsigned starts; /* of the unit: counts fake_power_on() */

        /* power: the call with this number (from 1) does not return */
        unsigned calls, cut_at;
        jmp_buf dark;
};

extern struct fake fake;

/* A blank unit: empty nvs, erased fctry, an ESP32-C3 with version 1.0.0, button not pressed. */
void fake_reset(void);

/* Power is back: what does not survive is gone. */
void fake_power_on(void);

/* A call that changes something: the power may go here. For the parts of the platform. */
void fake_call(void);

/* Forget messages, console and log. */
void fake_forget(void);

/* fctry made with lib/fmt's writer: namespace, then key and value in turn, ended by NULL; a
 * key behind '#' is stored as a blob. */
void fake_fctry(const char *ns, const char *const *pairs);

/* Events, each followed by a tick; the tick's answer. */
uint64_t fake_event(struct outlet *o, const struct port_event *ev, uint64_t now);
uint64_t fake_message(struct outlet *o, const char *topic, const char *payload, uint64_t now);
uint64_t fake_type(struct outlet *o, const char *text, uint64_t now);
/* Wi-Fi up, broker up, all subscriptions answered. */
void fake_online(struct outlet *o, uint64_t now);

/* The last message sent to a topic that ends so, or NULL. */
const char *fake_sent(const char *topic_end);

/* An app image of about n bytes: 2 segments, checksum, SHA-256. Returns its length. */
size_t fake_image(uint8_t *out, size_t n, uint16_t chip, const char *version);

#endif
