# shellcheck shell=bash
# Inside the machine of vm_run.sh: provcli against the outlet on the virtual board, over real Bluetooth and Wi-Fi stacks, until
# the outlet is in the WPA2 network. Over Bluetooth (ble.sh) and over its SoftAP (softap.sh) at the same time, for most of
# either is waiting: each with an outlet, radios and a TAP of its own, ble.tap and softap.tap here.
export AIR=/run/air
mkdir "$AIR"

# INTERFACE NETWORK FOLDER: a server of addresses, the first of which is its own
dhcp() {
        printf 'interface %s\nstart %s.20\nend %s.30\noption subnet 255.255.255.0\nlease_file %s\npidfile %s\n' "$1" "$2" "$2" \
                "$3/$1.leases" "$3/$1.pid" >"$3/$1.udhcpd"
        : >"$3/$1.leases"
        ip addr add "$2.1/24" dev "$1"
        busybox udhcpd -f -a 50 "$3/$1.udhcpd" >"$3/$1.dhcp" 2>&1 &
}
export -f dhcp
# NAME COMMAND...: one that hangs ends in time for the others to be heard
part() {
        local name=$1
        shift
        timeout 400 "$@" bash "tests/radio/$name.sh" >"$name.tap" 2>"$name.err" &
}

# All modules that either part, or the kernel for it, may ask for; with what btvirt has the kernel encrypt with: a controller
# that waits for modules answers too late. Then the kernel asks for none any more, in vain and for 0.2 s each time.
modprobe mac80211_hwsim radios=5
modprobe -a hci_vhci algif_hash algif_skcipher ecb cmac ccm ctr af_packet
echo >/proc/sys/kernel/modprobe

# Its first controllers and device need no network yet.
part ble
ble=$!

# Wi-Fi: the network that the outlets shall join, wlan3; one outlet's SoftAP, wlan0, and station, wlan2; this computer, wlan1.
# Each of these in a namespace of its own, for all are in one network. The other outlet's station, wlan4, stays here, as does
# Bluetooth, which knows no namespaces.
printf 'netns add %s\n' home outlet lab | ip -batch -
for move in 3:home 0:outlet 2:outlet 1:lab; do
        iw phy "phy${move%:*}" set netns name "${move#*:}"
done
printf 'interface=wlan3\ndriver=nl80211\nssid=HomeNet\nhw_mode=g\nchannel=6\nwpa=2\nwpa_key_mgmt=WPA-PSK\nrsn_pairwise=CCMP\nwpa_passphrase=homepass99\nwpa_pairwise_update_count=2\n' >"$AIR/home.conf"
ip netns exec home bash -c 'ip link set lo up; hostapd -t -B -f "$AIR/home.log" "$AIR/home.conf" >"$AIR/home.out.log" 2>&1; dhcp wlan3 10.7.0 "$AIR"'
: >"$AIR/up"

part softap ip netns exec outlet
softap=$!
rc=0
wait "$ble" || rc=1
wait "$softap" || rc=1
exit "$rc"
