#!/bin/sh
# linux-image 6.1.192-2 (Debian) in QEMU 7.2.22: of metadata that the kernel makes for an NVMe request only the first page is mapped.
#
# Behaviour: for a namespace with 8 bytes of metadata for each block of 512 bytes, a request of 508 KiB needs 8128 bytes of metadata. 6.1.192 maps
# 4096 of them for the device, and the command's metadata pointer stands for all. Behind an IOMMU the device reads or writes past the mapping.
# 6.12.117 maps all.
# Input: a read of 508 KiB by direct I/O, a probe on dma_map_page_attrs().
# Output: 6.1.192: 4096; 6.12.117: 8128
#
# Fails if one of them maps another length.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
cd "$folder"
. "$here/boot.sh"
unpack_qemu

# The longest mapping of one piece of memory during the read: the data are a list.
mapped() {
  find root -name 'vmlinuz*' -delete
  rm -rf root/lib/modules
  unpack busybox-static=1:1.35.0-4+deb12u1+b1 "$1"
  initramfs <<'END'
load_modules
for second in 1 2 3 4 5 6 7 8 9 10; do [ -b /dev/nvme0n1 ] || sleep 1; done
echo 'p:lab/one dma_map_page_attrs size=%cx:u64' >dynamic_events
echo 1 >events/lab/one/enable
dd if=/dev/nvme0n1 of=/dev/null bs=520192 count=1 iflag=direct
echo 0 >events/lab/one/enable
sed -n 's/.*size=/size: /p' trace
END
  boot '' -blockdev driver=null-co,node-name=media,size=1073741824,read-zeroes=on \
    -device nvme,id=n,bus=pcie.0,serial=lab,max_ioqpairs=1 -device nvme-ns,drive=media,bus=n,ms=8,mset=0
  sed -n 's/^size: //p' console.txt | sort -n | tail -n 1
}
old=$(mapped linux-image-6.1.0-56-amd64-unsigned=6.1.192-2)
new=$(mapped linux-image-6.12.117+deb12-amd64-unsigned=6.12.117-1~deb12u1)
echo "6.1.192: $old; 6.12.117: $new"
[ "$old $new" = "4096 8128" ]
