#!/bin/sh
# linux-image 6.1.192-2 and linux-binary 7.3.4-1~bpo13+1 (Debian): a long line of `trace` is cut after 4092 characters.
#
# Behaviour: a probe may fetch more numbers than a line has room for. On 6.1 the line ends in the middle of a number, without a
# mark that something is missing; the hit is counted. 7.3.4 prints the same event whole: its lines have room for two pages.
# Input: a kprobe with two, then four arrays of 64 numbers of 64 bits (some 19 bytes a number), hit once each.
# Output: 6.1.192: whole, cut; 7.3.4: whole, whole
#
# Fails if 6.1.192 prints all of the line, or 7.3.4 cuts it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
cd "$folder"
. "$here/boot.sh"
unpack_qemu

found() {
  rm -rf root/boot root/usr/lib/modules
  unpack busybox-static=1:1.35.0-4+deb12u1+b1 "$1"
  initramfs <<'END'
for count in 2 4; do
  fetched=$(for index in $(seq "$count"); do echo "a$index=@_stext+$((index * 512)):x64[64]"; done)
  echo "p:lab/hit do_nanosleep $(echo $fetched)" >dynamic_events
  echo 1 >events/lab/enable
  usleep 1
  echo 0 >events/lab/enable
  cat trace >/lines
  hits=$(awk '{ print $2 }' kprobe_profile)
  case $(tail -c 1 /lines | od -An -c | tr -d ' ') in '\n') line=whole ;; *) line=cut ;; esac
  echo "result: $hits hit, $line"
  echo >dynamic_events
  echo >trace
done
END
  boot ''
  sed -n 's/^result: //p' console.txt | tr '\n' ';'
}
old=$(found linux-image-6.1.0-56-amd64-unsigned=6.1.192-2)
new=$(found linux-binary-7.3.4+deb13-amd64=7.3.4-1~bpo13+1)
echo "6.1.192: $old"
echo "7.3.4: $new"
[ "$old" = "1 hit, whole;1 hit, cut;" ] && [ "$new" = "1 hit, whole;1 hit, whole;" ]
