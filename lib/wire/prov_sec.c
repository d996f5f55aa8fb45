#include "wire/prov_sec.h"

#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "prov.pb-c.h"

enum {
        SEC_CMD0 = 0,
        SEC_RESP0 = 1,
        SEC_CMD1 = 2,
        SEC_RESP1 = 3
}; /* msg of Sec1 and Sec2; Sec0 has only 0 and 1 */

#define NONCE_LEN   12u /* security 2: 8 random bytes and the counter */
#define NONCE_RAND  8u
#define NONCE0_LEN  16u /* patch 0 */
#define VERIFY_LEN  32u
#define COUNTER_LEN 16u

static int draw(const struct prov_random *r, void *out, size_t n)
{
        return r->fill ? r->fill(r->ctx, out, n) : crypt_random(out, n);
}

static void counter_step(struct prov_cipher *c)
{
        const uint32_t next = be32_get(c->iv + NONCE_RAND) + 1;

        if (c->security != 2 || c->patch0)
                return;
        be32_put(c->iv + NONCE_RAND, next);
        c->exhausted = next == 0;
}

long prov_seal(struct prov_cipher *c, const uint8_t *in, size_t n, uint8_t *out, size_t cap)
{
        const size_t need = n + (c->security == 2 ? CRYPT_GCM_TAG : 0);
        int rc = 0;

        if (n > PROV_MESSAGE_MAX || need > cap)
                return -E_NOSPACE;
        if (c->exhausted)
                return -E_STATE;
        if (c->security == 0) {
                memmove(out, in, n);
        } else if (c->security == 1) {
                rc = crypt_ctr_xor(&c->ctr, in, out, n);
        } else {
                rc = crypt_gcm_encrypt(c->key, c->iv, c->patch0 ? NONCE0_LEN : NONCE_LEN, in, n,
                                       out);
                if (rc == 0)
                        counter_step(c);
        }
        return rc < 0 ? rc : (long)need;
}

long prov_open(struct prov_cipher *c, const uint8_t *in, size_t n, uint8_t *out, size_t cap)
{
        int rc = 0;

        if (c->exhausted)
                return -E_STATE;
        if (c->security == 2) {
                /* a device cannot take an empty message: protocomm refuses 16 bytes and fewer */
                if (n <= CRYPT_GCM_TAG)
                        return -E_VERIFY;
                if (n - CRYPT_GCM_TAG > cap)
                        return -E_NOSPACE;
                rc = crypt_gcm_decrypt(c->key, c->iv, c->patch0 ? NONCE0_LEN : NONCE_LEN, in, n,
                                       out);
                if (rc == 0)
                        counter_step(c);
                return rc < 0 ? rc : (long)(n - CRYPT_GCM_TAG);
        }
        if (n > cap)
                return -E_NOSPACE;
        if (c->security == 0)
                memmove(out, in, n);
        else
                rc = crypt_ctr_xor(&c->ctr, in, out, n);
        return rc < 0 ? rc : (long)n;
}

static void cipher_clear(struct prov_cipher *c)
{
        if (c->security == 1)
                crypt_ctr_free(&c->ctr);
        wipe(c, sizeof *c);
}

/* The key of security 1: the shared point, with the hash of the PoP over it where there is one. */
static int sec1_cipher(struct prov_cipher *c, const uint8_t priv[32], const uint8_t peer[32],
                       const uint8_t *pop, size_t pop_len, const uint8_t counter[COUNTER_LEN])
{
        uint8_t key[CRYPT_X25519_LEN];
        uint8_t hash[CRYPT_SHA256_LEN];
        int rc;

        if ((rc = crypt_x25519(priv, peer, key)) < 0)
                goto out;
        if (pop_len) {
                if ((rc = crypt_sha256(pop, pop_len, hash)) < 0)
                        goto out;
                for (size_t i = 0; i < sizeof key; i++)
                        key[i] ^= hash[i];
        }
        c->security = 1;
        rc = crypt_ctr_init(&c->ctr, key, counter);
out:
        wipe(key, sizeof key);
        wipe(hash, sizeof hash);
        return rc;
}

