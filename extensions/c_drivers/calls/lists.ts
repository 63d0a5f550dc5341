/** Scatterlists. @see rules/c-api.md 7, traps 1 and 2 */
import { type DmaDevice, type DmaDirection, Scatterlist } from "@dmalab/runtime/dma";
import type { PhysAddr } from "@dmalab/runtime";
import type { CCallEntry } from "../call_entry.ts";
import type { CKernel } from "../c_kernel.ts";
import { kernelEntry } from "../kernel_entry.ts";
import { since72 } from "./mapping.ts";

/** Where the members of `struct scatterlist` lie; `extensions/c_drivers/include/linux/scatterlist.h` has the same. */
export const SG = {
  page_link: 0,
  offset: 8,
  length: 12,
  dma_address: 16,
  dma_length: 24,
  dma_flags: 28,
} as const;
export const SG_BYTES = 32;

/** Low bits of `page_link`: 1 leads to another list, 2 is the last entry. */
const LINK_MARKS = 4;
const LINK_CHAIN = 1;
export const LINK_END = 2;
/** The bit of `dma_flags` of what has an address of the bus; the header has the same. */
const BUS_ADDRESS = 1;
/** More entries than any list has. */
const MAX_ENTRIES = 4096;

/**
 * Where the first so many entries of a list lie, which may go on elsewhere.
 *
 * @throws {KernelError} Where there is no memory for one.
 */
export function* entriesOf(kernel: CKernel, at: number, count: number): Generator<number> {
  const { memory } = kernel;
  let entry = at;
  for (let index = 0; index < count; index++, entry += SG_BYTES) {
    // A list that only leads on is a ring: none is longer than what a kernel takes.
    for (let links = 0; links <= MAX_ENTRIES; links++) {
      if (!memory.isOpen(entry, SG_BYTES)) throw kernel.crash(`The list has no entry ${index}`);
      const link = memory.wordAt(entry + SG.page_link);
      if (link % LINK_END !== LINK_CHAIN) break;
      entry = link - link % LINK_MARKS;
    }
    yield entry;
  }
}

/** The list that C has at an address, read anew; what is mapped of it stays as it is. */
function readList(kernel: CKernel, at: number, entries: number): Scatterlist {
  if (!(entries >= 0 && entries <= MAX_ENTRIES)) {
    throw kernel.crash(`Invalid list of ${entries} entries`);
  }
  const list = new Scatterlist([], Math.max(1, entries));
  const { memory } = kernel;
  for (const entry of entriesOf(kernel, at, entries)) {
    const link = memory.wordAt(entry + SG.page_link);
    const page = kernel.pagePhys(link - link % LINK_MARKS);
    const offset = memory.view.getUint32(entry + SG.offset, true);
    list.add(page + offset as PhysAddr, memory.view.getUint32(entry + SG.length, true));
  }
  return list;
}

/** Tells C where the device sees the list. */
function writeOutputs(kernel: CKernel, at: number, list: Scatterlist): void {
  const { memory } = kernel;
  let index = 0;
  for (const entry of entriesOf(kernel, at, list.outputs)) {
    memory.putAddress(entry + SG.dma_address, list.dmaAddressAt(index));
    memory.view.setUint32(entry + SG.dma_length, list.dmaLengthAt(index), true);
    const flags = memory.view.getUint32(entry + SG.dma_flags, true) & ~BUS_ADDRESS;
    memory.view.setUint32(
      entry + SG.dma_flags,
      list.isBusAddressAt(index) ? flags | BUS_ADDRESS : flags,
      true,
    );
    index++;
  }
}

/** The list that a map has left at an address; as C has it where none has. */
function mappedList(kernel: CKernel, at: number, entries: number): Scatterlist {
  const list = kernel.lists.get(at);
  return list !== undefined && list.count === entries ? list : readList(kernel, at, entries);
}

/** Calls back with every entry's memory, and with what the book of lent memory knows it by. */
function eachEntry(
  list: Scatterlist,
  visit: (name: number, phys: PhysAddr, sizeBytes: number) => void,
): void {
  for (let index = 0; index < list.count; index++) {
    const phys = list.physAt(index);
    // Outputs cover several entries: each entry is known by its own memory.
    visit(-phys, phys, list.lengthAt(index));
  }
}

const mapWith = (method: "dmaMapSg" | "dmaMapSgtable") =>
(
  kernel: CKernel,
  [device, at, entries, dir, attrs]: readonly [DmaDevice, number, number, DmaDirection, number],
): number => {
  kernel.usesMask(device);
  const list = readList(kernel, at, entries);
  const result = kernel.machine.dma[method](device, list, dir, attrs);
  const failed = method === "dmaMapSg" ? result === 0 : result < 0;
  if (failed) return result;
  kernel.lists.set(at, list);
  writeOutputs(kernel, at, list);
  eachEntry(
    list,
    (name, phys, sizeBytes) => kernel.lent.add(device, name, phys, sizeBytes, dir, attrs),
  );
  return list.outputs;
};

export const LIST_CALLS: readonly CCallEntry[] = [
  kernelEntry("dma_map_sg", mapWith("dmaMapSg")),
  kernelEntry("dma_map_sgtable", mapWith("dmaMapSgtable")),
  kernelEntry("dma_unmap_sg", (kernel, [device, at, entries, dir, attrs]) => {
    const list = kernel.lists.get(at) ?? readList(kernel, at, entries);
    eachEntry(list, (name) => kernel.lent.end(device, name));
    kernel.machine.dma.dmaUnmapSg(device, list, dir, attrs, entries);
    kernel.lists.delete(at);
  }),
  ...([["cpu", "Cpu"], ["device", "Device"]] as const).map(([owner, Owner]) =>
    kernelEntry(`dma_sync_sg_for_${owner}`, (kernel, [device, at, entries, dir]) => {
      const list = mappedList(kernel, at, entries);
      kernel.machine.dma[`dmaSyncSgFor${Owner}`](device, list, dir);
      eachEntry(
        list,
        (name, _phys, sizeBytes) => kernel.lent.hand(device, name, sizeBytes, owner === "cpu"),
      );
    })
  ),
  {
    c: "int sg_nents_for_dma(struct scatterlist *sg, unsigned int n, size_t max)",
    isIn: since72,
    run(kernel, [at, count, mostBytes]) {
      if (!(mostBytes > 0)) throw kernel.crash("sg_nents_for_dma() with a segment length of 0");
      const { memory } = kernel;
      let pieces = 0;
      for (const entry of entriesOf(kernel, at, Math.min(count >>> 0, MAX_ENTRIES))) {
        pieces += Math.ceil(memory.view.getUint32(entry + SG.dma_length, true) / mostBytes);
      }
      return pieces;
    },
  },
];
