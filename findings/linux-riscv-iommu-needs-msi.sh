#!/bin/sh
# linux-binary 7.2.13-1 for riscv64 (Debian sid) in QEMU 11.1.3: without message interrupts, a RISC-V IOMMU keeps the disk from working.
#
# Behaviour: QEMU's machine `virt` has a PLIC unless `aia=aplic-imsic` is given, and a PLIC takes no message interrupts. The driver of
# riscv-iommu-pci then fails ("unable to allocate irq vectors", ENODEV). The disk's driver waits ten seconds for it, and goes on ("ignoring
# dependency"). But the IOMMU begins in the mode Off, in which it blocks all accesses of devices: the driver's first command is never read,
# and the probe fails after a minute (EIO). With `off=off` the IOMMU begins in the mode Bare, and the disk works.
# Input: one disk and a riscv-iommu-pci: with the PLIC, with the PLIC and `off=off`, and with `aia=aplic-imsic`.
# Output: PLIC: none, probe failed; PLIC, off=off: nvme0n1; aplic-imsic: nvme0n1
#
# Fails if the disk is there with the PLIC alone, if its probe does not fail, or if the disk is missing in one of the other boots.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
cd "$folder"
. "$here/boot.sh"
unpack_qemu_11 qemu-system-riscv qemu-system-riscv64
unpack busybox-static:riscv64=1:1.38.0-3+b1 linux-binary-7.2.13+deb14-riscv64:riscv64=7.2.13-1 linux-modules-7.2.13+deb14-riscv64:riscv64=7.2.13-1
initramfs <<'END'
load_modules
for second in $(seq 100); do
  [ -b /dev/nvme0n1 ] || dmesg | grep -q 'nvme .* probe failed' || sleep 1
done
disk=none
[ -b /dev/nvme0n1 ] && disk=nvme0n1
echo "found: $disk$(dmesg | sed -n 's/.*nvme .* error -EIO: \(probe failed\)/, \1/p' | head -n 1)"
sleep 1
END
found() {
  boot_riscv64 "$@"
  sed -n 's/^found: //p' console.txt
}
plic=$(found '' '' -device riscv-iommu-pci)
why=$(grep -c 'unable to allocate irq vectors' console.txt)
bare=$(found '' '' -device riscv-iommu-pci,off=off)
imsic=$(found ,aia=aplic-imsic '' -device riscv-iommu-pci)
echo "PLIC: $plic; PLIC, off=off: $bare; aplic-imsic: $imsic"
[ "$plic" = "none, probe failed" ] && [ "$why" = 1 ] && [ "$bare" = nvme0n1 ] && [ "$imsic" = nvme0n1 ]
