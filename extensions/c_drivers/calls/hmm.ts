/** Mapping of pages one by one. @see rules/c-api.md 10 */
import {
  DMA_MAPPING_ERROR,
  HMM_PFN,
  type HmmDmaMap,
  hmmDmaMapAlloc,
  hmmDmaMapFree,
  hmmDmaMapPfn,
  hmmDmaUnmapPfn,
} from "@dmalab/runtime";
import { peerMemo } from "@dmalab/runtime/dma";
import type { CCallEntry } from "../call_entry.ts";
import { type CKernel, hex } from "../c_kernel.ts";
import { MARK } from "../c_memory.ts";
import { kernelEntry } from "../kernel_entry.ts";
import { showState } from "../c_iova_state.ts";

/**
 * Offsets of the members of `struct hmm_dma_map`, equal to those in
 * `extensions/c_drivers/include/linux/hmm-dma.h`.
 */
export const HMM_MAP = { state: 0, pfn_list: 16, dma_list: 24, dma_entry_size: 32 } as const;
const HMM_MAP_BYTES = 40;
const ENTRY_BYTES = 8;
/** Largest number of entries of a map: a larger map fails with ENOMEM. */
const MAX_ENTRIES = 65_536;
/**
 * An entry's upper half contains, from the top, flags, the order of the mapping, and the frame
 * number's upper bits. `ORDER_UNIT` is the order's unit in this half, `ORDERS` the number of
 * possible orders.
 */
const ORDER_UNIT = 2 ** 21;
const ORDERS = 32;
const STICKY = HMM_PFN.DMA_MAPPED + HMM_PFN.P2PDMA + HMM_PFN.P2PDMA_BUS;
const FAULTED = HMM_PFN.VALID + HMM_PFN.WRITE + HMM_PFN.ERROR;

interface KnownMap {
  readonly map: HmmDmaMap;
  /** Address of the list of frames. */
  readonly listAt: number;
}

/** The maps (`struct hmm_dma_map`), by the address of their structure. */
class CHmmMaps {
  readonly known = new Map<number, KnownMap>();
}

function mapAt(kernel: CKernel, at: number): KnownMap {
  const found = kernel.part(CHmmMaps).known.get(at);
  if (found !== undefined && kernel.memory.isOpen(at, HMM_MAP_BYTES)) return found;
  throw kernel.crash(`${at === 0 ? "NULL" : hex(at)} is no hmm_dma_map`);
}

/**
 * Reads an entry that the driver has written into the list, and puts it into the map. In a kernel,
 * a page fault fills the list.
 */
function readEntry(kernel: CKernel, { listAt, map }: KnownMap, index: number): void {
  if (!(index >= 0 && index < map.pfns.length)) {
    throw kernel.crash(`The map has no entry ${index}: it has ${map.pfns.length}`);
  }
  const { view } = kernel.memory;
  const low = view.getUint32(listAt + index * ENTRY_BYTES, true);
  const high = view.getUint32(listAt + index * ENTRY_BYTES + 4, true);
  map.pfns.clearFlags(index, STICKY);
  const order = Math.floor(high / ORDER_UNIT) % ORDERS;
  map.pfns.replace(index, (high & FAULTED) >>> 0, order, high % ORDER_UNIT * 2 ** 32 + low);
  map.pfns.addFlags(index, high & STICKY);
}

function showEntry(kernel: CKernel, { listAt, map }: KnownMap, index: number): void {
  const [high, low] = map.pfns.word(index);
  kernel.memory.view.setUint32(listAt + index * ENTRY_BYTES, low, true);
  kernel.memory.view.setUint32(listAt + index * ENTRY_BYTES + 4, high, true);
}

export const HMM_CALLS: readonly CCallEntry[] = [
  kernelEntry("hmm_dma_map_alloc", (kernel, [device, at, entries, entryBytes]) => {
    const { machine, memory } = kernel;
    if (!memory.isOpen(at, HMM_MAP_BYTES)) throw kernel.crash("There is no hmm_dma_map");
    if (!(entries > 0 && entries <= MAX_ENTRIES && entryBytes > 0)) {
      throw kernel.crash(`Cannot allocate a map of ${entries} entries of ${entryBytes} bytes`);
    }
    kernel.usesMask(device);
    const map = hmmDmaMapAlloc(machine, device, entries, entryBytes);
    if (typeof map === "number") return map;
    const listAt = kernel.room(entries * ENTRY_BYTES);
    kernel.part(CHmmMaps).known.set(at, { map, listAt });
    showState(kernel, at + HMM_MAP.state, map.state);
    memory.putWord(at + HMM_MAP.pfn_list, listAt);
    // If addresses are kept, C sees a non-null handle here instead of the list of addresses. The
    // list is in the kernel, and drivers do not access it.
    memory.putWord(at + HMM_MAP.dma_list, map.dmaList === null ? 0 : kernel.handle());
    memory.putWord(at + HMM_MAP.dma_entry_size, entryBytes);
    return 0;
  }),
  kernelEntry("hmm_dma_map_free", (kernel, [device, at]) => {
    const { listAt, map } = mapAt(kernel, at);
    hmmDmaMapFree(kernel.machine, device, map);
    kernel.memory.close(listAt, map.pfns.length * ENTRY_BYTES, MARK.FREED);
    kernel.part(CHmmMaps).known.delete(at);
  }),
  kernelEntry("hmm_dma_map_pfn", (kernel, [device, at, index]) => {
    const known = mapAt(kernel, at);
    readEntry(kernel, known, index);
    if (!known.map.pfns.has(index, HMM_PFN.VALID)) {
      throw kernel.crash(`Entry ${index} has no page that could be mapped`);
    }
    const { machine } = kernel;
    const dma = hmmDmaMapPfn(machine, device, known.map, index, peerMemo(machine));
    showEntry(kernel, known, index);
    return dma === DMA_MAPPING_ERROR ? -1 : dma;
  }),
  kernelEntry("hmm_dma_unmap_pfn", (kernel, [device, at, index]) => {
    const known = mapAt(kernel, at);
    readEntry(kernel, known, index);
    const done = hmmDmaUnmapPfn(kernel.machine, device, known.map, index);
    showEntry(kernel, known, index);
    return Number(done);
  }),
];
