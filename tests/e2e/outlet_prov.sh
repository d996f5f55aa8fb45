#!/usr/bin/env bash
# Outlets on virtual boards get a network without a radio: over HTTP and over the serial console, with each security,
# one session at a time, whoever has it.
. tests/lib.sh
. tests/outlet_lib.sh

printf 'abcd1234\n' >"$T/pop"
printf 'wrong\n' >"$T/wrong"
printf 'correct horse\n' >"$T/pass"
mapfile -t verifier < <(provcli gen-cred --password-file "$T/pop" | tail -n 2)
home=(--ssid home --passphrase-file "$T/pass")
starts() { outlet "$@" || fail "$1: the outlet starts" "$(vboard ctl "$T/$1" uart | tail)"; }
joined() { check "$1: it has joined" until_ok said 'network: up, address'; }
type_in() { # LINE: on the board's console
        local fd host=${uart#socket://}
        exec {fd}<>"/dev/tcp/${host%:*}/${host##*:}"
        printf '%s\r' "$1" >&"$fd"
        until_ok said "$2"
        exec {fd}>&-
}

# the console beside the SoftAP: security 1
starts one pop,data,string,abcd1234 prov_transport,data,string,softap
run provcli console -p "$uart" --pop-file "$T/pop" "${home[@]}"
expect "console, security 1" 0 '^connected to home, address 127.0.0.1, channel 1, WPA2'
joined console
run provcli console -p "$uart" --wait 2 --pop-file "$T/pop" "${home[@]}"
expect "the service has ended" 3 "is the device's provisioning console there"

# console only, security 2; the factory console goes on beside it
starts two "${verifier[@]}" prov_transport,data,string,console
if [ -z "$port" ]; then pass "console only: no server"; else fail "console only: no server" "port $port"; fi
type_in mac '^240ac4000001$'
check "console only: the factory console answers" said '^240ac4000001$'
run provcli -p "$uart" --transport console --wait 2 --password-file "$T/wrong" status
expect "console, security 2: wrong password" 4 "user name or password"
run provcli console -p "$uart" --password-file "$T/pop" --ssid home --passphrase wrong-horse
expect "console, security 2: wrong passphrase" 4 "does not accept the passphrase"
run provcli console -p "$uart" --password-file "$T/pop" --ssid nowhere --passphrase-file "$T/pass"
expect "console, security 2: no such network" 4 "does not find the network"
run provcli console -p "$uart" --password-file "$T/pop" "${home[@]}"
expect "console, security 2" 0 '^connected to home'
joined "console only"

# security 0: chosen, on a unit without a proof
starts zero prov_security,data,string,0 prov_transport,data,string,softap
check "security 0 is said" said 'security 0: the network.s passphrase comes in clear text'
run provcli http "127.0.0.1:$port" "${home[@]}"
expect "security 0 is refused by provcli" 1 "--insecure allows that"
run provcli -p "$uart" --transport console --insecure networks
expect "console, security 0: the networks" 0 'WPA2 +home$'
run provcli http "127.0.0.1:$port" "${home[@]}" --insecure
expect "HTTP, security 0" 0 '^connected to home'
joined "security 0"
starts never prov_security,data,string,0 pop,data,string,abcd1234 prov_transport,data,string,softap
check "a unit with a proof does not fall to 0" said 'prov_security is not taken'
run provcli --transport http --host "127.0.0.1:$port" info
expect "and has security 1" 0 'security 1'
run provcli http "127.0.0.1:$port" "${home[@]}" --security 0 --insecure
expect "whoever insists on 0" 1 "wants security 1, not 0"

# one session at a time: the console takes it, HTTP makes it again
provcli http "127.0.0.1:$port" --pop-file "$T/pop" "${home[@]}" --json >"$T/http" 2>&1 &
http=$!
until_ok said 'got credentials'
run provcli --transport console -p "$uart" info
expect "the console takes the session over" 0 "security 1"
wait "$http"
check "HTTP has made it again" grep -q '"result":"connected"' "$T/http"
check "in more requests than are needed" sh -c "[ \"\$(sed -n 's/.*\"requests\":\([0-9]*\).*/\1/p' '$T/http')\" -ge 9 ]"

# five wrong proofs, wherever they come from
starts five pop,data,string,abcd1234 prov_transport,data,string,softap
run provcli --transport console -p "$uart" --wait 2 --pop-file "$T/wrong" status
expect "console: wrong proof of possession" 4 "does not accept the proof"
for _ in 2 3 4 5; do run provcli --transport http --host "127.0.0.1:$port" --pop-file "$T/wrong" status; done
run provcli http "127.0.0.1:$port" --pop-file "$T/pop" "${home[@]}"
expect "closed after five, over HTTP" 4 "after five wrong proofs it must be restarted"
run provcli console -p "$uart" --wait 2 --pop-file "$T/pop" "${home[@]}"
expect "and over the console" 4 "after five wrong proofs it must be restarted"
vboard ctl "$T/$board" reset >"$T/reset"
until_ok sh -c "[ \$(vboard ctl '$T/$board' uart | grep -ac 'provisioning: PROV') -ge 2 ]"
run provcli console -p "$uart" --pop-file "$T/pop" "${home[@]}"
expect "restarted it takes the right one" 0 '^connected to home'

# locked is locked, for provisioning too; over the air it goes on
starts locked pop,data,string,abcd1234 prov_transport,data,string,softap
type_in lock '^OK$'
run provcli --transport console -p "$uart" --wait 2 info
expect "a locked console does not provision" 3
check "and says so" said '^ERROR locked$'
run provcli http "127.0.0.1:$port" --pop-file "$T/pop" "${home[@]}"
expect "over HTTP it does" 0 '^connected to home'
finish
