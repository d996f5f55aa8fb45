#!/usr/bin/env bash
# Every case of golden/nvs, nvs-legacy, nvs-errors and nvs-enc with the command that the reference
# got: what it makes right is made to the byte, what it makes wrong is refused and touches nothing.
. tests/lib.sh
. tests/golden_lib.sh

# Where the reference stops or errs and we do the plainly right thing: case | what to change in the
# input (sed on in.csv) so that the same image comes out of an ordinary case | why.
kinder='
nvs-legacy/019-ns-reopened | | rows of a reopened namespace go to it
nvs-errors/027-int-0x10 | s/0x10/16/ | a hexadecimal integer
nvs-errors/042-string-3968 | | the library of the device holds 4000 bytes (nvs-device/022: one more is too long)
nvs-errors/043-string-3999 | | the same, the longest there is
nvs-errors/055-csv-bom | s/^\xef\xbb\xbf// | a byte order mark, with a note
nvs-errors/060-semicolons | s/;/,/g | what a spreadsheet writes, with a note
nvs-errors/083-field-over-128k | | 128 KiB is a limit of the csv module of Python only
nvs-errors/076-out-no-ext | | an output may be called anything
nvs-errors/078-out-ext-uppercase | | the same
nvs-errors/080-missing-size-arg | | 0x6000 if nothing says otherwise
nvs-enc/026-key-wrong-ext | | a key file may be called anything
nvs-enc/034-generate-key-bad-ext | | the same
'

# args FILE: the words that the reference got, and ours for the older layout
args() {
        local words
        words=$(sed -n '1s/^(cd in && [^)]*\(nvs_partition_gen\(\.py\)\?\|esp_idf_nvs_partition_gen\) *\(.*\))  *#.*/\3/p' "$1/cmd")
        case $1 in */nvs-legacy/*) words="$words --legacy-layout" ;; esac
        echo "$words"
}

expect_same() { # expect_same NAME FOLDER: done, and each expected file is there
        local f bad=
        [ "$status" -eq 0 ] || bad="status $status: $(head -c 600 "$T/stderr")"
        while read -r f; do
                cmp -s "$2/expected/$f" "$T/w/$f" || bad="$bad $f differs: $(cmp "$2/expected/$f" "$T/w/$f" 2>&1)"
        done < <(cd "$2/expected" && find . -type f)
        if [ -z "$bad" ]; then pass "$1"; else fail "$1" "$bad"; fi
}

expect_refused() { # expect_refused NAME: exit 1 or 2, words, and not a byte changed
        tree "$T/w" >"$T/after"
        if [ "$status" -ne 1 ] && [ "$status" -ne 2 ]; then
                fail "$1" "status $status" "$(head -c 600 "$T/stdout" "$T/stderr")"
        elif ! grep -q . "$T/stderr" || [ -s "$T/stdout" ]; then
                fail "$1" "no words on stderr, or words on stdout" "$(cat "$T/stdout")"
        elif ! cmp -s "$T/before" "$T/after"; then
                fail "$1" "files changed" "$(diff "$T/before" "$T/after")"
        else
                pass "$1: $(head -1 "$T/stderr")"
        fi
}

expect_kinder() { # expect_kinder NAME FOLDER SED WHY: done, with the image of the changed input
        local out
        if [ "$status" -ne 0 ]; then
                fail "$1: $4" "status $status" "$(cat "$T/stderr")"
                return
        fi
        case $1 in
        */034-*) [ "$(wc -c <"$T/w/keys/k.key")" -eq 4096 ] && pass "$1: $4" || fail "$1: $4"; return ;;
        */019-*) # the fifth entry, k3, is of namespace 1, and no second entry defines that
                [ "$(od -An -tx1 -j192 -N10 "$T/w/out.bin" | tr -d ' \n')" = "$(printf '010101ff'; od -An -tx1 -j196 -N4 "$T/w/out.bin" | tr -d ' \n'; printf 6b33)" ] &&
                        pass "$1: $4" || fail "$1: $4" "$(od -An -tx1 -j64 -N192 "$T/w/out.bin")"
                return ;;
        esac
        out=$(cd "$T/w" && ls -d out*)
        mkdir -p "$T/k" && cp -r "$2/in/." "$T/k/"
        sed -i "$3" "$T/k/in.csv"
        # shellcheck disable=SC2046
        (cd "$T/k" && nvsgen -q "$(case $1 in nvs-enc/*) echo encrypt ;; *) echo generate ;; esac)" \
                --input in.csv --output ref.bin --size "$(stat -c %s "$T/w/$out")" \
                $(case $1 in nvs-enc/*) echo --inputkey keys.key ;; nvs-legacy/*) echo --legacy-layout ;; esac)) || true
        same "$1: $4" "$T/w/$out" "$T/k/ref.bin"
        rm -rf "$T/k"
}

expect_keys() { # expect_keys NAME FOLDER: new keys each time, so their form counts
        local f bad=
        [ "$status" -eq 0 ] || bad="status $status: $(cat "$T/stderr")"
        while read -r f; do
                [ "$(stat -c '%s' "$T/w/$f")" = "$(stat -c '%s' "$2/expected/$f")" ] || bad="$bad size of $f"
                case $f in ./keys/*) [ "$(stat -c %a "$T/w/$f")" = 600 ] || bad="$bad mode of $f" ;; esac
        done < <(cd "$2/expected" && find . -type f)
        if [ -z "$bad" ]; then pass "$1"; else fail "$1" "$bad"; fi
}

one() { # one NAME KIND FOLDER
        local why
        in_case nvsgen "$3"
        why=$(grep -F "$1 |" <<<"$kinder")
        if [ -n "$why" ]; then
                IFS='|' read -r _ edit reason <<<"$why"
                edit="${edit# }" && expect_kinder "$1" "$3" "${edit% }" "${reason# }"
        else
                case $2 in
                ok | quirk) expect_same "$1" "$3" ;;
                error | error-rc0 | silent-wrong) expect_refused "$1" ;;
                nondeterministic) expect_keys "$1" "$3" ;;
                *) fail "$1" "kind $2" ;;
                esac
        fi
}

while IFS=$'\t' read -r name kind _; do
        case $name in nvs/* | nvs-legacy/* | nvs-errors/* | nvs-enc/*) one "$name" "$kind" "$TOP/tests/golden/$name" ;; esac
done <tests/golden/MANIFEST.tsv

# Inputs of other projects, which are not copied into this one.
if [ -r "$SHARED/golden/MANIFEST.tsv" ]; then
        while IFS=$'\t' read -r name kind _; do
                [ -d "tests/golden/$name" ] || [ ! -d "$SHARED/golden/$name" ] && continue
                case $name in nvs/* | nvs-legacy/* | nvs-errors/* | nvs-enc/*) one "$name" "$kind" "$SHARED/golden/$name" ;; esac
        done <"$SHARED/golden/MANIFEST.tsv"
else
        skip "inputs of other projects" "../shared/golden is not here"
fi
finish
