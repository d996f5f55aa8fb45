#!/usr/bin/env bash
# The line against everything that goes wrong at once: many boards, faults on a third of them, the station killed with
# SIGKILL at random moments. Every unit passes in the end, no identity is given twice, none is lost, every flash holds what
# it should. The whole evidence: LINE_KILLS=100 LINE_BOARDS=32.
. tests/lib.sh
. tests/line_lib.sh
trap line_end EXIT
RANDOM=${LINE_SEED:-$$}
kills=${LINE_KILLS:-6} boards=${LINE_BOARDS:-16}
cd "$T" || exit 5

line_job job.json ledger.sqlite
head -c 3072 "$FW/partition-table.bin" >table.bin
run flasher line --approve job.json
expect "job is approved" 0
lots "$kills" "$boards" ledger.sqlite 1
lots_judge "$kills" "$boards" ledger.sqlite
finish
