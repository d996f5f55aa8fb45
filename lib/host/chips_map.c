/* Memory maps: which regions an address belongs to decides which ELF sections share an image
 * segment. */
#include "host/chips_map.h"

enum {
        IN_DPORT = 1 << 0,
        IN_DRAM = 1 << 1,
        IN_IRAM = 1 << 2,
        IN_IROM = 1 << 3,
        IN_PADDING = 1 << 4,
        IN_DROM = 1 << 5,
        IN_EXTRAM_DATA = 1 << 6,
        IN_RTC_DRAM = 1 << 7,
        IN_BYTE_ACCESSIBLE = 1 << 8,
        IN_DIRAM_DRAM = 1 << 9,
        IN_CACHE_PRO = 1 << 10,
        IN_CACHE_APP = 1 << 11,
        IN_DIRAM_IRAM = 1 << 12,
        IN_RTC_IRAM = 1 << 13,
        IN_RTC_DATA = 1 << 14,
        IN_MEM_INTERNAL = 1 << 15,
        IN_IROM_MASK = 1 << 16,
        IN_DROM_MASK = 1 << 17,
        IN_MEM_INTERNAL2 = 1 << 18,
};

const struct chip_region chip_map_esp8266[] = {
        { 0x3ff00000, 0x3ff00010, IN_DPORT },
        { 0x3ffe8000, 0x40000000, IN_DRAM },
        { 0x40100000, 0x40108000, IN_IRAM },
        { 0x40201010, 0x402e1010, IN_IROM },
        { 0 },
};

const struct chip_region chip_map_esp32[] = {
        { 0x00000000, 0x00010000, IN_PADDING },
        { 0x3f400000, 0x3f800000, IN_DROM },
        { 0x3f800000, 0x3fc00000, IN_EXTRAM_DATA },
        { 0x3ff80000, 0x3ff82000, IN_RTC_DRAM },
        { 0x3ff90000, 0x40000000, IN_BYTE_ACCESSIBLE },
        { 0x3ffae000, 0x40000000, IN_DRAM },
        { 0x3ffe0000, 0x3ffffffc, IN_DIRAM_DRAM },
        { 0x40000000, 0x40070000, IN_IROM },
        { 0x40070000, 0x40078000, IN_CACHE_PRO },
        { 0x40078000, 0x40080000, IN_CACHE_APP },
        { 0x40080000, 0x400a0000, IN_IRAM },
        { 0x400a0000, 0x400bfffc, IN_DIRAM_IRAM },
        { 0x400c0000, 0x400c2000, IN_RTC_IRAM },
        { 0x400d0000, 0x40400000, IN_IROM },
        { 0x50000000, 0x50002000, IN_RTC_DATA },
        { 0 },
};

const struct chip_region chip_map_esp32s2[] = {
        { 0x00000000, 0x00010000, IN_PADDING },
        { 0x3f000000, 0x3ff80000, IN_DROM },
        { 0x3f500000, 0x3ff80000, IN_EXTRAM_DATA },
        { 0x3ff9e000, 0x3ffa0000, IN_RTC_DRAM },
        { 0x3ff9e000, 0x40000000, IN_BYTE_ACCESSIBLE },
        { 0x3ff9e000, 0x40072000, IN_MEM_INTERNAL },
        { 0x3ffb0000, 0x40000000, IN_DRAM },
        { 0x40000000, 0x4001a100, IN_IROM_MASK },
        { 0x40020000, 0x40070000, IN_IRAM },
        { 0x40070000, 0x40072000, IN_RTC_IRAM },
        { 0x40080000, 0x40800000, IN_IROM },
        { 0x50000000, 0x50002000, IN_RTC_DATA },
        { 0 },
};

const struct chip_region chip_map_esp32s3[] = {
        { 0x00000000, 0x00010000, IN_PADDING },
        { 0x3c000000, 0x3d000000, IN_DROM },
        { 0x3d000000, 0x3e000000, IN_EXTRAM_DATA },
        { 0x600fe000, 0x60100000, IN_RTC_DRAM },
        { 0x3fc88000, 0x3fd00000, IN_BYTE_ACCESSIBLE },
        { 0x3fc88000, 0x403e2000, IN_MEM_INTERNAL },
        { 0x3fc88000, 0x3fd00000, IN_DRAM },
        { 0x40000000, 0x4001a100, IN_IROM_MASK },
        { 0x40370000, 0x403e0000, IN_IRAM },
        { 0x600fe000, 0x60100000, IN_RTC_IRAM },
        { 0x42000000, 0x42800000, IN_IROM },
        { 0x50000000, 0x50002000, IN_RTC_DATA },
        { 0 },
};

