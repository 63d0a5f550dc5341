/**
 * A scatterlist: buffers that are mapped together, and afterwards the DMA ranges for the device.
 *
 * As in the kernel, inputs and outputs share the entries: output k is stored in the DMA fields of
 * entry k, whichever inputs it covers. It stays there after the unmap until the list is cleared or
 * mapped again. The fields are columns of typed arrays, so a driver that keeps its lists makes no
 * garbage when it maps them.
 *
 * @see rules/dma.md chapter 7
 */
import { type Bytes, DMA_MAPPING_ERROR, type DmaAddr, type PhysAddr } from "../address.ts";
import { invariant } from "../errno.ts";
import type { MapBranch } from "./paths/map_branch.ts";

/**
 * Number of entries in one table of a list; a table fills a page of memory. In a chain, each table
 * except the last uses one entry for the link to the next table.
 */
export const SCATTER_TABLE_ENTRIES = 128;
/** Host memory of an entry. @see rules/nvme.md 6 */
export const SCATTER_ENTRY_BYTES: Bytes = 32;

/** One buffer to be mapped. */
export interface ScatterSegment {
  /** Its first byte. */
  readonly phys: PhysAddr;
  /** Its size. */
  readonly sizeBytes: Bytes;
}

/** One DMA range for the device. */
export interface ScatterOutput {
  /** Its first byte. */
  readonly dma: DmaAddr;
  /** Its size. */
  readonly sizeBytes: Bytes;
}

/** Bit of a mark: the output is a peer's bus address, so nothing is mapped for it. */
const BUS_ADDRESS = 1;
/**
 * Bit of a mark: the entry's `page_link` stores that the output is a bus address; without this bit,
 * the entry's `dma_flags` do.
 */
const IN_PAGE_LINK = 2;

/** The reason why an output is separate from the previous output. @see rules/dma.md 7.2 step 5 */
export const APART = {
  /**
   * The output is the first one, or outputs are never joined because the device uses physical
   * addresses.
   */
  UNJOINED: 0,
  /** Entries that may be bounced are mapped one by one. */
  ONE_BY_ONE: 1,
  BUS_ADDRESS: 2,
  BEHIND_BUS_ADDRESS: 3,
  STARTS_INSIDE: 4,
  HOLE_BEFORE: 5,
  BOUNDARY: 6,
  LONGEST: 7,
} as const;
export type Apart = (typeof APART)[keyof typeof APART];

/** The names of `APART` in lower case, by their number; for example `longest`. */
export const APART_WORDS: readonly string[] = Object.keys(APART).map((name) => name.toLowerCase());

/** A list of buffers that are mapped together, and the device's addresses of them. */
export class Scatterlist {
  /** Entries in use. */
  count = 0;
  /** How many outputs the last map made; 0 while nothing is mapped. */
  outputs = 0;
  /**
   * The list was once mapped entry by entry, because some entries might bounce. Only clearing the
   * list clears this mark, as in the kernel (rules/dma.md 7.2, hazards).
   */
  bounced = false;

  readonly #phys: Float64Array;
  readonly #lengthBytes: Float64Array;
  /** These lengths and `#dmaLengthBytes` have 32 bits, as in the kernel: a longer length wraps. */
  readonly #mappedBytes: Uint32Array;
  readonly #dmaAddress: Float64Array;
  readonly #dmaLengthBytes: Uint32Array;
  readonly #outputPhys: Float64Array;
  readonly #marks: Uint8Array;
  readonly #aparts: Uint8Array;
  /** The branch of each output that was mapped separately. */
  readonly #branches: (MapBranch | null)[];

  /**
   * A list of buffers.
   *
   * @param segments The first buffers.
   * @param capacityEntries Maximum number of entries; default: the number of `segments`.
   */
  constructor(segments: readonly ScatterSegment[] = [], capacityEntries = segments.length) {
    this.#phys = new Float64Array(capacityEntries);
    this.#lengthBytes = new Float64Array(capacityEntries);
    this.#mappedBytes = new Uint32Array(capacityEntries);
    this.#dmaAddress = new Float64Array(capacityEntries);
    this.#dmaLengthBytes = new Uint32Array(capacityEntries);
    this.#outputPhys = new Float64Array(capacityEntries);
    this.#marks = new Uint8Array(capacityEntries);
    this.#aparts = new Uint8Array(capacityEntries);
    this.#branches = new Array<MapBranch | null>(capacityEntries).fill(null);
    for (const { phys, sizeBytes } of segments) this.add(phys, sizeBytes);
  }

  /** Maximum number of entries. */
  get capacityEntries(): number {
    return this.#phys.length;
  }

  /** Number of tables for the `count` entries in use. */
  get tables(): number {
    return Math.max(1, Math.ceil((this.count - 1) / (SCATTER_TABLE_ENTRIES - 1)));
  }

  /** Host memory of the entries and the links between their tables. */
  get sizeBytes(): Bytes {
    return (this.count + this.tables - 1) * SCATTER_ENTRY_BYTES;
  }

  /** Empties the list for another use. */
  clear(): void {
    this.clearOutputs(0);
    this.count = 0;
    this.outputs = 0;
    this.bounced = false;
  }

  /**
   * Clears the outputs and their bus-address marks, after an unmap.
   * @internal
   */
  forgetMapping(): void {
    invariant(this.outputs <= this.capacityEntries, "A list has more outputs than room");
    for (let index = 0; index < this.outputs; index++) this.#marks[index] = 0;
    this.outputs = 0;
  }

