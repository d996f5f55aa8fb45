#!/usr/bin/env bash
# A unit that makes its own key, on the virtual board's serial port: the request goes to certgen, the certificate comes
# back, the self-test's token says PASS, and the console is locked for good.
. tests/lib.sh

FW=$O/firmware
trap 'kill "$(cat "$T/pid" 2>/dev/null)" $listener 2>/dev/null; rm -rf "$T"' EXIT
listener=
ctl() { vboard ctl "$T/c" "$@"; }
from=0
heard() { tail -c +$((from + 1)) "$T/uart" | tr -d '\r'; }
until_said() { # REGEX, of a line, within a minute
        local i
        for i in $(seq 1200); do heard | grep -aqE -- "$1" && return 0; sleep 0.05; done
        heard | tail -20
        return 1
}
says() { check "$1" until_said "$2"; }
type() { # LINE…, which are answered by OK or ERROR
        from=$(stat -c %s "$T/uart")
        printf '%s\r\n' "$@" >&3
        until_said '^(OK$|ERROR )' >"$T/said"
}

# as the sample's table, but fctry is written by the unit
sed 's/, *readonly//' samples/outlet/partitions.csv >"$T/partitions.csv"
check "a table whose fctry is not read-only" partgen --quiet "$T/partitions.csv" "$T/table.bin"
certgen ca "$T/ca" --no-passphrase --quiet
vboard --flash "$T/flash" --mac 24:0a:c4:11:22:33 --control "$T/c" --tcp 127.0.0.1:0 --rfc2217 127.0.0.1:0 --daemon \
        --pid-file "$T/pid" --json >"$T/ready" || exit 1
