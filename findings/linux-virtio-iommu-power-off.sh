#!/bin/sh
# linux-image 6.12.117-1~deb12u1 (Debian) in QEMU 7.2.22: with a virtio-iommu in front of a disk, `poweroff` takes a minute.
#
# Behaviour: at power off the virtio-iommu is reset while the disk's driver still has to shut its controller down. The controller's reads of
# its queue no longer arrive, and the driver waits for its commands until they time out. With VT-d the guest is off at once, and so it is with
# the virtio-iommu when the disk's driver was unbound before.
# Input: one disk behind a virtio-iommu, behind it with an unbound driver, and behind VT-d.
# Output: seconds in the guest: virtio-iommu 60, unbound 0, VT-d 0
#
# Fails if the virtio-iommu's guest needs less than 30 s, or one of the others more than 20.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
cd "$folder"
. "$here/boot.sh"
unpack_qemu
unpack busybox-static=1:1.35.0-4+deb12u1+b1 linux-image-6.12.117+deb12-amd64-unsigned=6.12.117-1~deb12u1

# Seconds from the end of the guest's program to "Power down".
waited() {
  unbind=$1
  shift
  {
    cat <<'END'
insmod /modules/virtio-iommu.ko
load_modules
for second in 1 2 3 4 5 6 7 8 9 10; do [ -b /dev/nvme0n1 ] || sleep 1; done
device=$(basename "$(dirname "$(grep -l 0x010802 /sys/bus/pci/devices/*/class)")")
END
    [ "$unbind" = no ] || echo 'echo "$device" >/sys/bus/pci/drivers/nvme/unbind'
    echo 'echo "ended: $(cut -d. -f1 /proc/uptime)"'
  } | initramfs
  # shellcheck disable=SC2046 # The words of a disk are arguments of their own.
  boot 'intel_iommu=on' "$@" $(disk pcie.0)
  ended=$(sed -n 's/^ended: //p' console.txt)
  off=$(sed -n 's/^\[ *\([0-9]*\)\.[0-9]*\] reboot: Power down.*/\1/p' console.txt)
  echo $((off - ended))
}
virtio=$(waited no -device virtio-iommu-pci)
unbound=$(waited yes -device virtio-iommu-pci)
vtd=$(waited no -device intel-iommu,intremap=on)
echo "virtio-iommu $virtio, unbound $unbound, VT-d $vtd"
[ "$virtio" -ge 30 ] && [ "$unbound" -le 20 ] && [ "$vtd" -le 20 ]
