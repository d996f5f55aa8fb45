#!/usr/bin/env bash
# The line secures its units: ESP32-C3 (secure download mode at the end) and ESP32 v3 (no download mode any more), with flash
# encryption, secure boot and encrypted NVS. The station is killed with SIGKILL and boards lose their power in the middle of
# burns; every unit passes in the end, as one identity. And what a job may not be. More evidence: LINE_KILLS=50 LINE_BOARDS=16.
. tests/lib.sh
. tests/line_lib.sh
trap line_end EXIT
RANDOM=${LINE_SEED:-$$}
kills=${LINE_KILLS:-3} boards=${LINE_BOARDS:-2}
cd "$T" || exit 5

factory_data
cp "$TOP/samples/outlet/secure/partitions.csv" .
for k in sign other; do
        flasher generate-signing-key $k.pem 2>/dev/null
        flasher extract-public-key --key $k.pem $k.pub 2>/dev/null
done

# signed CHIPID PREFIX BOOTROOM: the images of a chip, signed, and the app by somebody else
signed() {
        "$O/fw/pack" --bootloader --deflate --chip-id "$1" --room "$3" -o "$2-boot.raw" "$O/fw/bootloader.elf" &&
                "$O/fw/pack" --app-version 1.0.0 --project outlet --chip-id "$1" -o "$2-app.raw" "$O/fw/outlet.elf" || return 1
        flasher sign --key sign.pem -o "$2-boot.bin" "$2-boot.raw" 2>/dev/null
        flasher sign --key sign.pem -o "$2-app.bin" "$2-app.raw" 2>/dev/null
        flasher sign --key other.pem -o "$2-foreign.bin" "$2-app.raw" 2>/dev/null
}

# job FILE NAME CHIP BOOT-OFFSET PREFIX [MEMBERS]: and PROFILE of the same NAME beside it
job() {
        cat >"$1" <<-END
		{
		    "name": "$2", "chip": "$3", "flash": [{ "size": "4MB" }],
		    "partition_table": "partitions.csv",
		    "images": [
		        { "file": "$5-boot.bin", "offset": "$4" },
		        { "file": "$FW/ota_data_initial.bin", "partition": "otadata" },
		        { "file": "$5-app.bin", "partition": "app" }
		    ],
		    "erase": ["nvs"],
		    "serial": { "template": "$2-%06u", "count": 1000 },
		    "factory": {
		        "config": "factory.csv", "values": { "ca": "ca/ca.crt" },
		        "keys": "station", "ca": "ca", "out": "units", "provisioning": true
		    },
		    "security": { "profile": "$2.json", "nvs_keys": "$2-keys/{mac}-nvs_keys.bin"${6:-} },
		    "selftest": { "version": "1.0.0", "project": "outlet", "seconds": 60 },
		    "ledger": "ledger.sqlite"
		}
	END
}
profile() { # NAME CHIP DOWNLOAD
        cat >"$1.json" <<-END
		{
		    "chip": "$2", "mode": "release",
		    "flash_encryption": { "key": "$1-keys/{mac}-flash.bin", "make": true },
		    "secure_boot": { "keys": ["sign.pub"] },
		    "download": "$3"
		}
	END
}
if ! signed 5 c3 0x7000 || ! signed 0 e32 0x6000; then
        fail "images for both chips"
        finish
        exit 1
fi
profile C3 esp32c3 secure
job c3.job C3 esp32c3 0x0 c3
profile E32 esp32 off
job e32.job E32 esp32 0x1000 e32

