/* Attribute PDUs: transcripts of both ends, every cut, hostile peers. The bytes follow the Core
 * Specification's formats (volume 3, part F, 3.4), written out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "wire/att.h"

#define ROWS(a)   (sizeof(a) / sizeof(a)[0])
#define HEX(text) (const uint8_t *)(text), sizeof(text) - 1

/* A service with two characteristics: one of the table, one of the ops. */
#define SERVICE "\xb4\xdf\x5a\x1c\x3f\x6b\xf4\xbf\xea\x4a\x82\x03\x04\x90\x1a\x02"
#define VALUE   "\xb4\xdf\x5a\x1c\x3f\x6b\xf4\xbf\xea\x4a\x82\x03\x51\xff\x1a\x02"

static const struct att_attribute table[] = {
        { { 2, { 0x00, 0x28 } }, HEX("\x00\x18"), 3, false },
        { { 2, { 0x03, 0x28 } }, HEX("\x02\x03\x00\x00\x2a"), 0, false },
        { { 2, { 0x00, 0x2a } }, HEX("PROV_1234 with a long name"), 0, false },
        { { 2, { 0x00, 0x28 } }, HEX(SERVICE), 7, false },
        { { 2, { 0x03, 0x28 } }, HEX("\x0a\x06\x00" VALUE), 0, false },
        { { 16, VALUE }, NULL, 0, 0, true },
        { { 2, { 0x01, 0x29 } }, HEX("prov-session"), 0, false },
};

struct store {
        uint8_t v[ATT_VALUE_MAX];
        size_t n;
        unsigned writes;
        int error;
};

static int store_read(void *ctx, uint16_t handle, const uint8_t **v, size_t *n)
{
        struct store *s = ctx;

        assert_int_equal(handle, 6);
        *v = s->v;
        *n = s->n;
        return s->error;
}

static int store_write(void *ctx, uint16_t handle, const uint8_t *v, size_t n)
{
        struct store *s = ctx;

        assert_int_equal(handle, 6);
        s->writes++;
        if (s->error)
                return s->error;
        memcpy(s->v, v, n);
        s->n = n;
        return 0;
}

static const struct att_server_ops ops = { store_read, store_write };

static void serve(struct att_server *s, struct store *st, uint16_t mtu)
{
        memset(st, 0, sizeof *st);
        att_server_init(s, mtu, table, ROWS(table), &ops, st);
}

/* --- the server against requests --- */

