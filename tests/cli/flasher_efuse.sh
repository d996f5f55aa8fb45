#!/usr/bin/env bash
# flasher efuse: what it says, what it refuses, and that nothing is burnt that nobody agreed to.
. tests/lib.sh
f=$T/e.bin

# e ARGUMENT...: on the eFuse file of an ESP32-C3
e() { run flasher efuse --chip esp32c3 --virt "$f" "$@"; }
# kept NAME: the file is as it was when `keep` was called
keep() { cp "$f" "$T/kept"; }
kept() { same "$1" "$T/kept" "$f"; }
head -c 32 /dev/zero | tr '\0' '\125' >"$T/k32"
head -c 64 "$BIN/flasher" >"$T/k64"

e summary
expect "a file is made" 0 'SPI_BOOT_CRYPT_CNT +Disable \(0x0\) +R/W'
check "it has the size of the register space" test "$(stat -c %s "$f")" = 512
check "it is for its owner only" test "$(stat -c %a "$f")" = 600
keep

e burn-efuse DIS_PAD_JTAG
expect "no terminal, no --yes: refused" 2 'nothing was burnt'
kept "and nothing is burnt"
e --dry-run burn-efuse DIS_PAD_JTAG burn-key BLOCK_KEY0 "$T/k32" HMAC_UP
expect "a plan" 0 'KEY_PURPOSE_0: USER -> HMAC_UP'
expect "and the other command's part" 0 'DIS_PAD_JTAG: False -> True'
if grep -q '55 55' "$T/stdout" "$T/stderr"; then fail "a key is not shown"; else pass "a key is not shown"; fi
kept "--dry-run burns nothing"
e -n burn-key --show-sensitive-info BLOCK_KEY0 "$T/k32" HMAC_UP
expect "unless it is asked for" 0 '55 55'
if command -v script >/dev/null; then
        answer() { # WORD: as typed at a terminal
                printf '%s\n' "$1" | script -qec "flasher efuse --chip esp32c3 --virt $f burn-efuse SECURE_VERSION 1" /dev/null >"$T/stdout" 2>&1
        }
        answer burn && fail "another word at the prompt" || pass "another word at the prompt"
        kept "nothing is burnt"
        answer BURN && pass "the word" || fail "the word" "$(cat "$T/stdout")"
        e get SECURE_VERSION
        expect "it is burnt" 0 '^1$'
else
        skip "the typed word" "script is not installed (Debian: bsdutils)"
fi

e --yes burn-key BLOCK_KEY0 "$T/k32" HMAC_UP burn-efuse SECURE_VERSION 3 DIS_PAD_JTAG 1
expect "several commands, one burn" 0 'burnt and verified, digest of all eFuses: [0-9a-f]{64}$'
e get KEY_PURPOSE_0 SECURE_VERSION BLOCK_KEY0
expect "purpose" 0 '^HMAC_UP$'
expect "a key that software cannot read" 0 '^[?][?] [?][?]'
keep
e -y burn-efuse SECURE_VERSION 3 DIS_PAD_JTAG
expect "an odd list" 2 'pairs'
e -y burn-efuse SECURE_VERSION 3 DIS_PAD_JTAG 1
expect "the same again is fine" 0 'nothing to burn'
e -y burn-efuse SECURE_VERSION 2
expect "a value without a burnt bit" 4 'SECURE_VERSION: has bits burnt'
e -y burn-efuse SECURE_VERSION
expect "one more bit of a counter" 0 'SECURE_VERSION: 3 -> 7'
keep
for bad in 'burn-efuse SECURE_VERSION 0' 'burn-efuse SECURE_VERSION 0x10000' 'burn-efuse SECURE_VERSION x' 'burn-efuse NOPE 1' \
        'burn-efuse MAC aa:bb:cc:dd:ee:ff' 'burn-efuse WAFER_VERSION_MINOR 1' 'burn-efuse KEY_PURPOSE_1 0' \
        'burn-efuse KEY_PURPOSE_1 15' 'burn-bit BLOCK_USR_DATA 256' "burn-bit NOPE 1" 'set-custom-mac 01:02:03:04:05:06' \
        'set-custom-mac aa-bb-cc-01-02-03' 'set-flash-voltage 3.3V' 'write-protect WR_DIS' 'read-protect SECURE_VERSION' \
        "burn-key BLOCK_KEY1 $T/k64 HMAC_UP" "burn-key BLOCK0 $T/k32 HMAC_UP" "burn-key BLOCK_KEY1 $T/none HMAC_UP" \
        "burn-key BLOCK_KEY5 $T/k32 XTS_AES_128_KEY" "burn-key-digest BLOCK_KEY1 $T/k32 SECURE_BOOT_DIGEST0" \
        "burn-block-data BLOCK_USR_DATA $T/k64" "burn-block-data --offset 30 BLOCK_USR_DATA $T/k32"; do
        # shellcheck disable=SC2086
        e -y $bad
        expect "refused: $bad" 1
        [ "$(grep -c . "$T/stderr")" -eq 1 ] || fail "in one line: $bad" "$(cat "$T/stderr")"
