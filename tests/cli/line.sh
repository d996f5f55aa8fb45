#!/usr/bin/env bash
# flasher line: jobs that are wrong, the lock, one board and several, failures by class, keys that stay on the device,
# labels, interrupts, boards that come and go, the terminal and the page.
. tests/lib.sh
. tests/line_lib.sh
trap line_end EXIT
cd "$T" || exit 5
LIMIT=30 # seconds; only how long something that never comes is waited for

line_job job.json ledger.sqlite
head -c 3072 "$FW/partition-table.bin" >table.bin

# ---- what is wrong is said with its place ----
run flasher line --check job.json
expect "a good job" 0 'job.json: good'
[ ! -e units ] || [ -z "$(ls -A units)" ]
check "checking issues nothing" sh -c '[ -z "$(ls -A units)" ] && [ "$(certgen list --ca ca --json | grep -c issued)" = 0 ]'
wrong() { # NAME REGEX SED-EXPRESSION...
        local name=$1 regex=$2
        shift 2
        sed "$@" job.json >bad.json
        run flasher line --check bad.json
        expect "$name" 1 "$regex"
}
wrong "a chip that is none" 'bad.json:3:5: chip: .esp99. is none of' 's/esp32c3/esp99/'
wrong "a member that is none" 'bad.json:[0-9]+:5: eraze: no such member; there are' 's/"erase"/"eraze"/'
wrong "a member twice" 'bad.json:[0-9]+:5: erase: is there twice' 's/"erase": .*/"erase": ["nvs"], "erase": ["nvs"],/'
wrong "an image that is not there" 'bad.json:9:11: .*app.bin' 's/outlet.bin/app.bin/'
wrong "an image for another chip" 'bad.json:[0-9]+:[0-9]+: .*is for ESP32-C3.*the job is for ESP32' -e 's/esp32c3/esp32/'
wrong "a label that is none" "bad.json:9:[0-9]+: no partition is called 'ap'; there are nvs, otadata" 's/"partition": "app"/"partition": "ap"/'
wrong "an image larger than its partition" 'bad.json:8:[0-9]+: .*bytes do not fit partition phy_init of 4096' 's/ota_data_initial.bin", "partition": "otadata"/outlet.bin", "partition": "phy_init"/'
wrong "a flash smaller than the table" 'partition' 's/"4MB"/"2MB"/'
wrong "a version that the app is not" 'bad.json:[0-9]+:[0-9]+: selftest expects version 2.0.0, .* is version 1.0.0' 's/"version": "1.0.0"/"version": "2.0.0"/'
wrong "a CA that is not there" 'bad.json:15:[0-9]+: ca: ' 's/"ca": "ca"/"ca": "nowhere"/'
wrong "a serial number without a count" 'serial: count is missing' 's/, "count": 100000//'
wrong "a value that is missing" 'factory.csv:5: ca: no value' 's/"values": { "ca": "ca.ca.crt" },//'
wrong "a value that is not known" 'bad.json:14:[0-9]+: ca: \{nobody\} is not known' 's/"ca\/ca.crt"/"{nobody}"/'
wrong "keys on the device without a place" 'partition fctry is readonly' -e 's/"station"/"on-device"/'
wrong "two jobs in one" 'not valid JSON from here on' '$a{}'
wrong "an offset that is no sector" 'offset 0x100 is not a multiple of 4096' 's/"offset": 0 /"offset": 256 /'
sed '/^pop,/s/$/\nnonce,data,string,random=8/' factory.csv >factory2.csv
wrong "a value that would be another one each time" 'factory2.csv:[0-9]+: nonce: a random value would be another' 's/factory.csv/factory2.csv/'
sed 's/ledger.sqlite/no\/ledger.sqlite/' job.json >bad.json
run flasher line --check bad.json
expect "a ledger in a folder that is not there is the station's trouble" 5 'bad.json:[0-9]+:[0-9]+: ledger: '
run flasher line --check nothing.json
expect "no job" 1 'nothing.json: cannot open'
run flasher line
expect "no name of a job" 2
run flasher line --check --approve job.json
expect "check and approve" 2
run flasher line job.json --slot nothing
expect "a slot without a port" 1 'was never approved'

# ---- the lock ----
run flasher line job.json --once --slot a=rfc2217://127.0.0.1:1
expect "a job that nobody approved" 1 "was never approved; 'flasher line --check' it"
run flasher line --approve job.json
expect "approved" 0 'job.json: approved with 9 files'
check "the lock is what sha256sum reads" sha256sum -c --quiet job.json.approved
run flasher line job.json --slot nothing
expect "a slot without a port, approved" 2 'is not NAME=PORT'
cp factory.csv keep.csv
echo '# a remark' >>factory.csv
run flasher line job.json --once
expect "a changed file is refused" 1 'factory.csv is not the file that was approved'
mv keep.csv factory.csv

