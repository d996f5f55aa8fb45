#include "host/efuse_value.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/hex.h"
#include "host/opt.h"

struct efuse_view efuse_view_of(const struct efuse_dev *dev)
{
        return (struct efuse_view){ efuse_dev_chip(dev), efuse_dev_image(dev),
                                    efuse_dev_revision(dev) };
}

static bool is_named(const struct efuse_field *f, const char *name)
{
        return efuse_name_len(f->name) == strlen(name) && !strncmp(f->name, name, strlen(name));
}

static bool starts(const struct efuse_field *f, const char *name)
{
        return !strncmp(f->name, name, strlen(name));
}

static bool is_v1(const struct efuse_view *v)
{
        return v->chip->flags & EFUSE_CHIP_V1;
}

/* --- words for numbers, as the manuals have them; what a row leaves out is a number --- */

struct meaning {
        const char *chips; /* "esp32c3|esp32s3"; NULL: all */
        const char *field;
        const char *words[8];
};

static const struct meaning meanings[] = {
        { NULL, "XPD_SDIO_TIEH", { "1.8V", "3.3V" } },
        { "esp32",
          "CODING_SCHEME",
          { "NONE (BLK1-3 len=256 bits)", "3/4 (BLK1-3 len=192 bits)",
            "REPEAT (BLK1-3 len=128 bits) not supported", "NONE (BLK1-3 len=256 bits)" } },
        { "esp32", "MAC_VERSION", { NULL, "Custom MAC in BLOCK3" } },
        { NULL,
          "VDD_SPI_TIEH",
          { "VDD_SPI connects to 1.8 V LDO", "VDD_SPI connects to VDD3P3_RTC_IO" } },
        { "esp32s2|esp32s3|esp32c3", "WDT_DELAY_SEL", { "40000", "80000", "160000", "320000" } },
        { NULL,
          "SPI_BOOT_CRYPT_CNT",
          { "Disable", "Enable", NULL, "Disable", NULL, NULL, NULL, "Enable" } },
        { "esp32s2", "UART_PRINT_CHANNEL", { "UART0", "UART1" } },
        { "esp32h2|esp32c3|esp32c6",
          "UART_PRINT_CONTROL",
          { "Enable", "Enable when GPIO8 is low at reset", "Enable when GPIO8 is high at reset",
            "Disable" } },
        { "esp32s2|esp32s3",
          "UART_PRINT_CONTROL",
          { "Enable", "Enable when GPIO46 is low at reset", "Enable when GPIO46 is high at reset",
            "Disable" } },
        { "esp32s2|esp32s3", "PIN_POWER_SELECTION", { "VDD3P3_CPU", "VDD_SPI" } },
        { "esp32s2|esp32s3", "FLASH_TYPE", { "4 data lines", "8 data lines" } },
        { "esp32s2", "BLK_VERSION_MINOR", { "No calib", "ADC calib V1", "ADC calib V2" } },
        { "esp32s3",
          "USB_PHY_SEL",
          { "internal PHY is assigned to USB Device while external PHY is assigned to USB OTG",
            "internal PHY is assigned to USB OTG while external PHY is assigned to USB Device" } },
        { "esp32c3|esp32s3", "DIS_USB_SERIAL_JTAG_ROM_PRINT", { "Enable", "Disable" } },
        { "esp32s3", "FLASH_ECC_MODE", { "16to18 byte", "16to17 byte" } },
        { "esp32s3", "FLASH_CAP", { "None", "8M", "4M" } },
        { "esp32c3", "FLASH_CAP", { "None", "4M", "2M", "1M", "8M" } },
        { "esp32c3|esp32s3", "FLASH_TEMP", { "None", "105C", "85C" } },
        { "esp32c3", "FLASH_VENDOR", { "None", "XMC", "GD", "FM", "TT", "ZBIT" } },
        { "esp32s3", "FLASH_VENDOR", { "None", "XMC", "GD", "FM", "TT", "BY" } },
        { "esp32s3", "PSRAM_CAP", { "None", "8M", "2M" } },
        { "esp32s3", "PSRAM_TEMP", { "None", "105C", "85C" } },
        { "esp32s3", "PSRAM_VENDOR", { "None", "AP_3v3", "AP_1v8" } },
        { "esp32c3", "BLK_VERSION_MAJOR", { "No calibration", "With calibration" } },
        { "esp32s3", "BLK_VERSION_MAJOR", { "No calib", "ADC calib V1" } },
        { "esp32c3", "DIS_USB_SERIAL_JTAG", { "Enable", "Disable" } },
        { "esp32c3", "ERR_RST_ENABLE", { "without check", "with check" } },
};

