/* What a chip says of a start that fails. The lines are those of real chips, from reports and from
 * Espressif's guides. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/bootlog.h"

static const struct {
        const char *line;
        enum bootlog what;
} rows[] = {
        { "", BOOTLOG_OTHER },
        { "ESP-ROM:esp32c3-api1-20210207", BOOTLOG_OTHER },
        { "Build:Feb  7 2021", BOOTLOG_OTHER },
        { "rst:0x1 (POWERON),boot:0xd (SPI_FAST_FLASH_BOOT)", BOOTLOG_START },
        { "rst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)", BOOTLOG_START },
        { "rst:0x7 (TG0WDT_SYS_RST),boot:0x8 (SPI_FAST_FLASH_BOOT)", BOOTLOG_START },
        { "??rst:0x10 (RTCWDT_RTC_RESET),boot:0x1b (SPI_FAST_FLASH_BOOT)", BOOTLOG_START },
        { " ets Jan  8 2013,rst cause:2, boot mode:(3,6)", BOOTLOG_START },
        { "invalid header: 0xffffffff", BOOTLOG_BLANK },
        { "invalid header: 0xaacc9cbb", BOOTLOG_BLANK },
        { "flash read err, 1000", BOOTLOG_BLANK },
        { "csum err:0x9a!=0x5f", BOOTLOG_BLANK },
        { "I (35) boot: SPI Flash Size : 4MB", BOOTLOG_OTHER },
        { "W (118) boot: Falling back to test app as only bootable partition", BOOTLOG_OTHER },
        { "E (347) boot: Factory app partition is not bootable",
          BOOTLOG_OTHER }, /* others follow */
        { "E (347) boot: No bootable app partitions in the partition table", BOOTLOG_DEAD },
        { "E (35) boot: Failed to verify partition table", BOOTLOG_DEAD },
        { "E (91) boot: load partition table error!", BOOTLOG_DEAD },
        { "boot: no app on the flash can be run", BOOTLOG_DEAD },
        { "Guru Meditation Error: Core  0 panic'ed (LoadProhibited). Exception was unhandled.",
          BOOTLOG_DEAD },
        { "Guru Meditation Error: Core 0 panic'ed (Illegal instruction). Exception was unhandled.",
          BOOTLOG_DEAD },
        { "abort() was called at PC 0x400d3dfb on core 0", BOOTLOG_DEAD },
        { "assert failed: multi_heap_free multi_heap_poisoning.c:279", BOOTLOG_DEAD },
        { "ESP_ERROR_CHECK failed: esp_err_t 0x105 (ESP_ERR_NOT_FOUND) at 0x42007b9c",
          BOOTLOG_DEAD },
        { "***ERROR*** A stack overflow in task main has been detected.", BOOTLOG_DEAD },
        { "CORRUPT HEAP: Bad tail at 0x3ffe270a. Expected 0xbaad5678 got 0xbaac5678",
          BOOTLOG_DEAD },
        { "E BOD: Brownout detector was triggered", BOOTLOG_DEAD },
        { "panic: the firmware died of signal 11 (Segmentation fault); restart", BOOTLOG_DEAD },
        { "E (5214) task_wdt: Task watchdog got triggered", BOOTLOG_OTHER }, /* goes on */
        { "I (512) app: first start: resetting the settings", BOOTLOG_OTHER },
};

static void test_lines(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
                if (bootlog_read(rows[i].line) != rows[i].what)
                        fail_msg("'%s'", rows[i].line);
}

static void test_power(void **state)
{
        (void)state;
        assert_true(bootlog_is_power_on("rst:0x1 (POWERON),boot:0xd (SPI_FAST_FLASH_BOOT)"));
        assert_true(bootlog_is_power_on("?rst:0x1 (POWERON_RESET),boot:0x13 ("));
        assert_false(bootlog_is_power_on("rst:0x15 (USB_UART_CHIP_RESET),boot:0xd ("));
        assert_false(bootlog_is_power_on("rst:0x3 (RTC_SW_SYS_RST),boot:0xd ("));
        assert_false(bootlog_is_power_on("rst:0x1"));
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_lines),
                                            cmocka_unit_test(test_power) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
