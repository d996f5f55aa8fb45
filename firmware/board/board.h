/* One virtual board: chip, flash, eFuses, reset circuit and button, with a serial line that leads
 * out. */
#ifndef BOARD_BOARD_H
#define BOARD_BOARD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/diag.h"
#include "flash_file.h"
#include "line.h"
#include "sim/chip.h"
#include "sim/reset.h"
#include "vault.h"
#include "wire/romldr_server.h"

struct board;
struct board_config {
        const struct sim_chip_type *type;
        const char *flash_path; /* NULL: none is kept */
        const char *efuse_path; /* the same */
        uint32_t flash_size;
        uint8_t mac[6];
        bool mac_given;
        uint32_t rate; /* of the line at the start */
        bool pace;
        bool flash_times;   /* erasing and writing take as long as on silicon */
        bool reset_on_open; /* whenever somebody takes a port */
        bool hold_boot;     /* the boot button is held down: every reset enters download mode */
        bool secure_download, no_download; /* eFuses to burn at the start */
        enum sim_reset_kind reset_kind;
        /*
         * Runs the image on the flash: 0 if it does, -E_UNSUPPORTED if it holds nothing that could
         * be run here, anything else if it is damaged (it has said so). NULL: nothing can be run.
         */
        int (*boot)(void *ctx, struct board *b);
        void (*input)(void *ctx, struct board *b, const uint8_t *p, size_t n); /* while it runs */
        void (*stop)(void *ctx); /* power or EN goes: nothing runs when it returns */
        void *boot_ctx;
};

enum board_state {
        BOARD_OFF,    /* no power */
        BOARD_HELD,   /* EN low */
        BOARD_LOADER, /* the ROM's download mode */
        BOARD_BOOT,   /* the ROM looks for an image */
        BOARD_APP,    /* what the boot hook has started */
        BOARD_DEAD,   /* hung, or running code that nobody can run here; until a reset */
};

#define BOARD_LOG  128    /* lines that are remembered */
#define BOARD_SAID 16384u /* bytes of the UART that are remembered */

struct board {
        unsigned index;
        struct board_config cfg;
        char *efuse_path; /* the copy; cfg has none */
        struct flash_file flash;
        struct sim_chip chip;
        struct vault vault; /* as of the last reset */
        struct romldr_server server;
        struct sim_reset reset;
        struct line line;
        enum board_state state;
        enum sim_reset_cause cause; /* of the last reset */
        uint64_t now;               /* as of the last board_tick, nanoseconds */
        uint64_t cpu_busy;          /* the ROM waits for its flash until then */
        uint64_t flash_busy;        /* the flash chip works until then */
        uint64_t button_until;      /* 0: not pressed */
        uint64_t next_boot;         /* when the ROM tries again */
        uint32_t commands, resets;
        bool output, led;                     /* what the firmware's pins drive; off without one */
        uint32_t output_changes, led_changes; /* edges since the start */
        char log[BOARD_LOG][96];
        unsigned log_count;
        uint64_t said_count; /* bytes that the UART has sent; the last ones are in said */
        char said[BOARD_SAID];
};

/* cfg is copied with its paths. The board is left without power. */
int board_init(struct board *b, unsigned index, const struct board_config *cfg, struct diag *d);
void board_free(struct board *b);

/* Power and EN: a reset that samples the boot pin (or download, once). Power comes back with it. */
void board_reset(struct board *b, bool download, uint64_t now);
void board_power_off(struct board *b);

/* Out of the jig, and another one in, fresh from the reel: blank flash, eFuses with this MAC. The
 * serial line stays as it is. Errors of the eFuses' file. */
int board_swap(struct board *b, const uint8_t mac[6], uint64_t now, struct diag *d);

void board_lines(struct board *b, bool dtr, bool rts, uint64_t now);
void board_press(struct board *b, uint64_t until);

/* What runs on the chip: bytes for the UART; and a restart by software at this time, silence until
 * then. */
void board_say(struct board *b, const void *p, size_t n);
void board_restart_at(struct board *b, uint64_t when);

/* Behind writes to the eFuse controller: what was burnt is kept, a cut burn is a power cut. */
void board_settle_efuses(struct board *b);

/* Everything that is due: bytes that have arrived, resets, the ROM's attempts to boot. */
void board_tick(struct board *b, uint64_t now);

/* When board_tick has something to do next; LINE_NEVER: not by itself. */
uint64_t board_due(const struct board *b);

/* "drop=100", "rx-cut=5000", "nak=7/3/0/2": see vboard(1). Text of the complaint in d. */
int board_fault(struct board *b, const char *spec, struct diag *d);

/* Six bytes of a station, with or without : or -. -E_SYNTAX. */
int board_mac_parse(const char *text, uint8_t out[6]);
#define BOARD_MAC_TEXT 18u /* bytes of "24:0a:c4:00:00:01" with its NUL */
const char *board_mac_text(const struct board *b, char text[BOARD_MAC_TEXT]); /* returns text */

/* One object of JSON, the log's lines, and what the UART has sent, oldest first. */
void board_status(const struct board *b, FILE *out);
void board_print_log(const struct board *b, FILE *out);
void board_print_said(const struct board *b, FILE *out);

const char *board_state_name(enum board_state s);

#endif
