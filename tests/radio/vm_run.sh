#!/usr/bin/env bash
# vm_run.sh FOLDER JOBDIR SECONDS: run JOBDIR/job as root in a throw-away machine made by vm_make.sh. / is the
# host's, read-only with a tmpfs on top; /mnt is JOBDIR, where stdout, stderr, status and console are left.
# Exit status: the job's; 124 the time is up; 125 the machine ended without a status.
set -u
folder=$(cd "$1" && pwd) job=$(cd "$2" && pwd) seconds=$3
rm -f "$job/status"

# /dev/kvm alone is no proof: some hosts offer one whose guests are far slower than plain emulation;
# their processors show neither vmx nor svm.
if [ -w /dev/kvm ] && grep -qwE 'vmx|svm' /proc/cpuinfo; then
        accel='-accel kvm -cpu host' clock=tsc=reliable
else
        # without AVX: the C library's AVX2 functions make the start of a process twice as long in emulation;
        # without ERMS: the kernel copies and clears by rep movsb and stosb, which are emulated byte by byte
        accel='-accel tcg,thread=multi -cpu max,-avx,-avx2,-erms,-fsrm'
        # The guest measures its TSC as it starts; on a busy host it was seen wrong by a quarter, and once twelve times, and then
        # so was every time-out. The HPET's rate is a given, for a twentieth more work.
        clock='clocksource=hpet tsc=nowatchdog'
fi
# What hardens a kernel, or tests its ciphers, costs an emulated processor most, and guards nothing here. norandmaps: what was
# translated for one process is found again by its address, and serves the next; that is a third of all work.
lean="lsm=capability cgroup_disable=memory norandmaps mitigations=off nokaslr init_on_alloc=0 hardened_usercopy=off audit=0 nowatchdog cryptomgr.notests $clock rcupdate.rcu_expedited=1"
# shellcheck disable=SC2086
timeout --foreground -k 5 "$seconds" qemu-system-x86_64 -M q35,usb=off,vmport=off $accel -m 512 -smp 1 \
        -nodefaults -no-user-config -display none -no-reboot -nic none \
        -kernel "$folder/vmlinux" -initrd "$folder/initrd" \
        -append "console=ttyS0 quiet panic=-1 $lean random.trust_cpu=on net.ifnames=0 radio.modules=$folder/modules" \
        -chardev file,id=con,path="$job/console" -serial chardev:con \
        -fsdev local,id=r,path=/,security_model=none,readonly=on,multidevs=remap \
        -device virtio-9p-pci,fsdev=r,mount_tag=root \
        -fsdev local,id=s,path="$job",security_model=none,multidevs=remap \
        -device virtio-9p-pci,fsdev=s,mount_tag=job \
        -device virtio-rng-pci >"$job/qemu" 2>&1 </dev/null
rc=$?
if [ -s "$job/status" ]; then
        read -r rc <"$job/status"
        exit "$rc"
fi
[ "$rc" -eq 124 ] && exit 124
exit 125
