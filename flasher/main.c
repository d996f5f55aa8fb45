/* flasher: write, read and check the flash of ESP chips through the loader in their ROM. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "flasher.h"
#include "host/pool.h"
#include "host/version.h"

const struct opt version_options[] = { { 0 } };

static int cmd_version(int argc, char **argv)
{
        (void)argc;
        (void)argv;
        printf("%s\n", FCTRY_VERSION);
        return STATUS_DONE;
}

#define ROW(names, name, synopsis, summary, min, max)                                \
        {                                                                            \
                names, synopsis, summary, name##_options, min, max, cmd_##name, NULL \
        }

static const struct command commands[] = {
        ROW("write-flash", write_flash, "ADDRESS FILE ...", "write files to flash", 0, -1),
        ROW("write", write_parts, "LABEL=FILE ...", "write files to partitions", 1, -1),
        ROW("read", read_part, "LABEL [FILE]", "read a partition", 1, 2),
        ROW("erase", erase_parts, "LABEL ...", "erase partitions", 1, -1),
        ROW("ota", ota, "status | switch SLOT | erase", "which slot boots", 1, 2),
        ROW("read-flash", read_flash, "ADDRESS SIZE FILE", "read flash into a file", 3, 3),
        ROW("verify-flash", verify_flash, "ADDRESS FILE ...", "compare flash with files", 2, -1),
        ROW("erase-flash", erase_flash, "", "erase all of it", 0, 0),
        ROW("erase-region", erase_region, "ADDRESS SIZE", "erase some of it", 2, 2),
        ROW("chip-id", chip_id, "", "chip, revision, features, MAC", 0, 0),
        ROW("read-mac", read_mac, "", "the factory MAC address", 0, 0),
        ROW("flash-id", flash_id, "", "maker and size of the flash chip", 0, 0),
        ROW("get-security-info", security_info, "", "secure boot, flash encryption, keys", 0, 0),
        ROW("read-flash-status", read_flash_status, "", "status register of the flash chip", 0, 0),
        ROW("write-flash-status", write_flash_status, "VALUE", "set it", 1, 1),
        ROW("read-flash-sfdp", read_flash_sfdp, "ADDRESS BYTES",
            "parameter table of the flash chip", 2, 2),
        ROW("read-mem", read_mem, "ADDRESS", "a word of memory or a register", 1, 1),
        ROW("write-mem", write_mem, "ADDRESS VALUE [MASK]", "set it", 2, 3),
        ROW("dump-mem", dump_mem, "ADDRESS SIZE FILE", "memory into a file", 3, 3),
        ROW("load-ram", load_ram, "FILE", "load an image into RAM and start it", 1, 1),
        ROW("run", run, "", "start the program on the flash", 0, 0),
        ROW("image-info", image_info, "FILE", "take an image apart and check it", 1, 1),
        ROW("elf2image", elf2image, "FILE", "make an image of an ELF file", 1, 1),
        ROW("merge-bin", merge_bin, "ADDRESS FILE ...", "several files in one (raw, hex, uf2)", 2,
            -1),
        ROW("sign|sign-data", sign, "IMAGE", "sign an image for secure boot", 1, 1),
        ROW("verify-signature", verify_signature, "IMAGE", "is it signed by this key", 1, 1),
        ROW("signature-info|signature-info-v2", signature_info, "IMAGE", "the signatures in it", 1,
            1),
        ROW("generate-signing-key", generate_signing_key, "FILE", "make a key for secure boot", 1,
            1),
        ROW("digest-key|digest-sbv2-public-key|digest-rsa-public-key", digest_key, "[KEY]",
            "what eFuses hold of a public key", 0, 1),
        ROW("extract-public-key", extract_public_key, "FILE", "the public half of a signing key", 1,
            1),
        ROW("digest-private-key", digest_private_key, "FILE",
            "ESP32, secure boot version 1: a bootloader key made of a signing key", 1, 1),
        ROW("digest-bootloader|digest-secure-bootloader", digest_bootloader, "IMAGE",
            "ESP32, secure boot version 1: what its ROM checks", 1, 1),
        ROW("encrypt|encrypt-flash-data", encrypt, "FILE", "as the chip's flash encryption does", 1,
            1),
        ROW("decrypt|decrypt-flash-data", decrypt, "FILE", "the other way", 1, 1),
        ROW("generate-flash-key|generate-flash-encryption-key", generate_flash_key, "FILE",
            "make a key for flash encryption", 1, 1),
        { "efuse", "COMMAND [ARGUMENTS] [COMMAND ...]", "read and burn eFuses", efuse_options, 1,
          -1, cmd_efuse, efuse_more, efuse_verbs },
        ROW("secure-plan", secure_plan, "PROFILE", "secure a unit as a profile says", 1, 1),
        ROW("monitor", monitor, "", "show what the board prints", 0, 0),
        ROW("line", line, "JOB", "a production line: many boards, each with its identity", 1, 1),
        ROW("ledger", ledger,
            "create | define | import | show | query | export | report | verify | rework | scrap | "
            "note ...",
            "what a line has made", 1, -1),
        ROW("label", label, "UNIT ...", "print labels of a line's units, compare scanned ones", 1,
            -1),
        ROW("ports", ports, "", "serial ports that are there", 0, 0),
        ROW("version", version, "", "print the version", 0, 0),
        { 0 },
};

int main(int argc, char **argv)
{
        static const struct tool tool = {
                .name = "flasher",
                .summary = "write any ESP chip through the loader in its ROM",
                .options = global_options,
                .commands = commands,
                .more = "esptool's command lines work, in the spelling of its version 4 and of "
                        "version 5.\n"
                        "@FILE stands for the words in FILE; write-flash takes ESP-IDF's "
                        "flasher_args.json.",
        };
        int status = args_expand(&argc, &argv);

        interrupt_catch();
        return status ? status : tool_main(&tool, argc, argv);
}
