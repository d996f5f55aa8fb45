#!/bin/sh
# make demo: an outlet's factory data from certificates to a flashed (virtual) board. Says what it does.
set -eu
cd "$(dirname "$0")/.."
: "${BIN:?BIN must name the folder with the tools}"
PATH=$BIN:$PATH
top=$(pwd)
out=${DEMO_DIR:-$top/build/demo}
firmware=$BIN/../firmware
rm -rf "$out"
mkdir -p "$out"
board=
trap '[ -z "$board" ] || kill "$board" 2>/dev/null' EXIT

step() { printf '\n\033[1m%s\033[0m\n' "== $*"; }
show() {
        printf '$ %s\n' "$*"
        "$@"
}

cp samples/outlet/*.csv "$out/"
cd "$out"

step "A CA for the demo, and the credentials of the first outlet (certgen)"
show certgen ca ca --cn "Demo Outlets" --no-passphrase --quiet
show certgen device --ca ca --cn SO-000001 --out devices --quiet
show certgen verify devices/SO-000001.crt --ca ca

step "The partition table: from CSV to the bytes that go to 0x8000 (partgen)"
show partgen --flash-size 4MB partitions.csv partition-table.bin
show partgen lint partitions.csv --flash-size 4MB
show partgen map partitions.csv --flash-size 4MB

step "Factory data of the first outlet; its size is that of the fctry partition (nvsgen)"
show nvsgen mfg_config.csv out.bin --partition-table partitions.csv --partition fctry
show nvsgen check out.bin
show nvsgen verify out.bin mfg_config.csv
show nvsgen dump out.bin --redact

step "Ten more: credentials with proof of possession, images encrypted with keys of their own, a manifest"
show certgen batch --ca ca --count 10 --start 2 --cn 'SO-%06u' --prov --namespace mfg_ns --out batch --quiet
show nvsgen batch batch/config.csv batch/values.csv outlet 0x6000 --fileid serial_no --keygen --no-csv --outdir batch
head -3 batch/outlet-manifest.csv
show nvsgen dump batch/bin/outlet-SO-000007.bin --key batch/keys/keys-outlet-SO-000007.bin --redact

step "The same command again keeps what is right already"
show nvsgen batch batch/config.csv batch/values.csv outlet 0x6000 --fileid serial_no --keygen --no-csv --outdir batch

step "A virtual ESP32-C3 (vboard), flashed through its serial port (flasher)"
: >board.json
vboard --flash flash.bin --efuse efuse.bin --control board.ctl --rfc2217 127.0.0.1:0 --json >board.json &
board=$!
port=
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        port=$(sed -n 's/.*"rfc2217":"\([^"]*\)".*/\1/p' board.json)
        [ -n "$port" ] && break
        sleep 0.1
done
show flasher -p "$port" chip-id
show flasher -p "$port" write-flash "$firmware/flasher_args.json"
show flasher -p "$port" write fctry=out.bin
show flasher -p "$port" read fctry back.bin
show nvsgen verify back.bin mfg_config.csv

step "The board boots what lies on its flash: bootloader, table, otadata, app"
printf '$ flasher -p %s monitor   (for three seconds)\n' "$port"
timeout 3 flasher -p "$port" monitor || [ $? -eq 124 ]

printf '\nDone. Everything is in %s\n' "$out"
