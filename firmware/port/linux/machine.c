/* port.h on the virtual board: log and console on the UART, facts, pins. */
#include "machine.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "bus.h"
#include "firmware/core/port.h"
#include "fmt/bootsel.h"
#include "settings.h"

static struct bus_info info;
static struct bootsel boot;
static struct bootfuse fuses;
static struct payload_settings settings;
static struct espimg_desc desc;
static const struct ptable_entry *running;
static bool restart;
static machine_sorter *sorter;
static struct timespec started;

static int find_running(uint32_t offset)
{
        uint8_t head[ESPIMG_DESC_LEN];
        int rc;

        for (size_t i = 0; i < boot.table.count; i++)
                if (boot.table.entries[i].type == PTABLE_APP &&
                    boot.table.entries[i].offset == offset)
                        running = &boot.table.entries[i];
        if (!running)
                return -E_NOTFOUND;
        rc = flash_read(bus_plain(), offset + ESPIMG_HEADER + ESPIMG_EXT + ESPIMG_SEGMENT, head,
                        sizeof head);
        return rc < 0 ? rc : espimg_desc_read(head, sizeof head, &desc);
}

static int fuse_word(void *ctx, uint32_t offset, uint32_t *value)
{
        (void)ctx;
        return bus_efuse(offset, value);
}

int machine_start(uint32_t offset)
{
        static struct bootsel_config cfg;
        int rc = bus_open(&info);

        clock_gettime(CLOCK_MONOTONIC, &started);
        if (rc < 0)
                return rc;
        cfg.flash = bus_plain();
        cfg.chip_id = info.chip;
        rc = bootfuse_read(info.chip, fuse_word, NULL, &fuses);
        settings_get(&settings);
        if (settings.has_key)
                fuses.trust.v1_key = settings.key;
        if (rc == 0)
                rc = bootsel_table(&boot, &cfg, NULL);
        return rc < 0 ? rc : find_running(offset);
}

bool machine_restart_wanted(void)
{
        return restart;
}

void machine_sort_uart(machine_sorter *sort)
{
        sorter = sort;
}

size_t machine_sorted(const uint8_t *p, size_t n, uint8_t *rest)
{
        if (sorter)
                return sorter(p, n, rest);
        memcpy(rest, p, n);
        return n;
}

const struct bootfuse *machine_fuses(void)
{
        return &fuses;
}

const struct ptable *machine_table(void)
{
        return &boot.table;
}

const struct ptable_entry *machine_running(void)
{
        return running;
}

void port_log(enum port_level level, const char *line)
{
        static const char letters[] = "EWID";
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        printf("%c (%lld) %s\r\n", letters[level],
               (long long)(t.tv_sec - started.tv_sec) * 1000 +
                       (t.tv_nsec - started.tv_nsec) / 1000000,
               line);
        fflush(stdout);
}

void port_console_write(const char *p, size_t n)
{
        fwrite(p, 1, n, stdout);
        fflush(stdout);
}

void port_restart(void)
{
        restart = true;
}

uint32_t port_random(void)
{
        uint32_t value = 0;

        if (getrandom(&value, sizeof value, 0) != (ssize_t)sizeof value)
                value = (uint32_t)time(NULL);
        return value;
}

void port_mac(uint8_t mac[6])
{
        memcpy(mac, info.mac, sizeof info.mac);
}

uint16_t port_chip(void)
{
        return info.chip;
}

const char *port_version(void)
{
        return desc.version;
}

const char *port_project(void)
{
        return desc.project;
}

/* The virtual board has no anti-rollback eFuses. */
uint32_t port_secure_version(void)
{
        return 0;
}

void port_gpio_output(unsigned pin, bool high)
{
        bus_output(pin, high);
}

int port_gpio_kept(unsigned pin)
{
        const int level = bus_kept(pin);

        return level < 0 ? -1 : level;
}

void port_gpio_input(unsigned pin)
{
        bus_input(pin);
}

bool port_gpio_read(unsigned pin)
{
        return bus_level(pin) > 0;
}
