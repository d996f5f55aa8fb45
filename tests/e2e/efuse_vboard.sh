#!/usr/bin/env bash
# flasher efuse on virtual boards, over the loader's protocol; and the real espefuse beside it, on boards
# and on files, where ESPEFUSE names its command (tried with 4.8.1 and 5.2.0).
. tests/lib.sh
trap 'kill "$(cat "$T/pid" 2>/dev/null)" 2>/dev/null; rm -rf "$T"' EXIT
head -c 32 "$BIN/flasher" >"$T/key"
head -c 24 "$BIN/flasher" >"$T/key24"

# board CHIP OPTION...: a board; its eFuses are kept where they are there already
board() {
        local chip=$1
        shift
        [ ! -f "$T/pid" ] || { kill "$(cat "$T/pid")"; while [ -f "$T/pid" ]; do sleep 0.05; done; }
        vboard --chip "$chip" --flash "$T/flash" --efuse "$T/$chip.efuse" --rfc2217 127.0.0.1:0 --control "$T/c" \
                --daemon --pid-file "$T/pid" --json "$@" >"$T/ready" || exit 1
        url=$(sed -n 's/.*"rfc2217":"\([^"]*\)".*/\1/p' "$T/ready")
}
e() { run flasher -p "$url" efuse "$@"; }

board esp32c3
e summary --format json
expect "C3: summary" 0 '"value": ?"24:0a:c4:00:00:01 \(OK\)"'
e --yes burn-key BLOCK_KEY0 "$T/key" HMAC_UP burn-efuse SECURE_VERSION 3 DIS_PAD_JTAG 1 set-custom-mac 5a:00:00:01:02:03
expect "C3: burnt and verified" 0 'burnt and verified'
e get BLOCK_KEY0 KEY_PURPOSE_0 CUSTOM_MAC
expect "C3: the key is hidden" 0 '^[?][?] [?][?]'
expect "C3: its purpose is not" 0 '^HMAC_UP$'
expect "C3: the address" 0 '^5a:00:00:01:02:03 \(OK\)$'
e --yes burn-efuse SECURE_VERSION 3
expect "C3: again: nothing to burn" 0 'nothing to burn'
e digest
before=$(cat "$T/stdout")
board esp32c3
e digest
if [ "$(cat "$T/stdout")" = "$before" ]; then pass "C3: the same without power between"; else fail "C3: the same without power between"; fi
e check-error
expect "C3: no coding errors" 0
check "C3: the key is in the silicon all the same" sh -c "od -An -tx1 -v '$T/esp32c3.efuse' | tr -d ' \n' |
        grep -q \"\$(od -An -tx1 -v '$T/key' | tr -d ' \n' | fold -w2 | tac | tr -d '\n')\""
e --yes burn-efuse ENABLE_SECURITY_DOWNLOAD 1
expect "C3: secure download: the chip says that it is closed" 0 'says that it is closed'
e summary
expect "C3: its eFuses are out of reach now" 4 'secure download mode'
rm -f "$T/esp32c3.efuse"
board esp32c3
e --yes burn-efuse DIS_DOWNLOAD_MODE 1 SECURE_VERSION 1
expect "C3: no download mode: it answers no more" 0 'answers no more, as it should'
run flasher -p "$url" --connect-attempts 1 efuse summary
expect "C3: nobody there" 3

board esp32
e --yes burn-efuse CODING_SCHEME 1
expect "ESP32: 3/4 coding" 0
e --yes burn-key flash_encryption "$T/key24" burn-efuse FLASH_CRYPT_CONFIG 0xf FLASH_CRYPT_CNT 1
expect "ESP32: a key of 192 bits" 0 'burnt and verified'
e --yes set-custom-mac 5a:00:00:01:02:03
expect "ESP32: an address in a block of chunks" 0
e get CUSTOM_MAC BLOCK1
expect "ESP32: with its CRC" 0 '^5a:00:00:01:02:03 \(CRC 0x.. OK\)$'
expect "ESP32: the key is hidden" 0 '^[?][?]'
e check-error
expect "ESP32: no coding errors" 0

if [ -z "${ESPEFUSE:-}" ]; then
        skip "the real espefuse" "set ESPEFUSE to its command"
        finish
        exit
fi
x() { # espefuse ARGUMENT...: espefuse there, without questions
        # shellcheck disable=SC2086
        run timeout 120 $ESPEFUSE --do-not-confirm "$@"
}

# boards: theirs, then ours on what they burnt, and back
rm -f "$T/esp32c3.efuse" "$T/esp32.efuse"
board esp32c3
x --port "$url" burn_key BLOCK_KEY0 "$T/key" XTS_AES_128_KEY BLOCK_KEY1 "$T/key" SECURE_BOOT_DIGEST0 burn_efuse SPI_BOOT_CRYPT_CNT 7 \
        burn_custom_mac 5a:00:00:01:02:03
expect "espefuse burns a C3" 0 'Successful'
e --yes burn-key BLOCK_KEY0 "$T/key" XTS_AES_128_KEY
expect "a key that it has hidden is not burnt over" 4 'read-protected'
e --yes burn-key BLOCK_KEY1 "$T/key" SECURE_BOOT_DIGEST0 burn-efuse SPI_BOOT_CRYPT_CNT 7 set-custom-mac 5a:00:00:01:02:03
expect "the rest is there already" 0 'nothing to burn'
e --yes burn-key BLOCK_KEY2 "$T/key" HMAC_UP
expect "ours" 0
x --port "$url" summary
expect "espefuse sees it" 0 'KEY_PURPOSE_2.*HMAC_UP R/-'
x --port "$url" check_error
expect "espefuse finds no errors" 0 'No errors detected'
board esp32
x --port "$url" burn_key flash_encryption "$T/key" burn_efuse FLASH_CRYPT_CNT 1
expect "espefuse burns an ESP32" 0 'Successful'
e --yes burn-key secure_boot_v2 "$T/key"
expect "ours" 0
x --port "$url" burn_key secure_boot_v2 "$T/key"
expect "espefuse has nothing to burn" 0 'Nothing to burn'

