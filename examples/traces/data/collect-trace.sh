#!/bin/sh
# Records the DMA mappings of a running machine for `dmalab trace`. Plain POSIX sh; busybox will do.
#
#   sh collect-trace.sh [-d DEVICE] [-e "SYSTEM…"] [-m MIB] [-f] [-y] [SECONDS]
#
#   -d DEVICE   DMA API events of this device only, such as 0000:01:00.0 (iommu:* name no device)
#   -e SYSTEMS  systems of events; "dma iommu nvme block swiotlb" by default; intel_iommu adds flushes
#   -m MIB      memory for all CPUs together, 64 by default; the oldest events are overwritten
#   -f          flight recorder: ends at the first IOMMU fault in the kernel's log, or after SECONDS
#   -y          packs without asking
#   SECONDS     10 by default, 3600 with -f
#
# It records in a tracing instance of its own, which is removed at the end: the settings and the
# buffers of others stay as they are. A signal ends the recording and keeps what there is.
# Only lines that `dmalab trace` reads are kept. Names of tasks, hosts and users, IP and hardware
# addresses, serial numbers, paths and the kernel's options go; names and addresses of devices,
# DMA and physical addresses, disks' kernel names and PCI ids stay. It shows the result and asks
# before it packs one tar file here; nothing is sent anywhere.
set -u
umask 077
LC_ALL=C
export LC_ALL

kmsg=${DMALAB_KMSG:-/dev/kmsg}
tracing=${DMALAB_TRACING:-/sys/kernel/tracing}
sys=${DMALAB_SYS:-/sys}
device='' mib=64 flight='' yes='' seconds='' caught='' instance='' folder=''
events="dma iommu nvme block swiotlb"

say() { echo "collect-trace: $1" >&2; }
fail() {
  say "$1"
  exit 2
}
usage() { fail "usage: collect-trace.sh [-d DEVICE] [-e SYSTEMS] [-m MIB] [-f] [-y] [SECONDS]"; }

while getopts d:e:m:fy option; do
  case $option in
  d) device=$OPTARG ;;
  e) events=$OPTARG ;;
  m) mib=$OPTARG ;;
  f) flight=1 ;;
  y) yes=1 ;;
  *) usage ;;
  esac
done
shift $((OPTIND - 1))
[ $# -le 1 ] || usage
seconds=${1:-$([ -n "$flight" ] && echo 3600 || echo 10)}
for number in "$seconds" "$mib"; do
  case $number in
  '' | *[!0-9]* | ????????*) fail "SECONDS and MIB are numbers, not \"$number\"" ;;
  esac
done
case $device$events in
*[!A-Za-z0-9:._\ -]*) fail "DEVICE is a name as the kernel prints it, SYSTEMS are words" ;;
esac
[ "$(id -u)" = 0 ] || fail "only root may read and set the kernel's tracer: start it with sudo"
[ -e "$tracing/trace" ] || [ -n "${DMALAB_TRACING:-}" ] || tracing=/sys/kernel/debug/tracing
[ -e "$tracing/trace" ] || fail "the kernel's tracer is not mounted: mount -t tracefs nodev /sys/kernel/tracing"
[ -d "$tracing/instances" ] || fail "this kernel has no tracing instances"
# Root would write through a link of another user.
[ ! -e dmalab-trace.tar ] && [ ! -L dmalab-trace.tar ] || fail "dmalab-trace.tar is here already"

# A signal is only noted, wherever it comes: each step below ends, and the next one looks.
trap 'caught=130' INT
trap 'caught=143' TERM
trap 'caught=129' HUP
remove() {
  [ -z "$instance" ] || { echo 0 >"$instance/tracing_on"; rmdir "$instance"; } 2>/dev/null
  instance=''
}
trap remove EXIT

put() {
  [ ! -L "$instance/$2" ] || fail "$instance/$2 is a symbolic link"
  echo "$1" >"$instance/$2"
}
# The same number into the trace and the kernel's log: it ties their clocks.
mark() {
  put "dmalab-mark $1" trace_marker
  [ -L "$kmsg" ] || echo "dmalab-mark $1" >>"$kmsg"
}
since_mark() { dmesg 2>/dev/null | sed -n "/dmalab-mark $$1/,\$p"; }
FAULTS='DMAR:.*\[.*fault|AMD-Vi:.*Event logged|arm-smmu.*(event 0x|context fault)'

