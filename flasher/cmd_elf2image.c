#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "flasher.h"
#include "host/elf_image.h"

static const char *output, *flash_mode = "qio", *flash_freq, *flash_size = "1MB", *page, *pad_to;
static int64_t version = 1, compat = 5, min_rev, min_rev_full, max_rev_full = 65535, sha_offset;
static bool secure_pad, secure_pad_v2, no_digest, use_segments, ram_only;

const struct opt elf2image_options[] = {
        { 'o', "output", OPT_STR, &output, "FILE",
          "the image (default: FILE.bin; ESP8266 version 1: beginning of names)" },
        { 'e', "version", OPT_INT, &version, "1|2|3", "ESP8266: form of the image (default 1)" },
        { 0, "flash-mode", OPT_STR, &flash_mode, "MODE", "qio, qout, dio or dout",
          .words = FLASH_MODES },
        { 0, "flash-freq", OPT_STR, &flash_freq, "FREQ", "80m, 40m, ...", .words = FLASH_FREQS },
        { 0, "flash-size", OPT_STR, &flash_size, "SIZE", "1MB, 2MB, ...", .words = FLASH_SIZES },
        { 'r', "min-rev", OPT_INT, &min_rev, "REV", "oldest chip revision, major only" },
        { 0, "min-rev-full", OPT_INT, &min_rev_full, "REV",
          "oldest chip revision: major * 100 + minor" },
        { 0, "max-rev-full", OPT_INT, &max_rev_full, "REV", "newest chip revision" },
        { 0, "secure-pad", OPT_FLAG, &secure_pad, NULL,
          "ESP32: so that an image signed for secure boot v1 ends on 64 KB" },
        { 0, "secure-pad-v2", OPT_FLAG, &secure_pad_v2, NULL, "the same for secure boot v2" },
        { 0, "elf-sha256-offset", OPT_INT, &sha_offset, "OFFSET",
          "put the SHA-256 of the ELF file here" },
        { 0, "dont-append-digest", OPT_FLAG, &no_digest, NULL, "no SHA-256 behind the image" },
        { 0, "use-segments", OPT_FLAG, &use_segments, NULL, "program headers instead of sections" },
        { 0, "flash-mmu-page-size", OPT_STR, &page, "SIZE",
          "8KB, 16KB, 32KB or 64KB, as the chip has it" },
        { 0, "pad-to-size", OPT_STR, &pad_to, "SIZE", "fill up with FF" },
        { 0, "ram-only-header", OPT_FLAG, &ram_only, NULL, "the header counts RAM segments only" },
        { 0, "compat", OPT_INT, &compat, "4|5",
          "4: as esptool 4, the ELF's SHA-256 only where --elf-sha256-offset says" },
        { 0 },
};

static int page_size(const struct chip *c, uint32_t *size)
{
        const uint32_t least = c->image_id == 12 ? 16 << 10 : 8 << 10;

        *size = page ? flash_size_bytes(page) : 0;
        if (!page || *size == 64 << 10)
                return 0;
        if (!(c->caps & CHIP_MMU_PAGES)) {
                say("%s: note: the %s has MMU pages of 64KB only", tool_name(), c->name);
                *size = 64 << 10;
                return 0;
        }
        if (*size < least || *size > 64 << 10 || *size & (*size - 1))
                return usage_error("--flash-mmu-page-size: the %s has %s16KB, 32KB and 64KB",
                                   c->name, least < 16 << 10 ? "8KB, " : "");
        return 0;
}

static int flash_codes(const struct chip *c, struct elf_image_options *o)
{
        /* version 3 of the ESP8266 counts sizes as the ESP32 does */
        const struct chip *sizes = c->image_id < 0 && version == 3 ? chip_by_name("esp32") : c;
        const int mode = flash_mode_code(flash_mode);
        const int size = chip_size_code(sizes, flash_size);
        const int freq = flash_freq ? chip_freq_code(c, flash_freq) : 0;

        if (mode < 0)
                return usage_error("--flash-mode: '%s' is none of qio, qout, dio, dout",
                                   flash_mode);
        if (size < 0)
                return usage_error("--flash-size: the %s has no '%s'", c->name, flash_size);
        if (freq < 0)
                return usage_error("--flash-freq: the %s has no '%s'", c->name, flash_freq);
        o->mode = (uint8_t)mode;
        o->size_code = (uint8_t)size;
        o->freq_code = (uint8_t)freq;
        return 0;
}

