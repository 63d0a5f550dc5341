/**
 * Allocates the memory of buffers: the rules of `buffer(…)` and `alloc_pages(…)` in language.md.
 */
import { alignDown, type Bytes, hexAddress, type PhysAddr } from "../address.ts";
import { KernelError } from "../errno.ts";
import { bufferCost, type BufferHome, type FillPattern, HostBuffer } from "./host_buffer.ts";
import { type BufferSegment, segmentsOf } from "./buffer_segments.ts";
import { MAX_BLOCK_PAGES, type PageRun } from "./page_allocator.ts";
import { INJECTION } from "../injection.ts";
import type { Machine } from "../machine.ts";
import type { KernelAreas } from "../dma/kernel_areas.ts";

/** A buffer of more pieces than this is considered a typing mistake. */
const MAX_PIECES = 2 ** 20;
/** Units of work that a piece, or a page of it, costs. */
const SEGMENT_UNITS = 64;

export interface BufferRequest {
  /** Length of the content; default: the sum of the pieces. */
  readonly sizeBytes?: Bytes;
  /** Offset of the first piece in its page; default 0. */
  readonly offsetBytes?: Bytes;
  /** Number of pieces; default: as many as the size needs. */
  readonly pieces?: number;
  /** Length of each piece; default: from its start to the end of its page. */
  readonly pieceBytes?: Bytes;
  /** Distance in physical memory from one piece's start to the next one's. */
  readonly strideBytes?: Bytes;
  readonly fill?: FillPattern;
  readonly owner?: "script" | "driver";
}

/**
 * Allocates memory for a buffer.
 *
 * Without `pieces`, the buffer is one contiguous run. Pieces without a stride lie on scattered
 * pages, no two of which are adjacent: the first piece at `offsetBytes`, the others at the start of
 * their pages. With a stride, the k-th piece lies exactly k strides after the first, and pages
 * between pieces stay free.
 *
 * @throws {RangeError} When the numbers are inconsistent: a size that is not the sum of the pieces,
 *   an offset outside a page, pieces that would overlap.
 * @throws {KernelError} ENOMEM when no memory of that shape is free.
 */
export function allocateBuffer(home: BufferHome, request: BufferRequest): HostBuffer {
  const pageBytes = home.pages.pageSizeBytes;
  const offsetBytes = request.offsetBytes ?? 0;
  if (!(offsetBytes >= 0 && offsetBytes < pageBytes)) {
    throw new RangeError(
      `Cannot start a buffer at byte ${offsetBytes} of its page: a page has ${pageBytes} bytes`,
    );
  }
  const sizes = pieceSizes(request, offsetBytes, pageBytes);
  const buffer = request.strideBytes === undefined
    ? allocateScattered(home, request, sizes, offsetBytes)
    : allocateStrided(home, request, sizes, offsetBytes, request.strideBytes);
  if (request.fill !== undefined) buffer.fill(request.fill);
  return buffer;
}

/**
 * Allocates whole pages as a buffer; adjacent pages are one segment.
 *
 * @param request `orderAligned` as in `PageAllocator.alloc`.
 * @throws {KernelError} ENOMEM when no such pages are free.
 */
export function allocatePages(
  home: BufferHome,
  request: {
    readonly pages: number;
    readonly contiguous: boolean;
    readonly orderAligned?: number;
    readonly region?: string;
  },
): HostBuffer {
  const pageBytes = home.pages.pageSizeBytes;
  if (!(Number.isInteger(request.pages) && request.pages > 0)) {
    throw new RangeError(`Cannot take ${request.pages} pages: it must be at least 1`);
  }
  const block = 2 ** (request.orderAligned ?? 0);
  const segments = request.contiguous ? 1 : Math.ceil(request.pages / block);
  demandPages(home, segments, request.pages);
  const pages = home.pages.alloc(request.pages, request);
  if (pages === null) throw noMemory(request.pages * pageBytes);
  return new HostBuffer(home, segmentsOf(pages, pageBytes), pages);
}

/**
 * Makes a buffer at the addresses that the caller passes. Segments may share a page with each
 * other, but not with another buffer.
 *
 * @throws {RangeError} When a segment is empty, lies outside memory, or on a page in use.
 */
export function claimBuffer(home: BufferHome, segments: readonly BufferSegment[]): HostBuffer {
  const pageBytes = home.pages.pageSizeBytes;
  const claimed: PhysAddr[] = [];
  const own = new Set<number>();
  for (const { phys, sizeBytes } of segments) {
    const problem = claimSegment(home, phys, sizeBytes, pageBytes, own, claimed);
    if (problem !== null) {
      home.pages.free(claimed);
      throw new RangeError(
        `Cannot use ${sizeBytes} bytes at ${hexAddress(phys)} as a buffer: ${problem}`,
      );
    }
  }
  return new HostBuffer(home, segments, claimed);
}

