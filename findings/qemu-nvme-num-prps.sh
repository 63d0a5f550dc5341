#!/bin/sh
# QEMU 7.2.22 (Debian): `num_prps` in the trace of its NVMe controller is no count of the command's PRP entries.
#
# Behaviour: the event pci_nvme_map_prp reports one entry more than the command has, for whole pages: 2 for a transfer of 4096 bytes with PRP1
# alone (PRP2 is 0), and 3 for one of 8192 bytes with PRP1 and PRP2. Where the transfer begins in its page makes no difference.
# Input: reads of 4096 and 8192 bytes by direct I/O, in memory that begins at a page.
# Output: one entry: 2; two entries: 3
#
# Fails if one of the numbers is another.
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
for second in 1 2 3 4 5 6 7 8 9 10; do [ -b /dev/nvme0n1 ] || sleep 1; done
for size in 4096 8192; do dd if=/dev/nvme0n1 of=/dev/null bs=$size count=1 skip=64 iflag=direct; done
END
# shellcheck disable=SC2046 # The words of a disk are arguments of their own.
boot '' -trace pci_nvme_map_prp -D controller.txt $(disk pcie.0)
# The last transfers of these sizes are the two reads.
one=$(sed -n 's/.* len 4096 prp1 0x[0-9a-f]*000 prp2 0x0 num_prps //p' controller.txt | tail -n 1)
two=$(sed -n 's/.* len 8192 prp1 0x[0-9a-f]*000 prp2 0x[1-9a-f][0-9a-f]* num_prps //p' controller.txt | tail -n 1)
echo "one entry: $one; two entries: $two"
[ "$one $two" = "2 3" ]
