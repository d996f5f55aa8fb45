/* port.h on the chip: log and console, restart, facts. */
#include "machine.h"

#include <stdio.h>
#include <unistd.h>

#include <esp_app_desc.h>
#include <esp_efuse.h>
#include <esp_log.h>
#include <esp_mac.h>
#include <esp_random.h>
#include <esp_system.h>
#include <freertos/FreeRTOS.h>
#include <freertos/task.h>
#include <nvs.h>
#include <sdkconfig.h>
#if CONFIG_ESP_CONSOLE_UART
#include <driver/uart.h>
#elif CONFIG_ESP_CONSOLE_USB_SERIAL_JTAG
#include <driver/usb_serial_jtag.h>
#endif

#include "base/err.h"
#include "firmware/core/port.h"
#include "loop.h"

#define TAG           "outlet"
#define CONSOLE_STACK 2560u
#define CONSOLE_PRIO  5
#define CONSOLE_BUF   512 /* bytes between the interrupt and the task */

static bool restart;

int machine_error(esp_err_t rc)
{
        switch (rc) {
        case ESP_OK:
                return 0;
        case ESP_ERR_NO_MEM:
                return -E_NOMEM;
        case ESP_ERR_INVALID_ARG:
                return -E_INVAL;
        case ESP_ERR_INVALID_STATE:
        case ESP_ERR_NVS_NOT_INITIALIZED:
                return -E_STATE;
        case ESP_ERR_NOT_FOUND:
        case ESP_ERR_NVS_NOT_FOUND:
        case ESP_ERR_NVS_PART_NOT_FOUND:
                return -E_NOTFOUND;
        case ESP_ERR_NVS_NO_FREE_PAGES:
        case ESP_ERR_NVS_NOT_ENOUGH_SPACE:
        case ESP_ERR_NVS_INVALID_LENGTH:
                return -E_NOSPACE;
        case ESP_ERR_NVS_NEW_VERSION_FOUND:
        case ESP_ERR_NOT_SUPPORTED:
                return -E_UNSUPPORTED;
        case ESP_ERR_NVS_READ_ONLY:
        case ESP_ERR_NOT_ALLOWED:
                return -E_PERM;
        case ESP_ERR_INVALID_CRC:
        case ESP_ERR_NVS_CORRUPT_KEY_PART:
                return -E_CRC;
        case ESP_ERR_TIMEOUT:
                return -E_TIMEOUT;
        default:
                return -E_IO;
        }
}

void port_log(enum port_level level, const char *line)
{
        static const esp_log_level_t levels[] = { ESP_LOG_ERROR, ESP_LOG_WARN, ESP_LOG_INFO,
                                                  ESP_LOG_DEBUG };

        ESP_LOG_LEVEL_LOCAL(levels[level], TAG, "%s", line);
}

void port_console_write(const char *p, size_t n)
{
        (void)fwrite(p, 1, n, stdout);
        (void)fflush(stdout);
}

#if CONFIG_ESP_CONSOLE_UART || CONFIG_ESP_CONSOLE_USB_SERIAL_JTAG
static int console_open(void)
{
#if CONFIG_ESP_CONSOLE_UART
        return machine_error(
                uart_driver_install(CONFIG_ESP_CONSOLE_UART_NUM, CONSOLE_BUF, 0, 0, NULL, 0));
#else
        usb_serial_jtag_driver_config_t cfg = { .tx_buffer_size = CONSOLE_BUF,
                                                .rx_buffer_size = CONSOLE_BUF };

        return machine_error(usb_serial_jtag_driver_install(&cfg));
#endif
}

/* At least one byte; waits for it. */
static int console_read(uint8_t *buf, size_t cap)
{
#if CONFIG_ESP_CONSOLE_UART
        int n = uart_read_bytes(CONFIG_ESP_CONSOLE_UART_NUM, buf, 1, portMAX_DELAY);

        if (n == 1)
                n += uart_read_bytes(CONFIG_ESP_CONSOLE_UART_NUM, buf + 1, (uint32_t)cap - 1, 0);
        return n;
#else
        return usb_serial_jtag_read_bytes(buf, (uint32_t)cap, portMAX_DELAY);
#endif
}

static void take_typed(const void *data, size_t n)
{
        const struct port_event ev = { .type = PORT_EV_CONSOLE, .data = { data, n } };

        loop_post(LOOP_BOARD, &ev);
}

static void listen(void *arg)
{
        uint8_t buf[64];

        (void)arg;
        for (;;) {
                const int n = console_read(buf, sizeof buf);

                if (n > 0)
                        loop_call(take_typed, buf, (size_t)n);
        }
}

void machine_start(void)
{
        if (console_open() < 0 ||
            xTaskCreate(listen, "console", CONSOLE_STACK, NULL, CONSOLE_PRIO, NULL) != pdPASS)
                port_log(PORT_WARN, "console: not to be had; nothing that is typed is heard");
}
#else
void machine_start(void)
{
}
#endif

/* The main program restarts when it has the floor again. */
void port_restart(void)
{
        restart = true;
}

bool machine_restart_wanted(void)
{
        return restart;
}

uint32_t port_random(void)
{
        return esp_random();
}

void port_mac(uint8_t mac[6])
{
        (void)esp_read_mac(mac, ESP_MAC_WIFI_STA);
}

uint16_t port_chip(void)
{
        return CONFIG_IDF_FIRMWARE_CHIP_ID;
}

const char *port_version(void)
{
        return esp_app_get_description()->version;
}

const char *port_project(void)
{
        return esp_app_get_description()->project_name;
}

uint32_t port_secure_version(void)
{
#if CONFIG_BOOTLOADER_APP_ANTI_ROLLBACK
        return esp_efuse_read_secure_version();
#else
        return 0;
#endif
}
