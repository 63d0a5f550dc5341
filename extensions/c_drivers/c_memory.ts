/**
 * The memory that a driver in C and the simulated machine share.
 *
 * A page of RAM that the driver may see lies in the memory of WebAssembly: what C writes is what a
 * device reads, without a copy. Where devices do not see the CPU's caches, the driver's bytes are what
 * the CPU sees, and are compared with the caches whenever the driver calls or is called
 * (`c_caches.ts`).
 *
 * A shadow, one byte for eight, says what may be touched: the compiled code reads it before each
 * load and store, and calls here only where something is wrong.
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

/** The values of a byte of the shadow beside 0 (all eight bytes) and 1 to 7 (so many of them). */
export const MARK = {
  /** Each access is checked: the bytes are a device's, or old. */
  LOOK: 0x40,
  /** Not all of the bytes are written: stores are checked. */
  FRESH: 0x20,
  /** Constants, which are only read. */
  CONSTANT: 0x10,
  /** Never allocated. */
  CLOSED: 0x80,
  FREED: 0x81,
  /** Behind the end of an allocation. */
  BEHIND: 0x82,
  NULL: 0x83,
} as const;

const { BEHIND, CLOSED, CONSTANT, FRESH, LOOK, NULL } = MARK;
const ALL_ONES = 2 ** 32 - 1;
const LOOKED_AT = LOOK | FRESH | CONSTANT;
const LOOK_WORD = LOOK * 0x01010101;
/**
 * The shadow keeps marks with their top bit turned round: memory that is all zero is closed, and the
 * host need not make what is never accessed.
 */
const TURNED = 0x80;
/** No function of a tree's driver runs that has called another one. */
export const NO_CALL = -1;
/** A part of the shadow that is cleared at once: of 32 KiB of memory. */
const SHADOW_PART_BYTES = 4096;
/** The number of memory bytes that one word of the shadow describes. */
const WORD_SPAN = 4 * GRANULE_BYTES;

/** No place: for addresses that nothing of the other side belongs to. */
export const NOWHERE = -1;

export class CMemory {
  readonly memory: WebAssembly.Memory;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly shadow: Uint8Array;
  /** A byte for each block of the driver's code: not zero until it runs. */
  readonly blocks: Uint8Array;
  /** What locals of the compiled code held where the last line began: two words for each. */
  readonly localWords: Int32Array;
  /** First byte of the window as a physical address. */
  readonly windowPhys: PhysAddr;
  /** Which of its bytes are uninitialised. */
  readonly fresh: FreshMemory;
  /** The driver's own bytes against those of the CPU's caches; null where devices see the caches. */
  readonly cached: CachedView | null;
  /** Where `struct page` of page 0 is. */
  readonly pageMapAt: number;
  readonly #shadowWords: Uint32Array;
  readonly #call: Int32Array;
  readonly #callDepth: Int32Array;
  /** Both of these, of each call into C that has not returned. */
  readonly #callsBefore: number[] = [];
  /** Addresses of C by the number of a page that lies outside the window. */
  readonly #aliases = new Map<number, number>();
  /** The other way round. */
  readonly #aliased = new Map<number, number>();
  readonly #shared = new Set<number>();
  #nextAlias = ALIAS_AT;
  /** The end of the static data, and the end of the used part of the window. */
  readonly #staticsEnd: number;
  #windowEnd = WINDOW_AT;
  /** Which parts of the shadow have marks, or had some: most of it is never written. */
  readonly #markedParts = new Uint8Array(SHADOW_BYTES / SHADOW_PART_BYTES);
  /** Which parts of the map of pages of a tree's driver were written. */
  readonly #pagesWritten = new Set<number>();
  #givenBlocks = 0;

  /**
   * @param staticBytes What the stack and the static data take.
   * @param blockCount Of blocks of code.
   * @param ofTree The driver was compiled with a kernel tree.
   * @param spare Cleared memory of an earlier machine with the same code: to V8, new memory is a reason to
   *   look for garbage at once.
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
    // Of equal sizes, so that the buffer never moves.
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

  /** How many blocks of code run until the driver asks again. */
  set fuel(blocks: number) {
    new Int32Array(this.memory.buffer, FUEL_AT, 1)[0] = blocks;
  }

  /** A driver of a tree writes into its map of pages. */
  writtenInPages(at: number, sizeBytes: number): void {
    const first = Math.floor(at / WASM_PAGE_BYTES);
    const last = Math.floor((at + sizeBytes - 1) / WASM_PAGE_BYTES);
    for (let part = first; part <= last; part++) this.#pagesWritten.add(part);
  }

