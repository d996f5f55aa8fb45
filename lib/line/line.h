/*
 * A production line: slots with boards in them, each worked on by a thread of its own from plug to
 * PASS or FAIL. One connection a board: MAC, security, guards, identity, write, verify, start,
 * self-test, record.
 */
#ifndef LINE_H
#define LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "line/ledger.h"
#include "line/line_job.h"
#include "line/line_kit.h"
#include "line/line_view.h"

struct line_config {
        const struct line_job *job; /* everything is borrowed until line_run returns */
        const struct line_kit *kit;
        struct ledger *ledger;
        struct line_view *view;
        const char *batch;
        bool usb;       /* every USB serial port that is or will be there is a slot */
        bool once;      /* every slot does one board, then the line ends */
        bool rework;    /* boards that have passed are done again */
        bool jig;       /* the ports stay, the boards are exchanged: ask who is there */
        uint64_t count; /* stop after so many have passed; 0: no end */
};

/*
 * Would the batch ever come to a serial number that another batch of the ledger has or comes to?
 * Nothing is written. -E_EXISTS: yes, the first of them is in d.
 */
int line_batch_check(const struct line_config *cfg, struct diag *d);

/*
 * Make the batch known to the ledger: its counter, or the identities of its list. Idempotent.
 * -E_EXISTS: the ledger has a batch of that name that says another thing.
 */
int line_batch_define(const struct line_config *cfg, struct diag *d);

/*
 * Run until asked to stop (interrupt_asked() finishes what is under way, interrupted() abandons
 * it), or until once or count is fulfilled. The slots of the job are in the view already. Returns 0
 * or the first trouble of the station; what became of each board is in the view and the ledger.
 */
int line_run(const struct line_config *cfg, struct diag *d);

#endif
