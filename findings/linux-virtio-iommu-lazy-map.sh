#!/bin/sh
# linux-image 6.12.117-1~deb12u1 (Debian) in QEMU 7.2.22: behind a virtio-iommu, lazy mode ends with the next mapping.
#
# Behaviour: in lazy mode an unmapped range stays usable by the device until the kernel flushes, with VT-d up to ten milliseconds. The driver of
# virtio-iommu queues a request to unmap and does not wait for it. But a mapping waits for all requests of the queue, in their order: the
# device has handled the unmap before it handles the next map, and no flush was needed. So the log of the IOMMU has far more unmaps directly
# before a map than the kernel has flushes.
# Input: 64 reads of 4 KiB of one disk with `iommu.strict=0`; QEMU's trace of maps and unmaps, and a probe of the driver's flush.
# Output: type DMA-FQ; unmaps directly before a map: 77; flushes: 8 (the numbers vary)
#
# Fails if the group is not lazy, or if there are not at least three times as many such unmaps as flushes.
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
echo 'p:lab/flush viommu_flush_iotlb_all' >dynamic_events
echo 1 >events/lab/enable
load_modules
for second in $(seq 30); do [ -b /dev/nvme0n1 ] || sleep 1; done
device=$(dirname "$(grep -l 0x010802 /sys/bus/pci/devices/*/class)")
dd if=/dev/nvme0n1 of=/dev/null bs=4k count=64 iflag=direct 2>/dev/null
echo "found: $(cat "$device/iommu_group/type") $(awk '{ print $2 }' kprobe_profile)"
basename "$device" >/sys/bus/pci/drivers/nvme/unbind
END
# shellcheck disable=SC2046 # The words of a disk are arguments of their own.
boot 'iommu.strict=0' -device virtio-iommu-pci $(disk pcie.0) -D qemu.log -trace virtio_iommu_map -trace virtio_iommu_unmap_done
found=$(sed -n 's/^found: //p' console.txt)
unmaps=$(awk '/virtio_iommu_map / { count += last } { last = /unmap_done/ } END { print count + 0 }' qemu.log)
echo "type ${found% *}; unmaps directly before a map: $unmaps; flushes: ${found#* }"
[ "${found% *}" = DMA-FQ ] && [ "$unmaps" -ge $((3 * ${found#* })) ]
