#!/usr/bin/env bash
# Espressif's own esp_prov.py provisions the outlet on the virtual board: ESP_PROV names the script, IDF_PATH the
# ESP-IDF whose messages it loads (Debian: python3-protobuf, python3-cryptography).
. tests/lib.sh

no() { skip "esp_prov.py provisions the outlet" "$1"; finish; exit; }
[ -n "${ESP_PROV:-}" ] || no "ESP_PROV does not name the script"
[ -r "$ESP_PROV" ] || no "$ESP_PROV cannot be read"
[ -r "${IDF_PATH:-}/components/protocomm/python/session_pb2.py" ] || no "IDF_PATH has no components/protocomm/python"
python=
for p in python3 /usr/bin/python3; do
        "$p" -c 'import google.protobuf, cryptography' 2>/dev/null && { python=$p; break; }
done
[ -n "$python" ] || no "no Python with protobuf and cryptography"

pids=()
cleanup() {
        kill "${pids[@]}"
        wait "${pids[@]}"
        rm -rf "$T"
} 2>/dev/null
trap cleanup EXIT
until_ok() {
        for _ in $(seq 200); do "$@" >/dev/null 2>&1 && return; sleep 0.05; done
        return 1
}
esp() { run timeout 60 "$python" "$ESP_PROV" --transport httpd --service_name "127.0.0.1:$port" "$@"; }

# outlet NAME ROW...: boots with these rows of factory data; $port
outlet() {
        local name=$1 fd
        shift
        printf '%s\n' key,type,encoding,value mfg_ns,namespace,, serial_no,data,string,SO-000001 prov_transport,data,string,softap "$@" >"$T/$name.csv"
        nvsgen --quiet generate "$T/$name.csv" "$T/$name.fctry" 0x6000 &&
                flasher merge-bin --chip esp32c3 --fill-flash-size 4MB --output "$T/$name.flash" 0x0 "$O/firmware/bootloader.bin" \
                        0x8000 "$O/firmware/partition-table.bin" 0xf000 "$O/firmware/ota_data_initial.bin" \
                        0x20000 "$O/firmware/outlet.bin" 0x340000 "$T/$name.fctry" >/dev/null || return
        BOARD_AIR=$T/air vboard --flash "$T/$name.flash" --tcp 127.0.0.1:0 --json >"$T/$name.ready" 2>&1 &
        pids+=($!)
        until_ok grep -q tcp "$T/$name.ready" || return
        exec {fd}<>"/dev/tcp/127.0.0.1/$(sed -n 's/.*"tcp":"socket:\/\/127.0.0.1:\([0-9]*\)".*/\1/p' "$T/$name.ready")"
        cat <&"$fd" >"$T/$name.uart" &
        pids+=($!)
        until_ok grep -aq 'provisioning of .* on port' "$T/$name.uart" || return
        port=$(tr -d '\r' <"$T/$name.uart" | sed -n 's/.*provisioning of .* on port \([0-9]*\).*/\1/p')
}
printf 'guest\nhome\tcorrect horse\n' >"$T/air"
printf 'abcd1234\n' >"$T/pop"

outlet one pop,data,string,abcd1234 || fail "the outlet starts" "$(cat "$T/one.uart")"
esp --sec_ver 1 --pop wrong --ssid home --passphrase 'correct horse'
check "esp_prov.py, security 1: a wrong proof of possession" grep -q 'Failed to establish session\|Error in establishing session\|Connection Failure' "$T/stdout" "$T/stderr"
esp --pop abcd1234 --ssid home --passphrase 'correct horse'
expect "esp_prov.py, security 1, found by itself" 0 "Provisioning was successful"
check "the outlet has joined" until_ok grep -aq 'network: up' "$T/one.uart"

mapfile -t verifier < <(provcli gen-cred --password-file "$T/pop" | tail -n 2)
outlet two "${verifier[@]}" || fail "the outlet starts" "$(cat "$T/two.uart")"
# no --ssid: it asks the outlet what it hears, and the second one is chosen
run timeout 60 sh -c "echo 2 | '$python' '$ESP_PROV' --transport httpd --service_name 127.0.0.1:$port --sec_ver 2 --sec2_username wifiprov \
        --sec2_pwd abcd1234 --passphrase 'correct horse'"
expect "esp_prov.py, security 2, network from its list" 0 "Provisioning was successful"
check "the outlet's networks in its table" grep -Eq 'home .*020000000001 .* 1 .*-42.*WPA2_PSK' "$T/stdout"
check "the outlet has joined" until_ok grep -aq 'network: up' "$T/two.uart"

# security 0 is nothing that an outlet offers; the test device has the same machine
"$O/tests/provdev" 0 >"$T/zero" 2>&1 &
pids+=($!)
until_ok grep -q '^port' "$T/zero"
port=$(sed -n 's/^port //p' "$T/zero")
esp --sec_ver 0 --ssid lab-main --passphrase 'correct horse' --custom_data hello
expect "esp_prov.py, security 0, with custom data" 0 "Provisioning was successful"
check "custom data arrived" grep -q '^custom hello' "$T/zero"
finish
