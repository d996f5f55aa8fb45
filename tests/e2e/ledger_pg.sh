#!/usr/bin/env bash
# The ledger on a PostgreSQL server that this test starts: two stations race, connections are cut, the server is
# killed and comes back. No identity is given twice, none is lost, and a station without its ledger says so.
. tests/lib.sh
. tests/ledger_lib.sh
station=$O/tests/ledger_station
. tests/pg_lib.sh
trap 'pg_end; rm -rf "$T"' EXIT
if ! pg_begin; then
        if [ -n "$PG_WHY" ]; then skip "PostgreSQL" "$PG_WHY"; else fail "the server starts"; fi
        finish
        exit
fi
pass "the server starts"

# the password by the usual way, and no other
export FCTRY_LEDGER=$PG_URL
run flasher ledger create
expect "without a password there is no ledger, and it is the station's trouble" 5 'no connection to the ledger'
run flasher ledger create --ledger "postgresql://fctry:secret-of-test@127.0.0.1:$PG_PORT/ledger"
expect "a password in the URL is refused" 1 'PGPASSFILE'
if grep -q secret-of-test "$T/stdout" "$T/stderr"; then fail "and not repeated"; else pass "and not repeated"; fi
export PGPASSFILE=$T/pgpass
run flasher ledger query
expect "no ledger yet" 1 'holds no ledger'
# two stations that begin at once
flasher --silent ledger create &
first=$!
run flasher --silent ledger create
if wait $first && [ "$status" = 0 ]; then pass "two stations make it at once"; else fail "two stations make it at once" "$(cat "$T/stderr")"; fi

# 1. two stations, the same pool, the same boards
seq -f 'P-%03g' 30 | sed '1i serial' >"$T/pool.csv"
check "import" flasher ledger import pool "$T/pool.csv"
"$station" "$FCTRY_LEDGER" A pool 9000 30 5 >"$T/same.1" 2>"$T/same.err" &
a=$!
"$station" "$FCTRY_LEDGER" B pool 9000 30 6 >"$T/same.2" 2>>"$T/same.err" &
b=$!
if wait $a && wait $b; then pass "two stations race for the same rows"; else fail "two stations race for the same rows" "$(tail -3 "$T/same.err")"; fi
told_once "one identity a board" "$T"/same.[12]
if [ "$(passed)" = 30 ]; then pass "every board has passed"; else fail "every board has passed" "$(flasher ledger report)"; fi
check "the chain is whole" flasher ledger verify

# 2. connections cut again and again, in whatever they are doing
flasher --silent ledger define cut 'C-%05u'
for s in 1 2; do
        "$station" "$FCTRY_LEDGER" "c$s" cut $((10000 + s * 1000)) 40 "$s" >"$T/cut.$s" 2>"$T/cut.$s.err" &
        pids[s]=$!
done
at_work() { # log…: each has told something
        for wait in $(seq 600); do
                [ "$(grep -lc ' ' "$@" | wc -l)" = $# ] && return
                sleep 0.05
        done
}
at_work "$T/cut.1" "$T/cut.2"
cuts=0
while kill -0 "${pids[1]}" 2>/dev/null || kill -0 "${pids[2]}" 2>/dev/null; do
        n=$(pg_sql "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'fctry-ledger'")
        cuts=$((cuts + n))
        [ $cuts -lt 40 ] || break
done
wait "${pids[1]}"; s1=$?; wait "${pids[2]}"; s2=$?
if [ "$s1$s2" = 00 ] && [ $cuts -ge 10 ]; then pass "stations whose connections are cut come to the end"; else fail "stations whose connections are cut come to the end" "$cuts cuts" "$(tail -qn 3 "$T"/cut.*.err)"; fi
told_once "no identity was given twice over cut connections" "$T"/cut.[12]
attempts=$(flasher ledger export --events | grep -c '"kind":"claim".*"serial":"C-')
told=$(cat "$T"/cut.[12] | grep -c ' ')
if [ "$attempts" = "$told" ]; then pass "a lost answer is no second attempt"; else fail "a lost answer is no second attempt" "$attempts claims in the ledger, $told told"; fi
check "the chain is whole" flasher ledger verify

# 3. the server dies in the middle, three times
flasher --silent ledger define down 'D-%05u'
for s in 1 2; do
        "$station" "$FCTRY_LEDGER" "d$s" down $((20000 + s * 1000)) 50 "$s" >"$T/down.$s" 2>"$T/down.$s.err" &
        pids[s]=$!
done
at_work "$T/down.1" "$T/down.2"
seen=0
for i in 1 2 3; do
        goal=$(($(grep -c ' ' "$T/down.1") + 8))
        while [ "$(grep -c ' ' "$T/down.1")" -lt $goal ] && kill -0 "${pids[1]}" 2>/dev/null; do sleep 0.01; done
        pg_stop immediate
        for s in 1 2; do # it has said so, and gives nothing out
                for wait in $(seq 300); do
                        [ "$(grep -cx away "$T/down.$s")" -ge "$i" ] && break
                        kill -0 "${pids[s]}" 2>/dev/null || break
                        sleep 0.1
                done
        done
        before=$(grep -c ' ' "$T/down.1")
        run flasher ledger verify
        [ "$status" = 5 ] && [ "$(tail -1 "$T/down.1")" = away ] && [ "$(grep -c ' ' "$T/down.1")" = "$before" ] && seen=$((seen + 1))
        pg_start
done
if [ $seen = 3 ] && grep -q 'nothing is given out until it is back' "$T/down.1.err"; then
        pass "a station without its ledger says so and gives nothing out"
else
        fail "a station without its ledger says so and gives nothing out" "$seen of 3" "$(tail -qn 3 "$T/down.1" "$T/down.1.err")"
fi
wait "${pids[1]}"; s1=$?; wait "${pids[2]}"; s2=$?
if [ "$s1$s2" = 00 ]; then pass "it goes on when the server is back"; else fail "it goes on when the server is back" "$(tail -qn 3 "$T"/down.*.err)"; fi
told_once "no identity was given twice over three deaths of the server" "$T"/down.[12]
if [ "$(passed --batch down)" = 100 ] && [ "$(flasher ledger query --batch down --json | wc -l)" = 100 ]; then
        pass "100 boards, 100 identities: none lost"
else
        fail "100 boards, 100 identities: none lost" "$(flasher ledger report --batch down)"
fi
check "the chain is whole" flasher ledger verify

# 4. what somebody with the database's password can do, and what is seen of it
run pg_sql "UPDATE fctry_event SET text = replace(text, 'passed', 'failed') WHERE seq = 40"
expect "events are not changed by accident" 1 'never'
pg_sql "ALTER TABLE fctry_event DISABLE TRIGGER ALL" >/dev/null
pg_sql "UPDATE fctry_event SET text = replace(text, 'st', 'sx') WHERE seq = 40" >/dev/null
run flasher ledger verify
expect "a changed event is found" 4 'event 40: changed'
if grep -rq secret-of-test "$T"/*.err "$T/stdout" "$T/stderr" "$PG_DIR/log"; then fail "the password is in no log"; else pass "the password is in no log"; fi
finish
