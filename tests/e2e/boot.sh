#!/usr/bin/env bash
# From flasher to a running firmware and back: what lies on the board's flash decides what runs. Damage, crashes,
# rollback and power cuts included.
. tests/lib.sh

FW=$O/firmware
GOLD=tests/golden/ota/derived
OTADATA=$((0xf000)) SLOT0=$((0x20000)) SLOT1=$((0x1b0000))
trap 'kill "$(cat "$T/pid" 2>/dev/null)" $listener 2>/dev/null; rm -rf "$T"' EXIT
listener=

ctl() { vboard ctl "$T/c" "$@"; }
state() { ctl status | sed 's/.*"state":"\([^"]*\)".*/\1/'; }
# listen: from now on $T/uart holds what the board says
listen() {
        local at
        at=$(sed -n 's/.*"tcp":"socket:\/\/127.0.0.1:\([0-9]*\)".*/\1/p' "$T/ready")
        exec 3<>"/dev/tcp/127.0.0.1/$at"
        cat <&3 >"$T/uart" &
        listener=$!
}
# until REGEX: of the UART, within five seconds, once FROM bytes were there already
from=0
heard() { tail -c +$((from + 1)) "$T/uart" | tr -d '\r'; }
until_said() {
        local i
        for i in $(seq 100); do
                heard | grep -aqE -- "$1" && return 0
                sleep 0.05
        done
        heard | tail -20
        return 1
}
mark() { from=$(stat -c %s "$T/uart"); }
says() { check "$1" until_said "$2"; }
silent_about() { if heard | grep -aqE -- "$2"; then fail "$1" "$(heard | tail -5)"; else pass "$1"; fi; }
# with the power off: put FILE OFFSET, flip OFFSET
off() { ctl cut-power; }
put() { dd if="$1" of="$T/flash" bs=4096 seek=$(($2 / 4096)) conv=notrunc status=none; }
flip() {
        local v
        v=$(od -An -tu1 -j"$1" -N1 "$T/flash")
        # shellcheck disable=SC2059
        printf "\\$(printf %o $((v ^ 16)))" | dd of="$T/flash" bs=1 seek="$1" conv=notrunc status=none
}
byte() { od -An -tu1 -j"$1" -N1 "$T/flash" | tr -d ' '; }
boot() { mark; ctl reset; }

for f in bootloader.bin partition-table.bin ota_data_initial.bin hello.bin blink.bin flasher_args.json; do
        [ -s "$FW/$f" ] || { fail "make firmware made $f"; finish; exit 1; }
done
if command -v python3 >/dev/null; then
        check "flasher_args.json names files that are there" python3 -c 'import json,os,sys
d = os.path.dirname(sys.argv[1])
for f in json.load(open(sys.argv[1]))["flash_files"].values(): os.stat(os.path.join(d, f))' "$FW/flasher_args.json"
else
        skip "flasher_args.json" "python3 is not installed"
fi
run flasher image-info "$FW/hello.bin"
expect "the app's image is one for other tools too" 0 'hello'

# pack ELF VERSION OUT
pack() { "$O/fw/pack" --app-version "$2" --project "${4:-test}" -o "$3" "$1"; }
check "pack: an app that gives up" pack "$(type -P false)" 2.0.0 "$T/false.bin"
check "pack: hello, a later version" pack "$O/fw/hello.elf" 2.0.0 "$T/hello2.bin" hello
run pack "$FW/hello.bin" 1 "$T/x.bin"
expect "pack: no ELF file" 1 'no ELF file'
run pack "$O/fw/hello.elf" 12345678901234567890123456789012 "$T/x.bin"
expect "pack: a version too long" 1 'longer than 31'
run "$O/fw/pack" --room 0x1000 --bootloader -o "$T/x.bin" "$O/fw/hello.elf"
expect "pack: larger than its place" 1 'room for 0x1000'

# the line's work
vboard --flash "$T/flash" --mac 24:0a:c4:11:22:33 --control "$T/c" --tcp 127.0.0.1:0 --rfc2217 127.0.0.1:0 --daemon \
        --pid-file "$T/pid" --json >"$T/ready" || exit 1
pid=$(cat "$T/pid")
port=$(sed -n 's/.*"rfc2217":"\([^"]*\)".*/\1/p' "$T/ready")
listen
says "an erased flash: the ROM finds nothing" 'invalid header: 0xffffffff'
check "flasher writes what make firmware made" flasher --port "$port" write-flash 0x0 "$FW/bootloader.bin" \
        0x8000 "$FW/partition-table.bin" 0xf000 "$FW/ota_data_initial.bin" 0x20000 "$FW/hello.bin"
