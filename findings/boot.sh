# Functions of the findings that boot a kernel of Debian in QEMU: to be sourced, in an empty folder.
#
# The guest has busybox, the drivers of NVMe, and tracefs; its first program is what `initramfs` gets on its standard input.

# Unpacks packages, each PACKAGE=VERSION, below the folder `root`.
unpack() {
  mkdir -p root packages
  for package; do
    rm -f packages/*.deb
    (cd packages && apt-get download -qq -o APT::Sandbox::User=root "$package" >/dev/null)
    for file in packages/*.deb; do dpkg -x "$file" root; done
  done
}

# QEMU 7.2.22 of Debian bookworm.
unpack_qemu() {
  mkdir -p archives/partial root
  apt-get install -qq -y --download-only --reinstall -o Dir::Cache::archives="$PWD/archives" \
    -o APT::Sandbox::User=root qemu-system-x86=1:7.2+dfsg-7+deb12u18+b3 qemu-system-common=1:7.2+dfsg-7+deb12u18+b3 \
    qemu-system-data=1:7.2+dfsg-7+deb12u18 seabios=1.16.2-1 ipxe-qemu=1.0.0+git-20190125.36a4c85-5.1 >/dev/null
  for package in archives/*.deb; do dpkg -x "$package" root; done
  LD_LIBRARY_PATH="$PWD/root/usr/lib/$(uname -m)-linux-gnu"
  export LD_LIBRARY_PATH
  qemu="$PWD/root/usr/bin/qemu-system-x86_64"
  "$qemu" --version | head -n 1
}

# QEMU 11.1.3 of Debian trixie's backports, with the libraries and the loader of trixie: apt has to know both suites. The package and
# the program are those for x86-64 unless two others are named.
unpack_qemu_11() {
  package_11=${1:-qemu-system-x86} program_11=${2:-qemu-system-x86_64}
  mkdir -p new/archives/partial new/root
  : >new/status
  printf 'Package: *\nPin: release n=%s\nPin-Priority: %s\n\n' trixie 900 trixie-backports 950 bookworm -1 sid -1 >new/preferences
  apt-get install -qq -y --download-only --no-install-recommends -o Dir::State::status="$PWD/new/status" \
    -o Dir::Cache::archives="$PWD/new/archives" -o Dir::Etc::preferences="$PWD/new/preferences" \
    -o Dir::Etc::preferencesparts=/dev/null -o APT::Sandbox::User=root "$package_11=1:11.1.3+ds-1~bpo13+1" >/dev/null
  for package in new/archives/*.deb; do dpkg -x "$package" new/root; done
  cat >qemu-11 <<END
#!/bin/sh
exec $PWD/new/root/usr/lib64/ld-linux-x86-64.so.2 --library-path $PWD/new/root/usr/lib/x86_64-linux-gnu \\
  $PWD/new/root/usr/bin/$program_11 -L $PWD/new/root/usr/share/qemu -L $PWD/new/root/usr/share/seabios "\$@"
END
  chmod +x qemu-11
  ./qemu-11 --version | head -n 1
}

# Makes the initramfs out of the unpacked packages; the standard input is what the guest runs.
initramfs() {
  rm -rf guest
  mkdir -p guest/bin guest/modules guest/proc guest/sys guest/dev
  cp "$(find root -path '*/bin/busybox' | head -n 1)" guest/bin/busybox
  for name in crct10dif_common crct10dif_generic crc-t10dif crc64 crc64-rocksoft crc64_rocksoft_generic t10-pi hkdf nvme-keyring nvme-auth nvme-core nvme virtio-iommu; do
    for file in $(find root -path "*/kernel/*/$name.ko" -o -path "*/kernel/*/$name.ko.xz"); do
      cp "$file" guest/modules/
    done
  done
  find guest/modules -name '*.xz' -exec xz -d {} +
  {
    cat <<'END'
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
mount -t tracefs none /sys/kernel/tracing
cd /sys/kernel/tracing
# Which module needs which differs between releases: what fails is tried again.
load_modules() {
  for pass in 1 2 3 4; do
    for file in /modules/*.ko; do insmod "$file" 2>/dev/null; done
  done
}
END
    cat
    echo 'poweroff -f'
  } >guest/init
  chmod +x guest/init
  (cd guest && find . | cpio -o -H newc --quiet) | gzip -1 >initramfs.gz
}

# Boots, and keeps the console in console.txt. First the words of the command line, then arguments of QEMU.
boot() {
  words=$1
  shift
  timeout 300 "$qemu" -L "$PWD/root/usr/share/qemu" -L "$PWD/root/usr/share/seabios" -accel tcg -cpu Nehalem \
    -M q35,kernel-irqchip=split -m 1G -nodefaults -no-user-config -nic none -display none -serial stdio -no-reboot \
    -kernel "$(find root -name 'vmlinuz*' -type f | head -n 1)" -initrd initramfs.gz \
    -append "console=ttyS0 nokaslr no_timer_check panic=-1 loglevel=4 $words" "$@" </dev/null |
    tr -d '\r' >console.txt
}

# Boots Debian's 7.2.13 for riscv64 with a disk, and keeps the console in console.txt. First properties of the machine, then words of the
# command line, then arguments of QEMU. Apt has to know sid, and the architecture riscv64.
boot_riscv64() {
  machine=$1 words=$2
  shift 2
  # shellcheck disable=SC2046 # The words of a disk are arguments of their own.
  timeout 300 ./qemu-11 -accel tcg -M "virt$machine" -m 1G -nodefaults -no-user-config -nic none -display none -serial stdio -no-reboot \
    -kernel "$(find root -name 'vmlinuz*' -type f | head -n 1)" -initrd initramfs.gz \
    -append "console=ttyS0 panic=-1 loglevel=7 $words" "$@" $(disk pcie.0) </dev/null |
    tr -d '\r' >console.txt
}

# A disk of null blocks on a bus of QEMU.
disk() {
  echo "-blockdev driver=null-co,node-name=media,size=1073741824,read-zeroes=on
    -device nvme,bus=$1,drive=media,serial=lab,max_ioqpairs=1"
}
