/* provcli batch: the devices, what became of each, and the file that says so. */
#ifndef PROVCLI_BATCH_H
#define PROVCLI_BATCH_H

#include <pthread.h>

#include "provcli.h"

/* A device's columns. */
enum column {
        COL_ID, /* serial_no, id; else service_name, else host */
        COL_SERVICE,
        COL_TRANSPORT,
        COL_HOST,
        COL_PORT,
        COL_ADAPTER,
        COL_INTERFACE,
        COL_SERVICE_KEY,
        COL_POP,
        COL_USERNAME,
        COL_PASSWORD,
        COL_SSID,
        COL_PASSPHRASE,
        COLUMNS
};

struct unit {
        char *text[COLUMNS]; /* owned; NULL: not given */
        uint32_t line;       /* of the file, 0: none */
        bool done;           /* the result file says so */
        /* what became of it; empty: not tried yet */
        const char *word;
        int status;
        char ssid[PROV_SSID_MAX + 1], ip4[PROV_IP_TEXT], auth[16], said[160];
        int32_t channel;
        int32_t rssi; /* dBm as the device hears the network; 0: not known */
        uint64_t ms;  /* from the credentials to an address */
        unsigned requests, tries;
        char at[32]; /* UTC */
};

struct unit_list {
        struct unit *units;
        size_t count;
        char *kept; /* lines of the result file about others */
        size_t kept_len;
};

struct batch_options {
        const char *ssid;
        const uint8_t *passphrase; /* of ssid, and of rows that name no other network */
        size_t passphrase_len;
        int64_t min_rssi;   /* weaker is a failure; 0: none is */
        int64_t more_tries; /* after silence */
        bool no_scan;
};

/* The devices of a CSV file; errors are reported with their line. */
int units_read(struct unit_list *l, const char *file, struct diag *d);
/* Those of a ledger that have passed, with their secrets from certgen's folder of .prov files. */
struct ledger;
int units_from_ledger(struct unit_list *l, struct ledger *ledger, const char *batch,
                      const char *folder, struct diag *d);
int unit_add(struct unit_list *l, const struct unit *u, struct diag *d); /* u's texts are taken */
const char *unit_id(const struct unit *u);
void units_free(struct unit_list *l);

/* What an earlier run has left: marks those that are done. No file is an empty one. */
int results_load(struct unit_list *l, const char *file, struct diag *d);
int results_save(const struct unit_list *l, const char *file, struct diag *d);

/* Radios and interfaces that only one device at a time can use. */
struct radios {
        pthread_mutex_t lock;
        pthread_cond_t freed;
        struct {
                char name[32];
                bool busy;
        } all[32];
        size_t count;
};

/* Provision one device; everything is written into u. Returns 0, or -E_XXX: trouble of this station
 * that stops the batch (u->said says what). */
int unit_provision(struct unit *u, const struct batch_options *o, struct radios *radios);

#endif
