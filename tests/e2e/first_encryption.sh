#!/usr/bin/env bash
# Flash encryption that the bootloader switches on at its first start: key in eFuses, everything encrypted where it
# lies, the count, a restart; power cuts on the way; the count's parity; development and release; keys from a station.
. tests/lib.sh
. tests/board_lib.sh

FW=$O/firmware
TABLE=$((0x8000)) SLOT0=$((0x20000)) SLOT1=$((0x1b0000)) SECRET=$((0x340000)) OPEN=$((0x341000))
[ -s "$FW/bootloader.bin" ] || { fail "make firmware made a bootloader"; finish; exit 1; }
pack() { "$O/fw/pack" --bootloader --deflate --room 0x7000 -o "$T/$1.bin" "${@:2}" "$O/fw/bootloader.elf"; }
pack dev --flash-encryption development
pack release --flash-encryption release
pack dev32 --flash-encryption development --chip-id 0
"$O/fw/pack" --chip-id 0 --project hello --app-version 1.0.0 -o "$T/hello32.bin" "$O/fw/hello.elf"
cat >"$T/table.csv" <<'CSV'
nvs,     data, nvs,     0x9000,   0x6000,
otadata, data, ota,     0xf000,   0x2000,
ota_0,   app,  ota_0,   0x20000,  0x40000,
ota_1,   app,  ota_1,   0x1b0000, 0x40000,
secret,  0x40, 0,       0x340000, 0x1000, encrypted
open,    0x40, 1,       0x341000, 0x1000,
CSV
partgen --quiet "$T/table.csv" "$T/table.bin"
head -c 4096 /dev/urandom >"$T/data"
# write BOOTLOADER [APP]: all of it, plain, with what no table covers; the second slot stays empty
plain() { flasher --port "$port" write-flash "${at:-0x0}" "$T/$1.bin" 0x8000 "$T/table.bin" 0xf000 "$FW/ota_data_initial.bin" \
        0x20000 "${2:-$FW/hello.bin}" 0x340000 "$T/data" 0x341000 "$T/data"; }
part() { dd if="$T/flash" bs=4096 skip=$(($1 / 4096)) count=$((($2 + 4095) / 4096)) status=none | head -c "$2"; }
opened() { part "$1" $((($2 + 15) / 16 * 16)) >"$T/cipher" && flasher --chip "$chip" decrypt --key "$T/key" --address "$1" -o - "$T/cipher" 2>/dev/null | head -c "$2"; }
# what lies there is the ciphertext of these files, and the rest is plain
all_encrypted() { # BOOTLOADER APP
        same "the bootloader is ciphertext" <(opened "$((at))" "$(size "$T/$1.bin")") "$T/$1.bin"
        same "so is the table" <(opened $TABLE 3072) "$T/table.bin"
        same "the app" <(opened $SLOT0 "$(size "$2")") "$2"
        same "and what is flagged so" <(opened $SECRET 4096) "$T/data"
        same "what is not is plain" <(part $OPEN 4096) "$T/data"
        same "an empty slot is left alone" <(part $SLOT1 4096) <(head -c 4096 /dev/zero | tr '\0' '\377')
}
key_of() { fuses $((0x9c)) 32 | od -An -v -tx1 | tr -s ' \n' '\n' | grep . | tac | sed 's/^/\\x/' | tr -d '\n' | xargs -0 printf %b; }
count() { flasher --port "$port" --json efuse get SPI_BOOT_CRYPT_CNT 2>/dev/null; }
efuse() { flasher --port "$port" efuse --yes "$@"; }

# --- ESP32-C3, development ---
chip=esp32c3 at=0x0
start
check "a plain board is written" plain dev
says "the key is made" 'a new key in block 4'
says "everything is encrypted, and the board restarts" 'flash encryption: done, restart'
says "it runs from ciphertext" 'Hello world'
key_of >"$T/key"
all_encrypted dev "$FW/hello.bin"
run flasher --port "$port" efuse summary
expect "the key is read- and write-protected" 0 'BLOCK_KEY0 .*[?][?] [?][?].*-/-'
expect "its purpose is fixed" 0 'KEY_PURPOSE_0 .*XTS_AES_128_KEY .*R/-'
expect "JTAG is off" 0 'DIS_PAD_JTAG .*True'
expect "download mode may still encrypt" 0 'DIS_DOWNLOAD_MANUAL_ENCRYPT .*False'
expect "the count is odd" 0 'SPI_BOOT_CRYPT_CNT .*\(0x1\)'
cp "$T/flash" "$T/before"
boot
says "the next start only boots" 'Hello world'
never "and encrypts nothing again" 'flash encryption'
off
same "no byte of the apps or the table has changed" <(part $TABLE 4096; part $SLOT0 $((0x40000))) \
        <(cd "$T" && ln -f flash flash.now && cp before flash.old && dd if=flash.old bs=4096 skip=8 count=1 status=none && dd if=flash.old bs=4096 skip=32 count=64 status=none)
