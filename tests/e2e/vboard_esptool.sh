#!/usr/bin/env bash
# The real esptool drives vboard over a pty, a raw socket and RFC 2217. ESPTOOL: the command to run
# (esptool, esptool.py); tried with 4.8.1, 5.0.2 and 5.1.0.
. tests/lib.sh

if [ -z "${ESPTOOL:-}" ]; then
        for c in esptool esptool.py; do command -v $c >/dev/null && ESPTOOL=$c && break; done
fi
if [ -z "${ESPTOOL:-}" ]; then
        skip "esptool against vboard" "esptool is not installed (set ESPTOOL to its command)"
        finish
        exit
fi
echo "# $($ESPTOOL version 2>&1 | tail -1)"
trap 'kill "$(cat "$T/pid" 2>/dev/null)" 2>/dev/null; rm -rf "$T"' EXIT

# board OPTION...: a fresh board with all three ports
board() {
        [ ! -f "$T/pid" ] || { kill "$(cat "$T/pid")"; while [ -f "$T/pid" ]; do sleep 0.05; done; }
        rm -f "$T/flash" "$T/efuse"
        vboard --flash "$T/flash" --efuse "$T/efuse" --control "$T/c" --pty "$T/tty" --tcp 127.0.0.1:0 \
                --rfc2217 127.0.0.1:0 --daemon --pid-file "$T/pid" --json "$@" >"$T/ready" || exit 1
}
url() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" "$T/ready"; }

# e PORT ARGUMENT...: esptool on that kind of port, on the ROM loader alone
e() {
        local kind=$1 how=
        shift
        [ "$kind" = pty ] && how="--before no_reset --after no_reset"
        # shellcheck disable=SC2086
        run timeout 120 $ESPTOOL --port "$(url "$kind")" --no-stub $how "$@"
}
at() { tail -c +$(($1 + 1)) "$T/flash" | head -c "$2"; }

# An application-like file: compressible, not a multiple of anything.
cat tests/unit/*.c | head -c 50001 >"$T/app"
head -c 20000 "$BIN/vboard" >"$T/raw"

# all KIND: every command of esptool that the ROM loader can serve
all() {
        local k=$1
        e "$k" flash_id
        expect "$k: flash_id" 0 'Device: *4016'
        e "$k" read_mac
        expect "$k: read_mac" 0 '24:0a:c4:00:00:01'
        e "$k" chip_id
        expect "$k: chip_id" 0
        e "$k" write_flash 0x10000 "$T/app"
        expect "$k: write_flash, deflated" 0 'Hash of data verified'
        if cmp -s "$T/app" <(at 65536 50001); then pass "$k: it is on the flash"; else fail "$k: it is on the flash"; fi
        e "$k" write_flash -u 0x40000 "$T/raw"
        expect "$k: write_flash -u" 0 'Hash of data verified'
        e "$k" --baud 460800 write_flash 0x50000 "$T/raw"
        expect "$k: write_flash at 460800" 0 'Hash of data verified'
        e "$k" verify_flash 0x10000 "$T/app"
        expect "$k: verify_flash" 0
        e "$k" verify_flash 0x10001 "$T/app"
        [ "$status" -ne 0 ] && pass "$k: verify_flash of something else fails" || fail "$k: verify_flash of something else fails"
        e "$k" read_flash 0x10000 4096 "$T/out"
        if cmp -s -n 4096 "$T/app" "$T/out"; then pass "$k: read_flash"; else fail "$k: read_flash" "$(tail -3 "$T/stderr")"; fi
        e "$k" read_flash_status --bytes 2
        expect "$k: read_flash_status" 0 '0x0000'
        e "$k" write_flash_status --bytes 2 --non-volatile 0x1c
        expect "$k: write_flash_status" 0 '0x001c'
        e "$k" read_flash_status --bytes 2
        expect "$k: which a reset does not change" 0 '0x001c'
        e "$k" write_flash_status --bytes 2 --non-volatile 0
        e "$k" write_mem 0x50000000 0x12345678
        expect "$k: write_mem" 0
        e "$k" read_mem 0x40001000
        expect "$k: read_mem" 0 "$MAGIC"
        e "$k" dump_mem 0x50000000 64 "$T/mem"
        expect "$k: dump_mem" 0
}

# A chip that nobody resets answers for ever: pty and raw socket cannot.
MAGIC=0x1b31506f
board --download --reset-on-open
all pty
all tcp
board
all rfc2217
e rfc2217 get_security_info
expect "get_security_info" 0 'Chip ID: 5'
e rfc2217 run
expect "run" 0
run vboard ctl "$T/c" status
expect "and the board runs" 0 '"state":"boot"'

vboard ctl "$T/c" fault max-rate=500000
e rfc2217 --baud 921600 flash_id
[ "$status" -ne 0 ] && pass "a cable too bad for 921600" || fail "a cable too bad for 921600"
e rfc2217 --baud 460800 flash_id
expect "but not for 460800" 0
vboard ctl "$T/c" fault none

# a RAM image: header, one segment of four bytes at 0x3fc80000, checksum
printf '\xe9\x01\x02\x00\x00\x00\xc8\x3f\xee\0\0\0\x05\0\0\0\0\0\0\xff\xff\0\0\0\0\0\xc8\x3f\x04\0\0\0\x6f\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x80' >"$T/ram"
e rfc2217 load_ram "$T/ram"
run vboard ctl "$T/c" log
expect "load_ram: the code is started, and nobody runs it" 0 'RAM code started at 0x3fc80000'
run timeout 60 $ESPTOOL --port "$(url rfc2217)" --chip esp32c3 flash_id
[ "$status" -ne 0 ] && pass "a stub loader is not pretended" || fail "a stub loader is not pretended"

board --secure-download
e rfc2217 --chip esp32c3 write_flash --flash_size 4MB 0x10000 "$T/app"
expect "secure download mode: writing works" 0
if cmp -s "$T/app" <(at 65536 50001); then pass "and is on the flash"; else fail "and is on the flash"; fi
e rfc2217 read_mac
[ "$status" -ne 0 ] && pass "reading the MAC does not" || fail "reading the MAC does not"

board --chip esp32
MAGIC=0x00f01d83
all rfc2217
finish
