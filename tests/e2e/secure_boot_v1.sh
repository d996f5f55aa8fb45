#!/usr/bin/env bash
# Secure boot version 1 on a virtual ESP32: the ROM runs a bootloader whose digest lies at 0x0, the bootloader an app that
# is signed with the key it holds. With flash encryption, too. One changed bit never boots (every one of them in
# process: tests/unit/secboot_test.c).
. tests/lib.sh
. tests/board_lib.sh

FW=$O/firmware
SLOT0=$((0x20000))
[ -s "$FW/bootloader.bin" ] || { fail "make firmware made a bootloader"; finish; exit 1; }
cd "$T" || exit 5
check "a signing key" flasher generate-signing-key --version 1 v1.pem
flasher generate-signing-key --version 1 other.pem 2>/dev/null
check "its public half for the build" flasher extract-public-key --version 1 --key v1.pem v1.pub
check "the bootloader's key is made of it" flasher digest-private-key --keyfile v1.pem boot.key
flasher digest-private-key --keyfile other.pem other.key
if [ "$(stat -c '%a %s' boot.key)" = '600 32' ]; then pass "32 bytes, for its owner only"; else fail "32 bytes" "$(stat -c '%a %s' boot.key)"; fi
flasher sign --version 1 --key v1.pem -o signed-by-v1 v1.pub 2>/dev/null # any bytes
run flasher verify-signature --version 1 --key v1.pem signed-by-v1
expect "a signature of version 1 verifies" 0
pack() { "$O/fw/pack" --chip-id 0 "$@"; }
pack --bootloader --deflate --room 0x7000 --verification-key v1.pub -o loader.bin "$O/fw/bootloader.elf"
pack --bootloader --deflate --room 0x7000 --verification-key v1.pub --flash-encryption development -o loader-enc.bin "$O/fw/bootloader.elf"
pack --bootloader --deflate --room 0x7000 -o loader-keyless.bin "$O/fw/bootloader.elf"
pack --project hello --app-version 1.0.0 -o hello.bin "$O/fw/hello.elf"
for l in loader loader-enc loader-keyless; do
        check "$l: its digest" flasher digest-secure-bootloader --keyfile boot.key -o $l.digested $l.bin
done
flasher digest-bootloader --key other.key -o loader-other.digested loader.bin
flasher sign --version 1 --key v1.pem -o app.bin hello.bin 2>/dev/null
flasher sign --version 1 --key other.pem -o app-other.bin hello.bin 2>/dev/null
cd "$TOP" || exit 5
efuse() { flasher --port "$port" efuse --yes "$@"; }
all() { flasher --port "$port" write-flash "${@:3}" 0x0 "$T/$1" 0x8000 "$FW/partition-table.bin" 0xf000 "$FW/ota_data_initial.bin" 0x20000 "$T/$2"; }
erased_behind() { # FILE: and 4 KiB of 0xFF, so that no older signature is left
        cp "$1" "$T/clean" && head -c 4096 /dev/zero | tr '\0' '\377' >>"$T/clean"
        put "$T/clean" "$2"
}

start --chip esp32
check "an open board" all loader.digested app.bin
says "runs signed images as any" 'Hello world'
check "the key is burnt" efuse burn-key secure_boot_v1 "$T/boot.key"
check "and ABS_DONE_0" efuse burn-efuse ABS_DONE_0 1
boot
says "secure boot is on, it runs" 'Hello world'
run flasher --port "$port" --json get-security-info
expect "the chip says so" 0 'secure_boot"?:true|SECURE_BOOT'
run flasher --port "$port" efuse summary
expect "the key can be read by nobody" 0 'BLOCK2 .*[?][?].*-/-'
run flasher --port "$port" write-flash 0x20000 "$T/hello.bin"
expect "flasher: an app without a signature is refused" 4 'no signature is behind the image'
run flasher --port "$port" write-flash 0x1000 "$T/loader.bin"
expect "flasher: nothing goes below 0x8000 by mistake" 4 'below 0x8000'
off
erased_behind "$T/hello.bin" $SLOT0
boot
says "an unsigned app does not boot" 'does not boot: not signed'
never "nor anything else" 'Hello'
off
put "$T/app-other.bin" $SLOT0
boot
says "nor one signed by another key" 'not by the key of this firmware'
never "nothing runs" 'Hello'
off
put "$T/app.bin" $SLOT0
put "$T/loader-other.digested" 0
boot
says "a digest made with another key: the ROM refuses" 'invalid bootloader at 0x1000: the digest at 0x0'
never "nothing runs" 'boot: '
off
put "$T/loader-keyless.digested" 0
boot
says "a bootloader without a key trusts nobody" 'no key to verify with'
never "nothing runs" 'Hello'
off
put "$T/loader.digested" 0
boot
says "with its digest a bootloader may change" 'Hello world'

# one changed bit of digest, bootloader, table, app and signature
every() { # LENGTH of what lies at 0: digest and bootloader
        local app
        app=$(size "$T/app.bin")
        echo 0 5 127 128 160 191 4096 4097 4108 4119 4140 $(seq 4500 2501 $(($1 - 1))) $(($1 - 33)) \
                $(seq $((0x8000)) 29 $((0x80bf))) $SLOT0 $((SLOT0 + 23)) $(seq $((SLOT0 + 100)) 2501 $((SLOT0 + app))) \
                $((SLOT0 + app - 68)) $((SLOT0 + app - 64)) $((SLOT0 + app - 32)) $((SLOT0 + app - 1))
}
# shellcheck disable=SC2046
sweep plain $(every $(($(size "$T/loader.digested"))))

# flash encryption on top: the digest is ciphertext too
check "a bootloader that encrypts" all loader-enc.digested app.bin --force
says "it does" 'flash encryption: done, restart'
says "and runs" 'Hello world'
if head -c 192 "$T/flash" | cmp -s - <(head -c 192 "$T/loader-enc.digested"); then fail "the digest is ciphertext"; else pass "the digest is ciphertext"; fi
# shellcheck disable=SC2046
sweep encrypted $(every $(($(size "$T/loader-enc.digested"))))
stop
finish
