#!/bin/sh
# QEMU 11.1.3 (Debian trixie-backports): the NVMe controller reads SGLs of metadata, which that of 7.2.22 (bookworm) does not.
#
# Behaviour: no property chooses it, and the version of NVMe that both name is the same. The same command line gives Linux another limit
# of metadata segments, and with it other commands: some have a list of descriptors for their metadata.
# Input: a namespace with 8 bytes of metadata for each block; linux-image 6.12.117-1~deb12u1 (Debian).
# Output: max_integrity_segments: 7.2.22: 1; 11.1.3: 15
#
# Fails if one of the limits changes.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
cd "$folder"
. "$here/boot.sh"
unpack_qemu_11
unpack_qemu
unpack busybox-static=1:1.35.0-4+deb12u1+b1 linux-image-6.12.117+deb12-amd64-unsigned=6.12.117-1~deb12u1
initramfs <<'END'
load_modules
for second in 1 2 3 4 5 6 7 8 9 10; do [ -b /dev/nvme0n1 ] || sleep 1; done
echo "segments: $(cat /sys/block/nvme0n1/queue/max_integrity_segments)"
END
segments() {
  boot '' -blockdev driver=null-co,node-name=media,size=1073741824,read-zeroes=on \
    -device nvme,id=n,bus=pcie.0,serial=lab,max_ioqpairs=1 -device nvme-ns,drive=media,bus=n,ms=8,mset=0
  sed -n 's/^segments: //p' console.txt
}
old=$(segments)
# boot() adds folders of QEMU 7.2.22 behind those that this one names.
qemu="$PWD/qemu-11"
unset LD_LIBRARY_PATH
new=$(segments)
echo "max_integrity_segments: 7.2.22: $old; 11.1.3: $new"
[ "$old $new" = "1 15" ]