says "the board boots it" 'hello [0-9.]* on 24:0a:c4:11:22:33'
says "bootloader says what it has verified" 'boot: ota_0 at 0x20000: verified'
if [ "$(state)" = running ]; then pass "state is running"; else fail "state is running" "$(state)"; fi
if [ "$(byte $OTADATA)" = 1 ] && [ "$(byte $((OTADATA + 24)))" = 2 ]; then pass "otadata: slot 0, valid"; else fail "otadata: slot 0, valid"; fi

# the UART, restarts, processes
mark
printf 'xyz' >&3
says "the UART reaches the firmware and back" 'xyz'
mark
printf r >&3
says "restart: the ROM says so" 'rst:0x3 '
says "and the app is there again" 'Hello world'
if ctl uart | tr -d '\r' | grep -aqx '\[0\] Hello world!'; then pass "ctl uart: what the firmware has said"; else fail "ctl uart: what the firmware has said" "$(ctl uart | tail -3)"; fi
child=$(pgrep -P "$pid")
off
if [ -z "$(pgrep -P "$pid")" ] && ! kill -0 "$child" 2>/dev/null; then pass "power cut: the firmware is gone"; else fail "power cut: the firmware is gone"; fi

# an update that crashes, and one that is fit
put "$T/false.bin" $SLOT1
put $GOLD/2slots-seq1-VALID-seq2-NEW.bin $OTADATA
boot
says "a new app starts" 'slot 1: first start of a new app'
says "it gives up: panic" 'panic: the firmware gave up with status 1'
says "it gets a second start" 'not confirmed, start 2 of 3'
says "and a third" 'not confirmed, start 3 of 3'
says "then rollback" 'not confirmed after its last start, aborted'
says "the app before it runs" 'hello [0-9.]* on'
n=$(heard | grep -ac 'panic: the firmware gave up with status 1')
if [ "$n" = 3 ]; then pass "three starts, not more"; else fail "three starts, not more" "$n"; fi
if [ "$(byte $((OTADATA + 4096 + 24)))" = 4 ]; then pass "otadata: aborted"; else fail "otadata: aborted" "$(byte $((OTADATA + 4096 + 24)))"; fi
if echo 'int main(void) { *(volatile int *)0 = 1; }' | ${CC:-cc} -w -x c -o "$T/segv" - 2>/dev/null; then
        off
        pack "$T/segv" 2.0.1 "$T/segv.bin"
        put "$T/segv.bin" $SLOT1
        put $GOLD/2slots-seq1-VALID-seq2-NEW.bin $OTADATA
        boot
        says "a signal is a panic" 'panic: the firmware died of signal 11'
        says "and rolls back" 'hello [0-9.]* on'
else
        skip "a signal is a panic" "no compiler"
fi
off
put "$T/hello2.bin" $SLOT1
put $GOLD/2slots-seq1-VALID-seq2-NEW.bin $OTADATA
boot
says "a fit update" 'hello 2\.0\.0 on'
says "confirms itself" 'confirmed'
boot
says "and stays" 'hello 2\.0\.0 on'
if [ "$(byte $((OTADATA + 4096 + 24)))" = 2 ]; then pass "otadata: valid"; else fail "otadata: valid" "$(byte $((OTADATA + 4096 + 24)))"; fi

# one damaged byte, at many places: not what was there is booted
size() { stat -c %s "$1"; }
bad=
for at in 0 1 3 12 23 24 31 $(seq 40 997 "$(size "$FW/bootloader.bin")") $(($(size "$FW/bootloader.bin") - 1)); do
        off
        flip "$at"
        boot
        until_said 'invalid (bootloader|header)' >/dev/null || bad="$bad $at"
        heard | grep -aq 'boot:.*verified' && bad="$bad $at!"
        off
        flip "$at"
done
if [ -z "$bad" ]; then pass "a damaged bootloader is not run"; else fail "a damaged bootloader is not run" "bytes:$bad"; fi
bad=
for at in $(seq 0 13 193) 208 215 223; do # but the filler of the MD5 entry
        off
        flip $((0x8000 + at))
        boot
        # two attempts, none of them an app
        until_said 'boot: ' >/dev/null || bad="$bad $at"
        heard | grep -aq Hello && bad="$bad $at!"
        off
        flip $((0x8000 + at))
done
if [ -z "$bad" ]; then pass "a damaged table: no app is run"; else fail "a damaged table: no app is run" "bytes:$bad"; fi
bad=
for at in 0 1 12 23 24 60 $(seq 400 2003 "$(size "$T/hello2.bin")") $(($(size "$T/hello2.bin") - 1)); do
        off
        flip $((SLOT1 + at))
        boot
        until_said 'ota_1 at 0x1b0000 does not boot' >/dev/null || bad="$bad $at"
        until_said 'hello 1[0-9.]* on' >/dev/null || bad="$bad $at!"
        off
        flip $((SLOT1 + at))
