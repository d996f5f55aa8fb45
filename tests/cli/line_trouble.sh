#!/usr/bin/env bash
# flasher line where something goes wrong: firmware that dies, serial numbers that another batch has, labels on the wrong
# unit, boards exchanged in a jig.
. tests/lib.sh
. tests/line_lib.sh
trap line_end EXIT
cd "$T" || exit 5
LIMIT=60 # seconds; only how long something that never comes is waited for

line_job job.json ledger.sqlite
approve() { flasher --silent line --approve "$1" || fail "$1 is approved"; }

# ---- a firmware that dies is told at once, with the line it died of ----
pack() { "$O/fw/pack" --app-version 1.0.0 --project outlet -o "$1" "$2"; }
dies() { # NAME REGEX PROGRAM
        pack dead.bin "$(type -P "$3")"
        sed -e 's#"[^"]*outlet.bin"#"dead.bin"#' -e 's/"seconds": 60/"seconds": 3600/' job.json >dead.json
        approve dead.json
        run timeout $((LIMIT * SLOW)) flasher line dead.json --once "${slots[@]}"
        expect "$1" 4 "FAIL .* boot: $2"
}
rack dead 1 24:0a:c4:80:00:01
mapfile -t slots <dead/slots
dies "a panic" 'the firmware died: panic: the firmware gave up with status 1' false
dies "a loop of restarts" 'it restarts again and again, 3 times within [0-9]+ ms; the last time: rst:0x3 ' true
racks_stop

# ---- serial numbers that another batch has are found before the first board ----
sed -e 's/"name": "lot"/"name": "first"/' -e 's/"SO-%06u", "count": 100000/"CL-%03u", "count": 20/' job.json >first.json
sed -e 's/"name": "lot"/"name": "second"/' -e 's/"SO-%06u", "count": 100000/"CL-%03u", "count": 500/' job.json >second.json
approve first.json
approve second.json
rack clash 1 24:0a:c4:81:00:01
mapfile -t slots <clash/slots
run flasher line first.json --once "${slots[@]}"
expect "the first batch's first unit" 0 'PASS CL-001'
run flasher line --check second.json
expect "a counter that starts again at 1 is found by --check" 1 'second.json:[0-9]+:[0-9]+: serial: batch second: would give CL-001, which batch first has; start behind it'
run flasher line second.json --once "${slots[@]}"
expect "and at the start" 1 'would give CL-001, which batch first has'
check "before any board" sh -c '! grep -q "a board" stdout'
sed -i 's/"CL-%03u", "count": 500/"CL-%03u", "start": 21, "count": 500/' second.json
run flasher line --check second.json
expect "behind the other's end it is fine" 0 'second.json: good'
printf 'serial_no\nCX-1\nCL-001\nCL-007\n' >taken.csv
sed 's/"serial": .*/"serial": { "list": "taken.csv" },/; s/"name": "lot"/"name": "third"/' job.json >third.json
run flasher line --check third.json
expect "a list with another batch's number" 1 'third.json:[0-9]+:[0-9]+: serial: batch third: would give CL-001, which batch first has'
sed -i 's/"start": 21, "count": 500/"count": 100/; s/"name": "second"/"name": "first"/' second.json
run flasher line --check second.json
expect "the same batch with another range" 1 'batch first: has template CL-%03u from 1 to 20 already'
racks_stop

