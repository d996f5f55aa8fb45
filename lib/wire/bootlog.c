#include "wire/bootlog.h"

#include <stddef.h>
#include <string.h>

static const struct {
        const char *words;
        enum bootlog what;
} rows[] = {
        /* ROM: ESP32 and its family; ESP8266 */
        { "rst:0x", BOOTLOG_START },
        { "rst cause:", BOOTLOG_START },
        { "invalid header: 0x", BOOTLOG_BLANK },
        { "flash read err, ", BOOTLOG_BLANK },
        { "csum err:0x", BOOTLOG_BLANK },
        /* bootloader: it starts the chip again behind each of them */
        { "No bootable app partitions", BOOTLOG_DEAD },
        { "boot: load partition table error", BOOTLOG_DEAD },
        { "boot: Failed to verify partition table", BOOTLOG_DEAD },
        { "boot: no app on the flash can be run", BOOTLOG_DEAD }, /* firmware/bootloader */
        /* panic handler, and what leads to it */
        { "Guru Meditation Error", BOOTLOG_DEAD },
        { "abort() was called", BOOTLOG_DEAD },
        { "assert failed: ", BOOTLOG_DEAD },
        { "ESP_ERROR_CHECK failed: ", BOOTLOG_DEAD },
        { "***ERROR*** A stack overflow in task ", BOOTLOG_DEAD },
        { "Stack smashing protect failure!", BOOTLOG_DEAD },
        { "CORRUPT HEAP: ", BOOTLOG_DEAD },
        { "Brownout detector was triggered", BOOTLOG_DEAD },
        { "panic: the firmware ", BOOTLOG_DEAD }, /* vboard(1) */
};

enum bootlog bootlog_read(const char *line)
{
        enum bootlog what = BOOTLOG_OTHER;

        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
                if (rows[i].what > what && strstr(line, rows[i].words))
                        what = rows[i].what;
        return what;
}

bool bootlog_is_power_on(const char *line)
{
        /* "rst:0x1 (POWERON_RESET),boot:…", "rst:0x1 (POWERON),boot:…"; never "rst:0x15 (…)" */
        return strstr(line, "rst:0x1 (") != NULL;
}
