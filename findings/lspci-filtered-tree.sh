#!/bin/sh
# pciutils 3.9.0 (Debian bookworm): `lspci -t -s` draws branch signs for siblings that the filter left out.
#
# Behaviour: a filtered tree begins its only branch as the last of several: `-[0000:00]-\-01.0-[01]----00.0`, without a line
# for the others. pciutils 3.15.0 draws `-[0000:00]---01.0-[01]----00.0`.
# Input: registers of three functions (host bridge, root port, disk), by `lspci -F`.
# Output: -[0000:00]-\-01.0-[01]----00.0
#
# Fails if a filtered tree has no sign of siblings any more.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir -p archives/partial root
apt-get install -qq -y --download-only --reinstall -o Dir::Cache::archives="$folder/archives" \
  -o APT::Sandbox::User=root pciutils=1:3.9.0-4 >/dev/null
for package in archives/*.deb; do dpkg -x "$package" root; done
LD_LIBRARY_PATH="$folder/root/usr/lib/$(uname -m)-linux-gnu"
export LD_LIBRARY_PATH
lspci="$folder/root/usr/bin/lspci"
"$lspci" --version

zeroes='00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00'
cat >dump.txt <<END
0000:00:00.0 Host bridge: x
00: 22 10 80 14 00 00 00 00 00 00 00 06 00 00 00 00
10: $zeroes
20: $zeroes
30: $zeroes

0000:00:01.0 PCI bridge: x
00: 22 10 83 14 00 00 00 00 00 00 04 06 00 00 01 00
10: 00 00 00 00 00 00 00 00 00 01 01 00 00 00 00 00
20: $zeroes
30: $zeroes

0000:01:00.0 Disk: x
00: 4d 14 0a a8 00 00 00 00 00 02 08 01 00 00 00 00
10: $zeroes
20: $zeroes
30: $zeroes
END
"$lspci" -F dump.txt -t -s 01: | tee filtered.txt
[ "$(cat filtered.txt)" = '-[0000:00]-\-01.0-[01]----00.0' ]
