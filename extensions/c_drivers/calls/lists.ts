/** Scatterlists. @see rules/c-api.md 7, traps 1 and 2 */
import {
  type DmaDevice,
  type DmaDirection,
  joinedOutputs,
  type MergedRange,
  MergedRanges,
  placeOfMerged,
  Scatterlist,
  type ScatterOutput,
} from "@dmalab/runtime/dma";
import { type DmaAddr, INJECTION, type Machine, type PhysAddr } from "@dmalab/runtime";
import type { CCallEntry } from "../call_entry.ts";
import type { CKernel } from "../c_kernel.ts";
import { kernelEntry } from "../kernel_entry.ts";
import { since72 } from "./mapping.ts";

/**
 * Offsets of the members of `struct scatterlist`, equal to those in
 * `extensions/c_drivers/include/linux/scatterlist.h`.
 */
export const SG = {
  page_link: 0,
  offset: 8,
  length: 12,
  dma_address: 16,
  dma_length: 24,
  dma_flags: 28,
} as const;
export const SG_BYTES = 32;

/**
 * Number of values of the low bits of `page_link`. The bits are marks: 1 for a link to another
 * list, 2 for the last entry.
 */
const LINK_MARKS = 4;
const LINK_CHAIN = 1;
export const LINK_END = 2;
/** The bit of `dma_flags` for an entry with a bus address; equal to the header's. */
const BUS_ADDRESS = 1;
/** The output of an entry past the last merged output. */
const NO_OUTPUT: ScatterOutput = { dma: 0 as DmaAddr, sizeBytes: 0 };
/** Upper bound for the entries of a list, and for its links. */
const MAX_ENTRIES = 4096;

/**
 * The addresses of a list's first `count` entries. The list may be chained.
 *
 * @throws {KernelError} If an entry is not in accessible memory.
 */
export function* entriesOf(kernel: CKernel, at: number, count: number): Generator<number> {
  const { memory } = kernel;
  let entry = at;
  for (let index = 0; index < count; index++, entry += SG_BYTES) {
    // A chain of links without entries is circular if it is longer than any list.
    for (let links = 0; links <= MAX_ENTRIES; links++) {
      if (!memory.isOpen(entry, SG_BYTES)) throw kernel.crash(`The list has no entry ${index}`);
      const link = memory.wordAt(entry + SG.page_link);
      if (link % LINK_END !== LINK_CHAIN) break;
      entry = link - link % LINK_MARKS;
    }
    yield entry;
  }
}

/** Reads the list in C's memory at an address; the mapping recorded for it stays unchanged. */
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

/**
 * Writes into C's memory the addresses that the device uses for the list.
 *
 * @param merged The outputs after a merge; null if the outputs of the map were not merged.
 */
function writeOutputs(
  kernel: CKernel,
  at: number,
  list: Scatterlist,
  merged: readonly ScatterOutput[] | null,
): void {
  const { memory } = kernel;
  let index = 0;
  for (const entry of entriesOf(kernel, at, list.outputs)) {
    // After a merge, the entries past the last output get address 0.
    const { dma, sizeBytes } = merged === null
      ? { dma: list.dmaAddressAt(index), sizeBytes: list.dmaLengthAt(index) }
      : merged[index] ?? NO_OUTPUT;
    memory.putAddress(entry + SG.dma_address, dma);
    memory.view.setUint32(entry + SG.dma_length, sizeBytes, true);
    const flags = memory.view.getUint32(entry + SG.dma_flags, true) & ~BUS_ADDRESS;
    memory.view.setUint32(
      entry + SG.dma_flags,
      list.isBusAddressAt(index) ? flags | BUS_ADDRESS : flags,
      true,
    );
    index++;
  }
}

/** Merged address ranges of mapped lists, by the address of the list. */
class MergedLists {
  readonly of = new Map<number, { readonly device: DmaDevice; readonly ranges: MergedRange[] }>();

  forget(at: number): void {
    const found = this.of.get(at);
    if (found === undefined) return;
    this.of.delete(at);
    const { device, ranges } = found;
    for (const range of ranges) device.merged?.remove(range);
    if (device.merged?.isEmpty === true) device.merged = null;
  }
}

