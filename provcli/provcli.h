/* What the commands of provcli share: the options of every command, the link, the secrets. */
#ifndef PROVCLI_H
#define PROVCLI_H

#include <stdbool.h>

#include "host/json.h"
#include "host/opt.h"
#include "host/prov_flow.h"
#include "host/softap.h"

/* Options of every command (main.c). */
struct prov_options {
        const char *transport; /* softap, http, httpd, ble, console; NULL: softap */
        const char *service;   /* the device's name: the SSID of its SoftAP */
        const char *host;      /* HOST[:PORT] */
        const char *interface;
        const char *join_with;        /* nm, wpa; NULL: whichever serves the interface */
        const char *service_key;      /* of the SoftAP that is joined */
        const char *service_key_file; /* the same from a file */
        const char *adapter;          /* hciN; NULL: the first */
        const char *port;             /* serial console */
        const char *pop;
        const char *pop_file;
        const char *username;
        const char *password;
        const char *password_file;
        const char *qr;        /* file with the payload of a label, "-" for standard input */
        const char *proto_ver; /* the device must say this version; NULL: any */
        int64_t security;      /* -1: as the device says */
        int64_t timeout_s;
        int64_t baud;   /* of the serial console */
        int64_t wait_s; /* for an answer; 0: the transport's own time-out */
        bool join;      /* the device's SoftAP, and leave it afterwards */
        bool insecure, json, verbose, quiet;
};
extern struct prov_options opts;

/* One word for the result of a command, for scripts: "connected", "pop-wrong", "network-not-found"
 * … */
const char *result_word(int rc, const struct prov_wifi_state *state);

/* Open link and session as the options say; close with device_close. Returns 0 or -E_XXX (said
 * already). */
struct device {
        struct softap *softap; /* NULL: not joined by this program */
        struct prov_link *link;
        struct prov_session session;
        bool open;
};
int device_open(struct device *dev);
/* Only the link: for what needs no session. */
int device_link(struct device *dev);
void device_close(struct device *dev);

/* Say a failure once (text or JSON) and give the exit status. */
int say_failure(int rc, const struct diag *d, const struct prov_wifi_state *state);

/* Take over what a label's payload says. */
int qr_apply(const char *text, size_t n, struct diag *d);

/* A text that a device made, fit for a terminal: control characters become '?'. Static for one
 * line: out holds 4 * n + 1. */
void printable(const uint8_t *p, size_t n, char *out);

#define SOFTAP_HOST "192.168.4.1"

/* Checks and fills; with what --bssid and --channel say. wipe_credentials after use. */
int credentials_set(struct prov_credentials *c, const char *ssid, const uint8_t *pass, size_t len,
                    struct diag *d);
void wipe_credentials(struct prov_credentials *c);

int run_provision(int argc, char **argv);
int run_softap(int argc, char **argv);
int run_ble(int argc, char **argv);
int run_console(int argc, char **argv);
int run_scan(int argc, char **argv);
int run_http(int argc, char **argv);
int run_qr(int argc, char **argv);
int run_networks(int argc, char **argv);
int run_status(int argc, char **argv);
int run_info(int argc, char **argv);
int run_custom(int argc, char **argv);
int run_reset(int argc, char **argv);
int run_reprov(int argc, char **argv);
int run_gen_cred(int argc, char **argv);
int run_batch(int argc, char **argv);

extern int64_t gen_cred_salt_len;

extern const struct opt provision_options[], networks_options[], gen_cred_options[], scan_options[],
        batch_options_table[];

#endif
