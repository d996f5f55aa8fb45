#!/usr/bin/env bash
# What an outlet has to live through: an update that crashes, a server that dies in the middle, the power cut anywhere,
# a reset to factory, a broker that wants to know. The unit has a network for bring-up built in (samples/outlet/bringup.h)
# and secure_esp's topics.
. tests/lib.sh

FW=$O/firmware
PATH=$PATH:/usr/sbin
for c in mosquitto mosquitto_sub mosquitto_pub nginx openssl; do
        command -v $c >/dev/null || { skip "the outlet's trials" "$c is not installed"; finish; exit; }
done
pids=
cleanup() {
        kill "$(cat "$T/pid" 2>/dev/null)" $pids
        rm -rf "$T"
} 2>/dev/null
trap cleanup EXIT
ctl() { vboard ctl "$T/c" "$@"; }
status_of() { ctl status | sed "s/.*\"$1\":\"*\([^,\"}]*\).*/\1/"; }
until_ok() { # COMMAND…, within a minute
        local i
        for i in $(seq 1200); do "$@" && return 0; sleep 0.05; done
        return 1
}
from=0
said() { tail -c +$((from + 1)) "$T/uart" | tr -d '\r' | grep -aqE -- "$1"; }
says() { # NAME REGEX
        if until_ok said "$2"; then pass "$1"; else fail "$1" "$(tail -c +$((from + 1)) "$T/uart" | tail -15)"; fi
}
mark() { from=$(stat -c %s "$T/uart"); }
state_is() { [ "$(status_of state)" = "$1" ]; }
output_is() { [ "$(ctl output)" = "$1" ]; }
led_is() { [ "$(ctl led)" = "$1" ]; }
led_has_changed() { [ "$(status_of led_changes)" -ge "$1" ]; }
heard() { grep -qE -- "$1" "$T/topics"; }
hears() { if until_ok heard "$2"; then pass "$1"; else fail "$1" "$(tail -5 "$T/topics")"; fi; }

# ---- keys, a broker, an update server ----

