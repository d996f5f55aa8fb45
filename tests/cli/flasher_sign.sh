#!/usr/bin/env bash
# Signing and flash encryption on the command line: keys of every kind and place, wrong ones, lost output.
. tests/lib.sh
cd "$T" || exit 5
key() { flasher generate-signing-key --scheme "$1" "$2" 2>/dev/null; }
key rsa3072 rsa.pem
key ecdsa256 p256.pem
head -c 6000 /dev/urandom >app.bin

# usage
run flasher sign app.bin
expect "no key" 2 'with which key'
run flasher sign --version 3 --key rsa.pem app.bin
expect "no such version" 2 '1 or 2'
run flasher sign --version 1 --key p256.pem --key rsa.pem app.bin
expect "version 1 with two keys" 2 'one signature'
run flasher sign --key rsa.pem --append --replace app.bin
expect "--append and --replace" 2 'exclude'
run flasher sign --key rsa.pem --signature rsa.pem app.bin
expect "a signature without its public key" 2 'in pairs'
run flasher verify-signature app.bin
expect "verify, by whom?" 2 'by whom'
run flasher generate-signing-key --scheme rsa2048 x.pem
expect "no such scheme" 2 'none of rsa3072'
run flasher encrypt --key rsa.pem app.bin
expect "encrypt, where?" 2 'address'
run flasher encrypt --key rsa.pem --address 0x1001 app.bin
expect "an address that is no block's" 2 'multiple of 16'
run flasher --chip esp8266 encrypt --key rsa.pem --address 0 app.bin
expect "a chip without flash encryption" 2 'has no flash encryption'

# wrong files, one line each
run flasher sign --key none.pem app.bin
expect "no such key file" 1 'none.pem'
[ "$(wc -l <stderr)" = 1 ] && pass "one line" || fail "one line" "$(cat stderr)"
run flasher sign --key app.bin -o out.bin app.bin
expect "a key that is none" 1 'app.bin: not a private key'
run flasher sign --key rsa.pem -o out.bin none.bin
expect "no such image" 1 'none.bin'
run flasher sign --key rsa.pem -o rsa.pem app.bin
expect "the output is the key" 2 'is an input'
flasher extract-public-key --key rsa.pem rsa.pub
run flasher sign --key rsa.pub -o out.bin app.bin
expect "a public key does not sign" 1 'not a private key'
openssl genrsa -out rsa2048.pem 2048 2>/dev/null
run flasher sign --key rsa2048.pem -o out.bin app.bin
expect "RSA-2048" 1 'takes RSA-3072 or ECDSA'
run flasher sign --version 1 --key rsa.pem -o out.bin app.bin
expect "version 1 takes no RSA" 1 'takes an ECDSA P-256'
run flasher sign --key rsa.pem -o nowhere/out.bin app.bin
expect "an output that cannot be" 1 'nowhere'
run flasher --json sign --key rsa.pem -o out.bin app.bin
expect "signed" 0 '"event":"signed".*"bytes":12288,"signatures":1'
run sh -c 'flasher --json sign --key rsa.pem -o out2.bin app.bin >/dev/full'
expect "a lost line is a failure" 5
run sh -c 'flasher signature-info out.bin >/dev/full'
expect "signature-info to a full disk" 5
run sh -c 'flasher digest-key rsa.pem >/dev/full'
expect "digest-key to a full disk" 5
run sh -c 'flasher encrypt --aes-xts --key k32 --address 0 out.bin >/dev/full'
expect "encrypt: no such key" 1 'k32'
run flasher sign --key rsa.pem out.bin
expect "signed twice" 1 'is signed already \(1 signature\)'
check "replaced" flasher sign --replace --key p256.pem -o out2.bin out.bin
run flasher verify-signature --key rsa.pem out2.bin
expect "by another key" 4 'not signed by this key'
cp out.bin cut.bin
truncate -s 9000 cut.bin
run flasher signature-info cut.bin
expect "a truncated block" 1 'not signed'
truncate -s 100 cut.bin
run flasher signature-info cut.bin
expect "a file too short" 1 '100 bytes hold no signature'
run flasher verify-signature --key rsa.pem app.bin
expect "not signed" 4 'not signed'

