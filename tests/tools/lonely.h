/* For tests: an outlet that has no network and little patience, so that its trial fails. */
#ifndef OUTLET_BUILD_CONFIG_H
#define OUTLET_BUILD_CONFIG_H

#define OUTLET_CONFIG .transport = PORT_PROV_SOFTAP, .wifi_ssid = "nowhere", .selftest_s = 1

#endif
