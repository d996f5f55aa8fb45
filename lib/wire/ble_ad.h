/* What a Bluetooth LE device says of itself in advertisements and scan responses: its name, and the
 * services of 128-bit UUIDs. Core Specification Supplement, part A, 1. */
#ifndef WIRE_BLE_AD_H
#define WIRE_BLE_AD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLE_AD_MAX       31u /* bytes of one advertisement (legacy) */
#define BLE_AD_NAME_MAX  (BLE_AD_MAX - 2)
#define BLE_AD_UUIDS_MAX 4u

enum ble_ad_type {
        BLE_AD_FLAGS = 0x01,
        BLE_AD_UUIDS_SOME = 0x06, /* 128-bit */
        BLE_AD_UUIDS_ALL = 0x07,
        BLE_AD_NAME_SHORT = 0x08,
        BLE_AD_NAME = 0x09
};

struct ble_ad {
        char name[248]; /* as long as a name may be (extended advertising); "" if not told */
        bool name_is_short;
        uint8_t uuids[BLE_AD_UUIDS_MAX][16]; /* little-endian */
        size_t uuid_count;
};

/* Add what n bytes say to what is known: a name and UUIDs may come in the scan response only. What
 * follows a field that is cut short is ignored. */
void ble_ad_take(struct ble_ad *ad, const uint8_t *p, size_t n);

/* Append a field to out, where at bytes are written. Returns the new length or -E_NOSPACE. */
long ble_ad_put(uint8_t *out, size_t cap, size_t at, enum ble_ad_type type, const void *p,
                size_t n);

#endif
