#!/bin/sh
# QEMU 7.2.22 (Debian) with linux-image 6.12.117-1~deb12u1: `virtio_iommu_unmap_done` is traced for each mapping, not for each request.
#
# Behaviour: the guest's kernel maps a read of scattered pages by one MAP request for each piece, and unmaps its range by one UNMAP request.
# QEMU traces one virtio_iommu_unmap for it, and one virtio_iommu_unmap_done for each piece, in an order that is not that of their addresses.
# Input: one read of 64 KiB by direct I/O, behind a virtio-iommu.
# Output: one request, pieces: 14, the first inside it (the number of pieces depends on which pages lie side by side)
#
# Fails if there are as many of the one as of the other.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
cd "$folder"
. "$here/boot.sh"
unpack_qemu
unpack busybox-static=1:1.35.0-4+deb12u1+b1 linux-image-6.12.117+deb12-amd64-unsigned=6.12.117-1~deb12u1
initramfs <<'END'
insmod /modules/virtio-iommu.ko
load_modules
for second in 1 2 3 4 5 6 7 8 9 10; do [ -b /dev/nvme0n1 ] || sleep 1; done
dd if=/dev/nvme0n1 of=/dev/null bs=65536 count=1 iflag=direct
echo "$(basename "$(dirname "$(grep -l 0x010802 /sys/bus/pci/devices/*/class)")")" >/sys/bus/pci/drivers/nvme/unbind
END
# shellcheck disable=SC2046 # The words of a disk are arguments of their own.
boot '' -device virtio-iommu-pci -trace 'virtio_iommu_*map*' -D requests.txt $(disk pcie.0)
# Of the requests of 64 KiB the one with most pieces: the read's.
found=$(awk '
  /virtio_iommu_unmap / { wide = $3 ~ /0000$/ && $4 ~ /ffff$/; done = 0; begin = $3 }
  wide && /virtio_iommu_unmap_done/ {
    if (done++ == 0) first = $3
    if (done > most) { most = done; place = substr(first, 12) == substr(begin, 12) ? "at its begin" : "inside it" }
  }
  END { print "one request, pieces: " most + 0 ", the first " place }
' requests.txt)
echo "$found"
case $found in *"pieces: "[01]", "*) exit 1 ;; esac
