#!/usr/bin/env bash
# vm_make.sh FOLDER: what a virtual machine with Bluetooth and Wi-Fi needs, from Debian packages only: a
# kernel with hci_vhci and mac80211_hwsim (the cloud flavour has neither), its modules, and an initramfs
# that makes the host's own / the guest's root: read-only over 9p, with a tmpfs on top. Nothing is
# installed. Prints why when it cannot, and exits 1.
set -eu
folder=$1
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
[ -e "$folder/ready" ] && exit 0
scratch=$(mktemp -d "$folder/make.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

package=$(apt-cache depends linux-image-amd64 2>/dev/null | awk '/Depends:/ { print $2; exit }')
[ -n "$package" ] || { echo "apt knows no linux-image-amd64"; exit 1; }
(cd "$scratch" && apt-get download "$package" >/dev/null 2>&1) || { echo "apt cannot download $package"; exit 1; }
dpkg -x "$scratch/$package"_*.deb "$scratch/kernel"
version=$(basename "$scratch"/kernel/boot/vmlinuz-*)
version=${version#vmlinuz-}

# of the modules only what the guest may load: 20 MB instead of 400
modules=$scratch/kernel/lib/modules/$version
depmod -b "$scratch/kernel" "$version"
needs() {
        for m in "$@"; do
                modprobe -d "$scratch/kernel" -S "$version" --show-depends "$m" | awk '$1 == "insmod" { print $2 }'
        done | awk '!seen[$0]++'
}
needs virtio_pci 9pnet_virtio 9p overlay >"$scratch/boot"
needs hci_vhci mac80211_hwsim ccm ctr cmac ecb ecdh_generic algif_hash algif_skcipher veth bridge af_packet >"$scratch/later" 2>/dev/null || :
mkdir -p "$scratch/keep"
for list in boot later; do
        while read -r file; do
                to=$scratch/keep/${file#"$modules"/}
                mkdir -p "$(dirname "$to")"
                cp "$file" "$to"
        done <"$scratch/$list"
done
# without signatures, which an emulated processor reads for long
find "$scratch/keep" -name '*.ko' -exec strip --strip-debug {} +
cp "$modules"/modules.builtin* "$modules"/modules.order "$scratch/keep/"
rm -rf "$modules"
mv "$scratch/keep" "$modules"
depmod -b "$scratch/kernel" "$version"

# The kernel unpacked: QEMU starts the ELF file through PVH, which spares the emulated processor the
# unpacking (8 s under TCG).
image=$scratch/kernel/boot/vmlinuz-$version
at=$(LC_ALL=C grep -obUaP '\xfd7zXZ\x00' "$image" | head -n 1 | cut -d: -f1)
[ -n "$at" ] || { echo "$package: its kernel is not packed with xz"; exit 1; }
tail -c "+$((at + 1))" "$image" | xz -dc --single-stream >"$scratch/vmlinux" 2>/dev/null || :
[ "$(head -c 4 "$scratch/vmlinux" | tail -c 3)" = ELF ] || { echo "$package: no ELF kernel found in it"; exit 1; }

root=$scratch/root
mkdir -p "$root"/bin "$root"/dev "$root"/proc "$root"/sys "$root"/ro "$root"/rw "$root"/new "$root"/m
cp "$(command -v busybox)" "$root/bin/busybox"
while read -r file; do
        cp "$modules/${file#"$modules"/}" "$root/m/"
        basename "$file" >>"$root/m/order"
done <"$scratch/boot"
cp "$(dirname "$0")/vm_init.sh" "$root/init"
chmod 755 "$root/init"
(cd "$root" && find . | cpio -o -H newc --quiet) >"$scratch/initrd"

rm -rf "$folder/modules"
mkdir "$folder/modules"
mv "$modules" "$folder/modules/$version"
mv "$scratch/vmlinux" "$scratch/initrd" "$folder/"
touch "$folder/ready"
