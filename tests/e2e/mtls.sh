#!/usr/bin/env bash
# A real broker: mosquitto with certgen's PKI, mutual TLS with a device's certificate; strangers and the revoked stay out.
# shellcheck source=tests/lib.sh
. tests/lib.sh
for program in mosquitto mosquitto_pub mosquitto_sub openssl; do
        PATH=$PATH:/usr/sbin command -v $program >/dev/null || { skip mtls "$program is not installed"; finish; exit; }
done
PATH=$PATH:/usr/sbin
cd "$T" || exit 5
chmod 755 "$T"
port=$((20000 + $$ % 20000))
run certgen -q pki --ip 127.0.0.1 --dns localhost --mosquitto-dir "$T/broker" bench
expect "pki" 0
mkdir broker
cp bench/ca.crt bench/server.crt bench/server.key broker/
certgen -q --ca bench/ca batch --count 3 --cn 'SO-%06u' --out batch >/dev/null || fail "batch"
certgen -q --ca bench/ca batch --count 1 --cn 'R-%06u' --key rsa2048 --out batch >/dev/null || fail "batch of RSA"
certgen -q ca --no-passphrase strangers 2>/dev/null >&2
certgen -q --ca strangers device --cn SO-000001 --out stranger >/dev/null
certgen -q --ca bench/ca register mosquitto --mosquitto-dir "$T/broker" --out pack >/dev/null || fail "register mosquitto"

broker=
start() { # start CONF
        [ -n "$broker" ] && kill "$broker" 2>/dev/null && wait "$broker" 2>/dev/null
        sed "s/^listener .*/listener $port 127.0.0.1/" "$1" >mosquitto.conf
        [ "$(id -u)" = 0 ] && echo "user root" >>mosquitto.conf
        mosquitto -c mosquitto.conf >broker.log 2>&1 &
        broker=$!
        for _ in $(seq 50); do
                openssl s_client -connect "127.0.0.1:$port" </dev/null >/dev/null 2>&1 && return
                grep -q running broker.log && return
                sleep 0.1
        done
}
trap '[ -n "$broker" ] && kill $broker 2>/dev/null; rm -rf "$T"' EXIT

# talk NAME CERT KEY: publish and receive one message
talk() {
        timeout 20 mosquitto_sub -h 127.0.0.1 -p "$port" --cafile bench/ca.crt --cert "$2" --key "$3" -t "t/$1" -C 1 -W 10 >got 2>sub.err &
        local sub=$!
        for _ in 1 2 3 4 5 6; do
                sleep 0.3
                timeout 10 mosquitto_pub -h 127.0.0.1 -p "$port" --cafile bench/ca.crt --cert "$2" --key "$3" -t "t/$1" -m "hello $1" 2>pub.err
                kill -0 $sub 2>/dev/null || break
        done
        wait $sub && [ "$(cat got)" = "hello $1" ]
}

start bench/secure.conf
check "a device talks over mutual TLS" talk one batch/devices/SO-000001.crt batch/devices/SO-000001.key
check "its common name is its user name" grep -q "u'SO-000001'" broker.log
check "an RSA device too" talk rsa batch/devices/R-000001.crt batch/devices/R-000001.key
check "the bench's client too" talk client bench/client.crt bench/client.key
run timeout 10 mosquitto_pub -h 127.0.0.1 -p "$port" --cafile bench/ca.crt -t t -m x
check "without a certificate: refused" test "$status" -ne 0
run timeout 10 mosquitto_pub -h 127.0.0.1 -p "$port" --cafile bench/ca.crt --cert stranger/SO-000001.crt --key stranger/SO-000001.key -t t -m x
check "the same name from another CA: refused" test "$status" -ne 0
run timeout 10 mosquitto_pub -h 127.0.0.1 -p "$port" --cafile strangers/ca.crt --cert batch/devices/SO-000001.crt --key batch/devices/SO-000001.key -t t -m x
check "a broker of another CA is not believed" test "$status" -ne 0
run timeout 10 mosquitto_pub -h 127.0.0.1 -p "$port" --cafile bench/ca.crt --cert batch/devices/SO-000001.crt --key batch/devices/SO-000002.key -t t -m x
check "a certificate without its key: refused" test "$status" -ne 0

# revoked: the pack's settings have the list
cp pack/crl.pem broker/
start pack/secure.conf
check "with a revocation list devices still talk" talk two batch/devices/SO-000002.crt batch/devices/SO-000002.key
run certgen -q --ca bench/ca revoke SO-000002 --reason key-compromise
expect "revoke" 0
run certgen -q --ca bench/ca crl --out broker/crl.pem
expect "a new list" 0
start pack/secure.conf
run timeout 10 mosquitto_pub -h 127.0.0.1 -p "$port" --cafile bench/ca.crt --cert batch/devices/SO-000002.crt --key batch/devices/SO-000002.key -t t -m x
check "the revoked device is refused" test "$status" -ne 0
check "the broker says why" grep -qi 'revoked\|certificate' broker.log
check "the others still talk" talk three batch/devices/SO-000003.crt batch/devices/SO-000003.key
run certgen -q --ca bench/ca device --cn SO-000002 --out batch/devices --reissue
expect "the revoked device gets a new certificate" 0
check "and talks again" talk again batch/devices/SO-000002.crt batch/devices/SO-000002.key

# the update server of secure_esp, as its documentation starts it
uport=$((port + 1))
(cd bench && echo firmware >secure_esp.bin && exec openssl s_server -WWW -key update_key.pem -cert update_cert.pem -port $uport >/dev/null 2>&1) &
server=$!
for _ in $(seq 100); do # until it listens
        printf 'GET /secure_esp.bin HTTP/1.0\r\n\r\n' | timeout 20 openssl s_client -quiet -verify_return_error -verify_ip 127.0.0.1 \
                -CAfile bench/ota_certs/ca_cert.pem -connect 127.0.0.1:$uport >update.txt 2>update.err
        grep -q 'onnection refused' update.err || break
        sleep 0.1
done
kill $server 2>/dev/null
check "openssl s_server -WWW serves an update that ota_certs trusts" grep -q firmware update.txt
finish
