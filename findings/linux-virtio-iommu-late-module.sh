#!/bin/sh
# linux-image 6.18.15-1~bpo13+1 and 6.12.117-1~deb12u1 (Debian) in QEMU 7.2.22: what a disk gets whose driver is loaded before the module of
# virtio-iommu.
#
# Behaviour: the driver of virtio-iommu is a module. On 6.18.15 the disk's driver waits ten seconds for it (the log says "deferred probe timeout,
# ignoring dependency" then), and the disk works without an IOMMU; when the module is loaded after that, all other devices get groups, and the
# disk stays without one. On 6.12.117 the log has no such line, and the disk gets a domain of type DMA-FQ while its driver is bound.
# Input: one disk, one virtio-iommu; the modules in both orders.
# Output: first: no timeout, DMA-FQ; late: 6.12.117: no timeout, DMA-FQ; 6.18.15: timeout, none
#
# Fails if the line in the log or the types change.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
cd "$folder"
. "$here/boot.sh"
unpack_qemu

# What the disk of a kernel gets; the module is loaded first or late.
found() {
  find root -name 'vmlinuz*' -delete
  rm -rf root/lib/modules root/usr/lib/modules
  unpack busybox-static=1:1.35.0-4+deb12u1+b1 "$2"
  {
    [ "$1" = late ] && echo 'mv /modules/virtio-iommu.ko /' || echo 'insmod /modules/virtio-iommu.ko'
    cat <<'END'
load_modules
for second in $(seq 40); do [ -b /dev/nvme0n1 ] || sleep 1; done
dmesg | grep -q 'nvme.*deferred probe timeout' && when=timeout || when='no timeout'
[ -e /virtio-iommu.ko ] && insmod /virtio-iommu.ko && sleep 2
device=$(dirname "$(grep -l 0x010802 /sys/bus/pci/devices/*/class)")
echo "found: $when, $(cat "$device/iommu_group/type" 2>/dev/null || echo none)"
basename "$device" >/sys/bus/pci/drivers/nvme/unbind
END
  } | initramfs
  # shellcheck disable=SC2046 # The words of a disk are arguments of their own.
  boot '' -device virtio-iommu-pci $(disk pcie.0)
  sed -n 's/^found: //p' console.txt
}
first=$(found first linux-image-6.12.117+deb12-amd64-unsigned=6.12.117-1~deb12u1)
old=$(found late linux-image-6.12.117+deb12-amd64-unsigned=6.12.117-1~deb12u1)
new=$(found late linux-image-6.18.15+deb13-amd64=6.18.15-1~bpo13+1)
echo "first: $first; late: 6.12.117: $old; 6.18.15: $new"
[ "$first; $old; $new" = "no timeout, DMA-FQ; no timeout, DMA-FQ; timeout, none" ]