static void sec2_cipher(struct prov_cipher *c, const uint8_t K[SRP_HASH_LEN], const uint8_t *nonce,
                        size_t nonce_len)
{
        c->security = 2;
        c->patch0 = nonce_len == NONCE0_LEN;
        memcpy(c->key, K, sizeof c->key);
        memcpy(c->iv, nonce, nonce_len);
}

/* A number as it goes over the wire: B leaves without its leading zero bytes. */
static ProtobufCBinaryData minimal(const uint8_t *p, size_t n)
{
        while (n && !*p) {
                p++;
                n--;
        }
        return (ProtobufCBinaryData){ .len = n, .data = (uint8_t *)(uintptr_t)p };
}

static ProtobufCBinaryData bytes_of(const uint8_t *p, size_t n)
{
        return (ProtobufCBinaryData){ .len = n, .data = (uint8_t *)(uintptr_t)p };
}

static long pack(const Prov__SessionData *m, uint8_t *out, size_t cap)
{
        const size_t n = prov__session_data__get_packed_size(m);

        if (n > cap)
                return -E_NOSPACE;
        return (long)prov__session_data__pack(m, out);
}

static long pack_sec1(Prov__Sec1 *s, uint8_t *out, size_t cap)
{
        Prov__SessionData m = PROV__SESSION_DATA__INIT;

        m.sec_ver = 1;
        m.proto_case = PROV__SESSION_DATA__PROTO_SEC1;
        m.sec1 = s;
        return pack(&m, out, cap);
}

static long pack_sec2(Prov__Sec2 *s, uint8_t *out, size_t cap)
{
        Prov__SessionData m = PROV__SESSION_DATA__INIT;

        m.sec_ver = 2;
        m.proto_case = PROV__SESSION_DATA__PROTO_SEC2;
        m.sec2 = s;
        return pack(&m, out, cap);
}

/* --- the device's end --- */

int prov_server_init(struct prov_server_sec *s, const struct prov_server_config *cfg)
{
        memset(s, 0, sizeof *s);
        if (cfg->security < 0 || cfg->security > 2)
                return -E_INVAL;
        if (cfg->security == 2 &&
            (!cfg->salt || !cfg->salt_len || cfg->salt_len > PROV_SALT_MAX || !cfg->verifier))
                return -E_INVAL;
        s->cfg = *cfg;
        return 0;
}

void prov_server_reset(struct prov_server_sec *s)
{
        const struct prov_server_config cfg = s->cfg;

        cipher_clear(&s->cipher);
        wipe(s, sizeof *s);
        s->cfg = cfg;
}

static long server_sec0(struct prov_server_sec *s, const Prov__SessionData *in, uint8_t *out,
                        size_t cap)
{
        Prov__SessionData m = PROV__SESSION_DATA__INIT;
        Prov__Sec0 r = PROV__SEC0__INIT;
        Prov__StatusOnly status = PROV__STATUS_ONLY__INIT;

        if (in->proto_case != PROV__SESSION_DATA__PROTO_SEC0 || !in->sec0 || in->sec0->msg != 0)
                return -E_PROTO;
        r.msg = 1;
        r.payload_case = PROV__SEC0__PAYLOAD_SR;
        r.sr = &status;
        m.proto_case = PROV__SESSION_DATA__PROTO_SEC0;
        m.sec0 = &r;
        s->phase = PROV_READY;
        return pack(&m, out, cap);
}