# ---- the instance -------------------------------------------------------------------------------

instance=$tracing/instances/dmalab-$$
mkdir "$instance" || {
  instance=''
  fail "cannot make a tracing instance of its own"
}
put 0 tracing_on
cpus=$(find "$instance/per_cpu" -maxdepth 1 -name 'cpu[0-9]*' | wc -l)
kib=$((mib * 1024 / (cpus > 0 ? cpus : 1)))
put "$((kib > 4 ? kib : 4))" buffer_size_kb
put mono trace_clock
for system in $events; do
  if [ -d "$instance/events/$system" ]; then
    put 1 "events/$system/enable"
  else
    say "this kernel has no events of $system"
    [ "$system" != dma ] || say "kernels from 6.12 on have them; see docs/traces.md, Kernels without dma:* events"
  fi
done
if [ -n "$device" ]; then
  for filter in dma:device swiotlb:dev_name; do
    [ ! -d "$instance/events/${filter%:*}" ] || put "${filter#*:} == \"$device\"" "events/${filter%:*}/filter"
  done
fi

# ---- the recording ------------------------------------------------------------------------------

if [ -z "$caught" ]; then
  put 1 tracing_on
  mark "$$1"
fi
# Waited for in the background: a signal is then answered at once.
left=$seconds
while [ "$left" -gt 0 ] && [ -z "$caught" ]; do
  sleep 1 >/dev/null 2>&1 &
  wait "$!"
  left=$((left - 1))
  if [ -n "$flight" ] && since_mark | grep -Eq "$FAULTS"; then
    say "a fault: the recording ends"
    break
  fi
done
[ -n "$caught" ] && say "a signal: the recording ends, what there is is kept"
mark "$$2"
put 0 tracing_on
# From here on nothing takes long, and half of it would be of no use.
trap '' INT TERM HUP

# ---- cut and masked -----------------------------------------------------------------------------

folder=$(mktemp -d ./dmalab-trace.XXXXXX) || fail "cannot make a folder here"
names=$(uname -n | sed 's/[^A-Za-z0-9_-].*//; s/^.\{0,2\}$//')
mask() {
  sed -E ${names:+-e "s/$names/HOST/g"} \
    -e 's/([0-9a-fA-F]{2}[:-]){5,}[0-9a-fA-F]{2}/MAC/g' \
    -e 's/[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}/UUID/g' \
    -e 's/(^|[^0-9.])([0-9]{1,3}\.){3}[0-9]{1,3}($|[^0-9.])/\1IP\3/g' \
    -e 's/[A-Za-z0-9._-]+@[A-Za-z0-9._-]+/USER/g' \
    -e 's#(^|[[:space:]="(,])/[A-Za-z0-9._/-]+#\1PATH#g'
}
T='(\[ *[0-9]+\.[0-9]+\] )?'
sed -nE "$(
  cat <<RULES
