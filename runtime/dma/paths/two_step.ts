/**
 * The two-step API: reserve an IOVA range once, link buffers into it one by one, make all of them
 * visible by one sync, and destroy the range by one call.
 *
 * `DmaMapping` calls these functions and emits the events of the calls.
 *
 * @see rules/dma.md chapter 3
 */
import {
  type Bytes,
  DMA_MAPPING_ERROR,
  type DmaAddr,
  hexAddress,
  type PhysAddr,
} from "../../address.ts";
import { ERRNO, invariant } from "../../errno.ts";
import type { DmaMachine } from "../dma_machine.ts";
import { dereferenceNull } from "../../warnings.ts";
import { DMA_ATTR } from "../attributes.ts";
import { cleanCaches, invalidateCaches } from "./cache_maintenance.ts";
import { type DmaDevice, isTranslated, type TranslatedDevice } from "../device/device.ts";
import { bounceForIommu, leafFlags, maintainsCaches, mustBounce } from "./iommu_path.ts";
import type { DmaIovaState, RangePart } from "../iova_state.ts";
import { PART_BRANCH, UNTOUCHABLE } from "./map_branch.ts";

const { REQUIRE_COHERENT } = DMA_ATTR;
/** The kernel reserves the top bit of the 64-bit size. */
const RANGE_LIMIT_BYTES: Bytes = 2 ** 63;
const { LINKED: THROUGH_TABLE, LINKED_BOUNCE: THROUGH_POOL } = PART_BRANCH;

/**
 * Reserves an IOVA range for `sizeBytes` bytes.
 *
 * @param phys Only its offset in the granule matters: the range starts at the same offset.
 * @returns False, with the state all zero, if the device has no translation or no range is free.
 * @see rules/dma.md 3.2
 */
export function iovaTryAlloc(
  machine: DmaMachine,
  dev: DmaDevice,
  state: DmaIovaState,
  phys: PhysAddr,
  sizeBytes: Bytes,
): boolean {
  state.clear(machine.events.context.request);
  const { domain } = dev;
  if (domain === null) return false;
  const limitBytes = machine.kernel.iova_size_32_bits ? 2 ** 31 : RANGE_LIMIT_BYTES;
  if (sizeBytes <= 0 || sizeBytes >= limitBytes) {
    const text = `Device "${dev.name}" requests an IOVA range of ${sizeBytes} bytes`;
    machine.warnings.warnOnce(
      sizeBytes <= 0 ? "dma_iova_try_alloc" : "dma_iova_try_alloc_size",
      text,
    );
    machine.checker?.warned("range_size", text);
    return false;
  }
  const offset = domain.offsetOf(phys);
  // Computed in two parts: no number represents the sum of a size beyond 2^53 and an offset.
  const wholeBytes = sizeBytes - domain.offsetOf(sizeBytes);
  const start = domain.allocIova(
    dev,
    wholeBytes + domain.roundUp(sizeBytes - wholeBytes + offset),
    false,
  );
  if (start === 0) return false;
  invariant(!state.held && state.linkedBytes === 0, "A range is reserved on top of another");
  state.addr = start + offset as DmaAddr;
  state.sizeBytes = sizeBytes;
  state.held = true;
  machine.iommu.liveMappings++;
  machine.iommu.liveRanges++;
  dev.mappings++;
  machine.checker?.ranges.reserved(dev, state);
  return true;
}

/**
 * Maps a buffer at a part of the reserved range. The device sees the mapping only after the sync.
 *
 * @returns 0 or a negative errno; on failure nothing of this buffer stays mapped.
 * @see rules/dma.md 3.3
 */
export function iovaLink(machine: DmaMachine, part: RangePart, phys: PhysAddr): number {
  const { attrs, dev, dir, offset, sizeBytes, state } = part;
  if (offset > 0 && dev.domain.offsetOf(phys) !== 0) return refuseOffset(machine, part, phys);
  if ((attrs & REQUIRE_COHERENT) !== 0 && (state.bounced || !dev.coherent)) {
    return refuseCoherent(machine, part);
  }
  if (mustBounce(dev, phys, sizeBytes, dir)) {
    if ((attrs & UNTOUCHABLE) !== 0) return -ERRNO.EPERM;
    machine.dma.taken = THROUGH_POOL;
    return linkBounced(machine, part, phys);
  }
  machine.dma.taken = THROUGH_TABLE;
  return linkPlain(machine, part, phys, offset, sizeBytes);
}