static int options_of(const struct chip *c, struct elf_image_options *o)
{
        int status;

        *o = (struct elf_image_options){
                .chip = c,
                .version = (unsigned)version,
                .min_rev = (uint8_t)min_rev,
                .min_rev_full = (uint16_t)min_rev_full,
                .max_rev_full = (uint16_t)max_rev_full,
                .secure_pad = secure_pad_v2                    ? 2
                              : secure_pad && c->image_id == 0 ? 1
                                                               : 0,
                .sha_offset = (uint32_t)sha_offset,
                .sha_auto = compat == 5,
                .no_digest = no_digest,
                .use_segments = use_segments,
                .ram_only_header = ram_only,
        };
        if (version < 1 || version > 3 || compat < 4 || compat > 5 || min_rev < 0 ||
            min_rev > 255 || min_rev_full < 0 || min_rev_full > 65535 || max_rev_full < 0 ||
            max_rev_full > 65535 || sha_offset < 0 || sha_offset > INT32_MAX)
                return usage_error(
                        "--version, --compat, a revision or --elf-sha256-offset is out of range");
        if (secure_pad && c->image_id != 0)
                say("%s: note: --secure-pad is for the ESP32 only", tool_name());
        if (pad_to && !(o->pad_to = flash_size_bytes(pad_to)))
                return usage_error("--pad-to-size: '%s' is no size like 1MB", pad_to);
        if ((status = page_size(c, &o->page)) != 0)
                return status;
        return flash_codes(c, o);
}

/* The input's name without its ending, with what the formats add. */
static void default_name(const char *input, const struct chip *c, const struct elf_image *img,
                         char out[4096])
{
        const char *slash = strrchr(input, '/');
        const char *dot = strrchr(slash ? slash : input, '.');
        const int stem =
                dot && dot != (slash ? slash + 1 : input) ? (int)(dot - input) : (int)strlen(input);

        if (c->image_id >= 0 || version == 3)
                snprintf(out, 4096, "%.*s.bin", stem, input);
        else if (version == 2)
                snprintf(out, 4096, "%.*s-0x%05x.bin", stem, input, img->irom_addr & ~0xfffu);
        else
                snprintf(out, 4096, "%s-", input);
}

static int save_v1(const struct elf_image *img, const char *base)
{
        struct diag d = { 0 };
        char path[4200];

        if (img->has_irom) {
                snprintf(path, sizeof path, "%s0x%05x.bin", base, img->irom_addr);
                if (file_save(path, img->irom.data, img->irom.len, FILE_PUBLIC, &d) < 0)
                        return fail(NULL, &d);
        }
        snprintf(path, sizeof path, "%s0x00000.bin", base);
        if (file_save(path, img->main.data, img->main.len, FILE_PUBLIC, &d) < 0)
                return fail(NULL, &d);
        return STATUS_DONE;
}

int cmd_elf2image(int argc, char **argv)
{
        const struct chip *c;
        struct elf_image_options o;
        struct elf_image img;
        struct blob elf = { 0 };
        struct diag d = { 0 };
        char name[4096];
        int status;

        (void)argc;
        if ((status = session_chip(&c)) != 0)
                return status;
        if (!c)
                return usage_error("for which chip? --chip %s", chip_names());
        if ((status = options_of(c, &o)) != 0)
                return status;
        if (file_load(argv[0], FILE_LIMIT_IMAGE, &elf, &d) < 0)
                return fail(NULL, &d);
        if (elf_image_make(&elf, &o, &img, &d) < 0) {
                blob_free(&elf);
                return fail(argv[0], &d);
        }
        blob_free(&elf);
        default_name(argv[0], c, &img, name);
        if (output)
                snprintf(name, sizeof name, "%s", output);
        if (c->image_id < 0 && version == 1)
                status = save_v1(&img, name);
        else if (file_save(name, img.main.data, img.main.len, FILE_PUBLIC, &d) < 0)
                status = fail(NULL, &d);
        elf_image_free(&img);
        return status;
}