static const char *meaning(const struct efuse_view *v, const struct efuse_field *f, uint32_t value)
{
        for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
                if (is_named(f, meanings[i].field) && value < 8 &&
                    (!meanings[i].chips || opt_word_is(v->chip->name, meanings[i].chips)))
                        return meanings[i].words[value];
        return NULL;
}

/* --- values --- */

static void say(struct efuse_text *t, enum efuse_shape shape, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));

static void say(struct efuse_text *t, enum efuse_shape shape, const char *fmt, ...)
{
        va_list ap;

        t->shape = shape;
        va_start(ap, fmt);
        vsnprintf(t->text, sizeof t->text, fmt, ap);
        va_end(ap);
}

/* Bytes in the order in which they are shown. */
static void bytes_text(struct efuse_text *t, const uint8_t *p, size_t n, char between)
{
        t->shape = EFUSE_SHAPE_TEXT;
        t->text[0] = 0;
        for (size_t i = 0; i < n; i++)
                snprintf(t->text + 3 * i, sizeof t->text - 3 * i, "%02x%c", p[i],
                         i + 1 < n ? between : 0);
}

/* An address and whether it can be believed. */
static void mac_text(const struct efuse_view *v, const struct efuse_field *f, const uint8_t *mac,
                     size_t n, struct efuse_text *t)
{
        const struct efuse_errors e = efuse_errors(v->chip, v->image, f->block);
        uint8_t stored;
        size_t at;

        bytes_text(t, mac, n, ':');
        at = strlen(t->text);
        if (is_v1(v)) {
                stored = (uint8_t)efuse_value(
                        v->chip, v->image, f->kind == EFUSE_OWN_MAC ? "CUSTOM_MAC_CRC" : "MAC_CRC");
                if (stored == efuse_mac_crc(mac))
                        snprintf(t->text + at, sizeof t->text - at, " (CRC 0x%02x OK)", stored);
                else
                        snprintf(t->text + at, sizeof t->text - at,
                                 " (CRC 0x%02x invalid - calculated 0x%02x)", stored,
                                 efuse_mac_crc(mac));
        } else if (e.count || e.fail) {
                snprintf(t->text + at, sizeof t->text - at, " (Block%u has ERRORS:%u FAIL:%d)",
                         f->block, e.count, e.fail);
        } else {
                snprintf(t->text + at, sizeof t->text - at, " (OK)");
        }
}

static void field_bytes(const struct efuse_view *v, const struct efuse_field *f, uint8_t *out)
{
        efuse_bits_get(v->image + v->chip->blocks[f->block].read, f->bit, f->len, out);
}

static void show_mac(const struct efuse_view *v, const struct efuse_field *f, struct efuse_text *t)
{
        const size_t n = f->len / 8u;
        uint8_t raw[8];
        uint8_t mac[8];

        field_bytes(v, f, raw);
        for (size_t i = 0; i < n; i++)
                mac[i] = raw[f->kind == EFUSE_MAC ? n - 1 - i : i];
        mac_text(v, f, mac, n, t);
}

