#!/usr/bin/env bash
# Signatures and flash encryption as espsecure 4.8.1 and 5.3.1 make them: byte for byte where they are determined, by
# verification where they are random. Where espsecure is silently wrong, here is an error.
. tests/lib.sh
golden=$TOP/tests/golden
n=0

# run_case DIR: flasher with the arguments that espsecure was given, in a copy of its folder
run_case() {
        local args
        rm -rf "$T/w"
        mkdir -p "$T/w"
        [ -d "$1/in" ] && cp "$1"/in/* "$T/w/" 2>/dev/null
        args=$(sed 's/^(cd in && python3 -m espsecure//; s/ *# esptool.*$//' "$1/cmd")
        # shellcheck disable=SC2086
        (cd "$T/w" && run flasher $args && echo "$status") >"$T/status"
        status=$(cat "$T/status")
}

# random_parts FILE: the byte ranges (from 1) of a signed file that differ from one run to the next
random_parts() {
        local size base k form sha
        size=$(stat -c %s "$1")
        for k in 0 1 2; do
                base=$((size - 4096 + k * 1216))
                read -r form sha < <(od -An -tu1 -j$((base + 1)) -N2 "$1")
                case $form:$sha in
                2:0) echo "$((base + 813)) $((base + 1200))" ;;
                3:0) echo "$((base + 102)) $((base + 165))" && echo "$((base + 1197)) $((base + 1200))" ;;
                3:1) echo "$((base + 150)) $((base + 245))" && echo "$((base + 1197)) $((base + 1200))" ;;
                esac
        done
}

# signed NAME FILE FILE KEY...: the same but for signatures, and these verify
signed() {
        local name=$1 ours=$2 theirs=$3 key
        shift 3
        if [ "$(stat -c %s "$ours")" != "$(stat -c %s "$theirs")" ]; then
                fail "$name" "$(stat -c %s "$ours") bytes, expected $(stat -c %s "$theirs")"
                return
        fi
        random_parts "$theirs" >"$T/parts"
        cmp -l "$ours" "$theirs" | awk -v parts="$T/parts" '
                BEGIN { while ((getline line < parts) > 0) { split(line, r, " "); from[++k] = r[1] + 0; to[k] = r[2] + 0 } }
                { hit = 0; for (i = 1; i <= k; i++) if ($1 >= from[i] && $1 <= to[i]) hit = 1; if (!hit) print $1 }
                END { if (!NR) print "no byte differs: a signature without a random part?" }' >"$T/bad"
        if [ -s "$T/bad" ]; then
                fail "$name: all but the signature is the same" "$(head -3 "$T/bad")"
                return
        fi
        for key; do
                flasher verify-signature --key "$key" "$ours" >"$T/check.out" 2>&1 || {
                        fail "$name: verifies with ${key##*/}" "$(cat "$T/check.out")"
                        return
                }
        done
        pass "$name: all but the signature is the same, and it verifies"
}

same_files() { # NAME CASE
        local f bad=
        for f in "$2"/expected/*; do
                [ -e "$f" ] || continue
                cmp -s "$f" "$T/w/${f##*/}" || bad="$bad $(cmp "$f" "$T/w/${f##*/}" 2>&1)"
        done
        if [ -z "$bad" ]; then pass "$1"; else fail "$1" "$bad"; fi
}

