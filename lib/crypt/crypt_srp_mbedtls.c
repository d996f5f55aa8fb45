/* srp.h on Mbed TLS: the same source for 2.28 (Debian 12) and 3.6 (ESP-IDF). */
#include "crypt/srp.h"

#include <string.h>

#include <mbedtls/bignum.h>
#include <mbedtls/dhm.h>
#include <mbedtls/sha512.h>
#include <mbedtls/version.h>

#include "base/bytes.h"
#include "base/err.h"

#if MBEDTLS_VERSION_MAJOR < 3
#define mbedtls_sha512_starts mbedtls_sha512_starts_ret
#define mbedtls_sha512_update mbedtls_sha512_update_ret
#define mbedtls_sha512_finish mbedtls_sha512_finish_ret
#endif

/* RFC 5054, appendix A, takes its 3072-bit N from RFC 3526, group 15. */
static const uint8_t srp_n[SRP_LEN] = MBEDTLS_DHM_RFC3526_MODP_3072_P_BIN;
static const uint8_t srp_g = 5;

static int status(int rc)
{
        if (rc == MBEDTLS_ERR_MPI_ALLOC_FAILED)
                return -E_NOMEM;
        return rc ? -E_BUG : 0;
}

/* The bytes of a number without its leading zero bytes. */
static struct srp_bytes minimal(const uint8_t *p, size_t n)
{
        while (n && *p == 0) {
                p++;
                n--;
        }
        return (struct srp_bytes){ p, n };
}

int srp_hash(const struct srp_bytes *parts, size_t count, uint8_t out[SRP_HASH_LEN])
{
        mbedtls_sha512_context c;
        int rc;

        mbedtls_sha512_init(&c);
        rc = mbedtls_sha512_starts(&c, 0);
        for (size_t i = 0; i < count && rc == 0; i++)
                if (parts[i].n)
                        rc = mbedtls_sha512_update(&c, parts[i].p, parts[i].n);
        if (rc == 0)
                rc = mbedtls_sha512_finish(&c, out);
        mbedtls_sha512_free(&c);
        return status(rc);
}

int srp_x(struct srp_bytes user, struct srp_bytes password, struct srp_bytes salt,
          uint8_t x[SRP_HASH_LEN])
{
        uint8_t inner[SRP_HASH_LEN];
        const struct srp_bytes name[] = { user, { ":", 1 }, password };
        const struct srp_bytes outer[] = { salt, { inner, sizeof inner } };
        int rc = srp_hash(name, 3, inner);

        if (rc == 0)
                rc = srp_hash(outer, 2, x);
        wipe(inner, sizeof inner);
        return rc;
}

/* The numbers that every computation needs; MPIs do not clean up after themselves. */
struct numbers {
        mbedtls_mpi n, g, a, b, c, d;
};

static int numbers_init(struct numbers *m)
{
        int rc;

        mbedtls_mpi_init(&m->n);
        mbedtls_mpi_init(&m->g);
        mbedtls_mpi_init(&m->a);
        mbedtls_mpi_init(&m->b);
        mbedtls_mpi_init(&m->c);
        mbedtls_mpi_init(&m->d);
        if ((rc = mbedtls_mpi_read_binary(&m->n, srp_n, SRP_LEN)) != 0)
                return rc;
        return mbedtls_mpi_lset(&m->g, srp_g);
}

static void numbers_free(struct numbers *m)
{
        mbedtls_mpi_free(&m->n);
        mbedtls_mpi_free(&m->g);
        mbedtls_mpi_free(&m->a);
        mbedtls_mpi_free(&m->b);
        mbedtls_mpi_free(&m->c);
        mbedtls_mpi_free(&m->d);
}

/* out = base^e mod N */
static int power(struct numbers *m, mbedtls_mpi *out, const mbedtls_mpi *base, const mbedtls_mpi *e)
{
        /* 2.28 refuses no exponent but a negative one; 0 gives 1 */
        return mbedtls_mpi_exp_mod(out, base, e, &m->n, NULL);
}

