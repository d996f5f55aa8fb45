#!/bin/sh
# make demo: a product from its certificates to an update over the air, on a virtual board and a local cloud. Says what it
# does, line by line. The steps are the files of samples/demo, in the order of their names; they share one shell.
set -eu
cd "$(dirname "$0")/.."
: "${BIN:?BIN must name the folder with the tools}"
BIN=$(cd "$BIN" && pwd)
export BIN
PATH=$BIN:$PATH
top=$(pwd)
out=${DEMO_DIR:-$top/build/demo}
case $out in /*) ;; *) out=$top/$out ;; esac
built=$(cd "$BIN/.." && pwd) # firmware/, fw/
began=$(date +%s)
monitor=

stop_demo() {
        [ -z "$monitor" ] || kill "$monitor" 2>/dev/null || :
        if [ -S "$out/board.ctl" ]; then vboard ctl "$out/board.ctl" quit >/dev/null 2>&1 || :; fi
        if [ -S "$out/line/board0.ctl" ]; then vboard ctl "$out/line/board0.ctl" quit >/dev/null 2>&1 || :; fi
        if [ -d "$out/cloud/run" ]; then "$top/samples/cloud/down" "$out/cloud" >/dev/null || :; fi
}
trap 'stop_demo' EXIT
trap 'exit 130' INT TERM HUP
stop_demo # of one that was killed
rm -rf "$out"
mkdir -p "$out"

step() { printf '\n\033[1m%s\033[0m\n' "== $*"; }
show() { # runs a command, and says it so that it can be typed again
        printf '$'
        for word in "$@"; do
                case $word in
                *[!A-Za-z0-9_./:=,@%+-]*) printf " '%s'" "$word" ;;
                *) printf ' %s' "$word" ;;
                esac
        done
        echo
        "$@"
}
wait_for() { # COMMAND…: until it succeeds, a minute at most
        for _ in $(seq 600); do
                if "$@"; then return 0; fi
                sleep 0.1
        done
        printf 'demo: waited a minute for: %s\n' "$*" >&2
        return 1
}

cp samples/outlet/*.csv "$out/"
cd "$out"
for part in "$top"/samples/demo/*.sh; do
        # shellcheck source=/dev/null
        . "$part"
done
printf '\nDone in %d s. Everything is in %s\n' "$(($(date +%s) - began))" "$out"
