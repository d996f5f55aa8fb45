#!/usr/bin/env bash
# nvsgen's command lines: forms, options, streams, exit statuses, and what happens to files.
. tests/lib.sh
cd "$T" || exit 5
g=$TOP/tests/golden
cp "$g/nvs/001-minimal-u8/in/in.csv" in.csv
img=$g/nvs/001-minimal-u8/expected/out.bin

# forms
row() { # row NAME EXPECTED WORDS...: the words make out.bin as EXPECTED
        rm -f out.bin
        run nvsgen "${@:3}"
        if [ "$status" -eq 0 ]; then same "$1" "$2" out.bin; else fail "$1" "status $status" "$(cat stderr)"; fi
}
v1=$g/nvs/002-minimal-u8-v1/expected/out.bin
nvsgen -q in.csv default.bin
run stat -c %s default.bin
expect "the default size is 0x6000" 0 '^24576$'
row "generate IN OUT SIZE" "$img" generate in.csv out.bin 0x3000
row "IN OUT SIZE" "$img" in.csv out.bin 12288
row "size with K" "$img" in.csv out.bin 12K
row "size as an option" "$img" in.csv out.bin --size 12k
row "--version v2 --input --output --size" "$img" --version v2 --input in.csv --output out.bin --size 0x3000
row "--input --output and a size" "$img" generate --input in.csv --output out.bin 0x3000
row "options before the words" "$img" generate --size 0x3000 in.csv out.bin
row "--version 1" "$v1" generate in.csv out.bin 0x3000 --version 1
row "--version v1" "$v1" --version v1 in.csv out.bin 0x3000
row "dashes for underscores" "$g/nvs-legacy/001-minimal-u8/expected/out.bin" generate in.csv out.bin 0x3000 --legacy_layout
cat >parts.csv <<'END'
nvs,  data, nvs, 0x9000, 0x6000
fctry,data, nvs, 0xf000, 0x3000
END
row "--partition-table --partition" "$img" in.csv out.bin --partition-table parts.csv --partition fctry
run nvsgen in.csv x.bin --partition-table parts.csv
expect "two partitions for NVS: which one?" 1 'parts.csv: several .*--partition'
run nvsgen in.csv x.bin --partition-table parts.csv --partition none
expect "no such partition" 1 none
run nvsgen in.csv x.bin --partition fctry
expect "--partition without a table" 2
run nvsgen in.csv x.bin 0x3000 --partition-table parts.csv
expect "a size twice" 2

# several inputs are one
printf 'key,type,encoding,value\nns,namespace,,\nk,data,u8,1\n' >one.csv
printf 'key,type,encoding,value\nk2,data,string,more\nns2,namespace,,\nk,data,i8,-1\n' >two.csv
cat one.csv >both.csv && tail -n +2 two.csv >>both.csv
nvsgen -q both.csv both.bin 0x3000
row "several inputs" both.bin generate one.csv two.csv out.bin 0x3000
run nvsgen one.csv one.csv x.bin 0x3000
expect "a key of another file again" 1 'one.csv:3:1: k: .* at one.csv:3'

# streams
run sh -c "nvsgen in.csv - 0x3000 >piped.bin"
expect "an image on standard output leaves words to stderr" 0 'stdout: 12288 bytes'
same "the image is all there is on standard output" "$img" piped.bin
run sh -c "nvsgen -q - piped.bin 0x3000 <in.csv"
same "a configuration from standard input" "$img" piped.bin
run nvsgen in.csv out.bin 0x3000
expect "words" 0 '^out.bin: 12288 bytes, 2 of 252 entries, 1 of 2 pages used; smallest size that fits 0x3000$'
run nvsgen in.csv out.bin 0x2000
expect "words of an image that is only read" 0 '^out.bin: 4096 bytes, 2 of 252 entries, 1 of 2 pages used; smallest size that fits 0x1000$'
run nvsgen -q in.csv out.bin 0x3000
[ -s stdout ] || [ -s stderr ] && fail "--quiet" || pass "--quiet"
run nvsgen --json in.csv out.bin 0x3000
expect "--json" 0 '^\{"v":1,"file":"out.bin","size":12288,.*"entries_used":2,.*"smallest_size":12288,"key_file":null\}$'
run nvsgen in.csv /dev/full 0x3000
expect "an image that cannot be written" 5 'No space left'
run sh -c 'nvsgen in.csv - 0x3000 >/dev/full'
expect "standard output that cannot be written" 5
run sh -c 'nvsgen in.csv out.bin 0x3000 >/dev/full'
expect "words that cannot be written" 5

