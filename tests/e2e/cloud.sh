#!/usr/bin/env bash
# The local cloud without a device: shadowd between a real mosquitto and curl. What is answered and what is refused, who
# may touch what, and that nothing which was accepted is lost, whoever is killed.
. tests/lib.sh

for c in mosquitto mosquitto_sub mosquitto_pub nginx curl openssl setsid flock; do
        PATH=$PATH:/usr/sbin command -v $c >/dev/null || { skip "the local cloud" "$c is not installed"; finish; exit; }
done
C=$T/a\ cloud # every path of it with a blank
subs=
trap 'for p in $subs; do pkill -P "$p"; done; kill $subs 2>/dev/null; samples/cloud/down "$C" >/dev/null 2>&1; rm -rf "$T"' EXIT
up() { samples/cloud/up "$@"; }

# ---- up ----

run up --help
expect "up --help" 0 'usage: up'
run up
expect "up without a folder" 2
run up --mqtt-port 70000 "$C"
expect "a port that is none" 2 'no port'
run up --update apache "$C"
expect "an unknown update server" 2 's_server'
run up --no-such "$C"
expect "an unknown option" 2 'no such option'
run up --thing 'a/b' "$C"
expect "a thing that cannot be one" 2 'letters'
run samples/cloud/down "$T/nothing"
expect "down where nothing is" 1 'no cloud'
run env BIN=/nonexistent PATH=/usr/bin:/bin samples/cloud/up "$C"
expect "up without tools" 5 'certgen is missing'
# Ctrl-C while it waits for a shadowd that says nothing: what was started is stopped again
mkdir "$T/stub"
ln -s "$(command -v certgen)" "$T/stub/certgen"
printf '#!/bin/sh\nwhile :; do sleep 1; done\n' >"$T/stub/shadowd"
chmod +x "$T/stub/shadowd"
set -m
BIN=$T/stub samples/cloud/up --mqtt-port 0 --thing dev-1 "$C" >"$T/int.out" 2>&1 &
waiting=$!
set +m
for i in $(seq 1200); do [ -s "$C/run/shadowd.pid" ] && break; sleep 0.05; done
run up "$C"
expect "two at a time: the second one says so" 5 'another up or down is at work'
kill -INT -- "-$waiting"
wait $waiting
status=$?
expect "Ctrl-C" 130
left() { ps -eo args | grep -F "$C/" | grep -E '^(mosquitto|nginx|openssl|shadowd|/bin/sh)'; }
if left >"$T/left"; then fail "leaves nothing behind" "$(cat "$T/left")"; else pass "leaves nothing behind"; fi

run up --mqtt-port 0 --thing dev-1 "$C"
expect "up" 0 '^broker   started: mqtts://127.0.0.1:[0-9]+$'
cp "$T/stdout" "$T/said"
expect "it says where the shadows are" 0 '^shadowd  started: https://127.0.0.1:[0-9]+/things/THING/shadow$'
if find "$C" \( -name '*.key' -o -name '*_key.pem' -o -name '*.json' \) -exec stat -c %a {} + | grep -qv '^600$'; then
        fail "every key has mode 0600" "$(find "$C" -name '*.key' -print0 | xargs -0 ls -l)"
else
        pass "every key has mode 0600"
