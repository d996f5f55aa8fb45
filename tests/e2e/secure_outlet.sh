#!/usr/bin/env bash
# samples/outlet/secure as its README says: bare board, keys, ciphertext, eFuses, provisioning, updates, reset to factory.
. tests/lib.sh

missing=
for c in mosquitto nginx curl setsid flock; do
        PATH=$PATH:/usr/sbin command -v $c >/dev/null || missing="$missing $c"
done
if [ -n "$missing" ]; then
        skip "the secured outlet" "not installed:$missing"
        finish
        exit
fi
run env SECURE_DIR="$T/secure" sh samples/outlet/secure/run.sh
expect "from a bare board to an updated outlet" 0 '^Done\. Everything is in'
cp "$T/stderr" "$T/words"
said() { if grep -qE -- "$2" "$T/stdout" "$T/words"; then pass "$1"; else fail "$1" "$(tail -5 "$T/stdout")"; fi; }
said "a plain factory image was refused" 'plain.bin: is a plain NVS image, but the table has a partition for NVS keys'
said "NVS keys that are another image's too" 'fctry.bin: is encrypted with other keys'
said "identity from encrypted factory data" 'identity: SO-000001, from fctry/mfg_ns'
said "the self-test has read NVS and fctry" 'FCTRY-SELFTEST v1 PASS.* nvs=ok fctry=ok cert=ok'
if [ "$(grep -c 'update: refused: the signature is not good' "$T/stdout")" = 2 ]; then pass "unsigned and foreign updates were refused"; else
        fail "unsigned and foreign updates were refused"
fi
said "the signed one is valid" 'update: version 1\.1\.0 is valid'
said "download mode is closed" 'secure download mode'
D=$T/secure
if [ -s "$D/flash.bin" ]; then
        # what the disk holds, opened with the keys that the station had
        part() { dd if="$D/flash.bin" bs=4096 skip=$(($1 / 4096)) count=$(($2 / 4096)) status=none; }
        part $((0x340000)) $((0x6000)) >"$T/fctry"
        same "fctry is untouched" "$T/fctry" "$D/fctry.bin"
        part $((0x9000)) $((0x6000)) >"$T/nvs"
        run nvsgen dump "$T/nvs"
        if grep -q 'correct horse' "$T/stdout"; then fail "nvs is encrypted"; else pass "nvs is encrypted"; fi
        run nvsgen dump --key "$D/keys/nvs_keys.bin" "$T/nvs"
        expect "and opens with its keys: the network is in it" 0 'correct horse'
        part $((0x12000)) $((0x1000)) >"$T/keys.enc"
        flasher --chip esp32c3 decrypt --key "$D/flash.key" --address 0x12000 -o "$T/keys" "$T/keys.enc"
        same "the NVS keys have survived the reset to factory" "$T/keys" "$D/keys/nvs_keys.bin"
        part $((0x1b0000)) $((0x40000)) >"$T/app.enc"
        flasher --chip esp32c3 decrypt --key "$D/flash.key" --address 0x1b0000 -o "$T/app" "$T/app.enc"
        same "the update lies there encrypted, to the byte" <(head -c "$(stat -c %s "$D/cloud/www/outlet-1.1.0.bin")" "$T/app") \
                "$D/cloud/www/outlet-1.1.0.bin"
        for f in flash.key sign1.pem keys/nvs_keys.bin; do
                [ "$(stat -c %a "$D/$f")" = 600 ] || fail "$f is for its owner only" "$(stat -c %a "$D/$f")"
        done
fi
if ps -eo args | grep -F "$D" | grep -qv grep; then fail "nothing is left running" "$(ps -eo args | grep -F "$D")"; else pass "nothing is left running"; fi
finish