/^# *entries-in-buffer|^#+ CPU [0-9]+ buffer started|^CPU:[0-9]+ \[LOST/p
/: (dma_|nvme_|block_|swiotlb_bounced: |map: IOMMU: |unmap: IOMMU: |io_page_fault: |qi_submit: |(attach|add|remove)_device_|tracing_mark_write: dmalab-mark )/!d
s/^ *<idle>-([0-9]+ +(\([ 0-9-]+\) +)?\[[0-9]+\] )/  idle-\1/
s/^ *kworker.*-([0-9]+ +(\([ 0-9-]+\) +)?\[[0-9]+\] )/  kworker-\1/
/^  (idle|kworker)-/!s/^.*-([0-9]+ +(\([ 0-9-]+\) +)?\[[0-9]+\] )/  task-\1/
/: block_.*\[-?[0-9]+\]\$/!s/(: block_[a-z_]+: [^[]*)\[.*\$/\1[task]/
p
RULES
)" "$instance/trace" | mask >"$folder/trace.txt"
dmesg 2>/dev/null | sed -nE "
s/^${T}Linux version ([0-9]+\.[0-9]+(\.[0-9]+)?).*/\1Linux version \2/p
h
s/^${T}[Kk]ernel command line: .* (swiotlb=[0-9]+).*/\1Command line: \2/p
g
s/^${T}[Kk]ernel command line: .* (intel_iommu=[a-z,_]+).*/\1Command line: \2/p
g
/^${T}(DMAR: IOMMU enabled|AMD-Vi: Interrupt remapping enabled|sched_clock: Marking stable|iommu: DMA domain TLB|software IO TLB: mapped)/p
/Using strict mode due to virtualization|IOMMU batching disallowed/p
/dmalab-mark [0-9]+/p
/DMAR: (DRHD|\[|Dump|root entry|context entry|pasid |pte level|page table|VT-d detected|QI |ERROR: DMA PTE)|INTR-REMAP:/p
/AMD-Vi: (Event logged|Completion-Wait)|[^ ]*arm-smmu[^ ]* [^ ]*: |(rk_iommu|sysmmu|m4u|dart|riscv)[^ ]* .*(fault|FAULT)/p
/DMA-API: |WARNING: .*iommu_dma_unmap_|swiotlb buffer is full|Out of SW-IOMMU|of DMA mask|callbacks suppressed/p
/P2PDMA|peer-to-peer DMA|ACS redirect|Detected page leak/p
/nvme nvme[0-9]+: (I\/O |Abort status|controller is down)|nvme[0-9n]+: .* @ LBA |Incorrectly formed|I\/O error, dev /p" |
  mask >"$folder/dmesg.txt"
{
  uname -sm
  uname -r | sed -nE 's/^([0-9]+\.[0-9]+(\.[0-9]+)?).*/Linux version \1/p'
  for queue in "$sys"/block/*/queue; do
    disk=${queue%/queue} && disk=${disk##*/}
    for name in max_hw_sectors_kb max_sectors_kb max_segments max_segment_size virt_boundary_mask \
      dma_alignment logical_block_size; do
      [ -r "$queue/$name" ] && echo "$disk $name $(sed 's/[^0-9].*//' "$queue/$name")"
    done
  done | grep -E '^(nvme|sd|vd|md|dm-|mmcblk|hd)[0-9a-z]* '
  for group in "$sys"/kernel/iommu_groups/*; do
    [ -d "$group/devices" ] || continue
    echo "group ${group##*/} type $(cat "$group/type" 2>/dev/null) devs $(cd "$group/devices" && echo ./* | sed 's|\./||g')"
  done
  awk 'FNR == 1 { n = split(FILENAME, part, "/"); printf "%sper_cpu/%s", end, part[n - 1]; end = "\n" }
    { printf " %s", $0 }
    END { printf "%s", end }' "$instance"/per_cpu/cpu*/stats
} | mask >"$folder/facts.txt"
lspci -D -nn -vvv 2>/dev/null | sed -nE '
/^[0-9a-f:.]+ /p
/^[[:space:]]+(Control|Status|Bus|Region [0-9]|I\/O behind bridge|Memory behind bridge|Prefetchable memory behind bridge|NUMA node|IOMMU group|ACSCap|ACSCtl|Kernel driver in use): ?/p
/^[[:space:]]+Capabilities: \[[0-9a-f]+( v[0-9]+)?\] (Express|Access Control Services)/p' |
  mask >"$folder/lspci.txt"
overrun=$(sed -nE 's/^per_cpu.* overrun: ([0-9]+).*/\1/p' "$folder/facts.txt" | awk '{ sum += $1 } END { printf "%d", sum }')
[ "$overrun" = 0 ] || say "$overrun events were overwritten: take -d DEVICE, fewer systems of events, or more memory with -m"
remove

# ---- shown, then packed -------------------------------------------------------------------------

for file in dmesg facts lspci; do
  echo "---- $file.txt"
  cat "$folder/$file.txt"
done
echo "---- trace.txt, $(wc -l <"$folder/trace.txt") lines, the first of them:"
head -n 20 "$folder/trace.txt"
if [ -z "$yes" ] && [ -z "$caught" ]; then
  printf 'Pack this? Nothing else goes into the file. [y/N] ' >&2
  read -r answer || answer=''
  [ "$answer" = y ] && yes=1
fi
if [ -z "$yes" ]; then
  say "not packed: the files are in $folder"
  exit "${caught:-0}"
fi
# Made anew or not at all: noclobber follows no link.
set -C
tar -C "$folder" -cf - trace.txt dmesg.txt facts.txt lspci.txt 3>dmalab-trace.tar >&3 || fail "cannot write dmalab-trace.tar: the files are in $folder"
rm -r "$folder"
say "dmalab-trace.tar is packed: dmalab trace check trace.txt dmesg.txt facts.txt"
exit "${caught:-0}"
