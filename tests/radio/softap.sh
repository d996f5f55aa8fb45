# shellcheck shell=bash
# provcli and the outlet over a real SoftAP, until the outlet is in the WPA2 network. TAP. Runs in the outlet's own
# network namespace: its station is wlan2, its SoftAP wlan0; this computer, wlan1, is in the namespace lab.
. tests/radio/part.sh

# for the outlet: hostapd with interface and channel
# two repetitions less in a handshake that fails: two seconds less
ip link set lo up
mkdir -p /run/hostapd
printf 'interface=wlan0\ndriver=nl80211\nctrl_interface=/run/hostapd\nssid=not-yet\nhw_mode=g\nchannel=1\nwpa_pairwise_update_count=2\n' >"$T/dev.conf"
hostapd -t -B -f "$T/dev.log" "$T/dev.conf" >"$T/dev.out" 2>&1 || fail "hostapd: the outlet's" "$(cat "$T/dev.out" "$T/dev.log")"
dhcp wlan0 192.168.4 "$T"
station wlan2
export BOARD_WIFI=wpa:wlan2,wlan0

# --- SoftAP: this computer is in HomeNet, joins the outlet's network, and is back in HomeNet afterwards ---

printf 'ctrl_interface=/run/wpa_supplicant\np2p_disabled=1\nfreq_list=2412 2437\nnetwork={\n ssid="HomeNet"\n psk="homepass99"\n}\n' >"$T/lab.conf"
lab() {
        ip link set lo up
        wpa_supplicant -t -B -i wlan1 -D nl80211 -c "$T/lab.conf" -f "$T/lab.log" >/dev/null
        wpa_cli -p /run/wpa_supplicant -i wlan1 scan_interval 1 >/dev/null # not every 5 s only
        dhcp_client wlan1
}
export T
export -f lab dhcp_client pause
ip netns exec lab bash -c lab &
# its log first: that starts no process
lab_joined() { # ADDRESS of the access point
        local text=
        IFS= read -rd '' text 2>/dev/null <"$T/lab.log"
        [ ${#text} -le 4000 ] || text=${text: -4000} # what stands before is long past, and slow to look through
        [[ ${text##*CTRL-EVENT-DISCONNECTED} == *"CTRL-EVENT-CONNECTED - Connection to $1 "* ]]
}
lab_in() { wpa_cli -p /run/wpa_supplicant -i wlan1 status | grep -q "^ssid=$1"; }
in_home() { lab_in HomeNet && nsenter --net=/run/netns/lab iw dev wlan1 link | grep -q 'SSID: HomeNet'; }
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
note "end"
finish
