/**
 * Maps pages of a process for a device one by one, in any order, for as long as the process keeps
 * the pages. There is one IOVA range for all pages, and a list of which pages are mapped.
 *
 * @see rules/hmm-rdma-vfio.md chapter 1
 */
import {
  type Bytes,
  DMA_MAPPING_ERROR,
  type DmaAddr,
  PAGE_SIZE_BYTES,
  pfnToPhys,
  type PhysAddr,
} from "../address.ts";
import { DMA_ATTR, DMA_BIDIRECTIONAL } from "../dma/attributes.ts";
import { type Call, callOf } from "../dma/calls/call_events.ts";
import type { DmaDevice } from "../dma/device/device.ts";
import { directAddress } from "../dma/paths/map_branch.ts";
import { DmaIovaState } from "../dma/iova_state.ts";
import { addressingLimited } from "../dma/calls/mapping_queries.ts";
import {
  PEER_BEHIND_BRIDGE,
  PEER_REFUSED,
  peerBusAddress,
  type PeerMemo,
} from "../dma/paths/scatterlist_peer.ts";
import { ERRNO, errnoName, invariant } from "../errno.ts";
import { type EventFields, eventId, type KernelCall } from "../event_vocabulary.ts";
import type { Why } from "../events.ts";
import { INJECTION } from "../injection.ts";
import { requireFeature } from "../kernels/kernels.ts";
import type { Machine } from "../machine.ts";
import { dereferenceNull } from "../warnings.ts";
import { flagWords, HMM_PFN, HmmPfnList } from "./hmm_pfn_list.ts";

const { DMA_MAPPED, P2PDMA, P2PDMA_BUS, VALID } = HMM_PFN;
const STICKY = DMA_MAPPED + P2PDMA + P2PDMA_BUS;
type ListCost = "hmm_pfn_list" | "hmm_dma_list";

const ALLOC = callOf("hmm_dma_map_alloc");
const FREE = callOf("hmm_dma_map_free");
const MAP = callOf("hmm_dma_map_pfn");
const UNMAP = callOf("hmm_dma_unmap_pfn");

const MEM_ALLOC = eventId("mem.alloc");
const MEM_FREE = eventId("mem.free");

/** Bytes of an entry of `pfns` or of `dmaList`. */
const LIST_ENTRY_BYTES = 8;

/** How a map reaches memory. */
export type HmmMapMode =
  /** One IOVA range. */
  | "iova"
  /** The map has a list of addresses: there is no range, and unmapping needs the addresses. */
  | "list"
  /** Nothing is stored: mapping a page again gives the same address. */
  | "stateless";

/** The result of mapping an entry, and its reason. */
interface HmmOutcome {
  /** The DMA address of the page, or `DMA_MAPPING_ERROR`. */
  readonly dma: DmaAddr;
  readonly why: Why;
}

export class HmmDmaMap {
  readonly state = new DmaIovaState();
  /** The list of pages, with one entry for each 4 KiB. */
  readonly pfns: HmmPfnList;
  /** The list of addresses, with one address for each 4 KiB; null if the map has no such list. */
  dmaList: Float64Array | null = null;
  /** Bytes of an entry of the device's table. */
  readonly entrySizeBytes: Bytes;
  /** True while the map owns its lists. */
  held = true;
  /** Start of the map's range, also after the range was freed; 0 without a range. */
  firstDma = 0 as DmaAddr;

  constructor(pages: number, entrySizeBytes: Bytes) {
    this.pfns = new HmmPfnList(pages);
    this.entrySizeBytes = entrySizeBytes;
  }

  get mode(): HmmMapMode {
    if (this.state.sizeBytes !== 0) return "iova";
    return this.dmaList === null ? "stateless" : "list";
  }

  /** Bytes of host memory for the map's lists. */
  get memoryBytes(): Bytes {
    return this.pfns.sizeBytes + (this.dmaList?.byteLength ?? 0);
  }
}