# who may read a key
chmod 644 rsa.pem
run flasher sign --key rsa.pem -o out3.bin app.bin
expect "a key that others may read: done, and said" 0 'note: rsa.pem may be read by others; chmod 600'
chmod 600 rsa.pem
if [ "$(stat -c %a p256.pem)" = 600 ]; then pass "a new key is 0600"; else fail "a new key is 0600"; fi
run flasher generate-signing-key p256.pem
expect "a key is never overwritten" 1 'p256.pem'

# digests
hex=$(flasher digest-key rsa.pem)
flasher digest-key --key rsa.pub -o rsa.digest
if [ "$(od -An -tx1 -v rsa.digest | tr -d ' \n')" = "$hex" ]; then pass "digest of the public half, as text and bytes"; else fail "digest"; fi
check "verify by digest, text" flasher verify-signature --digest "$hex" out.bin
check "verify by digest, file" flasher verify-signature --digest rsa.digest out.bin
run flasher verify-signature --digest app.bin out.bin
expect "a digest of the wrong size" 1 'digest of a key has 32'

# an image says for which chip it is
img=$TOP/tests/golden/image/116-info-bootloader-desc/in/img.bin
run flasher sign --key p256.pem -o c3.bin "$img"
expect "the ESP32-C3 knows RSA only" 1 'ESP32-C3 cannot verify ECDSA P-256'
check "unless forced" flasher sign --force --key p256.pem -o c3.bin "$img"
run flasher --chip esp32c6 sign --key p256.pem -o c6.bin app.bin
expect "the C6 knows P-256" 0

# keys under a passphrase
openssl pkcs8 -topk8 -in rsa.pem -out sealed.pem -passout pass:secret 2>/dev/null
printf 'secret\n' >right
printf 'guess\n' >wrong
chmod 600 right wrong sealed.pem
run flasher sign --passphrase-file right --key sealed.pem -o out4.bin app.bin
expect "an encrypted key" 0
check "signs the same as the open one" flasher verify-signature --key rsa.pub out4.bin
run flasher sign --passphrase-file wrong --key sealed.pem -o out4.bin app.bin
expect "its wrong passphrase" 1 'passphrase is wrong'

# flash encryption keys
check "256 bits" flasher generate-flash-key k32
check "512 bits" flasher generate-flash-key --keylen 512 k64
run flasher generate-flash-key k32
expect "a flash key is never overwritten" 1 'k32'
head -c 32 /dev/zero >zero
chmod 600 zero
run flasher encrypt --aes-xts --key zero --address 0 -o c.bin out.bin
expect "a key whose halves are equal" 1 'halves of the key are equal'
run flasher --chip esp32 encrypt --key k64 --address 0 -o c.bin out.bin
expect "a key of another scheme" 1 '64 bytes; a key of this scheme has 32'
run flasher encrypt --aes-xts --key p256.pem --address 0 -o c.bin out.bin
expect "a signing key is no flash key" 1 'a key of this scheme has 32 or 64'
run flasher --chip esp32c3 encrypt --key k32 --address 0x10000 -o c.bin out.bin
expect "--chip says which scheme" 0
run flasher --chip esp32c3 decrypt --key k32 --address 0x10000 -o p.bin c.bin
same "and back" p.bin out.bin
if [ "$(stat -c %a p.bin)" = 600 ]; then pass "what was decrypted is 0600"; else fail "what was decrypted is 0600"; fi
run sh -c 'flasher --chip esp32c3 encrypt --key k32 --address 0 out.bin >/dev/full'
expect "encrypt to a full disk" 5
head -c 20 out.bin >odd
run flasher --chip esp32c3 encrypt --key k32 --address 0 -o c.bin odd
expect "no whole blocks" 1 'no whole blocks of 16'
run flasher --chip esp32 encrypt --key k32 --address 0xfffff0 -o c.bin out.bin
expect "beyond 16 MB of an ESP32" 1 'beyond what the chip can address'

