/* provcli gen-cred: what a device stores instead of its security 2 password. */
#include "provcli.h"

#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/hex.h"
#include "host/file.h"
#include "host/passphrase.h"

int64_t gen_cred_salt_len = SRP_SALT_LEN;
static const char *salt_hex;

const struct opt gen_cred_options[] = {
        { 0, "salt-len|sec2_salt_len", OPT_INT, &gen_cred_salt_len, "N",
          "bytes of random salt (default 16)", 0 },
        { 0, "salt", OPT_STR, &salt_hex, "HEX", "this salt instead of a random one", 0 },
        { 0 },
};

int run_gen_cred(int argc, char **argv)
{
        const struct passphrase_source from = { .file = opts.password_file ? opts.password_file
                                                                           : opts.pop_file,
                                                .fd = -1,
                                                .options = "--password-file FILE" };
        const char *user = opts.username ? opts.username : "wifiprov";
        uint8_t salt[PROV_SALT_MAX], x[SRP_HASH_LEN], v[SRP_LEN];
        char salt_text[2 * PROV_SALT_MAX + 1], v_text[2 * SRP_LEN + 1];
        struct blob pw = { 0 };
        struct diag d = { 0 };
        int rc;

        (void)argc;
        (void)argv;
        if (salt_hex) {
                gen_cred_salt_len = hex_decode(salt_hex, strlen(salt_hex), salt, sizeof salt, NULL);
        } else if (gen_cred_salt_len >= 1 && gen_cred_salt_len <= (int64_t)PROV_SALT_MAX &&
                   crypt_random(salt, (size_t)gen_cred_salt_len) < 0) {
                diag_set(&d, E_RANDOM, "no random numbers to be had");
                return say_failure(-E_RANDOM, &d, NULL);
        }
        if (gen_cred_salt_len < 1 || gen_cred_salt_len > (int64_t)PROV_SALT_MAX)
                return usage_error("salt: 1 to %u bytes", PROV_SALT_MAX);
        if (opts.password) {
                pw.data = (uint8_t *)strdup(opts.password);
                pw.len = strlen(opts.password);
        } else if ((rc = passphrase_read(&from, "password of the device", true, &pw, &d)) < 0) {
                return say_failure(rc, &d, NULL);
        }
        rc = srp_x((struct srp_bytes){ user, strlen(user) }, (struct srp_bytes){ pw.data, pw.len },
                   (struct srp_bytes){ salt, (size_t)gen_cred_salt_len }, x);
        blob_free_secret(&pw);
        if (rc == 0)
                rc = srp_power((struct srp_bytes){ x, sizeof x }, v);
        wipe(x, sizeof x);
        if (rc < 0)
                return say_failure(rc, &d, NULL);
        hex_encode(salt, (size_t)gen_cred_salt_len, salt_text);
        hex_encode(v, sizeof v, v_text);
        if (opts.json) {
                struct json_writer w = { .out = stdout };

                json_open(&w, NULL, '{');
                json_uint(&w, "v", 1);
                json_str(&w, "username", user);
                json_str(&w, "salt", salt_text);
                json_str(&w, "verifier", v_text);
                json_close(&w, '}');
                putchar('\n');
        } else {
                printf("key,type,encoding,value\nsec2_salt,data,hex2bin,%s\nsec2_verifier,data,"
                       "hex2bin,%s\n",
                       salt_text, v_text);
        }
        return STATUS_DONE;
}
