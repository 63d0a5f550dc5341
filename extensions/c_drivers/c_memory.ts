/**
 * The memory that a driver in C and the simulated machine share.
 *
 * A page of RAM that the driver may see is stored in the WebAssembly memory. Therefore the bytes
 * that C writes need not be copied for a device to read them. If devices are not coherent with the
 * CPU's caches, the driver has a copy of the bytes that the CPU sees. This copy is compared with
 * the caches whenever the driver calls the kernel or is called (`c_caches.ts`).
 *
 * A shadow has one byte for each eight bytes of memory, and shows which of them may be accessed.
 * The compiled code reads the shadow before each load and store. It calls the host only if an
 * access is not allowed or must be checked.
 */
import {
  alignUp,
  foldedHigh,
  type Machine,
  PAGE_SIZE_BYTES,
  type PhysAddr,
  realHigh,
} from "@dmalab/runtime";
import {
  ALIAS_AT,
  BLOCKS_AT,
  CALL_AT,
  CALL_DEPTH_AT,
  FUEL_AT,
  GRANULE_BYTES,
  IO_BASE,
  IO_BYTES,
  LOCALS_AT,
  MAX_LOCALS,
  NULL_BYTES,
  PAGE_MAP,
  SHADOW_AT,
  SHADOW_BYTES,
  TREE_PAGE_MAP,
  TREE_PAGE_MAP_BYTES,
  WASM_PAGE_BYTES,
  WINDOW_AT,
  WINDOW_BYTES,
} from "./c_addresses.ts";
import { FreshMemory } from "./c_fresh.ts";
import { CachedView } from "./c_caches.ts";

/**
 * Special values of a shadow byte. Among the other values, 0 allows all eight bytes, and 1 to 7
 * allow that number of bytes from the start of the eight.
 */
export const MARK = {
  /** Each access is checked: the bytes are owned by a device, or stale. */
  LOOK: 0x40,
  /** The bytes are not all written yet: stores are checked. */
  FRESH: 0x20,
  /** Constants: stores are errors. */
  CONSTANT: 0x10,
  /** Never allocated. */
  CLOSED: 0x80,
  FREED: 0x81,
  /** The bytes are after the end of an allocation. */
  BEHIND: 0x82,
  NULL: 0x83,
} as const;

const { BEHIND, CLOSED, CONSTANT, FRESH, LOOK, NULL } = MARK;
const ALL_ONES = 2 ** 32 - 1;
const LOOKED_AT = LOOK | FRESH | CONSTANT;
const LOOK_WORD = LOOK * 0x01010101;
/**
 * The top bit of a mark. The shadow stores marks with this bit inverted, so that all-zero shadow
 * memory forbids accesses. Therefore the host need not allocate shadow pages for memory that is
 * never accessed.
 */
const TURNED = 0x80;
/** Value at `CALL_AT` while no function of a tree's driver is in a call. */
export const NO_CALL = -1;
/** The unit in which the shadow is cleared: the marks for 32 KiB of memory. */
const SHADOW_PART_BYTES = 4096;
/** The number of memory bytes that one word of the shadow describes. */
const WORD_SPAN = 4 * GRANULE_BYTES;

/** Returned if a C address has no physical address, or a physical address has no C address. */
export const NOWHERE = -1;

export class CMemory {
  readonly memory: WebAssembly.Memory;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly shadow: Uint8Array;
  /** One byte for each block of the driver's code: 1 until the block has run. */
  readonly blocks: Uint8Array;
  /**
   * Values of the compiled code's locals at the start of the line that was reached last: two words
   * for each local.
   */
  readonly localWords: Int32Array;
  /** Physical address of the window's first byte. */
  readonly windowPhys: PhysAddr;
  /** Tracks the uninitialised bytes. */
  readonly fresh: FreshMemory;
  /**
   * Synchronises the driver's bytes with the CPU's caches; null if devices are coherent with the
   * caches.
   */
  readonly cached: CachedView | null;
  /** Address of the `struct page` of page 0. */
  readonly pageMapAt: number;
  readonly #shadowWords: Uint32Array;
  readonly #call: Int32Array;
  readonly #callDepth: Int32Array;
  /** Saved `#call` and `#callDepth`, for each call into C that has not returned. */
  readonly #callsBefore: number[] = [];
  /** C addresses of pages outside the window, by page number. */
  readonly #aliases = new Map<number, number>();
  /** Page numbers by C address. */
  readonly #aliased = new Map<number, number>();
  readonly #shared = new Set<number>();
  #nextAlias = ALIAS_AT;
  /** End of the static data; `#windowEnd`: end of the used part of the window. */
  readonly #staticsEnd: number;
  #windowEnd = WINDOW_AT;
  /**
   * For each part of the shadow: 1 if the part has or had marks. Only these parts must be cleared;
   * most parts are never written.
   */
  readonly #markedParts = new Uint8Array(SHADOW_BYTES / SHADOW_PART_BYTES);
  /** Parts of a tree driver's page map that were written. */
  readonly #pagesWritten = new Set<number>();
  #givenBlocks = 0;