exec 3<>"/dev/tcp/127.0.0.1/$(sed -n 's/.*"tcp":"socket:\/\/127.0.0.1:\([0-9]*\)".*/\1/p' "$T/ready")"
cat <&3 >"$T/uart" &
listener=$!
check "flasher writes the unit, without any identity" flasher --port "$(sed -n 's/.*"rfc2217":"\([^"]*\)".*/\1/p' "$T/ready")" \
        write-flash 0x0 "$FW/bootloader.bin" 0x8000 "$T/table.bin" 0xf000 "$FW/ota_data_initial.bin" 0x20000 "$FW/outlet.bin"
says "it says plainly that it has none" 'no certificate and key: the outlet works by its button only'
says "its token says what is missing" '^FCTRY-SELFTEST v1 FAIL .*mac=240ac4112233 serial=240ac4112233 .*cert=missing.* crc=[0-9a-f]{8}$'
ctl press 100
for i in $(seq 200); do [ "$(ctl output)" = on ] && break; sleep 0.05; done
if [ "$(ctl output)" = on ]; then pass "and its button works"; else fail "and its button works"; fi

type version
check "version" until_said '^outlet [0-9.]+ chip 5$'
type mac
check "mac" until_said '^240ac4112233$'
type fctry
check "fctry: nothing" until_said '^layout none$'
type wobble
check "an unknown command" until_said '^ERROR unknown command'
type cert '-----BEGIN CERTIFICATE-----' AAAA '-----END CERTIFICATE-----'
check "a certificate without a key" until_said '^ERROR not found$'

# the key is made here and stays here
type 'csr SO-000009'
check "csr" until_said '^OK$'
heard | sed -n '/BEGIN CERTIFICATE REQUEST/,/END CERTIFICATE REQUEST/p' >"$T/SO-000009.csr"
check "openssl: the request's signature is good" openssl req -in "$T/SO-000009.csr" -noout -verify
check "openssl: its subject" sh -c "openssl req -in '$T/SO-000009.csr' -noout -subject | grep -q 'CN *= *SO-000009'"
type 'csr SO-000009'
heard | sed -n '/BEGIN CERTIFICATE REQUEST/,/END CERTIFICATE REQUEST/p' >"$T/again.csr"
key_of() { openssl req -in "$1" -noout -pubkey; }
if [ "$(key_of "$T/SO-000009.csr")" = "$(key_of "$T/again.csr")" ]; then pass "asked again: the same key"; else fail "asked again: the same key"; fi
type 'csr SO-000010'
check "another serial number is refused" until_said '^ERROR exists already$'
check "certgen signs it" certgen sign --ca "$T/ca" -o "$T/devices" "$T/SO-000009.csr"
certgen device --ca "$T/ca" --cn SO-000010 -o "$T/devices" --quiet
mapfile -t lines <"$T/devices/SO-000010.crt"
type cert "${lines[@]}"
check "another unit's certificate is refused" until_said '^ERROR verification failed$'
mapfile -t lines <"$T/devices/SO-000009.crt"
type cert "${lines[@]}"
check "its own is taken" until_said '^OK$'
says "it restarts as what it is now" 'identity: SO-000009, from fctry/mfg_ns'
says "and its token says PASS" '^FCTRY-SELFTEST v1 PASS .*serial=SO-000009 slot=valid nvs=ok fctry=ok cert=ok output=ok button=ok crc='
type 'csr SO-000009'
check "no second identity" until_said '^ERROR exists already$'
if tr -d '\r' <"$T/uart" | grep -aq 'PRIVATE KEY'; then fail "the key was never printed"; else pass "the key was never printed"; fi
if grep -aq 'BEGIN PRIVATE KEY\|BEGIN EC PRIVATE KEY' "$T/flash"; then pass "it lies in the unit's flash"; else fail "it lies in the unit's flash"; fi

# locked: now, after a restart, after a reset to factory
type selftest
check "selftest" until_said '^OK$'
type lock
check "lock" until_said '^OK$'
bad=
for word in help version mac fctry csr cert selftest lock wobble; do
        type $word
        heard | grep -aqx 'ERROR locked' || bad="$bad $word"
done
if [ -z "$bad" ]; then pass "every command is refused"; else fail "every command is refused" "not:$bad"; fi
for how in reset factory; do
        from=$(stat -c %s "$T/uart")
        if [ $how = reset ]; then ctl reset; else ctl press 3500; fi
        says "$how: it starts" 'identity: SO-000009'
        says "$how: and waits" 'provisioning'
        if heard | grep -aq FCTRY-SELFTEST; then fail "$how: no token"; else pass "$how: no token"; fi
        type selftest
        check "$how: still locked" until_said '^ERROR locked$'
done
ctl quit >"$T/quit"
for i in $(seq 200); do kill -0 "$(cat "$T/pid" 2>/dev/null)" 2>/dev/null || break; sleep 0.05; done

# FreeRTOS's layout (samples/freertos-creds): DER in the partition storage; the key belongs to the certificate
mkdir "$T/testdata"
openssl x509 -in "$T/devices/SO-000010.crt" -outform DER -out "$T/testdata/cert.der"
openssl pkcs8 -topk8 -nocrypt -in "$T/devices/SO-000010.key" -outform DER -out "$T/testdata/privatekey.der"
openssl x509 -in "$T/ca/ca.crt" -outform DER -out "$T/testdata/csk.der"
cp samples/freertos-creds/*.csv "$T"
check "nvsgen makes the storage partition" sh -c "cd '$T' && nvsgen --version v2 --input partition.csv --output partition.bin \
        --partition-table partitions.csv --partition storage && partgen --quiet partitions.csv table.bin"
place() { dd if="$2" of="$T/flash2" bs=4096 seek=$(($1 / 4096)) conv=notrunc status=none; }
head -c $((4 << 20)) /dev/zero | tr '\0' '\377' >"$T/flash2"
place 0 "$FW/bootloader.bin"
place 0x8000 "$T/table.bin"
place 0x20000 "$FW/outlet.bin"
place "$(partgen "$T/table.bin" | sed -n 's/^storage,[^,]*,[^,]*,\(0x[0-9a-f]*\),.*/\1/p')" "$T/partition.bin"
vboard --flash "$T/flash2" --control "$T/c" --tcp 127.0.0.1:0 --daemon --pid-file "$T/pid" >"$T/ready" || exit 1
uart_says() { local i; for i in $(seq 1200); do ctl uart | tr -d '\r' | grep -aqE -- "$1" && return 0; sleep 0.05; done; ctl uart; return 1; }
check "DER from storage is an identity" uart_says 'identity: 240ac4000001, from storage/creds'
check "the certificate is that of the key" uart_says '^FCTRY-SELFTEST v1 PASS .*cert=ok'
finish
