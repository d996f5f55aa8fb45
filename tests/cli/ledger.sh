#!/usr/bin/env bash
# flasher ledger: command lines, exports, reports, scrapping with the certificate, and what verify finds when
# somebody has been at the file. The second opinion on the chain is sha256sum's.
. tests/lib.sh
L=$T/line.ledger
led() { flasher ledger "$@"; }
sq() { sqlite3 "$1" "$2"; }
station=$O/tests/ledger_station

run led query
expect "no ledger named" 2 'FCTRY_LEDGER'
export FCTRY_LEDGER=$L
run led query
expect "no ledger there" 1 "flasher ledger create"
run led nonsense
expect "an action that is none" 2 'none of create'
run led show
expect "show needs a unit" 2 'takes UNIT'
check "create" led create
check "create again" led create
[ "$(stat -c %a "$L")" = 600 ] && pass "nobody else reads it" || fail "nobody else reads it" "$(stat -c %a "$L")"
run led create --ledger "$T/none/x"
expect "a folder that is not there" 5 'cannot be opened'
printf 'hello, this is no database at all, but long enough to be looked at as one' >"$T/text"
run led query --ledger "$T/text"
expect "a file that is no database" 1 'damaged or is none'
sqlite3 "$T/other.db" 'CREATE TABLE x (y)'
run led create --ledger "$T/other.db"
expect "another program's database is left alone" 1 "another program's"
run led query --ledger mysql://x/y
expect "another kind of database" 1 'postgresql://'

# identities
run led define nov 'SO-%06u' --first 17 --last 20
expect "define" 0
run led define nov 'SO-%06u' --first 18
expect "defined otherwise" 1 'already'
run led define bad 'SO'
expect "a template without a counter" 1
certgen ca "$T/ca" --cn Acme --no-passphrase -q
(cd "$T" && certgen batch --ca ca --count 3 --cn 'CB-%06u' --prov -q)
check "import what certgen left" led import certs "$T/values.csv"
run led show CB-000002 --json
expect "with service name and files" 0 '"service":"PROV_000002","files":"[^"]*devices/CB-000002"'
pop=$(sed -n 's/.*"pop": "\([^"]*\)".*/\1/p' "$T/devices/CB-000001.prov")
if [ -n "$pop" ] && ! grep -aqF "$pop" "$L" "$L-wal"; then
        pass "no proof of possession enters the ledger"
else
        fail "no proof of possession enters the ledger" "$pop"
fi
printf 'device,id,file,size,sha256,key\n1,CB-000001,bin/x.bin,3,00ff,\n' >"$T/manifest.csv"
run led import certs "$T/manifest.csv"
expect "a manifest tells more of a unit" 0 '0 new, 1 told more of'
run led import certs "$T/manifest.csv"
expect "and twice is once" 0 '0 new, 0 told more of, 1 as before'
printf 'serial,mac\nX-1,020000000099\nX-2,0200\nX 3,\n' >"$T/bad.csv"
run led import x "$T/bad.csv"
expect "mistakes of an import, all at once" 1 'bad.csv:3:5: .*MAC'
grep -q 'bad.csv:4:1: .*X 3' "$T/stderr" && pass "the second one too" || fail "the second one too" "$(cat "$T/stderr")"
printf 'serial\nX-1\nX-1\n' >"$T/twice.csv"
run led import x "$T/twice.csv"
expect "a serial number twice" 1 'twice.csv:3: X-1: stands in line 2'
printf 'name\nX-1\n' >"$T/named.csv"
run led import x "$T/named.csv"
expect "no column of serial numbers" 1 '--column'
run led import x --column serial=name "$T/named.csv"
expect "a column by name" 0 '1 new'
run led import x --column nonsense=name "$T/named.csv"
expect "a field that is none" 2
printf 'serial,mac\nX-9,02:00:00:00:00:09\n' >"$T/mac9.csv"
led --silent import x "$T/mac9.csv"
printf 'serial,mac\nX-8,02:00:00:00:00:09\n' >"$T/mac8.csv"
run led import x "$T/mac8.csv"
expect "a board that has an identity" 1 'mac8.csv:2: X-8: 02:00:00:00:00:09 is unit X-9'
run led import x "$T/nothere.csv"
expect "a file that is not there" 1 'nothere.csv'

