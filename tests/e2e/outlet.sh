#!/usr/bin/env bash
# The outlet on the virtual board, from an erased nvs partition to an update over the air: provisioning with a wrong and
# a right passphrase, a broker with client certificates, the button, a shadow's delta, HTTPS from a server that is
# pinned, and the next start of the new version.
. tests/lib.sh

FW=$O/firmware
for c in mosquitto mosquitto_sub mosquitto_pub openssl; do
        command -v $c >/dev/null || { skip "the outlet and its cloud" "$c is not installed"; finish; exit; }
done
pids=
cleanup() {
        local p
        for p in $pids; do pkill -P "$p"; done # what stands in a pipe
        kill "$(cat "$T/pid" 2>/dev/null)" $pids
        rm -rf "$T"
} 2>/dev/null
trap cleanup EXIT
ctl() { vboard ctl "$T/c" "$@"; }
free_port() { # nobody listens there now
        local p
        for p in $(seq $((20000 + $$ % 20000)) 45000); do
                (exec 9<>"/dev/tcp/127.0.0.1/$p") 2>/dev/null || { echo "$p"; return; }
        done
}
from=0
said() { tail -c +$((from + 1)) "$1" | tr -d '\r' | grep -aqE -- "$2"; }
until_said() { # FILE REGEX, within 15 seconds
        local i
        for i in $(seq 300); do said "$1" "$2" && return 0; sleep 0.05; done
        tail -c +$((from + 1)) "$1" | tail -15
        return 1
}
says() { check "$1" until_said "$T/uart" "$2"; }
mark() { from=$(stat -c %s "$T/uart"); }

# keys, a broker and an update server
MQTT=$(free_port)
HTTPS=$((MQTT + 1))
{
        certgen ca "$T/ca" --no-passphrase &&
                certgen server --ca "$T/ca" --ip 127.0.0.1 --name server -o "$T" &&
                certgen device --ca "$T/ca" --cn SO-000001 -o "$T" && certgen device --ca "$T/ca" --cn tester -o "$T"
} >"$T/certgen.log" 2>&1 || true
for f in server.crt server.key SO-000001.crt SO-000001.key tester.crt; do
        [ -s "$T/$f" ] || { fail "certgen made $f" "$(tail -5 "$T/certgen.log")"; finish; exit 1; }
done
cat "$T/server.crt" "$T/ca/issuing.crt" >"$T/server.pem"
cp "$T/ca/ca.crt" "$T/trust.pem"
cat >"$T/mosquitto.conf" <<EOF
user $(id -un)
listener $MQTT 127.0.0.1
cafile $T/trust.pem
certfile $T/server.pem
keyfile $T/server.key
require_certificate true
use_identity_as_username true
EOF
mosquitto -c "$T/mosquitto.conf" >"$T/broker.log" 2>&1 &
pids="$pids $!"
mkdir "$T/www"
(cd "$T/www" && exec openssl s_server -WWW -accept "127.0.0.1:$HTTPS" -cert "$T/server.pem" -key "$T/server.key" \
        -cert_chain "$T/ca/issuing.crt" >"$T/https.log" 2>&1) &
pids="$pids $!"
tester=(-h 127.0.0.1 -p "$MQTT" --cafile "$T/trust.pem" --cert "$T/tester.crt" --key "$T/tester.key")
shadow='$aws/things/SO-000001/shadow'

# the least that a shadow service says: no document yet, every update accepted with the next version
serve_shadow() {
        local n=0 topic text token
        stdbuf -oL mosquitto_sub "${tester[@]}" -v -t "$shadow/get" -t "$shadow/update" | while read -r topic text; do
                printf '%s %s\n' "$topic" "$text"
                case $topic in
                */get) mosquitto_pub "${tester[@]}" -q 1 -t "$shadow/get/rejected" -m '{"code":404,"message":"no shadow"}' ;;
                *)
                        n=$((n + 1))
                        token=$(printf '%s' "$text" | sed -n 's/.*"clientToken":"\([^"]*\)".*/\1/p')
                        mosquitto_pub "${tester[@]}" -q 1 -t "$shadow/update/accepted" -m "{\"version\":$n,\"clientToken\":\"$token\"}"
                        ;;
                esac
        done
}
for i in $(seq 100); do # the broker has to be there
        (exec 9<>"/dev/tcp/127.0.0.1/$MQTT") 2>/dev/null && break
        sleep 0.05
done
serve_shadow >"$T/shadow" 2>"$T/shadow.err" &
pids="$pids $!"

# the unit's factory partition, and the flash
printf '%s\n' key,type,encoding,value mfg_ns,namespace,, serial_no,data,string,SO-000001 \
        "cert,file,string,$T/SO-000001.crt" "priv_key,file,string,$T/SO-000001.key" "ca,file,string,$T/trust.pem" \
        "endpoint,data,string,127.0.0.1:$MQTT" pop,data,string,abcd1234 prov_transport,data,string,softap >"$T/fctry.csv"
