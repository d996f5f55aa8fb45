#!/bin/sh
# From a bare virtual board to a secured, provisioned and updated outlet, command by command: README.md beside this says
# why. SECURE_DIR: where everything goes.
set -eu
cd "$(dirname "$0")/../../.."
: "${BIN:?BIN must name the folder with the tools}"
BIN=$(cd "$BIN" && pwd)
export BIN
PATH=$BIN:$PATH
top=$(pwd)
built=$(cd "$BIN/.." && pwd) # firmware/, fw/
out=${SECURE_DIR:-$top/build/secure}
case $out in /*) ;; *) out=$top/$out ;; esac
monitor=

stop_all() {
        [ -z "$monitor" ] || kill "$monitor" 2>/dev/null || :
        if [ -S "$out/board.ctl" ]; then vboard ctl "$out/board.ctl" quit >/dev/null 2>&1 || :; fi
        if [ -d "$out/cloud/run" ]; then "$top/samples/cloud/down" "$out/cloud" >/dev/null || :; fi
}
trap 'stop_all' EXIT
trap 'exit 130' INT TERM HUP
stop_all # of one that was killed
rm -rf "$out"
mkdir -p "$out"
cp "$top/samples/outlet/mfg_config.csv" "$top/samples/outlet/secure/partitions.csv" \
        "$top/samples/outlet/secure/profile.json" "$out/"
cd "$out"

step() { printf '\n\033[1m%s\033[0m\n' "== $*"; }
show() { # runs a command, and says it so that it can be typed again
        printf '$ %s\n' "$*"
        "$@"
}
refused() { # a command that has to fail; its words are shown
        printf '$ %s\n' "$*"
        if "$@"; then
                echo "secure: this should have been refused" >&2
                exit 1
        fi
}
wait_for() { # COMMAND…: until it succeeds, a minute at most
        for _ in $(seq 600); do
                if "$@"; then return 0; fi
                sleep 0.1
        done
        printf 'secure: waited a minute for: %s\n' "$*" >&2
        return 1
}
# heard REGEX: shows the lines of the serial port that were not shown yet, up to the one that is waited for
shown=0
heard() {
        last=$(tail -n "+$((shown + 1))" uart.txt | grep -anm1 -E -- "$1" | cut -d: -f1)
        [ -n "$last" ] || return 1
        tail -n "+$((shown + 1))" uart.txt | head -n "$last" | tr -d '\r' | sed 's/^/  | /'
        shown=$((shown + last))
}

step "Once a product: two signing keys, one of them in a safe, and their public halves"
show flasher generate-signing-key sign1.pem
show flasher generate-signing-key sign2.pem
show flasher extract-public-key --key sign1.pem sign1.pub
show flasher extract-public-key --key sign2.pem sign2.pub
show flasher digest-key sign1.pem

step "Once a release: bootloader and app are signed, the table made"
show partgen --quiet partitions.csv partition-table.bin
show flasher sign --key sign1.pem --output bootloader.bin "$built/firmware/bootloader.bin"
show flasher sign --key sign1.pem --output outlet.bin "$built/firmware/outlet.bin"
show flasher verify-signature --key sign1.pem outlet.bin

step "A cloud, and the credentials of the unit"
show certgen ca ca --cn "Secure Outlets" --no-passphrase --quiet
show certgen device --ca ca --cn SO-000001 --prov --out devices --quiet
show "$top/samples/cloud/up" --ca ca --devices devices --mqtt-port 0 cloud >cloud.txt
. ./cloud/cloud.env # HOST, MQTT_PORT, REST_PORT, UPDATE_PORT, CA, WWW

step "Once a unit: a key for its flash, keys for its NVS, its factory data under these"
sed -n 's/.*"pop": "\([^"]*\)".*/\1/p' devices/SO-000001.prov | tr -d '\n' >pop # is on the unit's label
printf '%s\n' "endpoint,data,string,$HOST:$MQTT_PORT" pop,file,string,pop >>mfg_config.csv
show flasher generate-flash-key flash.key
show nvsgen generate-key --keyfile nvs_keys.bin --outdir .
show nvsgen encrypt mfg_config.csv fctry.bin --partition-table partitions.csv --partition fctry --inputkey keys/nvs_keys.bin

