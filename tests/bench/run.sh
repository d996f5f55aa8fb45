#!/bin/bash
# make bench: how fast, as ratios to a peer or to the least that is possible, both sides measured in this run, taking turns;
# medians. Ends with one table, which is also in $O/bench/figures.tsv. Never fails because something is slow; fails if
# something did not run.
#   BENCH          groups, in this order (default: all): nvsgen certgen flasher line provcli demo
#   BENCH_DIR      where the files go (default: /dev/shm if there, else a temporary folder; a disk measures the disk)
#   BENCH_ROUNDS   (5); BENCH_DEVICES of a batch (10000); BENCH_MANY (100000: of the memory figures); BENCH_LINE boards (32)
# and what the groups say at their top: the variables that bring a peer.
set -u
cd "$(dirname "$0")/../.." || exit 5
: "${BIN:?}" "${O:?}" "${CC:=cc}"
base=${BENCH_DIR:-/dev/shm}
[ -d "$base" ] && [ -w "$base" ] || base=${TMPDIR:-/tmp}
groups=${BENCH:-nvsgen certgen flasher line provcli demo}
for group in $groups; do
        [[ $group =~ ^[a-z]+$ ]] && [ "$group" != run ] && [ "$group" != lib ] && [ -f "tests/bench/$group.sh" ] ||
                { echo "bench: no group $group: nvsgen, certgen, flasher, line, provcli, demo" >&2; exit 2; }
done
mkdir -p "$O/bench" || exit 5
FIGURES=$O/bench/figures.tsv
export BIN O CC FIGURES W
printf 'group\tfigure\tours\tpeer\tratio\ttarget\tmet\n' >"$FIGURES" || exit 5
for prog in timeit bare_loop; do
        $CC -O2 -D_GNU_SOURCE -o "$O/bench/$prog" tests/bench/$prog.c || exit 1
done

busy=$(cut -d' ' -f1 /proc/loadavg)
bad=0
for group in $groups; do
        W=$(mktemp -d "$base/fctry-bench.XXXXXX") || exit 5
        trap 'rm -rf "$W"' EXIT
        bash "tests/bench/$group.sh" </dev/null
        status=$?
        rm -rf "$W"
        if [ $status -ne 0 ]; then
                printf '%s\tbroke off, status %s\t-\t-\t-\t-\tFAILED\n' "$group" $status >>"$FIGURES"
                bad=1
        fi
done

printf '\n%s processors, load %s at the start; files in %s (%s)\n\n' "$(nproc)" "$busy" "$base" "$(df --output=fstype "$base" | tail -n 1)"
# one table: how many columns a figure takes does not depend on what was measured
awk -F'\t' '
        function words(t) { sub(/^ours /, "", t); sub(/^<=/, "at most", t); sub(/^>=/, "at least", t); return t }
        function line(a, b, c, d, e, f, g) { printf "%-8s %-58s %14s %22s %8s  %-14s %s\n", a, b, c, d, e, f, g }
        NR == 1 { line($1, $2, $3, $4, $5, $6, $7); r = "-------------------------------------------------------------"
                line(substr(r, 1, 8), substr(r, 1, 58), substr(r, 1, 14), substr(r, 1, 22), substr(r, 1, 8), substr(r, 1, 14), "---"); next }
        { line($1 == last ? "" : $1, $2, $3, $4, $5, words($6), $7); last = $1; n[$7]++; if ($4 ~ /^set /) want[substr($4, 5)] = 1 }
        END {
                printf "\n%d targets met, %d missed, %d without their peer", n["yes"], n["no"], n["absent"]
                if (n["FAILED"]) printf "; %d groups BROKE OFF", n["FAILED"]
                print ""
                brings["NVS_PARTITION_GEN"] = "path of nvs_partition_gen.py (or install esp-idf-nvs-partition-gen)"
                brings["ESPTOOL"] = "command of esptool, 4.8 or later"
                brings["ESP_PROV"] = "path of esp_prov.py, and IDF_PATH that of its ESP-IDF"
                for (v in brings) if (v in want) printf "%s: %s\n", v, brings[v]
        }' "$FIGURES"
exit $bad