static const struct {
        const char *name;
        const uint8_t *request;
        size_t n;
        const uint8_t *answer;
        size_t m;
} transcript[] = {
        { "services, one size at a time", HEX("\x10\x01\x00\xff\xff\x00\x28"),
          HEX("\x11\x06\x01\x00\x03\x00\x00\x18") },
        { "the next", HEX("\x10\x04\x00\xff\xff\x00\x28"),
          HEX("\x11\x14\x04\x00\x07\x00" SERVICE) },
        { "no more", HEX("\x10\x08\x00\xff\xff\x00\x28"), HEX("\x01\x10\x08\x00\x0a") },
        { "no group", HEX("\x10\x01\x00\xff\xff\x03\x28"), HEX("\x01\x10\x01\x00\x10") },
        { "service by UUID", HEX("\x06\x01\x00\xff\xff\x00\x28" SERVICE),
          HEX("\x07\x04\x00\x07\x00") },
        { "no such service", HEX("\x06\x01\x00\xff\xff\x00\x28" VALUE),
          HEX("\x01\x06\x01\x00\x0a") },
        { "characteristics", HEX("\x08\x04\x00\x07\x00\x03\x28"),
          HEX("\x09\x15\x05\x00\x0a\x06\x00" VALUE) },
        { "characteristic by type, cut to the MTU", HEX("\x08\x01\x00\xff\xff\x00\x2a"),
          HEX("\x09\x15\x03\x00PROV_1234 with a lo") },
        { "none in range", HEX("\x08\x06\x00\x07\x00\x03\x28"), HEX("\x01\x08\x06\x00\x0a") },
        { "range from 0", HEX("\x08\x00\x00\x07\x00\x03\x28"), HEX("\x01\x08\x00\x00\x01") },
        { "range upside down", HEX("\x08\x07\x00\x06\x00\x03\x28"), HEX("\x01\x08\x07\x00\x01") },
        { "information, short UUIDs", HEX("\x04\x05\x00\x07\x00"),
          HEX("\x05\x01\x05\x00\x03\x28") },
        { "information, a long one", HEX("\x04\x06\x00\x07\x00"), HEX("\x05\x02\x06\x00" VALUE) },
        { "information, none", HEX("\x04\x08\x00\xff\xff"), HEX("\x01\x04\x08\x00\x0a") },
        { "read", HEX("\x0a\x07\x00"), HEX("\x0bprov-session") },
        { "read the first part", HEX("\x0a\x03\x00"), HEX("\x0bPROV_1234 with a long ") },
        { "read the rest", HEX("\x0c\x03\x00\x16\x00"), HEX("\x0dname") },
        { "read at the end", HEX("\x0c\x03\x00\x1a\x00"), HEX("\x0d") },
        { "read behind the end", HEX("\x0c\x03\x00\x1b\x00"), HEX("\x01\x0c\x03\x00\x07") },
        { "read handle 0", HEX("\x0a\x00\x00"), HEX("\x01\x0a\x00\x00\x01") },
        { "read no attribute", HEX("\x0a\x08\x00"), HEX("\x01\x0a\x08\x00\x01") },
        { "write", HEX("\x12\x06\x00hello"), HEX("\x13") },
        { "read it back", HEX("\x0a\x06\x00"), HEX("\x0bhello") },
        { "write what is fixed", HEX("\x12\x07\x00x"), HEX("\x01\x12\x07\x00\x03") },
        { "write no attribute", HEX("\x12\x09\x00x"), HEX("\x01\x12\x09\x00\x01") },
        { "prepare", HEX("\x16\x06\x00\x00\x00long "), HEX("\x17\x06\x00\x00\x00long ") },
        { "prepare with a gap", HEX("\x16\x06\x00\x06\x00x"), HEX("\x01\x16\x06\x00\x07") },
        { "prepare more", HEX("\x16\x06\x00\x05\x00value"), HEX("\x17\x06\x00\x05\x00value") },
        { "not yet written", HEX("\x0a\x06\x00"), HEX("\x0bhello") },
        { "execute", HEX("\x18\x01"), HEX("\x19") },
        { "written", HEX("\x0a\x06\x00"), HEX("\x0blong value") },
        { "prepare again", HEX("\x16\x06\x00\x00\x00x"), HEX("\x17\x06\x00\x00\x00x") },
        { "cancel", HEX("\x18\x00"), HEX("\x19") },
        { "execute nothing", HEX("\x18\x01"), HEX("\x19") },
        { "still there", HEX("\x0a\x06\x00"), HEX("\x0blong value") },
        { "execute what?", HEX("\x18\x02"), HEX("\x01\x18\x00\x00\x04") },
        { "unknown request", HEX("\x20\x01\x00"), HEX("\x01\x20\x00\x00\x06") },
        { "signed write command", HEX("\xd2\x06\x00x"), HEX("") },
        { "write command", HEX("\x52\x06\x00x"), HEX("") },
        { "a response", HEX("\x0b..."), HEX("") },
        { "a confirmation", HEX("\x1e"), HEX("") },
        { "nothing", HEX(""), HEX("") },
        { "MTU", HEX("\x02\x00\x01"), HEX("\x03\x05\x02") },
        { "read with it", HEX("\x0a\x03\x00"), HEX("\x0bPROV_1234 with a long name") },
        { "MTU below the least", HEX("\x02\x05\x00"), HEX("\x03\x05\x02") },
        { "read with the least", HEX("\x0a\x03\x00"), HEX("\x0bPROV_1234 with a long ") },
};

static void test_server_transcript(void **state)
{
        struct att_server s;
        struct store st;

        (void)state;
        serve(&s, &st, ATT_MTU_MAX);
        for (size_t i = 0; i < ROWS(transcript); i++) {
                uint8_t out[ATT_MTU_MAX];
                const long m = att_server_answer(&s, transcript[i].request, transcript[i].n, out,
                                                 sizeof out);

                if (m != (long)transcript[i].m || memcmp(out, transcript[i].answer, (size_t)m) != 0)
                        fail_msg("%s: %ld bytes", transcript[i].name, m);
        }
        assert_int_equal(st.writes, 2);
}

