#!/usr/bin/env bash
# The reading commands of nvsgen: dump, check, verify, diff.
. tests/lib.sh
G=tests/golden
plain=$G/nvs/014-multi-ns/expected/out.bin
conf=$G/nvs/014-multi-ns/in/in.csv
enc=$G/nvs-enc/007-string
device=$G/nvs-device/033-mix/expected/image.bin

# patch FILE OFFSET BYTES: bytes in printf's notation
patch() { printf "$3" | dd of="$1" bs=1 seek=$(($2)) conv=notrunc 2>/dev/null; }

# a flash of 128 KiB: table at 0x8000 with the NVS partitions given as LABEL:OFFSET:IMAGE
le32() { printf "\\\\x%02x\\\\x%02x\\\\x%02x\\\\x%02x" $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24 & 255)); }
flash() {
        local out=$1 at=0x8000 part label offset img
        shift
        head -c $((0x20000)) /dev/zero | tr '\0' '\377' >"$out"
        for part in "$@"; do
                IFS=: read -r label offset img <<<"$part"
                patch "$out" $at "\\xaa\\x50\\x01\\x02$(le32 $((offset)))$(le32 "$(stat -c %s "$img")")$label"
                patch "$out" $((at + 12 + ${#label})) "$(printf '\\x00%.0s' $(seq $((20 - ${#label}))))"
                dd if="$img" of="$out" bs=4096 seek=$((offset / 4096)) conv=notrunc 2>/dev/null
                at=$((at + 32))
        done
}

# dump
run nvsgen dump $plain
expect "dump: a table" 0 '^third  *a  *str  *6 three$'
run nvsgen dump --json $plain
expect "dump --json" 0 '\{"ns": "third","key": "a","type": "str","value": "three","size": 6\}'
run nvsgen dump --csv $plain
expect "dump --csv" 0 '^fourth,namespace,,$'
run nvsgen dump --raw $device
expect "dump --raw shows erased entries" 0 'erased  *1 counter'
run nvsgen dump --json --csv $plain
expect "dump: one form at a time" 2 'exclude'
run nvsgen dump
expect "dump of nothing" 2
run nvsgen dump "$T/none.bin"
expect "dump of a missing file" 1 'none.bin'
run nvsgen dump $conf
expect "dump of a CSV file" 1 '4096'
for form in '' --json --csv --raw; do
        # shellcheck disable=SC2086
        run sh -c "nvsgen dump $form $plain >/dev/full"
        expect "dump $form >/dev/full" 5
done
cp $plain "$T/odd.bin"
truncate -s 5000 "$T/odd.bin"
run nvsgen dump "$T/odd.bin"
expect "dump of an image cut short" 1 'whole pages'
run sh -c "nvsgen dump --json - <$plain"
expect "dump of standard input" 0 '"three"'

# on a terminal a line is as long as the terminal is wide, and says that it was cut
if command -v script >/dev/null; then
        run script -qec "stty cols 60; nvsgen dump $device" /dev/null
        expect "dump on a terminal cuts long values" 0 '\.\.\.'
        longest=$(tr -d '\r' <"$T/stdout" | awk 'length($0) > m { m = length($0) } END { print m }')
        if [ "$longest" -le 60 ]; then pass "dump fits the terminal"; else fail "dump fits the terminal" "$longest columns of 60"; fi
else
        skip "dump on a terminal" "script(1) is not installed"
fi

# nothing of a secret in redacted output; the rest is there
run nvsgen dump --redact --json $device
expect "dump --redact hides the key" 0 '"key": "key","type": "blob","value": null,"hidden": true'
expect "dump --redact shows the rest" 0 '"value": "device-1"'

# encrypted
run nvsgen dump --key $enc/in/keys.bin $enc/expected/out.bin
expect "dump --key" 0 'hello world'
run nvsgen dump $enc/expected/out.bin
expect "dump without the key says so" 1 'encrypted: give its keys with --key'

other=$(ls $G/nvs-enc/003-key2/in/*.bin | head -1)
run nvsgen dump --key "$other" $enc/expected/out.bin
expect "dump with another key says so" 1 'another key'
run nvsgen dump --key $enc/in/keys.bin $plain
expect "dump of a plain image with a key says so" 1 'not encrypted'
hmac=$G/nvs-enc/043-hmac-encrypt
run nvsgen dump --hmac-key $hmac/in/hmac.bin $hmac/expected/out.bin
expect "dump --hmac-key" 0
run nvsgen dump --hmac-key $hmac/in/hmac.bin --key $enc/in/keys.bin $hmac/expected/out.bin
expect "two keys contradict each other" 2 'exclude'
head -c 63 $enc/in/keys.bin >"$T/short.bin"
run nvsgen dump --key "$T/short.bin" $enc/expected/out.bin
expect "a short key file" 1 '63'
run nvsgen check $enc/expected/out.bin
expect "check without the key says so" 1 'give the image.s keys with --key'

# check
run nvsgen check $plain $device
expect "check of sound images" 0 'sound'
cp $plain "$T/bad.bin"
patch "$T/bad.bin" 0x60+24 '\x07'
run nvsgen check "$T/bad.bin"
expect "check names page, entry and offset" 1 'page 0 entry 1 \(0x64\): error: .*\[entry-crc\]'
run nvsgen check -q $plain "$T/bad.bin"
expect "check: the worst of several decides" 1
run nvsgen check --json "$T/bad.bin"
expect "check --json" 1 '"rule":"entry-crc","page":0,"entry":1,"offset":100,'
run nvsgen check --rules
expect "check --rules" 0 '^blob-orphan '
run nvsgen check -q $G/nvs-device/056-cut-small-19/expected/image.bin
expect "check: a warning is no failure" 0 'warning'
run nvsgen check --strict -q $G/nvs-device/056-cut-small-19/expected/image.bin
expect "check --strict: it is" 1
run nvsgen check
expect "check of nothing" 2
run sh -c "nvsgen check $plain >/dev/full"
expect "check >/dev/full" 5

# verify
run nvsgen verify $plain $conf
expect "verify" 0 'holds the'
sed 's/three/thrice/' $conf >"$T/other.csv"
run nvsgen verify $plain "$T/other.csv"
expect "verify: another value" 4 'third/a: is str of 6 bytes, should be str of 7 bytes \(.*other.csv:[0-9]+\)'
sed 's/three/throw/' $conf >"$T/other.csv"
run nvsgen verify $plain "$T/other.csv"
expect "verify: another content of the same size" 4 'another content'
if grep -qE 'throw|three' "$T/stdout" "$T/stderr"; then fail "verify prints no content"; else pass "verify prints no content"; fi
{ cat $conf; echo 'more,data,u8,1'; } >"$T/more.csv"
run nvsgen verify $plain "$T/more.csv"
expect "verify: a missing key" 4 '/more: missing, should be u8 1'
grep -v '^a,data,u8,2' $conf >"$T/less.csv"
run nvsgen verify $plain "$T/less.csv"
expect "verify: a key too many" 4 'second/a: not in .*, is u8 2'
run nvsgen verify --allow-extra $plain "$T/less.csv"
expect "verify --allow-extra" 0
run nvsgen verify --json $plain "$T/less.csv"
expect "verify --json" 4 '"what":"extra".*"same":false'
run nvsgen verify "$T/bad.bin" $conf
expect "verify of a damaged image" 4 'missing'
run nvsgen verify $plain "$T/none.csv"
expect "verify: no such CSV" 1
run nvsgen verify --key $enc/in/keys.bin $enc/expected/out.bin $enc/in/in.csv
expect "verify of an encrypted image" 0
run sh -c "nvsgen verify $plain $conf >/dev/full"
expect "verify >/dev/full" 5

# diff
run nvsgen diff $plain $plain
expect "diff of the same" 0 'the same 3 values'
run nvsgen diff $plain $G/nvs/001-minimal-u8/expected/out.bin
expect "diff: what only one has" 4 '^- third/a str of 6 bytes$'
run nvsgen diff --values $plain $G/nvs/001-minimal-u8/expected/out.bin
expect "diff --values" 4 '^- third/a str of 6 bytes: three$'
nvsgen dump --key $enc/in/keys.bin --csv $enc/expected/out.bin >"$T/enc.csv" 2>/dev/null
run nvsgen diff --key $enc/in/keys.bin $enc/expected/out.bin $plain
expect "diff of an encrypted and a plain image" 4 '^- ns/s str of 12 bytes$'

# what is no image at all does not look like one without values
head -c 24576 /dev/zero >"$T/zeros.bin"
for words in "dump" "dump --csv" "verify" "diff"; do
        other=
        [ "$words" = verify ] && other=$conf
        [ "$words" = diff ] && other=$T/zeros.bin
        # shellcheck disable=SC2086
        run nvsgen $words "$T/zeros.bin" $other
        expect "$words of a file of zeros" 1 'zeros.bin: no NVS image: .* see nvsgen check'
done
tr '\0' '\377' <"$T/zeros.bin" >"$T/blank.bin"
run nvsgen diff "$T/blank.bin" "$T/blank.bin"
expect "erased flash is an image without values" 0 'the same 0 values'

# a dump of the whole flash
flash "$T/flash.bin" "fctry:0x10000:$plain"
run nvsgen dump "$T/flash.bin"
expect "dump finds the only NVS partition" 0 'three'
run nvsgen verify "$T/flash.bin" $conf
expect "verify of a flash dump" 0
flash "$T/flash2.bin" "nvs:0x9000:$device" "fctry:0x10000:$plain"
run nvsgen dump "$T/flash2.bin"
expect "several NVS partitions: which" 1 'nvs, fctry; choose one with --partition'
run nvsgen dump --partition fctry "$T/flash2.bin"
expect "dump --partition" 0 'three'
run nvsgen dump --partition factory "$T/flash2.bin"
expect "no such partition" 1 "no partition 'factory'.*nvs, fctry"
run nvsgen dump --partition fctry $plain
expect "no table in the file" 1 'no partition table at 0x8000'
truncate -s $((0x11000)) "$T/flash.bin"
run nvsgen dump "$T/flash.bin"
expect "a flash dump cut short" 1 'ends at 0x13000'
run nvsgen check --partition fctry "$T/flash2.bin"
expect "check of a partition" 0 'sound'
patch "$T/flash2.bin" 0x10060+24 '\x07'
run nvsgen check --partition fctry "$T/flash2.bin"
expect "check names the offset in the dump" 1 '0x10064'
finish
