/**
 * What a stretch of a run has taken and not given back, read out of its events.
 *
 * A watch begins with nothing and follows the events: ranges of IO addresses, page-table entries,
 * bounce slots, blocks of pools, and the memory that mappings cost. What is left at the end has
 * leaked, and the event that took it says who lost it. Like every reader it changes nothing.
 *
 * A pool that grows keeps its page for others, so what a growing pool takes counts as nobody's.
 */
import { alignUp, type Bytes, PAGE_SIZE_BYTES } from "./address.ts";
import { hexAddress } from "./dma/hex_address.ts";
import type { EventName } from "./event_vocabulary.ts";
import type { MachineEvent } from "./events.ts";
import { LARGEST_CACHED_PFNS } from "./iommu/iova_allocator.ts";
import type { Machine } from "./machine.ts";

/** What can leak. */
export type HeldKind =
  | "page_table"
  | "iova"
  | "bounce_slots"
  | "pool_block"
  | "peer_memory"
  | "memory"
  | "mapping";

/** Something that was taken and not given back. */
export interface Leak {
  readonly kind: HeldKind;
  readonly device: string | null;
  /** Bytes, or slots, or mappings. */
  readonly amount: number;
  /** What it is and where, as a sentence without a final period. */
  readonly text: string;
  /** The event that took it, the first of several; null where no single one did. */
  readonly taken: MachineEvent | null;
}

/** Pages of migration buffers, which are no cost of a mapping but can be lost all the same. */
const MIGRATION_PAGES = "pages of migration buffers";

/** Memory that has a keeper of its own, or none that could lose it. */
const COUNTED_ELSEWHERE: ReadonlySet<string> = new Set(["pool_page", "descriptor"]);

const WATCHED = [
  "iova.alloc",
  "iova.free",
  "iommu.map",
  "iommu.unmap",
  "swiotlb.map",
  "swiotlb.unmap",
  "mem.alloc",
  "mem.free",
  "vfio.add_pages",
  "vfio.free_pages",
  "call.dma_pool_alloc",
  "ret.dma_pool_alloc",
  "call.dma_pool_free",
  "call.pci_alloc_p2pmem",
  "ret.pci_alloc_p2pmem",
  "call.pci_free_p2pmem",
] as const satisfies readonly EventName[];
type Watched = (typeof WATCHED)[number];

interface Held {
  readonly start: number;
  readonly end: number;
  readonly event: MachineEvent;
}

/** Ranges of one space that are taken: `[start, end)`, apart from each other. */
class RangeBook {
  #held: Held[] = [];

  take(start: number, size: number, event: MachineEvent): void {
    this.#held.push({ start, end: start + size, event });
  }

  /** Gives back what is taken of a range; the rest of it was taken before the watch began. */
  give(start: number, size: number): void {
    const end = start + size;
    const kept: Held[] = [];
    for (const held of this.#held) {
      if (held.end <= start || held.start >= end) {
        kept.push(held);
        continue;
      }
      if (held.start < start) kept.push({ ...held, end: start });
      if (held.end > end) kept.push({ ...held, start: end });
    }
    this.#held = kept;
  }

  /** The size of what was taken at an address; 0 where nothing was. */
  sizeAt(start: number): number {
    const held = this.#held.find((each) => each.start === start);
    return held === undefined ? 0 : held.end - start;
  }

  /** Forgets what was taken after an event. */
  forgetAfter(seq: number): void {
    this.#held = this.#held.filter(({ event }) => event.seq <= seq);
  }

  /** What is left, neighbours joined, in the order of their addresses. */
  left(): Held[] {
    const joined: Held[] = [];
    for (const held of [...this.#held].sort((a, b) => a.start - b.start)) {
      const last = joined.at(-1);
      if (last !== undefined && last.end === held.start) {
        const event = last.event.seq <= held.event.seq ? last.event : held.event;
        joined[joined.length - 1] = { start: last.start, end: held.end, event };
      } else joined.push(held);
    }
    return joined;
  }
}

/** The power of two that a number of granules is rounded up to. */
function sizeClass(pfns: number): number {
  return Math.ceil(Math.log2(pfns));
}

/** A block of a pool that is handed out. */
interface PoolBlock {
  readonly pool: string;
  readonly dma: number;
  readonly sizeBytes: Bytes;
  readonly event: MachineEvent;
}

/** Memory of one use. */
interface MemoryUse {
  blocks: number;
  bytes: Bytes;
  readonly taken: MachineEvent[];
}

export class HeldResources {
  readonly #machine: Machine;
  readonly #stop: () => void;
  readonly #iova = new Map<string, RangeBook>();
  readonly #leaves = new Map<string, RangeBook>();
  readonly #slots = new RangeBook();
  readonly #blocks = new Map<string, PoolBlock[]>();
  readonly #memory = new Map<string, MemoryUse>();
  /** Memory of devices, wherever it lies. */
  readonly #peerMemory = new RangeBook();
  readonly #mappingsBefore: number;
  /** The call of a pool that is running, and the size of its blocks. */
  #growing: MachineEvent<"call.dma_pool_alloc"> | null = null;
  /** How much memory of a device is being asked for. */
  #askedBytes: Bytes = 0;

