#!/bin/bash
# A production line of virtual boards whose wires are paced at 921600 baud: many boards against one board, and what a
# board costs besides its wire (bytes at the rates at which they went: ROM and console speak at 115200).
# BENCH_LINE: boards (32); BENCH_LINE_ROUNDS (3).
. tests/bench/lib.sh
T=$W
. tests/line_lib.sh
trap 'at_end line_end' EXIT
many=${BENCH_LINE:-32} rounds=${BENCH_LINE_ROUNDS:-3}
cd "$T"

line_job job.json ledger.sqlite >/dev/null
# a megabyte that compresses as programs do
cat "$BIN/flasher" "$BIN/nvsgen" >programs
head -c 1048576 programs >data.bin
sed -i 's#"partition": "app" }#&,\n        { "file": "data.bin", "partition": "ota_1" }#' job.json
flasher --silent line --approve job.json

# run NAME COUNT MAC: seconds until all have passed, and of one board: its time and the seconds of its wire
run() {
        local slots began ended ms wire
        rack "$1" "$2" "$3" --pace
        mapfile -t slots <"$1/slots"
        began=$(date +%s%N)
        flasher --json line job.json --once "${slots[@]}" >"$1.json" || { grep '"fail"' "$1.json" >&2; return 1; }
        ended=$(date +%s%N)
        ms=$(sed -n 's/.*"event":"result".*"ms":\([0-9]*\).*/\1/p' "$1.json" | sort -n | tail -1)
        wire=$(vboard ctl "$1/ctl$([ "$2" -eq 1 ] || echo 0)" status | sed 's/.*"wire_us":\([0-9]*\).*/\1/')
        rack_stop "$1"
        rm -rf "$1"
        awk -v ns=$((ended - began)) -v ms="$ms" -v wire="$wire" 'BEGIN { printf "%.3f %.3f %.3f\n", ns / 1e9, ms / 1000, wire / 1e6 }'
}
for ((i = 0; i < rounds; i++)); do
        saying "one board, then $many, round $((i + 1)) of $rounds"
        run "one$i" 1 "24:0a:c4:70:$(printf %02x "$i"):01" >>one.txt
        run "many$i" "$many" "24:0a:c4:71:$(printf %02x "$i"):01" >>many.txt
done
figure "$many boards at 921600 baud; one" "$(median <many.txt | seconds)" "$(median <one.txt | seconds)" ours/peer "<= 1.15"
figure "a board besides its wire; its wire" "$(awk '{ print $2 - $3 }' one.txt | median | seconds)" \
        "$(cut -d' ' -f3 one.txt | median | seconds)" - "ours <= 0.5 s"
