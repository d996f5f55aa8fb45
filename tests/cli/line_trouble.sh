#!/usr/bin/env bash
# flasher line where something goes wrong: firmware that dies, serial numbers that another batch has, labels on the wrong
# unit, boards exchanged in a jig.
. tests/lib.sh
. tests/line_lib.sh
trap line_end EXIT
cd "$T" || exit 5
LIMIT=60 # seconds; only how long something that never comes is waited for

line_job job.json ledger.sqlite
wait_for() { # FILE REGEX: until a line is there
        local end=$((SECONDS + LIMIT))
        until grep -Eq -- "$2" "$1" 2>/dev/null; do
                [ "$SECONDS" -lt "$end" ] || return 1
                sleep 0.05
        done
}
approve() { flasher --silent line --approve "$1" || fail "$1 is approved"; }

# ---- a firmware that dies is told at once, with the line it died of ----
pack() { "$O/fw/pack" --app-version 1.0.0 --project outlet -o "$1" "$2"; }
dies() { # NAME REGEX PROGRAM
        pack dead.bin "$(type -P "$3")"
        sed -e 's#"[^"]*outlet.bin"#"dead.bin"#' -e 's/"seconds": 60/"seconds": 3600/' job.json >dead.json
        approve dead.json
        run timeout "$LIMIT" flasher line dead.json --once "${slots[@]}"
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

finish