/** Performs a call as work for a device, and emits the call's events before and after it. */
function during<C extends KernelCall, T>(
  machine: Machine,
  dev: DmaDevice | null,
  call: Call<C>,
  args: EventFields<`call.${C}`>,
  act: () => T,
  outcome: (result: T) => readonly [EventFields<`ret.${C}`>, Why],
): T {
  requireFeature(machine, "hmm_dma_map", call.api);
  const { events } = machine;
  return events.context.asDevice(dev?.name ?? null, () => {
    if (events.tick(call.call)) events.emit(call.call, args);
    const result = act();
    if (events.tick(call.ret)) events.emit(call.ret, ...outcome(result));
    return result;
  });
}

/**
 * Creates a map for a list of pages, with nothing mapped.
 *
 * @param dev Null for a device without DMA: a kernel would crash.
 * @param pages Number of 4 KiB pages. If all these pages together are smaller than one entry of the
 *   device's table, the kernel warns once and accepts them.
 * @returns A map, or a negative errno: -EOPNOTSUPP for a device that needs bounce buffers or cache
 *   maintenance, or cannot reach all memory; -ENOMEM.
 * @throws {KernelError} EFAULT without a device.
 * @see rules/hmm-rdma-vfio.md 1.2
 */
export function hmmDmaMapAlloc(
  machine: Machine,
  dev: DmaDevice | null,
  pages: number,
  entrySizeBytes: Bytes,
): HmmDmaMap | number {
  return during(
    machine,
    dev,
    ALLOC,
    { dev: dev?.name ?? null, pages, size: entrySizeBytes },
    () => newMap(machine, dev, pages, entrySizeBytes),
    (made) => {
      const failed = typeof made === "number";
      return [
        failed ? { result: made, error: errnoName(made) } : { result: 0, error: null },
        {
          rule: ALLOC.rule,
          inputs: {
            mode: failed ? null : made.mode,
            range: failed ? 0 : made.firstDma,
            needs_sync: dev === null || !dev.skipSync,
            addressing_limited: dev !== null && addressingLimited(machine, dev),
            memory_bytes: failed ? 0 : made.memoryBytes,
          },
        },
      ];
    },
  );
}

function newMap(
  machine: Machine,
  dev: DmaDevice | null,
  pages: number,
  entrySizeBytes: Bytes,
): HmmDmaMap | number {
  if (dev === null) {
    return dereferenceNull(machine.events, "hmm_dma_map_alloc", "the device that does DMA");
  }
  const sizeBytes = pages * PAGE_SIZE_BYTES;
  if (sizeBytes < entrySizeBytes) {
    machine.warnings.warnOnce(
      "hmm_dma_map_alloc",
      `Device "${dev.name}" has entries of ${entrySizeBytes} bytes for a map of ${sizeBytes}`,
    );
  }
  if (!dev.skipSync || addressingLimited(machine, dev)) return -ERRNO.EOPNOTSUPP;
  const map = hmmPfnListAlone(machine, pages, entrySizeBytes);
  if (typeof map === "number") return map;
  if (machine.dma.dmaIovaTryAlloc(dev, map.state, 0 as PhysAddr, sizeBytes)) {
    map.firstDma = map.state.addr;
    return map;
  }
  if (machine.dma.dmaNeedUnmap(dev)) {
    if (!takeList(machine, "hmm_dma_list", pages)) {
      giveList(machine, "hmm_pfn_list", pages);
      return -ERRNO.ENOMEM;
    }
    map.dmaList = new Float64Array(pages);
  }
  return map;
}

/** Makes a map with a list of page frames only, for a software-only device. */
export function hmmPfnListAlone(
  machine: Machine,
  pages: number,
  entrySizeBytes: Bytes,
): HmmDmaMap | number {
  if (!takeList(machine, "hmm_pfn_list", pages)) return -ERRNO.ENOMEM;
  return new HmmDmaMap(pages, entrySizeBytes);
}

/**
 * Frees the range and the lists. Nothing is unmapped: the caller must have unmapped all entries
 * before. The map is not cleared, so a second free frees the same addresses again.
 * @see rules/hmm-rdma-vfio.md 1.2 (free), 5.14
 */