/* Every request cut at every byte is refused as a PDU, or asks something else that is answered. */
static void test_server_every_cut(void **state)
{
        (void)state;
        for (size_t i = 0; i < ROWS(transcript); i++) {
                for (size_t cut = 0; cut < transcript[i].n; cut++) {
                        struct att_server s;
                        struct store st;
                        uint8_t out[ATT_MTU_MAX];
                        uint8_t exact[64];
                        long m;

                        serve(&s, &st, ATT_MTU_MAX);
                        memcpy(exact, transcript[i].request, cut);
                        m = att_server_answer(&s, exact, cut, out, sizeof out);
                        assert_in_range(m, 0, s.mtu);
                        if (cut == 1 && transcript[i].m > 1 && exact[0] != 0x20) {
                                assert_int_equal(m, 5);
                                assert_int_equal(out[4], ATT_ERR_PDU);
                        }
                }
        }
}

static void test_server_queue_limit(void **state)
{
        struct att_server s;
        struct store st;
        uint8_t p[23] = { 0x16, 6, 0 }, out[ATT_MTU_MAX];
        size_t at = 0;

        (void)state;
        serve(&s, &st, ATT_MTU_MAX);
        for (; at + 18 <= ATT_VALUE_MAX; at += 18) {
                p[3] = (uint8_t)at, p[4] = (uint8_t)(at >> 8);
                assert_int_equal(att_server_answer(&s, p, 23, out, sizeof out), 23);
        }
        p[3] = (uint8_t)at, p[4] = (uint8_t)(at >> 8);
        assert_int_equal(att_server_answer(&s, p, 23, out, sizeof out), 5);
        assert_int_equal(out[4], ATT_ERR_QUEUE_FULL);
        assert_int_equal(att_server_answer(&s, p, 5 + ATT_VALUE_MAX - at, out, sizeof out),
                         5 + ATT_VALUE_MAX - at);
        /* an error of the application reaches who executes; nothing stays prepared */
        st.error = ATT_ERR_PDU;
        assert_int_equal(att_server_answer(&s, HEX("\x18\x01"), out, sizeof out), 5);
        assert_memory_equal(out, "\x01\x18\x06\x00\x04", 5);
        st.error = 0;
        st.writes = 0;
        assert_int_equal(att_server_answer(&s, HEX("\x18\x01"), out, sizeof out), 1);
        assert_int_equal(st.writes, 0);
        for (size_t cap = 0; cap < ATT_MTU_MAX; cap += 37)
                assert_int_equal(att_server_answer(&s, HEX("\x18\x01"), out, cap), -E_NOSPACE);
}

/* --- the client against the server --- */

struct seen {
        struct att_item items[16];
        size_t n;
        unsigned requests;
};

static void on_item(void *ctx, const struct att_item *it)
{
        struct seen *s = ctx;

        assert_true(s->n < ROWS(s->items));
        s->items[s->n++] = *it;
}

/* Run the client's operation to its end. */
static int drive(struct att_client *c, struct att_server *s, struct seen *seen)
{
        uint8_t q[ATT_MTU_MAX], r[ATT_MTU_MAX];
        int rc = ATT_MORE;

        while (rc == ATT_MORE) {
                const long n = att_client_next(c, q, sizeof q);
                long m;

                assert_in_range(n, 1, c->mtu);
                if (seen)
                        seen->requests++;
                m = att_server_answer(s, q, (size_t)n, r, sizeof r);
                assert_in_range(m, 1, s->mtu);
                rc = att_client_take(c, r, (size_t)m);
        }
        return rc;
}

static void test_client_searches(void **state)
{
        struct att_server s;
        struct att_client c;
        struct store st;
        struct seen seen = { 0 };

        (void)state;
        serve(&s, &st, 256);
        att_client_init(&c, ATT_MTU_MAX);
        att_client_exchange_mtu(&c);
        assert_int_equal(drive(&c, &s, NULL), ATT_DONE);
        assert_int_equal(c.mtu, 256);
        assert_int_equal(s.mtu, 256);

        att_client_services(&c, on_item, &seen);
        assert_int_equal(drive(&c, &s, &seen), ATT_DONE);
        assert_int_equal(seen.n, 2);
        assert_int_equal(seen.items[1].handle, 4);
        assert_int_equal(seen.items[1].end, 7);
        assert_memory_equal(seen.items[1].uuid.v, SERVICE, 16);

        seen.n = 0;
        att_client_characteristics(&c, 1, 7, on_item, &seen);
        assert_int_equal(drive(&c, &s, &seen), ATT_DONE);
        assert_int_equal(seen.n, 2);
        assert_int_equal(seen.items[0].value, 3);
        assert_true(att_uuid_is16(&seen.items[0].uuid, GATT_DEVICE_NAME));
        assert_int_equal(seen.items[1].value, 6);
        assert_int_equal(seen.items[1].properties, GATT_PROP_READ | GATT_PROP_WRITE);

        seen.n = 0;
        att_client_descriptors(&c, 4, 7, on_item, &seen);
        assert_int_equal(drive(&c, &s, &seen), ATT_DONE);
        assert_int_equal(seen.n, 4);
        assert_true(att_uuid_is16(&seen.items[3].uuid, GATT_USER_DESCRIPTION));
        assert_int_equal(seen.items[3].handle, 7);
}

