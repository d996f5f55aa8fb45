#!/usr/bin/env bash
# vboard as a script sees it: the ready line, ports, control socket, faults, what a kill leaves behind.
. tests/lib.sh

# start OPTION...: a board in the background; $pid, $T/ready. stop: ends it.
start() {
        rm -f "$T/pid"
        vboard --daemon --pid-file "$T/pid" --json --control "$T/c" "$@" >"$T/ready" 2>"$T/ready.err" || return 1
        pid=$(cat "$T/pid")
}
gone() {
        local i
        for i in $(seq $((50 * SLOW))); do kill -0 "$1" 2>/dev/null || return 0; sleep 0.05; done
        return 1
}
stop() { kill "$pid" && gone "$pid"; }
trap 'kill "$(cat "$T/pid" 2>/dev/null)" 2>/dev/null; rm -rf "$T"' EXIT
port_of() { sed -n "s/.*\"$1\":\"[a-z0-9]*:\/\/127.0.0.1:\([0-9]*\)\".*/\1/p" "$T/ready"; }
ctl() { vboard ctl "$T/c" "$@"; }

# answers NAME REGEX HEX...: opens the raw port, sends; what comes back within 5 s (of a quick board) matches
answers() {
        local name=$1 want=$2 out=
        shift 2
        exec 3<>"/dev/tcp/127.0.0.1/$(port_of tcp)" || return 1
        send "$*"
        for _ in $(seq $((50 * SLOW))); do
                out=$out$(timeout 0.1 cat <&3 2>/dev/null | od -An -v -tx1 | tr -d ' \n')
                [[ $out =~ $want ]] && break
        done
        exec 3>&-
        if [[ $out =~ $want ]]; then pass "$name"; else fail "$name" "'$want' not in: $out"; fi
}
# send HEX: to the open port
send() { printf '%b' "$(printf '%s' "$*" | tr -d ' ' | sed 's/../\\x&/g')" >&3; }
# ask SECONDS HEX...: opens the raw port, sends, prints what comes back as hex
ask() {
        local wait=$1 out
        shift
        exec 3<>"/dev/tcp/127.0.0.1/$(port_of tcp)" || return 1
        send "$*"
        out=$(timeout "$wait" cat <&3 2>/dev/null | od -An -v -tx1 | tr -d ' \n')
        exec 3>&-
        printf '%s\n' "$out"
}
# timed NAME HEX BYTES MS: the answer of so many bytes comes not before so many milliseconds
timed() {
        local before got ms
        exec 3<>"/dev/tcp/127.0.0.1/$(port_of tcp)"
        before=$(date +%s%N)
        send "$2"
        got=$(timeout $((5 * SLOW)) head -c "$3" <&3 | wc -c)
        ms=$((($(date +%s%N) - before) / 1000000))
        exec 3>&-
        if [ "$got" -eq "$3" ] && [ "$ms" -ge "$4" ]; then pass "$1"; else fail "$1" "$got bytes in $ms ms"; fi
}
U32=5555555555555555555555555555555555555555555555555555555555555555
SYNC="c00008240000000000 07071220 $U32 c0"
MAGIC='c0000a040000000000 00100040 c0'
lacks() { if printf '%s' "$2" | grep -q -- "$3"; then fail "$1" "'$3' in: $2"; else pass "$1"; fi; }

# usage
run vboard
expect "no port: usage" 2 'needs a port'
for bad in '--chip esp99' '--mac 01:00:00:00:00:00' '--mac zz' '--count 0' '--count 65' '--baud 1' '--flash-size 3M' \
        '--flash-size 1G' '--reset-circuit odd' '--pid-file x' '--chip esp32 --secure-download'; do
        # shellcheck disable=SC2086
        run vboard --tcp 127.0.0.1:0 $bad
        case $bad in *3M) want=1 ;; *) want=2 ;; esac
        expect "refused: $bad" "$want"