export function hmmDmaMapFree(machine: Machine, dev: DmaDevice | null, map: HmmDmaMap): void {
  const why = { rule: FREE.rule, inputs: { mode: map.mode } };
  during(
    machine,
    dev,
    FREE,
    { dev: dev?.name ?? null },
    () => {
      if (dev !== null && machine.dma.dmaUseIova(map.state)) {
        machine.dma.dmaIovaFree(dev, map.state);
      }
      if (map.dmaList !== null) giveList(machine, "hmm_dma_list", map.pfns.length);
      giveList(machine, "hmm_pfn_list", map.pfns.length);
      map.held = false;
    },
    () => [{ result: null, error: null }, why],
  );
}

/**
 * Maps one entry. The caller has checked that the entry is valid, and holds the entry's lock.
 *
 * @param memo Remembers the peer of earlier entries; null without a P2P provider.
 * @returns The entry's address for the device, or `DMA_MAPPING_ERROR`.
 * @throws {KernelError} EFAULT when the device now needs the list of addresses, which does not exist.
 * @see rules/hmm-rdma-vfio.md 1.3
 */
export function hmmDmaMapPfn(
  machine: Machine,
  dev: DmaDevice,
  map: HmmDmaMap,
  index: number,
  memo: PeerMemo | null,
): DmaAddr {
  return during(
    machine,
    dev,
    MAP,
    { dev: dev.name, index },
    () => mapEntry(machine, dev, map, index, memo),
    ({ dma, why }) => [
      dma === DMA_MAPPING_ERROR ? { result: null, error: "ENOMEM" } : { result: dma, error: null },
      why,
    ],
  ).dma;
}

function mapEntry(
  machine: Machine,
  dev: DmaDevice,
  map: HmmDmaMap,
  index: number,
  memo: PeerMemo | null,
): HmmOutcome {
  const { pfns, state } = map;
  const { dma } = machine;
  const usesIova = dma.dmaUseIova(state);
  if (pfns.has(index, DMA_MAPPED) && !pfns.has(index, P2PDMA_BUS)) {
    if (usesIova) return outcome(1, map, index, iovaOf(map, index));
    if (dma.dmaNeedUnmap(dev)) {
      return outcome(2, map, index, listOf(machine, map, "hmm_dma_map_pfn")[index]! as DmaAddr);
    }
    // If no unmap is needed, a mapped page is mapped again instead of being looked up: that costs
    // nothing and changes nothing.
  }
  const phys = pfnToPhys(pfns.pfn(index));
  let attrs: number = DMA_ATTR.REQUIRE_COHERENT;
  const peer = memo === null ? null : peerBusAddress(machine, dev, phys, memo);
  if (peer === PEER_REFUSED) return outcome(4, map, index, DMA_MAPPING_ERROR);
  if (typeof peer === "number") {
    pfns.addFlags(index, P2PDMA_BUS + DMA_MAPPED);
    machine.checker?.peers.onBus(dev, peer, map.entrySizeBytes);
    return outcome(5, map, index, peer);
  }
  if (peer === PEER_BEHIND_BRIDGE) {
    pfns.addFlags(index, P2PDMA);
    attrs |= DMA_ATTR.MMIO;
  }
  const size = map.entrySizeBytes;
  let row = 7;
  let address: DmaAddr = DMA_MAPPING_ERROR;
  if (usesIova) {
    const offset = index * size;
    if (dma.dmaIovaLink(dev, state, phys, offset, size, DMA_BIDIRECTIONAL, attrs) === 0) {
      if (dma.dmaIovaSync(dev, state, offset, size) === 0) address = iovaOf(map, index);
      else dma.dmaIovaUnlink(dev, state, offset, size, DMA_BIDIRECTIONAL, attrs);
    }
  } else if (map.dmaList === null && dma.dmaNeedUnmap(dev)) {
    row = 8;
    machine.warnings.warnOnce(
      "hmm_dma_map_pfn",
      `Device "${dev.name}" needs unmaps now, and there is no list to keep addresses in`,
    );
  } else {
    row = 9;
    address = dma.mapSegment(dev, phys, size, DMA_BIDIRECTIONAL, attrs);
    const failed = dma.dmaMappingError(dev, address) !== 0;
    if (!failed && map.dmaList !== null) map.dmaList[index] = address;
  }
  if (address === DMA_MAPPING_ERROR) pfns.clearFlags(index, P2PDMA);
  else pfns.addFlags(index, DMA_MAPPED);
  return outcome(row, map, index, address);
}