done
for bad in "burn-key BLOCK_KEY0 $T/k32 HMAC_UP" 'read-protect BLOCK_KEY1'; do
        # shellcheck disable=SC2086
        e -y $bad
        expect "this unit cannot: $bad" 4
done
for bad in burn-everything "" 'burn-bit BLOCK_USR_DATA -1' 'burn-bit BLOCK_USR_DATA' "burn-key BLOCK_KEY1 $T/k32" 'dump x' 'dump --format x' \
        'summary --format x' 'summary --value-only' '--offset 3 summary' "burn-block-data --offset x BLOCK_USR_DATA $T/k32" \
        "burn-key BLOCK_KEY1 $T/k32 NOPE" "burn-key BLOCK_KEY1 $T/k32 USER BLOCK5 $T/k32 USER" \
        "burn-key-digest BLOCK_KEY1 $T/k32 USER"; do
        # shellcheck disable=SC2086
        e -y $bad
        expect "wrong usage: $bad" 2
done
kept "nothing of all this has burnt anything"

e --yes burn-key --no-read-protect BLOCK_KEY1 "$T/k32" HMAC_UP burn-key BLOCK_KEY2 "$T/k32" HMAC_UP
expect "an option is for its own command" 0
e get BLOCK_KEY1 BLOCK_KEY2
expect "readable" 0 '^55 55'
expect "not readable" 0 '^[?][?]'
e --yes burn-efuse RD_DIS 2
expect "later all the same" 0
e --yes burn-key BLOCK_KEY3 "$T/k32" SECURE_BOOT_DIGEST0
expect "a digest" 0
e --yes burn-efuse RD_DIS 8
expect "a digest cannot be hidden" 4 'secure boot would never succeed'
e --yes write-protect RD_DIS burn-key BLOCK_KEY4 "$T/k32" HMAC_UP
expect "protection of protection, and a key" 0
flasher generate-signing-key --scheme ecdsa256 "$T/p256.pem" 2>/dev/null # this chip's ROM knows RSA only
e --yes burn-key-digest BLOCK_KEY5 "$T/p256.pem" SECURE_BOOT_DIGEST1
expect "a digest that the ROM cannot use is remarked upon" 0 'note: .*p256.pem: the ROM of the .* cannot verify'
e --yes burn-efuse SECURE_BOOT_EN 1
expect "secure boot" 0
e --yes burn-key-digest BLOCK_KEY4 "$T/p256.pem" SECURE_BOOT_DIGEST2
expect "and under secure boot refused" 1 'would never boot$'
e --yes burn-efuse DIS_DOWNLOAD_MODE 1
expect "what closes a chip" 0

# what reads
e --json summary SECURE_VERSION
expect "--json: one line" 0 '^\{"v":1,"event":"efuses","chip":"esp32c3","fields":\{"SECURE_VERSION":\{"name":"SECURE_VERSION","value":7,'
e summary --format json --file "$T/s.json"
expect "into a file" 0
check "as espefuse has it" grep -q '"SPI_BOOT_CRYPT_CNT"' "$T/s.json"
e summary --value-only SECURE_VERSION
expect "a value alone" 0 '^7$'
e --json -y burn-bit BLOCK_USR_DATA 3
expect "--json: the plan" 0 '"event":"efuse-plan","change":"BLOCK_USR_DATA: 08'
expect "--json: what came of it" 0 '"event":"efuse-burnt","chip":"esp32c3","blocks":\["BLOCK_USR_DATA"\],"verified":true'
e dump
expect "dump" 0 '^BLOCK3  BLOCK_USR_DATA +00000008 '
e dump --format joint
expect "dump in bytes" 0 '^08000000'
e dump --file "$T/blk.bin"
expect "dump into files" 0
check "a file a block" test "$(stat -c %s "$T/blk3.bin")-$(stat -c %s "$T/blk10.bin")" = 32-32
e digest
expect "digest" 0 '^[0-9a-f]{64}$'
e adc-info
expect "no calibration" 0
for c in summary get\ SECURE_VERSION dump digest; do
        # shellcheck disable=SC2086
        run sh -c "flasher efuse --chip esp32c3 --virt '$f' $c >/dev/full"
        expect "$c >/dev/full is a failure" 5
