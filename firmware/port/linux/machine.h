/* The machine under the port: where this app runs from, and what main() knows. */
#ifndef PORT_LINUX_MACHINE_H
#define PORT_LINUX_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "fmt/bootfuse.h"
#include "fmt/ptable.h"

/* Finds board, running partition and descriptor. offset: of the running partition, as the
 * bootloader says. -E_XXX: not on a board. */
int machine_start(uint32_t offset);

bool machine_restart_wanted(void);

const struct bootfuse *machine_fuses(void);       /* as read at the start; borrowed for ever */
const struct ptable *machine_table(void);         /* of the flash; borrowed for ever */
const struct ptable_entry *machine_running(void); /* the app's own partition */

#endif
