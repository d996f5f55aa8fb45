/*
 * The SoftAP of the `wpa` backend: hostapd runs with a configuration that names interface, channel
 * and country; the port gives it the name and the key, and switches it on and off.
 */
#include "wpa.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hex.h"
#include "base/strf.h"
#include "firmware/core/port.h"

#define AP_ADDRESS "192.168.4.1:80" /* where every client of ESP-IDF's provisioning looks */
#define SSID_MAX   32u

static char path[96]; /* of hostapd's socket; "": there is no interface for a SoftAP */
static struct wpa_ctrl *ap;

/* Anew each time: hostapd may have been started again. */
static int reach(void)
{
        struct diag d = { 0 };
        int rc;

        wpa_ctrl_close(ap);
        if ((rc = wpa_ctrl_open(path, &ap, &d)) < 0)
                port_log(PORT_ERROR, diag_text(&d));
        return rc;
}

int wpa_ap_open(const char *interface)
{
        int rc;

        if (strf(path, sizeof path, "/run/hostapd/%s", interface) >= sizeof path) {
                port_log(PORT_ERROR, "BOARD_WIFI: an interface's name is too long");
                return -E_RANGE;
        }
        if ((rc = reach()) == 0)
                (void)wpa_ctrl_do(ap, "DISABLE"); /* is it silent already? then that is refused */
        return rc;
}

static int secure(const char *key)
{
        int rc;

        if (!key)
                return wpa_ctrl_do(ap, "SET wpa 0");
        if ((rc = wpa_ctrl_do(ap, "SET wpa 2")) < 0 ||
            (rc = wpa_ctrl_do(ap, "SET wpa_key_mgmt WPA-PSK")) < 0 ||
            (rc = wpa_ctrl_do(ap, "SET rsn_pairwise CCMP")) < 0)
                return rc;
        return wpa_ctrl_do(ap, "SET wpa_passphrase %s", key);
}

int wpa_ap_start(const char *ssid, const char *key, const char **where)
{
        const char *given = getenv("BOARD_SOFTAP");
        const size_t n = strlen(ssid);
        char hex[2 * SSID_MAX + 1];
        int rc;

        if (!*path)
                return -E_UNSUPPORTED;
        if (n == 0 || n > SSID_MAX)
                return -E_RANGE;
        if ((rc = reach()) < 0)
                return rc;
        hex_encode((const uint8_t *)ssid, n, hex);
        (void)wpa_ctrl_do(ap, "DISABLE");
        if ((rc = wpa_ctrl_do(ap, "SET ssid2 %s", hex)) < 0 || (rc = secure(key)) < 0 ||
            (rc = wpa_ctrl_do(ap, "ENABLE")) < 0)
                return rc;
        *where = given ? given : AP_ADDRESS;
        return 0;
}

void wpa_ap_stop(void)
{
        if (ap)
                (void)wpa_ctrl_do(ap, "DISABLE");
}
