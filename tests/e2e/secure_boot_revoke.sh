#!/usr/bin/env bash
# Keys of secure boot v2 that are revoked: by the ROM as soon as a signature of theirs is wrong
# (SECURE_BOOT_AGGRESSIVE_REVOKE), by the operator behind an update that is signed with the next key.
. tests/lib.sh
. tests/board_lib.sh

FW=$O/firmware
SLOT0=$((0x20000))
[ -s "$FW/bootloader.bin" ] || { fail "make firmware made a bootloader"; finish; exit 1; }
cd "$T" || exit 5
for k in one two three; do
        flasher generate-signing-key $k.pem 2>/dev/null
        flasher digest-key --key $k.pem -o $k.digest
        flasher sign --key $k.pem -o app-$k.bin "$FW/hello.bin" 2>/dev/null
done
flasher sign --key one.pem --key two.pem --key three.pem -o boot.bin "$FW/bootloader.bin" 2>/dev/null
cd "$TOP" || exit 5
# wrong FILE BLOCK: the signature of that block is wrong, its CRC right
wrong() {
        local at=$(($(size "$1") - 4096 + $2 * 1216))
        printf '\x5a\xa5\x11' | dd of="$1" bs=1 seek=$((at + 900)) conv=notrunc status=none
        dd if="$1" bs=1 skip=$at count=1196 status=none | gzip -c | tail -c 8 | head -c 4 |
                dd of="$1" bs=1 seek=$((at + 1196)) conv=notrunc status=none
}
revoked() { # the bits of SECURE_BOOT_KEY_REVOKE0...2 as burnt
        echo $(($(fuses $((0x36)) 1 | od -An -tu1) >> 5))
}
is_revoked() { if [ "$(revoked)" = "$2" ]; then pass "$1"; else fail "$1" "revoked: $(revoked), expected $2"; fi; }
efuse() { flasher --port "$port" efuse --yes "$@"; }
secured() { # OPTION of burn-efuse ...: a board with three keys, its images written
        start
        check "a board" flasher --port "$port" write-flash 0x0 "$T/boot.bin" 0x8000 "$FW/partition-table.bin" \
                0xf000 "$FW/ota_data_initial.bin" 0x20000 "$T/app-one.bin"
        check "with three keys" efuse burn-key BLOCK_KEY0 "$T/one.digest" SECURE_BOOT_DIGEST0 \
                burn-key BLOCK_KEY1 "$T/two.digest" SECURE_BOOT_DIGEST1 burn-key BLOCK_KEY2 "$T/three.digest" SECURE_BOOT_DIGEST2 \
                burn-efuse SECURE_BOOT_EN 1 "$@"
        boot
        says "runs" 'Hello world'
}

secured SECURE_BOOT_AGGRESSIVE_REVOKE 1
off
flip $((0x3000))
boot
says "a damaged bootloader does not boot" 'invalid bootloader'
off
flip $((0x3000))
is_revoked "but costs no key: its digest is another one" 0
cp "$T/boot.bin" "$T/cut.bin"
printf 'x' | dd of="$T/cut.bin" bs=1 seek=$(($(size "$T/boot.bin") - 4096 + 900)) conv=notrunc status=none
put "$T/cut.bin" 0
boot
says "a block with a wrong CRC is none" 'Hello world'
is_revoked "and costs none either" 0
off
cp "$T/app-one.bin" "$T/app-wrong.bin"
wrong "$T/app-wrong.bin" 0
put "$T/app-wrong.bin" $SLOT0
boot
says "an app with a wrong signature does not boot" 'does not boot: the signature is wrong'
is_revoked "only the ROM revokes" 0
off
put "$T/app-one.bin" $SLOT0
cp "$T/boot.bin" "$T/wrong0.bin"
wrong "$T/wrong0.bin" 0
put "$T/wrong0.bin" 0
boot
says "a wrong signature of key 0: the ROM revokes it" 'a signature is wrong, its key is revoked'
says "and takes the bootloader for key 1" 'boot: '
says "whose app of key 0 is not trusted any more" 'does not boot: signed by a key that this chip does not trust'
never "nothing runs" 'Hello'
is_revoked "key 0 alone is revoked" 1
run flasher --port "$port" efuse summary
expect "as the eFuses say" 0 'SECURE_BOOT_KEY_REVOKE0 .*True'
run flasher --port "$port" write-flash 0x20000 "$T/app-one.bin"
expect "flasher: its apps are refused" 4 'not signed by a key that the chip trusts'
check "flasher: those of key 1 are not" flasher --port "$port" write-flash 0x20000 "$T/app-two.bin"
says "and run" 'Hello world'
off
put "$T/boot.bin" 0
boot
says "the sound bootloader runs by its other keys" 'Hello world'
off
wrong "$T/wrong0.bin" 1
wrong "$T/wrong0.bin" 2
put "$T/wrong0.bin" 0
boot
says "wrong signatures of all others" 'invalid bootloader'
is_revoked "all keys are gone" 7
off
put "$T/boot.bin" 0
boot
says "and nothing boots ever again" 'invalid bootloader at 0x0: signed by a key that this chip does not trust'
scrap

# without the eFuse a wrong signature costs nothing; a bit that is write-protected stays
secured
off
cp "$T/boot.bin" "$T/wrong0.bin"
wrong "$T/wrong0.bin" 0
put "$T/wrong0.bin" 0
boot
says "not aggressive: the next key is asked" 'Hello world'
is_revoked "and no key revoked" 0
check "aggressive, but key 0 may not be revoked" efuse write-protect-efuse SECURE_BOOT_KEY_REVOKE0 burn-efuse SECURE_BOOT_AGGRESSIVE_REVOKE 1
boot
says "it is not" 'Hello world'
is_revoked "the bit is locked" 0

# rotation: an update signed with the next key, then the old one is revoked
off
put "$T/boot.bin" 0
boot
check "an update of key 1 goes to the other slot" flasher --port "$port" write ota_1="$T/app-two.bin"
check "which is chosen" flasher --port "$port" ota switch ota_1
boot
says "and runs, by the same bootloader" 'ota_1 at 0x1b0000: verified'
check "key 2 is revoked without having been used" efuse burn-efuse SECURE_BOOT_KEY_REVOKE2 1
boot
says "that changes nothing" 'Hello world'
check "going back" flasher --port "$port" ota switch ota_0
boot
says "key 0 is good as long as it is not revoked" 'ota_0 at 0x20000: verified'
stop
fuse $((0x36)) $((1 << 5)) # its bit is locked on this board: as if it had been burnt before
start
boot
says "revoked: the slot of key 0 is passed over" 'ota_0 at 0x20000 does not boot'
says "and the other runs" 'ota_1 at 0x1b0000: verified'
says "to the end" 'Hello world'
scrap
finish