int srp_power(struct srp_bytes e, uint8_t out[SRP_LEN])
{
        struct numbers m;
        int rc;

        if (e.n > SRP_HASH_LEN)
                return -E_RANGE;
        rc = numbers_init(&m);
        if (rc == 0)
                rc = mbedtls_mpi_read_binary(&m.a, e.p, e.n);
        if (rc == 0)
                rc = power(&m, &m.b, &m.g, &m.a);
        if (rc == 0)
                rc = mbedtls_mpi_write_binary(&m.b, out, SRP_LEN);
        numbers_free(&m);
        return status(rc);
}

/* H(PAD(p) | PAD(q)): k from N and g, u from A and B. */
static int hash_pair(const uint8_t p[SRP_LEN], const uint8_t q[SRP_LEN], mbedtls_mpi *out)
{
        uint8_t h[SRP_HASH_LEN];
        const struct srp_bytes parts[] = { { p, SRP_LEN }, { q, SRP_LEN } };

        if (srp_hash(parts, 2, h) < 0)
                return MBEDTLS_ERR_MPI_BAD_INPUT_DATA;
        return mbedtls_mpi_read_binary(out, h, sizeof h);
}

static int multiplier(mbedtls_mpi *k)
{
        uint8_t g[SRP_LEN] = { 0 };

        g[SRP_LEN - 1] = srp_g;
        return hash_pair(srp_n, g, k);
}

int srp_server_public(const uint8_t v[SRP_LEN], struct srp_bytes b, uint8_t B[SRP_LEN])
{
        struct numbers m;
        int rc;

        if (b.n > SRP_HASH_LEN)
                return -E_RANGE;
        rc = numbers_init(&m);
        if (rc == 0)
                rc = mbedtls_mpi_read_binary(&m.a, b.p, b.n);
        if (rc == 0)
                rc = power(&m, &m.b, &m.g, &m.a);
        if (rc == 0)
                rc = multiplier(&m.c);
        if (rc == 0)
                rc = mbedtls_mpi_read_binary(&m.a, v, SRP_LEN);
        if (rc == 0)
                rc = mbedtls_mpi_mul_mpi(&m.d, &m.c, &m.a);
        if (rc == 0)
                rc = mbedtls_mpi_add_mpi(&m.d, &m.d, &m.b);
        if (rc == 0)
                rc = mbedtls_mpi_mod_mpi(&m.d, &m.d, &m.n);
        if (rc == 0)
                rc = mbedtls_mpi_write_binary(&m.d, B, SRP_LEN);
        numbers_free(&m);
        return status(rc);
}

/* K = H(S), S in m->d. */
static int session_key(struct numbers *m, uint8_t K[SRP_HASH_LEN])
{
        uint8_t s[SRP_LEN];
        int rc = status(mbedtls_mpi_write_binary(&m->d, s, SRP_LEN));

        if (rc == 0) {
                const struct srp_bytes bare = minimal(s, SRP_LEN);

                rc = srp_hash(&bare, 1, K);
        }
        wipe(s, sizeof s);
        return rc;
}

/* Reads the peer's number into m->b and u into m->c; E_VERIFY if either is nothing. */
static int peer_numbers(struct numbers *m, const uint8_t *peer, const uint8_t A[SRP_LEN],
                        const uint8_t B[SRP_LEN])
{
        int rc = mbedtls_mpi_read_binary(&m->b, peer, SRP_LEN);

        if (rc == 0)
                rc = mbedtls_mpi_mod_mpi(&m->b, &m->b, &m->n);
        if (rc == 0)
                rc = hash_pair(A, B, &m->c);
        if (rc)
                return status(rc);
        if (mbedtls_mpi_cmp_int(&m->b, 0) == 0 || mbedtls_mpi_cmp_int(&m->c, 0) == 0)
                return -E_VERIFY;
        return 0;
}