# ---- what a job may not be ----
refuses() { # NAME STATUS REGEX: of bad.job
        run flasher line --check bad.job
        expect "$1" "$2" "$3"
}
bad() { sed "$1" c3.job >bad.job; }
run flasher line --check c3.job
expect "the job is good" 0 'c3.job: good'
bad 's/c3-boot.bin/c3-boot.raw/'
refuses "an unsigned bootloader" 1 'bad.job:5:[0-9]+: security: ./c3-boot.raw is not signed for secure boot v2: .*flasher sign it'
bad 's/c3-app.bin/c3-foreign.bin/'
refuses "an app of another key" 1 'c3-foreign.bin is signed by another key \(digest [0-9a-f]{16}'
cp c3-app.bin broken.bin
printf '\377\000\377' | dd of=broken.bin bs=1 seek=5000 conv=notrunc status=none
bad 's/c3-app.bin/broken.bin/'
refuses "a signed image that was changed" 1 'broken.bin: '
flasher --chip esp32c3 encrypt --key <(head -c 32 /dev/urandom) --address 0x20000 -o cipher.bin c3-app.bin 2>/dev/null
bad 's/c3-app.bin/cipher.bin/'
refuses "ciphertext of somebody" 1 'cipher.bin is no app image; the line encrypts'
bad '/-app.bin/d; s/"otadata" },/"otadata" }/'
refuses "no app" 1 'there is no app among the images'
bad 's/"C3.json"/"E32.json"/'
refuses "a profile for another chip" 1 'the profile is for the esp32, the job for ESP32-C3'
bad 's/"C3.json"/"none.json"/'
refuses "no profile" 1 'none.json'
sed 's/sign.pub/gone.pub/' C3.json >P.json
bad 's/"C3.json"/"P.json"/'
refuses "a signing key that is not there" 1 'signing key ./gone.pub: '
sed 's/sign.pub/open.pem/' C3.json >P.json
cp sign.pem open.pem
chmod 644 open.pem
refuses "a private key that others may read" 5 'open.pem is a private key that others may read: chmod 600'
sed 's,"C3-keys/{mac}-flash.bin"\, "make": true,"one.key",' C3.json >P.json
refuses "a flash key that is not there" 1 'flash_encryption: .*one.key'
head -c 32 /dev/urandom >one.key
chmod 640 one.key
refuses "one that others may read" 5 'one.key may be read by others; chmod 600'
chmod 600 one.key
refuses "one for all is told" 0 'note: security: flash_encryption: all units get the same key'
head -c 31 /dev/urandom >one.key
refuses "one that is too short" 1 'one.key has 31 bytes, but the key takes 32'
sed 's,{mac}-flash,flash,' C3.json >P.json
refuses "one that would be made once" 1 'its file needs \{mac\} in its name'
sed 's,C3-keys/,open/,' C3.json >P.json
mkdir open
chmod 755 open
refuses "a folder of keys that is open" 5 'open is open to others \(mode 755\); chmod 700'
bad '/"security"/s/, "nvs_keys": "[^"]*"//'
refuses "NVS keys that nobody keeps" 1 'the table has partition nvs_keys for NVS keys: say where'
sed '/nvs_keys/d' partitions.csv >plain.csv
bad '/"security"/s/, "nvs_keys": "[^"]*"//; s/partitions.csv/plain.csv/'
refuses "credentials in the clear" 1 "the unit's secrets would lie there in the clear"
sed '/nvs_keys/d; s/^\(nvs,.*\),$/\1, encrypted/' partitions.csv >flagged.csv
bad 's/partitions.csv/flagged.csv/'
refuses "NVS under flash encryption" 1 'nvs is flagged encrypted'
bad 's/"selftest": {[^}]*}/"selftest": false/'
refuses "no self-test" 1 'security needs the self-test'
bad 's/"version": "1.0.0", "project": "outlet"/"pass": "ready"/'
refuses "a self-test that does not say who it is" 1 'is known by its token line alone'
bad 's/"security": {/&"keys": "burn", /'
refuses "a word that is none" 1 "'burn' is none of keep, remove"
bad 's/"security": {/&"profle": "x", /'
refuses "a slip of the pen" 1 'no such member'

run flasher line --approve c3.job
expect "nothing is approved without consent" 2 'not approved: say --yes'
expect "but the plan is shown" 2 'flash encryption: SPI_BOOT_CRYPT_CNT: Disable -> Enable'
check "no approval is left" test ! -e c3.job.approved
run flasher line c3.job --port socket://127.0.0.1:1 --once
expect "nor burnt" 1 'was never approved'
run flasher line --yes c3.job
expect "--yes alone is nothing" 2 'goes with --approve'
check "with --yes it is approved" flasher line --approve --yes c3.job
check "for the ESP32 too" flasher line --approve --yes e32.job
check "profile and keys are locked" grep -q ' sign.pub$' c3.job.approved
cp C3.json C3.was
sed -i 's/"release"/"development"/' C3.json
run flasher line c3.job --port socket://127.0.0.1:1 --once
expect "a profile that was changed" 1 'C3.json is not the file that was approved'
mv C3.was C3.json