# ---- a label that is scanned back: only the right one passes ----
sed 's/"transport": "ble"/"transport": "softap"/' "$TOP/samples/outlet/label.json" >label.json
scan_job() { # FILE SCAN
        line_job "$1" ledger.sqlite '"label": { "template": "label.json", "file": "labels/{serial}.png", "scan": '"$2"' },'
        sed -i 's/"name": "lot"/"name": "scanned"/; s/SO-%06u/LS-%04u/' "$1"
        approve "$1"
}
mkdir -p labels
run flasher line --check <(sed 's/"ledger"/"label": { "template": "label.json", "file": "x", "scan": {} }, "ledger"/' job.json)
expect "a scan from nowhere" 1 'label/scan: comes from one of from'
sed 's/"softap"/"ble"/' label.json >other.json
line_job wrong.json ledger.sqlite '"label": { "template": "other.json", "file": "x" },'
run flasher line --check wrong.json
expect "a label whose code says another transport than the unit has" 1 'wrong.json:[0-9]+:[0-9]+: label: its transport is ble, that of provisioning is softap'
scan_job scan.json '{ "from": "stdin", "seconds": 600 }'
rack s 2 24:0a:c4:82:00:01
mapfile -t slots <s/slots
mkfifo scanner
exec 7<>scanner
asked() { # FILE N: the serial number of the Nth label that is to be scanned
        local end=$((SECONDS + LIMIT * SLOW))
        until [ "$(grep -c 'put the label on and scan it' "$1")" -ge "$2" ]; do
                [ "$SECONDS" -lt "$end" ] || return 1
                sleep 0.05
        done
        grep 'put the label on and scan it' "$1" | sed -n "$2s/.*\"serial\":\"\([^\"]*\)\".*/\1/p"
}
printf 'LS-0001\rLS-0002\r' >&7 # before anybody asked: of no account
flasher --json line scan.json --once "${slots[@]}" <&7 >scan.out 2>scan.err &
pid=$!
first=$(asked scan.out 1)
check "one label at a time" sh -c '[ "$(grep -c "put the label on" scan.out)" = 1 ] && [ "$(ls labels | wc -l)" = 1 ]'
check "what was scanned before does not count" sh -c '! grep -q "\"event\":\"result\"" scan.out'
printf '%s\r\n' "$first" >&7
check "the right label passes" wait_for scan.out "\"event\":\"result\".*\"phase\":\"pass\".*\"serial\":\"$first\""
second=$(asked scan.out 2)
printf '%s\n' "$first" >&7
wait "$pid"
check "the other unit's label fails the unit" test $? -eq 4
check "and says whose it was, and what to do" grep -Eq "\"event\":\"result\".*\"serial\":\"$second\".*\"failure\":\"label\",\"text\":\"$second: '$first' was scanned, .*; plug it in again for another label" scan.out
run flasher ledger show --ledger ledger.sqlite "$second"
expect "the ledger has it as failed" 0 'failed'
cp "labels/$second.png" keep.png
rm "labels/$second.png"
flasher --json line scan.json --once "${slots[@]}" <&7 >scan2.out 2>scan2.err &
pid=$!
same_one=$(asked scan2.out 1)
printf '%s\n' "$same_one" >&7
wait "$pid"
check "again: the same identity, scanned, passes" test "$?$same_one" = "0$second"
check "with the same label, byte for byte" cmp keep.png "labels/$second.png"
run flasher label "$second" --template label.json --ledger ledger.sqlite --out again.png
expect "printed once more by hand" 0
check "the same again" cmp keep.png again.png
exec 7>&-
scan_job scan.json '{ "from": "/dev/nowhere" }'
run flasher line scan.json --once --rework "${slots[@]}"
expect "a scanner that is not there is found before the first board" 5 "the scanner /dev/nowhere: no such port"
scan_job scan.json '{ "command": "sleep 3600 & echo LS-0009", "seconds": 5 }'
run flasher line scan.json --once --rework "${slots[0]}"
expect "a camera that sees another label" 4 "FAIL LS-000[12] .* label: LS-000[12]: 'LS-0009' was scanned"
scan_job scan.json '{ "command": "exit 3" }'
run flasher line scan.json --once --rework "${slots[0]}"
expect "a camera that fails" 4 'label: the scanner.s command .exit 3. failed with status 3'
if command -v zbarimg >/dev/null; then
        scan_job scan.json '{ "command": "zbarimg --raw -q \"labels/$FCTRY_SERIAL.png\"" }'
        run flasher line scan.json --once --rework "${slots[@]}"
        expect "what another program reads off the pictures" 0 "PASS $first"
        check "both" test "$(grep -c ': PASS LS-' stdout)" -eq 2
else
        skip "a camera's program" "no zbarimg here (Debian: zbar-tools)"
fi
check "the chain is whole" flasher ledger verify --ledger ledger.sqlite
racks_stop

