/*
 * Unified provisioning over a serial console, both ends: a request is a line "ENDPOINT SESSION HEX"
 * ended by CR, its answer a line of HEX; on an error the device says nothing. ESP-IDF's console
 * takes lines of PROV_CONSOLE_STOCK characters, into which security 2 (messages of 406 bytes) does
 * not fit; the device here takes longer ones. Bytes in, bytes out; no I/O. Source: ESP-IDF v5.5
 * protocomm_console.c.
 */
#ifndef WIRE_PROV_CONSOLE_H
#define WIRE_PROV_CONSOLE_H

#include "wire/prov_device.h"

#define PROV_CONSOLE_STOCK 256u  /* characters of a request with its CR, for ESP-IDF */
#define PROV_CONSOLE_LINE  1100u /* the same here: a message of 512 bytes, as much as over BLE */

/* --- the client's end --- */

/* The line of a request, without a NUL. Its length; -E_RANGE: longer than a line may be; -E_NOSPACE
 * (PROV_CONSOLE_LINE is always enough). */
long prov_console_request(const char *endpoint, uint32_t session, const uint8_t *in, size_t n,
                          char *out, size_t cap);

/* Finds the answer among echo and log lines: a line that is hexadecimal and nothing else. */
struct prov_console_reader {
        /* private: */
        char line[2 * PROV_MESSAGE_MAX + 2];
        size_t len;
        bool too_long;
};

void prov_console_begin(struct prov_console_reader *r);

/* One byte that the console sent. Returns the length of the answer, now in out; 0 if it is not
 * there yet; -E_NOSPACE (an answer longer than cap). */
long prov_console_take(struct prov_console_reader *r, uint8_t byte, uint8_t *out, size_t cap);

/* --- the device's end --- */

struct prov_console_server {
        /* private: */
        struct prov_device *device; /* borrowed */
        char line[PROV_CONSOLE_LINE];
        size_t len;
        bool too_long, have_session;
        bool others; /* the line that comes in is none of ours */
        uint32_t session, number;
        uint8_t in[PROV_CONSOLE_LINE / 2];
        uint8_t answer[PROV_MESSAGE_MAX];
};

void prov_console_serve(struct prov_console_server *s, struct prov_device *device);

/* One byte from the line; text (cap characters, 2 * PROV_MESSAGE_MAX + 5 are always enough) gets
 * what to send: its length, 0 for nothing. */
long prov_console_answer(struct prov_console_server *s, uint8_t byte, char *text, size_t cap);

#define PROV_CONSOLE_HEAD 16u /* bytes that can be held back: the longest endpoint's name is 12 */

/*
 * For a line that has another console, too. A byte that belongs to a request, or still may, is kept:
 * 0. Otherwise it and what was held back are for the other console: they are written to other
 * (PROV_CONSOLE_HEAD bytes), and the length is returned. A whole request is answered as above:
 * *answered is the length of text.
 */
size_t prov_console_sort(struct prov_console_server *s, uint8_t byte, uint8_t *other, char *text,
                         size_t cap, long *answered);

#endif