/**
 * Merges adjacent outputs of a list that was just mapped, if the scenario requests this. The
 * injection point is reached only if there are outputs to merge.
 *
 * @returns The outputs for C; null if they are unchanged.
 */
function mergeOutputs(
  kernel: CKernel,
  at: number,
  device: DmaDevice,
  list: Scatterlist,
): readonly ScatterOutput[] | null {
  const { machine } = kernel;
  if (machine.faults === null || list.outputs !== list.count) return null;
  const outputs = list.mapped();
  if (outputs.some((_, index) => list.isBusAddressAt(index))) return null;
  const groups = joinedOutputs(device, outputs);
  if (groups === null) return null;
  const merged = new MergedRanges();
  const made: ScatterOutput[] = [];
  const joined: MergedRange[] = [];
  const isFree = (dma: number, sizeBytes: number) =>
    device.merged?.touches(dma, sizeBytes) !== true && !merged.touches(dma, sizeBytes) &&
    (device.domain !== null || isNoMemoryInUse(machine, dma, sizeBytes));
  for (const group of groups) {
    const [first] = group as [ScatterOutput];
    if (group.length === 1) {
      made.push(first);
      continue;
    }
    const sizeBytes = group.reduce((sum, output) => sum + output.sizeBytes, 0);
    const dma = placeOfMerged(device, first, sizeBytes, machine.config.iommu.granuleBytes, isFree);
    if (dma === null) return null;
    const range = merged.add(dma, group);
    joined.push(range);
    made.push(range);
  }
  if (machine.faults.statusAt(INJECTION["dma_map_sg.merge"]) === null) return null;
  device.merged ??= new MergedRanges();
  const live = joined.map(({ dma, parts }) => device.merged!.add(dma, parts));
  kernel.part(MergedLists).of.set(at, { device, ranges: live });
  return made;
}

function isNoMemoryInUse(machine: Machine, phys: number, sizeBytes: number): boolean {
  return machine.pages.isUnused(phys, sizeBytes) ||
    !machine.memory.ranges.some((range) =>
      range.basePhys < phys + sizeBytes && phys < range.basePhys + range.sizeBytes
    );
}

/**
 * The list that a map call recorded at an address. Without such a record, the list that is in C's
 * memory.
 */
function mappedList(kernel: CKernel, at: number, entries: number): Scatterlist {
  const list = kernel.lists.get(at);
  return list !== undefined && list.count === entries ? list : readList(kernel, at, entries);
}

/**
 * Calls `visit` for every entry of a list, with four arguments: a key that identifies the entry's
 * memory in the device-owned ranges, the address and the size of the memory, and the device's
 * address for it.
 */
function eachEntry(
  list: Scatterlist,
  visit: (name: number, phys: PhysAddr, sizeBytes: number, seenAt: number) => void,
): void {
  const outputs = list.mapped();
  let [output, done] = [0, 0];
  for (let index = 0; index < list.count; index++) {
    const phys = list.physAt(index);
    const sizeBytes = list.lengthAt(index);
    // An output may cover several entries, so its address cannot be the key of an entry. The key is
    // made from the address of the entry's own memory.
    visit(-phys, phys, sizeBytes, (outputs[output]?.dma ?? 0) + done);
    done += sizeBytes;
    if (done >= (outputs[output]?.sizeBytes ?? 0)) [output, done] = [output + 1, 0];
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
  const merged = mergeOutputs(kernel, at, device, list);
  writeOutputs(kernel, at, list, merged);
  eachEntry(
    list,
    (name, phys, sizeBytes, seenAt) =>
      kernel.lent.add(device, { dma: name, seenAt }, phys, sizeBytes, dir, attrs),
  );
  return merged?.length ?? list.outputs;
};

export const LIST_CALLS: readonly CCallEntry[] = [
  kernelEntry("dma_map_sg", mapWith("dmaMapSg")),
  kernelEntry("dma_map_sgtable", mapWith("dmaMapSgtable")),
  kernelEntry("dma_unmap_sg", (kernel, [device, at, entries, dir, attrs]) => {
    const list = kernel.lists.get(at) ?? readList(kernel, at, entries);
    eachEntry(list, (name) => kernel.lent.end(device, name));
    kernel.machine.dma.dmaUnmapSg(device, list, dir, attrs, entries);
    kernel.lists.delete(at);
    kernel.part(MergedLists).forget(at);
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
