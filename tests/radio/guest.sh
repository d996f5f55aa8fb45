# shellcheck shell=bash
# Inside the machine of vm_run.sh: provcli against provdev over real Bluetooth and Wi-Fi stacks. TAP.
. tests/lib.sh

printf 'abcd1234\n' >"$T/pop"
printf 'wrong\n' >"$T/wrong-pop"
printf 'correct horse\n' >"$T/pass"
printf 'incorrect\n' >"$T/wrong-pass"
printf 'homepass99\n' >"$T/home-pass"

# until SECONDS COMMAND...: wait for it
until_ok() {
        local end=$((SECONDS + $1))
        shift
        while ! "$@" >/dev/null 2>&1; do
                [ "$SECONDS" -lt "$end" ] || return 1
                sleep 0.05
        done
}
stop() { [ -z "${1:-}" ] || { kill "$1" && wait "$1"; } 2>/dev/null; }
P() { run timeout 60 provcli "$@"; }
# what is provisioned is always on hci0, provcli on hci1: the kernel never connects a controller to itself
ble() { P ble --adapter hci1 --service PROV_1234 "$@"; }

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
device() { # [in NAMESPACE] ARGUMENTS of provdev
        stop "$device"
        local in=()
        [ "$1" != in ] || { in=(ip netns exec "$2"); shift 2; }
        rm -f "$log"
        "${in[@]}" provdev "$@" >"$log" 2>&1 &
        device=$!
        until_ok 10 grep -q '^port' "$log" && return
        fail "the device starts: $*" "$(cat "$log")"
        finish
        exit 1
}

over_ble() { # WHERE: what holds of every pair of controllers
        device 1 pop=abcd1234 ble=hci0
        ble --pop-file "$T/wrong-pop" --ssid lab-main --passphrase-file "$T/pass" --json
        expect "$1: wrong proof of possession" 4 '"result":"pop-wrong"'
        ble --pop-file "$T/pop" --ssid lab-main --passphrase-file "$T/pass" --json
        expect "$1: security 1, provisioned" 0 '"result":"connected","ssid":"lab-main"'
        check "$1: the device got the name" grep -q '^set ssid=lab-main' "$log"
        # its first message has 406 bytes, more than the MTU: prepared and executed
        device 2 password=abcd1234 ble=hci0
        P --transport ble --adapter hci1 --service PROV_1234 --password-file "$T/wrong-pop" status
        expect "$1: security 2, wrong password" 4 "user name or password"
        ble --password-file "$T/pop" --ssid lab-main --passphrase-file "$T/pass"
        expect "$1: security 2, provisioned" 0 "^connected to lab-main"
}

modprobe hci_vhci
controllers -L
echo "# controllers after $(cut -d' ' -f1 /proc/uptime) s"
device 1 pop=abcd1234 ble=hci0
P scan --adapter hci1 --seconds 1 --json
expect "scan: name, address and service" 0 '"name":"PROV_1234","address":"00:aa:01:00:00:00","address_type":"public".*"service":"021a9004-0382-4aea-bff4-6b3f1c5adfb4"'
P --transport ble --adapter hci1 --service 021a9004-0382-4aea-bff4-6b3f1c5adfb4 info
expect "found by its service's UUID" 0 "^protocol v1.1, security 1"
ble --pop-file "$T/pop" --ssid lab-main --passphrase-file "$T/wrong-pass" --json
expect "wrong passphrase" 4 '"result":"passphrase-wrong"'
check "the device was reset and waits again" grep -q '^reset' "$log"
ble --pop-file "$T/pop" --ssid nowhere --open --json
expect "no such network" 4 '"result":"network-not-found"'
P --transport ble --adapter hci1 --service PROV_1234 --pop-file "$T/pop" networks
expect "networks over BLE" 0 "lab-main"
over_ble "LE-only controllers"

# what another implementation sees of the device (gatttool of BlueZ)
if command -v gatttool >/dev/null; then
        stop "$device"
        device 0 ble=hci0
        hciconfig hci1 up
        run timeout 20 gatttool -i hci1 -b 00:AA:01:00:00:00 --primary
        expect "gatttool: the service" 0 "uuid: 021a9004-0382-4aea-bff4-6b3f1c5adfb4"
        run timeout 20 gatttool -i hci1 -b 00:AA:01:00:00:00 --characteristics
        expect "gatttool: prov-session" 0 "char properties = 0x0a, char value handle = 0x000e, uuid = 021aff51-0382-4aea-bff4-6b3f1c5adfb4"
        run timeout 20 gatttool -i hci1 -b 00:AA:01:00:00:00 --char-read --handle=0x000f
        expect "gatttool: the name of prov-session" 0 "70 72 6f 76 2d 73 65 73 73 69 6f 6e" # "prov-session"
        hciconfig hci1 down
else
        skip "what gatttool sees" "BlueZ here has no gatttool"
fi