put "$FW/hello.bin" $SLOT0
boot
says "a plain app does not boot" 'does not boot'
never "nor anything else" 'Hello'
run plain dev
expect "flasher: plain images are refused now" 4 'flash encryption is on'
check "with --encrypt the chip takes them" flasher --port "$port" write-flash --encrypt 0x20000 "$FW/hello.bin"
says "and runs them" 'Hello world'

# the count made even: plain images once more, the same key
check "the count is made even" efuse burn-efuse SPI_BOOT_CRYPT_CNT 3
boot
says "the ROM reads ciphertext as it lies there" 'invalid (header|bootloader)' # one key in 256 gives it the first byte of an image
mark
check "plain images are taken again" plain dev
says "they are encrypted" 'flash encryption: done, restart'
says "and run" 'Hello world'
never "with the key that is there" 'a new key'
all_encrypted dev "$FW/hello.bin"
run flasher --port "$port" efuse get SPI_BOOT_CRYPT_CNT
expect "all bits of the count are burnt" 0 'Enable|7'
run plain dev
expect "no plain image any more, for ever" 4 'flash encryption is on'
scrap

# --- power cuts ---
# one at any step leaves a board that takes the plain images again, with the same key, and costs no bit of the count
ops=$((6 + 1 + 2 + 64 + 1)) # sectors; each is an erase and 16 pages
bad=
n=0
for cut in 1 2 18 $((6 * 17 + 9)) $((7 * 17 + 2)) $((9 * 17 + 30)) $((ops * 17)); do
        start
        off
        put "$T/dev.bin" 0
        put "$T/table.bin" $TABLE
        put "$FW/hello.bin" $SLOT0
        put "$T/data" $SECRET
        ctl cut-power "$cut"
        boot
        until ctl status | grep -q '"state":"off"'; do sleep 0.02; done
        key_of >"$T/key1"
        boot
        until_said 'invalid (header|bootloader)|boot: |Hello' >/dev/null
        mark
        plain dev >"$T/log" 2>&1 || bad="$bad $cut:write"
        until_said 'Hello world' >/dev/null || bad="$bad $cut:boot"
        key_of | cmp -s - "$T/key1" || bad="$bad $cut:key"
        flasher --port "$port" efuse summary >"$T/log" 2>&1
        grep -q 'SPI_BOOT_CRYPT_CNT .*(0x1)' "$T/log" || bad="$bad $cut:count"
        scrap
        n=$((n + 1))
done
if [ -z "$bad" ]; then pass "a power cut at $n places of the encryption: written again it runs, with the same key"; else fail "power cuts" "at operations:$bad"; fi
# while eFuses burn: the key, what it is for, locks, the count
for burn in 1 2 3 4; do
        start
        off
        put "$T/release.bin" 0
        put "$T/table.bin" $TABLE
        put "$FW/hello.bin" $SLOT0
        ctl fault burn-power=$burn
        boot
        until ctl status | grep -q '"state":"off"'; do sleep 0.02; done
        if [ $burn = 4 ]; then
                boot # half of the count's bits: two of three, an even number
                until_said 'invalid (header|bootloader)' >/dev/null
                plain release >"$T/log" 2>&1
        else boot; fi
        says "a cut in burn $burn of eFuses: it goes on" 'Hello world'
        run flasher --port "$port" efuse summary
        expect "with all bits of the count" 0 'SPI_BOOT_CRYPT_CNT .*\(0x7\)'
        expect "and a protected key" 0 'BLOCK_KEY[01] .*[?][?] [?][?].*-/-'
        [ $burn = 4 ] || scrap
done

# --- release ---
run flasher --port "$port" write-flash --encrypt 0x20000 "$FW/hello.bin"
expect "release: download mode does not encrypt" 4
run efuse burn-efuse SPI_BOOT_CRYPT_CNT 7
expect "release: the count is at its end" 0 'nothing to burn'
scrap

