/* The machine under the port: where this app runs from, and what main() knows. */
#ifndef PORT_LINUX_MACHINE_H
#define PORT_LINUX_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fmt/bootfuse.h"
#include "fmt/ptable.h"

/* Finds board, running partition and descriptor. offset: of the running partition, as the
 * bootloader says. -E_XXX: not on a board. */
int machine_start(uint32_t offset);

bool machine_restart_wanted(void);

/*
 * What comes in on the UART goes through sort first, which may keep bytes: it writes those that are
 * the app's to rest (n + 16 bytes) and returns their number. NULL: all are the app's.
 */
typedef size_t machine_sorter(const uint8_t *p, size_t n, uint8_t *rest);
void machine_sort_uart(machine_sorter *sort);
/* For main(): through the sorter, if there is one. */
size_t machine_sorted(const uint8_t *p, size_t n, uint8_t *rest);
#define MACHINE_SORT_ROOM 16u

const struct bootfuse *machine_fuses(void);       /* as read at the start; borrowed for ever */
const struct ptable *machine_table(void);         /* of the flash; borrowed for ever */
const struct ptable_entry *machine_running(void); /* the app's own partition */

#endif
