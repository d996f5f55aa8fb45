# shellcheck shell=bash
# provcli and the outlet over Bluetooth, until the outlet's station, wlan4, is in the WPA2 network. TAP.
. tests/radio/part.sh

# what is provisioned is always on hci0, provcli on hci1: the kernel never connects a controller to itself
ble() { P ble --adapter hci1 --service PROV_1234 "$@"; }

btvirt=
# The kernel lists a controller once its setup is through; on a busy machine the emulated one may answer too
# late for that, and is plugged in again.
ready() { [ "$(timeout 3 btmgmt info <&8 | grep -c '^hci[012]:')" -eq "$1" ]; }
controllers() { # COUNT, OPTIONS of btvirt: so many controllers in one air
        local count=$1
        shift
        for _ in 1 2 3; do
                stop "$btvirt"
                until_ok 5 test ! -e /sys/class/bluetooth/hci0
                btvirt "$@" "-l$count" >"$T/btvirt.log" 2>&1 &
                btvirt=$!
                until_ok 10 test -e "/sys/class/bluetooth/hci$((count - 1))" && until_ok 10 ready "$count" && return
        done
        fail "btvirt makes $count controllers" "$(cat "$T/btvirt.log")" "$(dmesg | tail -n 5)"
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

controllers 3 -L
# nobody of that name: meanwhile, with the third
timeout 60 provcli ble --adapter hci2 --service NOBODY --ssid a --open >"$T/nobody" 2>&1 &
nobody=$!
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
air
station wlan4
export BOARD_WIFI=wpa:wlan4 BOARD_BLE=hci0
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

wait "$nobody"
status=$?
cp "$T/nobody" "$T/stdout"
: >"$T/stderr"
expect "nobody of that name: said in time" 3 "NOBODY is not in the air"

controllers 2
# its first message has 406 bytes, more than the MTU: prepared and executed
outlet ble2
ble --password-file "$T/wrong-pop" --ssid HomeNet --passphrase-file "$T/home-pass"
expect "outlet, dual-mode controllers, security 2: wrong password" 4 "user name or password"
ble --password-file "$T/pop" --ssid HomeNet --passphrase-file "$T/home-pass"
expect "outlet, dual-mode controllers, security 2: provisioned" 0 "^connected to HomeNet, address 10.7.0.2"
joined "BLE, dual-mode controllers"
no_outlet
note "dual mode"

bluetoothd_has() { [[ $(dbus-send --system --print-reply --dest=org.bluez / org.freedesktop.DBus.ObjectManager.GetManagedObjects) == *"/org/bluez/$1"* ]]; }
if command -v dbus-daemon >/dev/null && [ -x /usr/libexec/bluetooth/bluetoothd ]; then
        mkdir -p /run/dbus
        dbus-daemon --system --fork --nopidfile
        /usr/libexec/bluetooth/bluetoothd -n >"$T/bluetoothd.log" 2>&1 &
        daemon=$!
        until_ok 20 bluetoothd_has hci0 && until_ok 20 bluetoothd_has hci1 || fail "bluetoothd takes the controllers"
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

stop "$btvirt"
note "end"
finish