static long server_sec1_cmd0(struct prov_server_sec *s, const Prov__Sec1 *in, uint8_t *out,
                             size_t cap)
{
        Prov__Sec1 m = PROV__SEC1__INIT;
        Prov__Sec1Resp0 r = PROV__SEC1_RESP0__INIT;
        uint8_t priv[CRYPT_X25519_LEN];
        uint8_t counter[COUNTER_LEN];
        long rc = -E_PROTO;

        prov_server_reset(s);
        if (in->payload_case != PROV__SEC1__PAYLOAD_SC0 ||
            in->sc0->client_pubkey.len != CRYPT_X25519_LEN)
                return -E_PROTO;
        memcpy(s->peer, in->sc0->client_pubkey.data, sizeof s->peer);
        if ((rc = draw(&s->cfg.random, priv, sizeof priv)) < 0 ||
            (rc = draw(&s->cfg.random, counter, sizeof counter)) < 0 ||
            (rc = crypt_x25519(priv, crypt_x25519_base, s->own)) < 0)
                goto out;
        rc = sec1_cipher(&s->cipher, priv, s->peer, s->cfg.pop, s->cfg.pop_len, counter);
        if (rc < 0) {
                rc = rc == -E_VERIFY ? -E_PROTO
                                     : rc; /* a point of low order is no guess of the PoP */
                goto out;
        }
        r.device_pubkey = bytes_of(s->own, sizeof s->own);
        r.device_random = bytes_of(counter, sizeof counter);
        m.msg = SEC_RESP0;
        m.payload_case = PROV__SEC1__PAYLOAD_SR0;
        m.sr0 = &r;
        rc = pack_sec1(&m, out, cap);
        if (rc > 0)
                s->phase = PROV_HALF;
out:
        wipe(priv, sizeof priv);
        return rc;
}

static long server_sec1_cmd1(struct prov_server_sec *s, const Prov__Sec1 *in, uint8_t *out,
                             size_t cap)
{
        Prov__Sec1 m = PROV__SEC1__INIT;
        Prov__Sec1Resp1 r = PROV__SEC1_RESP1__INIT;
        uint8_t verify[VERIFY_LEN];
        int rc;

        if (s->phase != PROV_HALF || in->payload_case != PROV__SEC1__PAYLOAD_SC1 ||
            in->sc1->client_verify.len != VERIFY_LEN)
                return -E_PROTO;
        if ((rc = crypt_ctr_xor(&s->cipher.ctr, in->sc1->client_verify.data, verify, VERIFY_LEN)) <
            0)
                return rc;
        if (!bytes_equal_ct(verify, s->own, VERIFY_LEN)) {
                /* the key stream has moved on: this half of a session is of no use any more */
                prov_server_reset(s);
                return -E_VERIFY;
        }
        if ((rc = crypt_ctr_xor(&s->cipher.ctr, s->peer, verify, VERIFY_LEN)) < 0)
                return rc;
        r.device_verify = bytes_of(verify, VERIFY_LEN);
        m.msg = SEC_RESP1;
        m.payload_case = PROV__SEC1__PAYLOAD_SR1;
        m.sr1 = &r;
        s->phase = PROV_READY;
        return pack_sec1(&m, out, cap);
}

static long server_sec2_cmd0(struct prov_server_sec *s, const Prov__Sec2 *in, uint8_t *out,
                             size_t cap)
{
        Prov__Sec2 m = PROV__SEC2__INIT;
        Prov__Sec2Resp0 r = PROV__SEC2_RESP0__INIT;
        long rc;

        prov_server_reset(s);
        if (in->payload_case != PROV__SEC2__PAYLOAD_SC0 || in->sc0->client_pubkey.len != SRP_LEN ||
            in->sc0->username.len == 0 || in->sc0->username.len > PROV_USERNAME_MAX)
                return -E_PROTO;
        memcpy(s->A, in->sc0->client_pubkey.data, SRP_LEN);
        s->user_len = in->sc0->username.len;
        memcpy(s->user, in->sc0->username.data, s->user_len);
        if ((rc = draw(&s->cfg.random, s->b, sizeof s->b)) < 0)
                return rc;
        if ((rc = srp_server_public(s->cfg.verifier, (struct srp_bytes){ s->b, sizeof s->b },
                                    s->B)) < 0)
                return rc;
        rc = srp_server_key(s->cfg.verifier, (struct srp_bytes){ s->b, sizeof s->b }, s->A, s->B,
                            s->K);
        if (rc < 0) {
                prov_server_reset(s);
                return rc == -E_VERIFY ? -E_PROTO : rc; /* A = 0 mod N, or u = 0 */
        }
        r.device_pubkey = minimal(s->B, SRP_LEN);
        r.device_salt = bytes_of(s->cfg.salt, s->cfg.salt_len);
        m.msg = SEC_RESP0;
        m.payload_case = PROV__SEC2__PAYLOAD_SR0;
        m.sr0 = &r;
        rc = pack_sec2(&m, out, cap);
        if (rc > 0)
                s->phase = PROV_HALF;
        return rc;
}

