#!/usr/bin/env bash
# The outlet on the virtual board with samples/cloud: the tutorial's curl switches it and sees what its button did, what
# was done offline is reported, updates come from nginx through the shadow's ota_url and are refused when they should be,
# and secure_esp's topics update it from openssl s_server.
. tests/lib.sh

FW=$O/firmware
for c in mosquitto mosquitto_pub mosquitto_sub nginx curl openssl setsid flock; do
        PATH=$PATH:/usr/sbin command -v $c >/dev/null || { skip "the outlet and samples/cloud" "$c is not installed"; finish; exit; }
done
C=$T/cloud
pids=
trap 'for p in $pids; do pkill -P "$p"; done; kill "$(cat "$T/pid" 2>/dev/null)" $pids 2>/dev/null; samples/cloud/down "$C" >/dev/null 2>&1; rm -rf "$T"' EXIT
up() { samples/cloud/up "$@"; }
until_ok() { # COMMAND… within a minute
        local i
        for i in $(seq 1200); do "$@" && return 0; sleep 0.05; done
        return 1
}
ctl() { vboard ctl "$T/c" "$@"; }
output_is() { [ "$(ctl output)" = "$1" ]; }
from=0
said() { tail -c +$((from + 1)) "$T/uart" | tr -d '\r' | grep -aqE -- "$1"; }
says() { # NAME REGEX
        if until_ok said "$2"; then pass "$1"; else fail "$1" "$(tail -c +$((from + 1)) "$T/uart" | tail -15)"; fi
}
mark() { from=$(stat -c %s "$T/uart"); }

run up -q --mqtt-port 0 "$C"
expect "a cloud" 0
. "$C/cloud.env"
tutorial() { # as ESP-Jumpstart prints it: the device's own certificate
        curl -sS --max-time 60 "$@" --tlsv1.2 --cacert "$CA" --cert "$C/devices/$THING.crt" --key "$C/devices/$THING.key" \
                "https://$HOST:$REST_PORT/things/$THING/shadow"
}
shadow_has() { tutorial 2>/dev/null | grep -qE -- "$1"; } # REGEX
sees() { # NAME REGEX: in the shadow
        if until_ok shadow_has "$2"; then pass "$1"; else fail "$1" "$(tutorial)" "$(tail -5 "$T/uart")"; fi
}
no_delta() { tutorial 2>/dev/null | grep -q '"state"' && ! shadow_has '"delta"'; }
desire() { tutorial -o /dev/null -d "{\"state\":{\"desired\":{$1}}}"; }

# ---- a unit with a network for bring-up and secure_esp's topics ----

"$O/fw/pack" --app-version 1.0.0 --project outlet -o "$T/app.bin" "$O/fw/bringup.elf"
printf '%s\n' key,type,encoding,value mfg_ns,namespace,, "serial_no,data,string,$THING" \
        "cert,file,string,$C/devices/$THING.crt" "priv_key,file,string,$C/devices/$THING.key" "ca,file,string,$CA" \
        "endpoint,data,string,$HOST:$MQTT_PORT" >"$T/fctry.csv"
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
        0x20000 "$T/app.bin" 0x340000 "$T/fctry.bin"
says "it reaches the cloud" 'cloud: connected'

# ---- switched from both sides ----

sees "curl sees that it is off" '"reported":\{[^}]*"output":false'
sees "and which version it is" '"fw_version":"1\.0\.0"'
ctl press 100
sees "curl sees what the button did" '"reported":\{[^}]*"output":true'
sees "there is no difference to what is desired" '"desired":\{"output":true\}'
check "so there is no delta" until_ok no_delta
check "curl switches it off" desire '"output":false'
check "the output follows" until_ok output_is off
sees "and it is reported" '"reported":\{[^}]*"output":false'
check "curl switches it on" desire '"output":true'
check "the output follows" until_ok output_is on
sees "that is reported too" '"reported":\{[^}]*"output":true'

# ---- without the cloud ----

mark
kill -KILL "$(cat "$C/run/broker.pid")" "$(cat "$C/run/shadowd.pid")"
says "the broker is gone" 'cloud: connection lost'
ctl press 100
check "the button works all the same" until_ok output_is off
mark
run up -q "$C"
expect "the cloud again" 0
says "it comes back" 'cloud: connected'
sees "what was done offline is reported, and has won" '"reported":\{[^}]*"output":false'
sees "over what was desired before" '"desired":\{"output":false\}'