  /**
   * @param staticBytes Size of the stack and the static data.
   * @param blockCount Number of blocks of code.
   * @param ofTree Whether the driver was compiled with a kernel tree.
   * @param spare Cleared memory of an earlier machine with the same code. It is reused because
   *   allocating new memory makes V8 collect garbage at once.
   */
  constructor(
    private readonly machine: Machine,
    staticBytes: number,
    blockCount: number,
    ofTree: boolean,
    spare: WebAssembly.Memory | null,
  ) {
    this.#staticsEnd = alignUp(staticBytes, WASM_PAGE_BYTES);
    this.pageMapAt = ofTree ? TREE_PAGE_MAP : PAGE_MAP;
    this.windowPhys = machine.pages.scriptStartPhys;
    const end = ofTree ? TREE_PAGE_MAP + TREE_PAGE_MAP_BYTES : BLOCKS_AT + blockCount;
    const pages = BigInt(alignUp(end, WASM_PAGE_BYTES) / WASM_PAGE_BYTES);
    // Initial and maximum size are equal, so that the buffer never moves.
    this.memory = spare ?? new WebAssembly.Memory(
      { address: "i64", initial: pages, maximum: pages } as object as WebAssembly.MemoryDescriptor,
    );
    const { buffer } = this.memory;
    this.bytes = new Uint8Array(buffer, 0, SHADOW_AT);
    this.view = new DataView(buffer, 0, SHADOW_AT);
    this.shadow = new Uint8Array(buffer, SHADOW_AT, SHADOW_BYTES);
    this.#call = new Int32Array(buffer, CALL_AT, 1);
    this.#callDepth = new Int32Array(buffer, CALL_DEPTH_AT, 1);
    this.#shadowWords = new Uint32Array(buffer, SHADOW_AT, SHADOW_BYTES / 4);
    this.blocks = new Uint8Array(buffer, BLOCKS_AT, blockCount);
    this.localWords = new Int32Array(buffer, LOCALS_AT, 2 * MAX_LOCALS);
    this.fresh = new FreshMemory(this, FRESH);
    this.cached = machine.caches === null ? null : new CachedView(machine.caches, this);
    this.open(NULL_BYTES, staticBytes - NULL_BYTES);
    this.close(0, NULL_BYTES, NULL);
    this.#placeStatics(staticBytes);
  }

  /** Sets the number of blocks of code that may run before the driver checks the limits again. */
  set fuel(blocks: number) {
    new Int32Array(this.memory.buffer, FUEL_AT, 1)[0] = blocks;
  }

  /** Notes a write of a tree's driver to its page map. */
  writtenInPages(at: number, sizeBytes: number): void {
    const first = Math.floor(at / WASM_PAGE_BYTES);
    const last = Math.floor((at + sizeBytes - 1) / WASM_PAGE_BYTES);
    for (let part = first; part <= last; part++) this.#pagesWritten.add(part);
  }

  /** Clears the memory for another machine: this machine must not be used any more. */
  cleared(): WebAssembly.Memory {
    const all = new Uint8Array(this.memory.buffer);
    all.fill(0, 0, this.#staticsEnd);
    all.fill(0, WINDOW_AT, this.#windowEnd);
    all.fill(0, ALIAS_AT, this.#nextAlias);
    this.#markedParts.forEach((isMarked, part) => {
      if (isMarked === 0) return;
      this.shadow.fill(0, part * SHADOW_PART_BYTES, (part + 1) * SHADOW_PART_BYTES);
    });
    all.fill(0, FUEL_AT, BLOCKS_AT + this.blocks.length);
    for (const part of this.#pagesWritten) {
      all.fill(0, part * WASM_PAGE_BYTES, (part + 1) * WASM_PAGE_BYTES);
    }
    return this.memory;
  }

  /** Notes that bytes of the window may be written from now on. */
  #used(at: number, sizeBytes: number): void {
    if (at >= WINDOW_AT && at < ALIAS_AT) {
      this.#windowEnd = Math.max(this.#windowEnd, Math.min(ALIAS_AT, at + sizeBytes));
    }
  }