# files: the same commands by us alone, by them alone, and in turn
steps=(
        'burn_efuse SPI_BOOT_CRYPT_CNT 1'
        'burn_key BLOCK_KEY0 KEY XTS_AES_128_KEY BLOCK_KEY3 KEY HMAC_DOWN_ALL'
        'burn_key --no-write-protect BLOCK_KEY1 KEY SECURE_BOOT_DIGEST0'
        'burn_bit BLOCK_USR_DATA 0 7 255'
        'burn_efuse KEY_PURPOSE_2 8 WDT_DELAY_SEL 2'
        'write_protect_efuse SPI_BOOT_CRYPT_CNT BLOCK_KEY2'
        'read_protect_efuse BLOCK_KEY2'
        'burn_efuse SECURE_BOOT_EN 1 SECURE_VERSION 3'
)
for chip in esp32s2 esp32s3 esp32c3 esp32c6 esp32h2; do
        bad=
        k=0
        for s in "${steps[@]}"; do
                s=${s//KEY XTS/$T/key XTS} s=${s//KEY HMAC/$T/key HMAC} s=${s//KEY SECURE/$T/key SECURE}
                # shellcheck disable=SC2086
                {
                        flasher efuse --chip $chip --virt "$T/a" -y $s
                        $ESPEFUSE --chip $chip --virt --path-efuse-file "$T/b" --do-not-confirm $s
                        if [ $((k % 2)) -eq 0 ]; then flasher efuse --chip $chip --virt "$T/ab" -y $s
                        else $ESPEFUSE --chip $chip --virt --path-efuse-file "$T/ab" --do-not-confirm $s; fi
                } >"$T/log" 2>&1 || bad="$bad $s: $(tail -2 "$T/log")"
                k=$((k + 1))
                cmp -s "$T/a" "$T/b" && cmp -s "$T/a" "$T/ab" || bad="$bad $s: files differ;"
        done
        if [ -z "$bad" ]; then pass "$chip: eight steps, ours, theirs and in turn"; else fail "$chip: ours and theirs" "$bad"; fi
        cp "$T/a" "$T/$chip.bin"
        rm -f "$T/a" "$T/b" "$T/ab"
done

# every field of what they and we read there, with random factory data; descriptions are our own words
if ! command -v jq >/dev/null; then
        skip "summaries compared" "jq is not installed"
        finish
        exit
fi
fields='map_values(del(.description) | if (.value | type) == "number" then .value |= (. * 1000 | round) else . end)'
# fields that both have, without what only the presentation is in version 5 (PSRAM_CAP is a number here, "16M" there)
common='with_entries(select(.key as $k | $o[0] | has($k)) | select(.key != "PSRAM_CAP") | .value |= del(.category))'
unknown='to_entries[] | select(.key as $k | $o[0] | has($k) | not) | select(.value.category != "calibration") | .key
        | select(startswith("CUSTOM_MAC") | not)'
for chip in esp32s2 esp32s3 esp32c3 esp32c6 esp32h2; do
        head -c 32 /dev/urandom >"$T/d"
        run flasher efuse --chip $chip --virt "$T/$chip.bin" -y burn-block-data BLOCK_SYS_DATA "$T/d"
        head -c 24 /dev/urandom >"$T/d"
        run flasher efuse --chip $chip --virt "$T/$chip.bin" -y burn-block-data BLOCK1 "$T/d"
done
head -c 32 /dev/urandom >"$T/d"
run flasher efuse --chip esp32 --virt "$T/esp32.bin" -y burn-block-data BLOCK3 "$T/d" burn-bit BLOCK0 33 110 111 136 137 140 100
for chip in esp32 esp32s2 esp32s3 esp32c3 esp32c6 esp32h2; do
        # shellcheck disable=SC2086
        $ESPEFUSE --chip $chip --virt --path-efuse-file "$T/$chip.bin" summary --format json --file "$T/theirs" >"$T/log" 2>&1
        flasher efuse --chip $chip --virt "$T/$chip.bin" summary --format json --file "$T/ours" >>"$T/log" 2>&1
        jq -S "$fields" "$T/theirs" >"$T/theirs.s"
        jq -S "$fields" "$T/ours" >"$T/ours.s"
        # version 5 shows calibration and the ESP32's own address whatever their versions say
        jq -r --slurpfile o "$T/ours.s" "$unknown" "$T/theirs.s" >"$T/unknown"
        if [ -s "$T/unknown" ]; then fail "$chip: it knows fields that flasher does not" "$(cat "$T/unknown")"; fi
        jq -S --slurpfile o "$T/ours.s" "$common" "$T/theirs.s" >"$T/t" && mv "$T/t" "$T/theirs.s"
        jq -S --slurpfile o "$T/theirs.s" "$common" "$T/ours.s" >"$T/t" && mv "$T/t" "$T/ours.s"
        [ "$(jq length "$T/ours.s")" -gt 40 ] || fail "$chip: hardly a field in common"
        if [ -s "$T/theirs.s" ] && diff "$T/theirs.s" "$T/ours.s" >"$T/diff"; then
                pass "$chip: $(jq length "$T/ours") fields read alike"
        else
                fail "$chip: fields read alike" "$(head -20 "$T/diff")" "$(tail -2 "$T/log")"
        fi
done
finish