# files
run nvsgen in.csv new/folder/out.bin 0x3000
expect "folders of the output are made" 0
run nvsgen in.csv out2.bin 0x3000 --outdir other/place
same "--outdir" "$img" other/place/out2.bin
run nvsgen in.csv in.csv/out.bin 0x3000
expect "an output below a file" 1 "in.csv: is a file"
cp in.csv values
run nvsgen values values 0x3000
expect "output is the input" 1 'is an input as well'
ln -s values link
run nvsgen values link 0x3000
expect "output is a link to the input" 1 'is an input as well'
same "the input is unharmed" in.csv values
echo old >old.bin
run nvsgen both.csv one.csv old.bin 0x3000
same "a failure leaves the old output" <(echo old) old.bin
run nvsgen nothing.csv old.bin 0x3000
expect "no such input" 1 'nothing.csv'
run nvsgen . old.bin 0x3000
expect "a folder as input" 1 folder
same "and that one too" <(echo old) old.bin
[ -z "$(find . -name '*.tmp*' -o -name '.*' -type f)" ] && pass "no temporaries stay" || fail "no temporaries stay" "$(find . -type f)"

ln -s later.bin dangling.bin && ln -s loop.bin loop.bin
nvsgen -q in.csv dangling.bin 0x3000
check "a link to no file yet stays" [ -L dangling.bin ]
same "and its target is made" "$img" later.bin
run nvsgen in.csv loop.bin 0x3000
expect "a link to itself" 5 'loop.bin: cannot create: Too many'
run sh -c 'ulimit -f 8; nvsgen in.csv old.bin 0x6000'
expect "over the limit of a file's size" 5 'old.bin: cannot write: File too large'

# interrupted: the file is the old one or the new one, and nothing else is there
mkdir cut && for signal in INT TERM HUP; do
        for i in 1 2 3 4 5 6 7 8 9; do
                timeout -s $signal "0.0$i" nvsgen -q in.csv cut/out.bin 16M
        done
done
run sh -c 'ls -A cut | grep -v "^out.bin$"'
expect "a signal leaves nothing" 1
for i in 1 2 3 4 5 6 7 8 9; do
        timeout -s KILL "0.0$i" nvsgen -q in.csv cut/out.bin 16M
done 2>/dev/null
cp in.csv cut/.fctry-4194305-0.tmp # above the largest process number
nvsgen -q in.csv cut/out.bin 16M
run ls -A cut
expect "the next run sweeps up behind one that was killed" 0 '^out.bin$'
if [ "$(wc -l <stdout)" -eq 1 ]; then pass "all of it"; else fail "all of it" "$(cat stdout)"; fi
same "and has its image" <(nvsgen -q in.csv - 16M) cut/out.bin
for i in 1 2 3 4 5 6 7 8; do nvsgen -q in.csv cut/out.bin 0x3000 & done
wait
same "eight at once" "$img" cut/out.bin
for n in 1 2 3 4 5 6; do
        for i in 1 2 3 4; do nvsgen encrypt in.csv "cut/$n$i.bin" 0x3000 --keygen --keyfile "race$n" >"race$n$i.log" 2>&1 & done
        wait
done
wrong=
for f in cut/??.bin; do
        n=$(basename "$f" .bin)
        nvsgen verify "$f" in.csv --key "keys/race${n%?}.bin" >verify.log 2>&1 ||
                wrong="$wrong $f: $(cat verify.log race"${n%?}"?.log; ls -l cut keys)"
done
if [ -z "$wrong" ]; then pass "of several that make one key file, one does"; else fail "of several that make one key file, one does" "$wrong"; fi
run sh -c 'ls cut/??.bin | wc -l'
expect "and only it makes an image" 0 '^6$'

