#!/bin/sh
# QEMU 7.2.22 (Debian bookworm): the NVMe controller has no property that switches SGLs off or metadata SGLs on.
#
# Behaviour: `-device nvme,help` lists MDTS, queues, CMB and zones, and nothing about SGLs. A driver cannot be tried there
# with a controller that reads PRPs only, as many disks do, unless the driver is told not to use SGLs.
# Input: the help of the device.
# Output: mdts is listed, and nothing with `sgl` in its name or text
#
# Fails if a property about SGLs is listed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir -p archives/partial root
apt-get install -qq -y --download-only --reinstall -o Dir::Cache::archives="$folder/archives" \
  -o APT::Sandbox::User=root qemu-system-x86=1:7.2+dfsg-7+deb12u18+b3 >/dev/null
for package in archives/*.deb; do dpkg -x "$package" root; done
LD_LIBRARY_PATH="$folder/root/usr/lib/$(uname -m)-linux-gnu"
export LD_LIBRARY_PATH
qemu="$folder/root/usr/bin/qemu-system-x86_64"
"$qemu" --version | head -n 1

"$qemu" -device nvme,help >help.txt
grep '^  mdts=' help.txt
if grep -i sgl help.txt; then exit 1; fi
