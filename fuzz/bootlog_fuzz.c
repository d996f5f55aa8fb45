/*
 * Any line from a chip's UART: a death stays one whatever stands before and behind it, and none is
 * seen in a line that says less.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/bootlog.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
        char line[600] = "E (1) ";
        enum bootlog whole;

        if (n > 500)
                n = 500;
        memcpy(line + 6, p, n);
        for (size_t i = 0; i < n; i++)
                if (!line[6 + i])
                        line[6 + i] = ' ';
        whole = bootlog_read(line + 6);
        if (bootlog_read(line) < whole)
                abort(); /* lost behind a level and a time */
        memcpy(line + 6 + n, " x", 3);
        if (bootlog_read(line + 6) < whole)
                abort(); /* more was said, less was understood */
        line[6 + n / 2] = 0;
        if (bootlog_read(line + 6) > whole)
                abort(); /* less was said, more was understood */
        if (bootlog_is_power_on(line) && bootlog_read(line) < BOOTLOG_START)
                abort();
        return 0;
}
