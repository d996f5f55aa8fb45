#!/usr/bin/env bash
# Every case of golden/part with the words that gen_esp32part.py got: what it makes right is made to
# the byte, and comes back from our own text; what it makes wrong is refused and touches nothing.
. tests/lib.sh
. tests/golden_lib.sh

# Where the reference stops and we do the plainly right thing: case | sed on in.csv that gives the
# same table in its own words | its options | why.
kinder='
055-inline-comment | s/, #.*// | | a comment behind a row cannot mean anything else; with a note
118-err-extra-subtype-ends-in-m | s/room/0x60/ | | the reference takes the m of room for the suffix of a number
120-err-semicolon | s/;/,/g | | what a spreadsheet writes; with a note
121-err-quotes | s/"//g | | the same
'

# args FOLDER: the words that the reference got
args() { sed -n '1s/^(cd in && [^)]*gen_esp32part\.py *\(.*\))  *#.*/\1/p' "$1/cmd"; }

expect_same() { # expect_same NAME FOLDER
        local f bad=
        [ "$status" -eq 0 ] || bad="status $status: $(head -c 600 "$T/stderr")"
        if [ -d "$2/expected" ]; then
                while read -r f; do
                        cmp -s "$2/expected/$f" "$T/w/$f" || bad="$bad $(cmp "$2/expected/$f" "$T/w/$f" 2>&1)"
                done < <(cd "$2/expected" && find . -type f)
        else
                # 162: the words of the tool itself went to stderr, the table to stdout
                grep -q '^nvs,data,nvs,0x9000,24K,$' "$T/stdout" || bad="$bad no table on stdout"
        fi
        if [ -z "$bad" ]; then pass "$1"; else fail "$1" "$bad"; fi
}

expect_refused() { # expect_refused NAME: 1 or 2, words with a place, and not a byte changed
        tree "$T/w" >"$T/after"
        if [ "$status" -ne 1 ] && [ "$status" -ne 2 ] && [ "$status" -ne 5 ]; then
                fail "$1" "status $status" "$(head -c 600 "$T/stdout" "$T/stderr")"
        elif ! grep -Eq '^(in\.(csv|bin):|partgen: )' "$T/stderr" || [ -s "$T/stdout" ]; then
                fail "$1" "no words on stderr, or words on stdout" "$(cat "$T/stdout" "$T/stderr")"
        elif ! cmp -s "$T/before" "$T/after"; then
                fail "$1" "a refused table changed files" "$(diff "$T/before" "$T/after")"
        else
                pass "$1"
        fi
}

# both_ways NAME FOLDER: the reference's binary, through our text, gives the reference's binary
both_ways() {
        local words
        words=$(args "$2" | sed 's/ *\(-- \)\? *[a-z]*\.csv  *out\.bin//')
        eval "set -- \"$1\" \"$2\" $words"
        local name=$1 bin=$2/expected/out.bin
        shift 2
        run partgen -q "$@" -- "$bin" "$T/back.csv"
        # the text form of a table in which rows are not aligned needs the same --no-verify
        [ "$status" -eq 0 ] && run partgen -q "$@" -- "$T/back.csv" "$T/back.bin"
        if [ "$status" -eq 0 ] && cmp -s "$bin" "$T/back.bin"; then pass "$name, back and forth"; else
                fail "$name, back and forth" "status $status: $(head -c 600 "$T/stderr")" "$(cmp "$bin" "$T/back.bin" 2>&1)"
        fi
}

kind_case() { # kind_case NAME FOLDER SED: the same table as from the text that the reference takes
        local out
        [ "$status" -eq 0 ] && cp "$T/w/out.bin" "$T/kind.bin"
        if [ "$status" -ne 0 ]; then fail "$1" "status $status: $(head -c 600 "$T/stderr")"; return; fi
        sed -i "$3" "$T/w/in.csv"
        rm -f "$T/w/out.bin"
        check "$1: without the kindness" partgen "$T/w/in.csv" "$T/w/out.bin"
        same "$1" "$T/kind.bin" "$T/w/out.bin"
}

one() { # one FOLDER KIND
        local name=${1##*/} rule
        in_case partgen "$1"
        rule=$(grep "^$name |" <<<"$kinder")
        if [ -n "$rule" ]; then
                kind_case "$name" "$1" "$(sed 's/^[^|]*| *\([^|]*[^| ]\) *|.*/\1/' <<<"$rule")"
        elif [ "$2" = ok ]; then
                expect_same "$name" "$1"
                [ -e "$1/expected/out.bin" ] && both_ways "$name" "$1"
        else
                expect_refused "$name"
        fi
}

cases=0
shared=0
while IFS=$'\t' read -r folder kind _; do
        case $folder in part/*) ;; *) continue ;; esac
        if [ -d "tests/golden/$folder" ]; then
                one "$TOP/tests/golden/$folder" "$kind"
                cases=$((cases + 1))
        fi
done <tests/golden/MANIFEST.tsv
if [ -d "$SHARED/golden/part" ]; then
        while IFS=$'\t' read -r folder kind _; do
                case $folder in part/*-stock-* | part/*-jumpstart-*) ;; *) continue ;; esac
                one "$SHARED/golden/$folder" "$kind"
                shared=$((shared + 1))
        done <"$SHARED/golden/MANIFEST.tsv"
else
        skip "tables of ESP-IDF and of the jumpstart project" "$SHARED/golden is not here"
fi
if [ "$cases" -ge 80 ]; then pass "$cases cases of our own, $shared of others"; else fail "cases" "only $cases"; fi
finish