  /** Notes that marks of granules may be written: from `first` up to `end`. */
  #marks(first: number, end: number): void {
    const last = Math.floor((end - 1) / SHADOW_PART_BYTES);
    for (let part = Math.floor(first / SHADOW_PART_BYTES); part <= last; part++) {
      this.#markedParts[part] = 1;
    }
  }

  /** Number of blocks of code that have run; only differences are meaningful. */
  get blocksRun(): number {
    return this.#givenBlocks - new Int32Array(this.memory.buffer, FUEL_AT, 1)[0]!;
  }

  /** Notes that the driver may run this many further blocks. */
  refuel(blocks: number): number {
    this.#givenBlocks += blocks;
    return blocks;
  }

  /**
   * The call that a tree's driver is in, by the address of its code. `NO_CALL` if the driver is in no
   * call, and 0 if the call can only be found by the stack.
   */
  get calledAt(): number {
    return this.#call[0]!;
  }

  /** Notes a call into C, either by a script or within another call of the driver. */
  enterCall(): void {
    const isOutermost = this.#callsBefore.length === 0;
    this.#callsBefore.push(this.#call[0]!, this.#callDepth[0]!);
    if (isOutermost) this.#call[0] = NO_CALL;
  }

  /** Notes that C has returned, or was stopped within nested calls. */
  leaveCall(): void {
    this.#callDepth[0] = this.#callsBefore.pop()!;
    this.#call[0] = this.#callsBefore.pop()!;
  }

  /** Allocates the static data: separate memory, contiguous only in virtual addresses. */
  #placeStatics(staticBytes: number): void {
    const { areas, pages } = this.machine;
    const count = Math.ceil(staticBytes / pages.pageSizeBytes);
    const taken = pages.alloc(count, { contiguous: true, owner: "driver" });
    if (taken === null) return;
    areas.addVmalloc(taken);
    taken.forEach((phys, page) =>
      this.#alias(phys, page * pages.pageSizeBytes, pages.pageSizeBytes)
    );
  }

  /** The physical address of a C address, or `NOWHERE`. */
  physOf(at: number): number {
    if (at >= WINDOW_AT && at < WINDOW_AT + WINDOW_BYTES) {
      return this.windowPhys + (at - WINDOW_AT);
    }
    if (at >= IO_BASE && at < IO_BASE + IO_BYTES) return at - IO_BASE;
    const page = this.#aliased.get(Math.floor(at / PAGE_SIZE_BYTES));
    return page === undefined ? NOWHERE : page * PAGE_SIZE_BYTES + at % PAGE_SIZE_BYTES;
  }

  /** The C address of a physical address, or `NOWHERE`. */
  pointerTo(phys: number): number {
    const offset = phys - this.windowPhys;
    if (offset >= 0 && offset < WINDOW_BYTES) return WINDOW_AT + offset;
    const page = this.#aliases.get(Math.floor(phys / PAGE_SIZE_BYTES));
    return page === undefined ? NOWHERE : page + phys % PAGE_SIZE_BYTES;
  }

  /** Whether an address is in the page map. */
  isPage(at: number): boolean {
    return at >= this.pageMapAt && at < IO_BASE;
  }

  /** Whether bytes are in the page map of a tree's driver. */
  isInPages(at: number, sizeBytes: number): boolean {
    const end = TREE_PAGE_MAP + TREE_PAGE_MAP_BYTES;
    return this.pageMapAt === TREE_PAGE_MAP && at >= TREE_PAGE_MAP && at + sizeBytes <= end;
  }

  /** Makes physical memory visible to C. @returns Its C address, or `NOWHERE` without room. */
  share(phys: PhysAddr, sizeBytes: number): number {
    const first = Math.floor(phys / PAGE_SIZE_BYTES);
    const last = Math.floor((phys + Math.max(sizeBytes, 1) - 1) / PAGE_SIZE_BYTES);
    const inWindow = phys >= this.windowPhys &&
      phys + sizeBytes <= this.windowPhys + WINDOW_BYTES;
    if (!inWindow && !this.#hasRow(first, last)) {
      const bytes = (last - first + 1) * PAGE_SIZE_BYTES;
      // One page between these pages and the previously aliased pages stays inaccessible.
      if (this.#nextAlias + bytes + PAGE_SIZE_BYTES > SHADOW_AT) return NOWHERE;
      this.#alias(first * PAGE_SIZE_BYTES as PhysAddr, this.#nextAlias, bytes);
      this.#nextAlias += bytes + PAGE_SIZE_BYTES;
    }
    if (inWindow) this.#sharePages(first, last);
    return this.pointerTo(phys);
  }

  /**
   * Makes scattered pages visible to C, as contiguous memory. @returns The memory's C address, or
   * `NOWHERE` without room.
   */
  shareRow(pages: readonly PhysAddr[], pageSizeBytes: number): number {
    const at = this.#nextAlias;
    if (at + (pages.length * pageSizeBytes) + PAGE_SIZE_BYTES > SHADOW_AT) return NOWHERE;
    pages.forEach((phys, index) => this.#alias(phys, at + index * pageSizeBytes, pageSizeBytes));
    this.#nextAlias = at + pages.length * pageSizeBytes + PAGE_SIZE_BYTES;
    return at;
  }

  #hasRow(first: number, last: number): boolean {
    const start = this.#aliases.get(first);
    if (start === undefined) return false;
    for (let page = first; page <= last; page++) {
      if (this.#aliases.get(page) !== start + (page - first) * PAGE_SIZE_BYTES) return false;
    }
    return true;
  }

  #sharePages(first: number, last: number): void {
    for (let page = first; page <= last; page++) {
      if (this.#shared.has(page)) continue;
      this.#shared.add(page);
      const phys = page * PAGE_SIZE_BYTES as PhysAddr;
      const at = this.pointerTo(phys);
      this.#used(at, PAGE_SIZE_BYTES);
      this.#place(phys, at);
    }
  }

  #alias(phys: PhysAddr, at: number, sizeBytes: number): void {
    for (let done = 0; done < sizeBytes; done += PAGE_SIZE_BYTES) {
      const page = (phys + done) / PAGE_SIZE_BYTES;
      const before = this.#aliases.get(page);
      if (before !== undefined) this.#aliased.delete(before / PAGE_SIZE_BYTES);
      this.#aliases.set(page, at + done);
      this.#aliased.set((at + done) / PAGE_SIZE_BYTES, page);
      this.#place(phys + done as PhysAddr, at + done);
    }
  }

  /** Stores a page of RAM in the bytes that C sees. */
  #place(phys: PhysAddr, at: number): void {
    if (this.cached !== null) this.cached.add(phys, at);
    else this.machine.memory.adopt(phys, this.bytes.subarray(at, at + PAGE_SIZE_BYTES));
  }

  /** Allows access to bytes; `at` is a multiple of 8. */
  open(at: number, sizeBytes: number): void {
    this.#used(at, sizeBytes);
    const first = at / GRANULE_BYTES;
    const whole = Math.floor(sizeBytes / GRANULE_BYTES);
    this.#marks(first, first + whole + 1);
    this.shadow.fill(TURNED, first, first + whole);
    const rest = sizeBytes % GRANULE_BYTES;
    if (rest !== 0) this.shadow[first + whole] = rest ^ TURNED;
  }

  /** Allows access to bytes that are closed; open bytes keep their marks. */
  admit(at: number, sizeBytes: number): void {
    this.#used(at, sizeBytes);
    const first = Math.floor(at / GRANULE_BYTES);
    const end = Math.ceil((at + sizeBytes) / GRANULE_BYTES);
    this.#marks(first, end);
    const { shadow } = this;
    for (let granule = first; granule < end; granule++) {
      if ((shadow[granule]! ^ TURNED) >= CLOSED) shadow[granule] = TURNED;
    }
  }

  /** Forbids access to bytes; the mark gives the reason. */
  close(at: number, sizeBytes: number, mark: number): void {
    const first = at / GRANULE_BYTES;
    const end = Math.ceil((at + sizeBytes) / GRANULE_BYTES);
    this.#marks(first, end);
    this.shadow.fill(mark ^ TURNED, first, end);
  }

  /** Makes data read-only for C. */
  protect(start: number, end: number): void {
    const first = Math.ceil(start / GRANULE_BYTES);
    const last = Math.floor(end / GRANULE_BYTES);
    this.#marks(first, last);
    for (let granule = first; granule < last; granule++) {
      this.shadow[granule]! |= CONSTANT;
    }
  }

  /** Forbids access to the bytes directly after an allocation. */
  guard(at: number, sizeBytes: number): void {
    const first = Math.ceil(at / GRANULE_BYTES);
    const end = (at + sizeBytes) / GRANULE_BYTES;
    this.#marks(first, end);
    this.shadow.fill(BEHIND ^ TURNED, first, end);
  }

  markAt(at: number): number {
    return this.shadow[Math.floor(at / GRANULE_BYTES)]! ^ TURNED;
  }

  /**
   * The first mark that forbids access to any of the bytes. If no mark forbids it, `LOOK`, `FRESH`,
   * `CONSTANT` or 0.
   */
  worstMark(at: number, sizeBytes: number): number {
    if (!(at >= 0 && at + sizeBytes <= SHADOW_AT)) return CLOSED;
    let look = 0;
    for (let byte = at; byte < at + sizeBytes; byte++) {
      const mark = this.markAt(byte);
      if (mark >= CLOSED) return mark;
      look |= mark & LOOKED_AT;
      const open = mark & ~LOOKED_AT;
      if (open !== 0 && byte % GRANULE_BYTES >= open) return BEHIND;
    }
    return look;
  }

  /** Whether the driver may access all of the bytes, with or without checks. */
  isOpen(at: number, sizeBytes: number): boolean {
    return this.worstMark(at, sizeBytes) < CLOSED;
  }

  /** Whether any byte of a span may be uninitialised. */
  isFresh(at: number, sizeBytes: number): boolean {
    const end = Math.ceil((at + sizeBytes) / GRANULE_BYTES);
    for (let granule = Math.floor(at / GRANULE_BYTES); granule < end; granule++) {
      if (((this.shadow[granule]! ^ TURNED) & (CLOSED | FRESH)) === FRESH) return true;
    }
    return false;
  }

  /**
   * With `isFresh`, makes every store into a span be checked until all bytes of the span are
   * written. Without it, ends these checks.
   */
  markFresh(at: number, sizeBytes: number, isFresh: boolean): void {
    const first = Math.floor(at / GRANULE_BYTES);
    const end = Math.ceil((at + sizeBytes) / GRANULE_BYTES);
    this.#marks(first, end);
    const { shadow } = this;
    for (let granule = first; granule < end; granule++) {
      if (isFresh) shadow[granule]! |= FRESH;
      else shadow[granule]! &= ~FRESH;
    }
  }

  /** Makes every access to a span be checked. */
  watch(at: number, sizeBytes: number): void {
    const { shadow } = this;
    let granule = Math.floor(at / GRANULE_BYTES);
    const end = Math.ceil((at + sizeBytes) / GRANULE_BYTES);
    this.#marks(granule, end);
    const words = this.#shadowWords;
    while (granule < end && granule % 4 !== 0) shadow[granule++]! |= LOOK;
    for (; granule + 4 <= end; granule += 4) words[granule >> 2]! |= LOOK_WORD;
    while (granule < end) shadow[granule++]! |= LOOK;
  }

  /** Ends the checks that `watch` began. */
  unwatch(at: number, sizeBytes: number): void {
    const { shadow } = this;
    let granule = Math.floor(at / GRANULE_BYTES);
    const end = Math.ceil((at + sizeBytes) / GRANULE_BYTES);
    const words = this.#shadowWords;
    while (granule < end && granule % 4 !== 0) shadow[granule++]! &= ~LOOK;
    for (; granule + 4 <= end; granule += 4) words[granule >> 2]! &= ~LOOK_WORD;
    while (granule < end) shadow[granule++]! &= ~LOOK;
  }

  /** Reads a text up to its terminating zero, but at most `mostBytes` bytes. */
  textAt(at: number, mostBytes = WORD_SPAN * WORD_SPAN): string {
    if (!(at >= 0 && at < SHADOW_AT)) return "(?)";
    const end = this.bytes.indexOf(0, at);
    const last = end < 0 ? at + mostBytes : Math.min(end, at + mostBytes);
    return new TextDecoder().decode(this.bytes.slice(at, last));
  }

  /** Reads an unsigned number of 64 bits; only values up to 2^53 are exact. */
  wordAt(at: number): number {
    return this.view.getUint32(at, true) + this.view.getUint32(at + 4, true) * 2 ** 32;
  }

  /**
   * Reads a DMA address, as the number that represents it. Two kinds of values are read as in
   * {@linkcode wordAt}: all ones, and a value that no number represents exactly.
   */
  addressAt(at: number): number {
    const low = this.view.getUint32(at, true);
    const high = this.view.getUint32(at + 4, true);
    const folded = foldedHigh(high);
    const isError = high === ALL_ONES && low === ALL_ONES;
    return (isError || folded >= 2 ** 21 ? high : folded) * 2 ** 32 + low;
  }

  putAddress(at: number, address: number): void {
    this.view.setUint32(at, address, true);
    this.view.setUint32(at + 4, realHigh(Math.floor(address / 2 ** 32)), true);
  }

  /** Writes an unsigned number of 64 bits; -1 is written as all ones. */
  putWord(at: number, value: number): void {
    this.view.setUint32(at, value, true);
    this.view.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
  }
}
