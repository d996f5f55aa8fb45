#!/usr/bin/env bash
# The line against everything that goes wrong at once: many boards, faults on a third of them, the station killed with
# SIGKILL at random moments. Every unit passes in the end, no identity is given twice, none is lost, every flash holds what
# it should. LINE_KILLS=100 for the whole evidence; lots of LINE_BOARDS fresh boards until so many kills have hit.
. tests/lib.sh
. tests/line_lib.sh
trap 'racks_stop; rm -rf "$T"' EXIT
KILLS=${LINE_KILLS:-6}
BOARDS=${LINE_BOARDS:-16}
RANDOM=${LINE_SEED:-$$}
cd "$T" || exit 5

line_job job.json ledger.sqlite
head -c 3072 "$FW/partition-table.bin" >table.bin
run flasher line --approve job.json
expect "job is approved" 0

killed=0 lots=0 units=0 runs=0 longest=1500
: >ids
while [ "$killed" -lt "$KILLS" ]; do
        lots=$((lots + 1))
        rack "lot$lots" "$BOARDS" "$(printf '24:0a:c4:%02x:%02x:01' $((lots / 256)) $((lots % 256)))" || break
        mapfile -t slots <"lot$lots/slots"
        tries=0 done_=0
        while [ "$done_" -lt "$BOARDS" ] && [ "$tries" -lt 60 ]; do
                tries=$((tries + 1)) runs=$((runs + 1))
                mend "lot$lots" "$BOARDS"
                # a board without power takes a run that is not killed eight seconds
                [ "$tries" -lt 40 ] && faults "lot$lots" "$BOARDS" "$([ "$killed" -lt "$KILLS" ] && echo 9 || echo 8)"
                flasher --json line job.json --once "${slots[@]}" >run.json 2>run.err &
                pid=$!
                if [ "$killed" -lt "$KILLS" ]; then
                        ms=$((RANDOM % longest + 20))
                        sleep "$((ms / 1000)).$(printf %03d $((ms % 1000)))"
                        kill -9 "$pid" 2>/dev/null
                fi
                wait "$pid" 2>/dev/null
                rc=$?
                if [ "$rc" -eq 137 ]; then killed=$((killed + 1)); fi
                grep '"event":"result"' run.json | grep -o '"phase":"[a-z]*","mac":"[^"]*"' >>"results$lots"
                before=$done_
                done_=$(grep -E '"phase":"(pass|before)"' "results$lots" | sort -u -t, -k2 | wc -l)
                # a slow machine gets further before it is killed, a quick one is killed in the middle
                if [ "$done_" -eq "$before" ]; then longest=$((longest * 5 / 4)); elif [ "$done_" -eq "$BOARDS" ]; then longest=$((longest * 4 / 5 + 200)); fi
        done
        units=$((units + done_))
        echo "# lot $lots: $done_ of $BOARDS passed in $tries runs, $killed kills so far"
        rack_stop "lot$lots"
        holds "lot$lots" "$BOARDS" >>differ
        identities "lot$lots" "$BOARDS" >>ids
        if [ "$done_" -lt "$BOARDS" ]; then break; fi
done

check "the station was killed $killed times in $runs runs" test "$killed" -ge "$KILLS"
check "every board of $lots lots has passed" test "$units" -eq $((lots * BOARDS))
if [ -s differ ]; then fail "every flash holds table, bootloader and app" "$(head differ)"; else pass "every flash holds table, bootloader and app ($units read back)"; fi
if grep -q '^BAD ' ids; then fail "every flash holds its unit's own factory data" "$(grep '^BAD ' ids | head)"; else pass "every flash holds its unit's own factory data"; fi
twice=$(awk '{print $1}' ids | sort | uniq -d; awk '{print $2}' ids | sort | uniq -d)
if [ -z "$twice" ]; then pass "no serial number and no certificate twice"; else fail "no serial number and no certificate twice" "$twice"; fi
check "no serial number lost: $units units, the last is SO-$(printf %06u "$units")" \
        sh -c "awk '{print \$1}' ids | sort | tail -1 | grep -qx 'SO-$(printf %06u "$units")'"
finish
