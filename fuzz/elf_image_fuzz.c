/* Whatever image comes out of an ELF file is one that the reader takes, with a right checksum and
 * hash. */
#include <stdint.h>
#include <stdlib.h>

#include "fmt/espimg.h"
#include "host/elf_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char *const names[] = { "esp32c3", "esp32", "esp32c6", "esp8266" };
        const struct blob elf = { (uint8_t *)(uintptr_t)data, size };

        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
                const struct elf_image_options opt = { .chip = chip_by_name(names[i]),
                                                       .version = 1,
                                                       .sha_auto = true,
                                                       .use_segments = size % 2,
                                                       .max_rev_full = 0xffff };
                struct elf_image img;
                struct espimg read;

                if (elf_image_make(&elf, &opt, &img, NULL) < 0)
                        continue;
                if (espimg_read(img.main.data, img.main.len, i < 3, &read, NULL) < 0 ||
                    espimg_check(&read, NULL) < 0)
                        abort();
                elf_image_free(&img);
        }
        return 0;
}