# ---- a jig: the adapter stays, the boards are exchanged ----
line_job jig.json ledger.sqlite
sed -i 's/"name": "lot"/"name": "jig"/; s/SO-%06u/JG-%04u/' jig.json
approve jig.json
rack j 1 24:0a:c4:83:00:01
port=$(sed 's/.*=rfc/rfc/' j/slots)
results() { grep -c '"event":"result"' "$1"; }
flasher --json line jig.json --slot "jig=$port" --count 2 >auto.out 2>auto.err &
pid=$!
check "the first board" wait_for auto.out '"event":"result".*"phase":"pass","mac":"24:0a:c4:83:00:01"'
vboard ctl j/ctl reset
pause 3 # long enough to be taken for another one, if it were
check "one that only starts again is left alone" test "$(results auto.out)" -eq 1
vboard ctl j/ctl swap 24:0a:c4:83:00:02
check "another one on the same adapter is noticed when it gets power" wait_for auto.out '"event":"result".*"phase":"pass","mac":"24:0a:c4:83:00:02"'
wait "$pid"
check "with nobody touching a key" test $? -eq 0

# boards that say nothing when they start, and an empty jig
vboard ctl j/ctl cut-power
flasher --json line jig.json --jig --slot "jig=$port" --count 2 >jig.out 2>jig.err &
pid=$!
check "an empty jig is no failure" wait_for jig.out '"phase":"empty"'
pause 2
vboard ctl j/ctl swap 24:0a:c4:83:00:03
check "the first board of a jig" wait_for jig.out '"event":"result".*"phase":"pass","mac":"24:0a:c4:83:00:03"'
before=$(vboard ctl j/ctl status | sed 's/.*"resets":\([0-9]*\),.*/\1/')
sleep 4
after=$(vboard ctl j/ctl status | sed 's/.*"resets":\([0-9]*\),.*/\1/')
check "a board that has passed and stays is not done again" test "$(results jig.out)" -eq 1
check "nor reset again and again" test $((after - before)) -le 1
vboard ctl j/ctl cut-power
check "its removal is seen" sh -c 'for i in $(seq 600); do [ "$(grep -c "\"phase\":\"empty\"" jig.out)" -ge 2 ] && exit 0; sleep 0.1; done; exit 1'
vboard ctl j/ctl swap 24:0a:c4:83:00:04
check "and the next one" wait_for jig.out '"event":"result".*"phase":"pass","mac":"24:0a:c4:83:00:04"'
wait "$pid"
check "until there are enough" test $? -eq 0
check "two boards, two results" test "$(results jig.out)" -eq 2
flasher --json line jig.json --jig --slot "jig=$port" >stay.out 2>stay.err &
pid=$!
check "what had passed shows that" wait_for stay.out '"event":"result".*"phase":"before"'
pause 2
kill -INT "$pid"
wait "$pid"
check "the line ends while a board sits in the jig" test $? -eq 0
check "which runs" sh -c 'for i in $(seq 600); do vboard ctl j/ctl status | grep -q "\"state\":\"running\"" && exit 0; sleep 0.1; done; exit 1'
racks_stop

# ---- a ledger that can be read and not written is told before the first board ----
mkdir frozen && cp ledger.sqlite frozen/
if read_only frozen true 2>/dev/null; then
        run read_only frozen flasher line --check job.json --ledger frozen/ledger.sqlite
        expect "a ledger on a disk that is read only" 5 'frozen/ledger.sqlite'
        if command -v sqlite3 >/dev/null; then
                cp ledger.sqlite copy.sqlite # a station that was killed has left its log
                sqlite3 copy.sqlite 'PRAGMA wal_autocheckpoint=0' 'CREATE TABLE more(x)' '.shell cp copy.sqlite-wal copy.sqlite-shm frozen' >/dev/null
                mv frozen/copy.sqlite-wal frozen/ledger.sqlite-wal
                mv frozen/copy.sqlite-shm frozen/ledger.sqlite-shm
                run read_only frozen flasher line --check job.json --ledger frozen/ledger.sqlite
                expect "with the log of a station that was killed" 5 'frozen/ledger.sqlite: the ledger can only be read'
        else
                skip "with the log of a station that was killed" "no sqlite3 here"
        fi
else
        skip "a ledger on a disk that is read only" "no mount namespaces here"
fi

finish
