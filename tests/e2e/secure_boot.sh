#!/usr/bin/env bash
# The virtual board with its security eFuses burnt: secure boot runs what is signed by a key that is trusted, and
# nothing else; with flash encryption the disk holds ciphertext, and plain images do not boot. One changed bit anywhere
# never boots (every byte of it in process: tests/unit/secboot_test.c).
. tests/lib.sh
. tests/board_lib.sh

FW=$O/firmware
SLOT0=$((0x20000)) OTADATA=$((0xf000))
GOLD=tests/golden/ota/derived
# the same, and erased behind it, where the signature of the one before was
put_unsigned() {
        cp "$1" "$T/unsigned" && head -c $((8192 - $(size "$1") % 4096)) /dev/zero | tr '\0' '\377' >>"$T/unsigned"
        put "$T/unsigned" "$2"
}
# 0x34 … 0x3b: SPI_BOOT_CRYPT_CNT, revoked digests, key purposes, SECURE_BOOT_EN; KEY0 at 0x9c

[ -s "$FW/bootloader.bin" ] || { fail "make firmware made a bootloader"; finish; exit 1; }
cd "$T" || exit 5
for k in one two other; do flasher generate-signing-key $k.pem 2>/dev/null; done
sign() { flasher sign --key "$1.pem" -o "$3" "$2" 2>/dev/null; }
sign one "$FW/bootloader.bin" boot.bin
sign one "$FW/hello.bin" app.bin
sign two "$FW/hello.bin" app2.bin
sign other "$FW/hello.bin" app-other.bin
sign other "$FW/bootloader.bin" boot-other.bin
flasher sign --key one.pem --key two.pem -o both.bin "$FW/bootloader.bin" 2>/dev/null
cd "$TOP" || exit 5

# a factory-fresh board: eFuses made, nothing burnt; signed images run as any
start
check "signed images on an open board" flasher --port "$port" write-flash 0x0 "$T/boot.bin" 0x8000 "$FW/partition-table.bin" \
        0xf000 "$FW/ota_data_initial.bin" 0x20000 "$T/app.bin"
says "boot" 'Hello world'
stop

# secure boot: KEY0 and KEY1 hold digests 0 and 1
flasher digest-key --key "$T/one.pem" -o "$T/one.digest"
flasher digest-key --key "$T/two.pem" -o "$T/two.digest"
# shellcheck disable=SC2046
fuse $((0x9c)) $(bytes_of "$T/one.digest")
# shellcheck disable=SC2046
fuse $((0xbc)) $(bytes_of "$T/two.digest")
fuse $((0x37)) $((9 | 10 << 4))
fuse $((0x3a)) $((1 << 4))
start
says "secure boot is on, the signed app runs" 'Hello world'
run flasher --port "$port" --json get-security-info
expect "the chip says so" 0 'secure_boot|SECURE_BOOT'
boot
says "and runs again" 'ota_0 at 0x20000: verified'
off
put_unsigned "$FW/hello.bin" $SLOT0
boot
says "an unsigned app does not boot" 'does not boot: not signed'
never "nor anything else" 'Hello'
off
put "$T/app-other.bin" $SLOT0
boot
says "an app signed by another key does not boot" 'signed by a key that this chip does not trust'
never "nor anything else" 'Hello'
off
put "$T/app2.bin" $SLOT0
boot
says "one signed by the second key does" 'Hello world'
off
put "$T/boot-other.bin" 0
boot
says "a bootloader signed by another key: the ROM refuses" 'invalid bootloader at 0x0: signed by a key'
never "nothing runs" 'boot: '
off
put_unsigned "$FW/bootloader.bin" 0
boot
says "an unsigned bootloader too" 'invalid bootloader at 0x0: not signed'

# the flasher knows before it writes
run flasher --port "$port" write-flash 0x0 "$FW/bootloader.bin"
expect "flasher: an unsigned bootloader is refused" 4 'not signed by a key that the chip trusts'
run flasher --port "$port" write-flash 0x20000 "$T/app-other.bin"
expect "flasher: an app of another key is refused" 4 'not signed by a key that the chip trusts'
check "flasher: what is signed is written" flasher --port "$port" write-flash 0x0 "$T/boot.bin" 0x20000 "$T/app.bin"
says "and runs" 'Hello world'