# a device that is gone in the middle: an end in time
device 1 pop=abcd1234 ble=hci0
run sh -c "(sleep 1.5; kill -9 $device) & exec timeout 60 provcli ble --adapter hci1 --service PROV_1234 --pop-file '$T/pop' \
        --ssid lab-main --passphrase-file '$T/pass' --json"
check "a device that dies meanwhile: one of the documented ends" test "$status" -eq 0 -o "$status" -eq 3 -o "$status" -eq 4
device=

controllers
over_ble "dual-mode controllers"

if command -v dbus-daemon >/dev/null && [ -x /usr/libexec/bluetooth/bluetoothd ]; then
        mkdir -p /run/dbus
        dbus-daemon --system --fork --nopidfile
        /usr/libexec/bluetooth/bluetoothd -n >"$T/bluetoothd.log" 2>&1 &
        daemon=$!
        until_ok 20 sh -c 'bluetoothctl list | grep -q Controller'
        over_ble "beside bluetoothd"
        check "bluetoothd still runs" kill -0 "$daemon"
        stop "$daemon"
else
        skip "beside bluetoothd" "bluetoothd or dbus-daemon is not installed"
fi
stop "$device"
device=

# nobody of that name: while the Wi-Fi part runs
timeout 60 provcli ble --adapter hci1 --service NOBODY --ssid a --open >"$T/nobody" 2>&1 &
nobody=$!

# --- Wi-Fi: the device's SoftAP, and the network it shall join ---

access_point() { # NAMESPACE INTERFACE SSID PASSPHRASE ADDRESS CHANNEL
        printf 'interface=%s\ndriver=nl80211\nssid=%s\nhw_mode=g\nchannel=%s\n' "$2" "$3" "$6" >"$T/$1.conf"
        [ -z "$4" ] || printf 'wpa=2\nwpa_key_mgmt=WPA-PSK\nrsn_pairwise=CCMP\nwpa_passphrase=%s\n' "$4" >>"$T/$1.conf"
        ip netns exec "$1" ip link set lo up
        ip netns exec "$1" hostapd -B -f "$T/$1.log" "$T/$1.conf" >"$T/$1.out" 2>&1 || fail "hostapd: $3" "$(cat "$T/$1.out" "$T/$1.log")"
        ip netns exec "$1" ip addr add "$5/24" dev "$2"
}

modprobe mac80211_hwsim radios=4
ip netns add dev
ip netns add home
iw phy phy0 set netns name dev
iw phy phy2 set netns name dev
iw phy phy3 set netns name home
access_point dev wlan0 PROV_1234 softap-key 192.168.4.1 1
access_point home wlan3 HomeNet homepass99 10.7.0.1 6
printf 'network={\n ssid="PROV_1234"\n psk="softap-key"\n scan_freq=2412\n}\n' >"$T/station.conf"
wpa_supplicant -B -i wlan1 -D nl80211 -c "$T/station.conf" -f "$T/station.log" >/dev/null
ip addr add 192.168.4.2/24 dev wlan1
check "this end joins the SoftAP" until_ok 20 grep -q CTRL-EVENT-CONNECTED "$T/station.log"

softap() { P softap --service PROV_1234 --interface wlan1 --pop-file "$T/pop" "$@"; }
device in dev 1 pop=abcd1234 listen=192.168.4.1:80 join="$TOP/tests/radio/join.sh"
softap --ssid HomeNet --passphrase-file "$T/wrong-pass" --json
expect "SoftAP: wrong passphrase, found out by the access point" 4 '"result":"passphrase-wrong"'
softap --ssid HomeNest --passphrase-file "$T/home-pass" --json
expect "SoftAP: no such network" 4 '"result":"network-not-found"'
softap --ssid HomeNet --passphrase-file "$T/home-pass" --json
expect "SoftAP: provisioned, the device joined the WPA2 network" 0 '"result":"connected","ssid":"HomeNet","ip4":"10.7.0.2"'
check "the device reaches the network's other end" ip netns exec dev busybox ping -c 1 -W 2 10.7.0.1
check "the access point sees the device" sh -c "ip netns exec home iw dev wlan3 station dump | grep -q Station"
stop "$device"

device 2 password=abcd1234 ble=hci0 join="$TOP/tests/radio/join.sh"
wait "$nobody"
status=$?
cp "$T/nobody" "$T/stdout"
: >"$T/stderr"
expect "nobody of that name: said in time" 3 "NOBODY is not in the air"
ble --password-file "$T/pop" --ssid HomeNet --passphrase-file "$T/home-pass" --json
expect "BLE: provisioned, the device joined the WPA2 network" 0 '"result":"connected","ssid":"HomeNet","ip4":"10.7.0.2"'
stop "$device"
stop "$btvirt"
[ "$TAP_BAD" -eq 0 ] || sed 's/^/# device: /' "$log" "$T/dev.log" "$T/home.log"
finish
