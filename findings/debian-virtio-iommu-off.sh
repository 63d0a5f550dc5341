#!/bin/sh
# linux-image 6.1.192-2 and 6.12.117-1~deb12u1 (Debian): the older one is built without the driver of virtio-iommu.
#
# Behaviour: the configuration of 6.1.192 for amd64 has VIRTIO_IOMMU switched off, and that of 6.12.117 builds it as a module. A guest with
# QEMU's `virtio-iommu-pci` and the older kernel gets no translation, and no message says so.
# Input: the packages' `config` files.
# Output: 6.1.192: # CONFIG_VIRTIO_IOMMU is not set; 6.12.117: CONFIG_VIRTIO_IOMMU=m
#
# Fails if one of the lines changes.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
cd "$folder"
. "$here/boot.sh"
setting() {
  rm -rf root
  unpack "$1"
  grep -h 'CONFIG_VIRTIO_IOMMU\b' root/boot/config-*
}
old=$(setting linux-image-6.1.0-56-amd64-unsigned=6.1.192-2)
new=$(setting linux-image-6.12.117+deb12-amd64-unsigned=6.12.117-1~deb12u1)
echo "6.1.192: $old; 6.12.117: $new"
[ "$old; $new" = "# CONFIG_VIRTIO_IOMMU is not set; CONFIG_VIRTIO_IOMMU=m" ]
