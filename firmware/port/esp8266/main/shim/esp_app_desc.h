/* ESP-IDF 5 has the descriptor of the running app here. */
#include <esp_ota_ops.h>
#define esp_app_get_description esp_ota_get_app_description
