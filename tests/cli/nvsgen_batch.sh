# shellcheck shell=bash
# nvsgen batch: rules, issued values, resuming, manifest, refusals. The bytes are tests/golden/mfg.sh's business.
. tests/lib.sh
cd "$T" || exit 5

printf 'dev,namespace,\nserial,data,string\nid,data,u32\n' >conf.csv
printf 'serial,id\nSN1,1\nSN2,2\nSN3,3\n' >values.csv
state() { (cd "$1" && find . -type f -exec sha256sum {} + | sort); }
mode() { stat -c %a "$1"; }
# syncfs would wait for everybody's files on this machine
batch() { run nvsgen batch "$@" --no-sync; }
# refused NAME CONF-RULES VALUES REGEX: exit 1, that line, nothing written
refused() {
        printf '%b' "$2" >r.conf.csv
        printf '%b' "$3" >r.values.csv
        rm -rf r
        batch r.conf.csv r.values.csv P 0x3000 --outdir r "${@:5}"
        expect "$1" 1 "$4"
        [ -e r ] && fail "$1: nothing is written" "$(find r)"
}

# --- keys that bring others: the digest is of the image that esp-idf-nvs-partition-gen 0.2.0 makes of P-1.csv
cat >wifi.conf.csv <<'END'
nvs.net80211,namespace,
ap.ssid,data,blob_sz_fill(32;0x00)
ap.passwd,data,blob_fill(65;0x00)
ap.authmode,data,u8
ap.chan,data,u8,REPEAT
sta.pswd,data,string
sta.ssid,data,string
END
cat >wifi.values.csv <<'END'
ap.ssid,ap.passwd,ap.authmode,ap.chan,sta.pswd,sta.ssid
"My""Net",secret123,3,1,abc,abc
Other,secret124,0,,abc,abc
END
batch wifi.conf.csv wifi.values.csv P 0x3000 --outdir wifi
expect "keys of the Wi-Fi library" 0 '2 made'
run sha256sum wifi/bin/P-1.bin
expect "bring others, as the reference has it" 0 '^6c140cedcb34dae8204abf8808e85600793c7fc374eb3b95f2d1f6ca56a53f70 '
nvsgen -q wifi/csv/P-2.csv wifi/2.bin 0x3000
same "and each device its own" wifi/2.bin wifi/bin/P-2.bin
batch wifi.conf.csv wifi.values.csv P 0x3000 --outdir wifi
expect "and they are kept" 0 '2 kept'

# --- names and modes
run nvsgen batch conf.csv values.csv Fan 12K --outdir a
expect "three devices" 0 '3 devices: 3 made, 0 kept, 0 replaced'
[ "$(mode a/csv/Fan-1.csv) $(mode a/csv) $(mode a/bin/Fan-1.bin)" = "600 700 600" ] && pass "plain values are the owner's only" ||
        fail "plain values are the owner's only" "$(ls -lR a)"
[ "$(cd a && find . | sort | tr '\n' ' ')" = ". ./Fan-manifest.csv ./Fan-manifest.json ./bin ./bin/Fan-1.bin ./bin/Fan-2.bin ./bin/Fan-3.bin ./csv ./csv/Fan-1.csv ./csv/Fan-2.csv ./csv/Fan-3.csv " ] &&
        pass "no file but these" || fail "no file but these" "$(cd a && find .)"
batch generate conf.csv values.csv Fan 0x3000 --outdir b --no-csv
expect "the word generate" 0
[ ! -e b/csv ] && pass "--no-csv" || fail "--no-csv"
same "same bytes" a/bin/Fan-3.bin b/bin/Fan-3.bin
cut -d, -f1-4 a/Fan-manifest.csv >m.txt
printf 'device,id,file,size\n1,1,bin/Fan-1.bin,12288\n2,2,bin/Fan-2.bin,12288\n3,3,bin/Fan-3.bin,12288\n' >m.want
same "manifest" m.txt m.want
tr -d '\r' <a/Fan-manifest.csv | awk -F, 'NR > 1 { print $5 "  a/" $3 }' >sums
check "manifest: SHA-256" sha256sum -c --quiet sums
grep -c '"sha256": "[0-9a-f]\{64\}"' a/Fan-manifest.json | grep -qx 3 && pass "manifest: JSON" || fail "manifest: JSON" "$(cat a/Fan-manifest.json)"
same "manifest does not depend on the folder" a/Fan-manifest.json b/Fan-manifest.json
batch conf.csv values.csv Fan 0x3000 --outdir one --jobs 1 -q
expect "one thread" 0
state a >a.txt
state one >one.txt
same "one thread, same tree" a.txt one.txt
batch conf.csv values.csv Fan 0x3000 --outdir a --json
expect "--json" 0 '^\{"v": ?1,.*"devices": ?3,"made": ?0,"kept": ?3'

