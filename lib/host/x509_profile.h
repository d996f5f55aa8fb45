/* What a certificate shall say: built-in profiles and profiles from a JSON file (fctry-profile(5)).
 */
#ifndef HOST_X509_PROFILE_H
#define HOST_X509_PROFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "host/x509_key.h"

#define CERT_CN_MAX         64u /* characters: ub-common-name of RFC 5280, appendix A */
#define PROFILE_SUBJECT_MAX 8u  /* name parts besides CN */
#define PROFILE_SAN_MAX     16u

/* Extended key usages, as bits. */
enum {
        EKU_CLIENT = 1,
        EKU_SERVER = 2,
        EKU_CODE = 4,
};

struct profile_name {
        const char *type; /* "O", "OU", "C", "ST", "L", "serialNumber": as OpenSSL's short names */
        char *value;
};

struct profile {
        enum key_type key;
        struct key_form form;
        bool ca;
        int path_len;       /* of a CA: -1 none */
        uint32_t key_usage; /* KU_… of openssl/x509v3.h */
        unsigned eku;       /* EKU_…; 0: no such extension */
        int64_t days; /* validity from now on; 0: no expiry, 99991231235959Z (RFC 5280, 4.1.2.5) */
        int64_t backdate;   /* seconds that notBefore lies before now */
        int64_t not_before; /* seconds since 1970, or PROFILE_UNSET: then days and backdate rule */
        int64_t not_after;
        struct profile_name subject[PROFILE_SUBJECT_MAX];
        size_t subject_count;
        char *san[PROFILE_SAN_MAX]; /* "dns:{cn}.local", "ip:…", "uri:…", "email:…"; {cn} is
                                       replaced */
        size_t san_count;
};
#define PROFILE_UNSET INT64_MIN

/* Built-in profiles: "device", "server", "client", "code", "root", "issuing". -E_NOTFOUND for
 * others. */
int profile_builtin(const char *name, struct profile *p, struct diag *d);

/*
 * A built-in name, or the path of a JSON file whose members change the built-in profile that it
 * names as its "base" (default "device"). Unknown members are refused. Free with
 * profile_free in any case. Errors: those of file_load and json_parse, -E_SYNTAX, -E_RANGE.
 */
int profile_load(const char *name_or_path, struct profile *p, struct diag *d);
int profile_parse(const char *text, size_t len, struct profile *p, struct diag *d);
void profile_free(struct profile *p);

/* "2026-11-20", "2026-11-20T21:00:00Z" or "99991231235959Z" as seconds since 1970; -E_SYNTAX. */
int time_parse(const char *text, int64_t *out);

/* Replace {cn} in a template. Returned: free. NULL without memory. */
char *cn_fill(const char *template, const char *cn);

/* A CN: 1 to CERT_CN_MAX characters of UTF-8, none of them a control character. -E_SYNTAX,
 * -E_RANGE. */
int cn_check(const char *cn, struct diag *d);

#endif
