#!/bin/sh
# QEMU 11.1.3 (Debian trixie-backports): the NVMe controller takes no `mdts` of 0, and none above 9. 7.2.22 (bookworm) takes both.
#
# Behaviour: `mdts=0`, which says that a command may be of any length, ends QEMU 11.1.3 with "mdts exceeds IOV_MAX", as 10 (4 MiB)
# does; 10.0.13 (trixie) does the same. A command line of 7.2 has to name a limit of 2 MiB or less, and the driver then has another max_hw_sectors_kb.
# Input: a controller on the root bus, with an mdts of 0, 9 and 10.
# Output: 7.2.22: yes yes yes; 11.1.3: no yes no
#
# Fails if one of them takes another mdts.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
cd "$folder"
. "$here/boot.sh"
unpack_qemu_11

# Which mdts a QEMU starts with: its monitor ends it at once.
taken() {
  for mdts in 0 9 10; do
    if echo quit | "$@" -M q35 -nodefaults -display none -S -monitor stdio -device "nvme,id=n,serial=lab,mdts=$mdts" \
      >/dev/null 2>said.txt; then echo yes; else echo no; fi
  done | tr '\n' ' '
  if grep -v 'mdts exceeds IOV_MAX' said.txt >&2; then exit 1; fi
}
new=$(taken ./qemu-11)
unpack_qemu
old=$(taken "$qemu" -L "$PWD/root/usr/share/qemu" -L "$PWD/root/usr/share/seabios")
echo "7.2.22: $old; 11.1.3: $new"
[ "$old;$new" = "yes yes yes ;no yes no " ]
