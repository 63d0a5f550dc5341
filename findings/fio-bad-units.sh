#!/bin/sh
# fio 3.33 (Debian bookworm): a unit that fio does not know is dropped without a word.
#
# Behaviour: `bs=2x` is 2 bytes, `bs=4.5k` is 4 bytes, and `bs=4k-64k` (the form of bsrange) is read as `4k,64k`: writes have
# 65536 bytes, reads 4096. fio exits with 0 and prints no warning.
# Input: jobs of the null engine that write their requests to a log.
# Output: 2x=2 4.5k=4 4k-64k=65536 (of writes)
#
# Fails if fio refuses or warns, or if the sizes change.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir -p archives/partial root
apt-get install -qq -y --download-only --reinstall -o Dir::Cache::archives="$folder/archives" \
  -o APT::Sandbox::User=root fio=3.33-3 >/dev/null
for package in archives/*.deb; do dpkg -x "$package" root; done
LD_LIBRARY_PATH="$folder/root/usr/lib/$(uname -m)-linux-gnu"
export LD_LIBRARY_PATH
fio="$folder/root/usr/bin/fio"
"$fio" --version

size() {
  printf '[a]\nioengine=null\nfilename=x\nrw=write\nsize=1m\nnumber_ios=1\nbs=%s\nwrite_iolog=io.log\n' "$1" >job.fio
  rm -f io.log
  "$fio" --output=out.txt job.fio 2>errors.txt
  [ ! -s errors.txt ]
  awk '/ write /{ print $NF; exit }' io.log
}

found="$(size 2x) $(size 4.5k) $(size 4k-64k)"
echo "$found"
[ "$found" = "2 4 65536" ]