done
run vboard --tcp 127.0.0.1:0 --fault wobble=3
expect "unknown fault" 1 'wobble=3'
run vboard --tcp 127.0.0.1:0 --fault drop=x
expect "fault without a number" 1 'drop=x'
touch "$T/file"
run vboard --pty "$T/file"
expect "something else stands where the link belongs" 1 'no symbolic link'
run vboard --tcp 127.0.0.1:0 --control "$T/file"
expect "something else stands where the socket belongs" 1 'no socket'
run vboard --tcp 127.0.0.1:0 --flash "$T/file"
expect "a file that is no flash" 1 'no flash file'
run vboard --tcp 127.0.0.1:0 --flash "$T/file/x"
expect "a flash that cannot be made" 1 "cannot create"
run vboard --tcp 127.0.0.1:0 --efuse "$T/file"
expect "a file that has no eFuses" 1 'eFuses'
run timeout $((10 * SLOW)) sh -c 'vboard --tcp 127.0.0.1:0 >/dev/full'
expect "the ready line is lost: station trouble" 5
run timeout $((10 * SLOW)) sh -c "vboard --tcp 127.0.0.1:0 --daemon --pid-file '$T/pid' >/dev/full"
expect "the same in the background" 5
run vboard ctl "$T/nobody" status
expect "ctl without a board: link" 3 'no board answers'

# life of one board
ln -s /nowhere "$T/tty"
check "start; a stale link is replaced" start --flash "$T/flash.bin" --efuse "$T/efuse.bin" --mac 24:0a:c4:11:22:33 \
        --pty "$T/tty" --tcp 127.0.0.1:0 --rfc2217 127.0.0.1:0 --download
if [ -c "$(readlink "$T/tty")" ]; then pass "the link leads to a terminal"; else fail "the link leads to a terminal"; fi
if [ "$(stat -c %a "$T/c")" = 600 ]; then pass "control socket is 0600"; else fail "control socket is 0600" "$(stat -c %a "$T/c")"; fi
if command -v python3 >/dev/null; then
        check "ready line is JSON with the ports" python3 -c 'import json,sys; d=json.load(open(sys.argv[1])); assert d["v"]==1 and d["port"]==sys.argv[2] and d["tcp"].startswith("socket://") and d["rfc2217"].startswith("rfc2217://")' "$T/ready" "$T/tty"
else
        skip "ready line is JSON" "python3 is not installed"
fi
answers "sync and the magic register" '0108040007071220.*c0010a04006f50311b00000000c0$' "$SYNC" "$MAGIC"
run ctl status
expect "status" 0 '"mac":"24:0a:c4:11:22:33","state":"download"'
run ctl wobble
expect "unknown command: refused" 4 wobble
run ctl press 0
expect "press for no time: refused" 4
run ctl output
expect "output is off" 0 '^off$'
run ctl led
expect "so is the light" 0 '^off$'
run ctl uart
expect "what the port has said is remembered" 0 'wait uart0 download'
run vboard --tcp 127.0.0.1:0 --flash "$T/flash.bin"
expect "the flash of a running board is locked" 5 'another running board'
run vboard --tcp 127.0.0.1:0 --control "$T/c"
expect "the socket of a running board stays" 5 'running board'
run vboard --tcp "127.0.0.1:$(port_of tcp)"
expect "a port in use" 5 'cannot be listened on'

# somebody who asks and does not wait for the answer
if command -v socat >/dev/null; then
        for _ in 1 2 3; do printf 'log\n' | socat -u - "UNIX-CONNECT:$T/c"; done
        run ctl status
        expect "an asker that goes away does no harm" 0 '"v":1'
else
        skip "an asker that goes away" "socat is not installed"
fi

# faults
ctl fault nak=7/10/1/1 >/dev/null
answers "second READ_REG refused, third done" '6f50311b00000000c0c0010a04006f50311b01070000c0c0010a04006f50311b00000000c0$' "$SYNC" "$MAGIC" "$MAGIC" "$MAGIC"
ctl fault silence >/dev/null
if [ -z "$(ask 0.2 "$SYNC")" ]; then pass "silence"; else fail "silence"; fi
ctl fault none >/dev/null
ctl fault cut=5 >/dev/null
cut=$(ask 2 "$SYNC")
if [ "${#cut}" -le 10 ]; then pass "cut behind five bytes"; else fail "cut behind five bytes" "$cut"; fi
answers "behind the cut the port works again" '^c0010804000707122000000000c0' "$SYNC"
ctl fault rx-drop-at=1 >/dev/null
lacks "a byte towards the board is lost: no good answer" "$(ask 0.2 "$SYNC")" '0000000000c0'