/* Made of other fields. */
static void show_calc(const struct efuse_view *v, const struct efuse_field *f, struct efuse_text *t)
{
        const struct efuse_chip *c = v->chip;
        uint32_t value = 0;
        uint8_t raw[8];
        uint8_t eui[8];

        if (is_named(f, "MAC_EUI64")) {
                field_bytes(v, efuse_field(c, "MAC"), raw);
                field_bytes(v, efuse_field(c, "MAC_EXT"), raw + 6);
                for (size_t i = 0; i < 3; i++) {
                        eui[i] = raw[5 - i];
                        eui[5 + i] = raw[2 - i];
                }
                eui[3] = raw[7];
                eui[4] = raw[6];
                mac_text(v, efuse_field(c, "MAC"), eui, sizeof eui, t);
                return;
        }
        if (is_named(f, "PKG_VERSION"))
                value = efuse_value(c, v->image, "CHIP_PACKAGE_4BIT") << 3 |
                        efuse_value(c, v->image, "CHIP_PACKAGE");
        else if (is_named(f, "WAFER_VERSION_MINOR"))
                value = efuse_value(c, v->image, "WAFER_VERSION_MINOR_HI") << 3 |
                        efuse_value(c, v->image, "WAFER_VERSION_MINOR_LO");
        else if (is_named(f, "PSRAM_CAPACITY"))
                value = efuse_value(c, v->image, "PSRAM_CAP_3") << 2 |
                        efuse_value(c, v->image, "PSRAM_CAP");
        else /* WAFER_VERSION_MAJOR of the ESP32: one of its bits is no eFuse */
                value = efuse_value(c, v->image, "CHIP_VER_REV1") ? v->revision / 100 : 0;
        if (is_named(f, "WAFER_VERSION_MAJOR") && !efuse_value(c, v->image, "CHIP_VER_REV2"))
                value = value > 1 ? 0 : value;
        say(t, EFUSE_SHAPE_NUMBER, "%u", value);
}

/* Two's complement or sign and magnitude, steps and offsets of calibration values. */
static bool show_calibration(const struct efuse_view *v, const struct efuse_field *f,
                             struct efuse_text *t)
{
        static const struct {
                const char *field;
                int offset;
        } points[] = {
                { "ADC1_TP_LOW", 278 },
                { "ADC2_TP_LOW", 421 },
                { "ADC1_TP_HIGH", 3265 },
                { "ADC2_TP_HIGH", 3406 },
        };
        const uint32_t raw = efuse_get(v->chip, v->image, f);
        const uint32_t sign = 1u << (f->len - 1u);
        const int magnitude = (int)(raw & (sign - 1));
        const int value = raw & sign ? -magnitude : magnitude;

        if (strcmp(efuse_category(f), "calibration") != 0)
                return false;
        for (size_t i = 0; i < sizeof points / sizeof *points && is_v1(v); i++)
                if (is_named(f, points[i].field)) {
                        say(t, EFUSE_SHAPE_NUMBER, "%d",
                            points[i].offset + 4 * (magnitude - (int)(raw & sign)));
                        return true;
                }
        if (is_named(f, "ADC_VREF"))
                say(t, EFUSE_SHAPE_NUMBER, "%d", 1100 + 7 * value);
        else if (is_named(f, "TEMP_CALIB"))
                say(t, EFUSE_SHAPE_NUMBER, "%.1f", value / 10.0);
        else if (strstr(f->name, "ADC") || strstr(f->name, "LDO") || strstr(f->name, "DBIAS") ||
                 strstr(f->name, "_HVT"))
                say(t, EFUSE_SHAPE_NUMBER, "%d", 4 * value);
        else
                return false;
        return true;
}

static void show_number(const struct efuse_view *v, const struct efuse_field *f,
                        struct efuse_text *t)
{
        const uint32_t value = efuse_get(v->chip, v->image, f);
        const char *word = meaning(v, f, value);
        const struct efuse_purpose *use;

        if (starts(f, "KEY_PURPOSE_")) {
                use = efuse_purpose_of(v->chip, value);
                say(t, EFUSE_SHAPE_TEXT, "%s", use ? use->name : "FORBIDDEN_STATE");
        } else if (word) {
                say(t, EFUSE_SHAPE_TEXT, "%s", word);
        } else if (f->kind == EFUSE_BOOL) {
                say(t, EFUSE_SHAPE_BOOL, "%s", value ? "True" : "False");
        } else if (is_v1(v) && starts(f, "SPI_PAD_CONFIG_")) {
                say(t, EFUSE_SHAPE_NUMBER, "%u", value < 30 ? value : value + 2);
        } else {
                say(t, EFUSE_SHAPE_NUMBER, "%u", value);
        }
}