static long server_sec2_cmd1(struct prov_server_sec *s, const Prov__Sec2 *in, uint8_t *out,
                             size_t cap)
{
        Prov__Sec2 m = PROV__SEC2__INIT;
        Prov__Sec2Resp1 r = PROV__SEC2_RESP1__INIT;
        const size_t nonce_len = s->cfg.patch0 ? NONCE0_LEN : NONCE_LEN;
        uint8_t M1[SRP_HASH_LEN];
        uint8_t M2[SRP_HASH_LEN];
        uint8_t nonce[NONCE0_LEN] = { 0 };
        long rc;

        if (s->phase != PROV_HALF || in->payload_case != PROV__SEC2__PAYLOAD_SC1 ||
            in->sc1->client_proof.len != SRP_HASH_LEN)
                return -E_PROTO;
        if ((rc = srp_proofs((struct srp_bytes){ s->user, s->user_len },
                             (struct srp_bytes){ s->cfg.salt, s->cfg.salt_len }, s->A, s->B, s->K,
                             M1, M2)) < 0)
                return rc;
        if (!bytes_equal_ct(M1, in->sc1->client_proof.data, SRP_HASH_LEN)) {
                rc = -E_VERIFY;
                goto out;
        }
        if ((rc = draw(&s->cfg.random, nonce, s->cfg.patch0 ? NONCE0_LEN : NONCE_RAND)) < 0)
                goto out;
        if (!s->cfg.patch0)
                be32_put(nonce + NONCE_RAND, 1);
        r.device_proof = bytes_of(M2, sizeof M2);
        r.device_nonce = bytes_of(nonce, nonce_len);
        m.msg = SEC_RESP1;
        m.payload_case = PROV__SEC2__PAYLOAD_SR1;
        m.sr1 = &r;
        rc = pack_sec2(&m, out, cap);
        if (rc > 0) {
                sec2_cipher(&s->cipher, s->K, nonce, nonce_len);
                s->phase = PROV_READY;
        }
out:
        wipe(M1, sizeof M1);
        wipe(M2, sizeof M2);
        return rc;
}

long prov_server_handshake(struct prov_server_sec *s, const uint8_t *in, size_t n, uint8_t *out,
                           size_t cap)
{
        Prov__SessionData *m =
                n <= PROV_MESSAGE_MAX ? prov__session_data__unpack(NULL, n, in) : NULL;
        long rc = -E_PROTO;

        if (!m)
                return -E_PROTO;
        if ((int)m->sec_ver != s->cfg.security) {
                rc = -E_PROTO;
        } else if (s->cfg.security == 0) {
                rc = server_sec0(s, m, out, cap);
        } else if (s->cfg.security == 1 && m->proto_case == PROV__SESSION_DATA__PROTO_SEC1) {
                if (m->sec1->msg == SEC_CMD0)
                        rc = server_sec1_cmd0(s, m->sec1, out, cap);
                else if (m->sec1->msg == SEC_CMD1)
                        rc = server_sec1_cmd1(s, m->sec1, out, cap);
        } else if (s->cfg.security == 2 && m->proto_case == PROV__SESSION_DATA__PROTO_SEC2) {
                if (m->sec2->msg == SEC_CMD0)
                        rc = server_sec2_cmd0(s, m->sec2, out, cap);
                else if (m->sec2->msg == SEC_CMD1)
                        rc = server_sec2_cmd1(s, m->sec2, out, cap);
        }
        prov__session_data__free_unpacked(m, NULL);
        return rc;
}