# one changed bit: a sample of every part
bad=
n=0
boot_size=$(size "$T/boot.bin")
for at in 0 1 4 12 23 24 40 $(seq 300 5511 $((boot_size - 4097))) $((boot_size - 4097)) \
        $(for o in 0 1 2 4 35 36 300 419 420 424 700 808 811 812 1000 1195 1196 1199; do echo $((boot_size - 4096 + o)); done); do
        [ ${#bad} -lt 40 ] || break
        off
        flip "$at"
        boot
        until_said 'invalid (bootloader|header)' >/dev/null || bad="$bad $at"
        heard | grep -aqE 'boot: .*verified' && bad="$bad $at!"
        off
        flip "$at"
        n=$((n + 1))
done
if [ -z "$bad" ]; then pass "one bit of bootloader or signature at $n places: nothing runs"; else fail "one bit of bootloader or signature" "bytes:$bad"; fi
bad=
n=0
app_size=$(size "$T/app.bin")
for at in 0 1 4 12 23 24 60 $(seq 301 5511 $((app_size - 4097))) $((app_size - 4097)) \
        $(for o in 0 1 2 4 36 420 500 808 812 1195 1199; do echo $((app_size - 4096 + o)); done); do
        [ ${#bad} -lt 40 ] || break
        off
        flip $((SLOT0 + at))
        boot
        until_said 'does not boot' >/dev/null || bad="$bad $at"
        heard | grep -aq Hello && bad="$bad $at!"
        off
        flip $((SLOT0 + at))
        n=$((n + 1))
done
for at in 0 2 11 28 $(seq 40 37 200) 215; do
        off
        flip $((0x8000 + at))
        boot
        until_said 'boot: ' >/dev/null || bad="$bad table:$at"
        heard | grep -aq Hello && bad="$bad table:$at!"
        off
        flip $((0x8000 + at))
        n=$((n + 1))
done
if [ -z "$bad" ]; then pass "one bit of table, app or signature at $n places: the app does not run"; else fail "one bit of table, app or signature" "bytes:$bad"; fi
boot
says "mended, it runs" 'Hello world'

# a key is revoked
off
put "$T/both.bin" 0
boot
says "two signatures" 'Hello world'
stop
fuse $((0x36)) $((1 << 5))
start
says "key 0 revoked: the bootloader with both signatures still runs" 'boot: ota_0 at 0x20000 does not boot'
never "the app of the revoked key does not" 'Hello'
off
put "$T/app2.bin" $SLOT0
boot
says "the app of the other key does" 'Hello world'
off
put "$T/boot.bin" 0
boot
says "a bootloader of the revoked key alone: the ROM refuses" 'invalid bootloader at 0x0: signed by a key'
stop

# flash encryption: KEY2
flasher generate-flash-key "$T/flash.key" 2>/dev/null
# shellcheck disable=SC2046
fuse $((0xdc)) $(bytes_of "$T/flash.key" | tr -s ' \n' '\n' | grep . | tac)
fuse $((0x38)) 4
fuse $((0x36)) $((1 << 2))
rm "$T/flash"
enc() { flasher --chip esp32c3 encrypt --key "$T/flash.key" --address "$1" -o "$3" "$2"; }
flasher sign --key "$T/two.pem" -o "$T/boot2.bin" "$FW/bootloader.bin" 2>/dev/null
enc 0x0 "$T/boot2.bin" "$T/boot.enc"
enc 0x8000 "$FW/partition-table.bin" "$T/table.enc"
enc 0xf000 "$FW/ota_data_initial.bin" "$T/otadata.enc"
enc 0x20000 "$T/app2.bin" "$T/app.enc"
start
says "an erased flash, seen through the cipher" 'invalid (header: 0x|bootloader at)'
run flasher --port "$port" write-flash 0x0 "$T/boot2.bin"
expect "flasher: plain data are refused" 4 'flash encryption is on'
run flasher --port "$port" write-flash --pre-encrypted 0x0 "$T/boot2.bin"
expect "flasher: a plain image that is called encrypted" 4 'is not encrypted'
run flasher --port "$port" write-flash --pre-encrypted 0x8000 "$T/table.enc" 0xf000 "$T/otadata.enc" 0x20000 "$T/app.enc"
expect "flasher: ciphertext is written" 0
run flasher --port "$port" write-flash --pre-encrypted 0x0 "$T/boot.enc"
expect "flasher: ciphertext below 0x8000 cannot be judged" 4 'below 0x8000'
check "with the key in hand it is judged, and encrypted on the way" flasher --port "$port" --json write-flash --flash-key "$T/flash.key" \
        0x0 "$T/boot2.bin" 0x8000 "$FW/partition-table.bin" 0xf000 "$FW/ota_data_initial.bin" 0x20000 "$T/app2.bin"
if grep -q '"unchanged":3,' "$T/check.out"; then pass "to the same bytes as before"; else fail "to the same bytes as before" "$(cat "$T/check.out")"; fi
head -c 24576 /dev/zero >"$T/nvs.bin" # plain: NVS is not covered
check "and compared with that key" flasher --port "$port" verify-flash --flash-key "$T/flash.key" \
        0x0 "$T/boot2.bin" 0x8000 "$FW/partition-table.bin" 0x20000 "$T/app2.bin"
run flasher --port "$port" verify-flash 0x20000 "$T/app2.bin"
expect "without it, it differs, and why" 4 'flash encryption is on'
run flasher --port "$port" verify-flash --flash-key "$T/one.digest" 0x20000 "$T/app2.bin"
expect "with another one too" 4 'app2.bin'
check "some files are encrypted by the chip, the others not" flasher --port "$port" write-flash 0x9000 "$T/nvs.bin" \
        --encrypt-files 0x8000 "$FW/partition-table.bin" 0x20000 "$T/app2.bin" --no-progress
check "as the key says" flasher --port "$port" verify-flash --flash-key "$T/flash.key" \
        0x8000 "$FW/partition-table.bin" 0x9000 "$T/nvs.bin" 0x20000 "$T/app2.bin"
same "what is not covered lies there plain" <(dd if="$T/flash" bs=4096 skip=9 count=6 status=none) "$T/nvs.bin"
run flasher --port "$port" write-flash --flash-key "$T/flash.key" --encrypt-files 0x20000 "$T/app2.bin"
expect "two ways of encrypting" 2 'exclude each other'
run flasher --port "$port" write-flash --encrypt-files 0x20000
expect "an address without a file" 2 'in pairs'
run flasher --port "$port" write-flash --flash-key "$T/flash.key" 0x0 "$FW/bootloader.bin"
expect "an unsigned bootloader is not" 4 'not signed by a key that the chip trusts'
run flasher --port "$port" write-flash --flash-key "$T/flash.key" --encrypt 0x0 "$T/boot2.bin"
expect "one way of encrypting is enough" 2 'exclude each other'
run flasher --port "$port" ota status
expect "flasher ota: otadata are ciphertext" 4 'flash encryption is on: otadata are ciphertext'
run flasher --port "$port" ota --flash-key "$T/flash.key" status
expect "with the key, the table and they are read" 0 'copy 0: sequence 1, VALID, checksum right, active'
check "and the slot is switched" flasher --port "$port" ota --flash-key "$T/flash.key" switch ota_1
run flasher --port "$port" ota --flash-key "$T/flash.key" status
expect "as seen" 0 'boots: ota_1'
check "by label, with the key alone" flasher --port "$port" write --flash-key "$T/flash.key" otadata="$FW/ota_data_initial.bin" ota_0="$T/app2.bin"
mark
check "ciphertext by force" flasher --port "$port" write-flash --pre-encrypted --force 0x0 "$T/boot.enc"
says "the board boots ciphertext" 'Hello world'
off
if grep -aq 'Hello world' "$T/flash"; then fail "the disk holds ciphertext"; else pass "the disk holds ciphertext"; fi
same "as flasher made it" <(dd if="$T/flash" bs=4096 skip=$((SLOT0 / 4096)) count=$(($(size "$T/app.enc") / 4096)) status=none) "$T/app.enc"
flasher --chip esp32c3 decrypt --key "$T/flash.key" --address 0xf000 -o "$T/otadata.now" \
        <(dd if="$T/flash" bs=4096 skip=15 count=2 status=none)
if [ "$(od -An -tu1 -N1 "$T/otadata.now" | tr -d ' ')" = 1 ] && [ "$(od -An -tu1 -j24 -N1 "$T/otadata.now" | tr -d ' ')" = 2 ]; then
        pass "what the bootloader wrote is ciphertext too: slot 0, valid"
else fail "otadata" "$(od -An -tx1 -N32 "$T/otadata.now")"; fi
put "$T/app2.bin" $SLOT0
boot
says "a plain app does not boot" 'does not boot'
never "nor anything else" 'Hello'
off
put "$T/app.enc" $SLOT0
put "$T/boot2.bin" 0
boot
says "a plain bootloader does not boot" 'invalid (header: 0x|bootloader at)'
check "the ROM encrypts what it is asked to" flasher --port "$port" write-flash --encrypt 0x0 "$T/boot2.bin"
says "and boots it" 'Hello world'
off
same "that is the same ciphertext" <(head -c "$(size "$T/boot.enc")" "$T/flash") "$T/boot.enc"
put $GOLD/2slots-seq1-VALID.bin $OTADATA # plain: noise to the chip
boot
says "plain otadata are noise: the first slot all the same" 'Hello world'
check "flash read in download mode is ciphertext" flasher --port "$port" read-flash 0x20000 4096 "$T/dump"
same "of the app" "$T/dump" <(head -c 4096 "$T/app.enc")
stop
finish