printf 'n,namespace,\na,data,string\n' >blank.csv
printf 'a\n"x\n\n  \ny"\n' >blankv.csv
batch blank.csv blankv.csv B 0x3000 --outdir blank
expect "blank lines inside quotes" 0 '1 devices'
printf 'key,type,encoding,value\r\nn,namespace,,\r\na,data,string,"x\n\n  \ny"\r\n' >blank.want
same "... are kept" blank/csv/B-1.csv blank.want

# --- resuming
rm a/bin/Fan-2.bin
head -c 100 a/bin/Fan-3.bin >x && cp x a/bin/Fan-3.bin
batch conf.csv values.csv Fan 0x3000 --outdir a
expect "missing and torn images are made again" 0 '1 made, 1 kept, 1 replaced'
state a >a2.txt
same "the same tree as before" a.txt a2.txt
rm a/Fan-manifest.*
printf x >>a/bin/Fan-1.bin
before=$(state a)
batch conf.csv values.csv Fan 0x3000 --outdir a
expect "a file that is nobody's is not replaced" 1 'values.csv:2: a/bin/Fan-1.bin exists with another content'
[ "$before" = "$(state a)" ] && pass "... nothing changed" || fail "... nothing changed"
batch conf.csv values.csv Fan 0x3000 --outdir a --force
expect "--force" 0 '0 made, 2 kept, 1 replaced'
echo "no manifest" >a/Fan-manifest.csv
batch conf.csv values.csv Fan 0x3000 --outdir a
expect "a foreign file called as the manifest" 1 'Fan-manifest.csv:1: is no manifest'
mkdir -p d/bin && ln -s /etc/passwd d/bin/Fan-1.bin
batch conf.csv values.csv Fan 0x3000 --outdir d
expect "a link in the way" 1 'no regular file'
mkdir e && touch e/bin
batch conf.csv values.csv Fan 0x3000 --outdir e
expect "a file where a folder should be" 5
batch conf.csv values.csv Fan 0x3000 --outdir new --dry-run
expect "--dry-run" 0 'nothing written'
[ ! -e new ] && pass "--dry-run writes nothing" || fail "--dry-run writes nothing"

# --- keys
batch conf.csv values.csv Fan 0x3000 --outdir k --keygen
expect "--keygen" 0
[ "$(mode k/keys) $(mode k/keys/keys-Fan-1.bin)" = "700 600" ] && pass "keys are the owner's only" || fail "keys are the owner's only"
state k >k1.txt
batch conf.csv values.csv Fan 0x3000 --outdir k --keygen
expect "keys are used again" 0 '0 made, 3 kept'
rm k/bin/Fan-2.bin
batch conf.csv values.csv Fan 0x3000 --outdir k --keygen
expect "an image is made again with its key" 0 '1 made, 2 kept'
state k >k2.txt
same "... the same image" k1.txt k2.txt
mv k/keys/keys-Fan-2.bin kept.bin
batch conf.csv values.csv Fan 0x3000 --outdir k --keygen
expect "a lost key" 1 'restore the key'
head -c 40 kept.bin >k/keys/keys-Fan-2.bin
batch conf.csv values.csv Fan 0x3000 --outdir k --keygen
expect "a damaged key" 1 'is no key'
head -c 32 /dev/urandom >hmac.bin
batch conf.csv values.csv Fan 0x3000 --outdir h --keygen --key_protect_hmac --kp_hmac_keygen
expect "an HMAC key each" 0
nvsgen -q generate-key --key_protect_hmac --kp_hmac_inputkey h/keys/hmac-keys-Fan-2.bin --keyfile d.bin --outdir hk >/dev/null
same "... and the keys derived from it" h/keys/keys-Fan-2.bin hk/keys/d.bin
state h >h1.txt
batch conf.csv values.csv Fan 0x3000 --outdir h --keygen --key_protect_hmac --kp_hmac_keygen
expect "... used again" 0 '3 kept'
batch conf.csv values.csv Fan 0x3000 --outdir s --keygen --key_protect_hmac --kp_hmac_inputkey hmac.bin
expect "one HMAC key for all" 0
same "... one key for all" s/keys/keys-Fan-1.bin s/keys/keys-Fan-3.bin
check "... opens the image" nvsgen decrypt s/bin/Fan-1.bin s/keys/keys-Fan-1.bin plain.bin
same "... to the plain one" plain.bin b/bin/Fan-1.bin