while IFS=$'\t' read -r dir kind _ primary _; do
        name=${dir#*/}
        case=$golden/$dir
        n=$((n + 1))
        run_case "$case"
        case $name in
        017-v2-*) # signed once more, the old signature as payload: never what somebody wants
                expect "$name: refused" 1 'is signed already'
                continue
                ;;
        053-v2-*) # 4.8.1 looks at the first ECDSA block only, 5.3.1 at all
                expect "$name: found, as 5.3.1 does" 0
                continue
                ;;
        110-generate-v2-* | 111-generate-* | 112-generate-* | 113-generate-v2-* | 114-generate-v1)
                theirs=$(openssl pkey -in "$case/expected/k.pem" -noout -text 2>&1 | grep -E 'Private-Key|NIST CURVE|ASN1 OID')
                ours=$(openssl pkey -in "$T/w/k.pem" -noout -text 2>&1 | grep -E 'Private-Key|NIST CURVE|ASN1 OID')
                if [ "$status" = 0 ] && [ -n "$ours" ] && [ "$ours" = "$theirs" ] && [ "$(stat -c %a "$T/w/k.pem")" = 600 ] &&
                        [ "$(head -1 "$T/w/k.pem")" = "$(head -1 "$case/expected/k.pem")" ]; then pass "$name: such a key, 0600"; else
                        fail "$name: such a key, 0600" "$theirs" "$ours"
                fi
                continue
                ;;
        148-bootdigest-*)
                if [ "$status" = 0 ] && cmp -s <(tail -c +4097 "$T/w/out.bin") <(tail -c +4097 "$case/expected/out.bin") &&
                        ! cmp -s "$T/w/out.bin" "$case/expected/out.bin"; then pass "$name: another IV, the same image"; else
                        fail "$name: another IV, the same image" "status $status"
                fi
                continue
                ;;
        042-esp32-pad-random)
                if [ "$status" = 0 ] && [ "$(stat -c %s "$T/w/out.bin")" = "$(stat -c %s "$case/expected/out.bin")" ] &&
                        cmp -s -n 16 "$T/w/out.bin" "$case/expected/out.bin"; then pass "$name: first block the same"; else
                        fail "$name: first block the same"
                fi
                continue
                ;;
        113-generate-key-* | 115-generate-key-*)
                if [ "$status" = 0 ] && [ "$(stat -c %s:%a "$T/w/key.bin")" = "$(stat -c %s "$case/expected/key.bin"):600" ] &&
                        ! cmp -s "$T/w/key.bin" "$case/expected/key.bin"; then pass "$name: a key of that size, 0600"; else
                        fail "$name: a key of that size, 0600"
                fi
                continue
                ;;
        esac
        case $kind:$(cat "$case/cmd") in
        ok:* | quirk:*encrypt* | quirk:*verify* | nondeterministic:*generate*)
                if [ "$status" -ne 0 ]; then fail "$name" "status $status" "$(head -3 "$T/stderr")"; else same_files "$name" "$case"; fi
                ;;
        quirk:* | nondeterministic:*)
                if [ "$status" -ne 0 ]; then
                        fail "$name" "status $status" "$(head -3 "$T/stderr")"
                        continue
                fi
                signed "$name" "$T/w/$primary" "$case/expected/$primary" "$case"/in/*.pem
                ;;
        *)
                if [ "$status" -eq 1 ] || [ "$status" -eq 2 ] || [ "$status" -eq 4 ]; then pass "$name: refused"; else
                        fail "$name: refused" "status $status" "$(head -3 "$T/stderr")"
                fi
                ;;
        esac
done < <(awk -F'\t' '$1 ~ /^(secureboot|flashenc)\//' tests/golden/MANIFEST.tsv)
[ "$n" -ge 191 ] || fail "all cases were run" "only $n"

# key digests as parsed.json has them
bad=
seen=0
for f in "$golden"/secureboot/*/parsed.json; do
        case=${f%/parsed.json}
        signed=$(find "$case/expected" "$case/in" -name 'signed.bin' 2>/dev/null | head -1)
        [ -n "$signed" ] || continue
        flasher --json signature-info "$signed" 2>/dev/null | tr ',' '\n' | sed -n 's/.*"key_digest":"\([0-9a-f]*\)".*/\1/p' >"$T/ours"
        sed -n 's/.*"key_digest": "\([0-9a-f]*\)".*/\1/p' "$f" >"$T/theirs"
        [ -s "$T/theirs" ] || continue
        seen=$((seen + 1))
        # a block whose R or curve was changed on purpose has a digest that nobody burns
        cmp -s "$T/ours" "$T/theirs" || bad="$bad ${case##*/}"
done
if [ -z "$bad" ] && [ $seen -gt 10 ]; then pass "key digests of $seen signed files"; else fail "key digests of $seen signed files" "$bad"; fi
finish