done
if [ -z "$bad" ]; then pass "a damaged app: the other slot runs"; else fail "a damaged app: the other slot runs" "bytes:$bad"; fi
boot
says "repaired, it runs again" 'hello 2\.0\.0 on'

# the power goes at each flash operation of switch, start, rollback and confirmation
bad=
cuts=0
for n in 1 2 3 4 5 6 7; do
        for app in hello2 false; do
                off
                put "$T/$app.bin" $SLOT1
                put $GOLD/2slots-seq1-VALID-seq2-NEW.bin $OTADATA
                ctl cut-power $n
                boot
                for i in $(seq 40); do
                        heard | sed -n '/aborted\|confirmed$/,$p' | grep -aqE 'confirmed$|\) hello' && break # no more writes
                        if [ "$(state)" = off ]; then cuts=$((cuts + 1)); break; fi
                        sleep 0.05
                done
                ctl fault none
                boot
                until_said 'hello [0-9.]* on' >/dev/null || bad="$bad $app:$n"
        done
done
if [ -z "$bad" ] && [ $cuts -ge 9 ]; then pass "power cut at every write of otadata ($cuts cuts): always boots"; else fail "power cuts" "$cuts cuts, does not boot:$bad"; fi

# pins
off
put "$FW/blink.bin" $SLOT0
put $GOLD/2slots-seq1-VALID.bin $OTADATA
boot
says "blink runs" 'blink [0-9.]+'
changes() { ctl status | sed "s/.*\"$1_changes\":\([0-9]*\).*/\1/"; }
before=$(changes output)
for i in $(seq 160); do [ $(($(changes output) - before)) -ge 3 ] && break; sleep 0.05; done
if [ $(($(changes output) - before)) -ge 3 ]; then pass "the output goes on and off"; else fail "the output goes on and off" "$(ctl status)"; fi
if [ "$(changes led)" -ge 2 ]; then pass "the light says that it waits for provisioning"; else fail "the light says that it waits for provisioning" "$(ctl status)"; fi
mark
ctl press 100
says "the button reaches it" 'driver: blink is 0'
off
if [ "$(ctl output)" = off ] && [ "$(ctl led)" = off ]; then pass "no power, no output"; else fail "no power, no output"; fi

# code for another processor; the end
put tests/golden/image/002-c3-one-flash-segment/expected/out.bin 0
boot
for i in $(seq 40); do [ "$(state)" = hung ] && break; sleep 0.05; done
if [ "$(state)" = hung ]; then pass "RISC-V code: the board stands still"; else fail "RISC-V code: the board stands still" "$(state)"; fi
put "$FW/bootloader.bin" 0
boot
says "and runs again" 'blink [0-9.]+'
child=$(pgrep -P "$pid")
kill -9 "$pid"
for i in $(seq 40); do kill -0 "$child" 2>/dev/null || break; sleep 0.05; done
if [ -n "$child" ] && ! kill -0 "$child" 2>/dev/null; then pass "a killed board takes its firmware along"; else fail "a killed board takes its firmware along"; fi

# the ESP32: its bootloader lies at 0x1000, output and button are GPIO27 and GPIO0
"$O/fw/pack" --bootloader --deflate --chip-id 0 --room 0x6000 -o "$T/loader32.bin" "$O/fw/bootloader.elf"
"$O/fw/pack" --app-version 1.0.0 --project outlet --chip-id 0 -o "$T/outlet32.bin" "$O/fw/outlet.elf"
head -c $((4 << 20)) /dev/zero | tr '\0' '\377' >"$T/flash"
put "$T/loader32.bin" $((0x1000))
put "$FW/partition-table.bin" $((0x8000))
put "$T/outlet32.bin" $SLOT0
vboard --chip esp32 --flash "$T/flash" --control "$T/c" --tcp 127.0.0.1:0 --daemon --pid-file "$T/pid" >"$T/ready" || exit 1
ctl press 100
for i in $(seq 200); do [ "$(ctl output)" = on ] && break; [ $((i % 20)) = 0 ] && ctl press 100; sleep 0.05; done
if [ "$(ctl output)" = on ]; then pass "an ESP32 boots, its button switches its output"; else fail "an ESP32 boots, its button switches its output" "$(ctl uart | tail -5)"; fi
if ctl uart | grep -aq 'FCTRY-SELFTEST v1 FAIL version=1.0.0 project=outlet chip=0 '; then pass "its token"; else fail "its token" "$(ctl uart | tail -5)"; fi
finish
