#!/bin/sh
# linux-image 6.12.117-1~deb12u1 (Debian) in QEMU 7.2.22: the log says "lazy mode" where no domain is lazy.
#
# Behaviour: with `iommu.strict=0` the kernel logs that the TLB is invalidated in lazy mode, and gives each group a domain of type
# DMA-FQ. Behind an IOMMU that caches absent entries (VT-d with caching mode, QEMU's AMD IOMMU) the log is the same, and the
# type is DMA: strict. Only `type` in sysfs says which one is in use.
# Input: one disk; a VT-d, a VT-d with caching mode, an AMD IOMMU.
# Output: VT-d: lazy mode, DMA-FQ; with caching mode: lazy mode, DMA; AMD: lazy mode, DMA
#
# Fails if the log or the type changes.
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
load_modules
sleep 1
dmesg | grep -o 'invalidation policy: [a-z]* mode'
device=$(grep -l 0x010802 /sys/bus/pci/devices/*/class)
echo "type: $(cat "${device%class}iommu_group/type")"
END

found() {
  boot "$@"
  echo "$(sed -n 's/.*invalidation policy: //p' console.txt | head -n 1), $(sed -n 's/^type: //p' console.txt)"
}
# shellcheck disable=SC2046 # The words of a disk are arguments of their own.
{
  plain=$(found 'intel_iommu=on iommu.strict=0' -device intel-iommu,intremap=on $(disk pcie.0))
  caching=$(found 'intel_iommu=on iommu.strict=0' -device intel-iommu,intremap=on,caching-mode=on $(disk pcie.0))
  amd=$(found 'iommu.strict=0' -device amd-iommu,intremap=on $(disk pcie.0))
}
echo "VT-d: $plain; with caching mode: $caching; AMD: $amd"
[ "$plain; $caching; $amd" = "lazy mode, DMA-FQ; lazy mode, DMA; lazy mode, DMA" ]
