/*
 * Tokens: p11-kit finds the token, logs in and makes keys; OpenSSL's pkcs11 engine (libp11) signs
 * with them. Engines are deprecated in OpenSSL 3, but the provider that replaces this one is not in
 * Debian 12: all that knows of engines is in this file.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "host/x509_token.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/engine.h>
#include <openssl/err.h>
#include <p11-kit/p11-kit.h>
#include <p11-kit/pkcs11.h>
#include <p11-kit/uri.h>

#include "base/err.h"
#include "crypt/crypt.h"

#define SLOTS_MAX 64

bool token_uri_is(const char *text)
{
        return strncmp(text, "pkcs11:", 7) == 0;
}

static int uri_parse(const char *text, P11KitUri **out, struct diag *d)
{
        P11KitUri *uri = p11_kit_uri_new();
        const int e =
                uri ? p11_kit_uri_parse(text, P11_KIT_URI_FOR_ANY, uri) : P11_KIT_URI_NO_MEMORY;

        *out = NULL;
        if (e == P11_KIT_URI_OK && !p11_kit_uri_get_pin_value(uri)) {
                *out = uri;
                return 0;
        }
        if (e == P11_KIT_URI_OK)
                diag_set(d, E_SYNTAX,
                         "pkcs11 URI: a PIN does not belong into it (pin-value); give "
                         "--passphrase-file FILE");
        else
                diag_set(d, E_SYNTAX, "%.120s: no pkcs11 URI: %s", text, p11_kit_uri_message(e));
        if (uri)
                p11_kit_uri_free(uri);
        return -E_SYNTAX;
}

int token_uri_for(const char *text, const char *name, char **out, struct diag *d)
{
        P11KitUri *uri;
        CK_ATTRIBUTE *label;
        CK_ATTRIBUTE new_label = { .type = CKA_LABEL };
        char both[96];
        int rc = uri_parse(text, &uri, d);

        *out = NULL;
        if (rc < 0)
                return rc;
        label = p11_kit_uri_get_attribute(uri, CKA_LABEL);
        new_label.ulValueLen = (CK_ULONG)snprintf(
                both, sizeof both, "%.*s%s%s", label ? (int)label->ulValueLen : 0,
                label ? (const char *)label->pValue : "", label ? "-" : "", name);
        new_label.pValue = both;
        if (new_label.ulValueLen >= sizeof both)
                rc = diag_set(d, E_RANGE, "pkcs11 URI: the object's name is too long");
        else if (p11_kit_uri_set_attribute(uri, &new_label) != P11_KIT_URI_OK ||
                 p11_kit_uri_format(uri, P11_KIT_URI_FOR_ANY, out) != P11_KIT_URI_OK)
                rc = diag_set(d, E_NOMEM, "no memory");
        p11_kit_uri_free(uri);
        return rc;
}

struct session {
        P11KitUri *uri;
        const char *module;         /* path, NULL: p11-kit's */
        CK_FUNCTION_LIST **modules; /* of p11-kit, when no path was given */
        CK_FUNCTION_LIST *f;
        CK_SESSION_HANDLE h;
        bool open;
};

/*
 * A module is loaded once and stays until the process ends: libp11 opens the same library by
 * itself, and C_Finalize from one side would take the token from the other.
 */
static int load_module(const char *path, CK_FUNCTION_LIST **out, struct diag *d)
{
        static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
        static CK_FUNCTION_LIST *loaded;
        static char loaded_path[512];
        int rc = 0;

        pthread_mutex_lock(&lock);
        if (!loaded || strcmp(path, loaded_path) != 0) {
                loaded = p11_kit_module_load(path, 0);
                if (!loaded || p11_kit_module_initialize(loaded) != CKR_OK) {
                        loaded = NULL;
                        rc = diag_set(d, E_NOTFOUND,
                                      "%.100s: cannot be used as a PKCS#11 library: %.80s", path,
                                      p11_kit_message() ? p11_kit_message() : "unknown reason");
                }
                snprintf(loaded_path, sizeof loaded_path, "%s", path);
        }
        *out = loaded;
        pthread_mutex_unlock(&lock);
        return rc;
}

