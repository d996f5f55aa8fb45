# shellcheck shell=bash
# Sourced by up and down: where things are, and what runs.
set -u
program=$(basename "$0")

say() { printf '%s\n' "$*"; }
die() { # STATUS TEXT…
        local status=$1
        shift
        printf '%s: %s\n' "$program" "$*" >&2
        exit "$status"
}

services="update shadowd broker" # in the order in which they are stopped

# The process of a service, if it is one of this folder's; a number that was given to another program does not count.
running() { # SERVICE
        local pid
        pid=$(cat "$dir/run/$1.pid" 2>/dev/null) && [ -n "$pid" ] || return 1
        tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF -- "$dir/" || return 1
        printf '%s' "$pid"
}

stop() { # SERVICE
        local pid i
        if pid=$(running "$1"); then
                kill "$pid" 2>/dev/null
                for i in $(seq 100); do
                        running "$1" >/dev/null || break
                        sleep 0.1
                done
                if running "$1" >/dev/null; then kill -KILL "$pid" 2>/dev/null; fi
        fi
        rm -f "$dir/run/$1.pid"
}

# One up or down at a time; the lock goes with the process.
lock() {
        exec 9>"$dir/run/lock" || die 5 "$dir/run/lock: cannot be written"
        flock -n 9 || die 5 "$dir: another up or down is at work there; try again when it is done"
}