# ---- a board that somebody else has secured ----
rack foreign 1 24:0a:c4:a1:00:01
cat >foreign.json <<-'END'
	{ "chip": "esp32c3", "mode": "development", "secure_boot": { "keys": ["other.pub"] } }
END
check "a board with another digest" flasher -p "$(sed 's/.*=rfc/rfc/' foreign/slots)" secure-plan --yes foreign.json
cp foreign/efuse.bin efuse.was 2>/dev/null || cp foreign/efuse0.bin efuse.was
run flasher line c3.job --once "$(cat foreign/slots)"
expect "is refused" 4 'FAIL .*security.*SECURE_BOOT_DIGEST0|FAIL .*digests of secure boot'
check "and not burnt" cmp "$(ls foreign/efuse*.bin)" efuse.was
check "no identity is spent on it" test "$(flasher ledger query --ledger ledger.sqlite --json | wc -l)" -eq 0
rack_stop foreign

# ---- a key that is exchanged while the line runs ----
rack late 1 24:0a:c4:a4:00:01
port=$(sed 's/.*=rfc/rfc/' late/slots)
rack_stop late
cp late/efuse.bin efuse.was
flasher --json line c3.job --slot "late=$port" >late.out 2>late.err &
pid=$!
wait_for late.out '"phase":"empty"'
cp sign.pub sign.was
cp other.pub sign.pub
vboard --flash late/flash.bin --efuse late/efuse.bin --mac 24:0a:c4:a4:00:01 --rfc2217 "${port#rfc2217://}" --daemon --pid-file late/pid >/dev/null
check "is burnt into no unit" wait_for late.out '"failure":"security","text":"sign.pub is not the file that was approved'
cp sign.was sign.pub
kill -INT "$pid"
wait "$pid"
rack_stop late
check "nor anything else" cmp late/efuse.bin efuse.was

# ---- kills and power cuts ----
rack c3 "$boards" 24:0a:c4:a2:00:01
rack e32 "$boards" 24:0a:c4:a3:00:01 --chip esp32
mapfile -t c3 <c3/slots
mapfile -t e32 <e32/slots
killed=0 cuts=0 tries=0
: >passed
while [ "$tries" -lt 60 ] && { [ "$killed" -lt "$kills" ] || [ "$(sort -u passed | wc -l)" -lt $((2 * boards)) ]; }; do
        tries=$((tries + 1))
        mend c3 "$boards"
        mend e32 "$boards"
        if [ "$killed" -lt "$kills" ] && [ $((RANDOM % 2)) -eq 0 ]; then # the power goes at a burn
                vboard ctl "c3/ctl$((RANDOM % boards))" fault burn-power=$((RANDOM % 7 + 1)) >/dev/null
                vboard ctl "e32/ctl$((RANDOM % boards))" fault burn-power=$((RANDOM % 5 + 1)) >/dev/null
                cuts=$((cuts + 1))
        fi
        flasher --json line c3.job --once "${c3[@]}" >run0 2>err0 &
        a=$!
        flasher --json line e32.job --once "${e32[@]}" >run1 2>err1 &
        b=$!
        for pid in "$a" "$b"; do
                [ "$killed" -lt "$kills" ] || break
                ms=$((RANDOM % 3500 + 50))
                sleep "$((ms / 1000)).$(printf %03d $((ms % 1000)))"
                kill -9 "$pid" 2>/dev/null
        done
        for pid in "$a" "$b"; do
                wait "$pid" 2>/dev/null
                [ $? -eq 137 ] && killed=$((killed + 1))
        done
        cat run[01] | grep '"event":"result"' | grep -oE '"phase":"(pass|before)","mac":"[^"]*"' | cut -d, -f2 >>passed
done
echo "# $tries runs, $killed kills, $cuts with a power cut in a burn"
check "the station was killed $killed times" test "$killed" -ge "$kills"
check "every board has passed" test "$(sort -u passed | wc -l)" -eq $((2 * boards))
[ "$(sort -u passed | wc -l)" -eq $((2 * boards)) ] || sed 's/^/# /' run[01] err[01]

