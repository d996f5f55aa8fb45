/* Which chip it is exactly: package, revision, MAC, features, crystal, security state. */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "host/loader_impl.h"

static int no_registers(struct loader *l, struct diag *d)
{
        if (l->secure_download)
                return diag_set(
                        d, E_REFUSED,
                        "the chip is in secure download mode: its registers cannot be read");
        return 0;
}

/* Espressif's OUI is not in the fuses of early ESP8266s: a number stands for it. */
static int mac_8266(struct loader *l, uint8_t mac[6], struct diag *d)
{
        uint32_t w0 = 0;
        uint32_t w1 = 0;
        uint32_t w3 = 0;
        uint32_t oui;
        int rc;

        if ((rc = loader_read_reg(l, l->chip->mac_reg, &w0, d)) < 0 ||
            (rc = loader_read_reg(l, l->chip->mac_reg + 4, &w1, d)) < 0 ||
            (rc = loader_read_reg(l, l->chip->mac_reg + 12, &w3, d)) < 0)
                return rc;
        if (w3)
                oui = w3 & 0xffffff;
        else if ((w1 >> 16 & 0xff) == 0)
                oui = 0x18fe34;
        else if ((w1 >> 16 & 0xff) == 1)
                oui = 0xacd074;
        else
                return diag_set(d, E_VERIFY,
                                "the MAC in this chip's fuses is not readable (word %08x)", w1);
        mac[0] = (uint8_t)(oui >> 16);
        be16_put(mac + 1, (uint16_t)oui);
        be16_put(mac + 3, (uint16_t)w1);
        mac[5] = (uint8_t)(w0 >> 24);
        return 0;
}

static int mac_once(struct loader *l, uint8_t mac[6], uint16_t *ext, struct diag *d)
{
        uint32_t lo = 0;
        uint32_t hi = 0;
        int rc;

        *ext = 0;
        if (l->chip->image_id < 0)
                return mac_8266(l, mac, d);
        if ((rc = loader_read_reg(l, l->chip->mac_reg, &lo, d)) < 0 ||
            (rc = loader_read_reg(l, l->chip->mac_reg + 4, &hi, d)) < 0)
                return rc;
        be16_put(mac, (uint16_t)hi);
        be32_put(mac + 2, lo);
        *ext = (uint16_t)(hi >> 16);
        return 0;
}

/*
 * *ext: the two bytes of fuse behind the MAC, the middle of an EUI-64. Registers come without a
 * checksum, and units are known by their MAC: it is read twice.
 */
static int read_mac(struct loader *l, uint8_t mac[6], uint16_t *ext, struct diag *d)
{
        uint8_t again[6];
        uint16_t ext_again;
        int rc;

        if ((rc = no_registers(l, d)) < 0 || (rc = mac_once(l, mac, ext, d)) < 0 ||
            (rc = mac_once(l, again, &ext_again, d)) < 0)
                return rc;
        if (memcmp(mac, again, 6) != 0 || *ext != ext_again)
                return diag_set(d, E_VERIFY,
                                "the MAC reads differently twice: the line is noisy; "
                                "try another cable or a lower rate");
        return 0;
}

int loader_read_mac(struct loader *l, uint8_t mac[6], struct diag *d)
{
        uint16_t ext;

        return read_mac(l, mac, &ext, d);
}

/* The ESP32 has its major revision in three unary bits: eFuse words 3 and 5 and a register of the
 * APB controller. */
static int major_esp32(struct loader *l, uint32_t *major, struct diag *d)
{
        static const struct chip_field bits[] = {
                { 0x3ff5a00c, 15, 1 },
                { 0x3ff5a014, 20, 1 },
                { 0x3ff6607c, 31, 1 },
        };
        int rc = 0;

        *major = 0;
        for (size_t i = 0; i < 3 && rc == 0; i++) {
                uint32_t bit;

                if ((rc = loader_field(l, &bits[i], &bit, d)) == 0 && bit && *major == i)
                        (*major)++;
        }
        return rc;
}

/* First ESP32-S3s used the major field for something else; their block version is 1.1 and their
 * minor one 0. */
