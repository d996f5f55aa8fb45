#!/usr/bin/env bash
# The real espsecure and ours on each other's work: keys, signatures, digests, ciphertext. ESPSECURE: the command to run
# it (it takes the spellings of its version 4).
. tests/lib.sh

if [ -z "${ESPSECURE:-}" ]; then
        for c in espsecure.py espsecure; do command -v $c >/dev/null && ESPSECURE=$c && break; done
fi
if [ -z "${ESPSECURE:-}" ]; then
        skip "espsecure and flasher on each other's work" "espsecure is not installed (set ESPSECURE to its command)"
        finish
        exit
fi
# shellcheck disable=SC2086
theirs() { $ESPSECURE "$@"; }
echo "# $(theirs --version 2>&1 | head -1)"
head -c 5000 /dev/urandom >"$T/app.bin"

for scheme in rsa3072 ecdsa192 ecdsa256 ecdsa384; do
        check "$scheme: our key" flasher generate-signing-key --scheme $scheme "$T/ours-$scheme.pem"
        check "$scheme: their key" theirs generate_signing_key --version 2 --scheme $scheme "$T/theirs-$scheme.pem"
        for who in ours theirs; do
                key=$T/$who-$scheme.pem
                check "$scheme: we sign with the key of $who" flasher sign --key "$key" -o "$T/a.bin" "$T/app.bin"
                check "$scheme: they verify it" theirs verify_signature --version 2 --keyfile "$key" "$T/a.bin"
                check "$scheme: they sign" theirs sign_data --version 2 --keyfile "$key" -o "$T/b.bin" "$T/app.bin"
                check "$scheme: we verify it" flasher verify-signature --key "$key" "$T/b.bin"
                theirs digest_sbv2_public_key --keyfile "$key" -o "$T/d1" >/dev/null 2>&1
                flasher digest-key --key "$key" -o "$T/d2"
                same "$scheme: key digest" "$T/d1" "$T/d2"
                theirs extract_public_key --version 2 --keyfile "$key" "$T/p1" >/dev/null 2>&1
                flasher extract-public-key --key "$key" "$T/p2"
                same "$scheme: public key" "$T/p1" "$T/p2"
        done
        printf 'x' | dd of="$T/a.bin" bs=1 seek=77 conv=notrunc status=none
        printf 'x' | dd of="$T/b.bin" bs=1 seek=77 conv=notrunc status=none
        run flasher verify-signature --key "$key" "$T/b.bin"
        expect "$scheme: a forged image is refused here" 4 'over another image'
        if theirs verify_signature --version 2 --keyfile "$key" "$T/a.bin" >/dev/null 2>&1; then
                fail "$scheme: and there"
        else pass "$scheme: and there"; fi
done

# several signatures, added by either
check "ours, then theirs" flasher sign --key "$T/ours-rsa3072.pem" -o "$T/a.bin" "$T/app.bin"
check "they append" theirs sign_data --version 2 --append_signatures --keyfile "$T/theirs-rsa3072.pem" -o "$T/b.bin" "$T/a.bin"
flasher generate-signing-key "$T/third.pem" 2>/dev/null
check "we append" flasher sign --append --key "$T/third.pem" "$T/b.bin"
for k in ours-rsa3072 theirs-rsa3072 third; do
        check "we find $k" flasher verify-signature --key "$T/$k.pem" "$T/b.bin"
        check "they find $k" theirs verify_signature --version 2 --keyfile "$T/$k.pem" "$T/b.bin"
done
run flasher sign --append --key "$T/third.pem" "$T/b.bin"
expect "a fourth signature has no place" 1 'than the 0 that are free of 3'

# version 1: the same bytes, for the nonce is RFC 6979's
check "version 1: our key" flasher generate-signing-key --version 1 "$T/v1.pem"
check "version 1: we sign" flasher sign --version 1 --key "$T/v1.pem" -o "$T/a.bin" "$T/app.bin"
check "version 1: they sign" theirs sign_data --version 1 --keyfile "$T/v1.pem" -o "$T/b.bin" "$T/app.bin"
same "version 1: the same bytes" "$T/a.bin" "$T/b.bin"
for bits in 256 192; do
        theirs digest_private_key --keyfile "$T/v1.pem" --keylen $bits "$T/k1" >/dev/null 2>&1
        flasher digest-private-key --key "$T/v1.pem" --keylen $bits "$T/k2-$bits"
        same "version 1: the bootloader's key of $bits bits" "$T/k1" "$T/k2-$bits"
        rm -f "$T/k1"
done
head -c 128 /dev/urandom >"$T/iv"
theirs digest_secure_bootloader --keyfile "$T/k2-256" --iv "$T/iv" -o "$T/d1" "$O/firmware/bootloader.bin" >/dev/null 2>&1
flasher digest-bootloader --key "$T/k2-256" --iv "$T/iv" -o "$T/d2" "$O/firmware/bootloader.bin"
same "version 1: the bootloader's digest" "$T/d1" "$T/d2"
check "version 1: they verify ours" theirs verify_signature --version 1 --keyfile "$T/v1.pem" "$T/a.bin"

# ciphertext at random places
head -c 4096 /dev/urandom >"$T/plain"
bad=
for bits in 256 512; do
        flasher generate-flash-key --keylen $bits "$T/xts$bits.key" 2>/dev/null
        for i in 1 2 3 4; do
                at=$((RANDOM * 512 + i * 16))
                theirs encrypt_flash_data --aes_xts --keyfile "$T/xts$bits.key" --address $at -o "$T/c1" "$T/plain" >/dev/null 2>&1
                flasher encrypt --aes-xts --key "$T/xts$bits.key" --address $at -o "$T/c2" "$T/plain"
                flasher decrypt --aes-xts --key "$T/xts$bits.key" --address $at -o "$T/c3" "$T/c1"
                { cmp -s "$T/c1" "$T/c2" && cmp -s "$T/plain" "$T/c3"; } || bad="$bad $bits:$at"
        done
done
if [ -z "$bad" ]; then pass "XTS-AES: the same ciphertext, and back"; else fail "XTS-AES" "$bad"; fi
bad=
theirs generate_flash_encryption_key --keylen 256 "$T/esp32.key" >/dev/null 2>&1
for conf in 0 5 15; do
        at=$((RANDOM * 256))
        theirs encrypt_flash_data --flash_crypt_conf $conf --keyfile "$T/esp32.key" --address $at -o "$T/c1" "$T/plain" >/dev/null 2>&1
        flasher --chip esp32 encrypt --flash-crypt-conf $conf --key "$T/esp32.key" --address $at -o "$T/c2" "$T/plain" 2>/dev/null
        flasher --chip esp32 decrypt --flash-crypt-conf $conf --key "$T/esp32.key" --address $at -o "$T/c3" "$T/c1" 2>/dev/null
        { cmp -s "$T/c1" "$T/c2" && cmp -s "$T/plain" "$T/c3"; } || bad="$bad $conf:$at"
done
if [ -z "$bad" ]; then pass "ESP32: the same ciphertext, and back"; else fail "ESP32" "$bad"; fi
finish