fi
. "$C/cloud.env"
check "dev-2 gets a certificate" certgen -q device --ca "$C/pki/ca" --cn dev-2 --out "$C/devices"
pids() { cat "$C"/run/*.pid; }
before=$(pids)
run up "$C"
expect "up again changes nothing" 0 'broker   runs already'
if [ "$before" = "$(pids)" ]; then pass "the same processes run"; else fail "the same processes run" "$before" "$(pids)"; fi
run up --mqtt-port "$MQTT_PORT" "$T/other"
expect "a port that is taken" 5 "another program listens on port $MQTT_PORT"
run shadowd --store "$C/shadows" --ca "$CA" --cert "$C/pki/shadowd.crt" --key "$C/pki/shadowd.key"
expect "a second shadowd on the same folder" 5 'another shadowd works here'

# ---- REST ----

# ask WHO [curl options] PATH: the status in $status, the body in $T/stdout
ask() {
        local who=$1 cert
        shift
        case $who in dev-*) cert=$C/devices/$who ;; *) cert=$C/pki/$who ;; esac
        status=$(curl -sS --max-time 60 --tlsv1.2 --cacert "$CA" --cert "$cert.crt" --key "$cert.key" -o "$T/stdout" -w '%{http_code}' \
                -D "$T/head" "${@:1:$#-1}" "https://127.0.0.1:$REST_PORT${*: -1}" 2>"$T/stderr")
}
S1=/things/dev-1/shadow
ask dev-1 $S1
expect "no shadow yet" 404 "No shadow exists with name: 'dev-1'"
check "AWS's name of the error" grep -q 'x-amzn-ErrorType: ResourceNotFoundException' "$T/head"
eval "$(grep -m1 '^  curl .*"output":true' "$T/said" | sed 's/curl/curl -sS/')" >"$T/stdout" 2>&1
status=$?
expect "the line that up printed works as it is" 0 '"version":1,'
ask dev-1 $S1
expect "and its effect is seen" 200 '"delta":\{"output":true\}'
ask admin $S1
expect "an administrator may look" 200
ask dev-2 $S1
expect "another device may not" 403 Forbidden
ask dev-2 -d '{"state":{"desired":{"output":false}}}' $S1
expect "nor change anything" 403
ask dev-2 -X DELETE $S1
expect "nor delete it" 403
status=$(curl -sS --cacert "$CA" -o "$T/stdout" -w '%{http_code}' "https://127.0.0.1:$REST_PORT$S1" 2>"$T/stderr")
expect "without a certificate: no" 401 Unauthorized
check "strangers" certgen -q ca "$T/strangers" --no-passphrase
certgen -q device --ca "$T/strangers" --cn dev-1 --out "$T/stranger" >/dev/null
status=$(curl -sS --cacert "$CA" --cert "$T/stranger/dev-1.crt" --key "$T/stranger/dev-1.key" -o "$T/stdout" -w '%{http_code}' \
        "https://127.0.0.1:$REST_PORT$S1" 2>"$T/stderr")
if [ "$status" = 401 ] || [ "$status" = 000 ]; then pass "the same name from another CA: no"; else fail "the same name from another CA: no" "$status"; fi
status=$(curl -sS --cacert "$CA" --cert "$C/pki/server.crt" --key "$C/pki/server.key" -o "$T/stdout" -w '%{http_code}' \
        "https://127.0.0.1:$REST_PORT$S1" 2>"$T/stderr")
expect "a server's certificate is no client's" 401
run curl -sS --cacert "$T/strangers/ca.crt" --cert "$C/devices/dev-1.crt" --key "$C/devices/dev-1.key" "https://127.0.0.1:$REST_PORT$S1"
expect "curl does not believe it under another CA" 60
ask dev-1 -d '{"state":' $S1
expect "no JSON" 400 'Invalid JSON'
ask dev-1 -d '{"state":{"desired":{"a":1}},"version":7}' $S1
expect "another version" 409 'Version conflict'
ask dev-1 -d '{"state":{"desired":{"a":1}},"version":1}' $S1
expect "the right one" 200 '"version":2'
head -c 9000 /dev/zero | tr '\0' x | sed 's/^/{"state":{"desired":{"big":"/; s/$/"}}}/' >"$T/big"
ask dev-1 --data-binary "@$T/big" $S1
expect "more than 8 KiB" 413
head -c 3000000 /dev/zero | tr '\0' ' ' >"$T/huge"
ask dev-1 --data-binary "@$T/huge" $S1
expect "three megabytes" 413
ask dev-1 -d "$(printf '{"state":{"desired":{"a":"\xff"}}}')" $S1
expect "not UTF-8" 415 'UTF-8'
ask dev-1 -X PUT -d '{}' $S1
expect "another method" 405
ask dev-1 "$S1?name=other"
expect "a named shadow" 400
ask admin /things/a%2Fb/shadow
expect "no thing is called so" 404
ask admin --path-as-is /things/../shadow
expect "nor so" 404
ask dev-1 /
expect "nothing there" 404
printf 'GARBAGE\r\n\r\n' | timeout 10 openssl s_client -quiet -connect "127.0.0.1:$REST_PORT" -cert "$C/devices/dev-1.crt" \
        -key "$C/devices/dev-1.key" >/dev/null 2>&1
ask dev-1 $S1
expect "after all that it is as it was" 200 '"version":2,'

# ---- MQTT ----

mq() { # TOOL WHO options
        local tool=$1 who=$2 cert
        shift 2
        case $who in dev-*) cert=$C/devices/$who ;; *) cert=$C/pki/$who ;; esac
        $tool -h 127.0.0.1 -p "$MQTT_PORT" --cafile "$CA" --cert "$cert.crt" --key "$cert.key" "$@"
}
listen() { # WHO FILE filters
        local who=$1 file=$2
        shift 2
        mq "stdbuf -oL mosquitto_sub" "$who" -d -v "$@" >"$file" 2>&1 &
        subs="$subs $!"
        until_there "$file" 'Subscribed'
}
until_there() { # FILE REGEX: within a minute
        local i
        for i in $(seq 1200); do grep -qE -- "$2" "$1" && return 0; sleep 0.05; done
        tail -20 "$1"
        return 1
}
D1='$aws/things/dev-1/shadow'
pub() { mq mosquitto_pub "$1" -q 1 -t "$2" -m "$3" 2>/dev/null; }
check "dev-1 listens" listen dev-1 "$T/dev1" -t "$D1/+/+"
check "dev-2 listens to everything it can name" listen dev-2 "$T/dev2" -t '#' -t '$aws/#'
check "so does admin" listen admin "$T/admin" -t '#' -t '$aws/#'
pub dev-1 "$D1/get" '{"clientToken":"t-get"}'
check "get is accepted" until_there "$T/dev1" "^.aws/things/dev-1/shadow/get/accepted .*\"delta\".*\"clientToken\":\"t-get\""
pub dev-1 "$D1/update" '{"state":{"reported":{"output":true}},"clientToken":"t-1"}'
check "an update is accepted" until_there "$T/dev1" 'update/accepted .*"reported":\{"output":true\}.*"version":3,.*"clientToken":"t-1"'
check "what is left of the difference is told" until_there "$T/dev1" 'update/delta \{"state":\{"a":1\}.*"version":3,'
check "and the documents before and after" until_there "$T/dev1" 'update/documents .*"previous":.*"version":2\},"current":.*"version":3\}'
pub dev-1 "$D1/update" '{"state":{"reported":{"x":1}},"version":1,"clientToken":"t-2"}'
check "a conflict is rejected" until_there "$T/dev1" 'update/rejected \{"code":409,"message":"Version conflict","timestamp":[0-9]+,"clientToken":"t-2"\}'
pub dev-1 "$D1/update" 'rubbish'
check "rubbish is rejected" until_there "$T/dev1" 'update/rejected \{"code":400,"message":"Invalid JSON"'
pub dev-2 "$D1/update" '{"state":{"desired":{"output":false,"stolen":1}}}'
pub dev-2 "$D1/update/delta" '{"version":99,"state":{"output":false}}'
pub dev-2 'outlet/dev-1/status' '{"connected":false}'
pub dev-2 '/esp/update/url' 'https://evil.example/x.bin'
pub dev-2 "\$aws/things/dev-2/shadow/update" '{"state":{"desired":{"mine":1}}}' # … its own; comes after those in any case
check "a device's own shadow is its own" until_there "$T/dev2" 'things/dev-2/shadow/update/accepted'
ask dev-1 -d '{"state":{"desired":{"a":2}}}' $S1
expect "an update by REST" 200
check "is told to the device" until_there "$T/dev1" 'update/delta \{"state":\{"a":2\}'
check "and is the same for an administrator" until_there "$T/admin" 'dev-1/shadow/update/documents .*"a":2'
if grep -q 'stolen\|"version":99\|evil\|connected' "$T/admin" "$T/dev1"; then
        fail "nothing that dev-2 said of dev-1 has arrived" "$(grep 'stolen\|99\|evil\|connected' "$T/admin" "$T/dev1")"
else
        pass "nothing that dev-2 said of dev-1 has arrived"
fi
if grep -q 'dev-1' "$T/dev2"; then fail "dev-2 hears nothing of dev-1" "$(grep dev-1 "$T/dev2")"; else pass "dev-2 hears nothing of dev-1"; fi
pub client /esp/update/run ''
check "secure_esp's topics are the client's" until_there "$T/dev2" '^/esp/update/run'
pub dev-2 "\$aws/things/dev-2/shadow/delete" ''
check "delete is accepted" until_there "$T/dev2" 'shadow/delete/accepted \{"version":1,'
pub dev-2 "\$aws/things/dev-2/shadow/get" ''
check "and then it is not there" until_there "$T/dev2" 'shadow/get/rejected \{"code":404,'

# ---- crashes ----

version() { ask admin $S1; sed 's/.*"version":\([0-9]*\),.*/\1/' "$T/stdout"; }
kill -KILL "$(cat "$C/run/shadowd.pid")"
pub dev-1 "$D1/update" '{"state":{"reported":{"while":"away"}},"clientToken":"t-away"}' # waits at the broker
half=$C/shadows/.fctry-$(sh -c 'echo $$')-1.tmp # as if killed while it wrote
printf '{"v":1,' >"$half"
run up "$C"
expect "up after shadowd was killed" 0 'shadowd  started'
if grep -q 'broker   runs already' "$T/stdout"; then pass "the broker was left alone"; else fail "the broker was left alone" "$(cat "$T/stdout")"; fi
if [ -e "$half" ]; then fail "what was half written is swept away"; else pass "what was half written is swept away"; fi
ask dev-1 $S1
expect "nothing is lost" 200 '"a":2'
check "what was sent meanwhile is done now" until_there "$T/dev1" 'update/accepted .*"clientToken":"t-away"'
was=$(version)
for i in 1 2 3 4; do # updates while it is killed again and again: what was accepted stays
        ( for k in $(seq 20); do ask dev-1 -d "{\"state\":{\"desired\":{\"n\":$((i * 100 + k))}}}" $S1 && [ "$status" = 200 ] && echo "$((i * 100 + k))"; done ) >"$T/done.$i" 2>/dev/null &
        writer=$!
        for k in $(seq 3000); do [ -s "$T/done.$i" ] && break; sleep 0.02; done
        kill -KILL "$(cat "$C/run/shadowd.pid")"
        wait $writer
        up -q "$C" || break
        last=$(tail -1 "$T/done.$i")
        ask admin $S1
        now=$(sed 's/.*"desired":{[^}]*"n":\([0-9]*\).*/\1/' "$T/stdout")
        # the one that was under way may be stored and not answered
        [ -n "$last" ] && [ "$now" -ge "$last" ] && [ "$now" -le $((last + 1)) ] && continue
        fail "what was accepted is there after SIGKILL" "accepted $last, found $now in round $i"
        break
done
[ "$i" = 4 ] && [ "$now" -ge "$last" ] && pass "what was accepted is there after SIGKILL, four times"
if [ "$(version)" -gt "$was" ]; then pass "versions go up"; else fail "versions go up" "$was $(version)"; fi
rm "$C/cloud.conf" # as if the first up had been killed before it was done
run up --mqtt-port 0 --thing dev-1 "$C"
expect "up knows where what runs is to be found" 0 "^broker   runs already: mqtts://127.0.0.1:$MQTT_PORT"
if [ "$REST_PORT" = "$(sed -n 's/REST_PORT=//p' "$C/cloud.env")" ]; then pass "all of it"; else fail "all of it" "$(cat "$C/cloud.env")"; fi
kill -KILL "$(cat "$C/run/broker.pid")" "$(cat "$C/run/update.pid")"
run up "$C"
expect "up after broker and update server were killed" 0 'broker   started'
check "MQTT works again" mq mosquitto_pub dev-1 -q 1 -t "$D1/get" -m ''
echo not json >"$C/shadows/dev-2.json"
ask dev-2 /things/dev-2/shadow
expect "a damaged file is an error, not an empty shadow" 500 'Internal service failure'
check "that is said where it is" grep -q 'dev-2.json: is damaged' "$C/log/shadowd.log"
ask dev-1 $S1
expect "the others live on" 200

# ---- revocation, another update server, down ----

echo hello >"$C/www/hello.bin"
run curl -sS --cacert "$CA" "https://127.0.0.1:$UPDATE_PORT/hello.bin"
expect "nginx serves updates" 0 hello
run up --update s_server "$C"
expect "openssl s_server instead" 0 's_server'
run curl -sS --http0.9 --cacert "$CA" "https://127.0.0.1:$UPDATE_PORT/hello.bin"
expect "serves them too" 0 hello
run certgen -q revoke --ca "$C/pki/ca" dev-2
expect "dev-2 is revoked" 0
run up "$C"
expect "up takes notice" 0 'broker   started'
ask dev-2 /things/dev-2/shadow
if [ "$status" = 401 ]; then pass "REST refuses it"; else fail "REST refuses it" "$status" "$(cat "$T/stdout")"; fi
if mq mosquitto_pub dev-2 -t x -m x >"$T/pub" 2>&1; then fail "the broker refuses it"; else pass "the broker refuses it"; fi
ask dev-1 $S1
expect "not the others" 200
run up --host 192.0.2.7 "$C"
expect "another host wants another folder" 1 'another folder'
run samples/cloud/down "$C"
expect "down" 0 'broker stopped'
if left >"$T/left"; then fail "nothing is left" "$(cat "$T/left")"; else pass "nothing is left"; fi
run samples/cloud/down "$C"
expect "down again" 0
echo secret >"$T/passphrase"
certgen -q ca "$T/ca" --cn Acme --passphrase-file "$T/passphrase" >/dev/null
run up --listen 127.0.0.2 --host 127.0.0.2 --mqtt-port 0 --ca "$T/none" "$T/two"
expect "a CA that is none" 1 'no CA'
run up --listen 127.0.0.2 --host 127.0.0.2 --mqtt-port 0 --ca "$T/ca" "$T/two"
expect "a CA whose passphrase is not known" 5 'certgen has failed'
run up --listen 127.0.0.2 --host 127.0.0.2 --mqtt-port 0 --passphrase-file "$T/passphrase" "$T/two"
expect "a cloud at another address" 0 'mqtts://127.0.0.2:'
eval "$(grep -m1 '^  curl ' "$T/stdout" | sed 's/curl/curl -sS/')" >"$T/two.out" 2>&1
check "its shadows answer there" grep -q '"code":404' "$T/two.out"
check "its certificates are that CA's" certgen -q verify --ca "$T/ca" "$T/two/devices/SO-000001.crt"
run up --listen 127.0.0.3 "$T/two"
expect "a third address wants another folder" 1 'another folder'
run samples/cloud/down "$T/two"
expect "it goes" 0
sd=(shadowd --store "$T/s" --rest 127.0.0.1:0 --ca "$CA" --cert "$C/pki/shadowd.crt" --key "$C/pki/shadowd.key"
        --server-cert "$C/pki/server.crt" --server-key "$C/pki/server.key" --admin admin)
"${sd[@]}" --broker "127.0.0.1:$MQTT_PORT" >"$T/sd.out" 2>"$T/sd.err" & # nobody listens there now
alone=$!
subs="$subs $alone"
check "without a broker shadowd says so" until_there "$T/sd.err" 'broker: 127.0.0.1:[0-9]+: .*; trying again'
REST_PORT=$(sed -n 's/rest port //p' "$T/sd.out")
ask admin -d '{"state":{"desired":{"a":1}}}' $S1
expect "and serves REST all the same" 200 '"version":1'
kill $alone
wait $alone
status=$?
expect "SIGTERM ends it well" 0
(trap '' XFSZ; ulimit -f 0; exec "${sd[@]}" --broker "127.0.0.1:$MQTT_PORT" 2>&1) | cat >"$T/full.out" & # not a byte more on its disk
subs="$subs $!"
check "shadowd on a full disk" until_there "$T/full.out" 'rest port [0-9]+'
REST_PORT=$(sed -n 's/rest port //p' "$T/full.out")
ask admin -d '{"state":{"desired":{"a":2}}}' $S1
expect "cannot accept" 500 'Internal service failure'
check "says why" until_there "$T/full.out" 'dev-1.json'
ask admin $S1
expect "and has changed nothing" 200 '"desired":\{"a":1\}.*"version":1'
pkill -f -- "--store $T/s "
run sh -c '"$@" >/dev/full' _ "${sd[@]}"
expect "its port to a full disk" 5
run sh -c 'exec shadowd --help >/dev/full'
expect "shadowd --help to a full disk" 5
run shadowd --broker nowhere
expect "a broker that is none" 2 'not HOST:PORT'
run shadowd --store "$T/s" --ca "$T/none"
expect "a CA that is not there" 1 'none'
run "${sd[@]}" --rest 127.0.0.1
expect "an address without a port" 1 'not ADDRESS:PORT'
run "${sd[@]}" --server-key "$C/pki/shadowd.key"
expect "a key that belongs to another certificate" 1 'do they belong together'
finish