# a disk that takes no more: nothing of it is recorded, and it can be done again
seq -f 'D-%06g' 3000 | sed '1i serial' >"$T/many.csv"
led --silent create --ledger "$T/full.db"
run bash -c "trap '' XFSZ; ulimit -f 200; flasher ledger import many '$T/many.csv' --ledger '$T/full.db'"
expect "a disk that is full is the station's trouble" 5 'nothing was recorded: .*try again'
run led query --ledger "$T/full.db" --batch many
expect "and half an import is none" 0 '^0 units'
check "the ledger is whole" led verify --ledger "$T/full.db"
run led import many "$T/many.csv" --ledger "$T/full.db"
expect "the same import, when there is space again" 0 '3000 new'

# four boards; then the batch is used up
"$station" "$L" S1 nov 1 4 3 >"$T/told" 2>&1
run "$station" "$L" S1 nov 77 1 3
expect "the counter's end" 1 'used up'
run led query --batch nov --state passed
expect "query" 0 '4 units'
run led query --state wrong
expect "a state that is none" 2
run led show 020000000001
expect "show by MAC" 0 'serial +SO-0000'
run led show SO-999999
expect "a unit that is not there" 1 'no unit'
run led report
expect "report" 0 'yield +100.0 %'
run led report --json
expect "report as JSON" 0 '"passed":4,.*"states":\{"free":[0-9]+.*"slots":\[\{"station":"S1","slot":"s","passed":4'
run sh -c 'flasher ledger query >/dev/full'
expect "query >/dev/full" 5
run sh -c 'flasher ledger export >/dev/full'
expect "export >/dev/full" 5
run led export -o "$T/none/x.csv"
expect "export into no folder" 1 'cannot create'
run led export --format xml
expect "a format that is none" 2

# what a spreadsheet would run, is text
led --silent note SO-000017 '=HYPERLINK("http://x")' >/dev/null
printf 'serial,service\n@SUM(1),"-1+1,""x"""\n' >"$T/formula.csv"
check "a serial number as a formula" led import formulas "$T/formula.csv"
led export -o "$T/units.csv"
if grep -q "^\"'@SUM(1)\",free," "$T/units.csv" && grep -q "\"'-1+1,\"\"x\"\"\"" "$T/units.csv"; then
        pass "formulas are quoted in CSV"
else
        fail "formulas are quoted in CSV" "$(grep SUM "$T/units.csv")"
fi
sed 's/.*"event"://; s/}$//' <(led export --events) >"$T/texts"

