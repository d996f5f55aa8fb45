#!/usr/bin/env bash
# Encrypted NVS in the outlet: keys in a partition or made from an HMAC key in eFuses, keys that it makes itself; and the
# mismatches between image, table and eFuses, which flasher refuses and the firmware never pays for with the data.
. tests/lib.sh
. tests/board_lib.sh

FW=$O/firmware
FCTRY=$((0x340000)) NVS=$((0x9000)) KEYS=$((0x12000))
part() { dd if="$T/flash" bs=4096 skip=$(($1 / 4096)) count=$(($2 / 4096)) status=none; }

certgen ca "$T/ca" --no-passphrase -q >/dev/null && certgen device --ca "$T/ca" --cn SO-000007 -o "$T" -q >/dev/null
printf '%s\n' key,type,encoding,value mfg_ns,namespace,, serial_no,data,string,SO-000007 "cert,file,string,$T/SO-000007.crt" \
        "priv_key,file,string,$T/SO-000007.key" "ca,file,string,$T/ca/ca.crt" pop,data,string,abcd1234 \
        prov_transport,data,string,softap >"$T/fctry.csv"
cd "$T" || exit 5
nvsgen generate fctry.csv plain.bin 0x6000 -q
nvsgen encrypt fctry.csv sealed.bin 0x6000 --keygen --keyfile keys.bin --outdir . -q
nvsgen generate-key --keyfile other.bin --outdir . -q
nvsgen encrypt fctry.csv hmac.bin 0x6000 --key_protect_hmac --kp_hmac_keygen --kp_hmac_keyfile hmac.key --keygen --outdir . -q
partgen -q "$TOP/samples/outlet/secure/partitions.csv" keyed.bin
for f in plain.bin sealed.bin keys/keys.bin keys/other.bin hmac.bin keys/hmac.key keyed.bin; do
        [ -s "$f" ] || { fail "made $f" "$(ls -R | head -30)"; finish; exit 1; }
done
cd "$TOP" || exit 5
base=(0x0 "$FW/bootloader.bin" 0xf000 "$FW/ota_data_initial.bin" 0x20000 "$FW/outlet.bin")

# --- keys in a partition; the flash itself is open ---
start
check "the unit" flasher --port "$port" write-flash "${base[@]}" 0x8000 "$T/keyed.bin" 0x12000 "$T/keys/keys.bin" 0x340000 "$T/sealed.bin"
says "the outlet reads its encrypted factory data" 'identity: SO-000007, from fctry/mfg_ns'
says "and its NVS" 'SELFTEST v1 PASS.*nvs=ok fctry=ok'
run flasher --port "$port" write fctry="$T/plain.bin"
expect "flasher: a plain image for a table with keys" 4 'is a plain NVS image, but the table has a partition for NVS keys'
run flasher --port "$port" write nvs_keys="$T/keys/other.bin" fctry="$T/sealed.bin"
expect "flasher: an image of other keys" 4 'encrypted with other keys'
run flasher --port "$port" write-flash 0x8000 "$T/keyed.bin" 0x12000 "$T/keys/other.bin" 0x340000 "$T/sealed.bin"
expect "flasher: the same by addresses, with the table beside them" 4 'encrypted with other keys'
check "they belong together" flasher --port "$port" write nvs_keys="$T/keys/keys.bin" fctry="$T/sealed.bin"
check "a plain one by force" flasher --port "$port" write --force fctry="$T/plain.bin"
says "is not read" 'factory partition: wrong or damaged key'
same "and not erased" <(part $FCTRY $((0x6000))) "$T/plain.bin"
ctl cut-power
put "$T/sealed.bin" $FCTRY
head -c 4096 /dev/zero | tr '\0' '\377' >"$T/blank"
put "$T/blank" $KEYS
head -c $((0x6000)) /dev/zero | tr '\0' '\377' >"$T/blank6"
put "$T/blank6" $NVS
boot
says "without keys it makes its own, once" 'nvs=ok'
part $KEYS 4096 >"$T/made"
run nvsgen dump --key "$T/made" <(part $NVS $((0x6000)))
expect "a whole key partition" 0
boot
says "the next start" 'nvs=ok'
same "has the same keys" <(part $KEYS 4096) "$T/made"
ctl cut-power
head -c 64 /dev/urandom >"$T/junk" && cat "$T/blank" | tail -c +65 >>"$T/junk"
put "$T/junk" $KEYS
part $NVS $((0x6000)) >"$T/nvs"
boot
says "a damaged key partition" 'nvs: checksum does not match'
same "NVS is not touched" <(part $NVS $((0x6000))) "$T/nvs"
scrap

# --- an HMAC key in eFuses; no key partition ---
start
run flasher --port "$port" write-flash "${base[@]}" 0x8000 "$FW/partition-table.bin" 0x340000 "$T/hmac.bin"
expect "flasher: an encrypted image, and no keys for it" 4 'the table has no partition for its keys and the chip no HMAC key'
check "a key for HMAC is burnt" flasher --port "$port" efuse --yes burn-key BLOCK_KEY3 "$T/keys/hmac.key" HMAC_UP
check "now it is taken" flasher --port "$port" write-flash "${base[@]}" 0x8000 "$FW/partition-table.bin" 0x340000 "$T/hmac.bin"
says "the outlet reads it with keys that only the chip has" 'identity: SO-000007, from fctry/mfg_ns'
says "and its NVS" 'SELFTEST v1 PASS.*nvs=ok fctry=ok'
run flasher --port "$port" efuse summary BLOCK_KEY3
expect "software cannot read the key" 0 '\?\?|00 00 00 00'
run flasher --port "$port" write --table "$FW/partition-table.bin" fctry="$T/plain.bin"
expect "flasher: a plain image for a chip with an HMAC key" 4 'the chip has an HMAC key for NVS'
scrap

# --- a table that puts NVS under flash encryption ---
sed 's/^\(fctry,.*\)readonly/\1encrypted/' samples/outlet/partitions.csv >"$T/wrong.csv"
partgen -q "$T/wrong.csv" "$T/wrong.bin"
start
run flasher --port "$port" write-flash "${base[@]}" 0x8000 "$T/wrong.bin" 0x340000 "$T/plain.bin"
expect "flasher: fctry flagged encrypted" 4 'partition fctry is flagged encrypted'
check "by force" flasher --port "$port" write-flash --force "${base[@]}" 0x8000 "$T/wrong.bin" 0x340000 "$T/plain.bin"
says "the firmware refuses it" 'factory partition: has another type'
same "and leaves it alone" <(part $FCTRY $((0x6000))) "$T/plain.bin"
scrap

# --- neither: plain NVS, and an encrypted image by force ---
start
check "the unit" flasher --port "$port" write-flash --force "${base[@]}" 0x8000 "$FW/partition-table.bin" 0x340000 "$T/sealed.bin"
says "an encrypted image without keys is not read" 'factory partition: wrong or damaged key'
same "and not erased" <(part $FCTRY $((0x6000))) "$T/sealed.bin"
scrap
finish