  /** Begins to watch. */
  constructor(machine: Machine) {
    this.#machine = machine;
    this.#mappingsBefore = machine.iommu.liveMappings;
    this.#stop = machine.events.listen((event) => this.#read(event), WATCHED);
  }

  /** Ends the watch; `leaks` goes on telling what was found. */
  stop(): void {
    this.#stop();
  }

  /** What was taken and not given back so far. */
  leaks(): readonly Leak[] {
    const mappings = this.#machine.iommu.liveMappings - this.#mappingsBefore;
    return [
      ...ofDevices(
        "page_table",
        this.#leaves,
        (bytes, start) => `${bytes} bytes at ${hexAddress(start)} are still mapped`,
      ),
      ...ofDevices(
        "iova",
        this.#iova,
        (bytes, start) =>
          `${bytes} bytes of IO addresses at ${hexAddress(start)} were not given back`,
      ),
      ...this.#slots.left().map(({ end, event, start }): Leak => ({
        kind: "bounce_slots",
        device: event.device,
        amount: end - start,
        text: end - start === 1
          ? `bounce slot ${start} was not given back`
          : `${end - start} bounce slots from ${start} on were not given back`,
        taken: event,
      })),
      ...[...this.#blocks.values()].flat().map(({ dma, event, pool, sizeBytes }): Leak => ({
        kind: "pool_block",
        device: event.device,
        amount: sizeBytes,
        text: `a block of ${sizeBytes} bytes of the pool "${pool}" at ${hexAddress(dma)} was ` +
          "not given back",
        taken: event,
      })),
      ...this.#peerMemory.left().map(({ end, event, start }): Leak => ({
        kind: "peer_memory",
        device: event.device,
        amount: end - start,
        text: `${end - start} bytes of memory of "${event.device}" at ${hexAddress(start)} were ` +
          "not given back",
        taken: event,
      })),
      ...[...this.#memory].filter(([, { blocks }]) => blocks > 0).map(([what, use]): Leak => ({
        kind: "memory",
        device: use.taken[0]?.device ?? null,
        amount: use.bytes,
        text: `${use.bytes} bytes of ${what} were not given back`,
        taken: use.taken[0] ?? null,
      })),
      ...mappings > 0
        ? [{
          kind: "mapping" as const,
          device: null,
          amount: mappings,
          text: `${mappings} more mapping${mappings === 1 ? " is" : "s are"} live than before`,
          taken: null,
        }]
        : [],
    ];
  }

  #read(event: MachineEvent<Watched>): void {
    switch (event.name) {
      case "iova.alloc":
        bookOf(this.#iova, event).take(event.fields.start, event.fields.size_bytes, event);
        return;
      case "iova.free": {
        // A range that a flush queue sets free was given back when it was parked there.
        const { size_bytes, start } = event.fields;
        const book = bookOf(this.#iova, event);
        const takenBytes = book.sizeAt(start);
        const whole = this.#returnsAll(takenBytes, size_bytes);
        book.give(start, whole ? takenBytes : size_bytes);
        return;
      }
      case "iommu.map":
        bookOf(this.#leaves, event).take(event.fields.iova, event.fields.size_bytes, event);
        return;
      case "iommu.unmap":
        bookOf(this.#leaves, event).give(event.fields.iova, event.fields.unmapped_bytes);
        return;
      case "swiotlb.map":
        this.#slots.take(event.fields.slot, event.fields.slots, event);
        return;
      case "swiotlb.unmap":
        this.#slots.give(event.fields.slot, event.fields.slots);
        return;
      case "mem.alloc":
        if (!COUNTED_ELSEWHERE.has(event.fields.what)) {
          takeBlocks(this.#useOf(event.fields.what), 1, event.fields.size_bytes, event);
        }
        return;
      case "mem.free": {
        const use = this.#memory.get(event.fields.what);
        if (use === undefined || use.blocks === 0) return;
        use.blocks--;
        use.bytes -= event.fields.size_bytes;
        use.taken.shift();
        return;
      }
      case "vfio.add_pages": {
        const { pages } = event.fields;
        const bytes = pages * this.#machine.pages.pageSizeBytes;
        takeBlocks(this.#useOf(MIGRATION_PAGES), pages, bytes, event);
        return;
      }
      case "vfio.free_pages": {
        const { pages } = event.fields;
        const use = this.#useOf(MIGRATION_PAGES);
        use.blocks -= pages;
        use.bytes -= pages * this.#machine.pages.pageSizeBytes;
        return;
      }
      case "call.dma_pool_alloc":
        this.#growing = event;
        return;
      case "ret.dma_pool_alloc":
        this.#gotBlock(event);
        return;
      case "call.dma_pool_free":
        this.#giveBlock(event);
        return;
      case "call.pci_alloc_p2pmem":
        this.#askedBytes = wholePages(event.fields.size);
        return;
      case "ret.pci_alloc_p2pmem": {
        const { result } = event.fields;
        if (result !== null) this.#peerMemory.take(result, this.#askedBytes, event);
        return;
      }
      case "call.pci_free_p2pmem":
        this.#peerMemory.give(event.fields.phys, wholePages(event.fields.size));
        return;
      default:
        event satisfies never;
    }
  }

  /**
   * True when giving back the beginning of a range gives back all of it: the caches of ranges know
   * only size classes, and a range beyond them goes as a whole.
   * @see behaviour/dma.md 3.5 (size-class effect)
   */
  #returnsAll(takenBytes: Bytes, givenBytes: Bytes): boolean {
    const { granuleBytes } = this.#machine.iommu;
    const given = givenBytes / granuleBytes;
    return given > LARGEST_CACHED_PFNS ||
      sizeClass(given) === sizeClass(takenBytes / granuleBytes);
  }

  #useOf(what: string): MemoryUse {
    let use = this.#memory.get(what);
    if (use === undefined) {
      use = { blocks: 0, bytes: 0, taken: [] };
      this.#memory.set(what, use);
    }
    return use;
  }

  #gotBlock(event: MachineEvent<"ret.dma_pool_alloc">): void {
    const call = this.#growing;
    const { error, result } = event.fields;
    this.#growing = null;
    // A call that failed has nothing to keep, so what it took counts.
    if (call === null || error !== null || result === null) return;
    bookOf(this.#iova, event).forgetAfter(call.seq);
    bookOf(this.#leaves, event).forgetAfter(call.seq);
    const { pool, size_bytes: sizeBytes } = call.fields;
    this.#blocksOf(event, pool).push({ pool, dma: result, sizeBytes, event });
  }

  /** A block that goes back under a wrong address is back all the same. */
  #giveBlock(event: MachineEvent<"call.dma_pool_free">): void {
    const { dma, pool } = event.fields;
    const blocks = this.#blocksOf(event, pool);
    const index = blocks.findIndex((block) => block.dma === dma);
    if (index >= 0) blocks.splice(index, 1);
    else blocks.pop();
  }

  #blocksOf({ device }: MachineEvent, pool: string): PoolBlock[] {
    const key = `${device} ${pool}`;
    const known = this.#blocks.get(key);
    if (known !== undefined) return known;
    const blocks: PoolBlock[] = [];
    this.#blocks.set(key, blocks);
    return blocks;
  }
}

function takeBlocks(use: MemoryUse, blocks: number, bytes: Bytes, event: MachineEvent): void {
  use.blocks += blocks;
  use.bytes += bytes;
  use.taken.push(event);
}

/** What a call that takes or gives memory of a device means by its size: pages are handed out. */
function wholePages(sizeBytes: Bytes): Bytes {
  return alignUp(sizeBytes, PAGE_SIZE_BYTES);
}

/** The book of the device that an event is about. */
function bookOf(books: Map<string, RangeBook>, event: MachineEvent): RangeBook {
  const device = event.device ?? "";
  let book = books.get(device);
  if (book === undefined) {
    book = new RangeBook();
    books.set(device, book);
  }
  return book;
}

function ofDevices(
  kind: HeldKind,
  books: ReadonlyMap<string, RangeBook>,
  text: (size: number, start: number) => string,
): Leak[] {
  return [...books].flatMap(([device, book]) =>
    book.left().map(({ end, event, start }) => ({
      kind,
      device,
      amount: end - start,
      text: text(end - start, start),
      taken: event,
    }))
  );
}
