/**
 * What a stretch of a run has taken and not released, read out of its events.
 *
 * Books begin empty and are kept from the events: IOVA ranges, page-table entries, coherent
 * memory, bounce slots, blocks of pools, and the memory that mappings cost. What is left at the end
 * has leaked, and the event that took it says who lost it. Like every reader they change nothing.
 *
 * A pool that grows keeps its page for others, so what a growing pool takes is not counted.
 */
import { alignUp, type Bytes, PAGE_SIZE_BYTES } from "./address.ts";
import { hexAddress } from "./dma/hex_address.ts";
import type { EventName } from "./event_vocabulary.ts";
import type { MachineEvent } from "./events.ts";
import { freedPfns } from "./iommu/iova_allocator.ts";
import { type Held, RangeBook } from "./leaks/range_book.ts";
import type { Machine } from "./machine.ts";

/** What can leak. */
export type HeldKind =
  | "shared_memory"
  | "page_table"
  | "iova"
  | "bounce_slots"
  | "pool_block"
  | "peer_memory"
  | "memory"
  | "driver_memory"
  | "interrupt"
  | "mapping";

/** A resource that was taken and not released. */
export interface Leak {
  readonly kind: HeldKind;
  readonly device: string | null;
  /** Bytes, or slots, or mappings. */
  readonly amount: number;
  /** Where it is in its space, `[start, end)`; null for what has no place of its own. */
  readonly span: { readonly start: number; readonly end: number } | null;
  /** What it is and where, as a sentence without a final period. */
  readonly text: string;
  /** The event that took it, the first of several; null where no single one did. */
  readonly taken: MachineEvent | null;
}

/** Pages of migration buffers, which are no cost of a mapping but can be lost all the same. */
const MIGRATION_PAGES = "pages of migration buffers";

/** Memory that has a keeper of its own, or none that could lose it. */
const COUNTED_ELSEWHERE: ReadonlySet<string> = new Set(["pool_page", "descriptor"]);

/** Events that take or release a resource. */
const HELD_EVENTS = [
  "iova.alloc",
  "iova.free",
  "iommu.map",
  "iommu.unmap",
  "swiotlb.map",
  "swiotlb.unmap",
  "mem.alloc",
  "mem.free",
  "driver.alloc",
  "driver.free",
  "driver.request_irq",
  "driver.free_irq",
  "vfio.add_pages",
  "vfio.free_pages",
  "call.dma_alloc_coherent",
  "ret.dma_alloc_coherent",
  "call.dma_free_coherent",
  "call.dma_pool_alloc",
  "ret.dma_pool_alloc",
  "call.dma_pool_free",
  "call.pci_alloc_p2pmem",
  "ret.pci_alloc_p2pmem",
  "call.pci_free_p2pmem",
] as const satisfies readonly EventName[];

type DriverEvent = "driver.alloc" | "driver.free" | "driver.request_irq" | "driver.free_irq";

/** A block of a pool that is handed out. */
interface PoolBlock {
  readonly pool: string;
  readonly dma: number;
  readonly sizeBytes: Bytes;
  readonly event: MachineEvent;
}

/** Memory of one use that is taken. */
interface MemoryBlock {
  readonly sizeBytes: Bytes;
  readonly event: MachineEvent;
}

/** All memory of one use. */
interface MemoryUse {
  readonly what: string;
  blocks: MemoryBlock[];
  /** Some of it went back, and nothing said which: who took what is left is not known. */
  mixed: boolean;
}

