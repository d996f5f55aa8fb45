#!/usr/bin/env bash
# Every sample runs as its README says.
. tests/lib.sh

demo() {
        run env DEMO_DIR="$T/demo" sh samples/demo.sh
        expect "make demo's script" 0 "^Done in [0-9]+ s"
        check "demo: the table is 0xC00 bytes" test "$(stat -c %s "$T/demo/partition-table.bin")" = 3072
        check "demo: the image is as large as fctry" test "$(stat -c %s "$T/demo/out.bin")" = 24576
        check "demo: ten encrypted images" test "$(find "$T/demo/batch/bin" -name '*.bin' -size 24k | wc -l)" = 10
        check "demo: the board's flash holds the factory data" nvsgen verify "$T/demo/flash.bin" "$T/demo/mfg_config.csv" --partition fctry
        check "demo: no private key in clear text in an encrypted image" sh -c "! grep -rlq 'PRIVATE KEY' '$T/demo/batch/bin'"
        expect "demo: the outlet goes on" 0 '^  \| .*shadow: output is 1'
        expect "demo: a damaged image is refused" 0 '^  \| .*refused: the image is damaged'
        expect "demo: the update is valid" 0 '^  \| .*version 1\.1\.0 is valid'
        check "demo: the shadow has the last word" sh -c "grep '^{' '$T/stdout' | tail -1 | grep -q '\"output\":true.*\"fw_version\":\"1.1.0\"'"
        check "demo: the line has made four units" test "$(grep -cE '^[1-4]: PASS SO-00100[1-4] ' "$T/stdout")" = 4
        check "demo: with four labels" test "$(find "$T/demo/line/labels" -name 'SO-00100[1-4].png' -size +0 | wc -l)" = 4
        expect "demo: and a yield" 0 '^yield +100\.0 %'
        if ps -eo args | grep -F "$T/demo" | grep -qv grep; then fail "demo: nothing is left running" "$(ps -eo args | grep -F "$T/demo")"; else pass "demo: nothing is left running"; fi
}
missing=
for c in mosquitto nginx curl setsid flock; do
        PATH=$PATH:/usr/sbin command -v $c >/dev/null || missing="$missing $c"
done
if [ -n "$missing" ]; then skip "make demo's script" "not installed:$missing"; else demo; fi

cp -r samples/certs-in-nvs samples/freertos-creds "$T/"
certs=$T/certs-in-nvs
check "a CA" certgen ca "$T/ca" --no-passphrase --quiet
check "credentials" certgen device --ca "$T/ca" --cn SO-000001 --out "$T/pem" --quiet
mkdir -p "$certs/build" "$certs/main/certificates"
cp "$T/pem/SO-000001.crt" "$certs/main/certificates/certificate.pem.crt"
cp "$T/pem/SO-000001.key" "$certs/main/certificates/private.pem.key"
cd "$certs/build" || exit 1
run nvsgen generate ../main/nvs.csv certs.bin 16384
expect "certs-in-nvs: the post's command" 0
check "certs-in-nvs: size" test "$(stat -c %s certs.bin)" = 16384
check "certs-in-nvs: holds the values" nvsgen verify certs.bin ../main/nvs.csv
run nvsgen dump --json certs.bin
expect "certs-in-nvs: namespace certs" 0 '"ns": ?"certs"'

cd "$T/freertos-creds" || exit 1
mkdir -p testdata
openssl x509 -in "$T/pem/SO-000001.crt" -outform DER -out testdata/cert.der
openssl pkcs8 -topk8 -nocrypt -in "$T/pem/SO-000001.key" -outform DER -out testdata/privatekey.der
openssl x509 -in "$T/ca/ca.crt" -outform DER -out testdata/csk.der
run nvsgen --version v2 --input partition.csv --output partition.bin --partition-table partitions.csv --partition storage
expect "freertos-creds: the workshop's command" 0
check "freertos-creds: size of storage" test "$(stat -c %s partition.bin)" = 65536
check "freertos-creds: holds the values" nvsgen verify partition.bin partition.csv
cd "$TOP" || exit 1
finish
