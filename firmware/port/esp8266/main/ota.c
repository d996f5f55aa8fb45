/*
 * port.h's update slots: esp_ota_* of ESP8266_RTOS_SDK, which knows no trial and no rollback. Its
 * images name no chip (their field is 0, as the ESP32's), so an image is held against this chip's
 * memory before it may start.
 */
#include <esp_image_format.h>
#include <esp_ota_ops.h>
#include <esp_partition.h>

#include "base/err.h"
#include "firmware/core/port.h"
#include "firmware/port/esp-idf/main/machine.h"

/* Where code of this chip starts: its instruction RAM. */
#define ENTRY_FIRST 0x40100000u
#define ENTRY_END   0x40110000u

static struct {
        const esp_partition_t *slot; /* NULL: none is open */
        esp_ota_handle_t handle;
        bool writing, verified;
} update;

enum port_ota_state port_ota_state(void)
{
        return PORT_OTA_VALID;
}

int port_ota_begin(uint32_t *size)
{
        const esp_partition_t *slot = esp_ota_get_next_update_partition(NULL);
        esp_err_t rc;

        port_ota_abort();
        if (!slot || slot == esp_ota_get_running_partition())
                return -E_NOTFOUND;
        if ((rc = esp_ota_begin(slot, OTA_SIZE_UNKNOWN, &update.handle)) != ESP_OK)
                return machine_error(rc);
        update.slot = slot;
        update.writing = true;
        *size = slot->size;
        return 0;
}

int port_ota_write(const void *p, size_t n)
{
        return update.writing ? machine_error(esp_ota_write(update.handle, p, n)) : -E_STATE;
}

static bool for_this_chip(const esp_partition_t *slot)
{
        esp_image_header_t head;

        return esp_partition_read(slot, 0, &head, sizeof head) == ESP_OK &&
               head.entry_addr >= ENTRY_FIRST && head.entry_addr < ENTRY_END;
}

int port_ota_finish(void)
{
        esp_err_t rc;

        if (!update.writing)
                return -E_STATE;
        rc = esp_ota_end(update.handle);
        update.writing = false; /* the handle is gone either way */
        update.verified = rc == ESP_OK && for_this_chip(update.slot);
        if (rc != ESP_OK && rc != ESP_ERR_OTA_VALIDATE_FAILED)
                return machine_error(rc);
        return update.verified ? 0 : -E_VERIFY;
}

int port_ota_activate(void)
{
        esp_err_t rc;

        if (!update.slot || !update.verified)
                return -E_STATE;
        rc = esp_ota_set_boot_partition(update.slot);
        update.slot = NULL;
        return rc == ESP_ERR_OTA_VALIDATE_FAILED ? -E_VERIFY : machine_error(rc);
}

/* There is no call to give a handle back but the one that verifies. */
void port_ota_abort(void)
{
        if (update.writing)
                (void)esp_ota_end(update.handle);
        update.slot = NULL;
        update.writing = update.verified = false;
}

int port_ota_mark_valid(void)
{
        return 0;
}

int port_ota_rollback(void)
{
        return -E_NOTFOUND;
}
