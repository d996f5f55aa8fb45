#!/bin/bash
# make demo as a whole: certificates, images, flashing, booting, provisioning, an update over the air, a line of four.
. tests/bench/lib.sh
export DEMO_DIR=$W/demo
saying "make demo"
timeit sh samples/demo.sh >"$W/took"
figure "make demo, as a whole" "$(awk '{ printf "%.1f s", $1 }' "$W/took")" - - "ours <= 60 s"
