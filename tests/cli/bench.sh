#!/usr/bin/env bash
# make bench's mechanism: one table, a file of figures, peers that are absent or break. What is measured here says nothing.
. tests/lib.sh
export BENCH_DEVICES=20 BENCH_ROUNDS=1 BENCH_MANY=50 BENCH_DIR=$T
built=$O
mkdir -p "$T/o/tests" && cp "$built/tests/provdev" "$T/o/tests/" && export O=$T/o
bench() { run bash tests/bench/run.sh; }
unset NVS_PARTITION_GEN ESP_PROV ESPTOOL

BENCH=nvsgen bench
expect "one group" 0 "^nvsgen +20 devices, plain, memory, no-sync"
check "one table at its end" sh -c "[ \$(grep -c '^group ' '$T/stdout') -eq 1 ] && [ \$(grep -c '^nvsgen ' '$T/stdout') -eq 1 ]"
check "columns of one width" awk '/^-----/ { n = length($0) } n && NF && /^ / { if (substr($0, 68, 1) != " " || length($0) < n - 3) exit 1; rows++ } END { exit rows < 5 }' "$T/stdout"
check "every row has the file's columns" awk -F'\t' 'NF != 7 { exit 1 } END { exit NR < 9 }' "$T/o/bench/figures.tsv"
check "no other group ran" awk -F'\t' 'NR > 1 && $1 != "nvsgen" { exit 1 }' "$T/o/bench/figures.tsv"
if python3 -c 'import esp_idf_nvs_partition_gen' 2>"$T/err"; then
        skip "a peer that is absent names its variable" "nvs_partition_gen is installed here"
else
        check "a peer that is absent names its variable" grep -q "set NVS_PARTITION_GEN  *- *at least 40 *absent$" "$T/stdout"
fi
check "nothing stays behind" sh -c "! ls -d '$T'/fctry-bench.*"

# judgement: the numbers decide, in both directions
FIGURES=$T/f.tsv W=$T bash -c '
        . tests/bench/lib.sh
        figure good "1.0 s" "2.0 s" ours/peer "<= 0.5"
        figure bad "1.1 s" "2.0 s" ours/peer "<= 0.5"
        figure fast "1.0 s" "50 s" peer/ours ">= 40"
        figure slow "2.0 s" "50 s" peer/ours ">= 40"
        figure few "7" "set ESP_PROV" ours/peer "ours <= 7"
        figure many "8" - ours/peer "ours <= 7"
        figure alone "8 s" "set ESPTOOL" ours/peer "<= 1"
        figure plain "8 s" - - -'
check "targets are judged by the numbers" test "$(cut -f7 "$T/f.tsv" | tr '\n' ' ')" = "yes no yes no yes no absent - "
check "ratios both ways" test "$(cut -f5 "$T/f.tsv" | tr '\n' ' ')" = "0.500 0.550 50.0 25.0 - - - - "

# a tool that breaks is seen, and the other groups run all the same
mkdir "$T/bin" && ln -s "$BIN"/* "$T/bin/" && rm "$T/bin/nvsgen"
printf '#!/bin/sh\nexit 4\n' >"$T/bin/nvsgen" && chmod +x "$T/bin/nvsgen"
BIN=$T/bin BENCH="nvsgen provcli" bench
expect "a tool that fails fails the run" 1 "^nvsgen +broke off, status 4 .* FAILED$"
check "it is named" grep -q "bench: nvsgen: line .*: status 4: nvsgen" "$T/stderr"
check "the next group still has its rows" grep -qE "^provcli +HTTP, security 1: requests" "$T/stdout"
printf '#!/bin/sh\nexit 3\n' >"$T/gen.py"
NVS_PARTITION_GEN=$T/gen.py BENCH=nvsgen bench
if python3 -c 'import cryptography' 2>"$T/err" || /usr/bin/python3 -c 'import cryptography' 2>"$T/err"; then
        expect "a peer that fails fails the run" 1 "broke off, status 1 "
else
        skip "a peer that fails fails the run" "no Python with cryptography"
fi
for wrong in nothing run lib ../cli/bench; do
        BENCH=$wrong bench
        expect "no group $wrong" 2 "no group $wrong: nvsgen,"
done
finish
