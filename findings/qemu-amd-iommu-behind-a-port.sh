#!/bin/sh
# QEMU 7.2.22 (Debian bookworm) with linux-image 6.12.117-1~deb12u1: its AMD IOMMU translates for the root bus alone.
#
# Behaviour: an NVMe controller on the root bus works behind `-device amd-iommu`. The same controller behind a PCIe root port
# is found, and its first command never ends: the kernel gives up after 60 s. Behind `-device intel-iommu` it works at both places.
# Input: one disk on the root bus, then behind a root port.
# Output: AMD, root bus: nvme0n1; AMD, root port: timeout; VT-d, root port: nvme0n1
#
# Fails if the controller behind the port works with AMD's IOMMU, or another one does not.
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
for second in $(seq 90); do
  [ -e /dev/nvme0n1 ] && break
  dmesg | grep -q 'nvme.*timeout, disable controller' && break
  sleep 1
done
[ -e /dev/nvme0n1 ] && echo "found: nvme0n1"
dmesg | grep -q 'nvme.*timeout, disable controller' && echo "found: timeout"
END

found() {
  boot "$@"
  sed -n 's/^found: //p' console.txt
}
port='-device pcie-root-port,id=rp,bus=pcie.0,chassis=1,slot=1'
# shellcheck disable=SC2046,SC2086 # The words of a disk and of a port are arguments of their own.
{
  root=$(found '' -device amd-iommu,intremap=on $(disk pcie.0))
  behind=$(found '' -device amd-iommu,intremap=on $port $(disk rp))
  intel=$(found 'intel_iommu=on' -device intel-iommu,intremap=on $port $(disk rp))
}
echo "AMD, root bus: $root; AMD, root port: $behind; VT-d, root port: $intel"
[ "$root; $behind; $intel" = "nvme0n1; timeout; nvme0n1" ]
