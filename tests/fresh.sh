#!/usr/bin/env bash
# make check-fresh: the README's two commands on an empty Debian 12, in a folder made by debootstrap. As
# root, as a user with sudo, and without sudo (where one line must say what to install); then
# make deb there, and its package in another empty system.
#   FRESH_DIR     where the systems go (default: a temporary folder; about 3 GB)
#   FRESH_ONLY    root, user, nosudo, deb: only these (default: all)
#   FRESH_MIRROR  Debian mirror, as debootstrap takes it
set -u
cd "$(dirname "$0")/.." || exit 5
if [ "$(id -u)" -ne 0 ]; then
        echo "check-fresh needs root: it makes systems in folders and changes into them (sudo make check-fresh)" >&2
        exit 5
fi
for tool in debootstrap unshare chroot; do
        command -v $tool >/dev/null || { echo "check-fresh needs $tool: apt-get install -y debootstrap util-linux" >&2; exit 5; }
done
work=${FRESH_DIR:-$(mktemp -d "${TMPDIR:-/tmp}/fctry-fresh.XXXXXX")}
only=${FRESH_ONLY:-root user nosudo deb}
mkdir -p "$work"
[ -n "${FRESH_DIR:-}" ] || trap 'rm -rf --one-file-system "$work"' EXIT
bad=0

# inside SYSTEM USER COMMAND: in a namespace of its own, so that nothing stays mounted or running
inside() {
        local root=$work/$1 user=$2
        shift 2
        unshare --mount --pid --fork --kill-child bash -c '
                root=$1 user=$2; shift 2
                mount -t proc proc "$root/proc"
                mount --bind /dev "$root/dev" && mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
                mount --bind /dev/pts "$root/dev/pts"
                exec chroot "$root" /usr/bin/env -i HOME="$([ "$user" = root ] && echo /root || echo "/home/$user")" \
                        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb LANG=C.UTF-8 \
                        setpriv --reuid "$user" --regid "$user" --init-groups bash -c "$*"
        ' _ "$root" "$user" "$@"
}

# A system with what cloning needs: git and make.
base() {
        [ -e "$work/base/.done" ] && return 0
        # shellcheck disable=SC2086
        debootstrap --variant=minbase --include=ca-certificates,git,make,sudo bookworm "$work/base" ${FRESH_MIRROR:-} >"$work/base.log" 2>&1 ||
                { tail -n 5 "$work/base.log" >&2; return 1; }
        # the host's ways to its mirror
        cp -a /etc/apt/apt.conf.d/. "$work/base/etc/apt/apt.conf.d/" 2>/dev/null
        cp /etc/resolv.conf /etc/hosts "$work/base/etc/" 2>/dev/null
        chroot "$work/base" useradd -m -s /bin/bash engineer
        : >"$work/base/.done"
}

# fresh NAME USER: a copy of it with a clean clone in USER's home
fresh() {
        local home
        [ "$2" = root ] && home=/root || home=/home/$2
        rm -rf --one-file-system "${work:?}/$1"
        cp -a "$work/base" "$work/$1"
        # sudo without a password, but for the one who must do without
        [ "$1" = nosudo ] || echo 'engineer ALL=(ALL) NOPASSWD: ALL' >"$work/$1/etc/sudoers.d/engineer"
        git -c advice.detachedHead=false clone -q . "$work/$1$home/fctry-tools"
        chroot "$work/$1" chown -R "$2:$2" "$home/fctry-tools"
}

verdict() { # verdict NAME STATUS
        if [ "$2" -eq 0 ]; then echo "ok   $1"; else
                bad=$((bad + 1))
                # the next step has a log of its own
                cp "$work/log" "$work/failed-$bad.log"
                echo "FAIL $1 (status $2); from $work/failed-$bad.log:"
                grep '^  FAILED' "$work/log" | sort -u | sed 's/^/  | /'
                tail -n 25 "$work/log" | sed 's/^/  | /'
        fi
}

both() { # both NAME USER: demo, then check
        fresh "$1" "$2"
        inside "$1" "$2" 'cd ~/fctry-tools && make demo' >"$work/log" 2>&1 </dev/null
        verdict "$1: make demo" $?
        inside "$1" "$2" 'cd ~/fctry-tools && make check' >"$work/log" 2>&1 </dev/null
        status=$?
        verdict "$1: make check: $(grep -E '^[0-9]+ passed' "$work/log" | tail -n 1)" $status
}

base || exit 5
for one in $only; do
        case $one in
        root) both root root ;;
        user) both user engineer ;;
        nosudo)
                fresh nosudo engineer
                inside nosudo engineer 'cd ~/fctry-tools && make demo' >"$work/log" 2>&1 </dev/null
                [ $? -ne 0 ] && [ "$(grep -c 'apt-get install -y' "$work/log")" -eq 1 ]
                verdict "without sudo: one line says what to install" $? ;;
        deb)
                fresh deb root
                inside deb root 'cd ~/fctry-tools && make deps && apt-get install -y -qq --no-install-recommends debhelper dpkg-dev lintian fakeroot >/dev/null && make deb' >"$work/log" 2>&1 </dev/null
                verdict "make deb, and lintian has nothing to say" $?
                rm -rf --one-file-system "${work:?}/clean"
                cp -a "$work/base" "$work/clean"
                find "$work/deb" -path "*/dist/fctry-tools_*.deb" -exec cp {} "$work/clean/tmp/" \;
                inside clean root 'apt-get update -qq; apt-get install -y -qq --no-install-recommends /tmp/fctry-tools_*.deb >/dev/null &&
                        for t in nvsgen partgen certgen flasher provcli vboard; do $t --version || exit 1; done && cd /tmp && certgen ca --cn Acme --no-passphrase ca' >"$work/log" 2>&1 </dev/null
                verdict "the package installs and runs in an empty system" $? ;;
        *) echo "FRESH_ONLY: root, user, nosudo, deb" >&2; exit 2 ;;
        esac
done
if [ "$bad" -eq 0 ]; then echo "check-fresh: good"; else echo "check-fresh: $bad failed"; exit 1; fi
