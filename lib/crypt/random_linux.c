/* crypt_random on Linux: the kernel's generator, never anything else. */
#include "crypt/crypt.h"

#include <errno.h>
#include <sys/random.h>

#include "base/err.h"

int crypt_random(void *out, size_t n)
{
        uint8_t *p = out;

        while (n) {
                const ssize_t k = getrandom(p, n, 0);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k <= 0)
                        return -E_RANDOM;
                p += k;
                n -= (size_t)k;
        }
        return 0;
}
