#!/usr/bin/env bash
# provcli against a device over HTTP (tests/tools/provdev.c): securities 0, 1 and 2, wrong secrets, retries.
. tests/lib.sh

device='' port='' log=''
start() { # ARGUMENTS of provdev
        stop
        log=$T/device.log
        rm -f "$log"
        "$O/tests/provdev" "$@" >"$log" 2>&1 &
        device=$!
        for _ in $(seq 100); do
                port=$(sed -n "s/^port //p" "$log" 2>/dev/null)
                [ -n "$port" ] && return
                sleep 0.05
        done
        fail "the test device starts" "$(cat "$log")"
}
stop() {
        [ -z "$device" ] || { kill "$device"; wait "$device"; } 2>/dev/null
        device=''
}
trap 'stop; rm -rf "$T"' EXIT
P() { run provcli --host "127.0.0.1:$port" "$@"; }

printf 'abcd1234\n' >"$T/pop"
printf 'wrong\n' >"$T/wrong-pop"
printf 'correct horse\n' >"$T/pass"
printf 'incorrect\n' >"$T/wrong-pass"

start 1 pop=abcd1234
P http "127.0.0.1:$port" --pop-file "$T/pop" --ssid lab-main --passphrase-file "$T/pass"
expect "security 1: provisioned" 0 "^connected to lab-main, address 192.168.77.23, channel 6, WPA2"
check "the device got the name" grep -q '^set ssid=lab-main' "$log"

start 1 pop=abcd1234
P softap --service PROV_1234 --pop abcd1234 --ssid lab-main --passphrase-file "$T/pass" --json
expect "the same as JSON" 0 '"v":1,"result":"connected","ssid":"lab-main","ip4":"192.168.77.23"'
n=$(sed -n 's/.*"requests":\([0-9]*\).*/\1/p' "$T/stdout")
check "no more than 7 requests (esp_prov takes 12)" test "${n:-99}" -le 7

start 1 pop=abcd1234
run provcli --transport softap --service_name PROV_1 --sec_ver 1 --pop abcd1234 --ssid lab-main --passphrase "correct horse" \
        --custom_data hello --host "127.0.0.1:$port" -v
expect "esp_prov.py's options" 0 "^connected"
check "custom data arrived" grep -q '^custom hello' "$log"
if grep -qE 'correct horse|abcd1234' "$T/stderr" "$T/stdout"; then fail "-v shows no secret"; else pass "-v shows no secret"; fi

start 1 pop=abcd1234
run provcli --transport httpd --service_name "127.0.0.1:$port" --pop abcd1234 --ssid lab-main --passphrase incorrect
expect "its --service_name is an address; wrong passphrase" 4 "does not accept the passphrase"
run provcli --transport httpd --service_name "127.0.0.1:$port" --pop abcd1234 --reset
expect "its --reset" 4 "only a failed attempt"
run provcli --transport httpd --service_name "127.0.0.1:$port" --pop abcd1234 --reprov
expect "its --reprov" 0 "waits for credentials"
start 2 user=someone password=abcd1234
run provcli --transport httpd --service_name "127.0.0.1:$port" --sec_ver 2 --sec2_username someone --sec2_pwd abcd1234 --ble_adapter hci0 \
        --ssid lab-main --passphrase "correct horse"
expect "its options of security 2" 0 "^connected"

start 1 pop=abcd1234
P --pop-file "$T/wrong-pop" --ssid lab-main --passphrase-file "$T/pass" softap
expect "wrong proof of possession" 4 "does not accept the proof of possession"
for _ in 2 3 4 5; do P --pop-file "$T/wrong-pop" status; done
P --pop-file "$T/pop" status
expect "after five wrong proofs the device takes no session" 4 "after five wrong proofs it must be restarted"

start 1 pop=abcd1234
P softap --pop-file "$T/pop" --ssid lab-main --passphrase-file "$T/wrong-pass" --json
expect "wrong passphrase" 4 '"result":"passphrase-wrong"'
check "the device was reset and waits again" grep -q '^reset' "$log"
P softap --pop-file "$T/pop" --ssid lab-main --passphrase-file "$T/pass"
expect "and takes the right one without a reboot" 0 "^connected"