run stat -c %a out.bin
expect "a plain image is its owner's" 0 '^600$'

# a value's file: below the current folder, then beside the CSV file
mkdir conf && printf 'key,type,encoding,value\nns,namespace,,\ns,file,string,v.txt\n' >conf/c.csv
printf beside >conf/v.txt
run nvsgen conf/c.csv v1.bin 0x3000
expect "a file beside the CSV file" 0
printf here >v.txt
nvsgen -q conf/c.csv v2.bin 0x3000
grep -q beside v1.bin && grep -q here v2.bin && pass "the current folder comes first" || fail "the current folder comes first"

# what Wi-Fi's own keys bring with them: the digest is of the image that esp-idf-nvs-partition-gen 0.2.0 makes
cat >wifi.csv <<'END'
key,type,encoding,value
nvs.net80211,namespace,,
ap.ssid,data,blob_sz_fill(32;0x00),My"Net
ap.passwd,data,blob_fill(65;0x00),secret123
ap.authmode,data,u8,3
ap.chan,data,u8,1
sta.pswd,data,string,abc
sta.ssid,data,string,abc
END
nvsgen -q wifi.csv wifi.bin 0x3000
run sha256sum wifi.bin
expect "keys of the Wi-Fi library" 0 '^6c140cedcb34dae8204abf8808e85600793c7fc374eb3b95f2d1f6ca56a53f70 '
sed 's/nvs.net80211/ns/' wifi.csv >other.csv
run nvsgen other.csv x.bin 0x3000
expect "keys of the Wi-Fi library elsewhere" 1 'other.csv:5:1: ap.authmode: '

printf 'key,type,encoding,value    \nns,namespace,,  \nk,data,u8,1\n' >blanks.csv
run nvsgen blanks.csv out.bin 0x3000
expect "blanks behind a column's name, as in a post that many copied" 0 "blanks.csv:1:19: note: .*'value'"
same "do not matter" "$img" out.bin

# all errors in one run, each with its place
cat >bad.csv <<'END'
key,type,encoding,value
early,data,u8,1
ns,namespace,,
a,data,u8,256
b,data,string,x,y
"c",data,hex2bin,"0g"
a_key_of_16_byte,data,Base64,AA==
d,file,binary,nope
END
run nvsgen bad.csv x.bin 0x3000
expect "bad rows" 1
same "every one is told" stderr - <<'END'
bad.csv:2:1: early: stands before the first namespace: put a row 'NAME,namespace,,' above it
bad.csv:4:11: a: out of range, u8 holds 0 to 255
bad.csv:5:17: b: more fields than columns: put quotes around a value that holds commas
bad.csv:6:18: c: character 2 is no hexadecimal digit; no blanks, colons or line ends between them
bad.csv:7:1: a_key_of_16_byte: key of 16 bytes, a device takes up to 15; shorten it
bad.csv:7:23: a_key_of_16_byte: encoding 'Base64': write 'base64'
bad.csv:8:15: d: no file nope; names are relative to the current folder, then to the CSV file's
END
[ -e x.bin ] && fail "no output" || pass "no output"

run nvsgen "$img" in.csv.bin 0x3000
expect "an image for a CSV file" 1 'out.bin: is an NVS image, not a CSV file'
iconv -f utf-8 -t utf-16le in.csv >u16.csv
run nvsgen u16.csv x.bin 0x3000
expect "UTF-16 without its mark" 1 'u16.csv:1:1: the file is UTF-16'
cp one.csv one.copy
run nvsgen generate in.csv one.csv 0x3000
expect "a second input in the place of the output" 2 'one.csv'
same "is not overwritten" one.copy one.csv

