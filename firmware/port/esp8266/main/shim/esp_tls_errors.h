/* ESP-IDF 5 has the errors of TLS here. */
#include <esp_tls.h>
