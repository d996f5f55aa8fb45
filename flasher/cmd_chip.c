/* chip-id, read-mac, get-security-info: what the chip is */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "flasher.h"

const struct opt chip_id_options[] = { { 0 } };
const struct opt read_mac_options[] = { { 0 } };
const struct opt security_info_options[] = { { 0 } };

static void eui64_text(const uint8_t e[8], char out[24])
{
        snprintf(out, 24, "%02x:%02x:%02x:%02x:%02x:%02x:%02x:%02x", e[0], e[1], e[2], e[3], e[4],
                 e[5], e[6], e[7]);
}

static int show_chip(struct loader *l)
{
        struct loader_info info;
        struct diag d = { 0 };
        char mac[18];
        char eui[24] = "";

        if (loader_info(l, &info, &d) < 0)
                return fail(g.port, &d);
        mac_text(info.mac, mac);
        if (info.has_eui64)
                eui64_text(info.eui64, eui);
        if (g.json) {
                struct json_writer w = { .out = stdout };

                json_open(&w, NULL, '{');
                json_uint(&w, "v", 1);
                json_str(&w, "event", "chip");
                json_str(&w, "chip", loader_chip(l)->name);
                json_str(&w, "description", info.description);
                json_uint(&w, "revision", info.revision);
                json_str(&w, "features", info.features);
                json_uint(&w, "crystal_mhz", info.crystal);
                json_str(&w, "mac", mac);
                if (info.has_eui64)
                        json_str(&w, "eui64", eui);
                json_close(&w, '}');
                putchar('\n');
                return STATUS_DONE;
        }
        printf("Chip:     %s\nFeatures: %s\nCrystal:  %u MHz\nMAC:      %s\n", info.description,
               info.features, info.crystal, mac);
        if (info.has_eui64)
                printf("EUI-64:   %s\n", eui);
        return STATUS_DONE;
}

int cmd_chip_id(int argc, char **argv)
{
        (void)argc;
        (void)argv;
        return session_run(show_chip);
}

static int show_mac(struct loader *l)
{
        struct diag d = { 0 };
        uint8_t mac[6];
        char text[18];

        if (loader_read_mac(l, mac, &d) < 0)
                return fail(g.port, &d);
        mac_text(mac, text);
        if (g.json)
                printf("{\"v\":1,\"event\":\"mac\",\"mac\":\"%s\"}\n", text);
        else
                printf("MAC: %s\n", text);
        return STATUS_DONE;
}

int cmd_read_mac(int argc, char **argv)
{
        (void)argc;
        (void)argv;
        return session_run(show_mac);
}

static const struct {
        uint32_t bit;
        const char *name;
        const char *text;
} flags[] = {
        { ROMLDR_SECF_SECURE_BOOT, "secure_boot", "secure boot" },
        { ROMLDR_SECF_BOOT_AGGRESSIVE, "secure_boot_aggressive_revoke",
          "secure boot: aggressive revocation" },
        { ROMLDR_SECF_REVOKE_0, "secure_boot_key_revoked_0", "secure boot: key 0 revoked" },
        { ROMLDR_SECF_REVOKE_1, "secure_boot_key_revoked_1", "secure boot: key 1 revoked" },
        { ROMLDR_SECF_REVOKE_2, "secure_boot_key_revoked_2", "secure boot: key 2 revoked" },
        { ROMLDR_SECF_SECURE_DOWNLOAD, "secure_download", "secure download mode" },
        { ROMLDR_SECF_SOFT_DIS_JTAG, "soft_disable_jtag", "JTAG off (by software)" },
        { ROMLDR_SECF_HARD_DIS_JTAG, "hard_disable_jtag", "JTAG off (for good)" },
        { ROMLDR_SECF_DIS_USB, "disable_usb", "USB off" },
        { ROMLDR_SECF_DIS_DL_DCACHE, "disable_dcache_download", "data cache off in download mode" },
        { ROMLDR_SECF_DIS_DL_ICACHE, "disable_icache_download",
          "instruction cache off in download mode" },
};
#define FLAGS (sizeof flags / sizeof flags[0])

static void security_json(const struct loader *l, const struct loader_security *s)
{
        struct json_writer w = { .out = stdout };

        json_open(&w, NULL, '{');
        json_uint(&w, "v", 1);
        json_str(&w, "event", "security");
        json_str(&w, "chip", loader_chip(l)->name);
        json_bool(&w, "secure_boot", s->secure_boot);
        json_bool(&w, "flash_encryption", s->encrypted);
        json_uint(&w, "flash_crypt_cnt", s->crypt_cnt);
        if (!s->from_efuses) {
                json_uint(&w, "flags", s->flags);
                for (size_t i = 1; i < FLAGS; i++)
                        json_bool(&w, flags[i].name, s->flags & flags[i].bit);
                json_open(&w, "key_purposes", '[');
                for (size_t i = 0; i < 6; i++)
                        json_str(&w, NULL, chip_key_purpose(loader_chip(l), s->purposes[i]));
                json_close(&w, ']');
        }
        if (s->has_chip_id) {
                json_uint(&w, "chip_id", s->chip_id);
                json_uint(&w, "api_version", s->eco);
        }
        json_close(&w, '}');
        putchar('\n');
}

static int show_security(struct loader *l)
{
        struct loader_security s;
        struct diag d = { 0 };

        if (loader_security(l, &s, &d) < 0)
                return fail(g.port, &d);
        if (g.json) {
                security_json(l, &s);
                return STATUS_DONE;
        }
        printf("Secure boot:      %s\nFlash encryption: %s (counter 0x%x)\n",
               s.secure_boot ? "on" : "off", s.encrypted ? "on" : "off", s.crypt_cnt);
        if (s.from_efuses) {
                printf("(read from eFuses: this ROM has no GET_SECURITY_INFO)\n");
                return STATUS_DONE;
        }
        printf("Flags:            0x%08x\n", s.flags);
        for (size_t i = 1; i < FLAGS; i++)
                if (s.flags & flags[i].bit)
                        printf("                  %s\n", flags[i].text);
        for (unsigned i = 0; i < 6; i++) {
                const char *name = chip_key_purpose(loader_chip(l), s.purposes[i]);

                printf("Key block %u:      %s (%u)\n", i, name ? name : "?", s.purposes[i]);
        }
        if (s.has_chip_id)
                printf("Chip id:          %u\nAPI version:      %u\n", s.chip_id, s.eco);
        return STATUS_DONE;
}

int cmd_security_info(int argc, char **argv)
{
        (void)argc;
        (void)argv;
        return session_run(show_security);
}