/* Every length at several MTUs: written and read back whole. */
static void test_client_long_values(void **state)
{
        static const uint16_t mtus[] = { 23, 24, 185, 256, 517 };
        uint8_t in[ATT_VALUE_MAX + 1], out[ATT_VALUE_MAX];

        (void)state;
        for (size_t i = 0; i < sizeof in; i++)
                in[i] = (uint8_t)(i * 7 + (i >> 8));
        for (size_t k = 0; k < ROWS(mtus); k++) {
                struct att_server s;
                struct att_client c;
                struct store st;

                serve(&s, &st, ATT_MTU_MAX);
                att_client_init(&c, mtus[k]);
                att_client_exchange_mtu(&c);
                assert_int_equal(drive(&c, &s, NULL), ATT_DONE);
                assert_int_equal(c.mtu, mtus[k]);
                for (size_t n = 0; n <= ATT_VALUE_MAX; n += n < 60 ? 1 : 13) {
                        assert_int_equal(att_client_write(&c, 6, in, n), 0);
                        assert_int_equal(drive(&c, &s, NULL), ATT_DONE);
                        assert_int_equal(st.n, n);
                        att_client_read(&c, 6, out, n);
                        assert_int_equal(drive(&c, &s, NULL), ATT_DONE);
                        assert_int_equal(c.len, n);
                        assert_memory_equal(out, in, n);
                        if (n) {
                                att_client_read(&c, 6, out, n - 1);
                                assert_int_equal(drive(&c, &s, NULL), -E_NOSPACE);
                        }
                }
                assert_int_equal(att_client_write(&c, 6, in, sizeof in), -E_RANGE);
                st.error = ATT_ERR_UNLIKELY;
                assert_int_equal(att_client_write(&c, 6, in, 400), 0);
                assert_int_equal(drive(&c, &s, NULL), -E_REFUSED);
                assert_int_equal(c.error, ATT_ERR_UNLIKELY);
                assert_int_equal(s.queued, 0);
        }
}

/* --- the client against a script --- */

enum op { OP_MTU, OP_SERVICES, OP_CHARACTERISTICS, OP_DESCRIPTORS, OP_READ, OP_WRITE, OP_LONG };

static void begin(struct att_client *c, enum op op, struct seen *seen, uint8_t *buf, size_t cap)
{
        static const uint8_t text[30] = "thirty bytes, too long for 23";

        att_client_init(c, ATT_MTU_MAX);
        switch (op) {
        case OP_MTU:
                att_client_exchange_mtu(c);
                break;
        case OP_SERVICES:
                att_client_services(c, on_item, seen);
                break;
        case OP_CHARACTERISTICS:
                att_client_characteristics(c, 1, 0xffff, on_item, seen);
                break;
        case OP_DESCRIPTORS:
                att_client_descriptors(c, 1, 0xffff, on_item, seen);
                break;
        case OP_READ:
                att_client_read(c, 3, buf, cap);
                break;
        default:
                att_client_write(c, 3, text, op == OP_LONG ? 30 : 4);
        }
}

