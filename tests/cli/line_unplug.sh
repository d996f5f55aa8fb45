#!/usr/bin/env bash
# flasher line where boards, files and the station's disk come and go: a link lost in each phase, a board exchanged while
# it is worked on, one MAC in two slots, a ledger that somebody holds, a disk that fills, files of the job that change.
. tests/lib.sh
. tests/line_lib.sh
trap line_end EXIT
cd "$T" || exit 5
LIMIT=60 # seconds; only how long something that never comes is waited for

line_job job.json ledger.sqlite
flasher --silent line --approve job.json || fail "the job is approved"

# start FILE OPTIONS…: a line in the background, its lines in FILE; $pid.
start() {
        local out=$1
        shift
        flasher --json line job.json "$@" >"$out" 2>"$out.err" &
        pid=$!
}
# at FILE REGEX COMMAND…: as soon as the line says so, not at the next look. The line is started by OPTIONS in $slots.
at() {
        local out=$1 regex=$2 line
        shift 2
        mkfifo "$out.pipe"
        flasher --json line job.json "${slots[@]}" >"$out.pipe" 2>"$out.err" &
        pid=$!
        while read -r line; do
                echo "$line" >>"$out"
                [[ -n $regex && $line =~ $regex ]] || continue
                regex=
                "$@"
        done <"$out.pipe" &
}
result='"event":"result".*'
told() { wait_for "$1" "$result$2"; }

# ---- the link goes ----
rack cut 1 24:0a:c4:b0:00:01 --pace
mapfile -t slots <cut/slots
slots+=(--once)
at cut.out '"phase":"test"' vboard ctl cut/ctl fault cut=0
wait "$pid"
check "a connection lost behind the writing is made again, and the unit passes" told cut.out '"phase":"pass","mac":"24:0a:c4:b0:00:01","serial":"SO-000001"'
racks_stop

rack gone 1 24:0a:c4:b1:00:01 --pace
mapfile -t slots <gone/slots
port=$(sed 's/.*=rfc/rfc/' gone/slots)
board() { vboard --flash gone/flash.bin --efuse gone/efuse.bin --mac 24:0a:c4:b1:00:01 --rfc2217 "${port#rfc2217://}" --pace --daemon --pid-file gone/pid >/dev/null; }
rack_stop gone
pull() { kill -9 "$(cat gone/pid)"; }
for phase in connect make write; do
        board
        : >"$phase.out"
        at "$phase.out" "\"phase\":\"$phase\"" pull
        check "pulled in phase $phase: a lost link is told as one" told "$phase.out" '"failure":"link","text":"[^"]*the link is gone; check'
        check "and its removal is seen" wait_for "$phase.out" '"phase":"empty"'
        kill -INT "$pid"
        wait "$pid"
        check "the line ends" test $? -eq 0
done
board
start gone.out --once "${slots[@]}"
wait "$pid"
check "plugged in again: the same identity passes, the third time" told gone.out '"phase":"pass","mac":"24:0a:c4:b1:00:01","serial":"SO-000002".*"attempt":3'
racks_stop

# ---- another board in its place while it is worked on ----
rack jig 1 24:0a:c4:b2:00:01 --pace
mapfile -t slots <jig/slots
slots+=(--count 1)
at swap.out '"permille":2' vboard ctl jig/ctl swap 24:0a:c4:b2:00:02
wait "$pid"
check "the line ends with the other board" test $? -eq 4
check "the identity does not go to another board" told swap.out '"phase":"fail","mac":"24:0a:c4:b2:00:01","serial":"SO-000003".*"failure":"link","text":"it was taken out before it was ready, and 24:0a:c4:b2:00:02 is in its place'
check "which gets one of its own" told swap.out '"phase":"pass","mac":"24:0a:c4:b2:00:02","serial":"SO-000004"'
run flasher ledger show --ledger ledger.sqlite SO-000003
expect "the ledger has the first one as failed" 0 'failed'
racks_stop

# ---- one MAC in two slots ----
rack m 1 24:0a:c4:b3:00:01 --pace
rack n 1 24:0a:c4:b3:00:01 --pace
mapfile -t slots < <(cat m/slots n/slots)
run flasher --json line job.json --once "${slots[@]}"
expect "two boards with one MAC at once: one becomes the unit" 4 "$result\"phase\":\"pass\""
expect "the other one is left alone" 4 "$result\"failure\":\"ledger\",\"text\":\"slot [mn]-0 works on MAC 24:0a:c4:b3:00:01"
racks_stop

