/*
 * The control sockets of wpa_supplicant and hostapd: commands and their answers, and events
 * (wire/wpa_msg.h reads both). Source: wpa_ctrl.h of wpa_supplicant 2.10.
 */
#ifndef HOST_WPA_CTRL_H
#define HOST_WPA_CTRL_H

#include <stddef.h>

#include "base/diag.h"

#define WPA_CTRL_ANSWER_MAX 4096u /* bytes of an answer or event with its NUL */

struct wpa_ctrl;

/*
 * path: "/run/wpa_supplicant/wlan0". *out is returned (close with wpa_ctrl_close). -E_NOTFOUND: no
 * daemon serves this interface, -E_PERM, -E_TIMEOUT: it does not answer.
 */
int wpa_ctrl_open(const char *path, struct wpa_ctrl **out, struct diag *d);
void wpa_ctrl_close(struct wpa_ctrl *c); /* NULL is fine */

/*
 * Sends a command made of the format, waits up to ten seconds for its answer, which gets a NUL.
 * Returns the answer's length, -E_RANGE (command too long), -E_NOSPACE, -E_TIMEOUT, -E_LINK (the
 * daemon is gone). The command's copy is wiped.
 */
long wpa_ctrl_ask(struct wpa_ctrl *c, char *answer, size_t cap, const char *fmt, ...)
        __attribute__((format(printf, 4, 5)));

/* The same where the answer is OK or not: 0, or also -E_REFUSED. */
int wpa_ctrl_do(struct wpa_ctrl *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* From now on events come to wpa_ctrl_event(). */
int wpa_ctrl_attach(struct wpa_ctrl *c);
int wpa_ctrl_fd(const struct wpa_ctrl *c); /* readable when an event waits; -1 before attach */

/* The next event: 1, 0 if none waits, -E_LINK: the daemon is gone. */
int wpa_ctrl_event(struct wpa_ctrl *c, char *text, size_t cap);

#endif
