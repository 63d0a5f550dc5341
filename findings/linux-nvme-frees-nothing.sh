#!/bin/sh
# linux-image 6.12.117-1~deb12u1 and linux-binary, linux-modules 7.3.4-1~bpo13+1 (Debian) in QEMU 7.2.22: the driver of NVMe frees coherent
# memory that it never allocated.
#
# Behaviour: when the driver is unbound from a controller that asks for no host memory buffer, the events of the DMA API have one free with size
# 0, no memory and the device address 0. A reader of the trace that looks for the allocation of each free finds none.
# Input: a QEMU controller, bound and unbound with the event dma_free enabled.
# Output: frees of nothing: 6.12.117: 1 of 7; 7.3.4: 1 of 7
#
# Fails if a kernel frees nothing no more, or more than once.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
cd "$folder"
. "$here/boot.sh"
unpack_qemu

found() {
  find root -name 'vmlinuz*' -delete
  rm -rf root/lib/modules root/usr/lib/modules
  unpack busybox-static=1:1.35.0-4+deb12u1+b1 "$@"
  initramfs <<'END'
load_modules
for second in $(seq 30); do [ -b /dev/nvme0n1 ] || sleep 1; done
echo 1 >events/dma/dma_free/enable
basename "$(dirname "$(grep -l 0x010802 /sys/bus/pci/devices/*/class)")" >/sys/bus/pci/drivers/nvme/unbind
echo "found: $(grep -c 'dma_free: .* dma_addr=0 size=0 ' trace) of $(grep -c 'dma_free: ' trace)"
END
  # shellcheck disable=SC2046 # The words of a disk are arguments of their own.
  boot 'intel_iommu=on' -device intel-iommu,intremap=on $(disk pcie.0)
  sed -n 's/^found: //p' console.txt
}
old=$(found linux-image-6.12.117+deb12-amd64-unsigned=6.12.117-1~deb12u1)
new=$(found linux-binary-7.3.4+deb13-amd64=7.3.4-1~bpo13+1 linux-modules-7.3.4+deb13-amd64=7.3.4-1~bpo13+1)
echo "frees of nothing: 6.12.117: $old; 7.3.4: $new"
[ "${old%% *}; ${new%% *}" = "1; 1" ]