# ---- a ledger that another program holds ----
hold() { # until the file held is gone
        sqlite3 ledger.sqlite 'BEGIN IMMEDIATE;' '.shell touch held; while [ -e held ]; do sleep 0.05; done' 'ROLLBACK;' &
        until [ -e held ]; do sleep 0.02; done
}
if command -v sqlite3 >/dev/null; then
        rack h 2 24:0a:c4:b4:00:01
        mapfile -t slots <h/slots
        slots+=(--once)
        at held.out '"phase":"connect"' hold
        check "a ledger that is held is told soon" wait_for held.out 'no identities are handed out: ledger: .* has held the ledger for 5 s'
        check "the boards wait" sh -c "! grep -q '\"event\":\"result\"' held.out"
        rm held
        wait "$pid"
        check "and pass when it is free" test $? -eq 0
        check "both" test "$(grep -c "$result\"phase\":\"pass\"" held.out)" -eq 2
        slots+=(--rework)
        at int.out '"phase":"connect"' hold
        wait_for int.out '"phase":"claim"'
        kill -INT "$pid"
        wait_for int.out '"stopping":true'
        kill -INT "$pid"
        wait "$pid"
        check "who does not want to wait interrupts twice" test $? -eq 5
        check "while it is still held" test -e held
        rm -f held
        racks_stop
else
        skip "a ledger that is held" "no sqlite3 here"
fi

# ---- a disk that is full: units wait, and nothing is lost ----
cat >full.sh <<'END'
mount -t tmpfs -o size=256k none small || exit 9
flasher --json line disk.json "$@" >disk.out 2>disk.err &
pid=$!
until grep -q '"phase":"connect"' disk.out; do sleep 0.02; done
cat /dev/zero >small/fill 2>/dev/null
until grep -q 'no unit can be made, the boards wait' disk.out || ! kill -0 $pid; do sleep 0.05; done
grep -c '"event":"result"' disk.out >disk.early
rm small/fill
wait $pid
END
mkdir small
sed 's#"out": "units"#"out": "small/units"#' job.json >disk.json
flasher --silent line --approve disk.json || fail "the job is approved"
if unshare -rm mount -t tmpfs none small 2>/dev/null; then
        rack d 2 24:0a:c4:b5:00:01 --pace
        mapfile -t slots <d/slots
        run timeout $((LIMIT * SLOW)) unshare -rm sh full.sh --once "${slots[@]}"
        expect "a full disk is no fault of the boards" 0
        check "it is said, with what to do" grep -q 'no unit can be made, the boards wait: .*No space left on device; free some space' disk.out
        check "nobody has failed meanwhile" grep -qx 0 disk.early
        check "with space they pass" test "$(grep -c "$result\"phase\":\"pass\"" disk.out)" -eq 2
        racks_stop
else
        skip "a full disk" "no mount namespaces here"
fi
# ---- one board a slot: what is waited for is said ----
flasher line job.json --once --slot "none=rfc2217://127.0.0.1:1" >once.out 2>once.err &
pid=$!
check "a slot without a board says so" wait_for once.out '^none: waits for a board: no connection'
kill -INT "$pid"
wait "$pid"
check "an interrupt ends the waiting" test $? -eq 0

# ---- a clock that was set back ----
if command -v sqlite3 >/dev/null; then
        sqlite3 ledger.sqlite '.backup later.sqlite'
        sqlite3 later.sqlite 'DROP TRIGGER fctry_event_keep' \
                "UPDATE fctry_event SET text = replace(text, '\"at\":\"20', '\"at\":\"29') WHERE seq = (SELECT max(seq) FROM fctry_event)"
        run flasher line --check job.json --ledger later.sqlite
        expect "a ledger with a time that is still to come is told" 0 "note: the ledger's last event is of 29[0-9-]+T[0-9:.]+Z, which is still to come by this station's clock"
        run flasher line --check job.json
        check "another one is not" sh -c '! grep -q clock stderr'
else
        skip "a clock that was set back" "no sqlite3 here"
fi

# ---- files of the job that change while the line runs ----
certgen ca other --cn Other --no-passphrase --quiet || fail "another CA"
rack f 1 24:0a:c4:b6:00:01
mapfile -t slots <f/slots
port=$(sed 's/.*=rfc/rfc/' f/slots)
rack_stop f
start file.out --slot "late=$port" --count 1
wait_for file.out '"phase":"empty"'
cp ca/ca.crt keep.crt
cp other/ca.crt ca/ca.crt
board_f() { vboard --flash f/flash.bin --efuse f/efuse.bin --mac 24:0a:c4:b6:00:01 --rfc2217 "${port#rfc2217://}" --daemon --pid-file f/pid >/dev/null; }
board_f
check "a file that is not the approved one any more goes on no unit" told file.out '"failure":"factory","text":"ca: ca/ca.crt is not the file that was approved; put that one back'
rack_stop f
cp keep.crt ca/ca.crt
wait_for file.out '"phase":"empty"' && board_f
check "the right one does" told file.out '"phase":"pass"'
wait "$pid"
mkdir -p elsewhere/ca
cp other/ca.crt elsewhere/ca/
run sh -c 'cd elsewhere && flasher line ../job.json --once --rework "$@"' - "${slots[@]}"
expect "a line that is started elsewhere" 0 PASS
rack_stop f
region f/flash.bin 0x340000 0x6000 >unit.bin
check "takes the job's files, not those of the same name there" sh -c 'nvsgen dump --json unit.bin | sed "s/\\\\n//g" | grep -qF "$(sed "1d;\$d" ca/ca.crt | tr -d "\n")"'
RACKS=${RACKS/ f/}

check "the chain is whole" flasher ledger verify --ledger ledger.sqlite
finish
