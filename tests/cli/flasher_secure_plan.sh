#!/usr/bin/env bash
# flasher secure-plan: a profile's mistakes, the plan before the burn, and a unit on a virtual board that
# loses its power in the middle of every burn.
. tests/lib.sh
trap 'kill "$(cat "$T/pid" 2>/dev/null)" 2>/dev/null; rm -rf "$T"' EXIT
run flasher generate-signing-key "$T/sb.pem"
expect "a signing key" 0
profile() { printf '%s\n' "$1" >"$T/p.json"; }
release='{
  "chip": "esp32c3", "mode": "release",
  "flash_encryption": { "key": "keys/{mac}-flash.bin", "make": true },
  "nvs_key": { "key": "keys/{mac}-nvs.bin", "make": true },
  "secure_boot": { "keys": [ "sb.pem" ] },
  "efuses": { "SECURE_VERSION": 1 },
  "download": "secure"
}'

profile "${release/secure_boot/secureboot}"
run flasher secure-plan "$T/p.json" --virt "$T/e"
expect "an unknown member, with its place" 1 'p.json:5:3: secureboot: there is no such member'
profile "${release/\"SECURE_VERSION\": 1/\"RD_DIS\": 1}"
run flasher secure-plan "$T/p.json" --virt "$T/e"
expect "a field that is the recipe's" 1 'p.json:6:15: efuses/RD_DIS: the recipe itself'
profile "${release/esp32c3/esp32}"
run flasher secure-plan "$T/p.json" --virt "$T/e"
expect "what an ESP32 does not have" 1 'an ESP32 has no'
run flasher secure-plan "$T/none.json" --virt "$T/e"
expect "no profile" 1
run flasher secure-plan
expect "no argument" 2
profile "${release/sb.pem/none.pem}"
run flasher secure-plan "$T/p.json" --virt "$T/e" --yes
expect "a signing key that is not there" 1 'none.pem'

flasher generate-signing-key --scheme ecdsa256 "$T/ec.pem" 2>/dev/null
profile "${release/sb.pem/ec.pem}"
run flasher secure-plan "$T/p.json" --virt "$T/e" --yes
expect "a signing key that this ROM cannot verify with" 1 'ROM of the ESP32-C3 cannot verify ECDSA P-256'
check "nothing was burnt for it" sh -c "! tr -d '\\0' <'$T/e' 2>/dev/null | grep -q ."

profile "$release"
rm -f "$T/e"
run flasher secure-plan "$T/p.json" --virt "$T/e"
expect "no terminal, no --yes: refused" 2 'nothing was burnt'
expect "the plan was shown before" 2 'download mode: ENABLE_SECURITY_DOWNLOAD: False -> True'
run flasher secure-plan "$T/p.json" --virt "$T/e" --dry-run
expect "--dry-run" 0 'flash encryption: SPI_BOOT_CRYPT_CNT'
check "made no key" test ! -e "$T/keys"
check "burnt nothing" sh -c "! tr -d '\\0' <'$T/e' | grep -q ."
run sh -c "flasher secure-plan '$T/p.json' --virt '$T/e' --dry-run --json >/dev/full"
expect "/dev/full" 5
run flasher secure-plan "$T/p.json" --virt "$T/e" --yes --json
expect "on a file" 0 '"event":"secured","chip":"esp32c3".*"mode":"release".*"burnt":8.*"digest":"[0-9a-f]{64}"'
check "keys are for their owner only" test "$(stat -c %a "$T"/keys/*-flash.bin)" = 600
run flasher secure-plan "$T/p.json" --virt "$T/e" --yes
expect "again: nothing to burn" 0 'secured already'
rm "$T"/keys/*-flash.bin
run flasher secure-plan "$T/p.json" --virt "$T/e" --yes
expect "a hidden key without its file" 4 'cannot be read'

# the sample's profiles, one over the other
mkdir "$T/sample"
cp samples/outlet/secure/*.json "$T/sample/"
flasher generate-signing-key "$T/sample/sign1.pem" 2>/dev/null
flasher extract-public-key --key "$T/sb.pem" "$T/sample/sign2.pub" 2>/dev/null
flasher generate-flash-key "$T/sample/flash.key" 2>/dev/null
run flasher secure-plan "$T/sample/development.json" --virt "$T/sample/e" --yes
expect "development" 0 'secured and verified'
run flasher --chip esp32c3 efuse --virt "$T/sample/e" get SPI_BOOT_CRYPT_CNT DIS_PAD_JTAG SECURE_BOOT_KEY_REVOKE2
expect "can be taken back" 0 '^False$'
run flasher secure-plan "$T/sample/release.json" --virt "$T/sample/e" --yes
expect "release over it" 0 'secured and verified'
run flasher --chip esp32c3 efuse --virt "$T/sample/e" --json get SPI_BOOT_CRYPT_CNT DIS_PAD_JTAG SECURE_BOOT_KEY_REVOKE2 \
        ENABLE_SECURITY_DOWNLOAD KEY_PURPOSE_2
if grep -q '"value":false' "$T/stdout"; then fail "burns what is missing" "$(cat "$T/stdout")"; else pass "burns what is missing"; fi
run flasher secure-plan "$T/sample/development.json" --virt "$T/sample/e" --yes
expect "what is released stays so: nothing to burn" 0 'secured already'

# the same on a board
vboard --flash "$T/flash" --efuse "$T/board.efuse" --rfc2217 127.0.0.1:0 --control "$T/c" --daemon --pid-file "$T/pid" --json >"$T/ready"
url=$(sed -n 's/.*"rfc2217":"\([^"]*\)".*/\1/p' "$T/ready")
cuts=0
for k in 2 4 1; do # the power goes at the k-th burn of each try
        vboard ctl "$T/c" fault burn-power=$k >/dev/null
        run flasher -p "$url" --connect-attempts 1 secure-plan "$T/p.json" --yes
        [ "$status" -eq 0 ] && break
        cuts=$((cuts + 1))
        vboard ctl "$T/c" reset >/dev/null
done
vboard ctl "$T/c" fault none >/dev/null
run flasher -p "$url" secure-plan "$T/p.json" --yes
expect "secured after $cuts power cuts" 0
[ "$cuts" -eq 3 ] || fail "the power was cut" "only $cuts times"
run flasher -p "$url" secure-plan "$T/p.json" --yes
expect "a chip in secure download mode says what it is" 0 'says of itself what the profile has'
run flasher -p "$url" --json get-security-info
expect "secure boot, flash encryption, keys" 0 '"secure_boot": ?true'
profile "${release/\"SECURE_VERSION\": 1/\"SECURE_VERSION\": 1}"
sed -i '/secure_boot/d' "$T/p.json"
run flasher -p "$url" secure-plan "$T/p.json" --yes
expect "another profile: it is not so" 4 'its secure boot is not as the profile has it'
finish
