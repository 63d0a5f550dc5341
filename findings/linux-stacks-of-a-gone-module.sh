#!/bin/sh
# linux-image 6.12.117-1~deb12u1 and linux-binary, linux-modules 7.3.4-1~bpo13+1 (Debian) in QEMU 7.2.22: stacks in a trace lose their names
# when a module is unloaded.
#
# Behaviour: a stack is kept as addresses, and the text of `trace` is made when the file is read. Functions of a module have their names while it
# is loaded. After it was unloaded, the same lines have bare addresses, and nothing says of which module. A trace of a driver's removal has to be
# read before the module is unloaded, or needs a copy of /proc/kallsyms from before.
# Input: the trigger `stacktrace` on dma_alloc while the driver of NVMe is bound; `trace` read before and after `rmmod nvme`.
# Output: 6.12.117: named before, addresses after; 7.3.4: named before, addresses after
#
# Fails if the names are there after the module is gone, or not before.
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
echo stacktrace >events/dma/dma_alloc/trigger
load_modules
for second in $(seq 30); do [ -b /dev/nvme0n1 ] || sleep 1; done
echo 0 >tracing_on
frames() {
  names=$(grep -q ' => nvme_alloc_queue' trace && echo named || true)
  bare=$(grep -q ' => 0xffffffff' trace && echo addresses || true)
  echo "$names$bare"
}
before=$(frames)
rmmod nvme
echo "found: $before before, $(frames) after"
END
  # shellcheck disable=SC2046 # The words of a disk are arguments of their own.
  boot '' $(disk pcie.0)
  sed -n 's/^found: //p' console.txt
}
old=$(found linux-image-6.12.117+deb12-amd64-unsigned=6.12.117-1~deb12u1)
new=$(found linux-binary-7.3.4+deb13-amd64=7.3.4-1~bpo13+1 linux-modules-7.3.4+deb13-amd64=7.3.4-1~bpo13+1)
echo "6.12.117: $old; 7.3.4: $new"
[ "$old; $new" = "named before, addresses after; named before, addresses after" ]
