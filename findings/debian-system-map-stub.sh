#!/bin/sh
# linux-image 6.1.192-2 and 6.12.117-1~deb12u1 (Debian, amd64): /boot/System.map has no symbols.
#
# Behaviour: the image's System.map is a file of one line that says that the real one is in the package with debug
# information. A tool that looks up symbols in /boot/System.map-$(uname -r) finds one with the address ffffffffffffffff.
# Input: the packages as they are.
# Output: 1 line, `ffffffffffffffff B The real System.map is in the linux-image-<version>-dbg package`, for each
#
# Fails if a package has a System.map with symbols, or none.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
cd "$folder"

stub='ffffffffffffffff B The real System.map is in the linux-image-<version>-dbg package'
for package in linux-image-6.1.0-56-amd64-unsigned=6.1.192-2 \
  linux-image-6.12.117+deb12-amd64-unsigned=6.12.117-1~deb12u1; do
  rm -f ./*.deb
  apt-get download -qq -o APT::Sandbox::User=root "$package" >/dev/null
  dpkg-deb --fsys-tarfile ./*.deb | tar -xO --wildcards './boot/System.map-*' >map.txt
  echo "$package: $(wc -l <map.txt) line"
  cat map.txt
  [ "$(cat map.txt)" = "$stub" ]
done
