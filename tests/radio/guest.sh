# shellcheck shell=bash
# Inside the machine of vm_run.sh: provcli against the outlet on the virtual board, over real Bluetooth and
# Wi-Fi stacks, until the outlet is in the WPA2 network. TAP.
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
# what is provisioned is always on hci0, provcli on hci1: the kernel never connects a controller to itself
ble() { P ble --adapter hci1 --service PROV_1234 "$@"; }
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
        for f in uart ready.err device.log nobody vanish btvirt.log bluetoothd.log dev.log sta.log home.log lab.log wlan0.dhcp wlan1.client wlan2.client wlan3.dhcp; do
                [ ! -s "$T/$f" ] || tail -n 12 "$T/$f" | tr -d '\r' | sed "s/^/# log: $f: /"
        done
        dmesg | tail -n 8 | sed 's/^/# log: kernel: /'
        ip -br addr | sed 's/^/# log: addresses: /'
        ip -n lab -br addr | sed 's/^/# log: addresses, lab: /'
}

# --- Wi-Fi: the outlet's station wlan2 and SoftAP wlan0, both driven by its firmware; this computer, wlan1, in
# a namespace of its own; the network that the outlet shall join, wlan3, in another ---

modprobe mac80211_hwsim radios=4
ip netns add lab
ip netns add home
iw phy phy1 set netns name lab
iw phy phy3 set netns name home
dhcp() { # INTERFACE NETWORK: a server of addresses, the first of which is its own
        printf 'interface %s\nstart %s.20\nend %s.30\noption subnet 255.255.255.0\nlease_file %s\npidfile %s\n' "$1" "$2" "$2" \
                "$T/$1.leases" "$T/$1.pid" >"$T/$1.udhcpd"
        : >"$T/$1.leases"
        ip addr add "$2.1/24" dev "$1"
        busybox udhcpd -f -a 50 "$T/$1.udhcpd" >"$T/$1.dhcp" 2>&1 &
}
printf 'interface=wlan3\ndriver=nl80211\nssid=HomeNet\nhw_mode=g\nchannel=6\nwpa=2\nwpa_key_mgmt=WPA-PSK\nrsn_pairwise=CCMP\nwpa_passphrase=homepass99\nwpa_pairwise_update_count=2\n' >"$T/home.conf"
ip netns exec home ip link set lo up
ip netns exec home hostapd -t -B -f "$T/home.log" "$T/home.conf" >"$T/home.out" 2>&1 || fail "hostapd: HomeNet" "$(cat "$T/home.out" "$T/home.log")"
export -f dhcp
export T
ip netns exec home bash -c 'dhcp wlan3 10.7.0'

# for the outlet: hostapd with interface and channel, wpa_supplicant without a network, a DHCP client that
# asks whenever there is a link
mkdir -p /run/wpa_supplicant /run/hostapd /run/lab
printf 'interface=wlan0\ndriver=nl80211\nctrl_interface=/run/hostapd\nssid=not-yet\nhw_mode=g\nchannel=1\nwpa_pairwise_update_count=2\n' >"$T/dev.conf"
hostapd -t -B -f "$T/dev.log" "$T/dev.conf" >"$T/dev.out" 2>&1 || fail "hostapd: the outlet's" "$(cat "$T/dev.out" "$T/dev.log")"
dhcp wlan0 192.168.4
# two repetitions less in a handshake that fails: two seconds less. Two channels instead of all: a scan takes one second, not four
printf 'ctrl_interface=/run/wpa_supplicant\nfreq_list=2412 2437\n' >"$T/sta.conf"
wpa_supplicant -t -B -i wlan2 -D nl80211 -c "$T/sta.conf" -f "$T/sta.log" >/dev/null
cat >"$T/dhcp-script" <<'SCRIPT'
#!/bin/sh
case $1 in
bound) exec ip addr replace "$ip/24" dev "$interface" ;;
esac
SCRIPT
chmod 755 "$T/dhcp-script"
# INTERFACE: asks for an address at each new link. By the state and the number of links, never by what was
# the news a while ago: a client that lags behind takes the address of the present link away.
dhcp_client() {
        local net=/sys/class/net/$1 links='' now state client=''
        while :; do
                read -r now <"$net/carrier_changes"
                read -r state <"$net/operstate"
                if [ "$now" != "$links" ] && [ -n "$links" ]; then
                        [ -z "$client" ] || kill "$client" 2>/dev/null
                        client=
                        ip addr flush dev "$1"
                fi
                links=$now
                if [ "$state" = up ] && [ -z "$client" ]; then
                        busybox udhcpc -f -i "$1" -n -q -t 30 -T 1 -s "$T/dhcp-script" >>"$T/$1.client" 2>&1 &
                        client=$!
                fi
                pause
        done
}
dhcp_client wlan2 &