/**
 * Ends one entry's mapping.
 * @returns False, with nothing done, for an entry that is not valid, or not mapped.
 * @throws {KernelError} EFAULT when the device now needs the list of addresses, which does not exist.
 * @see rules/hmm-rdma-vfio.md 1.4
 */
export function hmmDmaUnmapPfn(
  machine: Machine,
  dev: DmaDevice,
  map: HmmDmaMap,
  index: number,
): boolean {
  const flags = flagWords(map.pfns.flags(index));
  return during(
    machine,
    dev,
    UNMAP,
    { dev: dev.name, index },
    () => unmapEntry(machine, dev, map, index),
    (result) => [
      { result, error: null },
      { rule: UNMAP.rule, inputs: { index, flags, mode: map.mode, range: map.firstDma } },
    ],
  );
}

function unmapEntry(machine: Machine, dev: DmaDevice, map: HmmDmaMap, index: number): boolean {
  const { entrySizeBytes: size, pfns, state } = map;
  const { dma } = machine;
  if (!pfns.has(index, VALID + DMA_MAPPED)) return false;
  let attrs: number = DMA_ATTR.REQUIRE_COHERENT;
  if (pfns.has(index, P2PDMA)) attrs |= DMA_ATTR.MMIO;
  const phys = pfnToPhys(pfns.pfn(index));
  if (pfns.has(index, P2PDMA_BUS)) {
    machine.checker?.peers.offBus(dev, machine.peers!.busAddress(phys), size);
  } else {
    if (dma.dmaUseIova(state)) {
      dma.dmaIovaUnlink(dev, state, index * size, size, DMA_BIDIRECTIONAL, attrs);
    } else if (dma.dmaNeedUnmap(dev)) {
      const address = listOf(machine, map, "hmm_dma_unmap_pfn")[index]! as DmaAddr;
      dma.unmapSegment(dev, address, size, DMA_BIDIRECTIONAL, attrs);
    } else {
      machine.checker?.mappings.through(dev, directAddress(dev, phys), size, DMA_BIDIRECTIONAL);
    }
  }
  pfns.clearFlags(index, STICKY);
  return true;
}

function iovaOf({ entrySizeBytes, state }: HmmDmaMap, index: number): DmaAddr {
  return state.addr + index * entrySizeBytes as DmaAddr;
}

function outcome(row: number, map: HmmDmaMap, index: number, dma: DmaAddr): HmmOutcome {
  return {
    dma,
    why: {
      rule: `hmm-rdma-vfio.1.3.${row}`,
      inputs: { index, mode: map.mode, range: map.firstDma },
    },
  };
}

/**
 * The list of addresses. The device's present state, not the map, decides whether the list is used.
 * If the device has bounced since the map was made, a kernel uses the list although the map has
 * none, and crashes when it reads the list.
 *
 * @see rules/hmm-rdma-vfio.md chapter 4, case 3
 */
function listOf(machine: Machine, { dmaList }: HmmDmaMap, call: string): Float64Array {
  return dmaList ?? dereferenceNull(machine.events, call, "the list of addresses of a map");
}

/**
 * Allocates memory for a list of words.
 * @returns False if the memory cannot be allocated.
 */
export function takeList(machine: Machine, what: ListCost, entries: number): boolean {
  const { events, faults } = machine;
  if (faults !== null && faults.errnoAt(INJECTION[`${what}.alloc`]) !== 0) return false;
  invariant(entries >= 0, "A list has a negative number of entries");
  const sizeBytes = entries * LIST_ENTRY_BYTES;
  machine.budget.hold(sizeBytes);
  if (events.tick(MEM_ALLOC)) events.emit(MEM_ALLOC, { what, size_bytes: sizeBytes, from: "slab" });
  return true;
}

/** Frees the memory of a list. */
export function giveList(machine: Machine, what: ListCost, entries: number): void {
  const { events } = machine;
  const sizeBytes = entries * LIST_ENTRY_BYTES;
  if (events.tick(MEM_FREE)) events.emit(MEM_FREE, { what, size_bytes: sizeBytes, from: "slab" });
}
