#!/usr/bin/env bash
# provcli and the outlet over real Bluetooth and Wi-Fi stacks, in a virtual machine (tests/radio); `make check-radio` installs
# what it needs. The machine is kept in build-radio, or FCTRY_RADIO_CACHE.
. tests/lib.sh

if [ -n "${SAN:-}" ]; then
        skip "provisioning over radio" "the plain build runs it; with sanitizers the emulated machine is too slow"
        finish
        exit
fi
for c in qemu-system-x86_64 busybox cpio modprobe xz apt-get dpkg btvirt hciconfig hostapd wpa_supplicant iw ip; do
        PATH=$PATH:/usr/sbin:/sbin command -v "$c" >/dev/null && continue
        skip "provisioning over radio" "$c is not installed (make check-radio)"
        finish
        exit
done
cache=${FCTRY_RADIO_CACHE:-$TOP/build-radio}
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
if ! reason=$(PATH=$PATH:/usr/sbin:/sbin bash tests/radio/vm_make.sh "$cache"); then
        skip "provisioning over radio" "no kernel for the machine: $reason"
        finish
        exit
fi
flock -u 9

# the guest's /tmp is its own: everything it runs is in the job's folder
job=$T/job
mkdir -p "$job/bin" "$job/tests"
cp "$BIN/provcli" "$BIN/vboard" "$O/tests/provdev" "$job/bin/"
cp -r tests/lib.sh tests/radio "$job/tests/"

# flash NAME ROW...: the flash of an outlet with these rows of factory data, as the line leaves it
printf 'abcd1234\n' >"$T/password"
flash() {
        local name=$1
        shift
        printf '%s\n' key,type,encoding,value mfg_ns,namespace,, serial_no,data,string,SO-000001 \
                service_name,data,string,PROV_1234 "$@" >"$T/$name.csv"
        nvsgen --quiet generate "$T/$name.csv" "$T/$name.fctry" 0x6000 >"$T/$name.log" 2>&1 &&
                flasher merge-bin --chip esp32c3 --fill-flash-size 4MB --output "$job/$name.bin" \
                        0x0 "$O/firmware/bootloader.bin" 0x8000 "$O/firmware/partition-table.bin" \
                        0xf000 "$O/firmware/ota_data_initial.bin" 0x20000 "$O/firmware/outlet.bin" \
                        0x340000 "$T/$name.fctry" >>"$T/$name.log" 2>&1 || fail "the outlet's flash: $name" "$(cat "$T/$name.log")"
}
mapfile -t verifier < <(provcli gen-cred --password-file "$T/password" | tail -n 2)
flash ble1 pop,data,string,abcd1234 prov_transport,data,string,ble
flash ble2 "${verifier[@]}" prov_transport,data,string,ble
flash softap1 pop,data,string,abcd1234 prov_transport,data,string,softap service_key,data,string,softap-key
flash open pop,data,string,abcd1234 prov_transport,data,string,softap
echo 'BIN=/mnt/bin exec bash tests/radio/guest.sh' >"$job/job"
bash tests/radio/vm_run.sh "$cache" "$job" "${FCTRY_RADIO_SECONDS:-500}"
rc=$?
[ "$rc" -lt 124 ] || fail "the machine runs to its end" "status $rc" "$(tail -n 20 "$job/stderr" "$job/console" "$job/qemu" 2>&1)"

# part NAME: what it said, also if the machine did not come to its end, in one numbering with the others
part() {
        local line planned=0 before=$TAP_N
        touch "$job/$1.tap"
        while IFS= read -r line; do
                case $line in
                'ok '[0-9]* | 'not ok '[0-9]*)
                        TAP_N=$((TAP_N + 1))
                        [ "${line%%ok *}" = '' ] || TAP_BAD=$((TAP_BAD + 1))
                        echo "${line%%ok *}ok $TAP_N ${line#*ok * }"
                        ;;
                1..*) planned=${line#1..} ;;
                *) echo "$line" ;;
                esac
        done <"$job/$1.tap"
        [ "$planned" -gt 0 ] && [ "$planned" -eq $((TAP_N - before)) ] && return
        fail "$1 runs to its end" "$(tail -n 20 "$job/$1.err" 2>&1)"
}
part ble
part softap
[ "$rc" -eq 0 ] || [ "$TAP_BAD" -gt 0 ] || fail "no part fails" "status $rc" "$(tail -n 20 "$job/stderr")"
finish