# shown TEXT N: until the terminal has shown it so often
shown() {
        for _ in $(seq $((600 * SLOW))); do
                [ "$(grep -c "$1" "$T/typed" 2>/dev/null)" -ge "$2" ] && return
                sleep 0.1
        done
}

# a person at a terminal is asked again
start 1 pop=abcd1234
if command -v script >/dev/null; then
        {
                shown 'passphrase of the network' 1
                echo incorrect
                shown 'passphrase of the network' 2
                echo 'correct horse'
                pause 5
        } | timeout $((60 * SLOW)) script -qec "provcli softap --host 127.0.0.1:$port --pop-file '$T/pop' --ssid lab-main" "$T/typed.log" >"$T/typed" 2>&1
        check "a person is asked again after a wrong passphrase" grep -q 'connected to lab-main' "$T/typed"
        check "what is typed is not shown" sh -c "! grep -q horse '$T/typed'"
else
        skip "a person is asked again" "no script(1)"
fi

# and chooses from what the device hears, again if it is not there
start 1 pop=abcd1234 delay=0
if command -v script >/dev/null; then
        {
                shown 'number or name' 1
                echo nowhere
                shown 'passphrase of the network' 1
                echo 'correct horse'
                shown 'number or name' 2
                echo 4 # open, and out of reach
                shown 'number or name' 3
                echo 1
                shown 'passphrase of the network' 2
                echo 'correct horse'
                pause 5
        } | timeout $((60 * SLOW)) script -qec "provcli softap --host 127.0.0.1:$port --pop-file '$T/pop'" "$T/typed.log" >"$T/typed" 2>&1
        check "a person is shown the device's networks" grep -Eq '^ +1 +-41 dBm +WPA2 +lab-main' "$T/typed"
        check "a name that is not there is asked again, and a number will do" grep -q 'connected to lab-main' "$T/typed"
        check "an open network wants no passphrase, the one after it does" sh -c "! grep -q 'not accept the passphrase' '$T/typed' && grep -q '^set ssid=guest' '$log'"
else
        skip "a person chooses a network" "no script(1)"
fi

start 1 pop=abcd1234
P softap --pop-file "$T/pop" --ssid nowhere --passphrase-file "$T/pass" --json
expect "network not found" 4 '"result":"network-not-found"'

start 1 pop=abcd1234
printf 'ssid,passphrase\nnowhere,correct horse\nlab-main,incorrect\nlab-main,correct horse\n' >"$T/try.csv"
P softap --pop-file "$T/pop" --try "$T/try.csv"
expect "--try: the third of three" 0 "^connected"
check "two resets on the way" test "$(grep -c '^reset' "$log")" = 2

start 1
P softap --ssid lab-main --passphrase-file "$T/pass"
expect "security 1 without a proof of possession" 0 "^connected"

start 0
P softap --ssid lab-main --passphrase-file "$T/pass"
expect "security 0 is refused" 1 "--insecure allows that"
check "nothing was sent" sh -c "! grep -q '^set' '$log'"
P softap --ssid lab-main --passphrase-file "$T/pass" --insecure
expect "security 0 with --insecure" 0 "^connected"

for patch in '' patch0; do
        # shellcheck disable=SC2086
        start 2 user=wifiprov password=abcd1234 $patch
        P softap --password-file "$T/pop" --ssid lab-main --passphrase-file "$T/pass"
        expect "security 2 ${patch:-patch1}" 0 "^connected"
        P --password-file "$T/wrong-pop" status
        expect "security 2 ${patch:-patch1}: wrong password" 4 "user name or password"
        P --password-file "$T/pop" --username other status
        expect "security 2 ${patch:-patch1}: wrong user" 4 "user name or password"
done

start 1 pop=abcd1234
P --pop-file "$T/pop" networks
expect "networks: the list" 0 "^ -41 dBm  channel  6  WPA2       lab-main"
check "networks: hidden, control characters, unknown mode" sh -c \
        "grep -q '(hidden)' '$T/stdout' && grep -q 'bell?' '$T/stdout' && grep -q 'mode 11' '$T/stdout' -e 'mode 11' -e far"
