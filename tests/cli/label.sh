#!/usr/bin/env bash
# flasher label: pictures are read back by a scanner's program (zbarimg), SVG after another program has drawn it
# (rsvg-convert); ZPL by its structure; files, commands and printers; a scanner's lines.
. tests/lib.sh
export FCTRY_LEDGER=$T/line.ledger
template=samples/outlet/label.json
(cd "$T" && certgen ca ca --cn Acme --no-passphrase -q &&
        certgen batch --ca ca --count 5 --cn 'SO-%06u' --prov -q) >/dev/null
flasher --silent ledger import nov "$T/values.csv"
"$O/tests/ledger_station" "$FCTRY_LEDGER" S1 nov 1 5 1 >/dev/null 2>&1
mkdir "$T/labels"
pop() { sed -n 's/.*"pop": "\([^"]*\)".*/\1/p' "$T/devices/$1.prov"; }
payload() { printf '{"ver":"v1","name":"PROV_%s","pop":"%s","transport":"%s"}' "${1#SO-}" "$(pop "$1")" "${2:-ble}"; }

# pictures, read back
units="SO-000001 SO-000002 SO-000003 SO-000004 SO-000005"
# shellcheck disable=SC2086
check "five labels as PNG" flasher label $units --template $template --out "$T/labels/{serial}.png"
# shellcheck disable=SC2086
check "five labels as SVG" flasher label $units --template $template --out "$T/labels/{serial}.svg"
[ "$(stat -c %a "$T/labels/SO-000001.png")" = 600 ] && pass "a label is secret" || fail "a label is secret"
# both codes of a label, and nothing else
read_back() { # picture serial
        zbarimg -q --raw -Sdisable -Sqrcode.enable "$1" 2>/dev/null | sort >"$T/read"
        { payload "$2" && echo && echo "$2"; } | sort | cmp -s - "$T/read"
}
if command -v zbarimg >/dev/null; then
        bad=
        for u in $units; do read_back "$T/labels/$u.png" "$u" || bad="$bad $u: $(cat "$T/read")"; done
        if [ -z "$bad" ]; then pass "zbarimg reads every PNG: payload and serial number"; else fail "zbarimg reads every PNG" "$bad"; fi
        if command -v rsvg-convert >/dev/null; then
                bad=
                for u in $units; do
                        # as large as a printer would draw it: 300 dots an inch
                        rsvg-convert -d 300 -p 300 -o "$T/svg.png" "$T/labels/$u.svg" && read_back "$T/svg.png" "$u" || bad="$bad $u: $(cat "$T/read")"
                done
                if [ -z "$bad" ]; then pass "zbarimg reads every SVG that rsvg-convert has drawn"; else fail "zbarimg reads every SVG" "$bad"; fi
                size=$(rsvg-convert -d 300 -p 300 "$T/labels/SO-000001.svg" -o "$T/svg.png" && head -c 24 "$T/svg.png" | od -An -tu1 -j16 -N8 | awk '{ print $3 * 256 + $4, $7 * 256 + $8 }')
                case $size in '591 295' | '590 295' | '591 296') pass "50 mm by 25 mm at 300 dpi" ;; *) fail "50 mm by 25 mm at 300 dpi" "$size" ;; esac
        else
                skip "SVG" "rsvg-convert is not installed (Debian: librsvg2-bin)"
        fi
        # a forged one beside it: the code of another unit is another code
        if read_back "$T/labels/SO-000001.png" SO-000002; then fail "another unit's label is told apart"; else pass "another unit's label is told apart"; fi
        # the smallest that is allowed can still be read, at both usual densities
        for dpi in 203 300 600; do
                for least in 6 7 8 9 10 11 12 13 14; do
                        printf '{"v":1,"width_mm":20,"height_mm":20,"dpi":%s,"transport":"softap","items":[{"type":"qr","x_mm":0,"y_mm":0,"size_mm":%s,"text":"{payload}"}]}' $dpi $least >"$T/least.json"
                        flasher --silent label SO-000001 --template "$T/least.json" --out "$T/least.png" 2>/dev/null && break
                done
                got=$(zbarimg -q --raw "$T/least.png" 2>/dev/null)
                if [ "$got" = "$(payload SO-000001 softap)" ]; then pass "the smallest code at $dpi dpi ($least mm) is readable"; else fail "the smallest code at $dpi dpi ($least mm) is readable" "$got"; fi
        done
else
        skip "reading back" "zbarimg is not installed (Debian: zbar-tools)"
fi
run flasher label SO-000001 --template "$T/labels/SO-000001.png" --out -
expect "a template that is none" 1 'JSON'