static const struct {
        const char *name;
        enum op op;
        const uint8_t *pdu;
        size_t n;
        int rc;
} hostile[] = {
        { "MTU: unknown to the peer", OP_MTU, HEX("\x01\x02\x00\x00\x06"), ATT_DONE },
        { "MTU: refused otherwise", OP_MTU, HEX("\x01\x02\x00\x00\x0e"), -E_REFUSED },
        { "MTU: of one byte", OP_MTU, HEX("\x03\x17"), -E_PROTO },
        { "MTU: zero is the least", OP_MTU, HEX("\x03\x00\x00"), ATT_DONE },
        { "no services", OP_SERVICES, HEX("\x01\x10\x01\x00\x0a"), ATT_DONE },
        { "an error of another request", OP_SERVICES, HEX("\x01\x0a\x01\x00\x0a"), ATT_MORE },
        { "services without entries", OP_SERVICES, HEX("\x11\x06"), -E_PROTO },
        { "services of no size", OP_SERVICES, HEX("\x11\x00\x01\x00"), -E_PROTO },
        { "services of half an entry", OP_SERVICES, HEX("\x11\x06\x01\x00\x03"), -E_PROTO },
        { "a service that ends before it begins", OP_SERVICES,
          HEX("\x11\x06\x05\x00\x04\x00\x00\x18"), -E_PROTO },
        { "services that go backwards", OP_SERVICES,
          HEX("\x11\x06\x05\x00\x07\x00\x00\x18\x06\x00\x08\x00\x00\x18"), -E_PROTO },
        { "a service at handle 0", OP_SERVICES, HEX("\x11\x06\x00\x00\x07\x00\x00\x18"), -E_PROTO },
        { "the last service", OP_SERVICES, HEX("\x11\x06\x05\x00\xff\xff\x00\x18"), ATT_DONE },
        { "a characteristic before its declaration", OP_CHARACTERISTICS,
          HEX("\x09\x07\x05\x00\x02\x04\x00\x00\x2a"), -E_PROTO },
        { "characteristics twice", OP_CHARACTERISTICS,
          HEX("\x09\x07\x05\x00\x02\x06\x00\x00\x2a\x05\x00\x02\x06\x00\x00\x2a"), -E_PROTO },
        { "information of no format", OP_DESCRIPTORS, HEX("\x05\x03\x01\x00\x00\x28"), -E_PROTO },
        { "information without entries", OP_DESCRIPTORS, HEX("\x05\x01"), -E_PROTO },
        { "information again", OP_DESCRIPTORS, HEX("\x05\x01\x01\x00\x00\x28\x01\x00\x00\x28"),
          -E_PROTO },
        { "read refused", OP_READ, HEX("\x01\x0a\x03\x00\x05"), -E_REFUSED },
        { "read a short value", OP_READ, HEX("\x0bhi"), ATT_DONE },
        { "read nothing", OP_READ, HEX("\x0b"), ATT_DONE },
        { "read a full part", OP_READ,
          HEX("\x0b"
              "0123456789012345678901"),
          ATT_MORE },
        { "read more than the MTU", OP_READ,
          HEX("\x0b"
              "01234567890123456789012"),
          -E_PROTO },
        { "written", OP_WRITE, HEX("\x13"), ATT_DONE },
        { "written, and more", OP_WRITE, HEX("\x13?"), -E_PROTO },
        { "written otherwise", OP_WRITE, HEX("\x17\x03\x00\x00\x00"), ATT_MORE },
        { "first part refused", OP_LONG, HEX("\x01\x16\x03\x00\x06"), -E_REFUSED },
        { "first part garbled", OP_LONG, HEX("\x17\x03\x00\x00\x00thirty bytes, TOO "), ATT_MORE },
        { "a notification", OP_WRITE, HEX("\x1b\x03\x00x"), ATT_MORE },
        { "nothing", OP_WRITE, HEX(""), ATT_MORE },
};

static void test_client_hostile_rows(void **state)
{
        (void)state;
        for (size_t i = 0; i < ROWS(hostile); i++) {
                struct att_client c;
                struct seen seen = { 0 };
                uint8_t buf[64], q[ATT_MTU_MAX];
                int rc;

                begin(&c, hostile[i].op, &seen, buf, sizeof buf);
                assert_true(att_client_next(&c, q, sizeof q) > 0);
                assert_int_equal(att_client_next(&c, q, sizeof q), 0);
                rc = att_client_take(&c, hostile[i].pdu, hostile[i].n);
                if (rc != hostile[i].rc)
                        fail_msg("%s: %d", hostile[i].name, rc);
                assert_in_range(c.mtu, ATT_MTU_MIN, ATT_MTU_MAX);
        }
        /* cut anywhere, none is taken for more than it is */
        for (size_t i = 0; i < ROWS(hostile); i++) {
                for (size_t cut = 0; cut < hostile[i].n; cut++) {
                        struct att_client c;
                        struct seen seen = { 0 };
                        uint8_t buf[64], q[ATT_MTU_MAX];

                        begin(&c, hostile[i].op, &seen, buf, sizeof buf);
                        assert_true(att_client_next(&c, q, sizeof q) > 0);
                        if (hostile[i].pdu[0] == ATT_ERROR_RSP)
                                assert_int_equal(att_client_take(&c, hostile[i].pdu, cut),
                                                 ATT_MORE);
                        else
                                att_client_take(&c, hostile[i].pdu, cut);
                }
        }
}