# the bootloader key of version 1: SHA-256 of the secret number, as openssl shows it
openssl ec -in p256.pem -outform DER 2>/dev/null | dd bs=1 skip=7 count=32 status=none | sha256sum | cut -c1-64 >want
run flasher digest-private-key --keyfile p256.pem boot.key
expect "digest-private-key" 0
if [ "$(od -An -v -tx1 boot.key | tr -d ' \n')" = "$(cat want)" ]; then pass "SHA-256 of the secret number"; else fail "SHA-256 of the secret number" "$(cat want)"; fi
if [ "$(stat -c %a boot.key)" = 600 ]; then pass "for its owner only"; else fail "for its owner only"; fi
run flasher digest_private_key -k p256.pem -l 192 boot24.key
expect "with espsecure's spelling, for 3/4 coding" 0
same "its first 24 bytes" <(head -c 24 boot.key) boot24.key
run flasher digest-private-key --key p256.pem boot.key
expect "a key file is never overwritten" 1 'boot.key'
run flasher digest-private-key --key rsa.pem x.key
expect "a key of the wrong type" 1 'ECDSA P-256, this is RSA-3072'
run flasher digest-private-key --key p256.pem --keylen 128 x.key
expect "no such length" 2 '256 or 192'
run flasher digest-private-key x.key
expect "which key?" 2 'which key'
flasher extract-public-key --key p256.pem p256.pub.pem
run flasher digest-private-key --key p256.pub.pem x.key
expect "a public key" 1 'p256.pub.pem'
[ ! -e x.key ] && pass "no key is left by a failure" || fail "no key is left by a failure"
run flasher digest-private-key --key p256.pem /dev/full
expect "to a full disk" 5