# --- rules
c='n,namespace,\n'
refused "unique" "${c}a,data,string,unique\n" 'a\nx\ny\nx\n' 'r.values.csv:4: a: the same value as in line 2'
refused "unique, across pieces" "${c}a,data,u32,unique\n" "a\n$(seq -s '\n' 1 500)\n7\n" 'values.csv:502: a: the same value as in line 8'
refused "required" "${c}a,data,string,required\nb,data,u8\n" 'a,b\nx,1\n,2\n' 'r.values.csv:3:1: a: empty, but it is required'
refused "regex" "${c}a,data,string,regex=SO-[0-9]{3}\n" 'a\nSO-1234\n' 'r.values.csv:2:1: a: does not match'
refused "range, low" "${c}a,data,i16,range=-5..5\n" 'a\n-6\n' 'r.values.csv:2:1: a: -6 outside'
refused "range, high" "${c}a,data,u64,range=..18446744073709551614\n" 'a\n18446744073709551615\n' 'r.values.csv:2:1: a: .*outside'
refused "length" "${c}a,data,hex2bin,length=6..6\n" 'a\n0102030405\n' 'r.values.csv:2:1: a: its length is outside'
refused "REPEAT contradicted" "${c}a,data,string,REPEAT\nb,data,u8\n" 'a,b\nx,1\nz,2\n' 'r.values.csv:3:1: a: differs from the first'
refused "no such rule" "${c}a,data,string,uniqe\n" 'a\nx\n' 'r.conf.csv:2:15: uniqe: no such rule'
refused "a regex that would fill the memory" "${c}a,data,string,\"regex=((a{1,250}){1,250}){1,250}\"\n" 'a\na\n' 'r.conf.csv:2:15: .*multiply'
refused "bad regex" "${c}a,data,string,regex=(\n" 'a\nx\n' 'r.conf.csv:2:15: regex='
refused "bad template" "${c}a,data,string,template=SO-%s\n" 'b\nx\n' 'r.conf.csv:2:15: template'
refused "template without counter" "${c}a,data,string,template=SO\n" 'b\nx\n' 'exactly one counter'
refused "range of a text" "${c}a,data,string,range=1..2\n" 'a\nx\n' 'r.conf.csv:2:15:'
refused "range the wrong way" "${c}a,data,u8,range=9..2\n" 'a\n3\n' 'above the second'
refused "a key of the Wi-Fi library elsewhere" "${c}sta.ssid,data,binary\n" 'sta.ssid\nx\n' 'r.conf.csv:2:1: sta.ssid: '
refused "the access point's three elsewhere" "${c}ap.ssid,data,string\nap.passwd,data,string\nap.authmode,data,u8\n" \
        'ap.ssid,ap.passwd,ap.authmode\nx,y,3\n' 'r.values.csv:2:5: ap.authmode: '
refused "a key and what it brings" "nvs.net80211,namespace,\nsta.pmk,data,hex2bin\nsta.ssid,data,binary\n" \
        'sta.pmk,sta.ssid\n00,x\n' 'r.conf.csv:3:1: sta.ssid: .*sta.pmk in line 2'
refused "what a key brings, and it" "nvs.net80211,namespace,\nap.ssid,data,string\nap.pmk_info,data,hex2bin\n" \
        'ap.ssid,ap.pmk_info\nx,00\n' 'r.conf.csv:3:1: ap.pmk_info: .*ap.ssid in line 2'
