/**
 * A buffer of the host: one sequence of bytes for its user, in one or more pieces of memory.
 *
 * @see docs/language/calls.md
 */
import { alignDown, type Bytes, PAGE_SIZE_BYTES, type PhysAddr } from "../address.ts";
import type { Random } from "../random.ts";
import type { CpuCaches } from "./cpu_caches.ts";
import type { MemoryChecks } from "../dma/checker/memory_checks.ts";
import type { BufferSegment } from "./buffer_segments.ts";
import type { HostMemory, PhysicalMemory } from "./physical_memory.ts";
import type { PageAllocator } from "./page_allocator.ts";

/** One byte value, the bytes 0, 1, 2 … 255, 0 …, or bytes of the machine's random generator. */
export type FillPattern = "counting" | "random" | number;

/** A run of bytes in which two buffers differ. */
export interface BufferDifference {
  readonly offsetBytes: Bytes;
  readonly sizeBytes: Bytes;
}

/** The checks that buffers call when the CPU uses or frees memory. */
type BufferChecks = Pick<
  MemoryChecks,
  "read" | "written" | "freed" | "freedTwice" | "usedAfterFree"
>;

/** The parts of a machine that buffers use: memory for the content, and the source of random bytes. */
export interface BufferHome {
  readonly checker?: { readonly memory: BufferChecks } | null;
  readonly memory: PhysicalMemory;
  /** The CPU's caches, where they are simulated; the CPU reads and writes a buffer through them. */
  readonly caches?: CpuCaches | null;
  readonly pages: PageAllocator;
  readonly random: Random;
}

/** Host memory that each page of a buffer takes, and that each piece of a buffer takes. */
const PAGE_COST_BYTES = 16;
const SEGMENT_COST_BYTES = 96;

export function bufferCost(segments: number, pages: number): Bytes {
  return SEGMENT_COST_BYTES * segments + PAGE_COST_BYTES * pages;
}

/** Units of work that copying one piece, or one page, costs. */
const COPY_UNITS = 8;
/** Units of work that examining a piece costs. */
const SEGMENT_UNITS = 4;
const RANDOM_PAGE_UNITS = PAGE_SIZE_BYTES;

/** Length after which the pattern `counting` repeats. */
const PATTERN_BYTES = 256;
/**
 * The bytes 0, 1, 2 … of a page, plus one more period of the pattern, so that a copy can begin
 * anywhere in the pattern.
 */
const COUNTING = countingBytes(PAGE_SIZE_BYTES + PATTERN_BYTES);

/** Bytes that count up. Made by repeated copying, because every program start runs this. */
function countingBytes(sizeBytes: Bytes): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  for (let index = 0; index < PATTERN_BYTES; index++) bytes[index] = index;
  for (let filled = PATTERN_BYTES; filled < sizeBytes; filled *= 2) {
    bytes.copyWithin(filled, 0, filled);
  }
  return bytes;
}

export class HostBuffer {
  readonly sizeBytes: Bytes;
  readonly #home: BufferHome;
  readonly #ownedPages: readonly PhysAddr[];
  /** Host memory that the buffer holds; 0 for a view of another buffer. */
  #heldBytes = 0;
  #isFreed = false;