/* S = (A * v^u)^b */
int srp_server_key(const uint8_t v[SRP_LEN], struct srp_bytes b, const uint8_t A[SRP_LEN],
                   const uint8_t B[SRP_LEN], uint8_t K[SRP_HASH_LEN])
{
        struct numbers m;
        int rc;

        if (b.n > SRP_HASH_LEN)
                return -E_RANGE;
        if ((rc = status(numbers_init(&m))) < 0 || (rc = peer_numbers(&m, A, A, B)) < 0)
                goto out;
        rc = mbedtls_mpi_read_binary(&m.a, v, SRP_LEN);
        if (rc == 0)
                rc = power(&m, &m.d, &m.a, &m.c);
        if (rc == 0)
                rc = mbedtls_mpi_mul_mpi(&m.d, &m.d, &m.b);
        if (rc == 0)
                rc = mbedtls_mpi_mod_mpi(&m.b, &m.d, &m.n);
        if (rc == 0)
                rc = mbedtls_mpi_read_binary(&m.a, b.p, b.n);
        if (rc == 0)
                rc = power(&m, &m.d, &m.b, &m.a);
        rc = rc ? status(rc) : session_key(&m, K);
out:
        numbers_free(&m);
        return rc;
}

/* m->b becomes (B - k * g^x) mod N, x in m->a. */
static int client_base(struct numbers *m)
{
        int rc = power(m, &m->d, &m->g, &m->a);

        if (rc == 0)
                rc = multiplier(&m->g);
        if (rc == 0)
                rc = mbedtls_mpi_mul_mpi(&m->d, &m->d, &m->g);
        if (rc == 0)
                rc = mbedtls_mpi_sub_mpi(&m->b, &m->b, &m->d);
        if (rc == 0)
                rc = mbedtls_mpi_mod_mpi(&m->b, &m->b, &m->n);
        return rc;
}

/* S = (B - k * g^x)^(a + u * x) */
int srp_client_key(struct srp_bytes a, const uint8_t x[SRP_HASH_LEN], const uint8_t A[SRP_LEN],
                   const uint8_t B[SRP_LEN], uint8_t K[SRP_HASH_LEN])
{
        struct numbers m;
        int rc;

        if (a.n > SRP_HASH_LEN)
                return -E_RANGE;
        if ((rc = status(numbers_init(&m))) < 0 || (rc = peer_numbers(&m, B, A, B)) < 0)
                goto out;
        rc = mbedtls_mpi_read_binary(&m.a, x, SRP_HASH_LEN);
        if (rc == 0)
                rc = client_base(&m);
        if (rc == 0)
                rc = mbedtls_mpi_mul_mpi(&m.c, &m.c, &m.a);
        if (rc == 0)
                rc = mbedtls_mpi_read_binary(&m.a, a.p, a.n);
        if (rc == 0)
                rc = mbedtls_mpi_add_mpi(&m.c, &m.c, &m.a);
        if (rc == 0)
                rc = power(&m, &m.d, &m.b, &m.c);
        rc = rc ? status(rc) : session_key(&m, K);
out:
        numbers_free(&m);
        return rc;
}

int srp_proofs(struct srp_bytes user, struct srp_bytes salt, const uint8_t A[SRP_LEN],
               const uint8_t B[SRP_LEN], const uint8_t K[SRP_HASH_LEN], uint8_t M1[SRP_HASH_LEN],
               uint8_t M2[SRP_HASH_LEN])
{
        uint8_t g[SRP_LEN] = { 0 };
        uint8_t hn[SRP_HASH_LEN], hg[SRP_HASH_LEN], hu[SRP_HASH_LEN];
        const struct srp_bytes n = { srp_n, SRP_LEN };
        const struct srp_bytes padded_g = { g, SRP_LEN };
        const struct srp_bytes m1[] = {
                { hn, sizeof hn }, { hu, sizeof hu },   salt,
                { A, SRP_LEN },    minimal(B, SRP_LEN), { K, SRP_HASH_LEN }
        };
        const struct srp_bytes m2[] = { { A, SRP_LEN }, { M1, SRP_HASH_LEN }, { K, SRP_HASH_LEN } };
        int rc;

        g[SRP_LEN - 1] = srp_g;
        if ((rc = srp_hash(&n, 1, hn)) < 0 || (rc = srp_hash(&padded_g, 1, hg)) < 0 ||
            (rc = srp_hash(&user, 1, hu)) < 0)
                return rc;
        for (size_t i = 0; i < SRP_HASH_LEN; i++)
                hn[i] ^= hg[i];
        if ((rc = srp_hash(m1, 6, M1)) < 0)
                return rc;
        return srp_hash(m2, 3, M2);
}