/* --- the client's end --- */

int prov_client_init(struct prov_client_sec *c, const struct prov_client_config *cfg)
{
        memset(c, 0, sizeof *c);
        if (cfg->security < 0 || cfg->security > 2)
                return -E_INVAL;
        if (cfg->security == 2 && (!cfg->username_len || cfg->username_len > PROV_USERNAME_MAX))
                return -E_INVAL;
        c->cfg = *cfg;
        return 0;
}

void prov_client_free(struct prov_client_sec *c)
{
        cipher_clear(&c->cipher);
        wipe(c, sizeof *c);
}

static long client_sec1_next(struct prov_client_sec *c, uint8_t *out, size_t cap)
{
        Prov__Sec1 m = PROV__SEC1__INIT;
        Prov__Sec1Cmd0 c0 = PROV__SEC1_CMD0__INIT;
        Prov__Sec1Cmd1 c1 = PROV__SEC1_CMD1__INIT;
        uint8_t verify[VERIFY_LEN];
        int rc;

        if (c->step == 0) {
                if ((rc = draw(&c->cfg.random, c->own_private, sizeof c->own_private)) < 0 ||
                    (rc = crypt_x25519(c->own_private, crypt_x25519_base, c->own)) < 0)
                        return rc;
                c0.client_pubkey = bytes_of(c->own, sizeof c->own);
                m.payload_case = PROV__SEC1__PAYLOAD_SC0;
                m.sc0 = &c0;
        } else {
                if ((rc = crypt_ctr_xor(&c->cipher.ctr, c->device, verify, VERIFY_LEN)) < 0)
                        return rc;
                c1.client_verify = bytes_of(verify, VERIFY_LEN);
                m.msg = SEC_CMD1;
                m.payload_case = PROV__SEC1__PAYLOAD_SC1;
                m.sc1 = &c1;
        }
        return pack_sec1(&m, out, cap);
}

static long client_sec2_next(struct prov_client_sec *c, uint8_t *out, size_t cap)
{
        Prov__Sec2 m = PROV__SEC2__INIT;
        Prov__Sec2Cmd0 c0 = PROV__SEC2_CMD0__INIT;
        Prov__Sec2Cmd1 c1 = PROV__SEC2_CMD1__INIT;
        int rc;

        if (c->step == 0) {
                if ((rc = draw(&c->cfg.random, c->a, sizeof c->a)) < 0 ||
                    (rc = srp_power((struct srp_bytes){ c->a, sizeof c->a }, c->A)) < 0)
                        return rc;
                c0.username = bytes_of(c->cfg.username, c->cfg.username_len);
                c0.client_pubkey = bytes_of(c->A, SRP_LEN);
                m.payload_case = PROV__SEC2__PAYLOAD_SC0;
                m.sc0 = &c0;
        } else {
                c1.client_proof = bytes_of(c->M1, sizeof c->M1);
                m.msg = SEC_CMD1;
                m.payload_case = PROV__SEC2__PAYLOAD_SC1;
                m.sc1 = &c1;
        }
        return pack_sec2(&m, out, cap);
}

long prov_client_next(struct prov_client_sec *c, uint8_t *out, size_t cap)
{
        Prov__SessionData m = PROV__SESSION_DATA__INIT;
        Prov__Sec0 s0 = PROV__SEC0__INIT;
        Prov__Empty nothing = PROV__EMPTY__INIT;
        long n;

        if (c->phase == PROV_READY)
                return 0;
        if (c->cfg.security == 1) {
                n = client_sec1_next(c, out, cap);
        } else if (c->cfg.security == 2) {
                n = client_sec2_next(c, out, cap);
        } else {
                s0.payload_case = PROV__SEC0__PAYLOAD_SC;
                s0.sc = &nothing;
                m.proto_case = PROV__SESSION_DATA__PROTO_SEC0;
                m.sec0 = &s0;
                n = pack(&m, out, cap);
        }
        if (n > 0)
                c->step++;
        return n;
}

