/*
 * Signatures of secure boot: facts. Sources: "Secure Boot v2" and "Secure Boot v1" of the ESP-IDF
 * v5.5 programming guide; espsecure 4.8.1 and 5.3.1 where the guide is silent.
 */
#ifndef FMT_SECBOOT_WIRE_H
#define FMT_SECBOOT_WIRE_H

/*
 * Version 2: the image, filled up with 0xFF to whole sectors, then one sector with up to three
 * blocks, the rest 0xFF. A block signs everything before the sector. Numbers are little-endian.
 */
#define SECBOOT_SECTOR 4096u
#define SECBOOT_BLOCKS 3u
#define SECBOOT_BLOCK  1216u

#define SECBOOT_MAGIC     0xE7u /* byte 0 */
#define SECBOOT_AT_FORM   1u
#define SECBOOT_FORM_RSA  2u
#define SECBOOT_FORM_EC   3u
#define SECBOOT_AT_SHA    2u    /* 0: SHA-256, 1: SHA-384 */
#define SECBOOT_AT_DIGEST 4u    /* of the image */
#define SECBOOT_AT_CRC    1196u /* u32, plain CRC-32 of all before; 16 zero bytes end the block */

/* RSA-3072. Key digest: SHA-256 of 36 … 811. */
#define SECBOOT_RSA_LEN  384u
#define SECBOOT_RSA_AT_N 36u
#define SECBOOT_RSA_AT_E 420u /* u32 */
#define SECBOOT_RSA_AT_R 424u /* 2^6144 mod n */
#define SECBOOT_RSA_AT_M 808u /* u32: -1 / n mod 2^32 */
#define SECBOOT_RSA_AT_S 812u /* RSASSA-PSS, SHA-256, salt of 32 bytes */

/* ECDSA P-192 and P-256: X and Y without a gap in 64 bytes, r and s in 64. Key digest: SHA-256 of
 * 36 … 100. */
#define SECBOOT_EC_AT_CURVE 36u
#define SECBOOT_EC_AT_POINT 37u
#define SECBOOT_EC_AT_S     101u
#define SECBOOT_EC_AREA     64u
#define SECBOOT_CURVE_P192  1u
#define SECBOOT_CURVE_P256  2u

/* ECDSA P-384: SHA-384 of the image. Key digest: SHA-256 of 52 … 148. */
#define SECBOOT_EC384_AT_CURVE 52u
#define SECBOOT_EC384_AT_POINT 53u
#define SECBOOT_EC384_AT_S     149u
#define SECBOOT_EC384_AREA     96u
#define SECBOOT_CURVE_P384     3u

/* Version 1: u32 0 and r, s (big endian, P-256 over SHA-256) right behind the image. */
#define SECBOOT_V1_LEN  68u
#define SECBOOT_V1_AT_S 4u
#define SECBOOT_V1_KEY  64u /* the public key: X, Y, big endian */

/* Version 1, the bootloader's digest: iv, SHA-512, 0xFF to a sector, then the image. */
#define SECBOOT_V1_IV     128u
#define SECBOOT_V1_DIGEST 64u

#endif