check "nvsgen makes the factory partition" nvsgen generate "$T/fctry.csv" "$T/fctry.bin" 0x6000
printf 'other\t12345678\nhome\tcorrect horse\n' >"$T/air"
export BOARD_AIR=$T/air
vboard --flash "$T/flash" --control "$T/c" --tcp 127.0.0.1:0 --rfc2217 127.0.0.1:0 --daemon --pid-file "$T/pid" --json \
        >"$T/ready" || exit 1
exec 3<>"/dev/tcp/127.0.0.1/$(sed -n 's/.*"tcp":"socket:\/\/127.0.0.1:\([0-9]*\)".*/\1/p' "$T/ready")"
cat <&3 >"$T/uart" &
pids="$pids $!"
check "flasher writes the unit" flasher --port "$(sed -n 's/.*"rfc2217":"\([^"]*\)".*/\1/p' "$T/ready")" write-flash \
        0x0 "$FW/bootloader.bin" 0x8000 "$FW/partition-table.bin" 0xf000 "$FW/ota_data_initial.bin" \
        0x20000 "$FW/outlet.bin" 0x340000 "$T/fctry.bin"
says "the outlet boots" 'outlet [0-9.]+'
says "and waits for credentials" 'provisioning of .* on port [0-9]+'
ctl press 100
for i in $(seq 40); do [ "$(ctl output)" = on ] && break; sleep 0.05; done
if [ "$(ctl output)" = on ]; then pass "the button switches it before it has a network"; else fail "the button switches it before it has a network"; fi

# provisioning
http=$(tr -d '\r' <"$T/uart" | sed -n 's/.*provisioning of .* on port \([0-9]*\).*/\1/p' | tail -1)
printf abcd1234 >"$T/pop"
printf 'wrong horse' >"$T/wrong"
printf 'correct horse' >"$T/right"
run timeout 30 provcli http --pop-file "$T/pop" --ssid nowhere --passphrase-file "$T/right" "127.0.0.1:$http"
expect "a network that is not in the air" 4
run timeout 30 provcli http --reset --pop-file "$T/pop" "127.0.0.1:$http"
run timeout 30 provcli http --pop-file "$T/pop" --ssid home --passphrase-file "$T/wrong" "127.0.0.1:$http"
expect "a wrong passphrase" 4
run timeout 30 provcli http --reset --pop-file "$T/pop" "127.0.0.1:$http"
run timeout 30 provcli http --pop-file "$T/pop" --ssid home --passphrase-file "$T/right" "127.0.0.1:$http"
expect "the right one" 0

# the cloud
says "the broker is reached" 'cloud.*(connected|up)'
check "it reports its output, that is on" until_said "$T/shadow" 'reported.*"output": *true'
ctl press 100
check "the button is reported to the cloud" until_said "$T/shadow" 'reported.*"output": *false'
sleep 0.3
mosquitto_pub "${tester[@]}" -q 1 -t "$shadow/update/delta" -m '{"version":70,"state":{"output":true}}'
for i in $(seq 60); do [ "$(ctl output)" = on ] && break; sleep 0.05; done
if [ "$(ctl output)" = on ]; then pass "the cloud switches it"; else fail "the cloud switches it"; fi
mark

# updates
ota() { mosquitto_pub "${tester[@]}" -t "$shadow/update/delta" -m "{\"version\":$1,\"state\":{\"ota_url\":\"$2\"}}"; }
"$O/fw/pack" --app-version 9.0.0 --project outlet -o "$T/www/next.bin" "$O/fw/outlet.elf"
sed 's/\x7fELF/\x7fELG/' "$T/www/next.bin" >"$T/www/bad.bin"
ota 80 "https://127.0.0.1:$HTTPS/bad.bin"
says "a damaged image is refused" 'update: refused: the image is damaged'
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 \
        -days 2 -keyout "$T/other.key" -out "$T/other.crt" 2>/dev/null
(cd "$T/www" && exec openssl s_server -WWW -accept "127.0.0.1:$((HTTPS + 1))" -cert "$T/other.crt" -key "$T/other.key" \
        >"$T/other.log" 2>&1) &
pids="$pids $!"
mark
ota 85 "https://127.0.0.1:$((HTTPS + 1))/next.bin"
says "a server of another CA is refused" 'update: refused: .*certificate'
mark
ota 90 "https://127.0.0.1:$HTTPS/next.bin"
says "the update is started" 'slot 1: first start of a new app'
says "it runs" 'outlet 9.0.0'
says "it reaches the cloud" 'cloud.*(connected|up)'
if [ "$(ctl output)" = on ]; then pass "the output is as it was"; else fail "the output is as it was"; fi
for i in $(seq 100); do [ "$(od -An -tu1 -j$((0xf000 + 4096 + 24)) -N1 "$T/flash" | tr -d ' ')" = 2 ] && break; sleep 0.05; done
if [ "$(od -An -tu1 -j$((0xf000 + 4096 + 24)) -N1 "$T/flash" | tr -d ' ')" = 2 ]; then pass "and is confirmed"; else fail "and is confirmed"; fi
finish