# the chain by other means: sha256sum over "PREVIOUS\nTEXT\n"
h=0000000000000000000000000000000000000000000000000000000000000000
bad=
while IFS= read -r line; do
        hash=${line#*\"hash\":\"} hash=${hash%%\"*}
        text=${line#*\"event\":} text=${text%\}}
        h=$(printf '%s\n%s\n' "$h" "$text" | sha256sum)
        h=${h%% *}
        [ "$h" = "$hash" ] || bad="$bad $text"
done < <(led export --events)
run led verify
if [ -z "$bad" ] && grep -q "head [0-9]*:$h" "$T/stdout"; then pass "sha256sum comes to the same chain"; else fail "sha256sum comes to the same chain" "$bad"; fi
head=$(sed -n 's/^head //p' "$T/stdout")
n=${head%%:*}

# rework and scrap
run led rework SO-000017 --reason 'LED dark'
expect "rework" 0 'rework	SO-000017	02:00'
run led scrap SO-000017 --reason burnt
expect "scrap asks, or wants --yes" 2 'say --yes'
run led scrap SO-000017 --reason burnt --yes
expect "scrap" 0 'scrap	SO-000017'
run led scrap CB-000001 --yes --ca "$T/ca"
expect "scrap revokes the certificate" 0 'certgen crl'
certgen list --ca "$T/ca" --revoked | grep -q CB-000001 && pass "certgen says so too" || fail "certgen says so too"
run led scrap CB-000001 --yes --ca "$T/ca" --json
expect "scrap again changes nothing" 0 '"state":"scrapped".*"cert_state":"revoked"'
led --silent scrap SO-000018 --yes --no-revoke >/dev/null
run led scrap SO-000019 --yes --ca "$T/none"
expect "a CA that is not there" 1 'burnt, its certificate still good: run this again'
run led rework SO-000018
expect "what is scrapped stays so" 1 'only what passed or failed'
run led verify --head "$head"
expect "an earlier head is in it" 0 '^sound'
run led verify --head nonsense
expect "a head that is none" 1 'SEQ:HASH'
run led verify --json
expect "verify as JSON" 0 '"sound":true,.*"faults":0,"head":"'

# somebody has been at it
sq "$L" 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null
forged=0
forge() { # name statement regex
        rm -f "$T/f.db"*
        cp "$L" "$T/f.db"
        sq "$T/f.db" "DROP TRIGGER fctry_event_keep; DROP TRIGGER fctry_event_stay; DROP TRIGGER fctry_unit_stay; $2"
        run led verify --ledger "$T/f.db" --head "$head"
        expect "$1" 4 "$3"
}
forge "an event's text changed" "UPDATE fctry_event SET text = replace(text, '\"S1\"', '\"S2\"') WHERE seq = $((n - 3))" "event $((n - 3)): changed"
forge "a text in another spelling" "UPDATE fctry_event SET text = replace(text, '\"v\":1', '\"v\": 1') WHERE seq = 9" 'event 9: its text is not one'
forge "an event's hash changed" "UPDATE fctry_event SET hash = replace(hash, substr(hash, 1, 1), 'x') WHERE seq = 9" 'event 9: changed'
forge "an event's column changed" "UPDATE fctry_event SET kind = 'note' WHERE seq = 9" 'event 9: its columns say another thing'
forge "an event removed" 'DELETE FROM fctry_event WHERE seq = 9' '1 event is missing after event 8'
forge "two events exchanged" "UPDATE fctry_event SET seq = -1 WHERE seq = 9; UPDATE fctry_event SET seq = 9 WHERE seq = 10; UPDATE fctry_event SET seq = 10 WHERE seq = -1" 'event 9: changed, moved'
forge "the end cut" 'DELETE FROM fctry_event WHERE seq > (SELECT MAX(seq) - 2 FROM fctry_event)' '2 events are missing at the end'
forge "the end cut, and the head with it" "DELETE FROM fctry_event WHERE seq > $n - 1; UPDATE fctry_head SET seq = $n - 1, hash = (SELECT hash FROM fctry_event WHERE seq = $n - 1)" 'not the one that was noted'
forge "cut behind the noted head, and the head with it" "DELETE FROM fctry_event WHERE seq > $n; UPDATE fctry_head SET seq = $n, hash = (SELECT hash FROM fctry_event WHERE seq = $n)" "state is 'scrapped', its events say 'passed'"
forge "the head removed" 'DELETE FROM fctry_head' 'the head is missing'
forge "a row changed" "UPDATE fctry_unit SET state = 'passed' WHERE serial = 'SO-000018'" "unit SO-000018: state is 'passed', its events say 'scrapped'"
forge "a row removed" "DELETE FROM fctry_unit WHERE serial = 'SO-000018'" 'SO-000018: events tell of it, but its row is missing'
forge "a row put in" "INSERT INTO fctry_unit SELECT 99999, 'SO-1', state, batch, 1, '', chip, revision, flash_id, efuse, firmware, cert_serial, cert_state, service, files, factory, images, attempt, station, operator, slot, claimed_at, ended_at, cycle_ms, phases, failure, note, labels, board_free FROM fctry_unit LIMIT 1" 'unit SO-1: no event has brought it in'
forge "a counter set back" "UPDATE fctry_batch SET next = 17 WHERE name = 'nov'" 'batch nov: the counter stands at 17, its events say 21'
forge "a batch removed" "DELETE FROM fctry_batch WHERE name = 'nov'" 'batch nov: its row is missing'
forge "a batch put in" "INSERT INTO fctry_batch VALUES ('z', '', 0, 0, 0)" 'batch z: no event'
rm -f "$T/f.db"*
cp "$L" "$T/f.db"
run sq "$T/f.db" 'DELETE FROM fctry_event WHERE seq = 9'
expect "events are not removed by accident" 19 'never removed'
sq "$T/f.db" "UPDATE fctry_batch SET next = 17, last = 30 WHERE name = 'nov'"
run "$station" "$T/f.db" S1 nov 78 1 3
expect "a counter that was set back gives out no number again" 1 'has come to SO-000017, which'
sq "$T/f.db" "UPDATE fctry_meta SET value = '9' WHERE name = 'schema'"
run led query --ledger "$T/f.db"
expect "a newer version's ledger" 1 'newer version'
rm -f "$T/f.db"*
head -c 20000 "$L" >"$T/f.db"
run led verify --ledger "$T/f.db"
expect "a file cut short" 1
finish
