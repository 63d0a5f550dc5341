#!/bin/sh
# QEMU 11.1.3 (Debian trixie-backports): VT-d's property for scalable mode has another name than in 7.2.22, without an alias.
#
# Behaviour: 7.2.22 has `x-scalable-mode`, 11.1.3 `scalable-mode`; each refuses the other's name. First-stage tables are
# `fsts` in 11.1.3 (10.0.13 calls them `x-flts`), and 7.2.22 has none.
# Input: `-device intel-iommu` with each property.
# Output: 7.2.22: x-scalable-mode; 11.1.3: scalable-mode fsts
#
# Fails if one of them takes another name.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
cd "$folder"
. "$here/boot.sh"
unpack_qemu_11

# The names that a QEMU takes, each beside its own name for scalable mode where it is for tables.
taken() {
  for properties in x-scalable-mode scalable-mode scalable-mode=on,fsts x-scalable-mode=on,x-flts; do
    if echo quit | "$@" -M q35,kernel-irqchip=split -nodefaults -display none -S -monitor stdio \
      -device "intel-iommu,$properties=on" >/dev/null 2>&1; then printf '%s ' "${properties##*,}"; fi
  done
}
new=$(taken ./qemu-11)
unpack_qemu
old=$(taken "$qemu" -L "$PWD/root/usr/share/qemu" -L "$PWD/root/usr/share/seabios")
echo "7.2.22: $old; 11.1.3: $new"
[ "$old;$new" = "x-scalable-mode ;scalable-mode fsts " ]
