/**
 * The CPU's caches, on machines with non-coherent devices: lines of 64 bytes, each with an owner.
 *
 * The model is the worst that hardware may do, because a driver must be correct for that case:
 *
 * - Data that the CPU writes stays in the caches until it is cleaned. Until then, a device reads
 *   the old bytes in memory.
 * - The CPU may have prefetched any line. Therefore, when a device writes memory, the caches are
 *   assumed to contain the old bytes, and the CPU reads the old bytes until the line is
 *   invalidated.
 *
 * A line equal to memory is not stored at all. Coherent devices read from the caches. A CPU read
 * changes no state, so inspecting memory changes none either.
 *
 * @see rules/dma.md 2.1, 2.2
 */
import { type Bytes, PAGE_SIZE_BYTES, type PhysAddr } from "../address.ts";
import {
  CACHE_LINE_BYTES,
  CachedPage,
  type CacheHazard,
  type CacheHazardKind,
  type CacheLine,
  DIRTY,
  eachPage,
  eachRun,
  HazardFinding,
  holds,
  lineIn,
  LineOwners,
  OVERWRITTEN,
  STATE_WORDS,
} from "./cached_page.ts";
import type { HostMemory, PhysicalMemory } from "./physical_memory.ts";

/** Caches are finite: beyond 16 MiB, the oldest page is written back to memory. */
const MAX_PAGES = 4096;
/** Units of work that reading or writing a page's lines costs. */
const PAGE_UNITS = 64;

export interface CurrentStatement {
  readonly site: number | null;
}

/** The properties of a device that the caches need. */
export interface AccessingDevice {
  readonly name: string;
  /**
   * The device is coherent: it reads from the caches, and its writes replace the lines in the
   * caches.
   */
  readonly coherent: boolean;
}

/**
 * Visits lines of a page. Arguments: the address and the number of the first line, and the count of
 * lines.
 */
type VisitLines = (page: CachedPage, phys: number, line: number, count: number) => void;

const NO_LINES: readonly Bytes[] = [];

export class CpuCaches implements HostMemory {
  readonly owners = new LineOwners();
  readonly #memory: PhysicalMemory;
  readonly #place: CurrentStatement;
  readonly #onHazard: (hazard: CacheHazard) => void;
  /** Pages by number, the oldest first. */
  readonly #pages = new Map<number, CachedPage>();
  readonly #uncached = new Set<number>();
  /**
   * For each follower, the numbers of the pages that may have changed since the follower last read
   * them.
   */
  readonly #followers: Set<number>[] = [];
  readonly #line = new Uint8Array(CACHE_LINE_BYTES);
  readonly #page = new Uint8Array(PAGE_SIZE_BYTES);

  /** @param onHazard Called for bytes that were lost or stale; for reports only. */
  constructor(
    memory: PhysicalMemory,
    place: CurrentStatement,
    onHazard: (hazard: CacheHazard) => void,
  ) {
    this.#memory = memory;
    this.#place = place;
    this.#onHazard = onHazard;
  }

  /**
   * Returns a set. From now on, the number of each page with changed bytes or states is added to
   * it.
   */
  follow(): Set<number> {
    const changed = new Set<number>();
    this.#followers.push(changed);
    return changed;
  }

  /** The bytes that the CPU reads: from its cache lines where there are some, else from memory. */
  read(phys: PhysAddr, into: Uint8Array, offset: number, sizeBytes: Bytes): void {
    const stale = new HazardFinding();
    this.#readLines(phys, into, offset, sizeBytes, stale);
    this.#tell("stale_cacheline_read", stale);
  }

  /** The bytes that the CPU would read, without reporting hazards. */
  look(phys: PhysAddr, into: Uint8Array, offset: number, sizeBytes: Bytes): void {
    this.#readLines(phys, into, offset, sizeBytes, null);
  }

  /** The CPU writes into its lines, or into memory that is not cached. */
  write(phys: PhysAddr, from: Uint8Array, offset: number, sizeBytes: Bytes): void {
    let source = offset;
    eachPage(phys, sizeBytes, (page, start, end) => {
      const lines = this.#linesToWrite(page, start, end);
      if (lines === null) this.#memory.write(page + start as PhysAddr, from, source, end - start);
      else lines.bytes.set(from.subarray(source, source + end - start), start);
      source += end - start;
    });
  }

