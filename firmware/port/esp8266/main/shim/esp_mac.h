/* ESP-IDF 5 has esp_read_mac() here. */
#include <esp_system.h>