check "networks: six of them" test "$(wc -l <"$T/stdout")" = 6
P --pop-file "$T/pop" networks --json
expect "networks as JSON" 0 '"ssid":"lab-main","bssid":"021122334400","channel":6,"rssi":-41,"auth":"WPA2"'
P info
expect "info" 0 "^protocol v1.1, security 1, scans networks"
P --pop-file "$T/pop" --proto_ver V1.1 status
expect "the protocol version that is wanted" 0 "^connecting"
P --pop-file "$T/pop" --proto_ver v2.0 status
expect "another one than is wanted" 4 "is v1.1, not v2.0"
P info --json
expect "info as JSON" 0 '"ver":"v1.1","security":1'
P --pop-file "$T/pop" status
expect "status" 0 "^connecting"
P --pop-file "$T/pop" custom custom-data hello
expect "custom" 0 "^SUCCESS"
P --pop-file "$T/pop" custom no-such hello
expect "custom: no such endpoint" 1 "has no endpoint no-such"
P --pop-file "$T/pop" reset
expect "reset is refused when nothing failed" 4 "only a failed attempt"
P --pop-file "$T/pop" reprov
expect "reprov" 0 "waits for credentials"

# a device that does something else than it should, at each of the seven requests: an end, in time, with a sentence
fault() { # FAULT=N STATUS REGEX [PROVCLI'S OPTIONS]
        start 1 pop=abcd1234 delay=0 "$1"
        P softap --wait "$SLOW" --pop-file "$T/pop" --ssid lab-main --passphrase-file "$T/pass" "${@:4}"
        expect "device with $1" "$2" "$3"
}
for n in 1 2 3 4 5 6; do
        # to close is also how a device says no to a proof of possession
        fault die=$n '[34]' 'closed the connection|cannot be reached|does not accept|takes no session'
        fault silent=$n 3 "no answer in $SLOW s"
        fault garbage=$n 3 'not understood|not a session message|not from this session'
        fault short=$n 3 'not understood|not a session message|not from this session'
done
# once is no harm: the session is made again
for n in 4 5 6; do fault refuse=$n 0 '^connected'; done
for n in 2 3 4 5 6; do fault twice=$n 3 'not a session message|not the one that was due|not understood'; done
start 1 pop=abcd1234 endless
P --pop-file "$T/pop" networks
expect "a list of networks without end is cut off" 0 "lab-main"
check "after 256" test "$(wc -l <"$T/stdout")" = 256
start 1 pop=abcd1234 unfinished
P --pop-file "$T/pop" --wait "$SLOW" networks --scan-wait 1
expect "a scan without end" 3 "scan does not end"

# another client takes the session over in the middle: it is made again
# (where the machine is so slow that the other comes too late, the device takes longer)
for delay in 1500 6000 20000; do
        start 1 pop=abcd1234 delay=$delay
        {
                for _ in $(seq 400); do grep -q '^status' "$log" && break; sleep 0.05; done
                provcli --host "127.0.0.1:$port" info >"$T/info" 2>&1
        } &
        other=$!
        P softap --pop-file "$T/pop" --ssid lab-main --passphrase-file "$T/pass" --json
        wait "$other"
        [ "$(sed -n 's/.*"requests":\([0-9]*\).*/\1/p' "$T/stdout")" -lt 9 ] || break
done
check "another client asks meanwhile" grep -q '^protocol v1.1' "$T/info"
check "so there were more requests than needed" test "$(sed -n 's/.*"requests":\([0-9]*\).*/\1/p' "$T/stdout")" -ge 9
expect "the lost session is made again" 0 '"result":"connected"'

start 1 pop=abcd1234
P softap --pop-file "$T/pop" --ssid lab-main --bssid 02:11:22:33:44:55 --channel 6 --passphrase-file "$T/pass"
expect "access point and channel" 0 "^connected"
check "the device got both" grep -q '^set ssid=lab-main channel=6 bssid=1' "$log"