void efuse_text_get(const struct efuse_view *v, const struct efuse_field *f, struct efuse_text *t)
{
        uint8_t raw[EFUSE_DATA_MAX];

        memset(t, 0, sizeof *t);
        t->readable = !efuse_read_protected(v->chip, v->image, f->read_protect);
        t->writable = !efuse_write_protected(v->chip, v->image, f->write_protect);
        switch (f->kind) {
        case EFUSE_BYTES:
                field_bytes(v, f, raw);
                bytes_text(t, raw, efuse_shown_bits(v, f) / 8u, ' ');
                wipe(raw, sizeof raw);
                break;
        case EFUSE_MAC:
        case EFUSE_OWN_MAC:
                show_mac(v, f, t);
                break;
        case EFUSE_CALC:
                show_calc(v, f, t);
                break;
        default:
                if (!show_calibration(v, f, t))
                        show_number(v, f, t);
        }
        for (char *p = t->text; *p && !t->readable; p++) {
                t->shape = EFUSE_SHAPE_TEXT;
                if (*p == '0')
                        *p = '?';
        }
}

unsigned efuse_shown_bits(const struct efuse_view *v, const struct efuse_field *f)
{
        const size_t cap = 8 * efuse_data_len(v->chip, v->image, f->block);

        return f->kind == EFUSE_BYTES && f->bit == 0 && f->len > cap ? (unsigned)cap : f->len;
}

void efuse_raw_text(const struct efuse_view *v, const struct efuse_field *f, char *out)
{
        const uint32_t value = efuse_get(v->chip, v->image, f);

        *out = 0;
        if (f->kind == EFUSE_BOOL || f->kind == EFUSE_UINT || f->kind == EFUSE_COUNT)
                snprintf(out, EFUSE_TEXT_MAX, "0x%0*x", (f->len + 3) / 4, value);
}

bool efuse_is_shown(const struct efuse_view *v, const struct efuse_field *f)
{
        const struct efuse_chip *c = v->chip;

        if (is_v1(v) && starts(f, "CUSTOM_MAC"))
                return efuse_value(c, v->image, "MAC_VERSION") == 1;
        if (strcmp(efuse_category(f), "calibration") != 0 || (is_v1(v) && f->block == 0))
                return true;
        return efuse_value(c, v->image, c->calibration.field) == c->calibration.value;
}

/* --- what the user wants --- */

int efuse_mac_parse(const char *text, uint8_t mac[6], struct diag *d)
{
        for (size_t i = 0; i < 6; i++) {
                const int hi = hex_digit(text[3 * i]);
                const int lo = hi < 0 ? -1 : hex_digit(text[3 * i + 1]);

                if (lo < 0 || text[3 * i + 2] != (i < 5 ? ':' : 0))
                        return diag_set(d, E_SYNTAX,
                                        "'%s' is not an address like aa:bb:cc:01:02:03", text);
                mac[i] = (uint8_t)(hi << 4 | lo);
        }
        return 0;
}

static int parse_bytes(const struct efuse_view *v, const struct efuse_field *f, const char *text,
                       uint8_t *out, struct diag *d)
{
        const size_t n = efuse_shown_bits(v, f) / 8u;
        const bool number = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
        const char *digits = text + (number ? 2 : 0);
        const long got = hex_decode(digits, strlen(digits), out, EFUSE_DATA_MAX, NULL);

        if (got != (long)n)
                return diag_set(d, E_SYNTAX, "%.*s takes %zu bytes as hexadecimal",
                                (int)efuse_name_len(f->name), f->name, n);
        for (size_t i = 0; i < n / 2 && number; i++) {
                const uint8_t byte = out[i];

                out[i] = out[n - 1 - i];
                out[n - 1 - i] = byte;
        }
        return 0;
}

