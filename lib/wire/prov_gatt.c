#include "wire/prov_gatt.h"

#include <string.h>

#include "base/bytes.h"
#include "base/err.h"

const uint8_t prov_gatt_uuid_default[PROV_GATT_UUID_LEN] = { 0x07, 0xed, 0x9b, 0x2d, 0x0f, 0x06,
                                                             0x7c, 0x87, 0x9b, 0x43, 0x43, 0x6b,
                                                             0x4d, 0x24, 0x75, 0x17 };
const uint8_t prov_gatt_uuid_example[PROV_GATT_UUID_LEN] = { 0xb4, 0xdf, 0x5a, 0x1c, 0x3f, 0x6b,
                                                             0xf4, 0xbf, 0xea, 0x4a, 0x82, 0x03,
                                                             0x04, 0x90, 0x1a, 0x02 };

/* Bytes 12 and 13 of a characteristic's UUID say which endpoint it is. */
#define UUID_AT     12u
#define UUID_FIRST  0xff4fu
#define UUID_CUSTOM 0xff54u

static const char *const standard[] = { "prov-ctrl", "prov-scan", "prov-session", "prov-config",
                                        "proto-ver" };
#define STANDARD (sizeof standard / sizeof standard[0])

/* --- the client's end --- */

enum {
        STAGE_MTU,
        STAGE_SERVICES,
        STAGE_CHARACTERISTICS,
        STAGE_DESCRIPTORS,
        STAGE_NAMES,
        STAGE_READY,
        STAGE_WRITE,
        STAGE_READ
};

void prov_gatt_init(struct prov_gatt_client *c, uint16_t mtu)
{
        memset(c, 0, sizeof *c);
        att_client_init(&c->att, mtu);
        att_client_exchange_mtu(&c->att);
}

static void on_service(void *ctx, const struct att_item *it)
{
        struct prov_gatt_client *c = ctx;

        if (it->uuid.len == PROV_GATT_UUID_LEN &&
            c->service_count < sizeof c->services / sizeof c->services[0])
                c->services[c->service_count++] = *it;
}

/* The name that the UUID stands for holds until the description is read. */
static void on_characteristic(void *ctx, const struct att_item *it)
{
        struct prov_gatt_client *c = ctx;
        struct prov_gatt_endpoint *e;
        uint16_t id;

        if (it->uuid.len != PROV_GATT_UUID_LEN || c->count == PROV_GATT_ENDPOINTS_MAX)
                return;
        e = &c->endpoints[c->count++];
        memset(e, 0, sizeof *e);
        e->handle = it->value;
        id = le16_get(it->uuid.v + UUID_AT);
        if (id >= UUID_FIRST && id < UUID_FIRST + STANDARD)
                strcpy(e->name, standard[id - UUID_FIRST]);
}

/* A description belongs to the last characteristic before it. */
static void on_descriptor(void *ctx, const struct att_item *it)
{
        struct prov_gatt_client *c = ctx;
        struct prov_gatt_endpoint *e = NULL;

        if (!att_uuid_is16(&it->uuid, GATT_USER_DESCRIPTION))
                return;
        for (size_t i = 0; i < c->count; i++)
                if (c->endpoints[i].handle < it->handle)
                        e = &c->endpoints[i];
        if (e && !e->description)
                e->description = it->handle;
}

static const struct prov_gatt_endpoint *find(const struct prov_gatt_client *c, const char *name)
{
        for (size_t i = 0; i < c->count; i++)
                if (!strcmp(c->endpoints[i].name, name))
                        return &c->endpoints[i];
        return NULL;
}

/* Look into the next service; the last one was looked into: there is nothing to be provisioned. */
static int next_service(struct prov_gatt_client *c)
{
        const struct att_item *s = &c->services[c->service];

        if (c->service == c->service_count)
                return -E_NOTFOUND;
        c->count = 0;
        c->stage = STAGE_CHARACTERISTICS;
        att_client_characteristics(&c->att, s->handle, s->end, on_characteristic, c);
        return ATT_MORE;
}

