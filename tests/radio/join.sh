#!/usr/bin/env bash
# The device's way into a network, for provdev's join=: SSID and passphrase on standard input; prints the
# address. Exit status: 0 joined, 3 no such network, 4 wrong passphrase.
set -u
read -r ssid
read -r passphrase
dev() { ip netns exec dev "$@"; }
scratch=$(mktemp -d)
log=$scratch/log
trap 'rm -rf "$scratch"' EXIT
# the one of the last attempt, until it is really gone
leave() {
        [ -s /run/join.pid ] || return 0
        kill "$(cat /run/join.pid)" 2>/dev/null
        while [ -s /run/join.pid ]; do sleep 0.05; done
}
leave
{
        printf 'network={\n ssid="%s"\n scan_ssid=1\n scan_freq=2437\n' "$ssid"
        if [ -n "$passphrase" ]; then printf ' psk="%s"\n}\n' "$passphrase"; else printf ' key_mgmt=NONE\n}\n'; fi
} >"$scratch/conf"
dev wpa_supplicant -B -i wlan2 -D nl80211 -c "$scratch/conf" -f "$log" -P /run/join.pid >&2 || exit 127
# a scan of the one channel takes a second: who has not tried to associate by then has found nothing
for i in $(seq 300); do
        if grep -q CTRL-EVENT-CONNECTED "$log"; then
                dev ip addr replace 10.7.0.2/24 dev wlan2
                dev busybox ping -c 1 -W 2 10.7.0.1 >/dev/null 2>&1 || continue
                echo 10.7.0.2
                exit 0
        fi
        if grep -q WRONG_KEY "$log"; then rc=4; break; fi
        if [ "$i" -gt 60 ] && ! grep -q 'Trying to' "$log"; then rc=3; break; fi
        sleep 0.1
done
leave
exit "${rc:-3}"
