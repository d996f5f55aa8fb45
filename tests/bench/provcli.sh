# shellcheck shell=bash
# Sourced by run.sh: a whole provisioning over HTTP, in requests and seconds, and how soon a wrong passphrase is
# known; beside esp_prov.py where ESP_PROV names it (with IDF_PATH).

provcli_bench() {
        local log=$B/provdev.log device='' python='' p ours peer what delay
        local ours_arguments peer_arguments
        printf 'abcd1234\n' >"$B/pop"
        printf 'correct horse\n' >"$B/right"
        printf 'incorrect\n' >"$B/wrong"
        for p in python3 /usr/bin/python3; do
                [ -r "${ESP_PROV:-}" ] && "$p" -c 'import google.protobuf, cryptography' 2>/dev/null && python=$p && break
        done
        start() { # ARGUMENTS of provdev
                rm -f "$log"
                "$O/tests/provdev" "$@" >"$log" 2>&1 &
                device=$!
                for _ in $(seq 200); do grep -q '^port' "$log" 2>/dev/null && return; sleep 0.05; done
        }
        stop() { kill "$device" && wait "$device"; } 2>/dev/null
        port() { sed -n 's/^port //p' "$log"; }
        told() { sed -n 's/^told \([0-9]*\) ms .*/\1/p' "$log" | head -n 1 | awk '{ printf "%.2f", $1 / 1000 }'; }
        requests() { grep -c '^request' "$log"; }
        for what in right wrong; do
                # a router that takes its time: the device knows after 2.8 s
                delay=300
                [ $what = right ] || delay=2800
                ours_arguments=(http --pop-file "$B/pop" --ssid lab-main --passphrase-file "$B/$what")
                peer_arguments=(--transport httpd --pop abcd1234 --ssid lab-main --passphrase "$(cat "$B/$what")")
                start 1 pop=abcd1234 delay=$delay
                ours=$(timeit provcli "${ours_arguments[@]}" "127.0.0.1:$(port)" 2>/dev/null | cut -d' ' -f1)
                local ours_told ours_requests peer_told=- peer_requests=-
                ours_told=$(told) ours_requests=$(requests)
                stop
                peer=
                if [ -n "$python" ]; then
                        start 1 pop=abcd1234 delay=$delay
                        peer=$(timeit "$python" "$ESP_PROV" "${peer_arguments[@]}" --service_name "127.0.0.1:$(port)" 2>/dev/null | cut -d' ' -f1)
                        peer_told=$(told) peer_requests=$(requests)
                        stop
                fi
                if [ $what = right ]; then
                        row "provisioning over HTTP, security 1: requests" "$ours_requests" "$peer_requests" - "at most 7"
                        row "  the same: time, the device joins in 0.3 s" "$ours s" "${peer:-peer absent} ${peer:+s}" - ""
                else
                        row "wrong passphrase: asked so long after the device knew" "$ours_told s" "$peer_told s" - "at most 1 s"
                        row "  the same: said after" "$ours s" "${peer:-peer absent} ${peer:+s}" - ""
                fi
        done
}
provcli_bench
