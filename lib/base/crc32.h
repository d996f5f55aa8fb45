/* CRC-32 as the ESP ROM computes it. */
#ifndef BASE_CRC32_H
#define BASE_CRC32_H

#include <stddef.h>
#include <stdint.h>

/*
 * ESP ROM esp_rom_crc32_le(crc, p, n): reflected polynomial 0xEDB88320, register and result
 * inverted. Running: pass the previous result as crc; plain CRC-32 (zlib, IEEE 802.3) starts with
 * 0.
 */
uint32_t crc32_le(uint32_t crc, const void *p, size_t n);

/*
 * The checksum of NVS entries and pages, NVS key partitions and otadata: crc32_le started with
 * 0xFFFFFFFF, that is with the register at 0 (ESP-IDF v5.5 nvs_types.cpp; not plain CRC-32).
 */
static inline uint32_t crc32_esp(const void *p, size_t n)
{
        return crc32_le(0xFFFFFFFFu, p, n);
}

#endif