static int next_name(struct prov_gatt_client *c)
{
        while (c->reading < c->count && !c->endpoints[c->reading].description)
                c->reading++;
        if (c->reading == c->count) {
                c->stage = STAGE_READY;
                if (find(c, "prov-session"))
                        return ATT_DONE;
                c->service++;
                return next_service(c);
        }
        c->stage = STAGE_NAMES;
        att_client_read(&c->att, c->endpoints[c->reading].description, c->text, sizeof c->text - 1);
        return ATT_MORE;
}

/* A description that is no name (binary, empty) does not hide what the UUID says. */
static void take_name(struct prov_gatt_client *c)
{
        struct prov_gatt_endpoint *e = &c->endpoints[c->reading++];
        size_t n = c->att.len;

        while (n && c->text[n - 1] == 0) /* some stacks send the NUL */
                n--;
        for (size_t i = 0; i < n; i++)
                if (c->text[i] <= 0x20 || c->text[i] >= 0x7f)
                        return;
        if (!n)
                return;
        memcpy(e->name, c->text, n);
        e->name[n] = 0;
}

/* The operation of a stage is over: the next one. */
static int step(struct prov_gatt_client *c)
{
        const struct att_item *s = &c->services[c->service];

        switch (c->stage) {
        case STAGE_MTU:
                c->stage = STAGE_SERVICES;
                att_client_services(&c->att, on_service, c);
                return ATT_MORE;
        case STAGE_SERVICES:
                return next_service(c);
        case STAGE_CHARACTERISTICS:
                c->stage = STAGE_DESCRIPTORS;
                att_client_descriptors(&c->att, s->handle, s->end, on_descriptor, c);
                return ATT_MORE;
        case STAGE_DESCRIPTORS:
                c->reading = 0;
                return next_name(c);
        case STAGE_NAMES:
                take_name(c);
                return next_name(c);
        case STAGE_WRITE:
                c->stage = STAGE_READ;
                att_client_read(&c->att, c->handle, c->out, c->cap);
                return ATT_MORE;
        default: /* STAGE_READ */
                c->stage = STAGE_READY;
                return ATT_DONE;
        }
}

int prov_gatt_request(struct prov_gatt_client *c, const char *endpoint, const uint8_t *in, size_t n,
                      uint8_t *out, size_t cap)
{
        const struct prov_gatt_endpoint *e;
        int rc;

        if (c->stage < STAGE_READY)
                return -E_STATE;
        e = find(c, endpoint);
        if (!e)
                return -E_NOTFOUND;
        if ((rc = att_client_write(&c->att, e->handle, in, n)) < 0)
                return rc;
        c->stage = STAGE_WRITE;
        c->handle = e->handle;
        c->out = out;
        c->cap = cap;
        return 0;
}

long prov_gatt_next(struct prov_gatt_client *c, uint8_t *out, size_t cap)
{
        return att_client_next(&c->att, out, cap);
}

int prov_gatt_take(struct prov_gatt_client *c, const uint8_t *pdu, size_t n)
{
        int rc = att_client_take(&c->att, pdu, n);

        /* a description that cannot be read, or is longer than any name, is no name */
        if (c->stage == STAGE_NAMES && (rc == -E_REFUSED || rc == -E_NOSPACE)) {
                c->reading++;
                return next_name(c);
        }
        if (rc < 0 && c->stage >= STAGE_READY)
                c->stage = STAGE_READY;
        return rc == ATT_DONE ? step(c) : rc;
}

/* --- the device's end --- */

#define ENDPOINT_OF(s, handle) (((size_t)((handle) - (s)->first) - 1) / 3)

static int on_read(void *ctx, uint16_t handle, const uint8_t **value, size_t *n)
{
        struct prov_gatt_server *s = ctx;
        const size_t i = ENDPOINT_OF(s, handle);

        *value = s->answers[i];
        *n = s->answer_len[i];
        return 0;
}

static int on_write(void *ctx, uint16_t handle, const uint8_t *value, size_t n)
{
        struct prov_gatt_server *s = ctx;
        const size_t i = ENDPOINT_OF(s, handle);
        long len;

        if (n == 0) /* as the original: taken, and nothing happens */
                return 0;
        s->answer_len[i] = 0;
        if (s->session != s->device->session) /* another transport has it now */
                return ATT_ERR_PDU;
        len = prov_device_request(s->device, s->names[i], value, n, s->scratch, sizeof s->scratch);
        if (len > (long)ATT_VALUE_MAX)
                len = -E_NOSPACE;
        if (len > 0) {
                memcpy(s->answers[i], s->scratch, (size_t)len);
                s->answer_len[i] = (size_t)len;
        }
        wipe(s->scratch, sizeof s->scratch);
        return len < 0 ? ATT_ERR_PDU : 0;
}