# keys in a token
module=
for m in /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so; do [ -e "$m" ] && module=$m; done
if [ -n "$module" ] && command -v softhsm2-util >/dev/null && command -v pkcs11-tool >/dev/null; then
        mkdir tokens
        echo "directories.tokendir = $T/tokens" >softhsm2.conf
        export SOFTHSM2_CONF=$T/softhsm2.conf
        softhsm2-util --init-token --free --label factory --so-pin 87654321 --pin 4711 >/dev/null
        printf '4711\n' >pin
        chmod 600 pin
        pkcs11-tool --module "$module" -l --pin 4711 --keypairgen --key-type rsa:3072 --label sb --id 01 >/dev/null 2>&1
        pkcs11-tool --module "$module" -l --pin 4711 --keypairgen --key-type EC:prime256v1 --label ec --id 02 >/dev/null 2>&1
        pkcs11-tool --module "$module" -l --pin 4711 --keypairgen --key-type rsa:2048 --label small --id 03 >/dev/null 2>&1
        for k in sb ec; do
                run flasher sign --module "$module" --passphrase-file pin --key "pkcs11:token=factory;object=$k" -o t.bin app.bin
                expect "$k: the token signs" 0
                run flasher extract-public-key --module "$module" --passphrase-file pin --key "pkcs11:token=factory;object=$k" $k.pub
                expect "$k: its public half" 0
                check "$k: verifies" flasher verify-signature --key $k.pub t.bin
        done
        run flasher sign --version 1 --module "$module" --passphrase-file pin --key "pkcs11:token=factory;object=ec" -o v1.bin app.bin
        expect "version 1 with the token" 0
        check "verifies" flasher verify-signature --version 1 --key ec.pub v1.bin
        run flasher sign --module "$module" --passphrase-file pin --key "pkcs11:token=factory;object=small" -o t.bin app.bin
        expect "a key of the wrong type in the token" 1 'takes RSA-3072'
        run flasher sign --module "$module" --passphrase-file pin --key "pkcs11:token=factory;object=none" -o t.bin app.bin
        expect "no such key in the token" 1
        run flasher sign --module "$module" --passphrase-file wrong --key "pkcs11:token=factory;object=sb" -o t.bin app.bin
        expect "a wrong PIN" 1 'PIN'

        # espsecure's way to say the same
        slot=$(pkcs11-tool --module "$module" -L | sed -n 's/^Slot 0 (0x\([0-9a-f]*\)).*/\1/p')
        hsm_file() { # NAME LINE...: with the library and the slot
                printf '%s\n' '# espsecure' '[hsm_config]' "pkcs11_lib = $module" "slot = $((16#$slot))" "${@:2}" >"$1"
                chmod 600 "$1"
        }
        hsm_file sb.ini 'label = sb' 'credentials = 4711' 'label_pubkey = another'
        run flasher sign-data --version 2 --hsm --hsm-config sb.ini --output hsm.bin app.bin
        expect "--hsm" 0 'hsm.bin: .*signed'
        check "that is this key's signature" flasher verify-signature --key sb.pub hsm.bin
        check "--hsm verifies it" flasher verify-signature --version 2 --hsm --hsm-config sb.ini hsm.bin
        run grep -rl 4711 hsm.bin "$T/stdout" "$T/stderr"
        expect "nobody has written the PIN" 1
        hsm_file ec.ini 'Label: ec' 'credentials = 4711'
        run flasher verify-signature --hsm --hsm-config ec.ini hsm.bin
        expect "--hsm: another key's" 4 'not signed by this key'
        run flasher sign --version 1 --hsm --hsm-config ec.ini -o v1.bin app.bin
        expect "--hsm: version 1" 0
        check "verifies" flasher verify-signature --version 1 --key ec.pub v1.bin
        hsm_file nopin.ini 'label = sb'
        run flasher sign --hsm --hsm-config nopin.ini --passphrase-file pin -o t.bin app.bin
        expect "--hsm: the PIN from elsewhere" 0
        chmod 644 sb.ini
        run flasher sign --hsm --hsm-config sb.ini -o t.bin app.bin
        expect "--hsm: a PIN that others may read" 0 'note: sb.ini may be read by others; chmod 600 sb.ini'
        bad() { # NAME STATUS REGEX LINE...
                rm -f t.bin
                hsm_file bad.ini "${@:4}"
                run flasher sign --hsm --hsm-config bad.ini -o t.bin app.bin
                expect "--hsm: $1" "$2" "$3"
                [ ! -e t.bin ] || fail "--hsm: $1: nothing is written"
        }
        bad "a wrong PIN" 1 'bad.ini: the PIN of the token is wrong' 'label = sb' 'credentials = 4712'
        bad "no such key" 1 'bad.ini: .*no such private key' 'label = none' 'credentials = 4711'
        bad "no label" 1 'bad.ini: \[hsm_config\] has no label' 'credentials = 4711'
        bad "an option twice" 1 'bad.ini:6:9: .* was there before' 'label = sb' 'LABEL = sb'
        bad "a PIN of an odd form" 1 'bad.ini:6:17: a % in a value' 'label = sb' 'credentials = 47%11'
        bad "two lines" 1 'bad.ini:6:3: .*next line' 'label = sb' '  more'
        bad "no option" 1 'bad.ini:5:1: not an option' 'label sb'
        sed -i 's/^slot.*/slot = 7/' nopin.ini
        run flasher sign --hsm --hsm-config nopin.ini --passphrase-file pin -o t.bin app.bin
        expect "--hsm: no such slot" 1 "slot 7 of .* has no token; slots with one: $((16#$slot))$"
        sed -i 's/^slot.*/slot = 0x7/' nopin.ini
        run flasher sign --hsm --hsm-config nopin.ini -o t.bin app.bin
        expect "--hsm: a slot that is no number" 1 "nopin.ini: slot: '0x7' is no number"
        sed -i 's/hsm_config/hsm/' nopin.ini
        run flasher sign --hsm --hsm-config nopin.ini -o t.bin app.bin
        expect "--hsm: another section" 1 'there is no section \[hsm_config\]'
        run flasher sign --hsm -o t.bin app.bin
        expect "--hsm alone" 2 '--hsm-config FILE'
        run flasher sign --hsm-config sb.ini --key p256.pem -o t.bin app.bin
        expect "--hsm with a key" 2 'leave --key'
        run flasher sign --hsm --hsm-config nowhere.ini -o t.bin app.bin
        expect "--hsm: no such file" 1 'nowhere.ini'
else
        skip "keys in a token" "softhsm2 or opensc is not installed"
fi
finish
