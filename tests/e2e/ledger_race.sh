#!/usr/bin/env bash
# The ledger in a file: stations race for identities, and are killed at random moments. None is given
# twice, none is lost, the chain is whole.
. tests/lib.sh
. tests/ledger_lib.sh
station=$O/tests/ledger_station
RANDOM=${SEED:-17}
export FCTRY_LEDGER=$T/line.ledger

# 1. four stations, one counter, each board only at one of them
flasher --silent ledger define race 'R-%05u'
for s in 1 2 3 4; do
        "$station" "$FCTRY_LEDGER" "st$s" race $((s * 1000)) 25 $s >"$T/race.$s" 2>"$T/race.$s.err" &
        pids[s]=$!
done
bad=
for s in 1 2 3 4; do wait "${pids[s]}" || bad="$bad station $s: $(tail -1 "$T/race.$s.err");"; done
if [ -z "$bad" ]; then pass "four stations race for one counter"; else fail "four stations race for one counter" "$bad"; fi
told_once "no identity was given twice" "$T"/race.[1-4]
if [ "$(passed --batch race)" = 100 ] && [ "$(cut -d' ' -f2 "$T/pairs" | sort | tail -1)" = R-00100 ]; then
        pass "100 boards, 100 identities, no number left out"
else
        fail "100 boards, 100 identities, no number left out" "$(flasher ledger report --batch race)"
fi
check "the chain is whole" flasher ledger verify

# 2. two stations claim the same boards from one pool: the later claim counts, the earlier attempt ends
seq -f 'P-%03g' 40 | sed '1i serial' >"$T/pool.csv"
flasher --silent ledger import pool "$T/pool.csv"
"$station" "$FCTRY_LEDGER" A pool 9000 40 5 >"$T/same.1" 2>/dev/null &
a=$!
"$station" "$FCTRY_LEDGER" B pool 9000 40 6 >"$T/same.2" 2>/dev/null &
b=$!
wait $a && wait $b
told_once "the same boards at two stations keep one identity each" "$T"/same.[12]
if [ "$(passed --batch pool)" = 40 ] && [ "$(flasher ledger query --state free --json | wc -l)" = 0 ]; then
        pass "the pool is used up, and every board has passed"
else
        fail "the pool is used up, and every board has passed" "$(flasher ledger report --batch pool)"
fi
run "$station" "$FCTRY_LEDGER" A pool 9900 1 7
expect "a pool that is used up says so" 1 "identities are used up; import more"

# 3. SIGKILL a hundred times, each after some claims and a moment; new boards come all the time
flasher --silent ledger define kill 'K-%05u'
lines() { cat "$@" 2>/dev/null | wc -l; }
boards=40 hits=0 tries=0
while [ $hits -lt 100 ] && [ $tries -lt 100 ]; do
        tries=$((tries + 1)) boards=$((boards + 2))
        goal=$(($(lines "$T"/kill.[12]) + RANDOM % 6))
        for s in 1 2; do
                "$station" "$FCTRY_LEDGER" "k$s" kill $((20000 + s * 1000 + boards - 40)) 40 $((tries * 2 + s)) >>"$T/kill.$s" 2>/dev/null &
                pids[s]=$!
        done
        while [ "$(lines "$T"/kill.[12])" -lt $goal ] && kill -0 "${pids[1]}" "${pids[2]}" 2>/dev/null; do :; done
        sleep "0.00$((RANDOM % 10))"
        kill -9 "${pids[1]}" "${pids[2]}" 2>/dev/null
        for s in 1 2; do
                wait "${pids[s]}" 2>/dev/null
                [ $? = 137 ] && hits=$((hits + 1))
        done
done 2>/dev/null
if [ $hits -ge 100 ]; then pass "a hundred SIGKILLs"; else fail "a hundred SIGKILLs" "only $hits hit a station at work"; fi
check "after a hundred SIGKILLs the chain is whole" flasher ledger verify
for s in 1 2; do
        "$station" "$FCTRY_LEDGER" "k$s" kill $((20000 + s * 1000)) $boards 999 >>"$T/kill.$s" 2>"$T/kill.err" ||
                fail "station $s ends what was begun" "$(tail -3 "$T/kill.err")"
done
told_once "no identity was given twice over a hundred SIGKILLs" "$T"/kill.[12]
if [ "$(passed --batch kill)" = $((2 * boards)) ] && [ "$(flasher ledger query --batch kill --json | wc -l)" = $((2 * boards)) ]; then
        pass "every board has passed with one identity: none lost"
else
        fail "every board has passed with one identity: none lost" "$(flasher ledger report --batch kill)"
fi
check "the chain is whole at the end" flasher ledger verify
finish
