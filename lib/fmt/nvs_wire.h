/*
 * The bytes of an NVS partition (ESP-IDF v5.5 components/nvs_flash; esp-idf-nvs-partition-gen
 * 0.2.0). Facts only: what they mean is in nvs_write.h, nvs_read.h and nvs_store.h.
 *
 * page: 32 header | 32 bitmap | 126 entries of 32 bytes
 */
#ifndef FMT_NVS_WIRE_H
#define FMT_NVS_WIRE_H

#include <stdint.h>

#define NVS_PAGE_SIZE    4096u
#define NVS_ENTRY_SIZE   32u
#define NVS_PAGE_ENTRIES 126u
#define NVS_BITMAP_AT    32u
#define NVS_ENTRIES_AT   64u
#define NVS_BITMAP_SIZE  32u

/* page header: u32 state, u32 sequence, u8 version, 19 x FF, u32 crc of bytes 4..27 */
#define NVS_HDR_STATE   0u
#define NVS_HDR_SEQ     4u
#define NVS_HDR_VERSION 8u
#define NVS_HDR_CRC     28u

/* states only ever clear bits */
#define NVS_PAGE_EMPTY   0xFFFFFFFFu
#define NVS_PAGE_ACTIVE  0xFFFFFFFEu
#define NVS_PAGE_FULL    0xFFFFFFFCu
#define NVS_PAGE_FREEING 0xFFFFFFF8u
#define NVS_PAGE_CORRUPT 0x00000000u

#define NVS_VERSION_1 0xFFu /* blobs in one piece */
#define NVS_VERSION_2 0xFEu /* blobs in chunks over pages */

/* bitmap: two bits an entry, entry i at bits 2 * (i % 4) of byte i / 4 */
#define NVS_SLOT_EMPTY   3u
#define NVS_SLOT_WRITTEN 2u
#define NVS_SLOT_ERASED  0u

/* State of slot i (below 128; 126 and 127 are padding) in a bitmap: NVS_SLOT_*, or 1, which no
 * writer makes. */
static inline unsigned nvs_slot_state(const uint8_t map[NVS_BITMAP_SIZE], unsigned i)
{
        return (unsigned)map[i / 4] >> (i % 4 * 2) & 3u;
}

/* entry: u8 ns, u8 type, u8 span, u8 chunk, u32 crc of bytes 0..3 and 8..31, key[16], data[8] */
#define NVS_ENT_NS    0u
#define NVS_ENT_TYPE  1u
#define NVS_ENT_SPAN  2u
#define NVS_ENT_CHUNK 3u
#define NVS_ENT_CRC   4u
#define NVS_ENT_KEY   8u
#define NVS_ENT_DATA  24u

enum nvs_type {
        NVS_U8 = 0x01,
        NVS_I8 = 0x11,
        NVS_U16 = 0x02,
        NVS_I16 = 0x12,
        NVS_U32 = 0x04,
        NVS_I32 = 0x14,
        NVS_U64 = 0x08,
        NVS_I64 = 0x18,
        NVS_STR = 0x21,       /* u16 size with its NUL, FFFF, u32 crc of the data */
        NVS_BLOB = 0x41,      /* version 1: as a string */
        NVS_BLOB_DATA = 0x42, /* version 2: one chunk, as a string */
        NVS_BLOB_INDEX = 0x48 /* u32 total size, u8 chunk count, u8 first chunk, FFFF */
};

#define NVS_CHUNK_ANY 0xFFu /* chunk byte of everything but blob data */
#define NVS_CHUNK_START_0 \
        0x00u /* the two halves of the chunk numbers: old and new version of a blob */
#define NVS_CHUNK_START_1 0x80u

#define NVS_KEY_MAX     15u   /* bytes, without the NUL; namespaces too */
#define NVS_NS_MAX      254u  /* namespaces: indexes 1 … 254 (nvs_storage.cpp) */
#define NVS_STR_MAX     4000u /* bytes with the NUL (nvs.h) */
#define NVS_BLOB_V1_MAX 1984u /* bytes: nvs_partition_gen.py's limit for version 1 */
#define NVS_CHUNK_MAX   4000u /* bytes of one chunk: 125 entries */
#define NVS_CHUNKS_MAX  127u  /* of one blob: the numbers below NVS_CHUNK_START_1 (nvs_types.hpp) */
#define NVS_BLOB_MAX    508000u /* bytes of a version 2 blob: NVS_CHUNKS_MAX full chunks (nvs.h) */
#define NVS_SIZE_MIN    0x3000u /* bytes of a partition that is written at run time */
#define NVS_SIZE_MIN_RO 0x1000u /* of a read-only one (ESP-IDF v5.4) */

/* key partition: 64 bytes key, u32 crc of it, FF to 4096 */
#define NVS_KEYS_SIZE 4096u
#define NVS_KEYS_CRC  64u

#endif