# --join through NetworkManager: a stand-in for nmcli that writes down what it is asked
mkdir "$T/fake"
cat >"$T/fake/nmcli" <<'NMCLI'
#!/bin/sh
echo "$*" >>"$NMLOG"
case "$*" in
*RUNNING*) echo running ;;
*GENERAL.STATE*) echo '100 (connected)' ;;
*CON-UUID*) echo 0000-home ;;
*passwd-file*)
        cat /dev/fd/3 >>"$NMLOG.key"
        [ -z "$NMFAIL" ] || { echo "Error: Connection activation failed: $NMFAIL" >&2; exit 4; }
        ;;
esac
NMCLI
chmod 755 "$T/fake/nmcli"
export NMLOG=$T/nmlog NMFAIL=
joins() { : >"$NMLOG"; : >"$NMLOG.key"; run env PATH="$T/fake:$PATH" "$BIN/provcli" softap --join --interface lo --service PROV_1234 \
        --host "127.0.0.1:$port" --pop-file "$T/pop" --ssid lab-main --passphrase-file "$T/pass" "$@"; }
back() { tail -n 2 "$NMLOG" | head -n 1 | grep -q '^connection delete id fctry-provcli-' && tail -n 1 "$NMLOG" | grep -q 'connection up uuid 0000-home ifname lo'; }
printf 'softap-key\n' >"$T/key"
start 1 pop=abcd1234
joins --service-key-file "$T/key"
if [ "$status" = 3 ] && grep -q "may need root" "$T/stderr"; then
        skip "--join: bound to the interface" "SO_BINDTODEVICE is not allowed here"
else
        expect "--join: in the device's network and back" 0 "^connected to lab-main"
fi
check "--join: the network of before is up again" back
check "--join: the key is not on nmcli's command line" sh -c "! grep -q softap-key '$NMLOG' && grep -q '^802-11-wireless-security.psk:softap-key$' '$NMLOG.key'"
check "--join: only in memory" grep -q 'connection add save no type wifi ifname lo .* ssid PROV_1234' "$NMLOG"
# the device is gone when the credentials come, and back a moment later: the way to it is made up again
start 1 pop=abcd1234 delay=0 die=4
gone=$port
(
        for _ in $(seq 200); do grep -q 'link to the device is lost' "$T/stderr" && break; sleep 0.05; done
        exec "$O/tests/provdev" 1 "listen=127.0.0.1:$gone" pop=abcd1234 delay=0
) >"$T/again.log" 2>&1 &
again=$!
joins --service-key-file "$T/key"
{ kill "$again" && wait "$again"; } 2>/dev/null
expect "--join: a device that comes back" 0 "^connected to lab-main"
expect "--join: which is said" 0 "the link to the device is lost; joining PROV_1234 again"
check "--join: the device's network was looked after" grep -q '^-g GENERAL.STATE connection show id fctry-provcli-' "$NMLOG"
NMFAIL="Secrets were required, but not provided" joins --service-key-file "$T/key"
expect "--join: wrong service key" 4 "Secrets were required"
check "--join: the network of before is up again after that" back
start 1 pop=abcd1234 silent=3
: >"$NMLOG"
PATH="$T/fake:$PATH" "$BIN/provcli" softap --join --interface lo --service PROV_1234 --host "127.0.0.1:$port" --pop-file "$T/pop" \
        --ssid a --open >"$T/killed" 2>&1 &
killed=$!
for _ in $(seq 100); do grep -q 'connection up id' "$NMLOG" && break; sleep 0.05; done
sleep 0.2
kill -KILL "$killed"
wait "$killed" 2>/dev/null
for _ in $(seq 100); do back && break; sleep 0.05; done
check "--join: killed: the network of before is up again" back
run provcli softap --join --interface lo --ssid a --open
expect "--join: which SoftAP" 2 "needs --service"
run provcli softap --join --join-with pigeon --interface lo --service x --ssid a --open
expect "--join: no such way" 2 "pigeon: nm"