done
e check-error
expect "no errors" 0 'no coding errors'
# RD_RS_ERR0: two wrong bytes in block 3, in a file as a damaged chip would give it
cp "$f" "$T/bad.bin"
printf '\2' | dd of="$T/bad.bin" bs=1 seek=$((512 - 0x1c0 - 2)) conv=notrunc 2>/dev/null
f=$T/bad.bin
e check-error
expect "an error is found" 4 'BLOCK3 +BLOCK_USR_DATA +2 errors'
e summary BLOCK_USR_DATA
expect "and shown" 0 'CODING ERRORS'
e --yes check-error --recovery
expect "and burnt once more" 0 'BLOCK_USR_DATA: once more'
e check-error
expect "then it is whole" 0 'no coding errors'
# the same, and the data in the file only in part: the burn was cut off
head -c 31 /dev/zero | tr '\0' '\17' >"$T/d31"
e -y burn-block-data --offset 1 BLOCK_SYS_DATA "$T/d31"
expect "data" 0
printf '\1\17' | dd of="$T/bad.bin" bs=1 seek=$((512 - 0x5c - 3)) conv=notrunc 2>/dev/null
e -y burn-block-data --offset 1 BLOCK_SYS_DATA "$T/d31"
expect "another value, no error: refused" 4 'burnt with another value'
# its count in bits 4 to 6 of RD_RS_ERR0; its fail bit, on this chip, in bit 11
printf '\10\60' | dd of="$T/bad.bin" bs=1 seek=$((512 - 0x1c0 - 2)) conv=notrunc 2>/dev/null
e -y burn-block-data --offset 1 BLOCK_SYS_DATA "$T/d31"
expect "a burn that was cut off is done again" 0 'burnt and verified'
e -y burn-key --force BLOCK_KEY1 "$T/k64" HMAC_UP
expect "--force does not let everything through" 1
f=$T/e.bin

# other chips, other files
run flasher efuse --chip esp32 --virt "$T/esp32.bin" --yes burn-key flash_encryption "$T/k32"
expect "ESP32: a key for flash encryption" 0 'BLOCK1: 32 bytes \(not shown\)'
run flasher efuse --chip esp32 --virt "$T/esp32.bin" get BLOCK1
expect "it cannot be read" 0 '^[?][?]'
run flasher efuse --chip esp32 --virt "$T/esp32.bin" set-custom-mac 5a:00:00:01:02:03 --yes
expect "ESP32: an address with its CRC" 0 'CUSTOM_MAC_CRC'
run flasher efuse --chip esp32 --virt "$f" summary
expect "a file of another chip" 1 '512 bytes, but the eFuse file of an esp32 has 288'
run flasher efuse --virt "$f" summary
expect "which chip?" 2 '--chip'
run flasher efuse --chip esp32p4 --virt "$f" summary
expect "a chip without a table" 2 '--chip'
run flasher efuse --chip esp32c3 --virt summary
expect "--virt without a file, as espefuse has it: summary is the file then" 2
rm -f summary
run flasher efuse --chip esp32c3 --virt --do-not-confirm burn_efuse DIS_PAD_JTAG 1
expect "a virtual chip that is kept nowhere" 0 'burnt and verified'
mkdir "$T/ro"
run flasher efuse --chip esp32c3 --virt "$T/ro/e.bin" -y burn-efuse DIS_USB_JTAG 1
expect "a new file" 0
if [ "$(id -u)" -ne 0 ]; then
        chmod 500 "$T/ro"
        run flasher efuse --chip esp32c3 --virt "$T/ro/e.bin" -y burn-efuse DIS_PAD_JTAG 1
        expect "a folder that cannot be written" 5
        chmod 700 "$T/ro"
else
        skip "a folder that cannot be written" "root writes everywhere"
fi
finish
