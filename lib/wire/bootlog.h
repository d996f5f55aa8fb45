/*
 * What a line on a chip's UART says of a start that fails: words of Espressif's ROMs, of ESP-IDF's
 * bootloader and of its panic handler (v3.3 to v5.5), of ESP8266's ROM, and of the virtual board.
 */
#ifndef WIRE_BOOTLOG_H
#define WIRE_BOOTLOG_H

#include <stdbool.h>

enum bootlog {
        BOOTLOG_OTHER,
        BOOTLOG_START, /* the ROM's "rst:0x1 (POWERON),boot:0xd …": one a reset */
        BOOTLOG_BLANK, /* the ROM reads no bootloader; it tries again by itself */
        BOOTLOG_DEAD,  /* nothing good can follow: a panic, or nothing that could be started */
};

/* line: a string without its end; other text may stand before the words (a level, a time). */
enum bootlog bootlog_read(const char *line);

/* Did the chip get its power just now, as this line of the ROM says? The ROM of most chips says so
 * behind its enable pin too. */
bool bootlog_is_power_on(const char *line);

#endif