/** What was taken and not released, by the events. */
export class HeldBooks {
  /** Host memory that mappings took, freed or not; what a pool takes to grow is for others too. */
  takenBytes: Bytes = 0;
  readonly #machine: Machine;
  readonly #iova = new Map<string, RangeBook>();
  readonly #leaves = new Map<string, RangeBook>();
  readonly #shared = new Map<string, RangeBook>();
  readonly #slots = new RangeBook();
  readonly #blocks = new Map<string, PoolBlock[]>();
  readonly #memory = new Map<string, MemoryUse>();
  /** Pages of migration buffers, by device and number of the buffer. */
  readonly #migration = new Map<string, MemoryBlock>();
  /** Memory of devices, wherever it lies. */
  readonly #peerMemory = new RangeBook();
  /** Memory that drivers in C have taken. */
  readonly #driverMemory = new RangeBook();
  /** Interrupts that drivers in C handle, by their numbers. */
  readonly #handlers = new RangeBook();
  /** The call of a pool that is running, and the size of its blocks. */
  #growing: MachineEvent<"call.dma_pool_alloc"> | null = null;
  /** How much memory of a device, and how much shared memory, is being asked for. */
  #askedBytes: Bytes = 0;
  #askedSharedBytes: Bytes = 0;

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  /**
   * What was taken and not released so far.
   * @param counts Whether what an event took counts; all of it when left out.
   */
  leaks(counts: (event: MachineEvent) => boolean = () => true): readonly Leak[] {
    const memoryLeft = (use: MemoryUse) =>
      memoryLeaks({ ...use, blocks: use.blocks.filter(({ event }) => counts(event)) });
    const leaks: readonly Leak[] = [
      ...ofDevices(
        "shared_memory",
        this.#shared,
        (bytes, start) => `${bytes} bytes of coherent memory at ${hexAddress(start)} not freed`,
      ),
      ...ofDevices(
        "page_table",
        this.#leaves,
        (bytes, start) =>
          `page-table entries of ${bytes} bytes at ${hexAddress(start)} not cleared`,
      ),
      ...ofDevices(
        "iova",
        this.#iova,
        (bytes, start) => `${bytes}-byte IOVA range at ${hexAddress(start)} not freed`,
      ),
      ...this.#slots.left().map(({ end, event, start }): Leak => ({
        kind: "bounce_slots",
        device: event.device,
        amount: end - start,
        span: { start, end },
        text: end - start === 1
          ? `bounce slot ${start} not freed`
          : `${end - start} bounce slots from ${start} on not freed`,
        taken: event,
      })),
      ...[...this.#blocks.values()].flat().map(({ dma, event, pool, sizeBytes }): Leak => ({
        kind: "pool_block",
        device: event.device,
        amount: sizeBytes,
        span: { start: dma, end: dma + sizeBytes },
        text: `${sizeBytes}-byte block of the pool "${pool}" at ${hexAddress(dma)} not freed`,
        taken: event,
      })),
      ...this.#peerMemory.left().map(({ end, event, start }): Leak => ({
        kind: "peer_memory",
        device: event.device,
        amount: end - start,
        span: { start, end },
        text: `${end - start} bytes of P2P memory of "${event.device}" at ${hexAddress(start)} ` +
          "not freed",
        taken: event,
      })),
      ...[...this.#memory.values()].flatMap(memoryLeft),
      ...this.#driverLeaks(),
      ...memoryLeft({
        what: MIGRATION_PAGES,
        blocks: [...this.#migration.values()].filter(({ sizeBytes }) => sizeBytes > 0),
        mixed: false,
      }),
    ];
    return leaks.filter(({ taken }) => taken === null || counts(taken));
  }

  #driverLeaks(): Leak[] {
    return [
      ...this.#driverMemory.left().map(({ end, event, start }): Leak => ({
        kind: "driver_memory",
        device: null,
        amount: end - start,
        span: { start, end },
        text: `${end - start} bytes of memory at ${hexAddress(start)} not freed`,
        taken: event,
      })),
      ...this.#handlers.left().map(({ event, start }): Leak => ({
        kind: "interrupt",
        device: event.device,
        amount: 1,
        span: { start, end: start + 1 },
        text: `handler of irq ${start} not freed`,
        taken: event,
      })),
    ];
  }

  /** What a driver in C takes and releases by itself. */
  #readDriver(event: MachineEvent<DriverEvent>): void {
    switch (event.name) {
      case "driver.alloc":
        this.#driverMemory.take(event.fields.phys, event.fields.size_bytes, event);
        return;
      case "driver.free":
        this.#driverMemory.give(event.fields.phys, event.fields.size_bytes);
        return;
      case "driver.request_irq":
        this.#handlers.take(event.fields.irq, 1, event);
        return;
      case "driver.free_irq":
        this.#handlers.give(event.fields.irq, 1);
        return;
    }
  }

  /** Takes note of an event; those that are not of `HELD_EVENTS` say nothing of what is held. */
  read(event: MachineEvent): void {
    switch (event.name) {
      case "iova.alloc":
        bookOf(this.#iova, event).take(event.fields.start, event.fields.size_bytes, event);
        return;
      case "iova.free": {
        // A range that a flush queue frees was counted as freed when it was queued there.
        const { size_bytes, start } = event.fields;
        const book = bookOf(this.#iova, event);
        const { granuleBytes } = this.#machine.iommu;
        const freedBytes = freedPfns(size_bytes / granuleBytes) * granuleBytes;
        book.give(start, Math.min(book.sizeAt(start) || size_bytes, freedBytes));
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
        if (event.fields.what !== "pool_page") this.takenBytes += event.fields.size_bytes;
        if (COUNTED_ELSEWHERE.has(event.fields.what)) return;
        this.#useOf(event.fields.what).blocks.push({
          sizeBytes: event.fields.size_bytes,
          event,
        });
        return;
      case "mem.free":
        giveBlock(this.#useOf(event.fields.what), event);
        return;
      case "driver.alloc":
      case "driver.free":
      case "driver.request_irq":
      case "driver.free_irq":
        this.#readDriver(event);
        return;
      case "vfio.add_pages":
        this.#addPages(event, event.fields.pages);
        return;
      case "vfio.free_pages":
        this.#addPages(event, -event.fields.pages);
        return;
      case "call.dma_alloc_coherent":
        this.#askedSharedBytes = event.fields.size;
        return;
      case "ret.dma_alloc_coherent": {
        const { result } = event.fields;
        if (result !== null) {
          bookOf(this.#shared, event).take(result, this.#askedSharedBytes, event);
        }
        return;
      }
      case "call.dma_free_coherent":
        bookOf(this.#shared, event).give(event.fields.dma, event.fields.size);
        return;
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
    }
  }

  #useOf(what: string): MemoryUse {
    const known = this.#memory.get(what);
    if (known !== undefined) return known;
    const use: MemoryUse = { what, blocks: [], mixed: false };
    this.#memory.set(what, use);
    return use;
  }

  /** Pages were taken for a migration buffer, or with a minus freed. */
  #addPages(event: MachineEvent<"vfio.add_pages" | "vfio.free_pages">, pages: number): void {
    const key = `${event.device} ${event.fields.buffer}`;
    const before = this.#migration.get(key);
    const bytes = (before?.sizeBytes ?? 0) + pages * this.#machine.pages.pageSizeBytes;
    this.#migration.set(key, { sizeBytes: bytes, event: before?.event ?? event });
  }

  #gotBlock(event: MachineEvent<"ret.dma_pool_alloc">): void {
    const call = this.#growing;
    const { error, result } = event.fields;
    this.#growing = null;
    // A call that failed has nothing to keep, so what it took counts.
    if (call === null || error !== null || result === null) return;
    bookOf(this.#iova, event).forgetAfter(call.seq);
    bookOf(this.#leaves, event).forgetAfter(call.seq);
    bookOf(this.#shared, event).forgetAfter(call.seq);
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

/** Books of what happens from here on. */
export class HeldResources {
  readonly #machine: Machine;
  readonly #books: HeldBooks;
  readonly #stop: () => void;
  readonly #mappingsBefore: number;

  /** Begins to watch. */
  constructor(machine: Machine) {
    this.#machine = machine;
    this.#mappingsBefore = machine.iommu.liveMappings;
    this.#books = new HeldBooks(machine);
    this.#stop = machine.events.listen((event) => this.#books.read(event), HELD_EVENTS);
  }

  /** Ends the watch; `leaks` goes on telling what was found. */
  stop(): void {
    this.#stop();
  }

  /** Host memory that mappings took, freed or not. */
  get takenBytes(): Bytes {
    return this.#books.takenBytes;
  }

  /** What was taken and not released so far. */
  leaks(): readonly Leak[] {
    const mappings = this.#machine.iommu.liveMappings - this.#mappingsBefore;
    const leaks = this.#books.leaks();
    if (mappings <= 0) return leaks;
    return [...leaks, {
      kind: "mapping",
      device: null,
      amount: mappings,
      span: null,
      text: `${mappings} more mapping${mappings === 1 ? "" : "s"} live than before`,
      taken: null,
    }];
  }
}

/** Releases the block that an event frees, as well as it can be distinguished by its use. */
function giveBlock(use: MemoryUse, free: MachineEvent<"mem.free">): void {
  const narrowed = (blocks: MemoryBlock[], fits: (event: MachineEvent) => boolean) => {
    const fitting = blocks.filter(({ event }) => fits(event));
    return fitting.length > 0 ? fitting : blocks;
  };
  const alike = use.blocks.filter(({ sizeBytes }) => sizeBytes === free.fields.size_bytes);
  const ofDevice = narrowed(alike, ({ device }) => device === free.device);
  const candidates = narrowed(ofDevice, ({ request }) => request === free.request);
  const given = candidates.at(-1);
  if (given === undefined) return;
  if (candidates.some(({ event }) => event.site !== given.event.site)) use.mixed = true;
  use.blocks = use.blocks.filter((block) => block !== given);
}

/** What is left of one use, by who took it where that is known. */
function memoryLeaks({ blocks, mixed, what }: MemoryUse): Leak[] {
  const groups = Map.groupBy(
    blocks,
    ({ event }) => mixed ? "" : `${event.device} ${event.site}`,
  );
  return [...groups.values()].map((group) => {
    const bytes = group.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    const { event } = group[0]!;
    return {
      kind: "memory",
      device: event.device,
      amount: bytes,
      span: null,
      text: `${bytes} bytes of ${what} not freed`,
      taken: mixed ? null : event,
    };
  });
}

/** What a call that takes or gives memory of a device means by its size: pages are handed out. */
function wholePages(sizeBytes: Bytes): Bytes {
  return alignUp(sizeBytes, PAGE_SIZE_BYTES);
}

/** The book of the device that an event is about. */
function bookOf(books: Map<string, RangeBook>, event: MachineEvent): RangeBook {
  const device = event.device ?? "";
  const known = books.get(device);
  if (known !== undefined) return known;
  const book = new RangeBook();
  books.set(device, book);
  return book;
}

function ofDevices(
  kind: HeldKind,
  books: ReadonlyMap<string, RangeBook>,
  text: (size: number, start: number) => string,
): Leak[] {
  return [...books].flatMap(([device, book]) =>
    book.left().map(({ end, event, start }: Held) => ({
      kind,
      device,
      amount: end - start,
      span: { start, end },
      text: text(end - start, start),
      taken: event,
    }))
  );
}
