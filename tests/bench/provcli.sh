#!/bin/bash
# A whole provisioning over HTTP, in requests and seconds, and how soon a wrong passphrase is known.
#   ESP_PROV  esp_prov.py, and IDF_PATH the ESP-IDF that it belongs to: the peer
. tests/bench/lib.sh
log=$W/provdev.log device='' python=''
stop() {
        [ -n "$device" ] || return 0
        kill "$device"
        wait "$device" || :
        device=''
} 2>/dev/null
trap 'at_end stop' EXIT
printf 'abcd1234\n' >"$W/pop"
printf 'correct horse\n' >"$W/right"
printf 'incorrect\n' >"$W/wrong"
[ -z "${ESP_PROV:-}" ] || python=$(python_with google.protobuf cryptography)

# provision DELAY STATUS COMMAND...: a device that knows after DELAY ms; the command, which ends with STATUS (a pattern), is
# given its address. $took; $requests; $told: how long after the device knew it was asked
provision() {
        local delay=$1 expected=$2 status=0
        shift 2
        rm -f "$log"
        "$O/tests/provdev" 1 pop=abcd1234 delay="$delay" >"$log" 2>&1 &
        device=$!
        until grep -q '^port' "$log" 2>/dev/null; do
                kill -0 $device # or it has ended, and so does this
                sleep 0.05
        done
        timeit "$@" "127.0.0.1:$(sed -n 's/^port //p' "$log")" >"$W/took" 2>"$W/words" || status=$?
        [[ $status =~ ^($expected)$ ]] || { echo "status $status of $1:" && tail -n 3 "$W/words"; return 1; } >&2
        took=$(seconds <"$W/took")
        requests=$(grep -c '^request' "$log")
        told=$(sed -n 's/^told \([0-9]*\) ms .*/\1/p' "$log" | head -n 1 | awk '{ printf "%.2f s", $1 / 1000 }')
        stop
}

for what in right wrong; do
        delay=300 ours_ends=0
        # a router that takes its time: the device knows after 2.8 s
        [ $what = right ] || delay=2800 ours_ends=4
        saying "the $what passphrase"
        provision $delay $ours_ends provcli http --pop-file "$W/pop" --ssid lab-main --passphrase-file "$W/$what"
        ours_took=$took ours_requests=$requests ours_told=$told
        took="set ESP_PROV" requests=$took told=$took
        if [ -n "$python" ]; then
                saying "the $what passphrase, esp_prov.py"
                # whatever it says of a wrong one
                provision $delay '[01]' "$python" "$ESP_PROV" --transport httpd --pop abcd1234 --ssid lab-main --passphrase "$(cat "$W/$what")" --service_name
        fi
        if [ $what = right ]; then
                figure "HTTP, security 1: requests; esp_prov.py" "$ours_requests" "$requests" ours/peer "ours <= 7"
                figure "  the same: time, the device joins in 0.3 s" "$ours_took" "$took" ours/peer -
        else
                figure "wrong passphrase: asked so long after the device knew" "$ours_told" "$told" ours/peer "ours <= 1 s"
                figure "  the same: said after" "$ours_took" "$took" ours/peer -
        fi
done
