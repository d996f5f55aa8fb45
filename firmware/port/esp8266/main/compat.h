/*
 * ESP8266_RTOS_SDK v3.4 under the names of ESP-IDF 5, so that the port for ESP-IDF is this chip's
 * too. Included before each file of it (CMakeLists.txt).
 */
#ifndef PORT_ESP8266_COMPAT_H
#define PORT_ESP8266_COMPAT_H

#include <stddef.h>
#include <stdint.h>

#include <esp_event.h>
#include <esp_http_client.h>
#include <esp_netif.h>
#include <esp_tls.h>
#include <freertos/FreeRTOS.h>
#include <nvs.h>
#include <sdkconfig.h>
#include <tcpip_adapter.h>

#define CONFIG_IDF_FIRMWARE_CHIP_ID 0 /* as its images say */

/* ---- FreeRTOS: one core ---- */
typedef int portMUX_TYPE;
#define portMUX_INITIALIZER_UNLOCKED 0
#undef portENTER_CRITICAL
#undef portEXIT_CRITICAL
#define portENTER_CRITICAL(mux) ((void)(mux), vPortEnterCritical())
#define portEXIT_CRITICAL(mux)  ((void)(mux), vPortExitCritical())
#define portYIELD_FROM_ISR(higher)              \
        do {                                    \
                if (higher)                     \
                        (portYIELD_FROM_ISR)(); \
        } while (0)

/* ---- NVS ---- */
typedef nvs_handle nvs_handle_t;
typedef nvs_open_mode nvs_open_mode_t;
typedef enum { NVS_TYPE_STR, NVS_TYPE_BLOB } nvs_type_t;

static inline esp_err_t nvs_find_key(nvs_handle_t h, const char *key, nvs_type_t *type)
{
        size_t len = 0;
        esp_err_t rc = nvs_get_str(h, key, NULL, &len);

        *type = rc == ESP_OK ? NVS_TYPE_STR : NVS_TYPE_BLOB;
        return rc == ESP_OK ? rc : nvs_get_blob(h, key, NULL, &len);
}

/* ---- network interfaces: the adapter makes them itself ---- */
typedef ip4_addr_t esp_ip4_addr_t;
typedef void esp_netif_t;
#define esp_ip4addr_ntoa(ip, buf, cap) ip4addr_ntoa_r(ip, buf, cap)

static inline esp_netif_t *esp_netif_create_default_wifi_sta(void)
{
        static char station;

        return &station;
}

static inline esp_netif_t *esp_netif_create_default_wifi_ap(void)
{
        static char access_point;

        return &access_point;
}

/* ---- HTTP: what is left of an answer is read and dropped ---- */
static inline esp_err_t esp_http_client_flush_response(esp_http_client_handle_t c, int *len)
{
        char bin[64];
        int n;

        while ((n = esp_http_client_read(c, bin, sizeof bin)) > 0)
                if (len)
                        *len += n;
        return n < 0 ? ESP_FAIL : ESP_OK;
}

/* ---- MQTT: a refused subscription is not told ---- */
#define MQTT_ERROR_TYPE_TCP_TRANSPORT    MQTT_ERROR_TYPE_ESP_TLS
#define MQTT_ERROR_TYPE_SUBSCRIBE_FAILED (-1)

/* ---- errors that this SDK does not know ---- */
#define ESP_ERR_NOT_ALLOWED           0x10d
#define ESP_ERR_NVS_NEW_VERSION_FOUND (ESP_ERR_NVS_BASE + 0x10)
#define ESP_ERR_NVS_CORRUPT_KEY_PART  (ESP_ERR_NVS_BASE + 0x17)

#endif