# --- the outlet ---

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
outlet() { # FLASH
        no_outlet
        rm -f "$uart" "$T/ready"
        cp "/mnt/$1.bin" "$T/flash"
        BOARD_WIFI=wpa:wlan2,wlan0 BOARD_BLE=hci0 vboard --flash "$T/flash" --control "$T/c" --tcp 127.0.0.1:0 \
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
sees() { local mac; read -r mac </sys/class/net/wlan2/address; ip netns exec home iw dev wlan3 station get "$mac"; }
joined() { # WHERE
        says "$1: the outlet is in the WPA2 network" 'network: up, address 10\.7\.0\.2[0-9], -[0-9]+ dBm'
        check "$1: its access point sees it" sees
}

# --- Bluetooth ---

btvirt=
# The kernel lists a controller once its setup is through; on a busy machine the emulated one may answer too
# late for that, and is plugged in again.
ready() { [ "$(timeout 3 btmgmt info <&8 | grep -c '^hci[01]:')" -eq 2 ]; }
controllers() { # OPTIONS of btvirt: two controllers in one air
        for _ in 1 2 3; do
                stop "$btvirt"
                until_ok 5 test ! -e /sys/class/bluetooth/hci0
                btvirt "$@" -l2 >"$T/btvirt.log" 2>&1 &
                btvirt=$!
                until_ok 10 test -e /sys/class/bluetooth/hci1 && until_ok 5 ready && return
        done
        fail "btvirt makes two controllers" "$(cat "$T/btvirt.log")" "$(dmesg | tail -n 5)"
        finish
        exit 1
}
device='' log=$T/device.log
device() { # ARGUMENTS of provdev
        stop "$device"
        rm -f "$log"
        provdev "$@" >"$log" 2>&1 &
        device=$!
        until_ok 10 has "$log" 'port' && return
        fail "the device starts: $*" "$(cat "$log")"
        finish
        exit 1
}

# with what btvirt asks the kernel to encrypt with: a controller that waits for modules answers too late
modprobe -a hci_vhci algif_hash algif_skcipher ecb cmac
controllers -L
note "controllers"

# a device of the tests: what can be seen of it
device 0 ble=hci0
P scan --adapter hci1 --seconds 1 --json
expect "scan: name, address and service" 0 '"name":"PROV_1234","address":"00:aa:01:00:00:00","address_type":"public".*"service":"021a9004-0382-4aea-bff4-6b3f1c5adfb4"'
P --transport ble --adapter hci1 --service 021a9004-0382-4aea-bff4-6b3f1c5adfb4 info
expect "found by its service's UUID" 0 "^protocol v1.1, security 0"
# what another implementation sees of it (gatttool of BlueZ)
if command -v gatttool >/dev/null; then
        hciconfig hci1 up
        run timeout 20 gatttool -i hci1 -b 00:AA:01:00:00:00 --characteristics
        expect "gatttool: prov-session" 0 "char properties = 0x0a, char value handle = 0x000e, uuid = 021aff51-0382-4aea-bff4-6b3f1c5adfb4"
        run timeout 20 gatttool -i hci1 -b 00:AA:01:00:00:00 --char-read --handle=0x000f
        expect "gatttool: the name of prov-session" 0 "70 72 6f 76 2d 73 65 73 73 69 6f 6e" # "prov-session"
        hciconfig hci1 down
else
        skip "what gatttool sees" "BlueZ here has no gatttool"
fi
# one that is gone in the middle, radio and all: an end in time
device 1 pop=abcd1234 ble=hci0
{ until_ok 60 has "$log" 'set ssid'; kill -9 "$device"; hciconfig hci0 down; } &
killer=$!
run timeout 60 provcli ble --adapter hci1 \
        --service PROV_1234 --wait 3 --pop-file "$T/pop" --ssid lab-main --passphrase-file "$T/pass" --json
wait "$killer"
check "a device that dies meanwhile: said in time" test "$status" -eq 3 -o "$status" -eq 4
device=
note "test device"

# the outlet, security 1
outlet ble1
note "outlet over BLE"
ble --pop-file "$T/wrong-pop" --ssid HomeNet --passphrase-file "$T/home-pass" --json
expect "outlet, LE-only controllers: wrong proof of possession" 4 '"result":"pop-wrong"'
P --transport ble --adapter hci1 --service PROV_1234 --pop-file "$T/pop" networks
expect "outlet: the networks that it hears" 0 "channel  6  WPA2 +HomeNet"
ble --pop-file "$T/pop" --ssid HomeNet --passphrase-file "$T/wrong-pass" --json
expect "outlet: wrong passphrase, found out by the access point" 4 '"result":"passphrase-wrong"'
ble --pop-file "$T/pop" --ssid HomeNest --passphrase-file "$T/home-pass" --json
expect "outlet: no such network" 4 '"result":"network-not-found"'
ble --pop-file "$T/pop" --ssid HomeNet --passphrase-file "$T/home-pass" --json
expect "outlet: provisioned over BLE" 0 '"result":"connected","ssid":"HomeNet","ip4":"10.7.0.2[0-9]","channel":6,"auth":"WPA2"'
joined "BLE, LE-only controllers"
check "the outlet reaches the network's other end" busybox ping -c 1 -W 2 10.7.0.1
mark
vboard ctl "$T/c" reset
says "after a reset it joins by itself" 'network: up, address 10\.7\.0\.2'
no_outlet
note "outlet was reset"

controllers
# its first message has 406 bytes, more than the MTU: prepared and executed
outlet ble2
ble --password-file "$T/wrong-pop" --ssid HomeNet --passphrase-file "$T/home-pass"
expect "outlet, dual-mode controllers, security 2: wrong password" 4 "user name or password"
ble --password-file "$T/pop" --ssid HomeNet --passphrase-file "$T/home-pass"
expect "outlet, dual-mode controllers, security 2: provisioned" 0 "^connected to HomeNet, address 10.7.0.2"
joined "BLE, dual-mode controllers"
no_outlet
note "dual mode"

if command -v dbus-daemon >/dev/null && [ -x /usr/libexec/bluetooth/bluetoothd ]; then
        mkdir -p /run/dbus
        dbus-daemon --system --fork --nopidfile
        /usr/libexec/bluetooth/bluetoothd -n >"$T/bluetoothd.log" 2>&1 &
        daemon=$!
        until_ok 20 sh -c 'bluetoothctl list | grep -q Controller'
        outlet ble1
        ble --pop-file "$T/pop" --ssid HomeNet --passphrase-file "$T/home-pass"
        expect "outlet, beside bluetoothd: provisioned" 0 "^connected to HomeNet, address 10.7.0.2"
        joined "BLE, beside bluetoothd"
        check "bluetoothd still runs" kill -0 "$daemon"
        stop "$daemon"
        no_outlet
else
        skip "beside bluetoothd" "bluetoothd or dbus-daemon is not installed"
fi
note "bluetoothd"

# nobody of that name: while the Wi-Fi part runs
timeout 60 provcli ble --adapter hci1 --service NOBODY --ssid a --open >"$T/nobody" 2>&1 &
nobody=$!

# --- SoftAP: this computer is in HomeNet, joins the outlet's network, and is back in HomeNet afterwards ---

printf 'ctrl_interface=/run/wpa_supplicant\nfreq_list=2412 2437\nnetwork={\n ssid="HomeNet"\n psk="homepass99"\n}\n' >"$T/lab.conf"
ip netns exec lab ip link set lo up
ip netns exec lab wpa_supplicant -t -B -i wlan1 -D nl80211 -c "$T/lab.conf" -f "$T/lab.log" >/dev/null
export -f dhcp_client pause
ip netns exec lab bash -c 'dhcp_client wlan1' &
# its log first: that starts no process
lab_joined() { # ADDRESS of the access point
        local text=
        IFS= read -rd '' text <"$T/lab.log"
        [[ ${text##*CTRL-EVENT-DISCONNECTED} == *"CTRL-EVENT-CONNECTED - Connection to $1 "* ]]
}
lab_in() { wpa_cli -p /run/wpa_supplicant -i wlan1 status | grep -q "^ssid=$1"; }
in_home() { lab_in HomeNet && ip netns exec lab iw dev wlan1 link | grep -q 'SSID: HomeNet'; }
comes_home() { until_ok 20 lab_joined 02:00:00:00:03:00 && in_home; }
softap() { run timeout 60 ip netns exec lab provcli softap --join --service PROV_1234 --pop-file "$T/pop" "$@"; }
outlet softap1
check "this computer is in its own network" comes_home
note "outlet and own network"
softap --service-key-file "$T/wrong-key" --ssid HomeNet --passphrase-file "$T/home-pass" --json
expect "SoftAP: wrong service key" 4 "does not accept the service key"
check "and back in its network" in_home
note "wrong key"
# meanwhile the SoftAP vanishes, as an ESP32's does whose radio has to follow another channel, until that was noticed
mark
{
        until_ok 60 said 'provisioning: got credentials'
        hostapd_cli -p /run/hostapd -i wlan0 disable
        until_ok 60 has "$T/stderr" 'the link to the device is lost'
        hostapd_cli -p /run/hostapd -i wlan0 enable
} >"$T/vanish" 2>&1 &
vanish=$!
softap --service-key-file "$T/key" --ssid HomeNet --passphrase-file "$T/wrong-pass" --json
wait "$vanish"
expect "SoftAP: wrong passphrase" 4 '"result":"passphrase-wrong"'
expect "SoftAP: it vanished meanwhile, and was joined again" 4 "the link to the device is lost; joining PROV_1234 again"
note "wrong passphrase"
softap --service-key-file "$T/key" --try <(printf 'HomeNest,homepass99\nHomeNet,incorrect\nHomeNet,homepass99\n') -v
expect "SoftAP: absent network, wrong passphrase, then the right one" 0 "^connected to HomeNet, address 10.7.0.2"
check "this computer is back in its network" in_home
joined "SoftAP"
no_outlet
note "SoftAP"

# an open SoftAP; somebody kills provcli in the middle
outlet open
ip netns exec lab timeout 60 provcli softap --join --service PROV_1234 --pop-file <(sleep 30) --ssid a --open >"$T/killed" 2>&1 &
killed=$!
in_softap() { until_ok 20 lab_joined 02:00:00:00:00:00 && lab_in PROV_1234; }
check "this computer is in the outlet's network" in_softap
# provcli is timeout's child, as is the sleep; its own child brings the network back, long before the sleep would end
read -r child _ <"/proc/$killed/task/$killed/children"
check "provcli is killed" kill -9 "$child"
check "provcli killed: back in its own network" comes_home
note "killed"
softap --ssid HomeNet --passphrase-file "$T/home-pass" --json
expect "open SoftAP: provisioned" 0 '"result":"connected","ssid":"HomeNet","ip4":"10.7.0.2'
joined "open SoftAP"
no_outlet
note "open SoftAP"

wait "$nobody"
status=$?
cp "$T/nobody" "$T/stdout"
: >"$T/stderr"
expect "nobody of that name: said in time" 3 "NOBODY is not in the air"
stop "$btvirt"
note "end"
finish
