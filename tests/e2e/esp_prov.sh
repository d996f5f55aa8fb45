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

. tests/outlet_lib.sh

esp() { run timeout 60 "$python" "$ESP_PROV" --transport httpd --service_name "127.0.0.1:$port" "$@"; }

# esp_prov.py --transport console says what is to be typed and asks for what comes back: the hands between it and $uart.
hands() { # ARGUMENTS of esp_prov.py
        local ask line answer host=${uart#socket://} out in pid serial
        coproc ESP { PYTHONUNBUFFERED=1 timeout 120 "$python" "$ESP_PROV" --transport console "$@" 2>&1; }
        out=${ESP[0]} in=${ESP[1]} pid=$ESP_PID
        exec {serial}<>"/dev/tcp/${host%:*}/${host##*:}"
        : >"$T/stdout"
        while IFS= read -r ask <&"$out"; do
                printf '%s\n' "$ask" >>"$T/stdout"
                line=${ask##*Client->Device msg : }
                [ "$line" != "$ask" ] || continue
                printf '%s\r' "$line" >&"$serial"
                while IFS= read -r -t 10 answer <&"$serial"; do
                        answer=${answer%$'\r'}
                        [[ $answer =~ ^([0-9a-f][0-9a-f])+$ ]] && break
                        answer=
                done
                printf '%s\n' "$answer" >&"$in"
        done
        exec {serial}>&-
        wait "$pid"
        status=$?
        : >"$T/stderr"
}
starts() { outlet "$@" || fail "$1: the outlet starts" "$(vboard ctl "$T/$1" uart | tail)"; }
joined() { check "$1: the outlet has joined" until_ok said 'network: up'; }
home=(--ssid home --passphrase 'correct horse')
printf 'abcd1234\n' >"$T/pop"
mapfile -t verifier < <(provcli gen-cred --password-file "$T/pop" | tail -n 2)

starts one pop,data,string,abcd1234 prov_transport,data,string,softap
esp --sec_ver 1 --pop wrong "${home[@]}"
check "esp_prov.py, security 1: a wrong proof of possession" grep -q 'Failed to establish session\|Error in establishing session\|Connection Failure' "$T/stdout" "$T/stderr"
esp --pop abcd1234 "${home[@]}"
expect "esp_prov.py, security 1, found by itself" 0 "Provisioning was successful"
joined "security 1"

starts two "${verifier[@]}" prov_transport,data,string,softap
# no --ssid: it asks the outlet what it hears, and the second one is chosen
run timeout 60 sh -c "echo 2 | '$python' '$ESP_PROV' --transport httpd --service_name 127.0.0.1:$port --sec_ver 2 --sec2_username wifiprov \
        --sec2_pwd abcd1234 --passphrase 'correct horse'"
expect "esp_prov.py, security 2, network from its list" 0 "Provisioning was successful"
check "the outlet's networks in its table" grep -Eq 'home .*020000000001 .* 1 .*-42.*WPA2_PSK' "$T/stdout"
joined "security 2"

starts zero prov_security,data,string,0 prov_transport,data,string,softap
esp --sec_ver 0 "${home[@]}"
expect "esp_prov.py, security 0" 0 "Provisioning was successful"
joined "security 0"

starts console0 prov_security,data,string,0 prov_transport,data,string,console
hands --sec_ver 0 "${home[@]}"
expect "esp_prov.py over the console, security 0" 0 "Provisioning was successful"
joined "console, security 0"
starts console1 pop,data,string,abcd1234 prov_transport,data,string,console
hands --sec_ver 1 --pop wrong "${home[@]}"
check "esp_prov.py over the console: a wrong proof of possession" grep -q 'Failed to establish session\|Error in establishing session\|Failure' "$T/stdout"
hands --sec_ver 1 --pop abcd1234 "${home[@]}"
expect "esp_prov.py over the console, security 1" 0 "Provisioning was successful"
joined "console, security 1"
starts console2 "${verifier[@]}" prov_transport,data,string,console
hands --sec_ver 2 --sec2_username wifiprov --sec2_pwd abcd1234 "${home[@]}"
expect "esp_prov.py over the console, security 2" 0 "Provisioning was successful"
joined "console, security 2"

# custom data: the test device has an endpoint for it, the same machine, security 0
"$O/tests/provdev" 0 >"$T/dev" 2>&1 &
pids+=($!)
until_ok grep -q '^port' "$T/dev"
port=$(sed -n 's/^port //p' "$T/dev")
esp --sec_ver 0 --ssid lab-main --passphrase 'correct horse' --custom_data hello
expect "esp_prov.py, with custom data" 0 "Provisioning was successful"
check "custom data arrived" grep -q '^custom hello' "$T/dev"
finish