# ---- updates: from nginx, by the shadow ----

pack() { "$O/fw/pack" --project outlet "$@" "$O/fw/bringup.elf"; }
pack --app-version 0.9.9 -o "$WWW/lower.bin"
pack --app-version 1.0.0 -o "$WWW/same.bin"
pack --app-version 2.0.0 --chip-id 0 -o "$WWW/chip.bin"
pack --app-version 2.0.0 -o "$WWW/next.bin"
cp "$WWW/next.bin" "$WWW/corrupt.bin"
at=$(($(stat -c %s "$WWW/next.bin") / 2))
byte=$(od -An -tu1 -j$at -N1 "$WWW/next.bin")
# shellcheck disable=SC2059
printf "\\$(printf %o $((byte ^ 1)))" | dd of="$WWW/corrupt.bin" bs=1 seek=$at conv=notrunc status=none
head -c $at "$WWW/next.bin" >"$WWW/cut.bin"
otadata() { dd if="$T/flash" bs=4096 skip=15 count=2 status=none | cksum; }
boots=$(otadata)
slot1() { tail -c +$((0x1b0001)) "$T/flash" | head -c $((1600 * 1024)) | cksum; }
empty=$(slot1)
refused() { # NAME FILE REGEX [PORT]
        mark
        desire "\"ota_url\":\"https://$HOST:${4:-$UPDATE_PORT}/$2\""
        says "$1: refused" "update: refused: $3"
        sees "$1: the shadow says so" "\"ota_status\":\"refused: $3"
        until_ok no_delta || fail "$1: dealt with" "$(tutorial)"
}
refused "a lower version" lower.bin 'version 0\.9\.9 is not higher than 1\.0\.0'
refused "the same version" same.bin 'version 1\.0\.0 is not higher'
refused "another chip's image" chip.bin 'the image is for chip 0, this is 5'
check "nothing of these was written" test "$(slot1)" = "$empty"

# a good file from servers that are not to be believed: the same name under another CA, another name under the right one
strange_server() { # CA NAME: serves www; its port in $sport
        certgen -q server --ca "$1" --ip "$2" --name "$2" -o "$1" >"$T/strange.log" 2>&1 || return
        (cd "$WWW" && exec stdbuf -oL openssl s_server -WWW -accept 127.0.0.1:0 -cert "$1/$2.crt" -key "$1/$2.key" \
                -cert_chain "$1/issuing.crt" >"$1/strange.log" 2>&1) &
        pids="$pids $!"
        until_ok grep -q '^ACCEPT' "$1/strange.log" || return
        sport=$(sed -n 's/^ACCEPT .*:\([0-9]*\)$/\1/p;T;q' "$1/strange.log")
}
believed() { # CA PORT: whoever has this CA gets the file from it
        curl -sS --max-time 60 --cacert "$1/ca.crt" ${3:+--connect-to "$3:$2:127.0.0.1:$2"} "https://${3:-$HOST}:$2/next.bin" |
                cmp -s - "$WWW/next.bin"
}
certgen -q ca "$T/strangers" --no-passphrase >/dev/null
check "a server of another CA" strange_server "$T/strangers" "$HOST"
check "who has that CA gets the file" believed "$T/strangers" "$sport"
refused "a server of another CA" next.bin "the server's certificate is not good" "$sport"
check "a server with another name" strange_server "$C/pki/ca" 192.0.2.1
check "who asks for that name gets the file" believed "$C/pki/ca" "$sport" 192.0.2.1
refused "a server with another name" next.bin "the server's certificate is not good" "$sport"
check "nothing of theirs was written" test "$(slot1)" = "$empty"
refused "one wrong bit" corrupt.bin 'the image is damaged'
refused "half a file" cut.bin 'the file ends before the image does'
refused "no such file" none.bin 'the server answers 404'
mark
desire "\"ota_url\":\"http://$HOST:$UPDATE_PORT/next.bin\""
says "plain HTTP: refused" 'update: refused: the URL must begin with https'
check "none of this has touched otadata" test "$(otadata)" = "$boots"
ctl press 100
check "it is on when the update comes" until_ok output_is on
mark
desire "\"ota_url\":\"https://$HOST:$UPDATE_PORT/slow/next.bin\""
says "version 2 is on its way" 'version 2\.0\.0 is being written'
kill -KILL "$(cat "$C/run/update.pid")"
says "the server dies under it" 'update: connection lost after [0-9]+ bytes'
run up -q "$C"
expect "the server again" 0
says "version 2 is tried" 'slot 1: first start of a new app'
says "it runs" 'outlet 2\.0\.0'
says "and proves itself" 'update: version 2\.0\.0 is valid'
sees "the shadow knows" '"fw_version":"2\.0\.0"'
sees "and how it went" '"ota_status":"version 2\.0\.0 is valid"'
check "the output is as it was" output_is on
check "only the rest was asked for" grep -qE '"GET /slow/next.bin HTTP/1.1" 206 ' "$C/log/update-access.log"
check "nginx has seen the other ones too" grep -q '"GET /cut.bin HTTP/1.1" 200 ' "$C/log/update-access.log"