# flash: erase, write, power cut in the middle, kill
BEGIN='c0 00021400 00000000 00100000 01000000 00040000 00000100 00000000 c0' # 4 KiB at 0x10000, a block of 0x400
ctl reset --download >/dev/null
block="c0 0003 1004 ef000000 00040000 00000000 00000000 00000000 $(printf '5a%.0s' $(seq 1024)) c0"
answers "erased" '0102040007071220 *00' "$SYNC" "$BEGIN"
ctl fault power=3 >/dev/null
lacks "power fails in the third page" "$(ask 0.3 "$block")" '01030400'
if cmp -s -n 640 <(tail -c +65537 "$T/flash.bin") <(printf 'Z%.0s' $(seq 640)) &&
        [ "$(head -c 66176 "$T/flash.bin" | tail -c 1 | od -An -tx1)" = " 5a" ] &&
        [ "$(head -c 66177 "$T/flash.bin" | tail -c 1 | od -An -tx1)" = " ff" ]; then
        pass "two pages and a half are written"
else
        fail "two pages and a half are written" "$(tail -c +65537 "$T/flash.bin" | head -c 700 | od -An -tx1 | tail -12)"
fi
run ctl status
expect "the board is dead" 0 '"state":"off"'
if [ -z "$(ask 0.2 "$SYNC")" ]; then pass "and silent"; else fail "and silent"; fi
ctl reset >/dev/null
answers "a reset brings the power back" '^c0010804' "$SYNC"
sum=$(sha256sum <"$T/flash.bin")
kill -9 "$pid"
gone "$pid"
check "a killed board starts again over its socket and link" start --flash "$T/flash.bin" --efuse "$T/efuse.bin" --pty "$T/tty" --tcp 127.0.0.1:0
if [ "$sum" = "$(sha256sum <"$T/flash.bin")" ]; then pass "with the same flash"; else fail "with the same flash"; fi
run ctl status
expect "and the same MAC from its eFuses" 0 '24:0a:c4:11:22:33","state":"boot"'
answers "run mode: the ROM's complaint" "$(printf 'invalid header: 0xffffffff\r\n' | od -An -v -tx1 | tr -d ' \n')" ""
run vboard --tcp 127.0.0.1:0 --efuse "$T/efuse.bin" --mac 24:0a:c4:00:00:09
expect "eFuses do not change their MAC" 1 'another MAC'
check "SIGTERM ends it" stop
if [ ! -e "$T/c" ] && [ ! -L "$T/tty" ] && [ ! -e "$T/pid" ]; then pass "nothing is left behind"; else fail "nothing is left behind" "$(ls "$T")"; fi

# ESP32, secure download mode, no download mode
check "an ESP32" start --chip esp32 --tcp 127.0.0.1:0 --download
answers "its magic" 'c0010a0400831df00000000000c0$' "$SYNC" "$MAGIC"
ctl quit >/dev/null
check "ctl quit ends it" gone "$pid"
check "secure download mode" start --efuse "$T/secure.bin" --secure-download --tcp 127.0.0.1:0 --download
answers "registers are refused" 'c0010804000707122001050000c0$' "$SYNC" "$MAGIC"
stop
check "the eFuse stays burnt" start --efuse "$T/secure.bin" --tcp 127.0.0.1:0 --download
answers "registers are still refused" 'c0010804000707122001050000c0$' "$SYNC" "$MAGIC"
stop
check "download mode disabled" start --no-download --tcp 127.0.0.1:0 --download
lacks "no answer to sync" "$(ask 0.3 "$SYNC")" 'c00108'
stop

# a paced line: 8 replies of 14 bytes behind a request of 46 take 165 ms at 9600 baud
check "a slow line" start --tcp 127.0.0.1:0 --download --pace --baud 9600
sleep 0.3 # the banner is on its way
timed "takes its time" "$SYNC" 112 160
stop
check "slow flash" start --tcp 127.0.0.1:0 --download --flash-times
timed "a sector takes 45 ms" "$BEGIN" 14 45
stop

# eight boards
rm -f "$T/pid"
run vboard --count 8 --flash "$T/many.bin" --efuse "$T/many.efuse" --pty "$T/many" --control "$T/many.sock" --daemon --pid-file "$T/pid"
expect "eight boards" 0 "board 7 ready: 24:0a:c4:00:00:08 $T/many7"
if [ -f "$T/many7.bin" ] && [ -c "$(readlink "$T/many0")" ]; then pass "files and links are numbered"; else fail "files and links are numbered" "$(ls "$T")"; fi
run vboard ctl "$T/many7.sock" status
expect "MACs count up" 0 '"mac":"24:0a:c4:00:00:08"'
pid=$(cat "$T/pid")
check "all end together" stop
finish