/* The next bit of a counter. */
static int one_more(const struct efuse_view *v, const struct efuse_field *f, uint8_t *out,
                    struct diag *d)
{
        const uint32_t old = efuse_get(v->chip, v->image, f);

        for (unsigned b = 0; b < f->len; b++)
                if (!(old >> b & 1)) {
                        le32_put(out, old | 1u << b);
                        return 0;
                }
        return diag_set(d, E_REFUSED, "%.*s is burnt to the last bit", (int)efuse_name_len(f->name),
                        f->name);
}

static int parse_purpose(const struct efuse_view *v, const char *text, uint32_t *value,
                         struct diag *d)
{
        const struct efuse_purpose *use = efuse_purpose(v->chip, text);
        uint64_t n;

        if (!use && parse_size(text, &n) == 0 && n < 32)
                use = efuse_purpose_of(v->chip, (unsigned)n);
        if (!use || use->id == 0)
                return diag_set(d, E_SYNTAX, "'%s' is no purpose that can be burnt on the %s", text,
                                v->chip->name);
        *value = use->id;
        return 0;
}

/* Pins 32 and 33 stand as 30 and 31, which no flash can be on. */
static int pin_code(uint32_t *value, struct diag *d)
{
        if (*value == 30 || *value == 31 || *value > 33)
                return diag_set(d, E_RANGE, "no flash can be on pin %u: 0 to 29, 32 and 33 only",
                                *value);
        if (*value > 31)
                *value -= 2;
        return 0;
}

static int parse_number(const struct efuse_view *v, const struct efuse_field *f, const char *text,
                        uint32_t *out, struct diag *d)
{
        const int n = (int)efuse_name_len(f->name);
        uint64_t value;
        int rc = 0;

        if (parse_size(text, &value) < 0)
                return diag_set(d, E_SYNTAX, "%.*s: '%s' is not a number", n, f->name, text);
        if (f->kind == EFUSE_BOOL && value != 1)
                return diag_set(d, E_RANGE, "%.*s is one bit: 1 is all that can be burnt", n,
                                f->name);
        *out = (uint32_t)value;
        if (value <= UINT32_MAX && is_v1(v) && starts(f, "SPI_PAD_CONFIG_") &&
            (rc = pin_code(out, d)) < 0)
                return rc;
        if (value > UINT32_MAX || (f->len < 32 && *out >> f->len))
                return diag_set(d, E_RANGE, "%.*s has %u bits: '%s' is too large", n, f->name,
                                f->len, text);
        if (!*out)
                return diag_set(d, E_RANGE, "%.*s: 0 burns nothing, and no bit is ever cleared", n,
                                f->name);
        return 0;
}

int efuse_value_parse(const struct efuse_view *v, const struct efuse_field *f, const char *text,
                      uint8_t out[32], struct diag *d)
{
        const int n = (int)efuse_name_len(f->name);
        uint32_t value = 1;
        int rc = 0;

        memset(out, 0, 32);
        if (f->kind == EFUSE_MAC || f->kind == EFUSE_CALC || is_named(f, "ADC_VREF"))
                return diag_set(d, E_UNSUPPORTED, "%.*s is the factory's: it is not burnt here", n,
                                f->name);
        if (!text && f->kind == EFUSE_COUNT)
                return one_more(v, f, out, d);
        if (!text && f->kind != EFUSE_BOOL)
                return diag_set(d, E_SYNTAX, "%.*s needs a value", n, f->name);
        if (f->kind == EFUSE_OWN_MAC)
                return efuse_mac_parse(text, out, d);
        if (f->kind == EFUSE_BYTES)
                return parse_bytes(v, f, text, out, d);
        if (text && starts(f, "KEY_PURPOSE_"))
                rc = parse_purpose(v, text, &value, d);
        else if (text)
                rc = parse_number(v, f, text, &value, d);
        if (rc == 0)
                le32_put(out, value);
        return rc;
}