static int quirk_s3(struct loader *l, uint32_t *major, uint32_t *minor, struct diag *d)
{
        static const struct chip_field blk_major = { 0x6000706c, 0, 2 };
        static const struct chip_field blk_minor = { 0x60007050, 24, 3 };
        uint32_t a = 0;
        uint32_t b = 0;
        int rc;

        if ((rc = loader_field(l, &blk_major, &a, d)) < 0 ||
            (rc = loader_field(l, &blk_minor, &b, d)) < 0)
                return rc;
        if ((*minor & 7) == 0 && a == 1 && b == 1)
                *major = *minor = 0;
        return 0;
}

static int revision(struct loader *l, uint32_t *major, uint32_t *minor, struct diag *d)
{
        const struct chip *c = l->chip;
        uint32_t hi = 0;
        uint32_t major_hi = 0;
        int rc;

        if ((rc = loader_field(l, &c->minor_lo, minor, d)) < 0 ||
            (rc = loader_field(l, &c->minor_hi, &hi, d)) < 0)
                return rc;
        *minor |= hi << 3;
        if (c->image_id == 0)
                return major_esp32(l, major, d);
        if ((rc = loader_field(l, &c->major, major, d)) < 0 ||
            (rc = loader_field(l, &c->major_hi, &major_hi, d)) < 0)
                return rc;
        *major |= major_hi << 2;
        return c->image_id == 9 ? quirk_s3(l, major, minor, d) : 0;
}

static const char *package(const struct chip *c, uint32_t value)
{
        for (const struct chip_name *p = c->packages; p && p->text; p++)
                if (p->value == value)
                        return p->text;
        return c->name;
}

/* Flash and PSRAM in the package, in MB, by the code in the fuses. */
static unsigned embedded(const struct chip *c, bool psram, uint32_t cap)
{
        static const struct {
                int16_t chip;
                uint8_t psram, cap, mb;
        } table[] = {
                { 2, 0, 1, 2 },  { 2, 0, 2, 4 },  { 2, 1, 1, 2 }, { 2, 1, 2, 4 },  { 9, 0, 1, 8 },
                { 9, 0, 2, 4 },  { 9, 1, 1, 8 },  { 9, 1, 2, 2 }, { 12, 0, 1, 4 }, { 12, 0, 2, 2 },
                { 12, 0, 3, 1 }, { 5, 0, 1, 4 },  { 5, 0, 2, 2 }, { 5, 0, 3, 1 },  { 5, 0, 4, 8 },
                { 13, 0, 1, 4 }, { 13, 0, 2, 8 },
        };

        for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
                if (table[i].chip == c->image_id && table[i].psram == psram && table[i].cap == cap)
                        return table[i].mb;
        return 0;
}

static int features(struct loader *l, struct loader_info *info, struct diag *d)
{
        static const struct chip_field esp32_word3 = { 0x3ff5a00c, 0, 16 };
        const struct chip *c = l->chip;
        const size_t cap = sizeof info->features;
        uint32_t flash = 0;
        uint32_t psram = 0;
        uint32_t word3 = 0;
        size_t n;
        int rc;

        n = (size_t)snprintf(info->features, cap, "%s", c->features);
        if (c->image_id == 0) {
                if ((rc = loader_field(l, &esp32_word3, &word3, d)) < 0)
                        return rc;
                snprintf(info->features, cap, "Wi-Fi%s, %s%s", word3 & 2 ? "" : ", BT",
                         word3 & 1 ? "Single Core" : "Dual Core",
                         !(word3 & 1 << 13) ? ""
                         : word3 & 1 << 12  ? ", 160MHz"
                                            : ", 240MHz");
                return 0;
        }
        if ((rc = loader_field(l, &c->flash_cap, &flash, d)) < 0 ||
            (rc = loader_field(l, &c->psram_cap, &psram, d)) < 0)
                return rc;
        if (embedded(c, false, flash) && n < cap)
                n += (size_t)snprintf(info->features + n, cap - n, ", Embedded Flash %uMB",
                                      embedded(c, false, flash));
        if (embedded(c, true, psram) && n < cap)
                snprintf(info->features + n, cap - n, ", Embedded PSRAM %uMB",
                         embedded(c, true, psram));
        return 0;
}