refused "a key twice" "${c}a,data,u8\nb,data,u8\na,data,u8\n" 'a,b\n1,2\n' 'r.conf.csv:4:1: a: stands in namespace n already, in line 2'
refused "a column is missing" "${c}a,data,u8\nb,data,u8\n" 'a\n1\n' 'r.values.csv:1: b: no such column'
refused "blanks around a column" "${c}a,data,u8\nb,data,u8\n" 'a, b\n1,2\n' "r.values.csv:1:3: ' b': has blanks"
refused "one column for two keys" "a,namespace,\nk,data,u8\nb,namespace,\nk,data,u8\n" 'k\n1\n' 'needs as many columns'
refused "too large" "${c}a,data,binary\n" "a\n$(head -c 9000 /dev/zero | tr '\0' x)\n" 'r.values.csv:2: P-1: does not fit 12288 bytes; it needs a partition of 0x4000'
refused "file ids twice" "${c}a,data,string\n" 'a\nx\nX\n' 'r.values.csv:3: P-X: the same file name as line 2' --fileid a
refused "an empty file id" "${c}a,data,string\nb,data,u8\n" 'a,b\nx,1\n,2\n' 'r.values.csv:3:1: a: empty' --fileid a
refused "no such file id" "${c}a,data,string\n" 'a\nx\n' 'names no column' --fileid b
refused "a long file id" "${c}a,data,string\n" "a\n$(head -c 240 /dev/zero | tr '\0' x)\n" 'more than 255 bytes' --fileid a
refused "an open quote" "${c}a,data,string\n" 'a\n"x\ny\n' 'r.values.csv:2:1: the quote that opens here'
refused "not UTF-8" "${c}a,data,string\n" 'a\nx\n\377\n' 'r.values.csv:3:1: not UTF-8'
printf 'n,namespace,\na,data,u8\n' >r.conf.csv
{ echo a; seq 1000 1199; } >r.values.csv
batch r.conf.csv r.values.csv P 0x3000 --outdir r
expect "all errors, in order, up to the limit" 1 '150 more errors not shown'
sed -n 's/^r.values.csv:\([0-9]*\):.*/\1/p' stderr >lines
seq 2 51 >lines.want
same "... lines 2 to 51" lines lines.want
[ ! -e r ] && pass "... nothing written" || fail "... nothing written"
printf '%b' "${c}a,data,u8,range=1..3\nb,data,string,\"regex=a,b [cd]\",unique\n" >r.conf.csv
printf 'b;a\n"a,b c";1\n"a,b d";0x3\n' >r.values.csv
batch r.conf.csv r.values.csv P 0x3000 --outdir r
expect "semicolons, hexadecimal, rules that hold" 0
batch conf.csv - Fan 0x3000 --outdir r
expect "values from standard input" 2 'cannot be read twice'

# --- issued values
printf '%b' "${c}sn,data,string,template=SO-%06u\npop,data,string,\"random=12,unambiguous\" unique\nid,data,u8\n" >g.csv
printf 'id\n1\n2\n' >gv.csv
batch g.csv gv.csv G 0x3000 --outdir g --fileid sn --start 41
expect "generated values" 0 'values issued to 2'
[ -e g/bin/G-SO-000042.bin ] && [ "$(mode g/G-values.csv)" = 600 ] && pass "named by the template; values secret" || fail "named by the template; values secret" "$(ls -lR g)"
[ "$(tr -d '\r' <g/G-values.csv | cut -d, -f5 | grep -Ec '^[34679AC-HJ-NP-RT-Ya-km-y]{12}$')" = 2 ] &&
        pass "proofs of possession from the alphabet" || fail "proofs of possession from the alphabet" "$(cat g/G-values.csv)"