/* The slot of the token that the URI names, among one module's. */
static bool find_slot(CK_FUNCTION_LIST *f, P11KitUri *uri, CK_SLOT_ID *slot, CK_TOKEN_INFO *info)
{
        CK_SLOT_ID slots[SLOTS_MAX];
        CK_ULONG n = SLOTS_MAX;

        if (f->C_GetSlotList(CK_TRUE, slots, &n) != CKR_OK)
                return false;
        for (CK_ULONG i = 0; i < n; i++)
                if (f->C_GetTokenInfo(slots[i], info) == CKR_OK &&
                    info->flags & CKF_TOKEN_INITIALIZED &&
                    p11_kit_uri_match_token_info(uri, info)) {
                        *slot = slots[i];
                        return true;
                }
        return false;
}

/* No token in this slot: where are there any? */
static int slot_missing(CK_FUNCTION_LIST *f, const char *module, uint64_t slot, struct diag *d)
{
        CK_SLOT_ID slots[SLOTS_MAX];
        CK_ULONG n = SLOTS_MAX;
        CK_TOKEN_INFO info;
        char text[128] = "";
        size_t used = 0;

        if (f->C_GetSlotList(CK_TRUE, slots, &n) != CKR_OK)
                n = 0;
        for (CK_ULONG i = 0; i < n && used < sizeof text; i++)
                if (f->C_GetTokenInfo(slots[i], &info) == CKR_OK &&
                    info.flags & CKF_TOKEN_INITIALIZED)
                        used += (size_t)snprintf(text + used, sizeof text - used, " %lu", slots[i]);
        return diag_set(d, E_NOTFOUND, "slot %llu of %.60s has no token; slots with one:%s",
                        (unsigned long long)slot, module, *text ? text : " none");
}

int token_uri_of_slot(const char *module, uint64_t slot, const char *label, char **out,
                      struct diag *d)
{
        CK_ATTRIBUTE name = { CKA_LABEL, (void *)(uintptr_t)label, strlen(label) };
        CK_FUNCTION_LIST *f;
        CK_TOKEN_INFO info;
        P11KitUri *uri;
        int rc = load_module(module, &f, d);

        *out = NULL;
        if (rc < 0)
                return rc;
        if (f->C_GetTokenInfo((CK_SLOT_ID)slot, &info) != CKR_OK ||
            !(info.flags & CKF_TOKEN_INITIALIZED))
                return slot_missing(f, module, slot, d);
        if (!(uri = p11_kit_uri_new()))
                return diag_set(d, E_NOMEM, "no memory");
        *p11_kit_uri_get_token_info(uri) = info;
        if (p11_kit_uri_set_attribute(uri, &name) != P11_KIT_URI_OK ||
            p11_kit_uri_format(uri, P11_KIT_URI_FOR_OBJECT_ON_TOKEN, out) != P11_KIT_URI_OK)
                rc = diag_set(d, E_NOMEM, "no memory");
        p11_kit_uri_free(uri);
        return rc;
}

static int find_token(struct session *s, CK_SLOT_ID *slot, CK_TOKEN_INFO *info, struct diag *d)
{
        int rc;

        if (s->module) {
                if ((rc = load_module(s->module, &s->f, d)) < 0)
                        return rc;
                if (find_slot(s->f, s->uri, slot, info))
                        return 0;
        } else {
                s->modules = p11_kit_modules_load_and_initialize(0);
                for (CK_FUNCTION_LIST **m = s->modules; m && *m; m++)
                        if (find_slot(*m, s->uri, slot, info)) {
                                s->f = *m;
                                return 0;
                        }
        }
        return diag_set(
                d, E_NOTFOUND,
                "the token of the pkcs11 URI is not there; is it plugged in, is --module right?");
}

static int login(struct session *s, const CK_TOKEN_INFO *info, const struct blob *pin,
                 struct diag *d)
{
        CK_RV rv;