# ---- boards ----
rack a 3 24:0a:c4:50:00:01
mapfile -t slots <a/slots
run flasher line job.json --once "${slots[@]}"
expect "three boards pass" 0 '^a-0: PASS SO-00000[123] 24:0a:c4:50:00:01 version 1.0.0 \([0-9.]+ s\)$'
check "three lines of PASS" test "$(grep -c ': PASS SO-' stdout)" -eq 3
rack_stop a
check "flash holds the images" test -z "$(holds a 3)"
identities a 3 >ids
check "each board has its own identity" test "$(awk '/^SO-/{print $1}' ids | sort -u | tr '\n' ' ')" = "SO-000001 SO-000002 SO-000003 "
for s in SO-000001 SO-000002 SO-000003; do
        check "$s: certificate and key" certgen verify "units/$s.crt" --ca ca
done
RACKS=
rack a 3 24:0a:c4:50:00:01
mapfile -t slots <a/slots
run flasher --json line job.json --once "${slots[@]}"
expect "boards that have passed are left alone" 0 '"event":"result","slot":"a-1","phase":"before"'
run flasher --json line job.json --once --rework "${slots[@]}"
expect "unless it is rework" 0 '"phase":"pass".*"attempt":2'
run sh -c 'flasher --json line job.json --once "$@" >/dev/full' - "${slots[@]}"
expect "a lost output is a failure" 5
rack_stop a
identities a 3 >again
same "rework gives the same identity" ids again

# ---- failures, each with its class ----
fails() { # NAME CLASS JOB RACK
        mapfile -t slots <"$4/slots"
        flasher line --approve "$3" >approve.out 2>&1 || cat approve.out
        run flasher line "$3" --once "${slots[@]}"
        expect "$1" 4 "FAIL .*$2: "
}
rack esp32 1 24:0a:c4:51:00:01 --chip esp32
cp job.json f.json
fails "another chip" wrong-chip f.json esp32
rack b 1 24:0a:c4:52:00:01
sed 's/"id": "c8"/"id": "ef"/' job.json >f.json
fails "a flash chip that is not on the list" flash-id f.json b
sed -e 's/outlet.bin/hello.bin/' -e 's/"seconds": 60/"seconds": 2/' job.json >f.json
fails "a firmware that says nothing" boot f.json b
sed 's/"project": "outlet"/"project": "inlet"/' job.json >f.json
fails "another firmware" selftest f.json b
sed 's/^pop,/cert2,/' factory.csv >short.csv
sed -e 's/factory.csv/short.csv/' -e 's/"ca": "ca.ca.crt" }/"ca": "ca\/ca.crt", "cert2": "x" }/' -e '/provisioning/d' -e 's/"out": "units",/"out": "units"/' -e '/service/d' job.json >f.json
sed -i '/^service_name/d;/^cert,/d' short.csv
fails "a unit without its certificate" selftest f.json b
check "and the self-test says which item" grep -q 'self-test failed: cert=missing' stdout
rack mute 1 24:0a:c4:53:00:01 --fault silence
cp job.json f.json
fails "a board that is silent" no-sync f.json mute
rack secure 1 24:0a:c4:54:00:01 --secure-download
fails "a board that is closed" security f.json secure
racks_stop

# ---- images from a folder ----
mkdir -p folder
for s in A-1 A-2; do
        printf 'key,type,encoding,value\nmfg_ns,namespace,,\nserial_no,data,string,%s\n' $s >one.csv
        nvsgen --quiet one.csv folder/unit-$s.bin 0x6000
done
printf 'serial_no\nA-1\nA-2\n' >serials.csv
sed -e 's/"serial": .*/"serial": { "list": "serials.csv" },/' -e '/"factory": {/,/^    },/c\    "factory": { "folder": "folder", "image": "unit-{serial}.bin" },' \
        -e 's/"name": "lot"/"name": "folder"/' -e '/"selftest"/c\    "selftest": false,' job.json >folder.json
run flasher line --approve folder.json
expect "a folder of images" 0 'approved with 8 files'
rack d 2 24:0a:c4:55:00:01
mapfile -t slots <d/slots
run flasher line folder.json --once "${slots[@]}"
expect "two boards get two of them" 0 'PASS A-[12]'
rack_stop d
check "byte for byte" sh -c 'for i in 0 1; do tail -c +3407873 d/flash$i.bin | head -c 24576 | cmp -s - folder/unit-A-1.bin && echo 1; tail -c +3407873 d/flash$i.bin | head -c 24576 | cmp -s - folder/unit-A-2.bin && echo 2; done | sort | tr -d "\n" | grep -qx 12'
mv folder/unit-A-2.bin away.bin
run flasher line --check folder.json
expect "an image of the list that is missing" 1 'folder.json:[0-9]+:[0-9]+: .*unit-A-2.bin'
mv away.bin folder/unit-A-2.bin

