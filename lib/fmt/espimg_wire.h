/* The ESP application image: facts. Source: ESP-IDF v5.5 esp_app_format.h, "App Image Format" page;
 * esptool 4.8.1 for the ESP8266. */
#ifndef FMT_ESPIMG_WIRE_H
#define FMT_ESPIMG_WIRE_H

/* Header, 8 bytes: magic, segments, flash mode, size << 4 | frequency, entry32. */
#define ESPIMG_MAGIC    0xE9u
#define ESPIMG_MAGIC_V2 0xEAu /* ESP8266 version 2: one irom segment before the ordinary image */
#define ESPIMG_V2_COUNT 4u    /* its second byte */
#define ESPIMG_HEADER   8u
#define ESPIMG_AT_COUNT 1u
#define ESPIMG_AT_MODE  2u
#define ESPIMG_AT_SIZE  3u
#define ESPIMG_AT_ENTRY 4u

/* Extended header, 16 bytes more on all chips but the ESP8266. */
#define ESPIMG_EXT         16u
#define ESPIMG_AT_WP       8u  /* 0xEE: not used */
#define ESPIMG_AT_DRV      9u  /* three bytes of pin drive settings */
#define ESPIMG_AT_CHIP     12u /* u16 */
#define ESPIMG_AT_MIN_REV  14u /* u8, the old form: major only */
#define ESPIMG_AT_MIN_FULL 15u /* u16, major * 100 + minor */
#define ESPIMG_AT_MAX_FULL 17u /* u16; 0xffff: any */
#define ESPIMG_AT_HASH     23u /* 1: SHA-256 of all before it is appended */
#define ESPIMG_WP_NONE     0xEEu

/* Segments: addr32, len32, data. At most 16; the last is followed by zeros up to a position 15
 * modulo 16 and the checksum. */
#define ESPIMG_SEGMENT       8u
#define ESPIMG_SEGMENTS_MAX  16u
#define ESPIMG_SEGMENT_LIMIT (16u << 20) /* bytes; larger is taken for damage */
#define ESPIMG_CHECKSUM_SEED 0xEFu
#define ESPIMG_HASH_LEN      32u

/* Application descriptor: the first 256 bytes of the DROM segment. */
#define ESPIMG_DESC_MAGIC   0xABCD5432u
#define ESPIMG_DESC_LEN     256u
#define ESPIMG_DESC_SECURE  4u   /* u32 secure version */
#define ESPIMG_DESC_VERSION 16u  /* char[32] */
#define ESPIMG_DESC_PROJECT 48u  /* char[32] */
#define ESPIMG_DESC_TIME    80u  /* char[16] */
#define ESPIMG_DESC_DATE    96u  /* char[16] */
#define ESPIMG_DESC_IDF     112u /* char[32] */
#define ESPIMG_DESC_ELF_SHA 144u /* 32 bytes */
#define ESPIMG_DESC_MIN_BLK 176u /* u16 */
#define ESPIMG_DESC_MAX_BLK 178u /* u16 */
#define ESPIMG_DESC_PAGE    180u /* u8: log2 of the MMU page size, 0 unknown */

/* Bootloader descriptor: the first 80 bytes of its DRAM segment. */
#define ESPIMG_BOOT_MAGIC   0x50u
#define ESPIMG_BOOT_LEN     80u
#define ESPIMG_BOOT_VERSION 4u  /* u32 */
#define ESPIMG_BOOT_IDF     8u  /* char[32] */
#define ESPIMG_BOOT_DATE    40u /* char[24] */

#endif
