#!/bin/sh
# linux-image 6.18.15-1~bpo13+1 and linux-binary 7.3.4-1~bpo13+1 (Debian) in QEMU 7.2.22: a read with an SGL does not give all its
# bounce slots back on 6.18.15.
#
# Behaviour: with `swiotlb=force` each page of a read of 12 KiB is bounced. When the request has an SGL, 6.18.15 leaves slots in use after
# it has completed: `io_tlb_used` grows with each read, until the pool is full. With a PRP list all slots come back, and so they do on 7.3.4.
# Input: four reads of 12 KiB by direct I/O with PRPs, then four with SGLs (`sgl_threshold` of 4096).
# Output: 6.18.15: 0 after PRPs, 16 after SGLs; 7.3.4: 0 after PRPs, 0 after SGLs
#
# Fails if 6.18.15 gives the slots back, or 7.3.4 does not.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
cd "$folder"
. "$here/boot.sh"
unpack_qemu

used() {
  find root -name 'vmlinuz*' -delete
  rm -rf root/lib/modules root/usr/lib/modules
  unpack busybox-static=1:1.35.0-4+deb12u1+b1 "$@"
  initramfs <<'END'
load_modules
mount -t debugfs none /sys/kernel/debug
for second in 1 2 3 4 5 6 7 8 9 10; do [ -b /dev/nvme0n1 ] || sleep 1; done
read_four() {
  for number in 1 2 3 4; do dd if=/dev/nvme0n1 of=/dev/null bs=12288 count=1 iflag=direct; done
  echo "used: $(cat /sys/kernel/debug/swiotlb/io_tlb_used)"
}
echo 0 >/sys/module/nvme/parameters/sgl_threshold
read_four
echo 4096 >/sys/module/nvme/parameters/sgl_threshold
read_four
END
  # shellcheck disable=SC2046 # The words of a disk are arguments of their own.
  boot 'swiotlb=force' $(disk pcie.0)
  sed -n 's/^used: //p' console.txt | tr '\n' ' '
}
old=$(used linux-image-6.18.15+deb13-amd64=6.18.15-1~bpo13+1)
new=$(used linux-binary-7.3.4+deb13-amd64=7.3.4-1~bpo13+1 linux-modules-7.3.4+deb13-amd64=7.3.4-1~bpo13+1)
echo "6.18.15: $old; 7.3.4: $new"
[ "$old$new" = "0 16 0 0 " ]