/** Refusals are separate functions, so that the link's code stays small enough to be inlined. */
function refuseOffset(
  { warnings }: DmaMachine,
  { dev, offset }: RangePart,
  phys: PhysAddr,
): number {
  warnings.warnOnce(
    "dma_iova_link",
    `Device "${dev.name}": unaligned address ${hexAddress(phys)} at offset ${offset} of a range`,
  );
  return -ERRNO.EIO;
}

function refuseCoherent({ checker, warnings }: DmaMachine, { dev, state }: RangePart): number {
  if (state.bounced) {
    const text = `Device "${dev.name}" wants coherent memory in a range that has bounce buffers`;
    warnings.warnOnce("dma_iova_link_coherent", text);
    checker?.warned("link_coherence", text);
  }
  return -ERRNO.EOPNOTSUPP;
}

function linkPlain(
  machine: DmaMachine,
  { attrs, dev, dir, state }: RangePart,
  phys: PhysAddr,
  offset: number,
  sizeBytes: Bytes,
): number {
  const { domain } = dev;
  const inGranule = domain.offsetOf(phys);
  const iova = state.addr + offset - inGranule;
  const length = domain.roundUp(sizeBytes + inGranule);
  const at = phys - inGranule as PhysAddr;
  // Cleans the whole mapped length, as the kernel does.
  if (maintainsCaches(dev, attrs)) cleanCaches(machine, at, length);
  const error = domain.map(iova, at, length, leafFlags(dev, dir, attrs));
  if (error === 0) state.linkedBytes += length;
  return error;
}

/**
 * Links a buffer for an untrusted device: the partly used granules at its ends go through bounce
 * buffers, the granules between them are mapped directly.
 *
 * With the quirk `bounce_link_no_middle`, the empty middle of a buffer of two partial granules is linked,
 * too. Where page tables refuse an empty range, such a buffer fails, and the error path begins to
 * unlink at the current position of the walk instead of its start. Those of 6.18 accept it, also
 * where there is only a tail (captured on 6.18.15).
 *
 * A bounce buffer keeps the offset of the original buffer only as far as the device's min-align
 * mask requires. Therefore the head of a buffer cannot be bounced for a device without such a mask:
 * the page table refuses the address.
 *
 * @see rules/dma.md 3.4
 */
function linkBounced(machine: DmaMachine, part: RangePart, phys: PhysAddr): number {
  const { dev: { domain }, offset, sizeBytes } = part;
  const head = domain.offsetOf(phys);
  const tail = domain.offsetOf(phys + sizeBytes);
  let done = 0;
  let error = 0;
  if (head !== 0) {
    const length = Math.min(sizeBytes, domain.granuleBytes - head);
    error = linkThroughSlot(machine, part, phys, offset, length);
    if (error !== 0) return error;
    done = length;
  }
  const middle = sizeBytes - done - (done < sizeBytes ? tail : 0);
  invariant(middle >= 0, "Head and tail of a link overlap");
  const noMiddle = machine.kernel.bounce_link_no_middle;
  const empty = noMiddle && middle === 0 && done < sizeBytes;
  if (empty && machine.kernel.empty_map_accepted) {
    const at = part.state.addr + offset + done;
    domain.mapNothing(at, phys + done as PhysAddr, leafFlags(part.dev, part.dir, part.attrs));
  } else if (middle > 0 || empty && done > 0) {
    error = linkPlain(machine, part, phys + done as PhysAddr, offset + done, middle);
    if (error === 0) done += middle;
  }
  if (error === 0 && done < sizeBytes) {
    error = linkThroughSlot(machine, part, phys + done as PhysAddr, offset + done, tail);
  }
  if (error !== 0 && done > 0) {
    const from = noMiddle ? offset + done : offset;
    unlinkRange(machine, part, from, done, true);
  }
  return error;
}