ledger() { flasher ledger query --ledger ledger.sqlite --json "$@"; }
check "with one identity each" test "$(ledger | sed 's/.*"serial":"\([^"]*\)".*/\1/' | sort -u | wc -l)" -eq $((2 * boards))
check "none was lost" test "$(ledger --state passed | grep -cE '"serial":"(C3|E32)-00000['"1-$boards"']"')" -eq $((2 * boards))
check "and one certificate" test "$(ledger | sed 's/.*"cert_serial":"\([^"]*\)".*/\1/' | sort -u | wc -l)" -eq $((2 * boards))
check "the ledger's chain is whole" flasher ledger verify --ledger ledger.sqlite

# unit RACK CHIP BATCH INDEX: what lies in its flash and its eFuses
unit() {
        local flash=$1/flash$4.bin row mac serial
        mac=$(printf '24:0a:c4:a%x:00:%02x' "$([ "$1" = c3 ] && echo 2 || echo 3)" $(($4 + 1)))
        row=$(ledger --mac "$mac")
        serial=$(sed 's/.*"serial":"\([^"]*\)".*/\1/' <<<"$row")
        echo "$row" | grep -q "\"efuse\":\"$(flasher --chip "$2" efuse --virt "$1/efuse$4.bin" digest)\"" || echo "$mac: digest of eFuses"
        flasher ledger export --ledger ledger.sqlite --events | grep -q "\"serial\":\"$serial\".*\"efuse\":\"" || echo "$mac: no event has the digest"
        local key=$3-keys/${mac//:/}-flash.bin nvs=$3-keys/${mac//:/}-nvs_keys.bin
        [ "$(stat -c %a "$key" "$nvs" | sort -u)" = 600 ] || echo "$mac: keys are open"
        region "$flash" 0x20000 "$(stat -c %s "$1-app.bin")" >region.bin
        flasher --chip "$2" decrypt --key "$key" --address 0x20000 -o plain.bin region.bin 2>/dev/null
        cmp -s plain.bin "$1-app.bin" || echo "$mac: app"
        region "$flash" 0x340000 0x6000 >region.bin
        nvsgen dump --key "$nvs" region.bin 2>/dev/null | grep -q "$serial" || echo "$mac: factory data"
        local secret
        for secret in 'PRIVATE KEY' "$serial" outlet "$(sed -n 's/.*"pop": *"\([^"]*\)".*/\1/p' "units/$serial.prov")"; do
                if grep -aqF -- "$secret" "$flash"; then echo "$mac: '$secret' in the clear"; fi
        done
}
wrong=$(for ((i = 0; i < boards; i++)); do
        unit c3 esp32c3 C3 "$i"
        unit e32 esp32 E32 "$i"
done 2>&1)
if [ -z "$wrong" ]; then pass "ciphertext on every flash, its digest of eFuses in the ledger, keys for their owner"; else fail "units as they should be" "$wrong"; fi

# boots RACK CHIP BATCH MAC: what is signed by somebody else does not start, though it is encrypted as it should be
boots() {
        vboard ctl "$1/ctl0" cut-power >/dev/null
        flasher --chip "$2" encrypt --key "$3-keys/$4-flash.bin" --address 0x20000 -o region.bin "$1-foreign.bin" 2>/dev/null
        dd if=region.bin of="$1/flash0.bin" bs=4096 seek=32 conv=notrunc status=none
        vboard ctl "$1/ctl0" reset >/dev/null
        for _ in $(seq 200); do
                vboard ctl "$1/ctl0" uart | tail -n 3 | grep -aq 'does not boot: signed by a key' && return 0
                sleep 0.05
        done
        vboard ctl "$1/ctl0" uart | tail -5
        return 1
}
run flasher line c3.job --once "${c3[@]}"
expect "plugged in again they have passed" 0 'PASS \(before\) C3-'
run flasher line e32.job --once "${e32[@]}"
expect "also where nothing but the program answers" 0 'PASS \(before\) E32-'
run flasher line c3.job --rework --once "${c3[0]}"
expect "rework: what is not possible any more is said" 0 'tested, not written: its download mode is closed'
check "a foreign app does not start (ESP32-C3)" boots c3 esp32c3 C3 240ac4a20001
check "nor on the ESP32" boots e32 esp32 E32 240ac4a30001
racks_stop

# ---- a flash key that nobody has but the unit ----
rack own 2 24:0a:c4:a5:00:01
mapfile -t own <own/slots
"$O/fw/pack" --bootloader --deflate --flash-encryption release --chip-id 5 --room 0x7000 -o own-boot.raw "$O/fw/bootloader.elf"
flasher sign --key sign.pem -o own-boot.bin own-boot.raw 2>/dev/null
cp c3-app.bin own-app.bin
profile own esp32c3 secure
sed -i 's/"flash_encryption": {.*}/"flash_encryption": "bootloader"/' own.json
job own.job own esp32c3 0x0 own
run flasher line --approve --yes own.job
expect "the bootloader encrypts: the plan says so" 0 'flash encryption: by its bootloader, at the first start'
vboard ctl own/ctl0 fault burn-power=$((RANDOM % 8 + 1)) >/dev/null
flasher line own.job --once "${own[@]}" >run0 2>&1 &
pid=$!
sleep "0.$((RANDOM % 8 + 1))"
kill -9 $pid 2>/dev/null
wait $pid 2>/dev/null
for _ in 1 2 3; do
        mend own 2
        run flasher line own.job --once "${own[@]}"
        [ "$status" -eq 0 ] && break
done
expect "both are finished behind their first start" 0 'PASS.* own-000002'
expect "as two units" 0 'PASS.* own-000001'
row=$(ledger --mac 24:0a:c4:a5:00:01)
check "the digest of all eFuses is in the ledger" grep -q "\"efuse\":\"$(flasher --chip esp32c3 efuse --virt own/efuse0.bin digest)\"" <<<"$row"
check "and what lies on its flash" grep -q '"ota_0":"[0-9a-f]\{64\}"' <<<"$row"
run flasher --chip esp32c3 efuse --virt own/efuse0.bin get SPI_BOOT_CRYPT_CNT SECURE_BOOT_EN
if grep -qiE 'disable|false' "$T/stdout"; then fail "encryption and secure boot are on" "$(cat "$T/stdout")"; else pass "encryption and secure boot are on"; fi
check "no flash key is on the station" test -z "$(ls own-keys/*-flash.bin 2>/dev/null)"
check "its flash is ciphertext" sh -c '! grep -aqE "outlet|PRIVATE KEY|own-00000" own/flash0.bin'
racks_stop

# the power goes while it is written, and comes back with no station there: no bootloader may start over half a flash
rack half 3 24:0a:c4:a5:01:01
mapfile -t half <half/slots
for i in 0 1 2; do vboard ctl half/ctl$i fault "power=$((20 + 40 * i))" >/dev/null; done
run flasher line own.job --once "${half[@]}"
expect "the power goes at three places of the writing" 4 'FAIL'
mend half 3
# the ROM finds no bootloader, again and again
for i in 0 1 2; do
        for _ in $(seq 100); do
                vboard ctl half/ctl$i uart | grep -aq 'invalid header: 0xffffffff' && break
                sleep 0.05
        done
done
check "none has encrypted what was there" sh -c '! for i in 0 1 2; do vboard ctl half/ctl$i uart; done | grep -a "flash encryption:"'
run flasher line own.job --once "${half[@]}"
expect "each passes" 0 'PASS.* own-000005'
racks_stop

# ---- the sample's job: keys that the station does not keep ----
rack gone 1 24:0a:c4:a4:00:01
mkdir sample sample/labels
cp "$TOP"/samples/outlet/secure/{job.json,line.json,partitions.csv} "$TOP/samples/outlet/line/factory.csv" \
        "$TOP/samples/outlet/label.json" "$FW/ota_data_initial.bin" sample/
cp -r ca sample/
cp sign.pub sample/sign1.pub
cp other.pub sample/sign2.pub
cp c3-boot.bin sample/bootloader.bin
cp c3-foreign.bin sample/outlet.bin # the second key's
run flasher line --approve --yes sample/job.json
expect "the sample's job" 0
run flasher line sample/job.json --once "$(cat gone/slots)"
expect "makes a unit" 0 'PASS SO-001001'
check "no key of it is left" test -z "$(ls sample/keys)"
run flasher line sample/job.json --once "$(cat gone/slots)"
expect "which has passed" 0 'PASS \(before\) SO-001001'
run flasher ledger query --ledger sample/ledger.sqlite --json
expect "the ledger has the digest of its eFuses" 0 "\"efuse\":\"$(flasher --chip esp32c3 efuse --virt gone/efuse*.bin digest)\""
job gone.job gone esp32c3 0x0 c3 ', "keys": "remove"'
sed 's/"download": "secure"/"download": "keep"/' C3.json >P.json
sed 's/"gone.json"/"P.json"/' gone.job >bad.job
refuses "not where it stays open" 1 'keys are removed only where the unit is closed'
racks_stop
finish