# batch: four devices, one with another proof of possession, one that is silent
devices=() ports=()
for i in 1 2 3 4; do
        fault=
        [ $i -ne 4 ] || fault=silent=2
        "$O/tests/provdev" 1 pop=abcd1234 delay=0 $fault >"$T/dev$i.log" 2>&1 &
        devices+=($!)
        for _ in $(seq 100); do grep -q ^port "$T/dev$i.log" && break; sleep 0.05; done
        ports[i]=$(sed -n 's/^port //p' "$T/dev$i.log")
done
{
        echo 'serial_no,host,pop,ssid,passphrase,note'
        echo "SO-1,127.0.0.1:${ports[1]},abcd1234,,,\"a, b\""
        echo "SO-2,127.0.0.1:${ports[2]},abcd1234,lab-main,correct horse,"
        echo "SO-3,127.0.0.1:${ports[3]},wrong,,,"
        echo "SO-4,127.0.0.1:${ports[4]},abcd1234,,,"
} >"$T/devices.csv"
batch() { run provcli batch "$T/devices.csv" --ssid lab-main --passphrase-file "$T/pass" --wait "$SLOW" --retries 0 "$@"; }
batch --json
expect "batch: two of four, the first failure's status" 4 '"id":"SO-1","result":"connected","status":0,"ssid":"lab-main","ip4":"192.168.77.23","channel":6,"auth":"WPA2","rssi":-41,"ms":[0-9]+,"requests":[0-9]+,"tries":1'
check "batch: wrong proof of possession" grep -q '"id":"SO-3","result":"pop-wrong","status":4' "$T/stdout"
check "batch: a silent device" grep -q '"id":"SO-4","result":"timeout","status":3' "$T/stdout"
check "batch: the summary" grep -q '"result":"summary","connected":2,"failed":2,"skipped":0,"left":0' "$T/stdout"
check "batch: the result file" sh -c "head -n 1 '$T/devices.csv.result.csv' | grep -q '^id,result,status,ssid' && grep -Eq '^SO-2,connected,0,lab-main,192.168.77.23,6,WPA2,-41,[0-9]+,' '$T/devices.csv.result.csv' && grep -q '^SO-3,pop-wrong,4,' '$T/devices.csv.result.csv'"
check "batch: no secret in it" sh -c "! grep -qE 'abcd1234|correct horse' '$T/devices.csv.result.csv' '$T/stdout' '$T/stderr'"
sed -i 's/,wrong,/,abcd1234,/' "$T/devices.csv"
batch
expect "batch: again: what is done is skipped" 3 "1 connected, 1 failed, 2 done before"
check "batch: all rows are kept" test "$(wc -l <"$T/devices.csv.result.csv")" = 5
run provcli batch "$T/devices.csv" --ssid lab-main --passphrase-file "$T/pass" -o "$T/other.csv" --min-rssi -40 --retries 0 --wait "$SLOW"
expect "batch: a device that hears too little fails" 4 "SO-1: weak, -41 dBm: hears the network"
run provcli batch "$T/devices.csv" --ssid nowhere --open -o "$T/unheard.csv" --min-rssi -90 --retries 0 --wait "$SLOW"
expect "batch: a device that does not hear it at all" 4 "SO-1: weak: does not hear the network at all"
check "batch: and was not provisioned" grep -q '^SO-1,weak,4,lab-main' "$T/other.csv"
start 1 pop=abcd1234 delay=0
printf 'host\n127.0.0.1:%s\n' "$port" >"$T/shared.csv"
run provcli batch "$T/shared.csv" --pop-file "$T/pop" --ssid lab-main --passphrase-file "$T/pass" --no-scan
expect "batch: what all devices share, from files; no scan" 0 "^127.0.0.1:$port: connected to lab-main, address 192.168.77.23, [0-9.]+ s"
exec 8<"$T/devices.csv"
flock 8
batch
expect "batch: another one is at work" 5 "another provcli batch"
exec 8<&-
echo "SO-1,127.0.0.1:1,,,," >>"$T/devices.csv"
batch
expect "batch: a device twice" 1 "devices.csv:6: SO-1 is in the list twice"
printf 'serial_no,pop\nSO-1,x\n' >"$T/none.csv"
run provcli batch "$T/none.csv" --ssid a --open
expect "batch: no way to a device" 1 "names the columns"
printf 'something\nelse\n' >"$T/bad.result"
printf 'host\n127.0.0.1:1\n' >"$T/one.csv"
run provcli batch "$T/one.csv" --ssid a --open -o "$T/bad.result"
expect "batch: that is no result file" 1 "not a result file"
check "batch: it was left alone" grep -q else "$T/bad.result"
run provcli batch "$T/one.csv" --ssid a --open -o /dev/full --retries 0
expect "batch: a result that cannot be written" 5
printf 'host,ssid,passphrase\n127.0.0.1:1,guest,\n127.0.0.1:2,home,correct horse\n127.0.0.1:3,cafe\n' >"$T/open.csv"
run provcli batch "$T/open.csv" --retries 0
expect "batch: an own network without passphrase" 1 'open.csv:2: the network guest has no passphrase; fill it in, or say --open'
check "batch: all of them in one run" grep -q 'open.csv:4: the network cafe has no' "$T/stderr"
check "batch: and none was begun" test ! -e "$T/open.csv.result.csv"
run provcli batch "$T/open.csv" --retries 0 --open --wait 1
expect "batch: --open says so" 3 '0 connected, 3 failed'
run setsid -w provcli batch "$T/one.csv" --ssid a -o "$T/bad.result2" # where a person runs this there is a terminal
expect "batch: nobody to ask for the passphrase" 2 'passphrase of the network: no terminal .*--passphrase-file FILE or --open$'
run provcli batch
expect "batch: which devices" 2 "which devices"
# the ledger of a line: its passed units are the devices, and it hears of each
{
        flasher ledger create --ledger "$T/ledger.db"
        flasher ledger define W 'WL-%06u' --ledger "$T/ledger.db"
} >"$T/ledger.out" 2>&1
"$O/tests/ledger_station" "$T/ledger.db" station W 1 2 7 >>"$T/ledger.out" 2>&1
mkdir "$T/prov"
for n in 1 2; do printf '{"v":1,"service_name":"PROV_%s","pop":"abcd1234"}\n' $n >"$T/prov/WL-00000$n.prov"; done
start 1 pop=abcd1234 delay=0 # only the first of the two will find it waiting
run provcli batch --ledger "$T/ledger.db" --prov-dir "$T/prov" -o "$T/ledger.csv" --transport http --host "127.0.0.1:$port" -j 1 \
        --ssid lab-main --passphrase-file "$T/pass" --retries 0
