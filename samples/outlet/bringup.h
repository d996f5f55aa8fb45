/*
 * For bring-up on the bench, as the tutorial's third step: a network that is built into the
 * firmware. The unit joins it and never waits for provisioning. Not for a product.
 *
 *     make firmware FW_CONFIG=samples/outlet/bringup.h
 */
#ifndef OUTLET_BUILD_CONFIG_H
#define OUTLET_BUILD_CONFIG_H

#define OUTLET_CONFIG .wifi_ssid = "bench", .wifi_passphrase = "bring-up only", .esp_topics = true

#endif