listening() { (exec 9<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
for MQTT in $(seq $((20000 + $$ % 20000)) 2 45000); do listening "$MQTT" || listening $((MQTT + 1)) || break; done
HTTPS=$((MQTT + 1))
{
        certgen ca "$T/ca" --no-passphrase
        certgen server --ca "$T/ca" --ip 127.0.0.1 --name server -o "$T"
        for cn in SO-000001 tester; do certgen device --ca "$T/ca" --cn $cn -o "$T"; done
} >"$T/certgen.log" 2>&1
for f in server.crt SO-000001.crt tester.crt; do
        [ -s "$T/$f" ] || { fail "certgen made $f" "$(tail -5 "$T/certgen.log")"; finish; exit 1; }
done
cat "$T/server.crt" "$T/ca/issuing.crt" >"$T/server.pem"
cat >"$T/mosquitto.conf" <<END
user $(id -un)
listener $MQTT 127.0.0.1
cafile $T/ca/ca.crt
certfile $T/server.pem
keyfile $T/server.key
require_certificate true
use_identity_as_username true
END
mosquitto -c "$T/mosquitto.conf" >"$T/broker.log" 2>&1 &
pids="$pids $!"
mkdir "$T/www"
cat >"$T/nginx.conf" <<END
daemon off;
master_process off;
pid $T/nginx.pid;
events { }
http {
        access_log $T/access.log;
        client_body_temp_path $T/tmp;
        proxy_temp_path $T/tmp;
        fastcgi_temp_path $T/tmp;
        uwsgi_temp_path $T/tmp;
        scgi_temp_path $T/tmp;
        server {
                listen 127.0.0.1:$HTTPS ssl;
                ssl_certificate $T/server.pem;
                ssl_certificate_key $T/server.key;
                root $T/www;
                location /slow/ { alias $T/www/; limit_rate 40k; }
        }
}
END
serve() {
        nginx -c "$T/nginx.conf" -e "$T/nginx.log" 2>>"$T/nginx.err" &
        web=$!
        pids="$pids $web"
        until_ok listening $HTTPS
}
check "nginx serves updates" serve
check "mosquitto listens" until_ok listening "$MQTT"
tester=(-h 127.0.0.1 -p "$MQTT" --cafile "$T/ca/ca.crt" --cert "$T/tester.crt" --key "$T/tester.key")
mosquitto_sub "${tester[@]}" -v -t /esp/log -t 'outlet/#' >"$T/topics" &
pids="$pids $!"
tell() { mosquitto_pub "${tester[@]}" -q 1 -t "$1" -m "${2-}"; }

# ---- the unit ----

pack() { "$O/fw/pack" --app-version "$1" --project outlet -o "$T/www/$1.bin" "$2"; } # VERSION ELF
app=$O/fw/bringup.elf
pack 1.0.0 "$app"
printf '%s\n' key,type,encoding,value mfg_ns,namespace,, serial_no,data,string,SO-000001 \
        "cert,file,string,$T/SO-000001.crt" "priv_key,file,string,$T/SO-000001.key" "ca,file,string,$T/ca/ca.crt" \
        "endpoint,data,string,127.0.0.1:$MQTT" >"$T/fctry.csv"
check "nvsgen makes the factory partition" nvsgen generate "$T/fctry.csv" "$T/fctry.bin" 0x6000
printf 'bench\tbring-up only\n' >"$T/air"
export BOARD_AIR=$T/air
vboard --flash "$T/flash" --control "$T/c" --tcp 127.0.0.1:0 --rfc2217 127.0.0.1:0 --daemon --pid-file "$T/pid" --json \
        >"$T/ready" || exit 1
exec 3<>"/dev/tcp/127.0.0.1/$(sed -n 's/.*"tcp":"socket:\/\/127.0.0.1:\([0-9]*\)".*/\1/p' "$T/ready")"
cat <&3 >"$T/uart" &
pids="$pids $!"
check "flasher writes the unit" flasher --port "$(sed -n 's/.*"rfc2217":"\([^"]*\)".*/\1/p' "$T/ready")" write-flash \
        0x0 "$FW/bootloader.bin" 0x8000 "$FW/partition-table.bin" 0xf000 "$FW/ota_data_initial.bin" \
        0x20000 "$T/www/1.0.0.bin" 0x340000 "$T/fctry.bin"
says "its network is built in" 'network: up'
says "it reaches the cloud" 'cloud: connected'
if said provisioning; then fail "no provisioning"; else pass "no provisioning"; fi
check "the light is on" until_ok led_is on
hears "the broker knows that it is there" 'outlet/SO-000001/status .*"connected":true'
hears "and /esp/log that it has started" '/esp/log outlet 1\.0\.0 has started$'
tell /esp/update/interval 299
hears "an interval too short" '/esp/log /esp/update/interval: value out of range'
tell /esp/update/interval 777
hears "an interval" '/esp/log /esp/update/interval: done'
tell /esp/update/use_url 1
hears "the stored URL counts" '/esp/log /esp/update/use_url: done'
ctl press 100
check "the output is on" until_ok output_is on
edges=$(status_of output_changes)
steady() { # NAME: the output is on, and was all the time
        if output_is on && [ "$(status_of output_changes)" = "$edges" ]; then pass "$1"; else
                fail "$1" "$edges edges before: $(ctl status)"; fi
}
fctry_sum() { dd if="$T/flash" bs=4096 skip=$((0x340)) count=6 status=none | cksum; }
fctry=$(fctry_sum)
update() { # VERSION [FOLDER/]
        mark
        tell /esp/update/url "https://127.0.0.1:$HTTPS/${2-}$1.bin"
        tell /esp/update/run
}

# ---- a version that crashes, and one that cannot reach the cloud ----

pack 2.0.0 "$(type -P false)"
update 2.0.0
says "a version that crashes is started" 'slot 1: first start of a new app'
says "again" 'not confirmed, start 2 of 3'
says "and again" 'not confirmed, start 3 of 3'
says "no more" 'not confirmed after its last start, aborted'
says "the one before it runs" 'outlet 1\.0\.0'
n=$(tail -c +$((from + 1)) "$T/uart" | grep -ac '^panic: the firmware gave up')
if [ "$n" = 3 ]; then pass "three panics"; else fail "three panics" "$n"; fi
hears "and it tells of it" '/esp/log outlet 1\.0\.0 has started, update: version 2\.0\.0 was rolled back'
steady "over all of that the output has not flickered"

pack 2.1.0 "$O/fw/lonely.elf"
update 2.1.0
says "a version that cannot reach the cloud" 'update: version 2\.1\.0 has failed its trial: the cloud was not reached in time'
says "goes back by itself, at its first start" 'outlet 1\.0\.0'
hears "which is told too" '/esp/log outlet 1\.0\.0 has started, update: version 2\.1\.0 was rolled back'
steady "the output has not flickered"

# ---- a server that dies in the middle ----

pack 3.0.0 "$app"
operations=$(status_of flash_operations)
update 3.0.0 slow/
says "an update from a slow server" 'version 3\.0\.0 is being written'
sleep 0.5
kill -KILL $web
says "which dies" 'connection lost after [0-9]+ bytes'
check "and comes back" serve
says "it goes on, and ends" 'update: version 3\.0\.0 is installed'
says "the new version is valid" 'version 3\.0\.0 is valid'
if grep -q 'GET /slow/3.0.0.bin HTTP/1.1" 206' "$T/access.log"; then pass "nginx was asked for the rest only"; else
        fail "nginx was asked for the rest only" "$(cat "$T/access.log")"; fi
steady "the output has not flickered"

# ---- the power goes at some operation of an update; then everything once more ----

stored() { dd if="$T/flash" bs=4096 skip=9 count=6 status=none | grep -aq last; } # what the output is
check "the output's state is stored" until_ok stored
operations=$(($(status_of flash_operations) - operations)) # of a whole update
update_ended() { state_is off || said "version $v\.0\.0 is valid"; }
is_valid() { said "version $v\.0\.0 is valid|SELFTEST.* version=$v\.0\.0 .*slot=valid"; }
says "it is in the cloud" 'cloud: connected'
: >"$T/topics"
off=0 bad='' v=4
for n in 1 $((operations / 3)) $((operations - 14)) $((operations - 10)) $((operations - 8)) $((operations - 6)); do
        pack $v.0.0 "$app"
        ctl cut-power $n
        update $v.0.0
        until_ok update_ended || bad="$bad $n:stuck"
        state_is off && off=$((off + 1))
        ctl fault none
        mark
        ctl reset
        until_ok said 'cloud: connected' || bad="$bad $n:boot"
        said "outlet $v\.0\.0" || update $v.0.0
        until_ok is_valid || bad="$bad $n:again"
        v=$((v + 1))
done
if [ -z "$bad" ] && [ $off -ge 5 ]; then pass "power cut within updates of $operations flash operations ($off cuts): always boots, always finishes"; else
        fail "power cut within updates" "$off cuts, $operations operations; trouble:$bad" "$(tail -c +$((from + 1)) "$T/uart" | tail -20)"; fi
hears "the broker gives the last will of a unit that is gone" 'outlet/SO-000001/status .*"connected":false'
check "what the output was, it is again when power comes back" until_ok output_is on

# ---- reset to factory ----

mark
lights=$(status_of led_changes)
ctl press 4000
check "the button is held: the light blinks" until_ok led_has_changed $((lights + 6))
says "released: reset to factory" 'reset to factory$'
says "it starts again as who it was" 'identity: SO-000001'
says "and reaches the cloud" 'cloud: connected'
if [ "$(fctry_sum)" = "$fctry" ]; then pass "fctry is as it was, to the byte"; else fail "fctry is as it was, to the byte"; fi
mark
tell /esp/update/run
says "the URL that the cloud has taught is kept" "update: refused: version $((v - 1))\.0\.0 is not higher"
bad=''
for n in 1 2 4; do
        mark
        ctl cut-power $n
        ctl press 3500
        until_ok state_is off || bad="$bad $n:on"
        ctl fault none
        ctl reset
        until_ok said 'cloud: connected' || bad="$bad $n:boot"
done
if [ -z "$bad" ] && [ "$(fctry_sum)" = "$fctry" ]; then pass "power cut within the reset: it boots as who it was"; else
        fail "power cut within the reset: it boots as who it was" "$bad"; fi

# ---- the tutorial's last step: hello world over the air ----

tell /esp/update/use_url 1
"$O/fw/pack" --app-version 99.0.0 --project hello -o "$T/www/hello.bin" "$O/fw/hello.elf"
update hello
says "hello world over the air" 'hello 99\.0\.0 on'
says "says hello" '^\[0\] Hello world!$'
says "and stays" 'this version is fit: confirmed'
finish
