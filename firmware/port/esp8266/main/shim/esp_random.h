/* ESP-IDF 5 has esp_random() here. */
#include <esp_system.h>