  fill(phys: PhysAddr, sizeBytes: Bytes, byte: number): void {
    eachPage(phys, sizeBytes, (page, start, end) => {
      const lines = this.#linesToWrite(page, start, end);
      if (lines === null) this.#memory.fill(page + start as PhysAddr, end - start, byte);
      else lines.bytes.fill(byte, start, end);
    });
  }

  copy(from: PhysAddr, to: PhysAddr, sizeBytes: Bytes): void {
    for (let done = 0; done < sizeBytes; done += PAGE_SIZE_BYTES) {
      const count = Math.min(PAGE_SIZE_BYTES, sizeBytes - done);
      this.read(from + done as PhysAddr, this.#page, 0, count);
      this.write(to + done as PhysAddr, this.#page, 0, count);
    }
  }

  /** Writes every line back that holds a byte of the span, and makes the lines device-owned. */
  clean(phys: PhysAddr, sizeBytes: Bytes): void {
    const lost = new HazardFinding();
    this.#eachHeldRun(phys, sizeBytes, (page, at, line, count) => {
      if ((page.states[line]! & DIRTY) !== 0) this.#writeBack(page, at, line, count, lost);
    });
    this.owners.set(phys, sizeBytes, true);
    this.#tell("device_write_lost", lost);
  }

  /**
   * Drops every line that contains a byte of the span, and makes the CPU the owner of these lines.
   * A line that lies only partly in the span is written back first, because its other bytes are
   * outside the span.
   */
  invalidate(phys: PhysAddr, sizeBytes: Bytes): void {
    const dropped = new HazardFinding();
    const lost = new HazardFinding();
    this.#eachHeldLine(phys, sizeBytes, (page, at, line) => {
      const whole = at >= phys && at + CACHE_LINE_BYTES <= phys + sizeBytes;
      if ((page.states[line]! & DIRTY) !== 0) {
        if (!whole) this.#writeBack(page, at, line, 1, lost);
        else if (this.#differs(page, at, line)) dropped.note(page, at);
      }
      this.#drop(page, at, line, 1);
    });
    this.owners.set(phys, sizeBytes, false);
    this.#tell("dirty_cacheline_lost", dropped);
    this.#tell("device_write_lost", lost);
  }

  /** Makes the CPU the owner of the lines of a span, without changing the lines' state. */
  handBack(phys: PhysAddr, sizeBytes: Bytes): void {
    this.owners.set(phys, sizeBytes, false);
  }

  deviceRead(
    device: AccessingDevice,
    phys: PhysAddr,
    into: Uint8Array,
    offset: number,
    sizeBytes: Bytes,
  ): void {
    if (device.coherent) {
      this.#readLines(phys, into, offset, sizeBytes, null);
      return;
    }
    this.#memory.read(phys, into, offset, sizeBytes);
    const old = new HazardFinding();
    this.#eachHeldLine(phys, sizeBytes, (page, at, line) => {
      if ((page.states[line]! & DIRTY) === 0) return;
      const from = Math.max(at, phys);
      const to = Math.min(at + CACHE_LINE_BYTES, phys + sizeBytes);
      if (!holds(page, from, to, into, offset - phys)) old.note(page, at);
    });
    this.#tell("stale_memory_read", old, device.name);
  }

  deviceWrite(
    device: AccessingDevice,
    phys: PhysAddr,
    from: Uint8Array,
    offset: number,
    sizeBytes: Bytes,
  ): void {
    if (device.coherent) this.#giveWay(phys, sizeBytes);
    else {
      eachPage(phys, sizeBytes, (page, start, end) => {
        this.#overtake(device.name, page, start, end);
      });
    }
    this.#memory.write(phys, from, offset, sizeBytes);
    this.#notePages(phys, sizeBytes);
  }

  /** Sets memory itself and bypasses the lines: for bytes that no driver owns. */
  fillMemory(phys: PhysAddr, sizeBytes: Bytes, byte: number): void {
    this.#giveWay(phys, sizeBytes);
    this.#memory.fill(phys, sizeBytes, byte);
    this.#notePages(phys, sizeBytes);
  }

  /** Removes whole pages from the caches: reads and writes of coherent memory bypass them. */
  makeUncached(phys: PhysAddr, sizeBytes: Bytes): void {
    this.#giveWay(phys, sizeBytes);
    eachPage(phys, sizeBytes, (page) => this.#uncached.add(page / PAGE_SIZE_BYTES));
    this.#notePages(phys, sizeBytes);
  }

  /** Lets pages be cached again. */
  makeCached(phys: PhysAddr, sizeBytes: Bytes): void {
    eachPage(phys, sizeBytes, (page) => this.#uncached.delete(page / PAGE_SIZE_BYTES));
  }

  /** The lines of a span, for display. */
  linesOf(phys: PhysAddr, sizeBytes: Bytes): readonly CacheLine[] {
    const lines: CacheLine[] = [];
    const first = phys - phys % CACHE_LINE_BYTES;
    for (let at = first; at < phys + sizeBytes; at += CACHE_LINE_BYTES) {
      const page = this.#pages.get(Math.floor(at / PAGE_SIZE_BYTES));
      lines.push({
        phys: at as PhysAddr,
        owner: this.owners.isDevices(at) ? "device" : "cpu",
        state: STATE_WORDS[page?.states[lineIn(at)] ?? 0]!,
      });
    }
    return lines;
  }

  /**
   * Offsets in bytes, from the start of a page, of the lines that a device has overwritten in
   * memory.
   */
  oldLinesIn(page: PhysAddr): readonly Bytes[] {
    const states = this.#pages.get(page / PAGE_SIZE_BYTES)?.states;
    if (states === undefined) return NO_LINES;
    const old: Bytes[] = [];
    for (let line = 0; line < states.length; line++) {
      if ((states[line]! & OVERWRITTEN) !== 0) old.push(line * CACHE_LINE_BYTES);
    }
    return old;
  }

  /** Reads memory, with the caches' lines over it. */
  #readLines(
    phys: PhysAddr,
    into: Uint8Array,
    offset: number,
    sizeBytes: Bytes,
    stale: HazardFinding | null,
  ): void {
    this.#memory.read(phys, into, offset, sizeBytes);
    this.#eachHeldRun(phys, sizeBytes, (page, at, line, count) => {
      const from = Math.max(at, phys);
      const to = Math.min(at + count * CACHE_LINE_BYTES, phys + sizeBytes);
      if (stale !== null && (page.states[line]! & OVERWRITTEN) !== 0) {
        for (let next = from; next < to;) {
          const start = next;
          next = Math.min(to, start - start % CACHE_LINE_BYTES + CACHE_LINE_BYTES);
          if (!holds(page, start, next, into, offset - phys)) {
            stale.note(page, start - start % CACHE_LINE_BYTES);
          }
        }
      }
      const first = from % PAGE_SIZE_BYTES;
      into.set(page.bytes.subarray(first, first + to - from), offset + from - phys);
    });
  }

  /** The lines into which the CPU writes a part of a page; null if the memory is not cached. */
  #linesToWrite(page: number, start: number, end: number): CachedPage | null {
    this.#note(page);
    const lines = this.#pageFor(page);
    if (lines === null) return null;
    for (let line = lineIn(start); line < Math.ceil(end / CACHE_LINE_BYTES); line++) {
      const from = line * CACHE_LINE_BYTES;
      const whole = start <= from && end >= from + CACHE_LINE_BYTES;
      if (lines.states[line] === 0) {
        lines.held++;
        if (!whole) this.#load(lines, page + from, line, 1);
      }
      // A line that is replaced as a whole contains no old bytes.
      lines.states[line] = whole ? DIRTY : lines.states[line]! | DIRTY;
    }
    lines.cpuWroteAt = this.#place.site;
    return lines;
  }

  /** Called before a non-coherent device writes: marks the lines as containing old bytes. */
  #overtake(writer: string, page: number, start: number, end: number): void {
    const lines = this.#pageFor(page);
    if (lines === null) return;
    eachRun(lines.states, start, end, (line, count, state) => {
      if (state === 0) {
        lines.held += count;
        this.#load(lines, page + line * CACHE_LINE_BYTES, line, count);
      }
      lines.states.fill(state | OVERWRITTEN, line, line + count);
    });
    lines.deviceWroteAt = this.#place.site;
    lines.writer = writer;
  }

  /** Writes back the dirty lines of a span, and drops all its lines. */
  #giveWay(phys: PhysAddr, sizeBytes: Bytes): void {
    const lost = new HazardFinding();
    this.#eachHeldRun(phys, sizeBytes, (page, at, line, count) => {
      if ((page.states[line]! & DIRTY) !== 0) this.#writeBack(page, at, line, count, lost);
      this.#drop(page, at, line, count);
    });
    this.#tell("device_write_lost", lost);
  }

  #pageFor(page: number): CachedPage | null {
    this.#memory.budget.work(PAGE_UNITS);
    const number = page / PAGE_SIZE_BYTES;
    const found = this.#pages.get(number);
    if (found !== undefined) return found;
    if (this.#uncached.has(number) || this.#memory.kindAt(page) !== "ram") return null;
    if (this.#pages.size >= MAX_PAGES) this.#evict();
    const lines = new CachedPage();
    this.#pages.set(number, lines);
    return lines;
  }

  #evict(): void {
    for (const oldest of this.#pages.keys()) {
      this.#giveWay(oldest * PAGE_SIZE_BYTES as PhysAddr, PAGE_SIZE_BYTES);
      return;
    }
  }

  #load(page: CachedPage, phys: number, line: number, count: number): void {
    const from = line * CACHE_LINE_BYTES;
    this.#memory.read(phys as PhysAddr, page.bytes, from, count * CACHE_LINE_BYTES);
  }

  /** Writes lines that all have the same state to memory, and drops them. */
  #writeBack(
    page: CachedPage,
    phys: number,
    line: number,
    count: number,
    lost: HazardFinding,
  ): void {
    if ((page.states[line]! & OVERWRITTEN) !== 0) {
      for (let index = 0; index < count; index++) {
        const at = phys + index * CACHE_LINE_BYTES;
        if (this.#differs(page, at, line + index)) lost.note(page, at);
      }
    }
    const from = line * CACHE_LINE_BYTES;
    this.#memory.write(phys as PhysAddr, page.bytes, from, count * CACHE_LINE_BYTES);
    this.#drop(page, phys, line, count);
  }

  #note(phys: number): void {
    for (const changed of this.#followers) changed.add(Math.floor(phys / PAGE_SIZE_BYTES));
  }

  #notePages(phys: number, sizeBytes: Bytes): void {
    if (this.#followers.length > 0) eachPage(phys, sizeBytes, (page) => this.#note(page));
  }

  /** Drops lines that all have the same state. */
  #drop(page: CachedPage, phys: number, line: number, count: number): void {
    if (page.states[line] === 0) return;
    this.#note(phys);
    page.states.fill(0, line, line + count);
    page.held -= count;
  }

  #differs(page: CachedPage, phys: number, line: number): boolean {
    this.#memory.read(phys as PhysAddr, this.#line, 0, CACHE_LINE_BYTES);
    const from = line * CACHE_LINE_BYTES;
    return this.#line.some((byte, index) => byte !== page.bytes[from + index]);
  }

  #eachHeldLine(
    phys: number,
    sizeBytes: Bytes,
    visit: (page: CachedPage, linePhys: number, line: number) => void,
  ): void {
    this.#eachHeldRun(phys, sizeBytes, (page, at, line, count) => {
      for (let index = 0; index < count; index++) {
        visit(page, at + index * CACHE_LINE_BYTES, line + index);
      }
    });
  }

  /**
   * Visits the stored lines of a span. Consecutive lines of a page with the same state are visited
   * in one call. Pages that have no lines afterwards are removed.
   */
  #eachHeldRun(phys: number, sizeBytes: Bytes, visit: VisitLines): void {
    const end = phys + sizeBytes;
    // A span may be far larger than all stored pages.
    if (sizeBytes / PAGE_SIZE_BYTES > this.#pages.size) {
      for (const number of [...this.#pages.keys()]) {
        const page = number * PAGE_SIZE_BYTES;
        const from = Math.max(phys, page);
        const to = Math.min(end, page + PAGE_SIZE_BYTES);
        if (from < to) this.#eachRunOf(page, from - page, to - page, visit);
      }
      return;
    }
    eachPage(phys, sizeBytes, (page, start, end) => this.#eachRunOf(page, start, end, visit));
  }

  #eachRunOf(page: number, start: number, end: number, visit: VisitLines): void {
    this.#memory.budget.work(PAGE_UNITS);
    const lines = this.#pages.get(page / PAGE_SIZE_BYTES);
    if (lines === undefined) return;
    eachRun(lines.states, start, end, (line, count, state) => {
      if (state !== 0) visit(lines, page + line * CACHE_LINE_BYTES, line, count);
    });
    if (lines.held === 0) this.#pages.delete(page / PAGE_SIZE_BYTES);
  }

  #tell(
    kind: CacheHazardKind,
    { lines, phys, page }: HazardFinding,
    reader: string | null = null,
  ): void {
    if (page === null) return;
    const byDevice = kind === "stale_cacheline_read" || kind === "device_write_lost";
    this.#onHazard({
      kind,
      phys: phys as PhysAddr,
      lines,
      device: byDevice ? page.writer : reader,
      writtenAt: byDevice ? page.deviceWroteAt : page.cpuWroteAt,
    });
  }
}
