# shellcheck shell=bash
# What ble.sh and softap.sh share: waiting, an outlet on the virtual board, its station, what is checked of both.
. tests/lib.sh

printf 'abcd1234\n' >"$T/pop"
printf 'wrong\n' >"$T/wrong-pop"
printf 'correct horse\n' >"$T/pass"
printf 'incorrect\n' >"$T/wrong-pass"
printf 'homepass99\n' >"$T/home-pass"
printf 'softap-key\n' >"$T/key"
printf 'another-key\n' >"$T/wrong-key"

# The emulated processor takes 60 ms for a process: what waits in here starts none.
mkfifo "$T/silence"
exec 8<>"$T/silence"
pause() { read -r -t 0.1 -u 8 _; }
# until SECONDS COMMAND...: wait for it
until_ok() {
        local end=$((SECONDS + $1))
        shift
        while ! "$@" >/dev/null 2>&1; do
                [ "$SECONDS" -lt "$end" ] || return 1
                pause
        done
        return 0
}
# has FILE REGEX [OFFSET]
has() {
        local text=
        IFS= read -rd '' text 2>/dev/null <"$1"
        text=${text:${3:-0}}
        [[ ${text//$'\r'/} =~ $2 ]]
}
stop() { [ -z "${1:-}" ] || { kill "$1" && wait "$1"; } 2>/dev/null; }
P() { run timeout 60 provcli "$@"; }
note() { # WHAT: what takes long; seconds since the start, and without work
        local up idle
        read -r up idle </proc/uptime
        echo "# $1: $up s, idle $idle s"
}
# the first failure shows what every part has said last
eval "tap_$(declare -f fail)"
fail() {
        tap_fail "$@"
        [ "$TAP_BAD" -eq 1 ] || return 0
        note "log"
        local f
        for f in "$T"/{uart,ready.err,device.log,nobody,vanish} "$T"/*.log "$T"/*.client "$T"/*.dhcp "$AIR"/*.log "$AIR"/*.dhcp; do
                [ ! -s "$f" ] || tail -n 12 "$f" | tr -d '\r' | sed "s/^/# log: ${f##*/}: /"
        done
        dmesg | tail -n 8 | sed 's/^/# log: kernel: /'
        ip -br addr | sed 's/^/# log: addresses: /'
        [ ! -e /run/netns/lab ] || ip -n lab -br addr | sed 's/^/# log: addresses, lab: /'
}
# the network that the outlets shall join is up, whatever came of it
air() { until_ok 90 test -e "$AIR/up"; }

# An outlet's station: wpa_supplicant without a network, and a DHCP client that asks whenever there is a link.
# Two channels instead of all: a scan takes one second, not four.
station() { # INTERFACE
        station=$1
        mkdir -p /run/wpa_supplicant
        printf 'ctrl_interface=/run/wpa_supplicant\np2p_disabled=1\nfreq_list=2412 2437\n' >"$T/sta.conf"
        wpa_supplicant -t -B -i "$1" -D nl80211 -c "$T/sta.conf" -f "$T/sta.log" >/dev/null
        dhcp_script
        dhcp_client "$1" &
}
dhcp_script() {
        cat >"$T/dhcp-script" <<'SCRIPT'
#!/bin/sh
case $1 in
bound) exec busybox ip addr replace "$ip/24" dev "$interface" ;;
esac
SCRIPT
        chmod 755 "$T/dhcp-script"
}
# INTERFACE: asks for an address at each new link, whenever there is news of it. By the state and the number of links, never
# by what was the news: a client that lags behind takes the address of the present link away.
dhcp_client() {
        local net=/sys/class/net/$1 links='' now state client=''
        ip monitor link dev "$1" | while :; do
                read -r now <"$net/carrier_changes"
                read -r state <"$net/operstate"
                if [ "$now" != "$links" ] && [ -n "$links" ]; then
                        [ -z "$client" ] || kill "$client" 2>/dev/null
                        client=
                        busybox ip addr flush dev "$1"
                fi
                links=$now
                if [ "$state" = up ] && [ -z "$client" ]; then
                        busybox udhcpc -f -i "$1" -n -q -t 30 -T 1 -s "$T/dhcp-script" >>"$T/$1.client" 2>&1 &
                        client=$!
                fi
                read -r -t 2 _ || [ $? -gt 128 ] || break
        done
}

uart=$T/uart board='' from=0
said() { has "$uart" "$1" "$from"; }
says() { # NAME REGEX
        if until_ok 30 said "$2"; then pass "$1"; else fail "$1" "$(tail -c +$((from + 1)) "$uart" | tail -n 12)"; fi
}
mark() { # what was said before does not count
        local text=
        IFS= read -rd '' text <"$uart"
        from=${#text}
}
outlet() { # FLASH; needs BOARD_WIFI, and BOARD_BLE for one with Bluetooth
        no_outlet
        rm -f "$uart" "$T/ready"
        cp "/mnt/$1.bin" "$T/flash"
        vboard --flash "$T/flash" --control "$T/c" --tcp 127.0.0.1:0 \
                --json >"$T/ready" 2>"$T/ready.err" &
        board=$!
        until_ok 20 has "$T/ready" '"tcp":"socket://127.0.0.1:([0-9]+)"'
        exec 3<>"/dev/tcp/127.0.0.1/${BASH_REMATCH[1]}"
        cat <&3 >"$uart" &
        reader=$!
        from=0
        until_ok 40 said 'provisioning of PROV_1234 ' && return
        fail "the outlet starts: $1" "$(cat "$T/ready.err" "$uart")"
}
no_outlet() {
        [ -n "$board" ] || return 0
        stop "$board"
        stop "$reader"
        exec 3>&-
        board=''
}
sees() { local mac; read -r mac <"/sys/class/net/$station/address"; nsenter --net=/run/netns/home iw dev wlan3 station get "$mac"; }
joined() { # WHERE
        says "$1: the outlet is in the WPA2 network" 'network: up, address 10\.7\.0\.2[0-9], -[0-9]+ dBm'
        check "$1: its access point sees it" sees
}