[ "$(tr -d '\r' <g/G-values.csv | tail -n 2 | cut -d, -f5 | sort -u | wc -l)" = 2 ] && pass "... two of them" || fail "... two of them"
state g >g1.txt
batch g.csv gv.csv G 0x3000 --outdir g --fileid sn --start 41
expect "issued values are read back" 0 '2 kept'
state g >g2.txt
same "... nothing changed" g1.txt g2.txt
rm g/bin/*
batch g.csv gv.csv G 0x3000 --outdir g --fileid sn --start 41
expect "images again from issued values" 0 '2 made'
state g >g2.txt
same "... the same images" g1.txt g2.txt
cp g/G-values.csv old.csv
printf '3\n' >>gv.csv
batch g.csv gv.csv G 0x3000 --outdir g --fileid sn --start 41
expect "a device more" 0 '1 made, 2 kept.*values issued to 1'
head -n 3 g/G-values.csv >new.csv
same "... the others keep theirs" old.csv new.csv
printf 'id\n9\n1\n2\n3\n' >gv.csv
before=$(state g)
batch g.csv gv.csv G 0x3000 --outdir g --fileid sn --start 41
expect "a device put before the others" 1 'gv.csv:2: .*not the row that its values were issued to'
[ "$before" = "$(state g)" ] && pass "... nothing changed" || fail "... nothing changed"
printf 'id\n1\n2\n' >gv.csv
batch g.csv gv.csv G 0x3000 --outdir g --fileid sn --start 41
expect "fewer devices" 0
printf 'id\n7\n2\n' >gv.csv
batch g.csv gv.csv G 0x3000 --outdir g --fileid sn --start 41 --force
expect "--force keeps what was issued to a corrected row" 0
cut -d, -f5 g/G-values.csv | head -n 3 >f.txt
cut -d, -f5 old.csv >f.want
same "... the same values" f.txt f.want
[ "$(wc -l <g/G-values.csv)" = 4 ] && pass "... the third device's are still there" || fail "... the third device's are still there" "$(cat g/G-values.csv)"
sed -i '3s/,[^,]*$//' g/G-values.csv
batch g.csv gv.csv G 0x3000 --outdir g --fileid sn --start 41
expect "a damaged file of issued values" 1 'G-values.csv:3: damaged'
printf '%b' "${c}p,data,string,\"random=1,digits\" unique\nid,data,u8\n" >g10.csv
printf 'id\n' >v10.csv
seq 1 11 >>v10.csv
batch g10.csv v10.csv T 0x3000 --outdir t
expect "too few random values for all" 1 'make it longer'
[ -z "$(find t -name '*.bin')" ] && pass "... no image" || fail "... no image"
head -n 11 v10.csv >v9.csv
rm -rf t
batch g10.csv v9.csv T 0x3000 --outdir t
expect "all ten digits" 0 'values issued to 10'
printf 'sn,id\nGIVEN,1\n,2\n' >gv2.csv
batch g.csv gv2.csv M 0x3000 --outdir m
expect "a given value counts" 0
tr -d '\r' <m/M-values.csv | cut -d, -f4 | tr '\n' ' ' | grep -q '^sn GIVEN SO-000002 $' && pass "... the other is made" || fail "... the other is made" "$(cat m/M-values.csv)"
batch g.csv gv2.csv M 0x3000 --outdir m2 --fileid pop
expect "no secret in a file name" 1 'secret'

# --- killed at any time, then run again
printf 'dev,namespace,\nserial,data,string\nid,data,u32\npop,data,string,random=16\n' >kill.csv
many=$((1500 / SLOW)) # as many as take a while
{ echo serial,id; seq 1 $many | sed 's/.*/SN&,&/'; } >killv.csv
nvsgen batch -q kill.csv killv.csv K 0x3000 --outdir whole --keygen --no-sync
bad=
for ms in 005 010 020 030 050 080 120 200; do
        nvsgen batch -q kill.csv killv.csv K 0x3000 --outdir kill --keygen --no-sync 2>/dev/null &
        pid=$!
        pause 0.$ms
        kill -9 $pid 2>/dev/null
        wait $pid 2>/dev/null
        [ ! -e kill/K-values.csv ] || cp kill/K-values.csv issued.$ms
        [ -z "$(find kill -name '*.bin' -path '*bin/*' ! -size 12288c 2>/dev/null)" ] || bad="$bad torn:$ms"
done
batch kill.csv killv.csv K 0x3000 --outdir kill --keygen --no-sync
expect "killed again and again, then finished" 0 "$many devices: "
[ -z "$bad" ] && pass "... no torn image at any time" || fail "... no torn image at any time" "$bad"
for f in issued.*; do [ ! -e "$f" ] || cmp -s "$f" kill/K-values.csv || bad="$bad $f"; done
[ -z "$bad" ] && pass "... no value issued twice" || fail "... no value issued twice" "$bad"
[ -z "$(find kill -name '.*' -type f)" ] && pass "... no temporary left" || fail "... no temporary left" "$(find kill -name '.*' -type f | head)"
tr -d '\r' <kill/K-manifest.csv | awk -F, 'NR > 1 { print $5 "  kill/" $3 }' >sums
check "... the manifest is right" sha256sum -c --quiet sums
[ "$(find kill/bin kill/csv kill/keys -type f | wc -l)" = $((3 * many)) ] && pass "... $((3 * many)) files" || fail "... $((3 * many)) files"
nvsgen batch -q kill.csv killv.csv K 0x3000 --outdir int --keygen --no-sync 2>int.err &
pid=$!
pause 0.1
kill -INT $pid 2>/dev/null
wait $pid
status=$?
cp int.err stderr
if [ $status -eq 0 ]; then skip "interrupted" "it was done before the signal came"
else expect "interrupted" 5 'the same command continues'; fi
batch kill.csv killv.csv K 0x3000 --outdir int --keygen
expect "... and continued" 0 "$many devices"