function claimSegment(
  home: BufferHome,
  phys: PhysAddr,
  sizeBytes: Bytes,
  pageBytes: Bytes,
  own: Set<number>,
  claimed: PhysAddr[],
): string | null {
  if (!(sizeBytes > 0)) return "a segment has at least one byte";
  if (!home.memory.covers(phys, sizeBytes)) return "there is no memory";
  home.memory.budget.demand(bufferCost(1, sizeBytes / pageBytes));
  for (let page = alignDown(phys, pageBytes); page < phys + sizeBytes; page += pageBytes) {
    home.memory.budget.work(SEGMENT_UNITS);
    if (own.has(page)) continue;
    const from = Math.max(page, phys) as PhysAddr;
    if (!home.pages.claim(from, 1)) return pageInUse(home, page);
    own.add(page);
    claimed.push(page as PhysAddr);
  }
  return null;
}

function pageInUse({ pages }: BufferHome, page: number): string {
  const free = pages.nextFree(page);
  const next = free === null ? "" : `; the next free page is at ${hexAddress(free)}`;
  const user = pages.ownerOf(page) === "driver"
    ? "a driver, a device or the bounce buffers"
    : "other memory of the script";
  return `the page at ${hexAddress(page)} is in use by ${user}${next}`;
}

function pieceSizes(request: BufferRequest, offsetBytes: Bytes, pageBytes: Bytes): Bytes[] {
  const { sizeBytes, pieces, pieceBytes, strideBytes } = request;
  const shaped = pieces !== undefined || pieceBytes !== undefined || strideBytes !== undefined;
  if (!shaped) return [checkedSize(sizeBytes ?? pageBytes - offsetBytes)];
  if (pieces === undefined && sizeBytes === undefined) {
    throw new RangeError("Cannot make a buffer of pieces without a size or a number of pieces");
  }
  if (pieces !== undefined && !(Number.isInteger(pieces) && pieces > 0)) {
    throw new RangeError(`Cannot make a buffer of ${pieces} pieces: it must be at least 1`);
  }
  const pieceSize = (piece: number): Bytes => {
    if (pieceBytes !== undefined) return checkedSize(pieceBytes);
    const start = strideBytes === undefined
      ? (piece === 0 ? offsetBytes : 0)
      : offsetBytes + piece * strideBytes;
    return pageBytes - start % pageBytes;
  };
  const sizes: Bytes[] = [];
  let sum = 0;
  while (pieces === undefined ? sum < sizeBytes! : sizes.length < pieces) {
    if (sizes.length === MAX_PIECES) {
      throw new RangeError(`Cannot make a buffer of more than ${MAX_PIECES} pieces`);
    }
    const size = pieceSize(sizes.length);
    sizes.push(size);
    sum += size;
  }
  if (sizeBytes !== undefined && sum !== sizeBytes) {
    throw new RangeError(
      `Cannot make a buffer of ${sizeBytes} bytes from ${sizes.length} pieces: ` +
        `they have ${sum} bytes`,
    );
  }
  return sizes;
}

function checkedSize(sizeBytes: Bytes): Bytes {
  if (Number.isInteger(sizeBytes) && sizeBytes > 0) return sizeBytes;
  throw new RangeError(`Cannot make a buffer of ${sizeBytes} bytes: it must be at least 1`);
}

function allocateScattered(
  home: BufferHome,
  request: BufferRequest,
  sizes: readonly Bytes[],
  offsetBytes: Bytes,
): HostBuffer {
  const pageBytes = home.pages.pageSizeBytes;
  const offsetOf = (piece: number): Bytes => piece === 0 ? offsetBytes : 0;
  const counts = sizes.map((size, piece) => Math.ceil((offsetOf(piece) + size) / pageBytes));
  const pages = counts.reduce((sum, count) => sum + count, 0);
  demandPages(home, sizes.length, pages);
  const starts = home.pages.allocApart(counts, { owner: request.owner ?? "script" });
  if (starts === null) throw noMemory(sizes.reduce((sum, size) => sum + size, 0));
  const owned: PhysAddr[] = [];
  const segments = starts.map((start, piece): BufferSegment => {
    home.memory.budget.work(SEGMENT_UNITS * counts[piece]!);
    for (let page = 0; page < counts[piece]!; page++) {
      owned.push(start + page * pageBytes as PhysAddr);
    }
    return { phys: start + offsetOf(piece) as PhysAddr, sizeBytes: sizes[piece]! };
  });
  return new HostBuffer(home, segments, owned);
}