# ---- keys that stay on the device ----
mkdir -p dev && cd dev || exit 5
cp -r ../ca .
line_job job.json ledger.sqlite '"lock": true,'
sed -i 's/, readonly//' partitions.csv
sed -i '/^cert,/d;/^priv_key,/d' factory.csv
sed -i 's/"keys": "station"/"keys": "on-device"/' job.json
flasher line --approve job.json >/dev/null 2>&1
rack k 1 24:0a:c4:56:00:01
mapfile -t slots <k/slots
run flasher line job.json --once "${slots[@]}"
expect "a unit makes its own key" 0 'PASS SO-000001'
check "no key came to the station" sh -c '[ -s units/SO-000001.crt ] && ! ls units/*.key 2>/dev/null'
port=$(sed 's/.*=rfc/rfc/' k/slots)
flasher -p "$port" read-flash 0x340000 0x6000 unit.bin >/dev/null 2>&1
nvsgen dump --json unit.bin | grep '"key": *"priv_key"' | sed 's/.*"value": *"//; s/",.*//; s/\\n/\n/g' >unit.key
check "the key on the flash is the certificate's" certgen verify units/SO-000001.crt --ca ca --key unit.key
check "the console is closed for good" sh -c "nvsgen dump --json unit.bin | grep -q '\"key\": *\"locked\"'"
run flasher line job.json --once --rework "${slots[@]}"
expect "done again: another key, the old certificate is revoked" 0 'PASS SO-000001'
check "exactly one certificate is good" test "$(certgen list --ca ca | grep -c '^issued.SO-000001')" -eq 1
racks_stop
cd "$T" || exit 5