static int refused(uint32_t status, struct diag *d)
{
        return diag_set(d, E_REFUSED, "the device refused the session with status %u", status);
}

static int client_sec1_answer(struct prov_client_sec *c, const Prov__Sec1 *in, struct diag *d)
{
        uint8_t verify[VERIFY_LEN];
        int rc;

        if (c->step == 1 && in->msg == SEC_RESP0 && in->payload_case == PROV__SEC1__PAYLOAD_SR0) {
                if (in->sr0->status)
                        return refused(in->sr0->status, d);
                if (in->sr0->device_pubkey.len != CRYPT_X25519_LEN ||
                    in->sr0->device_random.len != COUNTER_LEN)
                        return diag_set(d, E_PROTO, "the device's key has a wrong length");
                memcpy(c->device, in->sr0->device_pubkey.data, sizeof c->device);
                rc = sec1_cipher(&c->cipher, c->own_private, c->device, c->cfg.secret,
                                 c->cfg.secret_len, in->sr0->device_random.data);
                wipe(c->own_private, sizeof c->own_private);
                if (rc < 0)
                        return diag_set(d, -rc, "the device's key cannot be used");
                c->phase = PROV_HALF;
                return 0;
        }
        if (c->step == 2 && in->msg == SEC_RESP1 && in->payload_case == PROV__SEC1__PAYLOAD_SR1) {
                if (in->sr1->status)
                        return refused(in->sr1->status, d);
                if (in->sr1->device_verify.len != VERIFY_LEN)
                        return diag_set(d, E_PROTO, "the device's proof has a wrong length");
                rc = crypt_ctr_xor(&c->cipher.ctr, in->sr1->device_verify.data, verify, VERIFY_LEN);
                if (rc < 0)
                        return rc;
                if (!bytes_equal_ct(verify, c->own, VERIFY_LEN))
                        return diag_set(
                                d, E_VERIFY,
                                "the device does not prove that it knows the proof of possession");
                c->phase = PROV_READY;
                return 0;
        }
        return diag_set(d, E_PROTO, "the device's answer is not the one that was due");
}

/* x as the stock Python tool makes it: without a leading zero byte of the salt and the inner hash.
 */
static int stock_x(const struct prov_client_config *cfg, struct srp_bytes salt,
                   uint8_t x[SRP_HASH_LEN])
{
        const struct srp_bytes inner_parts[] = { { cfg->username, cfg->username_len },
                                                 { ":", 1 },
                                                 { cfg->secret, cfg->secret_len } };
        uint8_t inner[SRP_HASH_LEN];
        struct srp_bytes parts[2];
        ProtobufCBinaryData m;
        int rc;

        if ((rc = srp_hash(inner_parts, 3, inner)) < 0)
                return rc;
        m = minimal(salt.p, salt.n);
        parts[0] = (struct srp_bytes){ m.data, m.len };
        m = minimal(inner, sizeof inner);
        parts[1] = (struct srp_bytes){ m.data, m.len };
        rc = srp_hash(parts, 2, x);
        wipe(inner, sizeof inner);
        return rc;
}

static int client_x(struct prov_client_sec *c, struct srp_bytes salt, uint8_t x[SRP_HASH_LEN])
{
        const struct srp_bytes user = { c->cfg.username, c->cfg.username_len };
        const struct srp_bytes secret = { c->cfg.secret, c->cfg.secret_len };
        uint8_t stock[SRP_HASH_LEN];
        int rc;

        if ((rc = srp_x(user, secret, salt, x)) < 0 || (rc = stock_x(&c->cfg, salt, stock)) < 0)
                return rc;
        c->stock_differs = !bytes_equal_ct(x, stock, sizeof stock);
        if (c->cfg.stock_x)
                memcpy(x, stock, sizeof stock);
        wipe(stock, sizeof stock);
        return 0;
}

