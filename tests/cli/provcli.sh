#!/usr/bin/env bash
# provcli against a device over HTTP (tests/tools/provdev.c): securities 0, 1 and 2, wrong secrets, retries.
. tests/lib.sh

device='' port='' log=''
start() { # ARGUMENTS of provdev
        stop
        log=$T/device.log
        rm -f "$log"
        "$O/tests/provdev" "$@" >"$log" 2>&1 &
        device=$!
        for _ in $(seq 100); do
                port=$(sed -n "s/^port //p" "$log" 2>/dev/null)
                [ -n "$port" ] && return
                sleep 0.05
        done
        fail "the test device starts" "$(cat "$log")"
}
stop() {
        [ -z "$device" ] || { kill "$device"; wait "$device"; } 2>/dev/null
        device=''
}
trap 'stop; rm -rf "$T"' EXIT
P() { run provcli --host "127.0.0.1:$port" "$@"; }

printf 'abcd1234\n' >"$T/pop"
printf 'wrong\n' >"$T/wrong-pop"
printf 'correct horse\n' >"$T/pass"
printf 'incorrect\n' >"$T/wrong-pass"

start 1 pop=abcd1234
P http "127.0.0.1:$port" --pop-file "$T/pop" --ssid lab-main --passphrase-file "$T/pass"
expect "security 1: provisioned" 0 "^connected to lab-main, address 192.168.77.23, channel 6, WPA2"
check "the device got the name" grep -q '^set ssid=lab-main' "$log"

start 1 pop=abcd1234
P softap --service PROV_1234 --pop abcd1234 --ssid lab-main --passphrase-file "$T/pass" --json
expect "the same as JSON" 0 '"v":1,"result":"connected","ssid":"lab-main","ip4":"192.168.77.23"'
n=$(sed -n 's/.*"requests":\([0-9]*\).*/\1/p' "$T/stdout")
check "no more than 7 requests (esp_prov takes 12)" test "${n:-99}" -le 7

start 1 pop=abcd1234
run provcli --transport softap --service_name PROV_1 --sec_ver 1 --pop abcd1234 --ssid lab-main --passphrase "correct horse" \
        --custom_data hello --host "127.0.0.1:$port" -v
expect "esp_prov.py's options" 0 "^connected"
check "custom data arrived" grep -q '^custom hello' "$log"
if grep -qE 'correct horse|abcd1234' "$T/stderr" "$T/stdout"; then fail "-v shows no secret"; else pass "-v shows no secret"; fi

start 1 pop=abcd1234
P --pop-file "$T/wrong-pop" --ssid lab-main --passphrase-file "$T/pass" softap
expect "wrong proof of possession" 4 "does not accept the proof of possession"
for _ in 2 3 4 5; do P --pop-file "$T/wrong-pop" status; done
P --pop-file "$T/pop" status
expect "after five wrong proofs the device takes no session" 4 "after five wrong proofs it must be restarted"

start 1 pop=abcd1234
P softap --pop-file "$T/pop" --ssid lab-main --passphrase-file "$T/wrong-pass" --json
expect "wrong passphrase" 4 '"result":"passphrase-wrong"'
check "the device was reset and waits again" grep -q '^reset' "$log"
P softap --pop-file "$T/pop" --ssid lab-main --passphrase-file "$T/pass"
expect "and takes the right one without a reboot" 0 "^connected"

start 1 pop=abcd1234
P softap --pop-file "$T/pop" --ssid nowhere --passphrase-file "$T/pass" --json
expect "network not found" 4 '"result":"network-not-found"'

start 1 pop=abcd1234
printf 'ssid,passphrase\nnowhere,correct horse\nlab-main,incorrect\nlab-main,correct horse\n' >"$T/try.csv"
P softap --pop-file "$T/pop" --try "$T/try.csv"
expect "--try: the third of three" 0 "^connected"
check "two resets on the way" test "$(grep -c '^reset' "$log")" = 2

start 1
P softap --ssid lab-main --passphrase-file "$T/pass"
expect "security 1 without a proof of possession" 0 "^connected"

start 0
P softap --ssid lab-main --passphrase-file "$T/pass"
expect "security 0 is refused" 1 "--insecure allows that"
check "nothing was sent" sh -c "! grep -q '^set' '$log'"
P softap --ssid lab-main --passphrase-file "$T/pass" --insecure
expect "security 0 with --insecure" 0 "^connected"

for patch in '' patch0; do
        # shellcheck disable=SC2086
        start 2 user=wifiprov password=abcd1234 $patch
        P softap --password-file "$T/pop" --ssid lab-main --passphrase-file "$T/pass"
        expect "security 2 ${patch:-patch1}" 0 "^connected"
        P --password-file "$T/wrong-pop" status
        expect "security 2 ${patch:-patch1}: wrong password" 4 "user name or password"
        P --password-file "$T/pop" --username other status
        expect "security 2 ${patch:-patch1}: wrong user" 4 "user name or password"