/* A long write that the peer garbles or refuses is cancelled before it is given up. */
static void test_client_cancels(void **state)
{
        struct att_client c;
        uint8_t q[ATT_MTU_MAX];

        (void)state;
        begin(&c, OP_LONG, NULL, NULL, 0);
        assert_int_equal(att_client_next(&c, q, sizeof q), 23);
        q[0] = ATT_PREPARE_RSP;
        q[9] ^= 1;
        assert_int_equal(att_client_take(&c, q, 23), ATT_MORE);
        assert_int_equal(att_client_next(&c, q, sizeof q), 2);
        assert_memory_equal(q, "\x18\x00", 2);
        assert_int_equal(att_client_take(&c, HEX("\x19")), -E_PROTO);

        begin(&c, OP_LONG, NULL, NULL, 0);
        assert_int_equal(att_client_next(&c, q, sizeof q), 23);
        q[0] = ATT_PREPARE_RSP;
        assert_int_equal(att_client_take(&c, q, 23), ATT_MORE);
        assert_int_equal(att_client_next(&c, q, sizeof q), 17);
        assert_int_equal(att_client_take(&c, HEX("\x01\x16\x03\x00\x09")), ATT_MORE);
        assert_int_equal(att_client_next(&c, q, sizeof q), 2);
        assert_memory_equal(q, "\x18\x00", 2);
        assert_int_equal(att_client_take(&c, HEX("\x19")), -E_REFUSED);
        assert_int_equal(c.error, ATT_ERR_QUEUE_FULL);
}

/* What a peer asks that is a client too (bluetoothd 5.66 begins with its own 02 05 02). */
static void test_client_answers_peer(void **state)
{
        static const struct {
                const uint8_t *pdu;
                size_t n;
                const uint8_t *answer;
                size_t m;
        } rows[] = {
                { HEX("\x02\x05\x02"), HEX("\x03\x05\x02") },
                { HEX("\x10\x01\x00\xff\xff\x00\x28"), HEX("\x01\x10\x01\x00\x0a") },
                { HEX("\x08\x01\x00\xff\xff\x03\x28"), HEX("\x01\x08\x01\x00\x0a") },
                { HEX("\x0a\x01\x00"), HEX("\x01\x0a\x01\x00\x06") },
                { HEX("\x0a"), HEX("\x01\x0a\x00\x00\x06") },
                { HEX("\x1d\x01\x00x"), HEX("\x1e") },
                { HEX("\x1b\x01\x00x"), HEX("") },
                { HEX("\x52\x01\x00x"), HEX("") },
        };
        struct att_client c;
        uint8_t q[ATT_MTU_MAX], buf[8];

        (void)state;
        begin(&c, OP_READ, NULL, buf, sizeof buf);
        assert_int_equal(att_client_next(&c, q, sizeof q), 3);
        for (size_t i = 0; i < ROWS(rows); i++) {
                assert_int_equal(att_client_take(&c, rows[i].pdu, rows[i].n), ATT_MORE);
                assert_int_equal(att_client_next(&c, q, sizeof q), rows[i].m);
                assert_memory_equal(q, rows[i].answer, rows[i].m);
        }
        assert_int_equal(att_client_take(&c, HEX("\x0bok")), ATT_DONE);
        assert_int_equal(c.len, 2);
        /* with nothing under way an answer is nobody's */
        assert_int_equal(att_client_take(&c, HEX("\x0bok")), ATT_MORE);
        for (size_t cap = 0; cap < ATT_MTU_MIN; cap++)
                assert_int_equal(att_client_next(&c, q, cap), -E_NOSPACE);
}

static void test_error_texts(void **state)
{
        (void)state;
        for (unsigned i = 0; i < 256; i++)
                assert_true(strlen(att_error_text((uint8_t)i)) > 5);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_server_transcript),
                cmocka_unit_test(test_server_every_cut),
                cmocka_unit_test(test_server_queue_limit),
                cmocka_unit_test(test_client_searches),
                cmocka_unit_test(test_client_long_values),
                cmocka_unit_test(test_client_hostile_rows),
                cmocka_unit_test(test_client_cancels),
                cmocka_unit_test(test_client_answers_peer),
                cmocka_unit_test(test_error_texts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