/** Links a part of one granule through a bounce buffer. */
function linkThroughSlot(
  machine: DmaMachine,
  { attrs, dev, dir, state }: RangePart,
  phys: PhysAddr,
  offset: number,
  sizeBytes: Bytes,
): number {
  const { domain } = dev;
  const slot = bounceForIommu(machine, dev, phys, sizeBytes, dir, attrs);
  if (slot === DMA_MAPPING_ERROR) return -ERRNO.ENOMEM;
  const inGranule = domain.offsetOf(phys);
  const iova = state.addr + offset - inGranule;
  const at = slot - inGranule as PhysAddr;
  if (maintainsCaches(dev, attrs)) cleanCaches(machine, at, domain.granuleBytes);
  const error = domain.map(iova, at, domain.granuleBytes, leafFlags(dev, dir, attrs));
  if (error !== 0) {
    machine.swiotlb.unmap(dev, slot as PhysAddr, sizeBytes, dir, attrs);
    return error;
  }
  state.bounced = true;
  state.linkedBytes += domain.granuleBytes;
  return 0;
}

/** Makes the links in a part of the range visible. @see rules/dma.md 3.5 */
export function iovaSync({ dev: { domain }, dma: first, sizeBytes }: RangePart): void {
  const inGranule = domain.offsetOf(first);
  domain.syncMap(first - inGranule, domain.roundUp(sizeBytes + inGranule));
}

/** Ends the mappings of a part of the range; its addresses stay reserved. @see rules/dma.md 3.5 */
export function iovaUnlink(machine: DmaMachine, part: RangePart): void {
  const { checker } = machine;
  checker?.ranges.unlinking(part);
  const unmapped = unlinkRange(machine, part, part.offset, part.sizeBytes, true);
  checker?.ranges.unlinked(part, false, unmapped);
}

/** Returns the bytes that the page table cleared. */
function unlinkRange(
  machine: DmaMachine,
  part: RangePart,
  offset: number,
  sizeBytes: Bytes,
  flushNow: boolean,
): Bytes {
  const { attrs, dev, dev: { domain }, state } = part;
  const first = state.addr + offset;
  if (state.bounced || maintainsCaches(dev, attrs)) leaveBuffers(machine, part, first, sizeBytes);
  const inGranule = domain.offsetOf(first);
  const length = domain.roundUp(sizeBytes + inGranule);
  const unmapped = domain.unmap(first - inGranule, length, flushNow, "__iommu_dma_iova_unlink");
  invariant(unmapped >= 0, "A negative number of bytes was unlinked");
  const before = state.linkedBytes;
  state.linkedBytes -= Math.min(unmapped, before);
  // Links that leaked when the range was freed have now been unlinked.
  if (!state.held && before > 0 && state.linkedBytes === 0) forget(machine, dev);
  return unmapped;
}

/**
 * Hands the buffers back to the CPU granule by granule: maintains caches, and copies bounce buffers
 * to memory before freeing them.
 */
function leaveBuffers(
  machine: DmaMachine,
  { attrs, dev, dir }: RangePart,
  first: number,
  sizeBytes: Bytes,
): void {
  const { domain } = dev;
  let at = first;
  let left = sizeBytes;
  while (left > 0) {
    const count = Math.min(left, domain.granuleBytes - domain.offsetOf(at));
    invariant(count > 0, "A part of a range makes no progress");
    const phys = machine.iommu.lookup(dev, at);
    if (phys <= 0) {
      machine.warnings.warn(
        "iommu_dma_iova_unlink_range_slow",
        `Device "${dev.name}": nothing is linked at ${hexAddress(at)}`,
      );
      return;
    }
    if (maintainsCaches(dev, attrs)) invalidateCaches(machine, phys as PhysAddr, count, dir);
    machine.swiotlb.unmap(dev, phys as PhysAddr, count, dir, attrs);
    at += count;
    left -= count;
  }
}

