/* A configuration that is taken has all that a token needs, and reads the same when written anew.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/hsm_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put(FILE *f, const char *name, const char *value)
{
        fprintf(f, "%s=", name);
        for (; *value; value++)
                fputs(*value == '%' ? "%%" : (char[]){ *value, 0 }, f);
        fputc('\n', f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct blob in = { (uint8_t *)(uintptr_t)data, size };
        struct blob text = { 0 };
        struct hsm_config a;
        struct hsm_config b;
        FILE *f;

        if (hsm_config_read(&in, &a, NULL) < 0) {
                hsm_config_free(&a);
                return 0;
        }
        if (!*a.module || !*a.label || !(f = open_memstream((char **)&text.data, &text.len)))
                abort();
        fputs("[hsm_config]\n", f);
        put(f, "PKCS11_LIB", a.module);
        put(f, "label", a.label);
        fprintf(f, "slot: %llu\n", (unsigned long long)a.slot);
        if (a.has_pin)
                put(f, "credentials", (char *)a.pin.data);
        fclose(f);
        if (hsm_config_read(&text, &b, NULL) < 0 || b.slot != a.slot ||
            strcmp(b.module, a.module) || strcmp(b.label, a.label) || b.has_pin != a.has_pin ||
            b.pin.len != a.pin.len || (a.has_pin && memcmp(a.pin.data, b.pin.data, a.pin.len)))
                abort();
        hsm_config_free(&a);
        hsm_config_free(&b);
        free(text.data);
        return 0;
}
