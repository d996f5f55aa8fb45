#!/usr/bin/env bash
# What espefuse 4.8.1 was told on its virtual chips, told flasher efuse: the eFuse file behind each
# command byte for byte, and no file changed where espefuse refused. Where it broke a unit without a
# word, here it is refused.
. tests/lib.sh
cases=$TOP/tests/golden/efuse
n=0

# run_case DIR: flasher efuse with the arguments that espefuse was given, in a copy of its folder
run_case() {
        local args
        rm -rf "$T/w"
        cp -r "$1/in" "$T/w"
        args=$(sed 's/^(cd in && python3 -m espefuse//; s/ *# esptool.*$//' "$1/cmd")
        cd "$T/w" || exit 1
        status=0
        # shellcheck disable=SC2086
        flasher efuse $args >"$T/stdout" 2>"$T/stderr" </dev/null || status=$?
        cd "$TOP" || exit 1
}

# unchanged NAME: the eFuse file is the one that was there
unchanged() {
        if cmp -s "$case/in/efuse.bin" "$T/w/efuse.bin"; then pass "$1"; else fail "$1" "the file has changed"; fi
}

while IFS=$'\t' read -r dir kind _; do
        name=${dir#efuse/}
        case=$cases/$name
        n=$((n + 1))
        run_case "$case"
        case $name in
        *-no-efuse-file-wrong-size) kind=error ;;    # espefuse appends a chip to what is there
        */*-burn-key-again-other-force) [ "${name%%/*}" = esp32 ] || kind=error ;; # two codes over each other
        esac
        case $kind in
        ok | quirk)
                if [ "$status" -ne 0 ]; then
                        fail "$name" "status $status" "$(head -3 "$T/stderr")"
                        continue
                fi
                if [ ! -e "$case/expected/efuse.bin" ]; then unchanged "$name"; fi
                for f in "$case"/expected/*; do
                        [ -e "$f" ] || continue
                        if cmp -s "$f" "$T/w/${f##*/}"; then pass "$name"; else
                                fail "$name" "$(cmp "$f" "$T/w/${f##*/}" 2>&1)" "$(cat "$T/stderr")"
                        fi
                done
                ;;
        *)
                if [ "$status" -ne 1 ] && [ "$status" -ne 2 ] && [ "$status" -ne 4 ]; then
                        fail "$name: refused" "status $status" "$(head -3 "$T/stderr")"
                elif [ "$(grep -c . "$T/stderr")" -ne 1 ]; then
                        fail "$name: one line" "$(cat "$T/stderr")"
                else
                        unchanged "$name: refused"
                fi
                ;;
        esac
done < <(tail -n +2 "$cases/MANIFEST.tsv")

# Summaries in JSON: every field's value, place, rights and type as espefuse has them; its descriptions are
# its own words.
theirs=$SHARED/golden/efuse
if [ ! -d "$theirs" ] || ! command -v jq >/dev/null; then
        skip "summaries in JSON" "no jq, or the collection with the tool's own output is not beside the project"
else
        for case in "$theirs"/*/*summary-json*/; do
                name=${case#"$theirs/"}
                [ -e "$case/expected/s.json" ] && cp "$case/expected/s.json" "$T/s.json" || sed -n '/^{/,$p' "$case/stdout.txt" >"$T/s.json"
                chip=${name%%/*}
                run flasher efuse --chip "$chip" --virt "$case/in/efuse.bin" summary --format json
                later=$(cut -f1 "$cases/$chip/LATER.tsv" 2>/dev/null | jq -R . | jq -s .)
                if jq -e . "$T/s.json" >/dev/null && diff <(jq -S 'map_values(del(.description))' "$T/s.json") \
                        <(jq -S --argjson later "${later:-[]}" 'map_values(del(.description)) | with_entries(select(.key | IN($later[]) | not))' \
                                "$T/stdout") >"$T/diff"; then
                        pass "$name: $(jq length "$T/stdout") fields"
                else
                        fail "$name" "$(head -5 "$T/diff")"
                fi
        done
fi
[ "$n" -ge 655 ] || fail "all cases were run" "only $n"
finish