function allocateStrided(
  home: BufferHome,
  request: BufferRequest,
  sizes: readonly Bytes[],
  offsetBytes: Bytes,
  strideBytes: Bytes,
): HostBuffer {
  const pageBytes = home.pages.pageSizeBytes;
  const runs: { startPage: number; pages: number }[] = [];
  const offsets = sizes.map((size, piece) => {
    home.memory.budget.work(SEGMENT_UNITS);
    if (piece + 1 < sizes.length && !(strideBytes >= size)) {
      throw new RangeError(
        `Cannot place pieces of ${size} bytes ${strideBytes} bytes apart: they would overlap`,
      );
    }
    const start = offsetBytes + piece * strideBytes;
    addRun(runs, Math.floor(start / pageBytes), Math.ceil((start + size) / pageBytes));
    return start;
  });
  const pages = runs.reduce((sum, run) => sum + run.pages, 0);
  demandPages(home, sizes.length, pages);
  const base = home.pages.allocPattern(runs, { owner: request.owner ?? "script" });
  if (base === null) throw noMemory(sizes.reduce((sum, size) => sum + size, 0));
  const owned = runs.flatMap(({ startPage, pages }) =>
    Array.from({ length: pages }, (_, page) => base + (startPage + page) * pageBytes as PhysAddr)
  );
  const segments = sizes.map((sizeBytes, piece): BufferSegment => ({
    phys: base + offsets[piece]! as PhysAddr,
    sizeBytes,
  }));
  return new HostBuffer(home, segments, owned);
}

/** Appends pages to a list of runs; pages that touch or overlap the last run extend it. */
function addRun(runs: (PageRun & { pages: number })[], start: number, end: number): void {
  const last = runs.at(-1);
  if (last !== undefined && start <= last.startPage + last.pages) {
    last.pages = Math.max(last.pages, end - last.startPage);
  } else runs.push({ startPage: start, pages: end - start });
}

/**
 * Checks the memory limit before a buffer is allocated. If the buffer needs more pages than exist,
 * the call throws and nothing is allocated.
 */
function demandPages(
  { memory, pages: { pageSizeBytes, totalPages } }: BufferHome,
  segments: number,
  pages: number,
): void {
  if (pages > totalPages) throw noMemory(pages * pageSizeBytes);
  memory.budget.demand(bufferCost(segments, pages));
}

function noMemory(sizeBytes: Bytes): KernelError {
  return new KernelError("ENOMEM", `Cannot take ${sizeBytes} bytes of host memory`);
}

/**
 * Allocates up to `wantedPages` single pages and adds their addresses to a list. Each page passes
 * the injection point `alloc_pages`. The first page that cannot be allocated ends the call; pages
 * allocated before stay allocated.
 *
 * @param apart True: no two pages are neighbours, as far as memory allows. False: the pages are
 *   adjacent if possible.
 * @returns How many pages were allocated: fewer than wanted, or 0, if memory is short.
 * @see rules/hmm-rdma-vfio.md 3.1
 */
export function allocPagesBulk(
  machine: Machine,
  into: PhysAddr[],
  wantedPages: number,
  apart: boolean,
): number {
  const { faults, pages } = machine;
  const before = into.length;
  const goesOn = () => faults === null || faults.errnoAt(INJECTION.alloc_pages) === 0;
  pages.allocEach(into, wantedPages, apart, goesOn);
  return into.length - before;
}

/** The parts of a machine that kernel allocations need. */
export interface KernelHome extends BufferHome {
  readonly areas: KernelAreas;
}

/**
 * A buffer that is contiguous for the CPU. Its pages count as vmalloc memory until the buffer is
 * freed.
 */
class VmallocBuffer extends HostBuffer {
  readonly #areas: KernelAreas;

  constructor(home: KernelHome, whole: HostBuffer, sizeBytes: Bytes) {
    super(home, whole.slice(0, sizeBytes).segments, whole.pages);
    this.#areas = home.areas;
    home.areas.addVmalloc(whole.pages);
  }

  override free(): void {
    this.#areas.removeVmalloc(this.pages);
    super.free();
  }
}

/**
 * Allocates physically contiguous memory on pages that no other buffer uses.
 * @throws {KernelError} ENOMEM when no run of free pages is long enough, or when the size exceeds
 *   the largest block.
 */
export function kmalloc(home: KernelHome, sizeBytes: Bytes): HostBuffer {
  const largestBytes = MAX_BLOCK_PAGES * home.pages.pageSizeBytes;
  if (sizeBytes > largestBytes) {
    throw new KernelError("ENOMEM", `kmalloc() allocates at most ${largestBytes} bytes`);
  }
  return allocateBuffer(home, { sizeBytes });
}

/**
 * Allocates single pages, no two of them adjacent.
 * @throws {KernelError} ENOMEM when there are too few.
 */
export function vmalloc(home: KernelHome, sizeBytes: Bytes): HostBuffer {
  const pages = Math.ceil(sizeBytes / home.pages.pageSizeBytes);
  return new VmallocBuffer(home, allocatePages(home, { pages, contiguous: false }), sizeBytes);
}
