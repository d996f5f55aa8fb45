# Outlets in provisioning on virtual boards, for the tests that source this behind tests/lib.sh.
# shellcheck shell=bash disable=SC2034
# Networks in the air: guest (open), home (correct horse).

pids=()
outlets_end() {
        kill "${pids[@]}"
        wait "${pids[@]}"
        rm -rf "$T"
} 2>/dev/null
trap outlets_end EXIT

until_ok() { # COMMAND, within a minute
        local _
        for _ in $(seq 1200); do "$@" >/dev/null 2>&1 && return; sleep 0.05; done
        return 1
}

# outlet NAME ROW...: boots with these rows of factory data. $uart: its serial port; $port: of its HTTP server, where
# it has one; said REGEX: its console has said so.
outlet() {
        board=$1
        shift
        printf 'guest\nhome\tcorrect horse\n' >"$T/air"
        printf '%s\n' key,type,encoding,value mfg_ns,namespace,, serial_no,data,string,SO-000001 "$@" >"$T/$board.csv"
        nvsgen --quiet generate "$T/$board.csv" "$T/$board.fctry" 0x6000 &&
                flasher merge-bin --chip esp32c3 --fill-flash-size 4MB --output "$T/$board.flash" 0x0 "$O/firmware/bootloader.bin" \
                        0x8000 "$O/firmware/partition-table.bin" 0xf000 "$O/firmware/ota_data_initial.bin" \
                        0x20000 "$O/firmware/outlet.bin" 0x340000 "$T/$board.fctry" >/dev/null || return
        BOARD_AIR=$T/air vboard --flash "$T/$board.flash" --control "$T/$board" --tcp 127.0.0.1:0 --json >"$T/$board.ready" 2>&1 &
        pids+=($!)
        until_ok grep -q tcp "$T/$board.ready" || return
        uart=$(sed -n 's/.*"tcp":"\([^"]*\)".*/\1/p' "$T/$board.ready")
        until_ok said 'provisioning: .* over ' || return
        port=$(vboard ctl "$T/$board" uart | tr -d '\r' | sed -n 's/.*provisioning of .* on port \([0-9]*\).*/\1/p' | tail -n 1)
}
said() { vboard ctl "$T/$board" uart | tr -d '\r' | grep -aq -- "$1"; }
