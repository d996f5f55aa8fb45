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

# until SECONDS COMMAND...: wait for it
until_ok() {
        local end=$((SECONDS + $1))
        shift
        while ! "$@" >/dev/null 2>&1; do
                [ "$SECONDS" -lt "$end" ] || return 1
                sleep 0.2
        done
}
stop() { [ -z "${1:-}" ] || { kill "$1" && wait "$1"; } 2>/dev/null; }
P() { run timeout 60 provcli "$@"; }
# what is provisioned is always on hci0, provcli on hci1: the kernel never connects a controller to itself
ble() { P ble --adapter hci1 --service PROV_1234 "$@"; }
note() { echo "# $1: $(cut -d' ' -f1 /proc/uptime) s"; } # what takes long

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
        busybox udhcpd -f "$T/$1.udhcpd" >"$T/$1.dhcp" 2>&1 &
}
printf 'interface=wlan3\ndriver=nl80211\nssid=HomeNet\nhw_mode=g\nchannel=6\nwpa=2\nwpa_key_mgmt=WPA-PSK\nrsn_pairwise=CCMP\nwpa_passphrase=homepass99\n' >"$T/home.conf"
ip netns exec home ip link set lo up
ip netns exec home hostapd -B -f "$T/home.log" "$T/home.conf" >"$T/home.out" 2>&1 || fail "hostapd: HomeNet" "$(cat "$T/home.out" "$T/home.log")"
export -f dhcp
export T
ip netns exec home bash -c 'dhcp wlan3 10.7.0'

# for the outlet: hostapd with interface and channel, wpa_supplicant without a network, a DHCP client that
# asks whenever there is a link
mkdir -p /run/wpa_supplicant /run/hostapd /run/lab
printf 'interface=wlan0\ndriver=nl80211\nctrl_interface=/run/hostapd\nssid=not-yet\nhw_mode=g\nchannel=1\n' >"$T/dev.conf"
hostapd -B -f "$T/dev.log" "$T/dev.conf" >"$T/dev.out" 2>&1 || fail "hostapd: the outlet's" "$(cat "$T/dev.out" "$T/dev.log")"
dhcp wlan0 192.168.4
# two channels instead of all: a scan takes one second, not four
printf 'ctrl_interface=/run/wpa_supplicant\nfreq_list=2412 2437\n' >"$T/sta.conf"
wpa_supplicant -B -i wlan2 -D nl80211 -c "$T/sta.conf" -f "$T/sta.log" >/dev/null
cat >"$T/dhcp-script" <<'SCRIPT'
#!/bin/sh
case $1 in
bound) ip addr flush dev "$interface"; ip addr add "$ip/24" dev "$interface" ;;
deconfig) ip addr flush dev "$interface" ;;
esac
SCRIPT
chmod 755 "$T/dhcp-script"
dhcp_client() { # INTERFACE, at each new link
        local line up=
        ip monitor link dev "$1" | while read -r line; do
                case $line in
                *'state UP'*)
                        [ -n "$up" ] || busybox udhcpc -i "$1" -n -q -t 8 -T 1 -s "$T/dhcp-script" >>"$T/$1.client" 2>&1
                        up=1
                        ;;
                *'state DOWN'* | *'state DORMANT'*)
                        [ -z "$up" ] || ip addr flush dev "$1"
                        up=
                        ;;
                esac
        done
}
dhcp_client wlan2 &

# --- the outlet ---

uart=$T/uart board='' from=0
said() { tail -c +$((from + 1)) "$uart" | tr -d '\r' | grep -aqE -- "$1"; }
says() { # NAME REGEX
        if until_ok 30 said "$2"; then pass "$1"; else fail "$1" "$(tail -c +$((from + 1)) "$uart" | tail -n 12)"; fi
}
mark() { from=$(stat -c %s "$uart"); }
outlet() { # FLASH
        no_outlet
        rm -f "$uart"
        cp "/mnt/$1.bin" "$T/flash"
        BOARD_WIFI=wpa:wlan2,wlan0 BOARD_BLE=hci0 vboard --flash "$T/flash" --control "$T/c" --tcp 127.0.0.1:0 \
                --json >"$T/ready" 2>"$T/ready.err" &
        board=$!
        until_ok 20 grep -q tcp "$T/ready"
        exec 3<>"/dev/tcp/127.0.0.1/$(sed -n 's/.*"tcp":"socket:\/\/127.0.0.1:\([0-9]*\)".*/\1/p' "$T/ready")"
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
joined() { # WHERE
        says "$1: the outlet is in the WPA2 network" 'network: up, address 10\.7\.0\.2[0-9], -[0-9]+ dBm'
        check "$1: its access point sees it" sh -c "ip netns exec home iw dev wlan3 station dump | grep -q 'Station $(cat /sys/class/net/wlan2/address)'"
}

# --- Bluetooth ---

btvirt=
# The kernel lists a controller once its setup is through; on a busy machine the emulated one may answer too
# late for that, and is plugged in again.
ready() { [ "$(timeout 3 btmgmt info < <(sleep 2) | grep -c '^hci[01]:')" -eq 2 ]; }
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
        until_ok 10 grep -q '^port' "$log" && return
        fail "the device starts: $*" "$(cat "$log")"
        finish
        exit 1
}

modprobe hci_vhci
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
run sh -c "(while ! grep -q '^set' '$log'; do sleep 0.1; done; kill -9 $device; hciconfig hci0 down) & exec timeout 60 provcli ble --adapter hci1 \
        --service PROV_1234 --wait 5 --pop-file '$T/pop' --ssid lab-main --passphrase-file '$T/pass' --json"
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
ip netns exec lab wpa_supplicant -B -i wlan1 -D nl80211 -c "$T/lab.conf" -f "$T/lab.log" >/dev/null
export -f dhcp_client
ip netns exec lab bash -c 'dhcp_client wlan1' &
in_home() { wpa_cli -p /run/wpa_supplicant -i wlan1 status | grep -q '^ssid=HomeNet' && ip netns exec lab iw dev wlan1 link | grep -q 'SSID: HomeNet'; }
softap() { run timeout 60 ip netns exec lab provcli softap --join --service PROV_1234 --pop-file "$T/pop" "$@"; }
outlet softap1
check "this computer is in its own network" until_ok 20 in_home
note "outlet and own network"
softap --service-key-file "$T/wrong-key" --ssid HomeNet --passphrase-file "$T/home-pass" --json
expect "SoftAP: wrong service key" 4 "does not accept the service key"
check "and back in its network" in_home
note "wrong key"
softap --service-key-file "$T/key" --ssid HomeNet --passphrase-file "$T/wrong-pass" --json
expect "SoftAP: wrong passphrase" 4 '"result":"passphrase-wrong"'
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
in_softap() { wpa_cli -p /run/wpa_supplicant -i wlan1 status | grep -q '^ssid=PROV_1234'; }
check "this computer is in the outlet's network" until_ok 20 in_softap
# provcli is timeout's child, as is the sleep; its own child brings the network back, long before the sleep would end
check "provcli is killed" kill -9 "$(pgrep -x -P "$killed" provcli)"
check "provcli killed: back in its own network" until_ok 20 in_home
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
[ "$TAP_BAD" -eq 0 ] || sed 's/^/# log: /' "$uart" "$T/dev.log" "$T/sta.log" "$T/lab.log" | tail -n 150
finish
