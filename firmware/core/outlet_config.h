/* What a build of the outlet decides. */
#ifndef CORE_OUTLET_CONFIG_H
#define CORE_OUTLET_CONFIG_H

#include "firmware/core/port.h"

#define OUTLET_NS           "outlet" /* in PORT_NVS: this user's settings */
#define OUTLET_CLOUD_NS     "update" /* in PORT_NVS: what the cloud has taught */
#define OUTLET_SELFTEST_S   90u
#define OUTLET_INTERVAL_MIN 300u /* seconds between periodic updates */
#define OUTLET_INTERVAL_MAX 9999999u

/* Strings are borrowed for ever; NULL: none. */
struct outlet_config {
        const char *wifi_ssid; /* built-in network for bring-up: used before any stored one */
        const char *wifi_passphrase;
        enum port_prov_transport transport; /* unless fctry says otherwise (prov_transport) */
        bool security_0; /* provisioning in clear text where fctry has no proof: for development */
        const char *endpoint;       /* of the cloud, "host" or "host:port", unless fctry has one */
        const char *ca;             /* PEM, for cloud and updates, unless fctry has one */
        const char *update_url;     /* of periodic updates */
        uint32_t update_interval_s; /* 300 … 9,999,999; 0: no periodic updates */
        uint32_t selftest_s;        /* a new version must reach the cloud in that time; 0: 90 */
        bool allow_downgrade;
        bool no_shadow;  /* no AWS IoT device shadow */
        bool esp_topics; /* secure_esp's topics: /esp/update/url … */
        bool cloudless;  /* no cloud wanted: the self-test asks for the network only */
};

#endif