# ZPL
run flasher --silent label SO-000001 --template $template --out -
expect "ZPL on standard output" 0
zpl=$T/one.zpl
cp "$T/stdout" "$zpl"
if [ "$(head -1 "$zpl")" = '^XA' ] && [ "$(tail -1 "$zpl")" = '^XZ' ] &&
        [ "$(grep -c '^\^FO[0-9]*,[0-9]*^BQN,2,[0-9]*^FH^FDMA,.*^FS$' "$zpl")" = 2 ] &&
        grep -qF "^FDMA,SO-000001^FS" "$zpl" && grep -qF "^FH^FDMA,$(payload SO-000001 | sed 's/_/_5F/g')^FS" "$zpl" &&
        grep -qF '^PW591' "$zpl" && grep -qF '^LL295' "$zpl" && grep -q '\^A0N,.*^FDSO-000001^FS$' "$zpl"; then
        pass "ZPL has both codes, texts and sizes"
else
        fail "ZPL has both codes, texts and sizes" "$(cat "$zpl")"
fi
run sh -c "flasher --silent label SO-000001 --template $template --out - >/dev/full"
expect "a label to /dev/full" 5

# a command, a printer
check "a command's standard input" flasher label SO-000002 --template $template --command "cat >'$T/cmd.zpl'"
grep -q '^\^XZ$' "$T/cmd.zpl" && pass "all of it" || fail "all of it"
run flasher label SO-000002 --template $template --command 'exit 3'
expect "a command that fails" 5 'failed with status 3'
run flasher label SO-000002 --template $template --command 'exec <&-; sleep 0.1; exit 4'
expect "a command that does not read" 5
"$O/tests/raw_printer" "$T/printed" >"$T/port" &
printer=$!
for wait in $(seq 200); do [ -s "$T/port" ] && break; sleep 0.05; done
p=$(cat "$T/port")
check "a raw printer port" flasher label SO-000001 --template $template --printer "127.0.0.1:$p"
wait $printer
same "the printer got what standard output gets" "$T/printed" "$zpl"
run flasher label SO-000001 --template $template --printer "127.0.0.1:$p"
expect "a printer that is not there is the station's trouble" 5 'label printer'
run flasher label SO-000001 --template $template --printer /dev/full
expect "a printer device that takes nothing" 5 'No space'

# a scanner's lines
scan() { printf '%s\n' "$@" | flasher label --scan --template $template SO-000001 SO-000002 >"$T/stdout" 2>"$T/stderr"; status=$?; }
scan "$(payload SO-000001)" SO-000002
expect "the right labels" 0 'label as printed'
scan SO-000001 SO-000001
expect "a label on the wrong unit" 4 "SO-000002: 'SO-000001' was scanned"
scan "$(payload SO-000003)"
expect "another unit's code" 4 'SO-000001: the label of PROV_000003 was scanned'
if grep -qF "$(pop SO-000003)" "$T/stderr"; then fail "without its proof of possession"; else pass "without its proof of possession"; fi
run flasher ledger show SO-000001
expect "the ledger knows of labels and scans" 0 'labels +[0-9]'
grep -q ' scan .*not its label' "$T/stdout" && pass "and of the wrong one" || fail "and of the wrong one" "$(cat "$T/stdout")"

# mistakes
run flasher label SO-000001 --template $template
expect "nowhere to go" 2 'one of --out'
run flasher label SO-000001 --out -
expect "no template" 2 '--template'
run flasher label SO-000001 SO-000002 --template $template --out "$T/one.png"
expect "two labels in one file" 2 '\{serial\}'
run flasher label SO-000009 --template $template --out -
expect "a unit that is not there" 1 'no unit'
run flasher label SO-000001 --template "$T/none.json" --out -
expect "a template that is not there" 1 'none.json'
run flasher label SO-000001 --template $template --out - --prov "$T/none"
expect "a unit without provisioning data" 1 'none.prov: no such file'
mkdir "$T/moved" && mv "$T/devices/SO-000003.prov" "$T/moved/"
run flasher --silent label SO-000003 --template $template --out -
expect "data that was moved" 1 'SO-000003.prov'
check "is found with --prov" flasher label SO-000003 --template $template --out "$T/x.png" --prov "$T/moved"
flasher --silent ledger scrap --yes --no-revoke SO-000004 >/dev/null
run flasher label SO-000004 --template $template --out -
expect "a scrapped unit gets no label" 1 'scrapped'
printf 'serial,mac\n../../evil,\n' >"$T/evil.csv"
flasher --silent ledger import evil "$T/evil.csv"
printf '{"v":1,"width_mm":50,"height_mm":25,"dpi":203,"items":[{"type":"text","x_mm":1,"y_mm":1,"height_mm":2,"text":"{serial}"}]}' >"$T/plain.json"
check "a serial number does not leave the folder" flasher label ../../evil --template "$T/plain.json" --out "$T/labels/{serial}.svg"
[ -e "$T/labels/_._.._evil.svg" ] && pass "it is a file's name" || fail "it is a file's name" "$(find "$T/labels" -name '*evil*')"
finish