static struct att_attribute *put(struct prov_gatt_server *s, uint16_t *count, uint16_t type,
                                 const void *value, size_t n)
{
        struct att_attribute *a = &s->table[(*count)++];

        a->type = att_uuid16(type);
        a->value = value;
        a->len = n;
        return a;
}

/* What every device has: its name and what it looks like (unknown). */
static void put_gap(struct prov_gatt_server *s, uint16_t *count)
{
        static const uint8_t service[] = { 0x00, 0x18 }, unknown[] = { 0, 0 };
        struct att_attribute *a = put(s, count, GATT_PRIMARY_SERVICE, service, sizeof service);

        s->name_declaration[0] = s->appearance_declaration[0] = GATT_PROP_READ;
        le16_put(s->name_declaration + 1, 3);
        le16_put(s->name_declaration + 3, GATT_DEVICE_NAME);
        le16_put(s->appearance_declaration + 1, 5);
        le16_put(s->appearance_declaration + 3, GATT_APPEARANCE);
        put(s, count, GATT_CHARACTERISTIC, s->name_declaration, 5);
        put(s, count, GATT_DEVICE_NAME, s->device_name, strlen(s->device_name));
        put(s, count, GATT_CHARACTERISTIC, s->appearance_declaration, 5);
        put(s, count, GATT_APPEARANCE, unknown, sizeof unknown);
        a->group_end = *count;
}

static void put_endpoint(struct prov_gatt_server *s, uint16_t *count, const uint8_t *service,
                         const char *name, uint16_t id)
{
        const size_t i = s->count++;
        uint8_t *declaration = s->uuids[i];
        struct att_attribute *a;

        s->names[i] = name;
        declaration[0] = GATT_PROP_READ | GATT_PROP_WRITE;
        le16_put(declaration + 1, (uint16_t)(*count + 2));
        memcpy(declaration + 3, service, PROV_GATT_UUID_LEN);
        le16_put(declaration + 3 + UUID_AT, id);
        put(s, count, GATT_CHARACTERISTIC, declaration, 19);
        a = put(s, count, 0, NULL, 0);
        a->type.len = PROV_GATT_UUID_LEN;
        memcpy(a->type.v, declaration + 3, PROV_GATT_UUID_LEN);
        a->writable = true;
        put(s, count, GATT_USER_DESCRIPTION, name, strlen(name));
}

static const struct att_server_ops server_ops = { on_read, on_write };

int prov_gatt_serve(struct prov_gatt_server *s, struct prov_device *device, const char *device_name,
                    const uint8_t *service, const char *const *custom, uint16_t mtu)
{
        uint16_t count = 0;
        struct att_attribute *a;
        size_t n = strnlen(device_name, sizeof s->device_name - 1);

        memset(s, 0, sizeof *s);
        s->device = device;
        s->session = device->session;
        memcpy(s->device_name, device_name, n);
        put_gap(s, &count);
        a = put(s, &count, GATT_PRIMARY_SERVICE, service, PROV_GATT_UUID_LEN);
        s->first = count;
        for (size_t i = 0; i < STANDARD; i++)
                put_endpoint(s, &count, service, standard[i], (uint16_t)(UUID_FIRST + i));
        for (uint16_t i = 0; custom && custom[i]; i++) {
                if (s->count == PROV_GATT_ENDPOINTS_MAX)
                        return -E_NOSPACE;
                put_endpoint(s, &count, service, custom[i], (uint16_t)(UUID_CUSTOM + i));
        }
        a->group_end = count;
        att_server_init(&s->att, mtu, s->table, count, &server_ops, s);
        return 0;
}

void prov_gatt_reset(struct prov_gatt_server *s)
{
        s->session = prov_device_new_session(s->device);
        att_server_reset(&s->att);
        wipe(s->answers, sizeof s->answers);
        memset(s->answer_len, 0, sizeof s->answer_len);
}