/* Rate times divider is the clock that the UART runs from: the crystal (ESP8266: twice the
 * crystal). */
static int crystal(struct loader *l, unsigned *mhz, struct diag *d)
{
        uint32_t divider;
        uint64_t hz;
        int rc;

        *mhz = l->chip->crystal;
        if (*mhz)
                return 0;
        if ((rc = loader_read_reg(l, l->chip->uart_clkdiv, &divider, d)) < 0)
                return rc;
        hz = (uint64_t)l->baud * (divider & 0xfffff) / (l->chip->image_id < 0 ? 2 : 1);
        *mhz = hz > 45000000 ? 48 : hz > 33000000 ? 40 : 26;
        return 0;
}

int loader_info(struct loader *l, struct loader_info *info, struct diag *d)
{
        const struct chip *c = l->chip;
        uint32_t pkg = 0;
        uint32_t major = 0;
        uint32_t minor = 0;
        uint16_t ext;
        int rc;

        memset(info, 0, sizeof *info);
        if ((rc = no_registers(l, d)) < 0 || (rc = loader_field(l, &c->pkg, &pkg, d)) < 0 ||
            (rc = revision(l, &major, &minor, d)) < 0 || (rc = features(l, info, d)) < 0 ||
            (rc = crystal(l, &info->crystal, d)) < 0 || (rc = read_mac(l, info->mac, &ext, d)) < 0)
                return rc;
        info->revision = major * 100 + minor;
        if (c->image_id < 0)
                snprintf(info->description, sizeof info->description, "%s", c->name);
        else
                snprintf(info->description, sizeof info->description, "%s (revision v%u.%u)",
                         package(c, pkg), major, minor);
        if (c->image_id == 13 || c->image_id == 16 || c->image_id == 23) {
                info->has_eui64 = true;
                memcpy(info->eui64, info->mac, 3);
                be16_put(info->eui64 + 3, ext);
                memcpy(info->eui64 + 5, info->mac + 3, 3);
        }
        return 0;
}

static bool odd_bits(uint32_t v)
{
        return __builtin_popcount(v) & 1;
}

int loader_security(struct loader *l, struct loader_security *s, struct diag *d)
{
        const struct chip *c = l->chip;
        struct romldr_reply r;
        uint32_t crypt = 0;
        uint32_t boot = 0;
        int rc;

        memset(s, 0, sizeof *s);
        if (c->caps & CHIP_ROM_SECURITY) {
                if ((rc = loader_request(l, ROMLDR_SECURITY_INFO, NULL, 0, LOADER_TIMEOUT_MS, &r,
                                         d)) < 0)
                        return rc;
                if (r.len < ROMLDR_SEC_LEN_S2)
                        return diag_set(d, E_PROTO, "GET_SECURITY_INFO was answered with %zu bytes",
                                        r.len);
                s->flags = le32_get(r.data + ROMLDR_SEC_FLAGS);
                s->crypt_cnt = r.data[ROMLDR_SEC_CRYPT_CNT];
                memcpy(s->purposes, r.data + ROMLDR_SEC_PURPOSES, sizeof s->purposes);
                s->has_chip_id = r.len >= ROMLDR_SEC_LEN;
                if (s->has_chip_id) {
                        s->chip_id = le32_get(r.data + ROMLDR_SEC_CHIP_ID);
                        s->eco = le32_get(r.data + ROMLDR_SEC_ECO);
                }
                s->secure_boot = s->flags & ROMLDR_SECF_SECURE_BOOT;
                s->encrypted = odd_bits(s->crypt_cnt);
                return 0;
        }
        s->from_efuses = true;
        if ((rc = loader_field(l, &c->crypt_cnt, &crypt, d)) < 0 ||
            (rc = loader_field(l, &c->secure_boot, &boot, d)) < 0)
                return rc;
        s->crypt_cnt = (uint8_t)crypt;
        s->encrypted = odd_bits(crypt);
        s->secure_boot = boot != 0;
        return 0;
}
