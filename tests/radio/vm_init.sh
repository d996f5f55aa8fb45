#!/bin/busybox sh
# shellcheck shell=dash
# The guest's first process: modules, the host's root over 9p under a tmpfs, the job's folder as /mnt, then
# the job. Its output and status are files of that folder.
bb=/bin/busybox
$bb mount -t proc proc /proc
$bb mount -t sysfs sys /sys
$bb mount -t devtmpfs dev /dev
while read -r m; do $bb insmod "/m/$m" || echo "radio: insmod $m failed"; done </m/order
for word in $($bb cat /proc/cmdline); do
        case $word in radio.modules=*) modules=${word#*=} ;; esac
done
nine=trans=virtio,version=9p2000.L,msize=524288
$bb mount -t 9p -o "ro,$nine,cache=loose" root /ro || $bb poweroff -f
$bb mount -t tmpfs tmpfs /rw
$bb mkdir /rw/upper /rw/work
$bb mount -t overlay -o lowerdir=/ro,upperdir=/rw/upper,workdir=/rw/work root /new || $bb poweroff -f
cd /new || $bb poweroff -f
for d in proc sys dev; do $bb mount -o move "/$d" "/new/$d"; done
$bb mkdir -p dev/pts dev/shm run tmp mnt lib/modules
$bb mount -t devpts -o mode=620,ptmxmode=666 devpts dev/pts
$bb mount -t tmpfs tmpfs dev/shm
$bb mount -t tmpfs -o mode=755 tmpfs run
$bb mount -t tmpfs -o mode=1777 tmpfs tmp
$bb ln -sf /proc/self/fd dev/fd
$bb ln -sf fd/0 dev/stdin
$bb ln -sf fd/1 dev/stdout
$bb ln -sf fd/2 dev/stderr
$bb mount -t 9p -o "$nine,cache=none,access=any" job mnt || $bb poweroff -f
version=$($bb uname -r)
$bb mkdir -p "lib/modules/$version"
$bb mount -o bind "/ro$modules/$version" "lib/modules/$version"
$bb cat >run/radio-start <<'START'
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM=dumb
mkdir -p /run/lock /run/dbus
ip link set lo up
cd /mnt
setsid -w bash /mnt/job >/mnt/stdout 2>/mnt/stderr </dev/null
echo $? >/mnt/status
sync
echo o >/proc/sysrq-trigger
sleep 60
START
exec $bb switch_root /new /bin/bash /run/radio-start
