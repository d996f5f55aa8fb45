/* The reset circuit between a serial adapter's DTR and RTS and the chip's EN and boot pin. */
#ifndef SIM_RESET_H
#define SIM_RESET_H

#include <stdbool.h>
#include <stdint.h>

enum sim_reset_kind {
        SIM_RESET_CLASSIC,  /* two transistors, as on Espressif's devkits */
        SIM_RESET_USB_JTAG, /* the chip's own USB serial/JTAG unit (ESP32-C3 manual, chapter 30) */
};

enum sim_reset_event {
        SIM_NOTHING,
        SIM_HELD,     /* EN has gone low: the chip stands still */
        SIM_RUN,      /* comes out of reset with the boot pin high */
        SIM_DOWNLOAD, /* with the boot pin low */
};

/*
 * Classic: RTS without DTR holds EN low, DTR without RTS the boot pin; both or neither leave both
 * pins high. EN rises through a capacitor, so the boot pin is sampled a little later; between the
 * two steps "both on" and "RTS off" of a reset into download mode the capacitor keeps EN low. Over
 * a network these steps come further apart, hence its size.
 */
#define SIM_EN_RISE_MS 2u   /* from RTS off to the sampling of the boot pin */
#define SIM_EN_HOLD_MS 150u /* at most, from "both on" */

/* Zero is a classic circuit with both lines off. Times in milliseconds of any clock. */
struct sim_reset {
        enum sim_reset_kind kind;
        bool dtr, rts; /* true: asserted */
        /* private: */
        bool held;
        bool download_flag;
        uint64_t release_at;
};

/* The lines have changed. Returns SIM_HELD, SIM_NOTHING, or for USB the end of its own reset pulse.
 */
enum sim_reset_event sim_reset_lines(struct sim_reset *r, bool dtr, bool rts, uint64_t now);

/* To be called when the clock reaches sim_reset_due. */
enum sim_reset_event sim_reset_tick(struct sim_reset *r, uint64_t now);

/* When something will happen by itself; UINT64_MAX: never. */
uint64_t sim_reset_due(const struct sim_reset *r);

#endif