# torn images of an unfinished run are its own; those of another job are not
cp -r whole torn
for n in 5 6 7; do : >torn/bin/K-$n.bin; done
rm torn/K-manifest.*
batch kill.csv killv.csv K 0x3000 --outdir torn --keygen
expect "torn images without a manifest" 1 'exists with another content'
[ "$(grep -c 'exists with' stderr)" = 3 ] && pass "... three of them" || fail "... three of them" "$(cat stderr)"

# the mark of an unfinished run makes torn files its own, for the very same job only
mkdir -p mark/Fan-manifest.json
batch conf.csv values.csv Fan 0x3000 --outdir mark
expect "a folder in the manifest's place" 5 'is a folder'
[ -s mark/.Fan-unfinished ] && pass "... leaves the mark" || fail "... leaves the mark" "$(ls -la mark)"
rmdir mark/Fan-manifest.json
: >mark/bin/Fan-2.bin
printf x >mark/csv/Fan-3.csv
sed 's/SN1/SN9/' values.csv >other.csv
batch conf.csv other.csv Fan 0x3000 --outdir mark
expect "... not for another job" 1 'bin/Fan-2.bin exists with another content'
batch conf.csv values.csv Fan 0x3000 --outdir mark
expect "... but for this one" 0 '2 made, 0 kept, 1 replaced'
[ ! -e mark/.Fan-unfinished ] && pass "... and then it is gone" || fail "... and then it is gone"
state mark >mark.txt
same "... the tree is whole" mark.txt one.txt

# --- usage
for words in "conf.csv values.csv Fan" "conf.csv values.csv Fan 0x3001" "conf.csv values.csv Fan 0x3000 x y" \
        "conf.csv values.csv Fan 0x3000 --keygen --inputkey k" "conf.csv values.csv Fan 0x3000 --prefix_num x 3" \
        "conf.csv values.csv Fan 0x3000 --key_protect_hmac" "conf.csv values.csv Fan 0x3000 --version 3" "generate-key x"; do
        # shellcheck disable=SC2086
        batch $words --outdir u
        expect "usage: batch $words" 2
done
[ ! -e u ] && pass "usage: nothing written" || fail "usage: nothing written"
printf 'fctry,data,nvs,0x10000,0x6000\n' >parts.csv
batch conf.csv values.csv Fan --partition-table parts.csv --partition fctry --outdir p
expect "size from a partition table" 0
[ "$(stat -c %s p/bin/Fan-1.bin)" = 24576 ] && pass "... 0x6000" || fail "... 0x6000"
status=0
nvsgen batch conf.csv values.csv Fan 0x3000 --outdir full >/dev/full 2>stderr || status=$?
expect "standard output lost" 5

# --- the sample
cp -r "$TOP/samples/batch" sample && cd sample || exit 5
run nvsgen batch conf.csv values.csv outlet 0x6000 --fileid serial_no --keygen --no-csv --outdir out
expect "samples/batch" 0 '3 devices: 3 made'
check "samples/batch: an image opens" nvsgen decrypt out/bin/outlet-SO-000002.bin out/keys/keys-outlet-SO-000002.bin p.bin
grep -aq "certificate of device 2" p.bin && pass "samples/batch: its file is in it" || fail "samples/batch: its file is in it"
grep -aq "$(tr -d '\r' <out/outlet-values.csv | sed -n 3p | cut -d, -f5)" p.bin && pass "samples/batch: its proof of possession is in it" ||
        fail "samples/batch: its proof of possession is in it"
cd "$TOP" || exit 5
finish