expect "batch of a ledger: the units that have passed" 4 "^WL-000001: connected to lab-main"
flasher ledger show --ledger "$T/ledger.db" WL-000001 >"$T/unit" 2>&1
check "batch of a ledger: the unit's events have it" grep -q 'wifi: connected to lab-main, -41 dBm' "$T/unit"
run provcli batch --ledger "$T/none.db" --prov-dir "$T/prov" -o "$T/ledger.csv" --ssid a --open
expect "batch: no such ledger" 1 "none.db"
rm "$T/prov/WL-000002.prov"
run provcli batch --ledger "$T/ledger.db" --prov-dir "$T/prov" -o "$T/ledger.csv" --ssid a --open
expect "batch of a ledger: a unit without secrets stops it" 1 "WL-000002.prov"
kill "${devices[@]}" 2>/dev/null
wait "${devices[@]}" 2>/dev/null

start 1 pop=abcd1234
printf '{"ver":"v1","name":"PROV_112233","pop":"abcd1234","transport":"softap"}' >"$T/qr"
run sh -c "provcli qr --host 127.0.0.1:$port --ssid lab-main --passphrase-file '$T/pass' <'$T/qr'"
expect "qr from standard input" 0 "^connected"
run provcli qr '{"name":"x"' --ssid lab-main --passphrase-file "$T/pass"
expect "qr: not JSON" 1 "not JSON"
run provcli qr '{"ver":"v1"}' --ssid lab-main --passphrase-file "$T/pass"
expect "qr: no name" 1 "no name"

