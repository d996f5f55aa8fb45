#!/usr/bin/env bash
# partgen's command line: words, statuses, files.
. tests/lib.sh
cd "$T" || exit 5

cat >slots.csv <<'X'
# Name, Type, SubType, Offset, Size, Flags
nvs,     data, nvs,   , 0x5000
otadata, data, ota,   , 0x2000
ota_0,   app,  ota_0, , 1M
ota_1,   app,  ota_1, , 1M
fctry,   data, nvs,   , 0x6000, readonly
coredump, data, coredump, , 64K
X
check "makes a table" partgen slots.csv slots.bin
[ "$(stat -c %s slots.bin)" = 3072 ] && pass "of 3072 bytes" || fail "of 3072 bytes"

# converting: every way in and out
run partgen slots.bin
expect "a binary table gives text on stdout" 0 '^ota_1,app,ota_1,0x110000,1M,$'
cp stdout slots.text
check "convert may be said" partgen convert slots.bin said.text
same "and does the same" slots.text said.text
check "stdin to stdout" sh -c 'partgen - - <slots.csv | cmp - slots.bin'
check "stdin is told by its content" sh -c 'partgen - <slots.bin | cmp - slots.text'
check "the output's folder is made" partgen slots.csv new/folder/slots.bin
{ head -c 32768 /dev/zero | tr '\0' '\377'; cat slots.bin; head -c 100000 /dev/zero; } >flash.bin
check "out of a flash dump" sh -c 'partgen --offset 0x8000 flash.bin | cmp - slots.text'
run partgen --offset 0x9000 flash.bin
expect "a dump with its table elsewhere says where" 1 'one at 0x8000; use --offset 0x8000'
{ cat flash.bin; echo; } >odd.bin
check "a dump of an odd length" sh -c 'partgen odd.bin | cmp - slots.text'
run partgen /bin/sh
expect "another binary file" 1 '/bin/sh: no partition table at 0x8000|neither CSV'
run partgen "$T"
expect "a folder" 1 'is a folder'
run partgen missing.csv out.bin
expect "a missing file" 1 'missing.csv'

# forged: one byte of the table
cp slots.bin forged.bin
printf '\001' | dd of=forged.bin bs=1 seek=40 conv=notrunc status=none
run partgen forged.bin
expect "a changed byte is noticed" 1 'MD5 sum'

# errors: all of a file, and nothing is written
printf 'nvs,data,nvs,,12Q\nb,dat,nvs,,4K\nc,data,fat,,4K,zip\n' >bad.csv
run partgen bad.csv bad.bin
expect "a bad table" 1 '^bad.csv:3:16: flag .zip.'
[ "$(grep -c '^bad.csv:' stderr)" = 3 ] && pass "all errors in one run" || fail "all errors in one run" "$(cat stderr)"
[ ! -e bad.bin ] && pass "nothing is written" || fail "nothing is written"
echo old >kept.bin
run partgen bad.csv kept.bin
[ "$(cat kept.bin)" = old ] && pass "an older output stays" || fail "an older output stays"

# the reference's two options of a variable number of words
printf 'r,app,roomx,,64K\nz,data,zz,,4K\n' >extra.csv
check "several definitions behind one option" partgen --extra-partition-subtypes 'app, roomx, 0x60' data,zz,0xb0 -- extra.csv extra.bin
check "one option each" partgen --extra-partition-subtypes app,roomx,60 --extra_partition_subtypes=data,zz,b0 extra.csv extra2.bin
same "the same table" extra.bin extra2.bin
run partgen --extra-partition-subtypes app,roomx,0x60 data,zz,0xb0 -- extra.bin
expect "and their names come back" 0 '^z,data,zz,'
run partgen --extra-partition-subtypes nonsense extra.csv
expect "a definition that is none" 2 'TYPE,NAME,NUMBER'
printf 'f,app,factory,,0x111000\n' >v2.csv
run partgen --secure v2.csv out.bin
expect "--secure alone is v1" 1 'secure boot v1'
run partgen --secure=v3 v2.csv
expect "--secure with another word" 2

# sizes that share the flash
sed 's/1M/max/' slots.csv >max.csv
check "size max" partgen --flash-size 4MB max.csv max.bin
run partgen max.bin
expect "gives plain numbers" 0 '^ota_1,app,ota_1,0x1f0000,1920K,$'
run partgen max.csv max2.bin
expect "and needs the flash's size" 1 'add --flash-size'
run partgen --flash-size 2MB slots.csv
expect "a flash that is too small" 1 'beyond the flash of 0x200000'
run partgen --flash-size 4 slots.csv
expect "a flash of 4 bytes" 2 'like 4MB'

# lint
check "a good table passes strictly" partgen lint --strict --flash-size 2200K slots.csv
run partgen lint slots.bin
expect "lint of a binary table" 0 'warning P014: .* unused at the end'
expect "which says what flash it assumes" 0 'a flash of 4 MiB is assumed'
run partgen lint --strict slots.bin
expect "strictly, a warning fails" 1
sed 's/, readonly//' slots.csv >w.csv
run partgen lint --json w.csv
expect "lint --json" 0 '"partition":"fctry","line":6,"rule":"P007".*"severity":"warning"'
sed '/ota_1/s/1M/512K/' slots.csv >uneven.csv
run partgen lint uneven.csv
expect "slots of two sizes are an error" 1 '^uneven.csv:5:25: error P002'
run partgen lint --list-rules
expect "the list of rules" 0 '^P001 no-app'
[ "$(grep -c 'fix:' stdout)" = "$(partgen lint --list-rules --json | wc -l)" ] && pass "as JSON too" || fail "as JSON too"
run partgen lint
expect "lint of nothing" 2