/**
 * Whether a granule of a part is mapped to a bounce buffer. Must be called before the unlink.
 * @see rules/dma.md 3.4: heads and tails are bounced, the middle is not
 */
export function hasBounced(
  machine: DmaMachine,
  { dev, dma: first, sizeBytes }: RangePart,
): boolean {
  const { granuleBytes } = dev.domain;
  for (let at = first - dev.domain.offsetOf(first); at < first + sizeBytes; at += granuleBytes) {
    const phys = machine.iommu.lookup(dev, Math.max(at, first));
    // This walk ends at the first granule without a link, like the walk of the kernel's call.
    if (phys <= 0) return false;
    if (machine.swiotlb.contains(phys)) return true;
  }
  return false;
}

/** Frees the range at once, without checking for links in it. */
export function iovaFree(machine: DmaMachine, dev: TranslatedDevice, state: DmaIovaState): void {
  const { domain } = dev;
  const inGranule = domain.offsetOf(state.addr);
  const start = state.addr - inGranule;
  machine.checker?.ranges.released(dev, state, null, 0);
  letGo(machine, dev, state);
  domain.freeIova(start, domain.roundUp(state.sizeBytes + inGranule));
}

/**
 * Unmaps the first bytes of the range and frees the range. Releases differ in two ways. One is
 * whether the free waits for a flush in lazy mode. The other is how much is freed when the mapped
 * length is shorter than the reserved length: only the mapped length, or the whole range although
 * mappings may remain in it.
 *
 * @param part Begins where the range begins.
 * @see rules/dma.md 3.5 (size-class effect), rules/v7.3.md 1.1, 1.4
 */
export function iovaDestroy(machine: DmaMachine, part: RangePart): void {
  const { dev, dev: { domain }, sizeBytes, state } = part;
  if (sizeBytes === 0) {
    iovaFree(machine, dev, state);
    return;
  }
  const { checker, kernel } = machine;
  const atOnce = !kernel.destroy_waits_for_flush;
  checker?.ranges.unlinking(part);
  const unmapped = unlinkRange(machine, part, 0, sizeBytes, atOnce || !domain.lazy);
  checker?.ranges.unlinked(part, true, unmapped);
  checker?.ranges.released(dev, state, sizeBytes, unmapped);
  const inGranule = domain.offsetOf(state.addr);
  const freedBytes = kernel.destroy_frees_mapped_length ? sizeBytes : state.sizeBytes;
  letGo(machine, dev, state);
  const start = state.addr - inGranule;
  const length = domain.roundUp(freedBytes + inGranule);
  if (atOnce) domain.freeIova(start, length);
  else domain.releaseIova(start, length);
}

/**
 * Records that the state no longer owns its range. Memory that is still linked has leaked and stays
 * a live mapping.
 */
function letGo(machine: DmaMachine, dev: DmaDevice, state: DmaIovaState): void {
  if (!state.held) return;
  state.held = false;
  machine.iommu.liveRanges--;
  if (state.linkedBytes === 0) forget(machine, dev);
}

/** Counts one live mapping less. */
function forget(machine: DmaMachine, dev: DmaDevice): void {
  machine.iommu.liveMappings--;
  dev.mappings--;
}

/**
 * Returns the device as a device with a domain. After a try-alloc that returned false, the device
 * may have no domain.
 * @throws {KernelError} EFAULT for a device without a domain: a kernel would follow a null pointer.
 * @see rules/dma.md 3.5
 */
export function translated(machine: DmaMachine, dev: DmaDevice, call: string): TranslatedDevice {
  return isTranslated(dev) ? dev : refuseUntranslated(machine, dev, call);
}

/** Not part of `translated`, so that the check there can be inlined in each call. */
function refuseUntranslated({ events, iommu }: DmaMachine, dev: DmaDevice, call: string): never {
  return dereferenceNull(events, call, `device "${dev.name}" has no IOMMU address space`, {
    rule: "dma.3.5",
    inputs: { translated: false, iommu_mode: iommu.modeOf(dev) },
  });
}
