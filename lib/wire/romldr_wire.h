/*
 * The serial protocol of the ESP boot ROMs' loader: facts for both ends.
 * Sources: Espressif's "Serial Protocol" page; recorded sessions of the ESP32-C3 and ESP32 ROMs
 * (tests/golden/romldr); register numbers from the chips' technical reference manuals.
 */
#ifndef WIRE_ROMLDR_WIRE_H
#define WIRE_ROMLDR_WIRE_H

/*
 * A packet is one SLIP frame: direction, op, size16, checksum32 or value32 (little-endian), data.
 * The size field counts the data; the ROMs do not check it on requests, replies have it right.
 */
#define ROMLDR_REQUEST 0x00u
#define ROMLDR_REPLY   0x01u
#define ROMLDR_AT_OP   1u
#define ROMLDR_AT_SIZE 2u
#define ROMLDR_AT_VALUE \
        4u /* request: checksum of a data block; reply: READ_REG's result, else stale */
#define ROMLDR_HEADER 8u
#define ROMLDR_STATUS \
        4u /* bytes behind a ROM's data; only byte 0 (0 good, else bad) and 1 (reason) count */
#define ROMLDR_STATUS_2 2u /* the same of a stub loader and of the ESP8266 ROM */

enum romldr_op {
        ROMLDR_FLASH_BEGIN = 0x02,     /* size, blocks, block size, offset[, encrypted] */
        ROMLDR_FLASH_DATA = 0x03,      /* block header, data */
        ROMLDR_FLASH_END = 0x04,       /* 0 reboot, 1 stay (leaves the loader all the same) */
        ROMLDR_MEM_BEGIN = 0x05,       /* size, blocks, block size, address */
        ROMLDR_MEM_END = 0x06,         /* 1: do not jump; entry point */
        ROMLDR_MEM_DATA = 0x07,        /* block header, data */
        ROMLDR_SYNC = 0x08,            /* 07 07 12 20, 32 times 55; answered eight times */
        ROMLDR_WRITE_REG = 0x09,       /* address, value, mask, delay in microseconds; may repeat */
        ROMLDR_READ_REG = 0x0a,        /* address; the reply's value */
        ROMLDR_SPI_SET_PARAMS = 0x0b,  /* id 0, total, block, sector, page sizes, status mask */
        ROMLDR_SPI_ATTACH = 0x0d,      /* pins (0: the chip's own)[, 0] */
        ROMLDR_READ_FLASH_SLOW = 0x0e, /* offset, length: always 64 bytes */
        ROMLDR_CHANGE_BAUD = 0x0f,     /* new rate, 0 (a stub: the present rate) */
        ROMLDR_DEFL_BEGIN =
                0x10, /* erase size, compressed blocks, block size, offset[, encrypted] */
        ROMLDR_DEFL_DATA = 0x11,     /* block header, compressed data */
        ROMLDR_DEFL_END = 0x12,      /* 0 reboot, 1 stay */
        ROMLDR_SPI_FLASH_MD5 = 0x13, /* offset, length, 0, 0; 32 hex digits (a stub: 16 bytes) */
        ROMLDR_SECURITY_INFO =
                0x14, /* flags32, crypt count8, key purposes[7][, chip id32, eco32] */
        ROMLDR_STUB_ERASE_FLASH = 0xd0,  /* from here on a stub's own */
        ROMLDR_STUB_ERASE_REGION = 0xd1, /* offset, size */
        ROMLDR_STUB_READ_FLASH =
                0xd2, /* offset, length, block size, blocks in flight; then data frames */
        ROMLDR_STUB_RUN_USER_CODE = 0xd3,
        ROMLDR_STUB_ENCRYPT_DATA = 0xd4, /* as FLASH_DATA; the chip encrypts it */
};

/* Behind ROMLDR_FLASH_DATA, MEM_DATA, DEFL_DATA: length, sequence number from 0, two zero words. */
#define ROMLDR_BLOCK_HEADER 16u

/* The checksum of a data block: its bytes (without the block header) xored together over this. */
#define ROMLDR_CHECKSUM_SEED 0xEFu

/* Reasons, second status byte. */
#define ROMLDR_ERR_INVALID   0x05u /* also: command not known */
#define ROMLDR_ERR_FAILED    0x06u /* also: offset not aligned, or past the end of the flash */
#define ROMLDR_ERR_CHECKSUM  0x07u /* the sequence number has advanced all the same */
#define ROMLDR_ERR_FLASH_WR  0x08u
#define ROMLDR_ERR_FLASH_RD  0x09u
#define ROMLDR_ERR_FLASH_LEN 0x0au
#define ROMLDR_ERR_INFLATE   0x0bu
#define ROMLDR_ERR_NO_BEGIN  0x64u /* data block without its begin command */

#define ROMLDR_SYNC_LEN     36u
#define ROMLDR_SYNC_REPLIES 8u

/* Block sizes in bytes. The ROMs take flash blocks of 1024 … 6144 and memory blocks of up to 6144.
 */
#define ROMLDR_FLASH_BLOCK     0x400u
#define ROMLDR_FLASH_BLOCK_MAX 0x1800u
#define ROMLDR_MEM_BLOCK       0x1800u
#define ROMLDR_STUB_BLOCK      0x4000u
#define ROMLDR_READ_SLOW       64u

/* The largest packet of either end, before SLIP. */
#define ROMLDR_PACKET_MAX (ROMLDR_HEADER + ROMLDR_BLOCK_HEADER + ROMLDR_STUB_BLOCK)

#define ROMLDR_BAUD 115200u /* after a reset; the ROMs measure the rate on SYNC */

/* GET_SECURITY_INFO: offsets in its data, and flags. */
#define ROMLDR_SEC_FLAGS            0u
#define ROMLDR_SEC_CRYPT_CNT        4u
#define ROMLDR_SEC_PURPOSES         5u
#define ROMLDR_SEC_CHIP_ID          12u
#define ROMLDR_SEC_ECO              16u
#define ROMLDR_SEC_LEN              20u
#define ROMLDR_SEC_LEN_S2           12u /* without chip id and eco */
#define ROMLDR_SECF_SECURE_BOOT     (1u << 0)
#define ROMLDR_SECF_BOOT_AGGRESSIVE (1u << 1)
#define ROMLDR_SECF_SECURE_DOWNLOAD (1u << 2)
#define ROMLDR_SECF_REVOKE_0        (1u << 3)
#define ROMLDR_SECF_REVOKE_1        (1u << 4)
#define ROMLDR_SECF_REVOKE_2        (1u << 5)
#define ROMLDR_SECF_SOFT_DIS_JTAG   (1u << 6)
#define ROMLDR_SECF_HARD_DIS_JTAG   (1u << 7)
#define ROMLDR_SECF_DIS_USB         (1u << 8)
#define ROMLDR_SECF_DIS_DL_DCACHE   (1u << 9)
#define ROMLDR_SECF_DIS_DL_ICACHE   (1u << 10)

#define ROMLDR_MAGIC_REG 0x40001000u /* a word of the ROM that tells the chips apart */

#endif