# map
run partgen map slots.csv
expect "map" 0 '^0x110000 \+-'
expect "with holes and use" 0 'unused +: +1.85 MiB +46.3 %$'
check "map as SVG" partgen map --svg map.svg slots.csv
check "which is XML with every partition" sh -c 'grep -q "^<svg xmlns" map.svg && grep -q "</svg>" map.svg && for n in nvs otadata ota_0 ota_1 fctry coredump; do grep -q ">$n<" map.svg || exit 1; done'
printf '<&">,data,nvs,,0x6000\n' >xml.csv
check "a name that XML would read" sh -c 'partgen -q map --svg - xml.csv | grep -q ">&lt;&amp;&quot;&gt;<"'
if command -v xmllint >/dev/null; then check "xmllint" xmllint --noout map.svg; else skip "xmllint" "not installed"; fi

# diff
run partgen diff slots.csv slots.bin
expect "the same table" 0 '^yes: the tables are the same'
grep -v coredump slots.csv >less.csv
run partgen diff less.csv slots.csv
expect "a partition more" 0 '^safe .*coredump'
run partgen diff slots.csv max.bin
expect "moved slots" 1 '^fatal .*ota_1.* moves from 0x110000 to 0x1f0000'
run partgen diff --json slots.csv max.bin
expect "diff --json" 1 '"ota":false,"worst":"fatal"'
sed 's/ 0x5000/ 0x4000/; s/data, ota,   ,/data, ota, 0xe000,/' slots.csv >nvs.csv
run partgen diff slots.csv nvs.csv
expect "a smaller NVS" 1 '^reformat +.nvs. shrinks'
run partgen diff --new-offset 0xa000 slots.csv slots.bin
expect "a table that moves under its partitions" 1 'below the end of the partition table'

# fit
head -c 1000000 /dev/zero | sed '1s/^./\xe9/' >app.bin
head -c 1048577 /dev/zero >big.bin
: >empty.bin
run partgen fit slots.csv app.bin
expect "fit" 0 '^yes +app.bin in ota_1: 48576 bytes free \(4.6 %\)'
run partgen fit --margin 5% slots.csv app.bin
expect "not with a margin of 5 per cent" 1 '^NO +app.bin in ota_0: .*margin'
run partgen fit --margin 48576 slots.csv app.bin
expect "a margin in bytes, exactly" 0
run partgen fit --margin 48577 slots.csv app.bin
expect "and one more" 1
run partgen fit slots.csv app.bin big.bin
expect "one byte too large" 1 '^NO +big.bin in ota_0: 1 bytes too large'
run partgen fit --json slots.csv big.bin
expect "fit --json" 1 '"slot":"ota_1","slot_size":1048576,"free":-1,"fits":false'
run partgen fit slots.csv empty.bin
expect "an empty image" 1 'empty'
run partgen fit xml.csv app.bin
expect "a table without slots" 1 'no app partition'
run partgen fit --margin x slots.csv app.bin
expect "a margin that is none" 2

# plan
run partgen plan slots.csv
expect "plan" 0 '^fctry +0x210000 0x6000$'
run partgen plan --json slots.csv
expect "plan --json" 0 '"label":"fctry","type":1,"subtype":2,.*"readonly":true'
partgen plan --header --prefix FLASH slots.csv >plan.h
printf '#include "plan.h"\n_Static_assert(FLASH_OTA_1_OFFSET == 0x110000u && sizeof FLASH_FCTRY_LABEL == 6, "");\nint main(void){return 0;}\n' >plan.c
check "plan --header compiles" ${CC:-cc} -Wall -Werror -fsyntax-only plan.c
printf 'a-b,data,fat,,4K\na_b,data,fat,,4K\n' >twins.csv
run partgen plan --header twins.csv
expect "two names that C cannot tell apart" 1 "'a-b' and 'a_b'"

# lost outputs
for words in slots.bin 'map slots.csv' 'plan slots.csv' 'lint slots.csv' 'fit slots.csv app.bin' 'diff slots.csv slots.csv' 'map --svg - slots.csv'; do
        run sh -c "partgen $words >/dev/full"
        expect "partgen $words >/dev/full" 5
done
run partgen slots.csv /dev/full
expect "an output on a full disk" 5
run partgen slots.csv slots.bin/out.bin
expect "an output below a file" 1 'slots.bin: is a file'
cd "$TOP" || exit 5

# the tables of the documents that started this project
for table in samples/partitions/*.csv samples/*/partitions.csv; do
        check "$table" partgen -q "$table" "$T/sample.bin"
        check "$table, back and forth" sh -c "partgen -q '$T/sample.bin' '$T/sample.csv' && partgen -q '$T/sample.csv' '$T/again.bin' && cmp '$T/sample.bin' '$T/again.bin'"
done
finish
