/*
 * port.h's key-value store: nvs_flash. With CONFIG_NVS_ENCRYPTION every partition is encrypted with
 * this unit's keys, fctry too (nvsgen --keygen and --keyfile make both); PORT_NVS makes the keys
 * where there are none yet.
 */
#include <stdlib.h>
#include <string.h>

#include <nvs.h>
#include <nvs_flash.h>
#include <sdkconfig.h>

#include "base/bytes.h"
#include "base/err.h"
#include "firmware/core/port.h"
#include "machine.h"

#if CONFIG_NVS_ENCRYPTION
static esp_err_t init(const char *part)
{
        nvs_sec_scheme_t *scheme = nvs_flash_get_default_security_scheme();
        nvs_sec_cfg_t keys;
        esp_err_t rc;

        if (!scheme)
                return ESP_ERR_NOT_SUPPORTED;
        rc = nvs_flash_read_security_cfg_v2(scheme, &keys);
        if (rc == ESP_ERR_NVS_KEYS_NOT_INITIALIZED && !strcmp(part, PORT_NVS))
                rc = nvs_flash_generate_keys_v2(scheme, &keys);
        if (rc == ESP_OK)
                rc = nvs_flash_secure_init_partition(part, &keys);
        wipe(&keys, sizeof keys);
        return rc;
}
#else
static esp_err_t init(const char *part)
{
        return nvs_flash_init_partition(part);
}
#endif

int port_kv_mount(const char *part)
{
        return machine_error(init(part));
}

int port_kv_format(const char *part)
{
        esp_err_t rc;

        if (!strcmp(part, PORT_FCTRY))
                return -E_PERM;
        rc = nvs_flash_deinit_partition(part);
        if (rc != ESP_OK && rc != ESP_ERR_NVS_NOT_INITIALIZED)
                return machine_error(rc);
        return machine_error(nvs_flash_erase_partition(part));
}

/* Not mounted is not found. */
static int space(const char *part, const char *ns, nvs_open_mode_t mode, nvs_handle_t *h)
{
        const esp_err_t rc = nvs_open_from_partition(part, ns, mode, h);

        return rc == ESP_ERR_NVS_NOT_INITIALIZED ? -E_NOTFOUND : machine_error(rc);
}

/* A string of len bytes with its NUL, which the caller's buffer has no room for. */
static int get_string(nvs_handle_t h, const char *key, void *buf, size_t cap, size_t len)
{
        char *text;
        int rc;

        if (len - 1 > cap)
                return -E_NOSPACE;
        if (!(text = malloc(len)))
                return -E_NOMEM;
        rc = machine_error(nvs_get_str(h, key, text, &len));
        if (rc == 0) {
                memcpy(buf, text, len - 1);
                rc = (int)len - 1;
        }
        wipe(text, len);
        free(text);
        return rc;
}

static int get(nvs_handle_t h, const char *key, void *buf, size_t cap)
{
        nvs_type_t type;
        size_t len = 0;
        int rc = machine_error(nvs_find_key(h, key, &type));

        if (rc < 0)
                return rc;
        if (type == NVS_TYPE_STR) {
                rc = machine_error(nvs_get_str(h, key, NULL, &len));
                if (rc == 0 && len == 0)
                        rc = -E_CRC;
                if (rc < 0 || !buf)
                        return rc < 0 ? rc : (int)len - 1;
                return get_string(h, key, buf, cap, len);
        }
        if (type != NVS_TYPE_BLOB)
                return -E_NOTFOUND;
        len = cap;
        rc = machine_error(nvs_get_blob(h, key, buf, &len));
        return rc < 0 ? rc : (int)len;
}

int port_kv_get(const char *part, const char *ns, const char *key, void *buf, size_t cap)
{
        nvs_handle_t h;
        int rc = space(part, ns, NVS_READONLY, &h);

        if (rc < 0)
                return rc;
        rc = get(h, key, buf, cap);
        nvs_close(h);
        return rc;
}

int port_kv_set(const char *part, const char *ns, const char *key, const char *value)
{
        nvs_handle_t h;
        int rc = space(part, ns, NVS_READWRITE, &h);

        if (rc < 0)
                return rc;
        rc = machine_error(nvs_set_str(h, key, value));
        if (rc == 0)
                rc = machine_error(nvs_commit(h));
        nvs_close(h);
        return rc;
}

int port_kv_erase(const char *part, const char *ns, const char *key)
{
        nvs_handle_t h;
        int rc = space(part, ns, NVS_READWRITE, &h);

        if (rc < 0)
                return rc == -E_NOTFOUND ? 0 : rc;
        rc = machine_error(nvs_erase_key(h, key));
        if (rc == 0)
                rc = machine_error(nvs_commit(h));
        nvs_close(h);
        return rc == -E_NOTFOUND ? 0 : rc;
}
