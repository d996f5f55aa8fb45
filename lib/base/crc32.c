#include "base/crc32.h"

#include "base/bytes.h"

/*
 * How many bytes a step takes: 8 (8 KiB of tables) or 1 (1 KiB), for a device whose constants take
 * room that is short.
 */
#ifndef CRC32_STEP
#define CRC32_STEP 8
#endif

/* A CRC is linear: what a byte leaves is the sum of what its bits leave, b0 the lowest bit's. */
#define SUMS_1(x, b0)                 (x), (x) ^ (b0)
#define SUMS_2(x, b0, b1)             SUMS_1(x, b0), SUMS_1((x) ^ (b1), b0)
#define SUMS_3(x, b0, b1, b2)         SUMS_2(x, b0, b1), SUMS_2((x) ^ (b2), b0, b1)
#define SUMS_4(x, b0, b1, b2, b3)     SUMS_3(x, b0, b1, b2), SUMS_3((x) ^ (b3), b0, b1, b2)
#define SUMS_5(x, b0, b1, b2, b3, b4) SUMS_4(x, b0, b1, b2, b3), SUMS_4((x) ^ (b4), b0, b1, b2, b3)
#define SUMS_6(x, b0, b1, b2, b3, b4, b5) \
        SUMS_5(x, b0, b1, b2, b3, b4), SUMS_5((x) ^ (b5), b0, b1, b2, b3, b4)
#define SUMS_7(x, b0, b1, b2, b3, b4, b5, b6) \
        SUMS_6(x, b0, b1, b2, b3, b4, b5), SUMS_6((x) ^ (b6), b0, b1, b2, b3, b4, b5)
#define SUMS_8(b0, b1, b2, b3, b4, b5, b6, b7)                                                 \
        {                                                                                      \
                SUMS_7(0u, b0, b1, b2, b3, b4, b5, b6), SUMS_7(b7, b0, b1, b2, b3, b4, b5, b6) \
        }

/*
 * table[k][b]: what is left of byte b behind k more bytes that are 0. The bits' remainders, from
 * 0xEDB88320 on, each the one before shifted on under the polynomial, are the register's states
 * when a single bit runs through it. Constant, so that they stay in flash on a device.
 */
static const uint32_t table[CRC32_STEP][256] = {
        SUMS_8(0x77073096u, 0xee0e612cu, 0x076dc419u, 0x0edb8832u, 0x1db71064u, 0x3b6e20c8u,
               0x76dc4190u, 0xedb88320u),
#if CRC32_STEP == 8
        SUMS_8(0x191b3141u, 0x32366282u, 0x646cc504u, 0xc8d98a08u, 0x4ac21251u, 0x958424a2u,
               0xf0794f05u, 0x3b83984bu),
        SUMS_8(0x01c26a37u, 0x0384d46eu, 0x0709a8dcu, 0x0e1351b8u, 0x1c26a370u, 0x384d46e0u,
               0x709a8dc0u, 0xe1351b80u),
        SUMS_8(0xb8bc6765u, 0xaa09c88bu, 0x8f629757u, 0xc5b428efu, 0x5019579fu, 0xa032af3eu,
               0x9b14583du, 0xed59b63bu),
        SUMS_8(0x3d6029b0u, 0x7ac05360u, 0xf580a6c0u, 0x30704bc1u, 0x60e09782u, 0xc1c12f04u,
               0x58f35849u, 0xb1e6b092u),
        SUMS_8(0xcb5cd3a5u, 0x4dc8a10bu, 0x9b914216u, 0xec53826du, 0x03d6029bu, 0x07ac0536u,
               0x0f580a6cu, 0x1eb014d8u),
        SUMS_8(0xa6770bb4u, 0x979f1129u, 0xf44f2413u, 0x33ef4e67u, 0x67de9cceu, 0xcfbd399cu,
               0x440b7579u, 0x8816eaf2u),
        SUMS_8(0xccaa009eu, 0x4225077du, 0x844a0efau, 0xd3e51bb5u, 0x7cbb312bu, 0xf9766256u,
               0x299dc2edu, 0x533b85dau),
#endif
};

uint32_t crc32_le(uint32_t crc, const void *p, size_t n)
{
        const uint8_t *b = p;

        crc = ~crc;
#if CRC32_STEP == 8
        for (; n >= 8; n -= 8, b += 8) {
                const uint32_t low = crc ^ le32_get(b);
                const uint32_t high = le32_get(b + 4);

                crc = table[7][low & 0xff] ^ table[6][low >> 8 & 0xff] ^
                      table[5][low >> 16 & 0xff] ^ table[4][low >> 24] ^ table[3][high & 0xff] ^
                      table[2][high >> 8 & 0xff] ^ table[1][high >> 16 & 0xff] ^
                      table[0][high >> 24];
        }
#endif
        while (n--)
                crc = table[0][(crc ^ *b++) & 0xff] ^ (crc >> 8);
        return ~crc;
}
