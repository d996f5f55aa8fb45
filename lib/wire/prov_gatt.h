/*
 * Unified provisioning as a GATT service, both ends: an endpoint is a characteristic whose user
 * description (0x2901) is its name; a request is a write with response, its answer what the same
 * characteristic then reads as. PDUs in, PDUs out; no I/O.
 *
 * Source: ESP-IDF v5.5 protocomm_nimble.c, wifi_provisioning scheme_ble.c.
 */
#ifndef WIRE_PROV_GATT_H
#define WIRE_PROV_GATT_H

#include "wire/att.h"
#include "wire/prov_device.h"

#define PROV_GATT_ENDPOINTS_MAX 16u
#define PROV_GATT_NAME_MAX      32u /* bytes of an endpoint's name, with its NUL */
#define PROV_GATT_UUID_LEN      16u

/* The service that the manager uses unless told otherwise, 1775244d-6b43-439b-877c-060f2d9bed07,
 * and that of ESP-IDF's example and RainMaker, 021a9004-0382-4aea-bff4-6b3f1c5adfb4; as they go
 * over the wire, little-endian. */
extern const uint8_t prov_gatt_uuid_default[PROV_GATT_UUID_LEN];
extern const uint8_t prov_gatt_uuid_example[PROV_GATT_UUID_LEN];

/* --- the client's end --- */

struct prov_gatt_endpoint {
        char name[PROV_GATT_NAME_MAX];
        uint16_t handle;      /* of the value */
        uint16_t description; /* handle of the 0x2901, 0: none */
};

/*
 * Allowed calls: init → next and take until take returns non-zero (the endpoints are known) →
 * (request → next and take until non-zero)*.
 */
struct prov_gatt_client {
        struct att_client att; /* its error is what the device refused with */
        struct prov_gatt_endpoint endpoints[PROV_GATT_ENDPOINTS_MAX]; /* read-only */
        size_t count;                                                 /* read-only */
        /* private: */
        int stage;
        struct att_item services[8];   /* of 128-bit UUIDs; others cannot be provisioning */
        size_t service_count, service; /* service: the one looked into */
        size_t reading;                /* the endpoint whose description is read */
        uint8_t text[PROV_GATT_NAME_MAX];
        uint8_t *out; /* borrowed: the answer's room */
        size_t cap;
        uint16_t handle;
};

void prov_gatt_init(struct prov_gatt_client *c, uint16_t mtu);

/* in and out are borrowed until it is done. -E_NOTFOUND: no such endpoint; -E_RANGE: more than
 * ATT_VALUE_MAX bytes; -E_STATE: the endpoints are not known yet. */
int prov_gatt_request(struct prov_gatt_client *c, const char *endpoint, const uint8_t *in, size_t n,
                      uint8_t *out, size_t cap);

/* As att_client_next. */
long prov_gatt_next(struct prov_gatt_client *c, uint8_t *out, size_t cap);

/* As att_client_take; also -E_NOTFOUND: the device has no provisioning service. After a request the
 * answer's length is c->att.len. */
int prov_gatt_take(struct prov_gatt_client *c, const uint8_t *pdu, size_t n);

/* --- the device's end --- */

struct prov_gatt_server {
        struct att_server att;
        /* private: */
        struct prov_device *device;
        uint32_t session; /* of the device, at the last reset */
        const char *names[PROV_GATT_ENDPOINTS_MAX];
        uint16_t first; /* handle of the service's declaration */
        size_t count;
        char device_name[32];
        uint8_t uuids[PROV_GATT_ENDPOINTS_MAX][19]; /* values of the declarations */
        uint8_t answers[PROV_GATT_ENDPOINTS_MAX][ATT_VALUE_MAX];
        size_t answer_len[PROV_GATT_ENDPOINTS_MAX];
        uint8_t name_declaration[5], appearance_declaration[5];
        uint8_t scratch[PROV_MESSAGE_MAX];
        struct att_attribute table[6 + 3 * PROV_GATT_ENDPOINTS_MAX];
};

/*
 * The five standard endpoints and those in custom (NULL-terminated, may be NULL; borrowed), with
 * UUIDs derived from the service's as the original does it. device and service are borrowed.
 * device_name is copied, cut to 31 bytes. -E_NOSPACE: too many endpoints.
 */
int prov_gatt_serve(struct prov_gatt_server *s, struct prov_device *device, const char *device_name,
                    const uint8_t *service, const char *const *custom, uint16_t mtu);

/* A client came or went: its session ends, what it left to read is wiped. */
void prov_gatt_reset(struct prov_gatt_server *s);

#endif
