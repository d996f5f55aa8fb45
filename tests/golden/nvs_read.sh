#!/usr/bin/env bash
# Every golden image that ESP-IDF's NVS library has read (device.json) reads the same here; every
# image of the generator passes check and comes back from its own CSV.
. tests/lib.sh

# entries FILE: one a line, of our JSON and of device.json alike
entries() {
        grep -o '{"ns":.*}' "$1" | sed 's/": /":/g; s/\\u000a/\\n/g; s/}],.*/}/'
}

# keys_of CASE: the key options that its command line speaks of
keys_of() {
        local dir=$1
        case $(cat "$dir/cmd") in
        *' decrypt '*) ;;
        *--key_protect_hmac*) echo "--hmac-key $dir/in/hmac.bin" ;;
        *--keygen*) echo "--key $dir/expected/keys/k.bin" ;;
        *--inputkey*) echo "--key $(ls "$dir"/in/key*.bin | head -1)" ;;
        *'-k in/keys.bin'*) echo "--key $dir/in/keys.bin" ;;
        esac
}

# one ROOT CASE KIND PRIMARY
one() {
        local dir=$1/$2 kind=$3 img=$1/$2/expected/$4
        local keys
        keys=$(keys_of "$dir")
        # shellcheck disable=SC2086
        run nvsgen dump --json $keys "$img"
        if grep -q '^{"error"' "$dir/device.json"; then
                # the device refuses this key file; ours is refused too, or is the 64-byte kind that
                # only the generator takes
                case $2 in
                *key-64-bytes-only) expect "dump $2" 0 '"entries"' ;;
                *) expect "dump $2: the device refuses the keys" 1 'key' ;;
                esac
                return
        fi
        case $2 in
        *decrypt-plain-image) # garbage, in which a device finds nothing: here it is said
                expect "dump $2" 1 'encrypted'
                return
                ;;
        esac
        entries "$T/stdout" >"$T/ours"
        entries "$dir/device.json" | grep -v '"error":' >"$T/theirs"
        # ESP-IDF reads blobs of version 1 and does not list them; here they are listed
        if grep -q '"version": 1' "$T/stdout"; then
                grep -v '"type":"blob"' "$T/ours" >"$T/listed"
                mv "$T/listed" "$T/ours"
        fi
        if [ "$status" -eq 0 ] && cmp -s "$T/ours" "$T/theirs"; then
                pass "dump $2"
        else
                fail "dump $2" "status $status" "$(cat "$T/stderr")" "$(diff "$T/ours" "$T/theirs" | cut -c1-200 | head -10)"
        fi
        case $kind in
        ok | device | nondeterministic)
                # shellcheck disable=SC2086
                run nvsgen check -q $keys "$img"
                expect "check $2" 0
                ;;
        esac
        [ "$kind" = ok ] || return 0
        round_trip "$2" "$img" "$keys"
}

# round_trip NAME IMG KEYS: image → CSV → image
round_trip() {
        local size again=$T/again.bin args
        if [ -z "$can_generate" ]; then
                skip "csv $1" "this nvsgen has no generate"
                return
        fi
        size=$(stat -c %s "$2")
        # shellcheck disable=SC2086
        nvsgen dump --csv $3 "$2" >"$T/again.csv" 2>"$T/csv.err" || {
                # what no CSV can say, it must have said
                if grep -q 'is left out' "$T/csv.err"; then pass "csv $1: says what cannot be in it"; else fail "csv $1" "$(cat "$T/csv.err")"; fi
                return
        }
        args=$(sed -n 's/.*nvsgen \(generate.*\|encrypt.*\) CSV OUT.*/\1/p' "$T/csv.err")
        rm -f "$again"
        case $3 in
        --key*) args="$args --inputkey ${3#--key }" ;;
        --hmac*) args="encrypt --inputkey $T/derived/keys/k.bin" &&
                nvsgen generate-key --key_protect_hmac --kp_hmac_inputkey "${3#--hmac-key }" --keyfile k.bin --outdir "$T/derived" >/dev/null ;;
        esac
        # shellcheck disable=SC2086
        if nvsgen ${args:-generate} "$T/again.csv" "$again" "$size" >"$T/gen.out" 2>&1; then
                same "csv $1: the same bytes" "$again" "$2"
        else
                fail "csv $1" "$(cat "$T/gen.out")"
        fi
}

can_generate=
if nvsgen generate --help >/dev/null 2>&1; then can_generate=1; fi
root=tests/golden
while IFS=$'\t' read -r dir kind _ primary _; do
        case $dir in nvs/* | nvs-legacy/* | nvs-enc/* | nvs-device/*) ;; *) continue ;; esac
        if [ -s "$root/$dir/device.json" ]; then one "$root" "$dir" "$kind" "$primary"; fi
done <"$root/MANIFEST.tsv"

# the batch tool's images, plain ones
images=()
while IFS= read -r img; do
        case $img in
        *-err-*) ;;                     # refused by the reference: some are of 0 bytes
        */024-* | */025-* | */029-*) ;; # encrypted
        *) images+=("$img") ;;
        esac
done < <(find $root/mfg -path '*/bin/*.bin' | sort)
run nvsgen check -q "${images[@]}"
if [ -s "$T/stdout" ] || [ ${#images[@]} -lt 20 ]; then
        fail "check of mfg: ${#images[@]} images" "$(head -5 "$T/stdout")"
else
        expect "check of mfg: ${#images[@]} images" 0
fi

# the cases with other projects' inputs
if [ -d "$SHARED/golden/nvs" ]; then
        while IFS=$'\t' read -r dir kind _ primary _; do
                case $dir in nvs/* | nvs-legacy/* | nvs-enc/* | nvs-device/*) ;; *) continue ;; esac
                [ -d "$root/$dir" ] || ! [ -s "$SHARED/golden/$dir/device.json" ] || one "$SHARED/golden" "$dir" "$kind" "$primary"
        done <"$SHARED/golden/MANIFEST.tsv"
else
        skip "images of other projects' inputs" "$SHARED/golden is not there"
fi
finish
