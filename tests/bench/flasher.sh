#!/bin/bash
# flasher on the virtual board at 921600 baud: bytes on the wire against esptool's, the time
# against what these bytes need, the same image again, one sector changed, and processor time.
#   ESPTOOL  command of esptool (4.8 or later); without it its bytes are taken from what zlib -9 makes of
#            the image: 4.8.1 sends 1.0344 times that to a ROM (measured)
#   FLASHER_BENCH_IMAGE  the image; default: 1 MB of this build's programs
. tests/bench/lib.sh
stop() {
        local p
        p=$(cat "$W/pid" 2>/dev/null) || return 0
        kill "$p" 2>/dev/null || return 0
        while kill -0 "$p" 2>/dev/null; do sleep 0.05; done
}
trap 'at_end stop' EXIT
export XDG_STATE_HOME=$W/state
value() { sed -n "s/.*\"$1\":\"\{0,1\}\([^,\"}]*\).*/\1/p"; }

image=$W/image
if [ -n "${FLASHER_BENCH_IMAGE:-}" ]; then cp "$FLASHER_BENCH_IMAGE" "$image"; else
        find "$BIN" -type f | sort | xargs cat >"$W/programs"
        head -c 1048576 "$W/programs" >"$image"
fi
size=$(stat -c %s "$image")
gzip -9 -c <"$image" >"$W/deflated"
deflated=$(($(stat -c %s "$W/deflated") - 12)) # gzip's frame has 18 bytes, zlib's 6
{ head -c 524288 "$image"; head -c 4096 /dev/zero; tail -c +528385 "$image"; } >"$W/changed"

start() {
        stop
        rm -f "$W/flash" "$W/efuse"
        vboard --flash "$W/flash" --efuse "$W/efuse" --control "$W/c" --rfc2217 127.0.0.1:0 --pace --daemon \
                --pid-file "$W/pid" --json >"$W/ready"
        port=$(value port <"$W/ready")
}
bytes() { vboard ctl "$W/c" status >"$W/status" && echo $(($(value bytes_in <"$W/status") + $(value bytes_out <"$W/status"))); }
# write OPTION...: milliseconds and bytes of the run in $ms $wire
write() {
        flasher --json -p "$port" -b 921600 write-flash "$@" >"$W/json"
        ms=$(value ms <"$W/json") wire=$(value wire_bytes <"$W/json")
}

saying "$size bytes"
start
before=$(bytes)
write 0x10000 "$image"
first=$ms ours=$(($(bytes) - before)) data=$wire
if [ -n "${ESPTOOL:-}" ] || ESPTOOL=$(command -v esptool || command -v esptool.py); then
        saying "the same with $ESPTOOL"
        start
        before=$(bytes)
        # shellcheck disable=SC2086
        timeit $ESPTOOL --port "$port" -b 921600 --no-stub write_flash -z 0x10000 "$image" >"$W/esptool.txt"
        theirs=$(($(bytes) - before))
        # shellcheck disable=SC2086
        peer="esptool $($ESPTOOL version 2>/dev/null | tail -1 | sed 's/.*v//')" their_ms="$(awk '{ printf "%d ms", $1 * 1000 }' "$W/esptool.txt")"
        start
        write 0x10000 "$image"
else
        theirs=$(calc %d "$deflated * 1.0344")
        peer="esptool 4.8.1, by zlib -9" their_ms="set ESPTOOL"
fi
figure "bytes on the wire for $size; $peer" "$ours B" "$theirs B" ours/peer "<= 0.97"
figure "  the same: time; esptool as a whole process" "$first ms" "$their_ms" ours/peer -
least=$(calc %d "$data * 10000 / 921600")
figure "time taken; the wire's time for these bytes (peer/ours)" "$first ms" "$least ms" "$(calc %.3f "$least / $first")" ">= 0.95"
saying "again, and 4 KB of it changed"
write 0x10000 "$image"
figure "the same image again; the first time" "$ms ms" "$first ms" ours/peer "<= 0.03"
write --diff-with "$image" 0x10000 "$W/changed"
figure "4 KB changed, --diff-with; the first time" "$ms ms" "$first ms" ours/peer "<= 0.05"
TIMEFORMAT='%U %S'
{ time flasher -p "$port" -b 921600 --silent write-flash --always-write 0x10000 "$image" 2>"$W/err"; } 2>"$W/time"
figure "processor time of a port (16 of them a core); the wire's" "$(awk '{ printf "%.3f s", $1 + $2 }' "$W/time")" \
        "$(calc '%.3f s' "$data * 10 / 921600")" ours/peer "<= 0.062"
