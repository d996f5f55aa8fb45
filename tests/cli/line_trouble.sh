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

finish
