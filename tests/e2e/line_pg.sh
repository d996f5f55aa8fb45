#!/usr/bin/env bash
# Two stations on one PostgreSQL ledger: killed at random moments, racing for the same identities; then the server dies and
# comes back. The whole evidence: LINE_KILLS=100 LINE_BOARDS=32.
. tests/lib.sh
. tests/line_lib.sh
. tests/pg_lib.sh
trap 'line_end; pg_end' EXIT
RANDOM=${LINE_SEED:-$$}
kills=${LINE_KILLS:-4} boards=${LINE_BOARDS:-8}
if ! pg_begin; then
        if [ -n "$PG_WHY" ]; then skip "PostgreSQL" "$PG_WHY"; else fail "the server starts"; fi
        finish
        exit
fi
export PGPASSFILE=$T/pgpass
cd "$T" || exit 5

line_job job.json "$PG_URL"
head -c 3072 "$FW/partition-table.bin" >table.bin
run flasher line --approve job.json
expect "job is approved" 0
lots "$kills" "$boards" "$PG_URL" 2
lots_judge "$kills" "$boards" "$PG_URL"

# the server dies: no identity is handed out, the line says so, and goes on when it is back
rack gone 1 24:0a:c4:60:00:01
port=$(sed 's/.*=rfc/rfc/' gone/slots)
rack_stop gone
flasher --json line job.json --slot "jig=$port" --count 1 >gone.json 2>gone.err &
pid=$!
wait_for gone.json '"phase":"empty"' || true
pg_stop immediate
mkdir -p again
vboard --flash again/flash.bin --efuse again/efuse.bin --mac 24:0a:c4:60:00:01 --rfc2217 "${port#rfc2217://}" --daemon --pid-file again/pid >/dev/null
RACKS="$RACKS again"
check "without the ledger no identity is handed out, and it is said" wait_for gone.json '"event":"notice".*no identities are handed out: ledger'
check "the board waits" sh -c '! grep -q "\"event\":\"result\"" gone.json'
pg_start
check "the server is back: the board passes" wait_for gone.json '"event":"result".*"phase":"pass"'
wait "$pid"
check "the line ends well" test $? -eq 0
check "the next identity, none left out" grep -q "\"serial\":\"SO-$(printf %06u $((UNITS + 1)))\"" gone.json
check "the chain is whole" flasher ledger verify --ledger "$PG_URL"
finish