step "A bare board, and its flash: what is wrong is found before a byte is written"
printf 'home\tcorrect horse\n' >air # the networks that are on the air for it
BOARD_AIR=$out/air vboard --flash flash.bin --efuse efuse.bin --control board.ctl --rfc2217 127.0.0.1:0 --daemon --json >board.json
port=$(sed -n 's/.*"rfc2217":"\([^"]*\)".*/\1/p' board.json)
show nvsgen generate mfg_config.csv plain.bin --partition-table partitions.csv --partition fctry
refused flasher -p "$port" write --table partitions.csv --flash-key flash.key fctry=plain.bin
show nvsgen generate-key --keyfile stranger.bin --outdir .
refused flasher -p "$port" write --table partitions.csv --flash-key flash.key nvs_keys=keys/stranger.bin fctry=fctry.bin
show flasher -p "$port" write --table partitions.csv --flash-key flash.key bootloader=bootloader.bin \
        partition-table=partition-table.bin otadata="$built/firmware/ota_data_initial.bin" \
        nvs_keys=keys/nvs_keys.bin ota_0=outlet.bin fctry=fctry.bin

step "Its eFuses, as profile.json says: keys, flash encryption, secure boot, and download mode last"
show flasher -p "$port" secure-plan --dry-run profile.json
show flasher -p "$port" secure-plan --yes profile.json
show flasher -p "$port" get-security-info
refused flasher -p "$port" --chip esp32c3 read-flash 0x340000 0x1000 dump.bin

step "It boots: the ROM decrypts and verifies the bootloader, the bootloader the app, the app reads its factory data"
: >uart.txt
flasher -p "$port" monitor >uart.txt 2>monitor.txt &
monitor=$!
wait_for heard '^FCTRY-SELFTEST'

step "Its owner gives it a network, with the proof of possession from its label"
printf 'correct horse' >passphrase
setup=127.0.0.1:$(sed -n 's/.*provisioning of .* on port \([0-9]*\).*/\1/p' uart.txt | tail -1)
show provcli http --pop-file pop --ssid home --passphrase-file passphrase "$setup"
wait_for heard 'cloud: connected'

step "Updates: one without a signature, one by a stranger, one of ours"
me="--tlsv1.2 --cacert ca/ca.crt --cert devices/SO-000001.crt --key devices/SO-000001.key"
thing=https://$HOST:$REST_PORT/things/SO-000001/shadow
update() {
        # shellcheck disable=SC2086
        show curl -sS -d "{\"state\":{\"desired\":{\"ota_url\":\"https://$HOST:$UPDATE_PORT/$1\"}}}" $me "$thing"
        echo
}
"$built/fw/pack" --app-version 1.1.0 --project outlet -o cloud/www/unsigned.bin "$built/fw/outlet.elf"
show flasher generate-signing-key stranger.pem
show flasher sign --key stranger.pem --output cloud/www/stranger.bin cloud/www/unsigned.bin
show flasher sign --key sign1.pem --output cloud/www/outlet-1.1.0.bin cloud/www/unsigned.bin
update unsigned.bin
wait_for heard 'update: refused: the signature is not good'
update stranger.bin
wait_for heard 'update: refused: the signature is not good'
update outlet-1.1.0.bin
wait_for heard 'update: version 1.1.0 is valid'

step "Reset to factory: the network is forgotten, identity and keys stay"
show vboard ctl board.ctl press 11000
wait_for heard 'reset to factory'
wait_for heard '^FCTRY-SELFTEST'
setup=127.0.0.1:$(sed -n 's/.*provisioning of .* on port \([0-9]*\).*/\1/p' uart.txt | tail -1)
show provcli http --pop-file pop --ssid home --passphrase-file passphrase "$setup"
wait_for heard 'cloud: connected'

step "What a thief of the flash chip has"
for secret in 'PRIVATE KEY' SO-000001 'correct horse' outlet "$(cat pop)"; do
        if grep -aqF -- "$secret" flash.bin; then
                printf 'secure: the flash holds "%s" in the clear\n' "$secret" >&2
                exit 1
        fi
done
echo "ciphertext: no key, no name, no passphrase"
printf '\nDone. Everything is in %s\n' "$out"
