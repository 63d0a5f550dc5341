#!/bin/sh
# linux-binary 7.2.13-1 for riscv64 (Debian sid) in QEMU 11.1.3: a trace marks each hit of a kprobe as one in an interrupt.
#
# Behaviour: the flags of a trace's line say where the CPU was: "." or "b" in a task, "h" in an interrupt, "Z" in an NMI inside an interrupt.
# A kprobe's hit has "Z" on riscv64 in a task, too, so that a task's call cannot be told from an interrupt's. A function probe (`f:`) of the same
# function has the right flags. On x86-64 and arm64 the flags of kprobes are right, too.
# Input: 16 reads of 4 KiB of one disk; a kprobe and a function probe of `dma_map_phys`, which only tasks call here.
# Output: kprobe: 16 hits, of which marked Z: 16; function probe: 16 hits, of which marked Z: 0
#
# Fails if there are fewer than 16 hits, if a kprobe's hit is not marked, or if a function probe's is.
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
for second in $(seq 30); do [ -b /dev/nvme0n1 ] || sleep 1; done
echo 'p:lab/kprobe dma_map_phys' >>dynamic_events
echo 'f:lab/function dma_map_phys' >>dynamic_events
echo 1 >events/lab/enable
dd if=/dev/nvme0n1 of=/dev/null bs=4k count=16 iflag=direct 2>/dev/null
for probe in kprobe function; do
  echo "$probe: $(grep -c " $probe: " trace) $(grep -c "\] ..Z.* $probe: " trace)"
done
sleep 1
END
boot_riscv64 '' ''
kprobe=$(sed -n 's/^kprobe: //p' console.txt)
function=$(sed -n 's/^function: //p' console.txt)
echo "kprobe: ${kprobe% *} hits, of which marked Z: ${kprobe#* }; function probe: ${function% *} hits, of which marked Z: ${function#* }"
[ "${kprobe% *}" -ge 16 ] && [ "${kprobe% *}" = "${kprobe#* }" ] && [ "${function% *}" -ge 16 ] && [ "${function#* }" = 0 ]