done

start 1 pop=abcd1234
P --pop-file "$T/pop" networks
expect "networks: the list" 0 "^ -41 dBm  channel  6  WPA2       lab-main"
check "networks: hidden, control characters, unknown mode" sh -c \
        "grep -q '(hidden)' '$T/stdout' && grep -q 'bell?' '$T/stdout' && grep -q 'mode 11' '$T/stdout' -e 'mode 11' -e far"
check "networks: six of them" test "$(wc -l <"$T/stdout")" = 6
P --pop-file "$T/pop" networks --json
expect "networks as JSON" 0 '"ssid":"lab-main","bssid":"021122334400","channel":6,"rssi":-41,"auth":"WPA2"'
P info
expect "info" 0 "^protocol v1.1, security 1, scans networks"
P info --json
expect "info as JSON" 0 '"ver":"v1.1","security":1'
P --pop-file "$T/pop" status
expect "status" 0 "^connecting"
P --pop-file "$T/pop" custom custom-data hello
expect "custom" 0 "^SUCCESS"
P --pop-file "$T/pop" custom no-such hello
expect "custom: no such endpoint" 1 "has no endpoint no-such"
P --pop-file "$T/pop" reset
expect "reset is refused when nothing failed" 4 "only a failed attempt"
P --pop-file "$T/pop" reprov
expect "reprov" 0 "waits for credentials"

printf '{"ver":"v1","name":"PROV_112233","pop":"abcd1234","transport":"softap"}' >"$T/qr"
run sh -c "provcli qr --host 127.0.0.1:$port --ssid lab-main --passphrase-file '$T/pass' <'$T/qr'"
expect "qr from standard input" 0 "^connected"
run provcli qr '{"name":"x"' --ssid lab-main --passphrase-file "$T/pass"
expect "qr: not JSON" 1 "not JSON"
run provcli qr '{"ver":"v1"}' --ssid lab-main --passphrase-file "$T/pass"
expect "qr: no name" 1 "no name"

run provcli gen-cred --salt 036ee0c7bcb9eda84c9eac97d93decf4 --password-file "$T/pop"
expect "gen-cred" 0 "^sec2_salt,data,hex2bin,036ee0c7bcb9eda84c9eac97d93decf4$"
# the verifier that ESP-IDF's example carries for wifiprov / abcd1234 and this salt
want=$(sed -n 's/.*"verifier": *"\([0-9a-f]*\)".*/\1/p' tests/golden/provisioning/sec2-patch1-full.json | head -1)
check "gen-cred: the verifier of the recorded device" grep -q "^sec2_verifier,data,hex2bin,$want$" "$T/stdout"

C() { run provcli --transport console -p "$port" "$@"; }
start 1 pop=abcd1234 console
run provcli console -p "$port" --pop-file "$T/pop" --ssid lab-main --passphrase-file "$T/pass"
expect "console, security 1: provisioned" 0 "^connected to lab-main"
C --pop-file "$T/wrong-pop" status
expect "console: wrong proof of possession" 4 "does not accept the proof of possession"
start 1 pop=abcd1234 console
C --pop-file "$T/pop" networks
expect "console: networks" 0 "lab-main"
start 2 password=abcd1234 console
C --password-file "$T/pop" status
expect "console: security 2 does not fit" 1 "security 2 never does"
stop
C info
expect "console: the port is gone" 3
run provcli console --ssid a --open
expect "console: no port" 2 "which serial port"
P info
expect "no device" 3 "cannot be reached"
P softap --pop-file "$T/pop" --ssid lab-main --passphrase-file "$T/pass" --json
expect "no device, as JSON" 3 '"result":"device-not-found"'
run provcli softap --ssid "$(printf 'x%.0s' $(seq 33))" --open
expect "SSID too long" 1 "1 to 32"
run provcli softap --ssid a --passphrase short
expect "passphrase too short" 1 "8 to 63"
run provcli softap
expect "no network named, no terminal" 2 "--ssid"
run provcli --transport pigeon info
expect "unknown transport" 1 "pigeon"
run provcli ble --ssid a --open
expect "BLE without a name" 2 "which device"
if [ -d /sys/class/bluetooth ]; then
        run provcli ble --service PROV_1234 --adapter hci99 --ssid a --open
        expect "BLE: no such controller" 1 "hci99"
else
        run provcli ble --service PROV_1234 --ssid a --open
        expect "BLE: no Bluetooth here" 1 "no Bluetooth"
        run provcli scan --json
        expect "scan: no Bluetooth here" 1 '"result":"failed"'
fi
run provcli scan --seconds 0
expect "scan: no time" 2 "1 to 600"
run provcli softap --ssid a --open --bssid nonsense
expect "bad BSSID" 1 "not an address"
finish
