#!/bin/sh
# Records the DMA mappings of a running machine for `dmalab trace`. Plain POSIX sh; busybox will do.
#
#   sh collect-trace.sh [SECONDS [EVENTS]]       SECONDS 10; EVENTS "dma iommu nvme block swiotlb"
#
# Every setting of the tracer is saved first and restored at the end, on an interrupt too. What it
# cannot do without root it refuses. The result is one tar file here; nothing is sent anywhere, and
# no name of a host, a user or a file of yours goes into it. What the tracer has recorded before is
# lost: it has one buffer.
set -u

seconds=${1:-10}
events=${2:-"dma iommu nvme block swiotlb"}
kmsg=${DMALAB_KMSG:-/dev/kmsg}
tracing=${DMALAB_TRACING:-/sys/kernel/tracing}

fail() {
  echo "collect-trace: $1" >&2
  exit 2
}

case $seconds in
'' | *[!0-9]*) fail "SECONDS is a number, not \"$seconds\"" ;;
esac
[ "$(id -u)" = 0 ] || fail "only root may read and set the kernel's tracer: start it with sudo"
[ -e "$tracing/trace" ] || [ -n "${DMALAB_TRACING:-}" ] || tracing=/sys/kernel/debug/tracing
[ -e "$tracing/trace" ] || fail "the kernel's tracer is not mounted: mount -t tracefs nodev /sys/kernel/tracing"

work=$(mktemp -d /tmp/dmalab-trace.XXXXXX) || fail "there is no room in /tmp"
out=$work/dmalab-trace
mkdir "$out"

# What was set before. A buffer that is not in use yet has the size that it would get.
old_on=$(cat "$tracing/tracing_on")
old_tracer=$(cat "$tracing/current_tracer")
old_clock=$(sed 's/.*\[\(.*\)\].*/\1/' "$tracing/trace_clock")
old_size=$(sed 's/.*expanded: \([0-9]*\).*/\1/; s/[^0-9].*//' "$tracing/buffer_size_kb")
cp "$tracing/set_event" "$work/set_event"

restore() {
  trap - EXIT
  echo 0 >"$tracing/tracing_on"
  : >"$tracing/set_event"
  while read -r event; do
    echo "$event" >>"$tracing/set_event"
  done <"$work/set_event"
  echo "$old_clock" >"$tracing/trace_clock"
  echo "$old_size" >"$tracing/buffer_size_kb"
  echo "$old_tracer" >"$tracing/current_tracer"
  echo "$old_on" >"$tracing/tracing_on"
  rm -rf "$work"
}
trap restore EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

# The same number into the trace and the kernel's log: it ties their clocks.
mark() {
  echo "dmalab-mark $1" >"$tracing/trace_marker"
  echo "dmalab-mark $1" >"$kmsg"
}

echo 0 >"$tracing/tracing_on"
echo nop >"$tracing/current_tracer"
: >"$tracing/set_event"
for system in $events; do
  if [ -d "$tracing/events/$system" ]; then
    echo "$system:*" >>"$tracing/set_event"
  else
    echo "collect-trace: this kernel has no events of $system" >&2
  fi
done
echo 16384 >"$tracing/buffer_size_kb"
echo mono >"$tracing/trace_clock"
: >"$tracing/trace"
echo 1 >"$tracing/tracing_on"
mark "$$1"
# Waited for in the background: a signal is then answered at once. What is left behind then ends by
# itself: a process cannot be killed surely just after its start.
left=$seconds
while [ "$left" -gt 0 ]; do
  sleep 1 >/dev/null 2>&1 &
  wait "$!"
  left=$((left - 1))
done
mark "$$2"
echo 0 >"$tracing/tracing_on"

cat "$tracing/trace" >"$out/trace.txt"
# The first line of a log names who built the kernel, and others the host and who has logged in.
dmesg 2>/dev/null | sed 's/ ([^() ]*@[^() ]*)//; /Hostname set to/d; / audit: /d' >"$out/dmesg.txt"
{
  uname -srvm
  for queue in /sys/block/*/queue; do
    disk=${queue#/sys/block/}
    disk=${disk%/queue}
    for name in max_hw_sectors_kb max_sectors_kb max_segments max_segment_size virt_boundary_mask \
      dma_alignment logical_block_size; do
      [ -r "$queue/$name" ] && echo "$disk $name $(cat "$queue/$name")"
    done
  done
  for group in /sys/kernel/iommu_groups/*; do
    [ -d "$group/devices" ] || continue
    echo "group ${group##*/} type $(cat "$group/type" 2>/dev/null) devs $(cd "$group/devices" && echo ./* | sed 's|\./||g')"
  done
  for stats in "$tracing"/per_cpu/cpu*/stats; do
    cpu=${stats%/stats}
    echo "per_cpu/${cpu##*/} $(tr '\n' ' ' <"$stats")"
  done
} >"$out/facts.txt"
lspci -D -nn -vvv >"$out/lspci.txt" 2>/dev/null || rm -f "$out/lspci.txt"

tar -C "$work" -cf dmalab-trace.tar dmalab-trace || fail "cannot write dmalab-trace.tar here"
echo "dmalab-trace.tar: dmalab trace check trace.txt dmesg.txt facts.txt"
