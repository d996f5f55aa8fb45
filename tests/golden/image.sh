#!/usr/bin/env bash
# Images made by esptool 4.8.1 and 5.3.1: elf2image, merge_bin, flash parameters byte for byte; what it
# refuses, or reports only in words, is refused here.
. tests/lib.sh
cases=$TOP/tests/golden/image
n=0

# run_case DIR: flasher with the arguments that esptool was given, in a copy of its folder
run_case() {
        local args
        rm -rf "$T/w"
        mkdir -p "$T/w"
        [ -d "$1/in" ] && cp "$1"/in/* "$T/w/" 2>/dev/null
        args=$(sed 's/^(cd in && esptool//; s/ *# esptool.*$//' "$1/cmd")
        case $args in
        *elf2image*) grep -q 'esptool 4' "$1/cmd" && args="$args --compat 4" ;;
        esac
        # shellcheck disable=SC2086
        (cd "$T/w" && run flasher $args && echo "$status") >"$T/status"
        status=$(cat "$T/status")
}

# Kinds whose result is matched; the others have to fail with a status of bad data or bad usage.
while IFS=$'\t' read -r dir kind _; do
        name=${dir#image/}
        case=$cases/$name
        n=$((n + 1))
        run_case "$case"
        case $name in
        133-* | 141-*) # the tool's own words say that the hash is invalid, its status does not
                expect "$name: damaged image" 1 'SHA-256 does not match'
                continue
                ;;
        157-*) # esptool 5 fails on what esptool 4 could: the same bytes as 020
                same "$name" "$T/w/out.bin" "$cases/020-c3-ram-only-header/expected/out.bin"
                continue
                ;;
        esac
        case $kind in
        ok | quirk)
                if [ "$status" -ne 0 ]; then
                        fail "$name" "status $status" "$(head -3 "$T/stderr")"
                        continue
                fi
                bad=
                for f in "$case"/expected/*; do
                        [ -e "$f" ] || continue
                        cmp -s "$f" "$T/w/${f##*/}" || bad="$bad $(cmp "$f" "$T/w/${f##*/}" 2>&1)"
                done
                if [ -z "$bad" ]; then pass "$name"; else fail "$name" "$bad"; fi
                ;;
        *)
                if [ "$status" -eq 1 ] || [ "$status" -eq 2 ]; then pass "$name: refused"; else
                        fail "$name: refused" "status $status"
                fi
                ;;
        esac
done < <(awk -F'\t' '$1 ~ /^image\//' tests/golden/MANIFEST.tsv)
[ "$n" -ge 139 ] || fail "all cases were run" "only $n"

# facts about images, seen by the other tool
info() {
        run flasher --json image-info "$cases/$1/in/img.bin"
        expect "image-info $1" 0 "$2"
}
info 110-info-esp32-v2 '"chip":"ESP32".*"entry":1074266112.*"address":1061158944,"length":756,"offset":24.*"checksum_valid":true,"hash_appended":true,"hash_valid":true'
info 116-info-bootloader-desc '"chip":"ESP32-C3".*"address":1070137344,"length":80,"offset":24'
info 132-info-esp32c6-v2 '"chip":"ESP32-C6"'
run flasher --chip esp8266 --json image-info "$cases/118-info-8266-v2/in/img.bin"
expect "image-info of an ESP8266 image, version 2" 0 '"length":1008,"offset":8.*"length":304,"offset":1832.*"checksum_valid":true'
run flasher image-info "$cases/110-info-esp32-v2/in/img.bin"
expect "application descriptor" 0 'Project: *golden'

# an image cut anywhere is refused
img=$cases/116-info-bootloader-desc/in/img.bin
size=$(stat -c %s "$img")
bad=
for ((cut = 0; cut < size; cut += 7)); do
        head -c "$cut" "$img" >"$T/cut.bin"
        run flasher image-info "$T/cut.bin"
        [ "$status" -eq 1 ] || bad="$bad $cut:$status"
done
if [ -z "$bad" ]; then pass "an image that is cut short is refused"; else fail "an image that is cut short is refused" "$bad"; fi
run sh -c "flasher image-info '$img' >/dev/full"
expect "lost output is a failure" 5
finish
