#!/bin/sh
# QEMU 7.2.22 (Debian bookworm) with linux-image 6.12.117-1~deb12u1: a disk on a bus with `bypass_iommu=on` gets no interrupt
# while the VT-d beside it remaps interrupts.
#
# Behaviour: an NVMe controller on a `pxb-pcie` with `bypass_iommu=on` is left out of VT-d's tables in the firmware, and Linux gives it no
# IOMMU group. With `intremap=on`, Linux leaves its interrupts as they are, and none arrives: each admin command ends when the driver polls
# for it after a timeout. With `intremap=off` the same disk works at once.
# Input: one disk on such a bus, with both values of `intremap`.
# Output: intremap=on: a timeout, no group; intremap=off: nvme0n1, no group
#
# Fails if interrupts arrive with `intremap=on`, if none arrive without, or if the disk has a group.
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
# Without interrupts, loading the driver waits for one timeout after the other, and so does powering off.
load_modules &
for second in $(seq 120); do
  [ -e /dev/nvme0n1 ] && break
  dmesg | grep -q 'nvme.*timeout' && break
  sleep 1
done
if dmesg | grep -q 'nvme.*timeout'; then echo "found: a timeout"
elif [ -e /dev/nvme0n1 ]; then echo "found: nvme0n1"
fi
for disk in /sys/bus/pci/drivers/nvme/0000:*; do
  if [ -e "$disk/iommu_group" ]; then echo "found: a group"; else echo "found: no group"; fi
done
echo b >/proc/sysrq-trigger
END

found() {
  # shellcheck disable=SC2046 # The words of a disk are arguments of their own.
  boot 'intel_iommu=on' -device "intel-iommu,intremap=$1" \
    -device pxb-pcie,id=left,bus_nr=128,bus=pcie.0,bypass_iommu=on \
    -device pcie-root-port,id=rp,bus=left,chassis=1,slot=1 $(disk rp)
  sed -n 's/^found: //p' console.txt | paste -sd, | sed 's/,/, /g'
}
on=$(found on)
off=$(found off)
echo "intremap=on: $on; intremap=off: $off"
[ "$on; $off" = "a timeout, no group; nvme0n1, no group" ]