  /**
   * @param segments In the order of the content; none empty.
   * @param ownedPages Pages that `free` frees.
   */
  constructor(
    home: BufferHome,
    readonly segments: readonly BufferSegment[],
    ownedPages: readonly PhysAddr[] = [],
  ) {
    this.#home = home;
    this.#ownedPages = ownedPages;
    if (ownedPages.length > 0) {
      this.#heldBytes = bufferCost(segments.length, ownedPages.length);
      home.memory.budget.hold(this.#heldBytes);
    }
    let sizeBytes = 0;
    for (const segment of segments) sizeBytes += segment.sizeBytes;
    this.sizeBytes = sizeBytes;
  }

  /** Address of the first byte; 0 for a buffer of no bytes. */
  get phys(): PhysAddr {
    return this.segments[0]?.phys ?? 0 as PhysAddr;
  }

  /**
   * The pages of the content, in its order; a page that contains several consecutive pieces is
   * listed once.
   */
  get pages(): readonly PhysAddr[] {
    const pageBytes = this.#home.pages.pageSizeBytes;
    const pages: PhysAddr[] = [];
    for (const { phys, sizeBytes } of this.segments) {
      this.#work(SEGMENT_UNITS);
      for (let at = alignDown(phys, pageBytes); at < phys + sizeBytes; at += pageBytes) {
        if (pages.at(-1) !== at) pages.push(at as PhysAddr);
      }
    }
    return pages;
  }

  /** Physical address of the content's byte `offsetBytes`. */
  physAt(offsetBytes: Bytes): PhysAddr {
    let rest = offsetBytes;
    for (const { phys, sizeBytes } of this.segments) {
      if (rest < sizeBytes) return phys + rest as PhysAddr;
      rest -= sizeBytes;
    }
    throw new RangeError(
      `Cannot find byte ${offsetBytes} of a buffer: it has ${this.sizeBytes} bytes`,
    );
  }

  /**
   * A view of a part of the buffer: the same memory, not a copy.
   * @throws {RangeError} When the part extends past the buffer.
   */
  slice(startBytes: Bytes, endBytes: Bytes): HostBuffer {
    if (!(startBytes >= 0 && startBytes <= endBytes && endBytes <= this.sizeBytes)) {
      throw new RangeError(
        `Cannot take bytes ${startBytes}..${endBytes} of a buffer: it has ${this.sizeBytes} bytes`,
      );
    }
    const segments: BufferSegment[] = [];
    let at = 0;
    for (const { phys, sizeBytes } of this.segments) {
      if (at >= endBytes) break;
      this.#work(SEGMENT_UNITS);
      const from = Math.max(startBytes, at);
      const to = Math.min(endBytes, at + sizeBytes);
      if (from < to) segments.push({ phys: phys + (from - at) as PhysAddr, sizeBytes: to - from });
      at += sizeBytes;
    }
    const part = new HostBuffer(this.#home, segments);
    part.#isFreed = this.#isFreed;
    return part;
  }

  /** The content as the CPU reads it, copied. */
  readAll(): Uint8Array {
    return this.#read(this.#accessed(false));
  }

  /** Like `readAll`, into the first bytes of an array that is long enough. */
  readInto(bytes: Uint8Array): void {
    this.#read(this.#accessed(false), bytes);
  }

  /** Like `readAll`, without reporting stale bytes. */
  look(): Uint8Array {
    const { caches, memory } = this.#home;
    return this.#read(caches ? { read: caches.look.bind(caches) } : memory);
  }

  #read(
    memory: Pick<HostMemory, "read">,
    bytes: Uint8Array = new Uint8Array(this.sizeBytes),
  ): Uint8Array {
    let at = 0;
    for (const { phys, sizeBytes } of this.segments) {
      this.#work(COPY_UNITS);
      memory.read(phys, bytes, at, sizeBytes);
      at += sizeBytes;
    }
    return bytes;
  }

  /** Reports the CPU's access to the checker, and returns the memory as the CPU sees it. */
  #accessed(writes: boolean): HostMemory {
    const { caches, checker, memory } = this.#home;
    if (checker && this.#usesFreed(writes)) checker.memory.usedAfterFree(this.phys, this.sizeBytes);
    else if (writes) checker?.memory.written(this.segments);
    else checker?.memory.read(this.segments);
    return caches ?? memory;
  }

  /**
   * Replaces the content from the first byte on; bytes after the new content stay.
   * @throws {RangeError} When there are more bytes than the buffer has.
   */
  writeAll(bytes: Uint8Array): void {
    if (bytes.length > this.sizeBytes) {
      throw new RangeError(
        `Cannot write ${bytes.length} bytes into a buffer: it has ${this.sizeBytes} bytes`,
      );
    }
    const memory = this.#accessed(true);
    let at = 0;
    for (const { phys, sizeBytes } of this.segments) {
      const count = Math.min(sizeBytes, bytes.length - at);
      this.#work(COPY_UNITS);
      memory.write(phys, bytes, at, count);
      at += count;
    }
  }

  /** Sets the whole content. */
  fill(pattern: FillPattern): void {
    const memory = this.#accessed(true);
    if (typeof pattern === "number") {
      for (const { phys, sizeBytes } of this.segments) {
        memory.fill(phys, sizeBytes, pattern);
      }
      return;
    }
    const pageUnits = pattern === "random" ? RANDOM_PAGE_UNITS : COPY_UNITS;
    const chunk = pattern === "random" ? new Uint8Array(PAGE_SIZE_BYTES) : COUNTING;
    let done = 0;
    for (const { phys, sizeBytes } of this.segments) {
      for (let at = 0; at < sizeBytes; at += PAGE_SIZE_BYTES) {
        const count = Math.min(PAGE_SIZE_BYTES, sizeBytes - at);
        this.#work(pageUnits);
        if (pattern === "random") this.#randomBytes(chunk, count);
        const from = pattern === "random" ? 0 : done % PATTERN_BYTES;
        memory.write(phys + at as PhysAddr, chunk, from, count);
        done += count;
      }
    }
  }

  /** True when both hold the same bytes. */
  equals(other: HostBuffer): boolean {
    return this.sizeBytes === other.sizeBytes && this.differences(other).length === 0;
  }

  /**
   * The runs of bytes in which two buffers differ. Bytes that only the longer buffer has count as
   * different.
   */
  differences(other: HostBuffer): readonly BufferDifference[] {
    const mine = this.readAll();
    const theirs = other.readAll();
    const differences: BufferDifference[] = [];
    const length = Math.max(mine.length, theirs.length);
    let start = -1;
    for (let index = 0; index <= length; index++) {
      const differs = index < length && mine[index] !== theirs[index];
      if (differs && start < 0) start = index;
      if (!differs && start >= 0) {
        differences.push({ offsetBytes: start, sizeBytes: index - start });
        start = -1;
      }
    }
    return differences;
  }

  /** Frees the pages that were allocated for this buffer; slices own none. */
  free(): void {
    const { checker, pages } = this.#home;
    if (this.#isFreed) return checker?.memory.freedTwice(this.phys, this.sizeBytes);
    this.#isFreed = this.#ownedPages.length > 0;
    checker?.memory.freed(this.#ownedPages, pages.pageSizeBytes);
    pages.free(this.#ownedPages);
    this.#home.memory.budget.release(this.#heldBytes);
  }

  /**
   * Whether an access uses freed memory. For a view of other buffers' memory only writes count,
   * because a scenario may read any memory.
   */
  #usesFreed(writes: boolean): boolean {
    if (this.#isFreed || this.#ownedPages.length > 0 || !writes) return this.#isFreed;
    const { pages } = this.#home;
    return this.segments.some(({ phys, sizeBytes }) => pages.firstFreed(phys, sizeBytes) >= 0);
  }

  #work(units: number): void {
    this.#home.memory.budget.work(units);
  }

  /** Uses four bytes of each random number, the lowest first, and fewer bytes of the last number. */
  #randomBytes(into: Uint8Array, count: number): void {
    const { random } = this.#home;
    for (let index = 0; index < count; index += 4) {
      // As a signed number: V8 stores large unsigned ones as doubles.
      const word = random.nextU32() | 0;
      into[index] = word;
      into[index + 1] = word >> 8;
      into[index + 2] = word >> 16;
      into[index + 3] = word >> 24;
    }
  }
}
