#!/bin/sh
# linux-binary and linux-modules 7.3.4-1~bpo13+1 (Debian, amd64): a kernel's image and its modules are in two packages.
#
# Behaviour: 6.12.117's linux-image-*-unsigned contains /boot/vmlinuz-* and the modules. From 7.x packages on the image is
# in linux-binary-*, without any module, and the modules are in linux-modules-*, without an image: a tool that unpacks one
# package has no bootable system.
# Input: the packages as they are.
# Output: linux-binary: 1 image, 0 modules; linux-modules: 0 images, modules with nvme.ko
#
# Fails if one of the packages contains what the other one has.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
cd "$folder"

count() {
  grep -c "$1" list.txt || true
}
list() {
  rm -f ./*.deb
  apt-get download -qq -o APT::Sandbox::User=root "$1=7.3.4-1~bpo13+1" >/dev/null
  dpkg-deb --fsys-tarfile ./*.deb | tar -t >list.txt
}

list linux-binary-7.3.4+deb13-amd64
binary="$(count '/vmlinuz') $(count '\.ko')"
list linux-modules-7.3.4+deb13-amd64
modules="$(count '/vmlinuz') $(count '/nvme\.ko')"
echo "linux-binary: images and modules: $binary; linux-modules: images and nvme.ko: $modules"
[ "$binary; $modules" = "1 0; 0 1" ]
