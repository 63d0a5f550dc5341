#!/bin/sh
# linux-binary 7.2.13-1 for riscv64 (Debian sid) in QEMU 11.1.3: a device behind the RISC-V IOMMU is never translated, whatever is asked for.
#
# Behaviour: the kernel has the driver of the RISC-V IOMMU, and the log says "Default domain type: Translated" and "strict mode". But it is
# built without DMA mapping by an IOMMU: the type of the disk's group is `identity`, and a device address is the physical one.
# `iommu.passthrough=0` changes the log alone.
# Input: one disk behind a riscv-iommu-pci with `iommu.passthrough=0 iommu.strict=1`; the kernel's functions iommu_dma_map*, iommu_dma_alloc*,
# dma_iova_* and alloc_iova*, and the trace of `dma_map_phys`.
# Output: log: Translated; type: identity; functions that map: 0; mappings: 29, of which at another address: 0 (the number varies)
#
# Fails if the log does not say Translated, if the type is another one, if the kernel has such functions, or if an address differs.
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
echo 1 >events/dma/dma_map_phys/enable
load_modules
for second in $(seq 30); do [ -b /dev/nvme0n1 ] || sleep 1; done
dd if=/dev/nvme0n1 of=/dev/null bs=4k count=16 iflag=direct 2>/dev/null
device=$(dirname "$(grep -l 0x010802 /sys/bus/pci/devices/*/class)")
echo "found: $(cat "$device/iommu_group/type") $(grep -cE ' [tT] (iommu_dma_map|iommu_dma_alloc|dma_iova_|alloc_iova)' /proc/kallsyms)"
sed -n 's/.* dma_map_phys: .* dma_addr=\([0-9a-f]*\) .* phys_addr=\([0-9a-f]*\) .*/mapped: \1 \2/p' trace
END
boot_riscv64 ,aia=aplic-imsic 'iommu.passthrough=0 iommu.strict=1' -device riscv-iommu-pci
said=$(sed -n 's/.*iommu: Default domain type: \([A-Za-z]*\).*/\1/p' console.txt)
found=$(sed -n 's/^found: //p' console.txt)
maps=$(grep -c '^mapped: ' console.txt)
moved=$(awk '/^mapped: / && $2 != $3' console.txt | wc -l)
echo "log: $said; type: ${found% *}; functions that map: ${found#* }; mappings: $maps, of which at another address: $moved"
[ "$said" = Translated ] && [ "$found" = "identity 0" ] && [ "$maps" -ge 16 ] && [ "$moved" = 0 ]
