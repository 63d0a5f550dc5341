#!/bin/sh
# fio 3.33 (Debian bookworm): `bs=128KiB` is 128,000 bytes.
#
# Behaviour: with the default kb_base=1024 fio swaps the prefixes of IEC sizes: KiB, MiB and GiB are powers of 1000, while
# k, KB and Ki are powers of 1024. kb_base=1000 swaps them back. The manual calls it compatibility with old scripts.
# Input: a job of the null engine that writes its requests to a log.
# Output: 128KiB=128000 128Ki=131072 128KB=131072 128k=131072; with kb_base=1000: 128KiB=131072 128k=128000
#
# Fails if the sizes change.
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
  printf '[a]\nioengine=null\nfilename=x\nrw=write\nsize=1m\nkb_base=%s\nbs=%s\nwrite_iolog=io.log\n' "$2" "$1" >job.fio
  rm -f io.log
  "$fio" --output=out.txt job.fio
  awk '/ write /{ print $NF; exit }' io.log
}

found="$(size 128KiB 1024) $(size 128Ki 1024) $(size 128KB 1024) $(size 128k 1024) $(size 128KiB 1000) $(size 128k 1000)"
echo "$found"
[ "$found" = "128000 131072 131072 131072 131072 128000" ]