const struct chip_region chip_map_esp32c2[] = {
        { 0x00000000, 0x00010000, IN_PADDING },
        { 0x3c000000, 0x3c400000, IN_DROM },
        { 0x3fca0000, 0x3fce0000, IN_DRAM },
        { 0x3fc88000, 0x3fd00000, IN_BYTE_ACCESSIBLE },
        { 0x3ff00000, 0x3ff50000, IN_DROM_MASK },
        { 0x40000000, 0x40090000, IN_IROM_MASK },
        { 0x42000000, 0x42400000, IN_IROM },
        { 0x4037c000, 0x403c0000, IN_IRAM },
        { 0 },
};

const struct chip_region chip_map_esp32c3[] = {
        { 0x00000000, 0x00010000, IN_PADDING },
        { 0x3c000000, 0x3c800000, IN_DROM },
        { 0x3fc80000, 0x3fce0000, IN_DRAM },
        { 0x3fc88000, 0x3fd00000, IN_BYTE_ACCESSIBLE },
        { 0x3ff00000, 0x3ff20000, IN_DROM_MASK },
        { 0x40000000, 0x40060000, IN_IROM_MASK },
        { 0x42000000, 0x42800000, IN_IROM },
        { 0x4037c000, 0x403e0000, IN_IRAM },
        { 0x50000000, 0x50002000, IN_RTC_IRAM },
        { 0x50000000, 0x50002000, IN_RTC_DRAM },
        { 0x600fe000, 0x60100000, IN_MEM_INTERNAL2 },
        { 0 },
};

const struct chip_region chip_map_esp32c5[] = {
        { 0x00000000, 0x00010000, IN_PADDING },
        { 0x42000000, 0x44000000, IN_DROM },
        { 0x40800000, 0x40860000, IN_DRAM },
        { 0x40800000, 0x40860000, IN_BYTE_ACCESSIBLE },
        { 0x4003a000, 0x40040000, IN_DROM_MASK },
        { 0x40000000, 0x4003a000, IN_IROM_MASK },
        { 0x42000000, 0x44000000, IN_IROM },
        { 0x40800000, 0x40860000, IN_IRAM },
        { 0x50000000, 0x50004000, IN_RTC_IRAM },
        { 0x50000000, 0x50004000, IN_RTC_DRAM },
        { 0x600fe000, 0x60100000, IN_MEM_INTERNAL2 },
        { 0 },
};

const struct chip_region chip_map_esp32c6[] = {
        { 0x00000000, 0x00010000, IN_PADDING },
        { 0x42000000, 0x43000000, IN_DROM },
        { 0x40800000, 0x40880000, IN_DRAM },
        { 0x40800000, 0x40880000, IN_BYTE_ACCESSIBLE },
        { 0x4004ac00, 0x40050000, IN_DROM_MASK },
        { 0x40000000, 0x4004ac00, IN_IROM_MASK },
        { 0x42000000, 0x43000000, IN_IROM },
        { 0x40800000, 0x40880000, IN_IRAM },
        { 0x50000000, 0x50004000, IN_RTC_IRAM },
        { 0x50000000, 0x50004000, IN_RTC_DRAM },
        { 0x600fe000, 0x60100000, IN_MEM_INTERNAL2 },
        { 0 },
};

const struct chip_region chip_map_esp32h2[] = {
        { 0x00000000, 0x00010000, IN_PADDING },
        { 0x42000000, 0x43000000, IN_DROM },
        { 0x40800000, 0x40880000, IN_DRAM },
        { 0x40800000, 0x40880000, IN_BYTE_ACCESSIBLE },
        { 0x4004ac00, 0x40050000, IN_DROM_MASK },
        { 0x40000000, 0x4004ac00, IN_IROM_MASK },
        { 0x42000000, 0x43000000, IN_IROM },
        { 0x40800000, 0x40880000, IN_IRAM },
        { 0x50000000, 0x50004000, IN_RTC_IRAM },
        { 0x50000000, 0x50004000, IN_RTC_DRAM },
        { 0x600fe000, 0x60100000, IN_MEM_INTERNAL2 },
        { 0 },
};

const struct chip_region chip_map_esp32p4[] = {
        { 0x00000000, 0x00010000, IN_PADDING },
        { 0x40000000, 0x4c000000, IN_DROM },
        { 0x4ff00000, 0x4ffa0000, IN_DRAM },
        { 0x4ff00000, 0x4ffa0000, IN_BYTE_ACCESSIBLE },
        { 0x4fc00000, 0x4fc20000, IN_DROM_MASK },
        { 0x4fc00000, 0x4fc20000, IN_IROM_MASK },
        { 0x40000000, 0x4c000000, IN_IROM },
        { 0x4ff00000, 0x4ffa0000, IN_IRAM },
        { 0x50108000, 0x50110000, IN_RTC_IRAM },
        { 0x50108000, 0x50110000, IN_RTC_DRAM },
        { 0x600fe000, 0x60100000, IN_MEM_INTERNAL2 },
        { 0 },
};
