/* Espressif's provisioning manager by one set of names: in the tree as wifi_provisioning up to
 * ESP-IDF 5, the component network_provisioning from 6 on. What they say on the air is the same. */
#ifndef PORT_ESP_PROV_API_H
#define PORT_ESP_PROV_API_H

#include <esp_idf_version.h>
#include <sdkconfig.h>

/* ESP8266_RTOS_SDK has neither Bluetooth nor security 2. */
#define PROV_HAS_SECURITY_2 (!CONFIG_IDF_TARGET_ESP8266)

#if ESP_IDF_VERSION < ESP_IDF_VERSION_VAL(6, 0, 0)
#include <wifi_provisioning/manager.h>
#include <wifi_provisioning/scheme_softap.h>
#if CONFIG_OUTLET_PROV_BLE
#include <wifi_provisioning/scheme_ble.h>
#endif

typedef wifi_prov_mgr_config_t prov_config_t;
typedef wifi_prov_cb_event_t prov_event_t;
#define PROV_CREDENTIALS    WIFI_PROV_CRED_RECV
#define PROV_FAILED         WIFI_PROV_CRED_FAIL
#define PROV_SUCCESS        WIFI_PROV_CRED_SUCCESS
#define PROV_END            WIFI_PROV_END
#define PROV_SCHEME_BLE     wifi_prov_scheme_ble
#define PROV_SCHEME_SOFTAP  wifi_prov_scheme_softap
#define PROV_FREE_BLUETOOTH WIFI_PROV_SCHEME_BLE_EVENT_HANDLER_FREE_BTDM
#define PROV_SECURITY_1     WIFI_PROV_SECURITY_1
#define PROV_SECURITY_2     WIFI_PROV_SECURITY_2
#define prov_security2_t    wifi_prov_security2_params_t
#define prov_mgr_init       wifi_prov_mgr_init
#define prov_mgr_deinit     wifi_prov_mgr_deinit
#define prov_mgr_start      wifi_prov_mgr_start_provisioning
#else
#include <network_provisioning/manager.h>
#include <network_provisioning/scheme_softap.h>
#if CONFIG_OUTLET_PROV_BLE
#include <network_provisioning/scheme_ble.h>
#endif

typedef network_prov_mgr_config_t prov_config_t;
typedef network_prov_cb_event_t prov_event_t;
#define PROV_CREDENTIALS    NETWORK_PROV_WIFI_CRED_RECV
#define PROV_FAILED         NETWORK_PROV_WIFI_CRED_FAIL
#define PROV_SUCCESS        NETWORK_PROV_WIFI_CRED_SUCCESS
#define PROV_END            NETWORK_PROV_END
#define PROV_SCHEME_BLE     network_prov_scheme_ble
#define PROV_SCHEME_SOFTAP  network_prov_scheme_softap
#define PROV_FREE_BLUETOOTH NETWORK_PROV_SCHEME_BLE_EVENT_HANDLER_FREE_BTDM
#define PROV_SECURITY_1     NETWORK_PROV_SECURITY_1
#define PROV_SECURITY_2     NETWORK_PROV_SECURITY_2
#define prov_security2_t    network_prov_security2_params_t
#define prov_mgr_init       network_prov_mgr_init
#define prov_mgr_deinit     network_prov_mgr_deinit
#define prov_mgr_start      network_prov_mgr_start_provisioning
#endif

#endif