  /** The memory, all zero, for another machine: nothing of this one may be used again. */
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

  /** Notes that marks of granules may be written: from the first one to the end. */
  #marks(first: number, end: number): void {
    const last = Math.floor((end - 1) / SHADOW_PART_BYTES);
    for (let part = Math.floor(first / SHADOW_PART_BYTES); part <= last; part++) {
      this.#markedParts[part] = 1;
    }
  }

  /** How many blocks of code have run since some moment. */
  get blocksRun(): number {
    return this.#givenBlocks - new Int32Array(this.memory.buffer, FUEL_AT, 1)[0]!;
  }

  /** The driver has asked, and may run so many more. */
  refuel(blocks: number): number {
    this.#givenBlocks += blocks;
    return blocks;
  }

  /**
   * The call that a tree's driver is in, by the compiler's address: `NO_CALL` in none, and 0 where only
   * the stack has it.
   */
  get calledAt(): number {
    return this.#call[0]!;
  }

  /** C is called: by a script in no call of the driver's own, else within the one that runs. */
  enterCall(): void {
    const isOutermost = this.#callsBefore.length === 0;
    this.#callsBefore.push(this.#call[0]!, this.#callDepth[0]!);
    if (isOutermost) this.#call[0] = NO_CALL;
  }

  /** C has returned, or has been stopped in the midst of calls. */
  leaveCall(): void {
    this.#callDepth[0] = this.#callsBefore.pop()!;
    this.#call[0] = this.#callsBefore.pop()!;
  }

  /** Static data is separate memory, which is contiguous for the CPU only. */
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

  /** Where a byte of C's lies in physical memory, or `NOWHERE`. */
  physOf(at: number): number {
    if (at >= WINDOW_AT && at < WINDOW_AT + WINDOW_BYTES) {
      return this.windowPhys + (at - WINDOW_AT);
    }
    if (at >= IO_BASE && at < IO_BASE + IO_BYTES) return at - IO_BASE;
    const page = this.#aliased.get(Math.floor(at / PAGE_SIZE_BYTES));
    return page === undefined ? NOWHERE : page * PAGE_SIZE_BYTES + at % PAGE_SIZE_BYTES;
  }

  /** Where C finds a byte of physical memory, or `NOWHERE`. */
  pointerTo(phys: number): number {
    const offset = phys - this.windowPhys;
    if (offset >= 0 && offset < WINDOW_BYTES) return WINDOW_AT + offset;
    const page = this.#aliases.get(Math.floor(phys / PAGE_SIZE_BYTES));
    return page === undefined ? NOWHERE : page + phys % PAGE_SIZE_BYTES;
  }

  /** Whether an address is one of the map of pages. */
  isPage(at: number): boolean {
    return at >= this.pageMapAt && at < IO_BASE;
  }

  /** Whether bytes are in the map of pages of a tree's driver. */
  isInPages(at: number, sizeBytes: number): boolean {
    const end = TREE_PAGE_MAP + TREE_PAGE_MAP_BYTES;
    return this.pageMapAt === TREE_PAGE_MAP && at >= TREE_PAGE_MAP && at + sizeBytes <= end;
  }

  /** Lets C see physical memory; returns where, or `NOWHERE` when there is no room. */
  share(phys: PhysAddr, sizeBytes: number): number {
    const first = Math.floor(phys / PAGE_SIZE_BYTES);
    const last = Math.floor((phys + Math.max(sizeBytes, 1) - 1) / PAGE_SIZE_BYTES);
    const inWindow = phys >= this.windowPhys &&
      phys + sizeBytes <= this.windowPhys + WINDOW_BYTES;
    if (!inWindow && !this.#hasRow(first, last)) {
      const bytes = (last - first + 1) * PAGE_SIZE_BYTES;
      // A page between this row and the rows before, which must not be accessed.
      if (this.#nextAlias + bytes + PAGE_SIZE_BYTES > SHADOW_AT) return NOWHERE;
      this.#alias(first * PAGE_SIZE_BYTES as PhysAddr, this.#nextAlias, bytes);
      this.#nextAlias += bytes + PAGE_SIZE_BYTES;
    }
    if (inWindow) this.#sharePages(first, last);
    return this.pointerTo(phys);
  }

  /** The same for pages in any order, which C sees side by side. */
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

  /** Puts a page of RAM into the bytes that C sees. */
  #place(phys: PhysAddr, at: number): void {
    if (this.cached !== null) this.cached.add(phys, at);
    else this.machine.memory.adopt(phys, this.bytes.subarray(at, at + PAGE_SIZE_BYTES));
  }

  /** Bytes that may be touched from now on; `at` is a multiple of 8. */
  open(at: number, sizeBytes: number): void {
    this.#used(at, sizeBytes);
    const first = at / GRANULE_BYTES;
    const whole = Math.floor(sizeBytes / GRANULE_BYTES);
    this.#marks(first, first + whole + 1);
    this.shadow.fill(TURNED, first, first + whole);
    const rest = sizeBytes % GRANULE_BYTES;
    if (rest !== 0) this.shadow[first + whole] = rest ^ TURNED;
  }

  /** Bytes that exist, checked or not: open bytes stay as they are. */
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

  /** Bytes that may not be touched any more, with the reason. */
  close(at: number, sizeBytes: number, mark: number): void {
    const first = at / GRANULE_BYTES;
    const end = Math.ceil((at + sizeBytes) / GRANULE_BYTES);
    this.#marks(first, end);
    this.shadow.fill(mark ^ TURNED, first, end);
  }

  /** Data that C may only read. */
  protect(start: number, end: number): void {
    const first = Math.ceil(start / GRANULE_BYTES);
    const last = Math.floor(end / GRANULE_BYTES);
    this.#marks(first, last);
    for (let granule = first; granule < last; granule++) {
      this.shadow[granule]! |= CONSTANT;
    }
  }

  /** What lies right behind what was allocated. */
  guard(at: number, sizeBytes: number): void {
    const first = Math.ceil(at / GRANULE_BYTES);
    const end = (at + sizeBytes) / GRANULE_BYTES;
    this.#marks(first, end);
    this.shadow.fill(BEHIND ^ TURNED, first, end);
  }

  markAt(at: number): number {
    return this.shadow[Math.floor(at / GRANULE_BYTES)]! ^ TURNED;
  }

  /** The first mark that forbids touching some bytes; else `LOOK`, `FRESH`, `CONSTANT` or 0. */
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

  /** Whether the driver may touch some bytes, checked or not. */
  isOpen(at: number, sizeBytes: number): boolean {
    return this.worstMark(at, sizeBytes) < CLOSED;
  }

  /** Whether some byte of a span may be uninitialised. */
  isFresh(at: number, sizeBytes: number): boolean {
    const end = Math.ceil((at + sizeBytes) / GRANULE_BYTES);
    for (let granule = Math.floor(at / GRANULE_BYTES); granule < end; granule++) {
      if (((this.shadow[granule]! ^ TURNED) & (CLOSED | FRESH)) === FRESH) return true;
    }
    return false;
  }

  /** Has every store into a span be looked at until all of its bytes are written, or no more. */
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

  /** Has every access of a span be looked at. */
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

  /** Ends that. */
  unwatch(at: number, sizeBytes: number): void {
    const { shadow } = this;
    let granule = Math.floor(at / GRANULE_BYTES);
    const end = Math.ceil((at + sizeBytes) / GRANULE_BYTES);
    const words = this.#shadowWords;
    while (granule < end && granule % 4 !== 0) shadow[granule++]! &= ~LOOK;
    for (; granule + 4 <= end; granule += 4) words[granule >> 2]! &= ~LOOK_WORD;
    while (granule < end) shadow[granule++]! &= ~LOOK;
  }

  /** A text that ends with a zero; cut off where that does not come. */
  textAt(at: number, mostBytes = WORD_SPAN * WORD_SPAN): string {
    if (!(at >= 0 && at < SHADOW_AT)) return "(?)";
    const end = this.bytes.indexOf(0, at);
    const last = end < 0 ? at + mostBytes : Math.min(end, at + mostBytes);
    return new TextDecoder().decode(this.bytes.slice(at, last));
  }

  /** An unsigned number of 64 bits, as exact as a number here can be. */
  wordAt(at: number): number {
    return this.view.getUint32(at, true) + this.view.getUint32(at + 4, true) * 2 ** 32;
  }

  /**
   * An address that a device sees. All ones, and a value that no number represents exactly, are
   * read as in {@linkcode wordAt}.
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

  /** Writes such a number; all ones for a negative one. */
  putWord(at: number, value: number): void {
    this.view.setUint32(at, value, true);
    this.view.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
  }
}
