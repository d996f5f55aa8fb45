#!/bin/bash
# How fast flasher is on the virtual board at 921600 baud: bytes on the wire against esptool's, the time
# against what these bytes need, the same image again, one sector changed, and processor time.
#   ESPTOOL  command of esptool (4.8 or later); without it its bytes are taken from what zlib -9 makes of
#            the image: 4.8.1 sends 1.0344 times that to a ROM (measured)
#   FLASHER_BENCH_IMAGE  the image; default: 1 MB of this build's programs
set -u
cd "$(dirname "$0")/../.." || exit 5
: "${BIN:?}"
PATH=$BIN:$PATH
W=$(mktemp -d "${TMPDIR:-/tmp}/fctry-bench.XXXXXX") || exit 5
trap 'kill "$(cat "$W/pid" 2>/dev/null)" 2>/dev/null; rm -rf "$W"' EXIT
export XDG_STATE_HOME=$W/state
row() { printf '%-58s %12s %12s %8s  %s\n' "$@"; }
value() { sed -n "s/.*\"$1\":\"\{0,1\}\([^,\"}]*\).*/\1/p"; }
calc() { awk "BEGIN { printf \"$1\", $2 }"; }

image=$W/image
if [ -n "${FLASHER_BENCH_IMAGE:-}" ]; then cp "$FLASHER_BENCH_IMAGE" "$image"; else
        find "$BIN" -type f | sort | xargs cat 2>/dev/null | head -c 1048576 >"$image"
fi
size=$(stat -c %s "$image")
deflated=$(($(gzip -9 -c <"$image" | wc -c) - 12)) # gzip's frame has 18 bytes, zlib's 6
{ head -c 524288 "$image"; head -c 4096 /dev/zero; tail -c +528385 "$image"; } >"$W/changed"

start() {
        [ ! -f "$W/pid" ] || { p=$(cat "$W/pid"); kill "$p"; while kill -0 "$p" 2>/dev/null; do sleep 0.05; done; }
        rm -f "$W/flash" "$W/efuse"
        vboard --flash "$W/flash" --efuse "$W/efuse" --control "$W/c" --rfc2217 127.0.0.1:0 --pace --daemon \
                --pid-file "$W/pid" --json >"$W/ready" || exit 5
        port=$(value port <"$W/ready")
}
bytes() { vboard ctl "$W/c" status | tee "$W/status" >/dev/null; echo $(($(value bytes_in <"$W/status") + $(value bytes_out <"$W/status"))); }
# write OPTION...: milliseconds and bytes of the run in $ms $wire
write() {
        flasher --json -p "$port" -b 921600 write-flash "$@" >"$W/json" || exit 1
        ms=$(value ms <"$W/json") wire=$(value wire_bytes <"$W/json")
}

start
before=$(bytes)
write 0x10000 "$image"
first=$ms ours=$(($(bytes) - before)) data=$wire
if [ -n "${ESPTOOL:-}" ] || ESPTOOL=$(command -v esptool || command -v esptool.py); then
        start
        before=$(bytes)
        $ESPTOOL --port "$port" -b 921600 --no-stub write_flash -z 0x10000 "$image" >/dev/null 2>&1 || exit 1
        theirs=$(($(bytes) - before))
        peer="$($ESPTOOL version 2>/dev/null | tail -1), measured"
        start
        write 0x10000 "$image"
else
        theirs=$(calc %d "$deflated * 1.0344")
        peer="esptool 4.8.1, from zlib -9"
fi
row "flasher: bytes on the wire for $size bytes ($peer)" "$ours" "$theirs" "$(calc %.3f "$ours / $theirs")" "at most 0.97"
least=$(calc %d "$data * 10000 / 921600")
row "flasher: wire time of these bytes / time taken, ms" "$least" "$first" "$(calc %.3f "$least / $first")" "at least 0.95"
write 0x10000 "$image"
row "flasher: the same image again, ms" "$ms" "$first" "$(calc %.3f "$ms / $first")" "under 0.03"
write --diff-with "$image" 0x10000 "$W/changed"
row "flasher: 4 KB changed, --diff-with, ms" "$ms" "$first" "$(calc %.3f "$ms / $first")" "under 0.05"
TIMEFORMAT='%U %S'
cpu=$({ time flasher -p "$port" -b 921600 --silent write-flash --always-write 0x10000 "$image" 2>/dev/null; } 2>&1 | awk 'END { print $1 + $2 }')
flash_s=$(calc %.2f "$data * 10 / 921600")
row "flasher: processor seconds / seconds on the wire, one port" "$cpu" "$flash_s" "$(calc %.3f "$cpu / $flash_s")" "under 0.062 for 16 ports"
