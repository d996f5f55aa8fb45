/*
 * The partition table as it lies on flash. Source: gen_esp32part.py 1.5 of ESP-IDF v5.5.5 and the
 * table's reader in its bootloader (esp_partition_table_verify).
 *
 * Entries of 32 bytes, then the MD5 entry, then an entry of FF; FF up to PTABLE_LEN.
 */
#ifndef FMT_PTABLE_WIRE_H
#define FMT_PTABLE_WIRE_H

#define PTABLE_LEN         0xC00u  /* bytes written; the sector's rest is left for a signature */
#define PTABLE_SECTOR      0x1000u /* bytes that the table occupies on flash */
#define PTABLE_ENTRY       32u
#define PTABLE_MAX         95u     /* entries without the MD5 entry; one less with it */
#define PTABLE_OFFSET      0x8000u /* where the table lies unless the project says otherwise */
#define PTABLE_NAME_LEN    16u     /* bytes of a name, zero padded; 16 bytes leave no NUL */
#define PTABLE_OTADATA_LEN 0x2000u /* bytes an otadata partition must have */
#define PTABLE_NVS_RW_MIN  0x3000u /* smallest NVS partition that can be written to, bytes */

/* An entry: byte offsets. */
#define PTABLE_AT_MAGIC   0u /* AA 50 */
#define PTABLE_AT_TYPE    2u
#define PTABLE_AT_SUBTYPE 3u
#define PTABLE_AT_OFFSET  4u
#define PTABLE_AT_SIZE    8u
#define PTABLE_AT_NAME    12u
#define PTABLE_AT_FLAGS   28u

#define PTABLE_MAGIC_0 0xAAu
#define PTABLE_MAGIC_1 0x50u

/* The MD5 entry: EB EB, 14 times FF, MD5 of the bytes of all entries before it. */
#define PTABLE_MD5_MAGIC 0xEBu
#define PTABLE_MD5_AT    16u

#define PTABLE_FLAG_ENCRYPTED 1u
#define PTABLE_FLAG_READONLY  2u

/* Alignment in bytes. */
#define PTABLE_ALIGN_APP     0x10000u /* offset of an app partition (MMU page) */
#define PTABLE_ALIGN_DATA    0x1000u  /* offset of every other partition (flash sector) */
#define PTABLE_ALIGN_APP_LEN 0x1000u  /* size of an app partition; 0x10000 with secure boot v1 */

enum ptable_type {
        PTABLE_APP = 0,
        PTABLE_DATA = 1,
        PTABLE_BOOTLOADER = 2,
        PTABLE_TABLE = 3,     /* the partition table itself */
        PTABLE_CUSTOM = 0x40, /* 0x40 … 0xFE belong to the application */
};

enum ptable_app_subtype {
        PTABLE_APP_FACTORY = 0x00,
        PTABLE_APP_OTA_0 = 0x10, /* … 0x1F: ota_15 */
        PTABLE_APP_OTA_15 = 0x1F,
        PTABLE_APP_TEST = 0x20,
        PTABLE_APP_TEE_0 = 0x30,
        PTABLE_APP_TEE_1 = 0x31,
};

enum ptable_data_subtype {
        PTABLE_DATA_OTA = 0x00,
        PTABLE_DATA_PHY = 0x01,
        PTABLE_DATA_NVS = 0x02,
        PTABLE_DATA_COREDUMP = 0x03,
        PTABLE_DATA_NVS_KEYS = 0x04,
        PTABLE_DATA_EFUSE = 0x05,
        PTABLE_DATA_UNDEFINED = 0x06,
        PTABLE_DATA_ESPHTTPD = 0x80,
        PTABLE_DATA_FAT = 0x81,
        PTABLE_DATA_SPIFFS = 0x82,
        PTABLE_DATA_LITTLEFS = 0x83,
        PTABLE_DATA_TEE_OTA = 0x90,
};

/* Subtypes of PTABLE_BOOTLOADER and PTABLE_TABLE (which has no recovery). */
enum ptable_boot_subtype {
        PTABLE_BOOT_PRIMARY = 0,
        PTABLE_BOOT_OTA = 1,
        PTABLE_BOOT_RECOVERY = 2,
};

#endif