# --- a key that the station has made, and a signed bootloader ---
flasher generate-flash-key "$T/key" 2>/dev/null
flasher generate-signing-key "$T/sign.pem" 2>/dev/null
flasher digest-key --key "$T/sign.pem" -o "$T/sign.digest"
flasher sign --key "$T/sign.pem" -o "$T/signed.bin" "$T/dev.bin" 2>/dev/null
flasher sign --key "$T/sign.pem" -o "$T/app.bin" "$FW/hello.bin" 2>/dev/null
start
check "the station's key and secure boot" efuse burn-key BLOCK_KEY3 "$T/key" XTS_AES_128_KEY \
        burn-key BLOCK_KEY0 "$T/sign.digest" SECURE_BOOT_DIGEST0 burn-efuse SECURE_BOOT_EN 1
check "signed images, plain" plain signed "$T/app.bin"
says "the key in eFuses is taken" 'with the key in eFuses'
says "secure boot is content with the result" 'Hello world'
all_encrypted signed "$T/app.bin"
boot=$(size "$T/signed.bin") app=$(size "$T/app.bin")
# shellcheck disable=SC2046
sweep "signed and encrypted" 0 23 40 $(seq 700 3301 $((boot - 4097))) $((boot - 4096)) $((boot - 3300)) $((boot - 2901)) \
        $TABLE $((TABLE + 28)) $((TABLE + 200)) $SLOT0 $((SLOT0 + 23)) $(seq $((SLOT0 + 300)) 3301 $((SLOT0 + app - 4097))) \
        $((SLOT0 + app - 4096)) $((SLOT0 + app - 3300)) $((SLOT0 + app - 2901))
scrap

# a key that only its purpose names: ESP-IDF refuses it, here its protection is completed
start
check "a key left unprotected" efuse burn-key --no-read-protect --no-write-protect BLOCK_KEY0 "$T/key" XTS_AES_128_KEY
plain dev >"$T/log" 2>&1
says "it is used" 'Hello world'
run flasher --port "$port" efuse summary
expect "and protected" 0 'BLOCK_KEY0 .*[?][?] [?][?].*-/-'
scrap

# the count locked even: plain images run only without this setting
start
check "the count is write-protected at zero" efuse write-protect-efuse SPI_BOOT_CRYPT_CNT
plain dev >"$T/log" 2>&1
says "the bootloader says so and boots nothing" 'boot: flash encryption is off for good'
never "nothing" 'Hello'
scrap

# --- ESP32 ---
chip=esp32 at=0x1000
flasher --chip esp32 generate-flash-key "$T/key" 2>/dev/null
start --chip esp32
check "ESP32: plain" plain dev32 "$T/hello32.bin"
says "ESP32: a key is made" 'a new key in block 1'
says "ESP32: it runs from ciphertext" 'Hello world'
fuses $((0x38)) 32 | od -An -v -tx1 | tr -s ' \n' '\n' | grep . | tac | sed 's/^/\\x/' | tr -d '\n' | xargs -0 printf %b >"$T/key"
all_encrypted dev32 "$T/hello32.bin"
run flasher --port "$port" efuse summary
expect "ESP32: FLASH_CRYPT_CONFIG" 0 'FLASH_CRYPT_CONFIG .*\(0xf\)'
for even in 0x3 0xf 0x3f; do
        efuse burn-efuse FLASH_CRYPT_CNT $even >"$T/log" 2>&1 || fail "ESP32: the count to $even" "$(cat "$T/log")"
        boot
        until_said 'invalid (header|bootloader)' >/dev/null
        mark
        plain dev32 "$T/hello32.bin" >"$T/log" 2>&1 || fail "ESP32: plain at count $even" "$(tail -3 "$T/log")"
        says "ESP32: plain images once more at count $even" 'Hello world'
done
run flasher --port "$port" efuse summary
expect "ESP32: the count is at its end" 0 'FLASH_CRYPT_CNT .*\(0x7f\)'
run plain dev32 "$T/hello32.bin"
expect "ESP32: a fourth time there is not" 4 'flash encryption is on'
scrap
start --chip esp32
efuse burn-key --no-protect-key flash_encryption "$T/key" >"$T/log" 2>&1
plain dev32 "$T/hello32.bin" >"$T/log" 2>&1
says "ESP32: a key that is not protected is refused" 'BLOCK1 is not read- and write-protected'
never "ESP32: and nothing was encrypted" 'the bootloader, '
scrap
finish
