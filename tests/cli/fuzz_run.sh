#!/usr/bin/env bash
# make fuzz-long's counting: fuzz/run.sh with a stand-in for the fuzzers, whose findings are to order.
. tests/lib.sh
export FB=$T/fb FUZZ_DIR=$T/long
mkdir -p "$FB/fuzz"

# Burns processor time until SIGUSR1 as libFuzzer does; finds something while $T/boom is there.
pretend() {
        cat >"$FB/fuzz/$1_fuzzer" <<EOT
#!/bin/bash
# $1 $2
for a; do
        case \$a in -artifact_prefix=*) prefix=\${a#*=} ;; -*) ;; *) last=\$a ;; esac
done
if [ -f "\$last" ]; then # an input once more
        [ ! -e "$T/boom" ]
        exit
fi
end() { echo "#5000 DONE   cov: 3 ft: 7 corp: 1/1b"; echo "stat::number_of_executed_units: 5000"; exit "\$1"; }
trap 'end 0' USR1
if [ -e "$T/boom" ]; then echo x >"\${prefix}crash-1"; echo "SUMMARY: pretended"; end 77; fi
while :; do :; done
EOT
        chmod +x "$FB/fuzz/$1_fuzzer"
}
pretend one a
pretend two a
tally() { awk -F'\t' -v t="$1" -v c="$2" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == c) col = i; next } $1 == t { print $col }' "$FUZZ_DIR/tally.tsv"; }
holds() { if test "$2" "$3" "$4"; then pass "$1"; else fail "$1" "$2 $3 $4 does not hold" "$(cat "$FUZZ_DIR/tally.tsv")"; fi; }

run bash fuzz/run.sh once 1 one
expect "one target for a second" 0 "^stat::number_of_executed_units: 5000"
holds "its second is in the tally" "$(tally one seconds)" -ge 1
holds "its executions too" "$(tally one executions)" -eq 5000
holds "its features too" "$(tally one features)" -eq 7

FUZZ_SLICE=1 run bash fuzz/run.sh long 2 one two
expect "two targets until each has two seconds" 0 "^2 targets, .* 0 open findings"
holds "the one that had least comes first" "$(sed -n '1s/^[0-9:]* *\([a-z]*\) .*/\1/p' "$T/stdout")" = two
holds "the first has its seconds" "$(tally one seconds)" -ge 2
holds "the second has its seconds" "$(tally two seconds)" -ge 2
cp "$FUZZ_DIR/tally.tsv" "$T/before"
run bash fuzz/run.sh long 2 one two
expect "a second run has nothing left to do" 0 "^2 targets"
same "and leaves the tally as it is" "$T/before" "$FUZZ_DIR/tally.tsv"

had=$(tally two seconds)
pretend two b
run bash fuzz/run.sh once 1 two
expect "a target that changed is named" 0 "^two: changed since its last run"
holds "its seconds are kept" "$(tally two seconds)" -gt "$had"
holds "those of the present build are counted anew" "$(tally two build_seconds)" -lt "$(tally two seconds)"

touch "$T/boom"
had=$(tally one seconds)
run bash fuzz/run.sh long $((had + 5)) one
expect "a finding is a failure" 1 "^one: FINDING $FUZZ_DIR/findings/one-crash-1"
holds "it stands in the tally" "$(tally one findings)" -eq 1
run bash fuzz/run.sh long $((had + 5)) one
expect "its target is set aside until it is mended" 1 "^one: an open finding, set aside"
rm "$T/boom"
run bash fuzz/run.sh long $(($(tally one seconds) + 1)) one
expect "once mended it goes on" 0 "crash-1: nothing wrong with this build"
holds "the finding is closed" "$(tally one findings)" -eq 0
check "and its input kept" test -f "$FUZZ_DIR/mended/one-crash-1"

printf '#!/bin/sh\nexit 3\n' >"$FB/fuzz/broken_fuzzer"
chmod +x "$FB/fuzz/broken_fuzzer"
run bash fuzz/run.sh long 2 broken
expect "a fuzzer that does not run is a failure" 1 "^broken: did not run, status 3"

bash fuzz/run.sh long 100000 one two >"$T/out" 2>&1 &
pid=$!
had=$(tally one seconds)
while ! pgrep -f "$FB/fuzz/(one|two)_fuzze[r]" >"$T/pids"; do sleep 0.1; done
kill -TERM $pid
wait $pid
status=$?
holds "a run that is stopped says so" $status -eq 130
check "and that it can go on" grep -q "make fuzz-long goes on" "$T/out"
check "nothing stays behind" sh -c "! pgrep -f '$FB/fuzz/(one|two)_fuzze[r]'"
printf 'target\n' >"$FUZZ_DIR/tally.tsv"
run bash fuzz/run.sh tally one
expect "another kind of tally is not written over" 1 "not a tally of this version"
finish