# ---- secure_esp's topics, and its update server ----

client() { # TOOL options: the bench's client, as secure_esp's documentation has it
        local tool=$1
        shift
        $tool -h "$HOST" -p "$MQTT_PORT" --cert "$C/pki/client.crt" --key "$C/pki/client.key" --cafile "$CA" "$@"
}
run up -q --update s_server "$C"
expect "openssl s_server -WWW instead of nginx" 0
client "stdbuf -oL mosquitto_sub" -d -t /esp/log >"$T/log" 2>&1 &
pids="$pids $!"
check "somebody reads /esp/log" until_ok grep -q Subscribed "$T/log"
tell() { client mosquitto_pub -q 1 -t "$1" -m "$2"; }
logged() { # NAME REGEX
        if until_ok grep -qE -- "$2" "$T/log"; then pass "$1"; else fail "$1" "$(cat "$T/log")" "$(tail -5 "$T/uart")"; fi
}
tell /esp/update/interval 299
logged "too short an interval" '/esp/update/interval: value out of range'
tell /esp/update/interval 300
logged "an interval" '/esp/update/interval: done'
tell /esp/update/url http://plain
logged "a URL without TLS" '/esp/update/url: cannot be read'
pack --app-version 3.0.0 -o "$WWW/secure_esp.bin"
tell /esp/update/url "https://$HOST:$UPDATE_PORT/secure_esp.bin"
logged "the URL" '/esp/update/url: done'
tell /esp/update/use_url 1
logged "is used from now on" '/esp/update/use_url: done'
mark
tell /esp/update/run ''
says "the update runs" 'outlet 3\.0\.0'
says "and proves itself" 'update: version 3\.0\.0 is valid'
sees "the shadow knows that too" '"fw_version":"3\.0\.0"'
check "the output is as it was" output_is on
mark
tell /esp/update/run ''
says "once more: nothing newer there" 'update: refused: version 3\.0\.0 is not higher'
mark
tell /esp/restart ''
says "a restart from afar" 'outlet 3\.0\.0'
says "and it is back" 'cloud: connected'
check "on as before" output_is on

# ---- an update that crashes; and the tutorial's own one ----

run up -q --update nginx "$C"
expect "nginx again" 0
"$O/fw/pack" --app-version 5.0.0 --project outlet -o "$WWW/crash.bin" "$(type -P false)"
"$O/fw/pack" --app-version 6.0.0 --project hello -o "$WWW/hello-world.bin" "$O/fw/hello.elf"
mark
desire "\"ota_url\":\"https://$HOST:$UPDATE_PORT/crash.bin\""
says "a version that crashes is tried" 'first start of a new app'
says "and given up: the one before runs" 'outlet 3\.0\.0'
sees "the shadow says so" '"ota_status":"version 5\.0\.0 was rolled back"'
check "and asks for it no more" until_ok no_delta
check "on as before" output_is on
mark
desire "\"ota_url\":\"https://$HOST:$UPDATE_PORT/hello-world.bin\""
says "the tutorial's last update: hello world" 'hello 6\.0\.0 on '
finish