        if (info->flags & CKF_USER_PIN_LOCKED)
                return diag_set(
                        d, E_PERM,
                        "the PIN of the token is locked; its security officer can set a new one");
        rv = s->f->C_Login(s->h, CKU_USER, pin->data, pin->len);
        switch (rv) {
        case CKR_OK:
        case CKR_USER_ALREADY_LOGGED_IN:
                return 0;
        case CKR_PIN_INCORRECT:
        case CKR_PIN_LEN_RANGE:
        case CKR_PIN_INVALID:
                return diag_set(d, E_KEY, "the PIN of the token is wrong%s",
                                info->flags & CKF_USER_PIN_COUNT_LOW ? "; few tries are left" : "");
        case CKR_PIN_LOCKED:
                return diag_set(
                        d, E_PERM,
                        "the PIN of the token is locked; its security officer can set a new one");
        case CKR_USER_PIN_NOT_INITIALIZED:
                return diag_set(d, E_STATE, "the token has no user PIN yet");
        default:
                return diag_set(d, E_IO, "the token refused the login (PKCS#11 error 0x%lx)", rv);
        }
}

static void session_close(struct session *s)
{
        if (s->open)
                s->f->C_CloseSession(s->h);
        if (s->uri)
                p11_kit_uri_free(s->uri);
        *s = (struct session){ 0 };
}

static int session_open(struct session *s, const char *text, const char *module,
                        const struct blob *pin, struct diag *d)
{
        CK_TOKEN_INFO info;
        CK_SLOT_ID slot;
        CK_RV rv;
        int rc;

        *s = (struct session){ 0 };
        if ((rc = uri_parse(text, &s->uri, d)) < 0)
                return rc;
        s->module = module ? module : p11_kit_uri_get_module_path(s->uri);
        if ((rc = find_token(s, &slot, &info, d)) == 0) {
                rv = s->f->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
                                         &s->h);
                s->open = rv == CKR_OK;
                rc = s->open ? login(s, &info, pin, d)
                             : diag_set(d, E_IO, "the token opens no session (PKCS#11 error 0x%lx)",
                                        rv);
        }
        if (rc < 0)
                session_close(s);
        return rc;
}

/* The attributes of the URI that name a key, into at; their number. */
static CK_ULONG name_attributes(const struct session *s, CK_ATTRIBUTE at[2])
{
        static const CK_ATTRIBUTE_TYPE types[] = { CKA_LABEL, CKA_ID };
        CK_ULONG n = 0;

        for (size_t i = 0; i < 2; i++) {
                const CK_ATTRIBUTE *a = p11_kit_uri_get_attribute(s->uri, types[i]);

                if (a)
                        at[n++] = *a;
        }
        return n;
}

/* 1: the token has the private key that the URI names; 0: not. */
static int has_key(struct session *s)
{
        CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
        CK_ATTRIBUTE query[3] = { { CKA_CLASS, &class, sizeof class } };
        const CK_ULONG named = name_attributes(s, query + 1);
        CK_OBJECT_HANDLE object;
        CK_ULONG found = 0;

        if (s->f->C_FindObjectsInit(s->h, query, 1 + named) != CKR_OK)
                return 0;
        if (s->f->C_FindObjects(s->h, &object, 1, &found) != CKR_OK)
                found = 0;
        s->f->C_FindObjectsFinal(s->h);
        return found == 1;
}

/* The engine, set up for a module and a PIN. It stays loaded: keys that came from it use it. */
static ENGINE *engine_for(const char *module, const struct blob *pin, struct diag *d)
{
        ENGINE *e = ENGINE_by_id("pkcs11");

        if (!e) {
                openssl_fail(d, E_NOTFOUND,
                             "OpenSSL has no pkcs11 engine; install libengine-pkcs11-openssl");
                return NULL;
        }
        if ((module && !ENGINE_ctrl_cmd_string(e, "MODULE_PATH", module, 0)) ||
            !ENGINE_ctrl_cmd_string(e, "PIN", (const char *)pin->data, 0) || !ENGINE_init(e)) {
                openssl_fail(d, E_IO, "the pkcs11 engine cannot be used");
                ENGINE_free(e);
                return NULL;
        }
        return e;
}

int token_load(const char *uri, const char *module, const struct blob *pin, EVP_PKEY **out,
               struct diag *d)
{
        struct session s;
        char path[512];
        ENGINE *e;
        int found;
        int rc = session_open(&s, uri, module, pin, d);

