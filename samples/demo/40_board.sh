# shellcheck shell=sh
# A board, flashed as on the line.
step "A virtual ESP32-C3 (vboard), flashed through its serial port (flasher)"
printf 'home\tcorrect horse\n' >air # the networks that are on the air for it
BOARD_AIR=$out/air vboard --flash flash.bin --efuse efuse.bin --control board.ctl --rfc2217 127.0.0.1:0 --daemon --json >board.json
port=$(sed -n 's/.*"rfc2217":"\([^"]*\)".*/\1/p' board.json)
show flasher -p "$port" chip-id
show flasher -p "$port" write-flash "$built/firmware/flasher_args.json"
show flasher -p "$port" write fctry=out.bin
show flasher -p "$port" read fctry back.bin
show nvsgen verify back.bin mfg_config.csv

# heard REGEX: shows the lines of the serial port that were not shown yet, up to the one that is waited for
shown=0
heard() {
        last=$(tail -n "+$((shown + 1))" uart.txt | grep -anm1 -E -- "$1" | cut -d: -f1)
        [ -n "$last" ] || return 1
        tail -n "+$((shown + 1))" uart.txt | head -n "$last" | tr -d '\r' | sed 's/^/  | /'
        shown=$((shown + last))
}
