#!/usr/bin/env bash
# Every case of golden/seccert with the words that configure_esp_secure_cert.py got: what it makes
# right is made to the byte and passes our own check; what it makes wrong is refused without a trace.
. tests/lib.sh

# words FOLDER: the options that the reference got
words() { sed -n 's/.*configure_esp_secure_cert\.py \(.*\)   # .*/\1/p' "$1/cmd"; }

in_case() { # in_case FOLDER [OPTION...]: a fresh $T/w with the inputs, the command run in it
        rm -rf "$T/w"
        cp -r "$1/in" "$T/w"
        eval "set -- $(words "$1") ${*:2}"
        cd "$T/w" || exit 5
        run certgen secure-cert "$@"
        cd "$TOP" || exit 5
}

only() { # only FOLDER: the partition among the expected files
        find "$1/expected" -name 'esp_secure_cert.bin' -o -name p.bin | head -n 1
}

expect_same() { # expect_same NAME FOLDER MADE
        if [ "$status" -ne 0 ]; then fail "$1" "status $status" "$(cat "$T/stderr")"
        elif ! cmp -s "$3" "$(only "$2")"; then fail "$1" "$(cmp "$3" "$(only "$2")" 2>&1)"
        elif ! certgen secure-cert --parse-bin "$3" >/dev/null; then fail "$1" "our own check refuses it"
        else pass "$1"; fi
}

expect_refused() { # expect_refused NAME FOLDER
        if [ "$status" -ne 1 ] && [ "$status" -ne 2 ]; then
                fail "$1" "status $status" "$(head -c 600 "$T/stdout" "$T/stderr")"
        elif [ -s "$T/stdout" ] || ! [ -s "$T/stderr" ]; then fail "$1" "no words on stderr, or some on stdout"
        elif ! diff -r "$2/in" "$T/w" >"$T/diff"; then fail "$1" "files changed" "$(cat "$T/diff")"
        else pass "$1"; fi
}

cases=tests/golden/seccert
while IFS=$'\t' read -r name kind _; do
        dir=tests/golden/$name
        base=${name#seccert/}
        case $kind-$base in
        nondeterministic-*-sign-*) # the signature is random: all before it is the same, and theirs and ours verify
                signed=$(find "$dir/expected" -name '*_signed.bin')
                in_case "$dir"
                made=$T/w/esp_secure_cert.bin
                [ -e "$T/w/p.bin" ] && made=$T/w/p.bin
                certgen secure-cert --parse-bin "$signed" >"$T/theirs" 2>"$T/theirs.err"
                certgen secure-cert --parse-bin "$made" >"$T/ours" 2>"$T/ours.err"
                if [ "$status" -ne 0 ]; then fail "$name" "status $status" "$(cat "$T/stderr")"
                elif ! cmp -s "$T/ours" "$T/theirs"; then fail "$name" "$(diff "$T/ours" "$T/theirs")"
                elif ! cmp -s -n "$((16#$(awk '$2 == 8 { print substr($1, 3) }' "$T/ours")))" "$made" "$signed"; then fail "$name" "not the same before the signature"
                elif [ "$(grep -c 'good by the key' "$T/ours.err" "$T/theirs.err" | cut -d: -f2 | sort -u)" != 1 ]; then
                        fail "$name" "a signature is not good" "$(cat "$T/ours.err" "$T/theirs.err")"
                else pass "$name"; fi ;;
        ok-*-parse-*)
                in_case "$dir" --out out
                if [ "$status" -ne 0 ] || ! diff -r "$dir/expected/esp_secure_cert_parsed_data" "$T/w/out" >"$T/diff"; then
                        fail "$name" "status $status" "$(cat "$T/diff" "$T/stderr")"
                else pass "$name"; fi ;;
        ok-*-append-*) in_case "$dir" && expect_same "$name" "$dir" "$T/w/p.bin" ;;
        ok-* | quirk-065-*) in_case "$dir" && expect_same "$name" "$dir" "$T/w/esp_secure_cert.bin" ;;
        nondeterministic-*) # a random IV: the rest of the file is the same (unit test: the ciphertext too)
                in_case "$dir"
                certgen secure-cert --parse-bin "$T/w/esp_secure_cert.bin" | sed 1d | awk '{ print $1, $2, $3, $4, $5 }' >"$T/ours"
                certgen secure-cert --parse-bin "$(only "$dir")" | sed 1d | awk '{ print $1, $2, $3, $4, $5 }' >"$T/theirs"
                if [ "$status" -eq 0 ] && [ -s "$T/ours" ] && cmp -s "$T/ours" "$T/theirs"; then pass "$name"
                else fail "$name" "status $status" "$(diff "$T/ours" "$T/theirs")" "$(cat "$T/stderr")"; fi ;;
        *) in_case "$dir" && expect_refused "$name" "$dir" ;;
        esac
done < <(grep '^seccert/' tests/golden/MANIFEST.tsv)

# Round trip: a partition as CSV and files makes the same partition again.
for base in 049-csv-subtypes 050-csv-user-data 003-plain-p384 020-pem-pkcs8-rsa 016-der-certs; do
        image=$(only "$cases/$base")
        rm -rf "$T/w" && mkdir "$T/w"
        run certgen secure-cert --parse-bin "$image" --out "$T/w/out"
        run certgen secure-cert --csv "$T/w/out/esp_secure_cert_parsed.csv" -o "$T/w/again.bin"
        expect_same "there and back: $base" "$cases/$base" "$T/w/again.bin"
done
# A signature that was tampered with, in the part that no CRC needs to catch: everything is made right again.
cp tests/golden/seccert/127-sign-p256A/expected/esp_secure_cert_data/esp_secure_cert_signed.bin "$T/forged.bin"
printf '\001' | dd of="$T/forged.bin" bs=1 seek=$((1360 + 12 + 16 + 70)) conv=notrunc 2>/dev/null
run certgen secure-cert --parse-bin "$T/forged.bin"
expect "a forged signature is refused" 1 'forged.bin'
run certgen secure-cert --secure-sign --signing-key-file "$cases/127-sign-p256A/in/sk.pem" --esp-secure-cert-file \
        "$cases/127-sign-p256A/expected/esp_secure_cert_data/esp_secure_cert_signed.bin" -o "$T/twice.bin"
expect "a partition is signed once" 1 'signed already'
check "keys come out as 0600" test "$(stat -c %a "$T/w/out/contents/privkey_2_0.pem")" = 600
check "the partition too" test "$(stat -c %a "$T/w/again.bin")" = 600
finish
