#!/bin/bash
# A production line of virtual boards whose wires are paced at 921600 baud: many boards against one board, and what a
# board costs besides its wire. BENCH_LINE: boards (32).
set -u
cd "$(dirname "$0")/../.." || exit 5
: "${BIN:?}" "${O:?}"
PATH=$BIN:$PATH
TOP=$(pwd)
T=$(mktemp -d "${TMPDIR:-/tmp}/fctry-bench.XXXXXX") || exit 5
. tests/line_lib.sh
trap line_end EXIT
many=${BENCH_LINE:-32} rounds=${BENCH_LINE_ROUNDS:-3}
cd "$T" || exit 5

line_job job.json ledger.sqlite >/dev/null
# a megabyte that compresses as programs do
cat "$BIN/flasher" "$BIN/nvsgen" | head -c 1048576 >data.bin
sed -i 's#"partition": "app" }#&,\n        { "file": "data.bin", "partition": "ota_1" }#' job.json
flasher --silent line --approve job.json || exit 1

# run NAME COUNT: seconds until all have passed, and of one board: its time and the bytes of its wire
run() {
        local slots began ended ms wire
        rack "$1" "$2" "$3" --pace || exit 1
        mapfile -t slots <"$1/slots"
        began=$(date +%s%N)
        flasher --json line job.json --once "${slots[@]}" >"$1.json" || { grep '"fail"' "$1.json" >&2; exit 1; }
        ended=$(date +%s%N)
        ms=$(sed -n 's/.*"event":"result".*"ms":\([0-9]*\).*/\1/p' "$1.json" | sort -n | tail -1)
        wire=$(vboard ctl "$1/ctl$([ "$2" -eq 1 ] || echo 0)" status | sed 's/.*"bytes_in":\([0-9]*\),"bytes_out":\([0-9]*\).*/\1 \2/' | awk '{ print $1 + $2 }')
        rack_stop "$1"
        rm -rf "$1"
        awk -v ns=$((ended - began)) -v ms="$ms" -v wire="$wire" 'BEGIN { printf "%.3f %.3f %.3f\n", ns / 1e9, ms / 1000, wire * 10 / 921600 }'
}
median() { sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
for ((i = 0; i < rounds; i++)); do
        run "one$i" 1 "24:0a:c4:70:$(printf %02x "$i"):01" >>one.txt
        run "many$i" "$many" "24:0a:c4:71:$(printf %02x "$i"):01" >>many.txt
done
one=$(cut -d' ' -f1 one.txt | median) all=$(cut -d' ' -f1 many.txt | median)
row='%-58s %12s %12s %8s  %s\n'
# shellcheck disable=SC2059
printf "$row" "line: $many boards at 921600 baud, against one" "$all s" "$one s" \
        "$(awk -v a="$all" -v b="$one" 'BEGIN { printf "%.2f", a / b }')" "at most 1.15"
# shellcheck disable=SC2059
printf "$row" "line: one board, besides its wire" \
        "$(awk '{ print $2 - $3 }' one.txt | median) s" "$(cut -d' ' -f3 one.txt | median) s" - "under 0.5 s"
