# shellcheck shell=bash
# Sourced behind lib.sh by tests in which several stations share a ledger.

# told_once NAME LOG…: of what the stations were told, a MAC has one serial number, a serial number one MAC
told_once() {
        local name=$1
        shift
        cat "$@" | grep ' ' | sort -u >"$T/pairs"
        if [ -s "$T/pairs" ] && [ "$(cut -d' ' -f1 "$T/pairs" | sort | uniq -d | wc -l)" = 0 ] &&
                [ "$(cut -d' ' -f2 "$T/pairs" | sort | uniq -d | wc -l)" = 0 ]; then
                pass "$name"
        else
                fail "$name" "$(head -5 "$T/pairs")"
        fi
}
passed() { flasher ledger query --state passed --json "$@" | wc -l; }