run provcli --sec2_gen_cred --sec2_username someone --sec2_pwd abcd1234 --sec2_salt_len 4
expect "esp_prov.py's --sec2_gen_cred" 0 '^sec2_salt,data,hex2bin,[0-9a-f]{8}$'
run provcli gen-cred --salt 036ee0c7bcb9eda84c9eac97d93decf4 --password-file "$T/pop"
expect "gen-cred" 0 "^sec2_salt,data,hex2bin,036ee0c7bcb9eda84c9eac97d93decf4$"
# the verifier that ESP-IDF's example carries for wifiprov / abcd1234 and this salt
want=$(sed -n 's/.*"verifier": *"\([0-9a-f]*\)".*/\1/p' tests/golden/provisioning/sec2-patch1-full.json | head -1)
check "gen-cred: the verifier of the recorded device" grep -q "^sec2_verifier,data,hex2bin,$want$" "$T/stdout"

C() { run provcli --transport console -p "$port" --wait $((2 * SLOW)) "$@"; }
start 1 pop=abcd1234 console
run provcli console -p "$port" --pop-file "$T/pop" --ssid lab-main --passphrase-file "$T/pass"
expect "console, security 1: provisioned" 0 "^connected to lab-main"
C --pop-file "$T/wrong-pop" status
expect "console: wrong proof of possession" 4 "does not accept the proof of possession"
start 1 pop=abcd1234 console
C --pop-file "$T/pop" networks
expect "console: networks" 0 "lab-main"
start 2 password=abcd1234 console
C --password-file "$T/pop" status
expect "console: security 2" 0 "^connecting"
start 2 password=abcd1234 console stock
C --password-file "$T/pop" status
expect "console: security 2 does not fit into ESP-IDF's lines" 1 "security 2 does not fit there"
stop
C info
expect "console: the port is gone, and which" 3 "^provcli: /dev/pts/[0-9]+: "
run provcli console --ssid a --open
expect "console: no port" 2 "which serial port"
P info
expect "no device" 3 "cannot be reached"
P softap --pop-file "$T/pop" --ssid lab-main --passphrase-file "$T/pass" --json
expect "no device, as JSON" 3 '"result":"device-not-found"'
run provcli softap --ssid "$(printf 'x%.0s' $(seq 33))" --open
expect "SSID too long" 1 "1 to 32"
run provcli softap --ssid a --passphrase short
expect "passphrase too short" 1 "8 to 63"
run provcli softap
expect "no network named, no terminal" 2 "--ssid"
run setsid -w provcli gen-cred # where a person runs this there is one
expect "no terminal to type a password: says which option" 2 'give --password-file FILE$'
run provcli --transport pigeon info
expect "unknown transport" 1 "pigeon"
run provcli ble --ssid a --open
expect "BLE without a name" 2 "which device"
if [ -d /sys/class/bluetooth ]; then
        run provcli ble --service PROV_1234 --adapter hci99 --ssid a --open
        expect "BLE: no such controller" 1 "hci99"
else
        run provcli ble --service PROV_1234 --ssid a --open
        expect "BLE: no Bluetooth here" 1 "no Bluetooth"
        run provcli scan --json
        expect "scan: no Bluetooth here" 1 '"result":"failed"'
fi
run provcli scan --seconds 0
expect "scan: no time" 2 "1 to 600"
for mac in nonsense 02:11:22:33:44 02:11:22:33:44:55:66 02:11:22:33:44:5 ''; do
        run provcli softap --ssid a --open --bssid "$mac"
        expect "bad BSSID '$mac'" 1 "not an address"
done
printf 'ssid,passphrase\n' >"$T/empty.csv"
run provcli softap --try "$T/empty.csv"
expect "--try without a network" 1 "no network in it"
printf 'lab-main,correct horse\nguest\ncafe,\n' >"$T/open.csv"
run provcli softap --try "$T/open.csv"
expect "--try: a network without a passphrase" 1 "open.csv:2: the network guest has no passphrase; fill it in, or say --open"
check "each of them is told" grep -q "open.csv:3: the network cafe" "$T/stderr"
finish
