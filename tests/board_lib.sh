# shellcheck shell=bash disable=SC2034,SC2120
# Sourced by tests of one virtual board, behind lib.sh: the board on $T/flash and $T/efuse, what it says, its eFuses.
pid=
listener=
from=0
trap 'kill $pid $listener 2>/dev/null; rm -rf "$T"' EXIT
ctl() { vboard ctl "$T/c" "$@"; }
start() { # OPTION...: the board; from now on $T/uart holds what it says
        vboard "$@" --flash "$T/flash" --efuse "$T/efuse" --control "$T/c" --tcp 127.0.0.1:0 --rfc2217 127.0.0.1:0 --daemon \
                --pid-file "$T/pid" --json >"$T/ready" || exit 1
        pid=$(cat "$T/pid")
        port=$(sed -n 's/.*"rfc2217":"\([^"]*\)".*/\1/p' "$T/ready")
        exec 3<>"/dev/tcp/127.0.0.1/$(sed -n 's/.*"tcp":"socket:\/\/127.0.0.1:\([0-9]*\)".*/\1/p' "$T/ready")"
        cat <&3 >"$T/uart" &
        listener=$!
        from=0
}
stop() {
        kill "$pid" "$listener" 2>/dev/null
        wait "$listener" 2>/dev/null
        while kill -0 "$pid" 2>/dev/null; do sleep 0.02; done
        exec 3>&-
}
scrap() { # the same at once, with flash and eFuses
        kill -9 "$pid"
        stop 2>/dev/null
        rm -f "$T/flash" "$T/efuse"
}
mark() { from=$(stat -c %s "$T/uart"); }
heard() { tail -c +$((from + 1)) "$T/uart" | tr -d '\r\0'; }
until_said() {
        local i
        for i in $(seq "${2:-1200}"); do
                heard | grep -aqE -- "$1" && return 0
                sleep 0.05
        done
        heard | tail -12
        return 1
}
says() { check "$1" until_said "$2"; }
never() { if heard | grep -aqE -- "$2"; then fail "$1" "$(heard | tail -5)"; else pass "$1"; fi; }
off() { ctl cut-power; }
boot() {
        mark
        ctl reset
}
put() { dd if="$1" of="$T/flash" bs=4096 seek=$(($2 / 4096)) conv=notrunc status=none; }
size() { stat -c %s "$1"; }
flip() { # bit (OFFSET mod 8) of the flash's byte at OFFSET
        local v
        v=$(od -An -tu1 -j"$1" -N1 "$T/flash")
        # shellcheck disable=SC2059
        printf "\\$(printf %o $((v ^ 1 << $1 % 8)))" | dd of="$T/flash" bs=1 seek="$1" conv=notrunc status=none
}
# Bytes of eFuses (the file is the register space turned around): fuse OFFSET BYTE..., burnt while the board is off.
fuse() {
        local at=$1 old b last=$(($(size "$T/efuse") - 1))
        shift
        for b; do
                old=$(od -An -tu1 -j$((last - at)) -N1 "$T/efuse")
                # shellcheck disable=SC2059
                printf "\\$(printf %o $((old | b)))" | dd of="$T/efuse" bs=1 seek=$((last - at)) conv=notrunc status=none
                at=$((at + 1))
        done
}
# COUNT bytes of eFuses from OFFSET, in the order of the registers
fuses() { head -c $(($(size "$T/efuse") - $1)) "$T/efuse" | tail -c "$2" | od -An -v -tx1 | tr -s ' \n' '\n' | grep . | tac | sed 's/^/\\x/' | tr -d '\n' | xargs -0 printf %b; }
# sweep NAME OFFSET...: with one bit changed at any of these nothing says Hello, mended it does again
sweep() {
        local name=$1 at bad='' n=0
        shift
        for at; do
                off
                flip "$at"
                boot
                # the ROM refuses, the bootloader gives up and restarts, or it runs
                until_said 'invalid (bootloader|header)|rst:0x(3|c) |Hello' >/dev/null
                heard | grep -aq Hello && bad="$bad $at"
                off
                flip "$at"
                n=$((n + 1))
        done
        if [ -z "$bad" ]; then pass "$name: one bit at $n places: the app does not run"; else fail "$name: one bit" "bytes:$bad"; fi
        boot
        says "$name: mended, it runs" 'Hello world'
}
bytes_of() { od -An -v -tu1 "$1"; }