# keys
e=$g/nvs-enc/007-string
cp "$e/in/keys.bin" keys.bin
cp "$e/in/in.csv" secret.csv
row "encrypt --inputkey" "$e/expected/out.bin" encrypt secret.csv out.bin 0x3000 --inputkey keys.bin
cp out.bin enc.bin
run nvsgen decrypt enc.bin keys.bin plain.bin
nvsgen -q secret.csv want.bin 0x3000
same "decrypt" want.bin plain.bin
cp "$g/nvs-enc/003-key2/in/keys.bin" other.bin
run nvsgen decrypt enc.bin other.bin x.bin
expect "decrypt with another key" 1 'enc.bin: wrong key'
# one key in ten thousand turns an entry into something with a well-formed name: still not the right one
key() { # LAST_FOUR CRC: 00 01 02 … and these
        printf '%b' "$(printf '\\x%02x' $(seq 0 59))$1$2"
        head -c 4028 /dev/zero | tr '\0' '\377'
}
key '\x3c\x3d\x3e\x3f' '\x45\x52\x7c\x9a' >"$T/right.key"
key '\xc1\x0f\x00\x3f' '\xbc\xb6\x5a\x88' >"$T/like.key"
printf 'key,type,encoding,value\na,namespace,,\nb,data,u8,1\n' >"$T/two.csv"
nvsgen -q encrypt "$T/two.csv" "$T/two.bin" 0x3000 --inputkey "$T/right.key" 2>"$T/two.words"
run nvsgen decrypt "$T/two.bin" "$T/right.key" "$T/two.plain"
expect "decrypt with its key" 0
run nvsgen decrypt "$T/two.bin" "$T/like.key" "$T/two.wrong"
expect "decrypt with a key whose result looks like damage" 1 'two.bin: wrong key'
run nvsgen decrypt enc.bin keys.bin keys.bin
expect "decrypt onto the key" 1 'is an input as well'
run nvsgen encrypt secret.csv keys.bin 0x3000 --inputkey keys.bin
expect "encrypt onto the key" 1 'is an input as well'
run nvsgen encrypt bad.csv x.bin 0x3000 --keygen --keyfile never
expect "bad rows make no key" 1
[ -e keys/never.bin ] && fail "no key file" || pass "no key file"
run nvsgen encrypt secret.csv a.bin 0x3000 --keygen --keyfile unit
expect "encrypt --keygen" 0 'encrypted with keys/unit.bin'
run stat -c %a keys/unit.bin
expect "a key file is its owner's" 0 '^600$'
cp keys/unit.bin unit.copy
run nvsgen encrypt secret.csv b.bin 0x3000 --keygen --keyfile unit
expect "a key file is never overwritten" 1 'holds another key'
same "the key is still there" unit.copy keys/unit.bin
[ -e b.bin ] && fail "no image without its key" || pass "no image without its key"
nvsgen -q decrypt a.bin keys/unit.bin plain2.bin
same "and opens the image" want.bin plain2.bin
head -c 32 keys.bin >hmac.bin
run nvsgen encrypt secret.csv keys/self.bin 0x3000 --keygen --keyfile self
expect "an image does not replace its key" 1 'keys/self.bin: holds the key'
run stat -c %s keys/self.bin
expect "which is still there" 0 '^4096$'
run nvsgen encrypt secret.csv keys/h.bin 0x3000 --keygen --keyfile hk2 --key_protect_hmac --kp_hmac_keygen --kp_hmac_keyfile h
expect "nor its HMAC key" 1 'keys/h.bin: holds the key'
for i in 1 2; do
        run nvsgen encrypt secret.csv "h$i.bin" 0x3000 --keygen --key-protect-hmac --kp-hmac-inputkey hmac.bin --keyfile hk.bin
        expect "keys from an HMAC key, time $i" 0
done
same "are the same every time" h1.bin h2.bin
head -c 66 keys.bin >short.bin
run nvsgen decrypt enc.bin short.bin x.bin
expect "a key file cut short" 1 'short.bin: .*66 bytes'

# usage
for words in "" "in.csv" "in.csv out.bin 5" "in.csv out.bin --version 3" "in.csv out.bin 0x2000 --legacy-layout" \
        "in.csv one.csv 0x3000" "in.csv out.bin 0x3000 0x3000" "in.csv 0x3000" "encrypt in.csv out.bin" "decrypt enc.bin" "generate-key x" "--nonsense"; do
        # shellcheck disable=SC2086
        run nvsgen $words
        expect "usage: nvsgen $words" 2 '^nvsgen: '
done
cd "$TOP" || exit 5
finish