  /** Adds a buffer at the end. */
  add(phys: PhysAddr, sizeBytes: Bytes): void {
    const index = this.count++;
    invariant(index < this.capacityEntries, `A list of ${this.capacityEntries} entries is full`);
    this.setSegment(index, phys, sizeBytes);
    // Memory for a list is zeroed: an address that a map forgets to write is 0.
    this.setOutput(index, 0 as PhysAddr, 0 as DmaAddr, 0);
  }

  /** First byte of an entry's buffer. */
  physAt(index: number): PhysAddr {
    return this.#phys[index]! as PhysAddr;
  }

  /** Length of an entry's buffer. */
  lengthAt(index: number): Bytes {
    return this.#lengthBytes[index]!;
  }

  /** @internal */
  setSegment(index: number, phys: PhysAddr, sizeBytes: Bytes): void {
    this.#phys[index] = phys;
    this.#lengthBytes[index] = sizeBytes;
  }

  /**
   * IOVA bytes that an entry occupies in the range of its list: whole granules.
   * @internal
   */
  mappedAt(index: number): Bytes {
    return this.#mappedBytes[index]!;
  }

  /** @internal */
  setMapped(index: number, sizeBytes: Bytes): void {
    invariant(index < this.count, "An entry is mapped that there is not");
    this.#mappedBytes[index] = sizeBytes;
  }

  /** First byte of an output; `DMA_MAPPING_ERROR` without one. */
  dmaAddressAt(index: number): DmaAddr {
    return this.#dmaAddress[index]! as DmaAddr;
  }

  /** Bytes of an output; 0 without one. */
  dmaLengthAt(index: number): Bytes {
    return this.#dmaLengthBytes[index]!;
  }

  /** First byte of the buffers that an output covers. */
  outputPhysAt(index: number): PhysAddr {
    return this.#outputPhys[index]! as PhysAddr;
  }

  /** True for an output that is an address of the PCI bus: a peer's memory. */
  isBusAddressAt(index: number): boolean {
    return (this.#marks[index]! & BUS_ADDRESS) !== 0;
  }

  /**
   * The field of the entry that marks its output as a bus address; null when the output is not a
   * bus address.
   * @internal
   */
  busMarkAt(index: number): "dma_flags" | "page_link" | null {
    if (!this.isBusAddressAt(index)) return null;
    return (this.#marks[index]! & IN_PAGE_LINK) !== 0 ? "page_link" : "dma_flags";
  }

  /**
   * The branch of an output that was mapped separately; null for an output of a list that was
   * mapped as a whole.
   * @internal
   */
  branchAt(index: number): MapBranch | null {
    return this.#branches[index]!;
  }

  /**
   * The reason why an output is separate from the one before it.
   * @internal
   */
  apartAt(index: number): Apart {
    return this.#aparts[index]! as Apart;
  }

  /** @internal */
  setApart(index: number, apart: Apart): void {
    this.#aparts[index] = apart;
  }

  /**
   * Sets the DMA fields of an entry.
   * @param phys Start of this output's buffers.
   * @param apart The reason why the output is separate from the previous output.
   * @internal
   */
  setOutput(
    index: number,
    phys: PhysAddr,
    address: DmaAddr,
    sizeBytes: Bytes,
    apart: Apart = APART.UNJOINED,
  ): void {
    this.#outputPhys[index] = phys;
    this.#dmaAddress[index] = address;
    this.#dmaLengthBytes[index] = sizeBytes;
    this.#marks[index] = 0;
    this.#aparts[index] = apart;
    this.#branches[index] = null;
  }

  /**
   * Like `setOutput`, for a peer's bus address. @param mark The field that contains the mark.
   * @internal
   */
  setBusOutput(
    index: number,
    phys: PhysAddr,
    address: DmaAddr,
    sizeBytes: Bytes,
    inPageLink = false,
  ): void {
    this.setOutput(index, phys, address, sizeBytes);
    this.#marks[index] = inPageLink ? BUS_ADDRESS | IN_PAGE_LINK : BUS_ADDRESS;
  }

  /**
   * Records the branch on which an output was just mapped.
   * @internal
   */
  setBranch(index: number, branch: MapBranch): void {
    invariant(index < this.count, "A branch is kept of an entry that there is not");
    this.#branches[index] = branch;
  }

  /**
   * Makes an output longer.
   * @internal
   */
  growOutput(index: number, sizeBytes: Bytes): void {
    invariant(index < this.count, "An output grows that there is not");
    this.#dmaLengthBytes[index]! += sizeBytes;
  }

  /**
   * Clears the outputs from `first` on.
   * @internal
   */
  clearOutputs(first: number): void {
    const end = this.count;
    // Usually each entry has an output, so there is nothing to clear. Without this test, six empty
    // fills would take a third of the time of mapping a short list.
    if (first === end) return;
    this.#outputPhys.fill(0, first, end);
    this.#dmaAddress.fill(DMA_MAPPING_ERROR, first, end);
    this.#dmaLengthBytes.fill(0, first, end);
    this.#marks.fill(0, first, end);
    this.#aparts.fill(APART.UNJOINED, first, end);
    this.#branches.fill(null, first, end);
  }

  /** @internal */
  clearBusMark(index: number): void {
    this.#marks[index] = 0;
  }

  /** The buffers, in order. */
  segments(): ScatterSegment[] {
    return Array.from({ length: this.count }, (_, index) => ({
      phys: this.physAt(index),
      sizeBytes: this.lengthAt(index),
    }));
  }

  /** The DMA ranges for the device, in order. */
  mapped(): ScatterOutput[] {
    return Array.from({ length: this.outputs }, (_, index) => ({
      dma: this.dmaAddressAt(index),
      sizeBytes: this.dmaLengthAt(index),
    }));
  }
}