static int client_sec2_resp0(struct prov_client_sec *c, const Prov__Sec2Resp0 *r, struct diag *d)
{
        const struct srp_bytes salt = { r->device_salt.data, r->device_salt.len };
        uint8_t B[SRP_LEN] = { 0 };
        uint8_t x[SRP_HASH_LEN];
        int rc;

        if (r->status)
                return refused(r->status, d);
        if (!r->device_pubkey.len || r->device_pubkey.len > SRP_LEN || !salt.n ||
            salt.n > PROV_SALT_MAX)
                return diag_set(d, E_PROTO, "the device's key or salt has a wrong length");
        memcpy(B + SRP_LEN - r->device_pubkey.len, r->device_pubkey.data, r->device_pubkey.len);
        if ((rc = client_x(c, salt, x)) < 0)
                goto out;
        rc = srp_client_key((struct srp_bytes){ c->a, sizeof c->a }, x, c->A, B, c->K);
        if (rc < 0) {
                rc = diag_set(d, -rc, "the device's key cannot be used");
                goto out;
        }
        rc = srp_proofs((struct srp_bytes){ c->cfg.username, c->cfg.username_len }, salt, c->A, B,
                        c->K, c->M1, c->M2);
        if (rc == 0)
                c->phase = PROV_HALF;
out:
        wipe(x, sizeof x);
        wipe(c->a, sizeof c->a);
        return rc;
}

static int client_sec2_answer(struct prov_client_sec *c, const Prov__Sec2 *in, struct diag *d)
{
        const size_t nonce_len = c->cfg.patch0 ? NONCE0_LEN : NONCE_LEN;

        if (c->step == 1 && in->msg == SEC_RESP0 && in->payload_case == PROV__SEC2__PAYLOAD_SR0)
                return client_sec2_resp0(c, in->sr0, d);
        if (c->step != 2 || in->msg != SEC_RESP1 || in->payload_case != PROV__SEC2__PAYLOAD_SR1)
                return diag_set(d, E_PROTO, "the device's answer is not the one that was due");
        if (in->sr1->status)
                return refused(in->sr1->status, d);
        if (in->sr1->device_proof.len != SRP_HASH_LEN ||
            !bytes_equal_ct(in->sr1->device_proof.data, c->M2, SRP_HASH_LEN))
                return diag_set(d, E_VERIFY,
                                "the device does not prove that it knows the password");
        /* the length of the nonce tells the scheme better than proto-ver does */
        if (in->sr1->device_nonce.len != NONCE_LEN && in->sr1->device_nonce.len != NONCE0_LEN)
                return diag_set(d, E_PROTO, "the device's nonce has %zu bytes, expected %zu",
                                in->sr1->device_nonce.len, nonce_len);
        sec2_cipher(&c->cipher, c->K, in->sr1->device_nonce.data, in->sr1->device_nonce.len);
        wipe(c->K, sizeof c->K);
        c->phase = PROV_READY;
        return 0;
}

int prov_client_answer(struct prov_client_sec *c, const uint8_t *in, size_t n, struct diag *d)
{
        Prov__SessionData *m =
                n <= PROV_MESSAGE_MAX ? prov__session_data__unpack(NULL, n, in) : NULL;
        int rc;

        if (!m)
                return diag_set(d, E_PROTO, "the device's answer is not a session message");
        if (c->cfg.security == 1 && m->proto_case == PROV__SESSION_DATA__PROTO_SEC1) {
                rc = client_sec1_answer(c, m->sec1, d);
        } else if (c->cfg.security == 2 && m->proto_case == PROV__SESSION_DATA__PROTO_SEC2) {
                rc = client_sec2_answer(c, m->sec2, d);
        } else if (c->cfg.security == 0 && m->proto_case == PROV__SESSION_DATA__PROTO_SEC0 &&
                   m->sec0->payload_case == PROV__SEC0__PAYLOAD_SR) {
                rc = m->sec0->sr->status ? refused(m->sec0->sr->status, d) : 0;
                if (rc == 0)
                        c->phase = PROV_READY;
        } else {
                rc = diag_set(d, E_PROTO, "the device speaks another security than %d",
                              c->cfg.security);
        }
        prov__session_data__free_unpacked(m, NULL);
        return rc;
}
