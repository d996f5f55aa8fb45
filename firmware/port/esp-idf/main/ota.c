/* port.h's update slots: esp_ota_*. */
#include <esp_ota_ops.h>

#include "base/err.h"
#include "firmware/core/port.h"
#include "machine.h"

static struct {
        const esp_partition_t *slot; /* NULL: none is open */
        esp_ota_handle_t handle;
        bool writing, verified;
} update;

enum port_ota_state port_ota_state(void)
{
        esp_ota_img_states_t state;

        if (esp_ota_get_state_partition(esp_ota_get_running_partition(), &state) != ESP_OK)
                return PORT_OTA_VALID;
        return state == ESP_OTA_IMG_PENDING_VERIFY ? PORT_OTA_PENDING : PORT_OTA_VALID;
}

int port_ota_begin(uint32_t *size)
{
        const esp_partition_t *slot = esp_ota_get_next_update_partition(NULL);
        esp_err_t rc;

        port_ota_abort();
        if (port_ota_state() == PORT_OTA_PENDING)
                return -E_STATE;
        if (!slot || slot == esp_ota_get_running_partition())
                return -E_NOTFOUND;
        if ((rc = esp_ota_begin(slot, OTA_WITH_SEQUENTIAL_WRITES, &update.handle)) != ESP_OK)
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

/* Checks digest and, where the chip demands it, signature. */
int port_ota_finish(void)
{
        esp_err_t rc;

        if (!update.writing)
                return -E_STATE;
        rc = esp_ota_end(update.handle);
        update.writing = false; /* the handle is gone either way */
        update.verified = rc == ESP_OK;
        return rc == ESP_ERR_OTA_VALIDATE_FAILED ? -E_VERIFY : machine_error(rc);
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

void port_ota_abort(void)
{
        if (update.writing)
                (void)esp_ota_abort(update.handle);
        update.slot = NULL;
        update.writing = update.verified = false;
}

int port_ota_mark_valid(void)
{
        if (port_ota_state() != PORT_OTA_PENDING)
                return 0;
        return machine_error(esp_ota_mark_app_valid_cancel_rollback());
}

/* Restarts at once: the outputs are held all the time. */
int port_ota_rollback(void)
{
        if (!esp_ota_check_rollback_is_possible())
                return -E_NOTFOUND;
        return machine_error(esp_ota_mark_app_invalid_rollback_and_reboot());
}