# ---- labels ----
sed 's/"transport": "ble"/"transport": "softap"/' "$TOP/samples/outlet/label.json" >label.json
line_job label.job.json ledger.sqlite '"label": { "template": "label.json", "file": "labels/{serial}.png" },'
sed -i 's/"name": "lot"/"name": "labels"/; s/SO-%06u/LB-%04u/' label.job.json
mkdir -p labels
run flasher line --approve label.job.json
expect "a job with labels" 0
rack l 1 24:0a:c4:57:00:01
mapfile -t slots <l/slots
run flasher line label.job.json --once "${slots[@]}"
expect "a label behind PASS" 0 'PASS LB-0001'
if command -v zbarimg >/dev/null; then
        zbarimg --raw -q labels/LB-0001.png >codes 2>/dev/null
        check "a scanner reads the serial number" grep -qx LB-0001 codes
        check "and the provisioning payload" grep -q '"pop":"'"$(sed -n 's/.*"pop": *"\([^"]*\)".*/\1/p' units/LB-0001.prov)"'"' codes
else
        skip "a scanner reads the label" "no zbarimg here (Debian: zbar-tools)"
fi
rmdir labels 2>/dev/null || mv labels labels.old
run flasher line label.job.json --once --rework "${slots[@]}"
expect "no label: the unit has passed all the same, and it is said" 0 'l-0: note: no label: '
racks_stop

# ---- boards come and go ----
rack one 1 24:0a:c4:58:00:01
port=$(sed 's/.*=rfc/rfc/' one/slots)
flasher --json line job.json --slot "jig=$port" --count 2 >swap.json 2>swap.err &
pid=$!
check "the first board passes without a keystroke" wait_for swap.json '"event":"result".*"phase":"pass".*24:0a:c4:58:00:01|"phase":"pass","mac":"24:0a:c4:58:00:01"'
rack_stop one
check "its removal is seen" wait_for swap.json '"phase":"empty"'
mkdir -p two
vboard --flash two/flash.bin --efuse two/efuse.bin --mac 24:0a:c4:58:00:02 --rfc2217 "${port#rfc2217://}" --daemon --pid-file two/pid >/dev/null
RACKS="$RACKS two"
check "the next board in the same place passes" wait_for swap.json '"phase":"pass","mac":"24:0a:c4:58:00:02"'
wait "$pid"
check "the line ends when there are enough" test $? -eq 0
racks_stop

rack mute2 1 24:0a:c4:58:00:03 --fault silence
port=$(sed 's/.*=rfc/rfc/' mute2/slots)
flasher --json line job.json --slot "jig=$port" --count 1 >mute.json 2>mute.err &
pid=$!
check "a silent board fails" wait_for mute.json '"event":"result".*"failure":"no-sync"'
pause 3 # long enough to be tried again, if it were
rack_stop mute2
mkdir -p three
vboard --flash three/flash.bin --efuse three/efuse.bin --mac 24:0a:c4:58:00:04 --rfc2217 "${port#rfc2217://}" --daemon --pid-file three/pid >/dev/null
RACKS="$RACKS three"
check "the next one passes" wait_for mute.json '"phase":"pass","mac":"24:0a:c4:58:00:04"'
wait "$pid"
check "a board that failed stays failed until it is pulled" test "$(grep -c '"phase":"connect"' mute.json)" -eq 2
racks_stop

# ---- interrupts ----
rack slow 1 24:0a:c4:59:00:01 --pace
mapfile -t slots <slow/slots
flasher --json line job.json "${slots[@]}" >int.json 2>int.err &
pid=$!
wait_for int.json '"permille":[1-9]'
kill -INT "$pid"
wait "$pid"
check "the first interrupt ends what runs" test $? -eq 0
check "which passes" grep -q '"event":"result".*"phase":"pass"' int.json
flasher --json line job.json --rework "${slots[@]}" >int2.json 2>int2.err &
pid=$!
wait_for int2.json '"phase":"(claim|make|write)"'
kill -INT "$pid"
wait_for int2.json '"stopping":true'
kill -INT "$pid"
wait "$pid"
check "the second abandons it" test $? -eq 5
check "and says so" grep -Eq '"event":"result".*"failure":"abandoned"|"phase":"pass"' int2.json
racks_stop

# ---- a terminal ----
if command -v script >/dev/null; then
        rack t 1 24:0a:c4:5a:00:01
        mapfile -t slots <t/slots
        TERM=xterm script -qec "stty rows 30 cols 120; flasher line job.json --once ${slots[*]}" screen </dev/null >/dev/null 2>&1
        check "PASS in large letters" grep -q '█████   ███    ███' screen
        check "in green" grep -q "$(printf '\033\\[30;42m')" screen
        check "yield in the heading" grep -q 'yield 100.0 %' screen
        racks_stop
else
        skip "a terminal" "no script(1) here (Debian: bsdutils)"
fi

# ---- the page ----
if command -v curl >/dev/null; then
        rack p 2 24:0a:c4:5b:00:01
        mapfile -t slots <p/slots
        flasher line job.json --station "hall 7" --http 127.0.0.1:0 "${slots[@]}" >page.log 2>page.err &
        pid=$!
        wait_for page.log 'p-0: PASS' && wait_for page.log 'p-1: PASS'
        url=$(grep -o 'http://127.0.0.1:[0-9]*/' page.err)
        run curl -s -D head "$url"
        expect "the page" 0 '<title>Production line</title>'
        check "needs nothing else" sh -c '! grep -E "(src|href)=\"?(https?:)?//" stdout'
        check "no other origin may read it" sh -c '! grep -qi access-control head'
        run curl -s "${url}state"
        expect "its state" 0 '"station":"hall 7".*"passed":2.*"slot":"p-1".*"phase":"pass"'
        serial=$(sed -n 's/^p-0: PASS \([^ ]*\) .*/\1/p' page.log)
        run curl -s "${url}find?q=$serial"
        expect "a unit by serial number" 0 '"state":"passed".*"mac":"24:0a:c4:5b:00:01"'
        run curl -s "${url}find?q=24-0A-C4-5B-00-01"
        expect "and by MAC in any spelling" 0 "\"serial\":\"$serial\""
        run curl -s "${url}find?q=nobody"
        expect "a unit that is none" 0 '"error":'
        run curl -s -o /dev/null -w '%{http_code}' -H 'Host: evil.example' "$url"
        expect "another name is refused (DNS rebinding)" 0 '^403$'
        run curl -s -o /dev/null -w '%{http_code}' -H 'Host: localhost:80' "$url"
        expect "localhost is not" 0 '^200$'
        run curl -s -o /dev/null -w '%{http_code}' -X POST -d x=1 "$url"
        expect "nothing can be changed" 0 '^405$'
        timeout 5 curl -sN "${url}events" >events
        check "events" grep -q '^data: {"v":1,' events
        run flasher line job.json --http "${url#http://}" "${slots[@]}"
        expect "a port with more behind it" 1 'is not HOST:PORT'
        run flasher line job.json --http "$(echo "$url" | sed 's,http://,,;s,/$,,')" "${slots[@]}"
        expect "a port that is taken" 5 'cannot listen there'
        browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome)
        if [ -n "$browser" ]; then
                timeout 180 "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$T/chrome" --dump-dom "$url" >dom 2>dom.err
                check "a browser shows a slot that passed" grep -q 'class="slot pass" data-slot="p-0"' dom
                check "the yield" grep -q '<b id="yield">100.0 %</b>' dom
                check "and the station" grep -q 'hall 7' dom
        else
                skip "the page in a browser" "no Chromium here (Debian: chromium)"
        fi
        kill -INT "$pid"
        wait "$pid"
        check "the line ends with the page open" test $? -eq 0
        racks_stop
else
        skip "the page" "no curl here"
fi
finish