        *out = NULL;
        if (rc < 0)
                return rc;
        found = has_key(&s);
        snprintf(path, sizeof path, "%s", s.module ? s.module : "");
        session_close(&s);
        if (!found)
                return diag_set(d, E_NOTFOUND, "%.120s: no such private key in the token", uri);
        if (!(e = engine_for(*path ? path : NULL, pin, d)))
                return -E_IO;
        *out = ENGINE_load_private_key(e, uri, NULL, NULL);
        ENGINE_free(e);
        if (!*out)
                return openssl_fail(d, E_IO, "%.120s: the key cannot be used", uri);
        ERR_clear_error();
        return 0;
}

static int generate(struct session *s, enum key_type type, struct diag *d)
{
        static CK_BBOOL yes = CK_TRUE;
        static CK_BBOOL no = CK_FALSE;
        static uint8_t p256[] = { 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 };
        static uint8_t p384[] = { 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22 };
        static uint8_t exponent[] = { 1, 0, 1 };
        const bool rsa = type >= KEY_RSA2048 && type <= KEY_RSA4096;
        CK_ULONG bits = type == KEY_RSA2048 ? 2048 : type == KEY_RSA3072 ? 3072 : 4096;
        CK_MECHANISM how = { rsa ? CKM_RSA_PKCS_KEY_PAIR_GEN : CKM_EC_KEY_PAIR_GEN, NULL, 0 };
        CK_ATTRIBUTE names[3] = { { 0 } };
        CK_ULONG named = name_attributes(s, names);
        uint8_t id[8];
        CK_ATTRIBUTE pub[7] = { { CKA_TOKEN, &yes, sizeof yes }, { CKA_VERIFY, &yes, sizeof yes } };
        CK_ATTRIBUTE priv[8] = { { CKA_TOKEN, &yes, sizeof yes },
                                 { CKA_PRIVATE, &yes, sizeof yes },
                                 { CKA_SENSITIVE, &yes, sizeof yes },
                                 { CKA_EXTRACTABLE, &no, sizeof no },
                                 { CKA_SIGN, &yes, sizeof yes } };
        CK_ULONG pubs = 2;
        CK_OBJECT_HANDLE a, b;
        CK_RV rv;

        /* libp11 finds the public half of an elliptic curve key by its id */
        if (!p11_kit_uri_get_attribute(s->uri, CKA_ID)) {
                if (crypt_random(id, sizeof id) < 0)
                        return diag_set(d, E_RANDOM, "no random numbers for a key");
                names[named++] = (CK_ATTRIBUTE){ CKA_ID, id, sizeof id };
        }
        if (rsa) {
                pub[pubs++] = (CK_ATTRIBUTE){ CKA_MODULUS_BITS, &bits, sizeof bits };
                pub[pubs++] = (CK_ATTRIBUTE){ CKA_PUBLIC_EXPONENT, exponent, sizeof exponent };
        } else {
                pub[pubs++] = type == KEY_P256 ? (CK_ATTRIBUTE){ CKA_EC_PARAMS, p256, sizeof p256 }
                                               : (CK_ATTRIBUTE){ CKA_EC_PARAMS, p384, sizeof p384 };
        }
        memcpy(pub + pubs, names, named * sizeof *names);
        memcpy(priv + 5, names, named * sizeof *names);
        rv = s->f->C_GenerateKeyPair(s->h, &how, pub, pubs + named, priv, 5 + named, &a, &b);
        if (rv == CKR_OK)
                return 0;
        return diag_set(d, rv == CKR_MECHANISM_INVALID ? E_UNSUPPORTED : E_IO,
                        "the token made no %s key (PKCS#11 error 0x%lx)", key_type_name(type), rv);
}

int token_generate(const char *uri, const char *module, const struct blob *pin, enum key_type type,
                   struct diag *d)
{
        struct session s;
        int rc;

        if (type == KEY_ED25519)
                return diag_set(d, E_UNSUPPORTED,
                                "ed25519 keys in a token cannot be used through OpenSSL's engine; "
                                "use p256");
        if ((rc = session_open(&s, uri, module, pin, d)) < 0)
                return rc;
        if (!p11_kit_uri_get_attribute(s.uri, CKA_LABEL))
                rc = diag_set(d, E_SYNTAX, "%.120s: the new key needs a name: object=…", uri);
        else if (has_key(&s))
                rc = diag_set(d, E_EXISTS, "%.120s: the token has a key of this name", uri);
        else
                rc = generate(&s, type, d);
        session_close(&s);
        return rc;
}
