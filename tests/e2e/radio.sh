#!/usr/bin/env bash
# provcli over real Bluetooth and Wi-Fi stacks, in a virtual machine (tests/radio); `make check-radio` installs
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
cp "$BIN/provcli" "$O/tests/provdev" "$job/bin/"
cp -r tests/lib.sh tests/radio "$job/tests/"
echo 'BIN=/mnt/bin exec bash tests/radio/guest.sh' >"$job/job"
bash tests/radio/vm_run.sh "$cache" "$job" "${FCTRY_RADIO_SECONDS:-240}"
rc=$?
[ "$rc" -lt 124 ] || fail "the machine runs to its end" "status $rc" "$(tail -n 20 "$job/stderr" "$job/console" "$job/qemu" 2>&1)"
[ ! -s "$job/stdout" ] || cat "$job/stdout"
[ "$rc" -lt 124 ] || finish
exit "$rc"
