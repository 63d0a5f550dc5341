/**
 * The memory that a driver in C sees if devices are not coherent with the CPU's caches. The driver
 * has a separate copy of the bytes. This copy is synchronised with the caches whenever the driver
 * calls the kernel or is called; no other code runs between these points.
 *
 * The driver's writes are found by comparison with the previous bytes. Therefore a write that does
 * not change a byte makes no cache line dirty here.
 */
import { CACHE_LINE_BYTES, type CpuCaches, PAGE_SIZE_BYTES, type PhysAddr } from "@dmalab/runtime";
import type { CMemory } from "./c_memory.ts";

const WORD_BYTES = 8;

/** A page that the driver and the caches share. */
interface SharedPage {
  readonly phys: PhysAddr;
  readonly at: number;
  /** The page's content at the last synchronisation. */
  readonly before: Uint8Array;
  /**
   * The driver's bytes and the previous bytes as 64-bit words, because words are compared faster.
   */
  readonly words: BigInt64Array;
  readonly wordsBefore: BigInt64Array;
  /**
   * Cache lines that hold stale bytes, by their offsets in the page. Accesses to these lines are
   * checked.
   */
  readonly old: Set<number>;
}

export class CachedView {
  readonly #pages: SharedPage[] = [];
  /** The shared pages by their page numbers. */
  readonly #byNumber = new Map<number, SharedPage>();
  /** Numbers of pages in the caches that have changed since the last synchronisation. */
  readonly #changed: Set<number>;

  constructor(private readonly caches: CpuCaches, private readonly memory: CMemory) {
    this.#changed = caches.follow();
  }

  /** Shares a further page with the driver. */
  add(phys: PhysAddr, at: number): void {
    const known = this.#pages.findIndex((page) => page.phys === phys);
    if (known >= 0) this.#pages.splice(known, 1);
    const { buffer } = this.memory.bytes;
    const before = new Uint8Array(PAGE_SIZE_BYTES);
    const page = {
      phys,
      at,
      before,
      words: new BigInt64Array(buffer, at, PAGE_SIZE_BYTES / WORD_BYTES),
      wordsBefore: new BigInt64Array(before.buffer),
      old: new Set<number>(),
    };
    this.#pages.push(page);
    this.#byNumber.set(phys / PAGE_SIZE_BYTES, page);
    this.#take(page);
  }

  /**
   * Writes all shared pages into the caches. Called after the driver's static data has been loaded.
   */
  reset(): void {
    for (const page of this.#pages) this.#giveAll(page);
  }

  #giveAll({ at, before, phys }: SharedPage): void {
    const { bytes } = this.memory;
    this.caches.write(phys, bytes, at, PAGE_SIZE_BYTES);
    before.set(bytes.subarray(at, at + PAGE_SIZE_BYTES));
  }

  /**
   * Writes the driver's changes into the caches. Called when the driver calls the kernel or
   * returns.
   */
  give(): void {
    for (const page of this.#pages) this.#give(page);
  }

  #give(page: SharedPage): void {
    const { bytes } = this.memory;
    const { words, wordsBefore } = page;
    for (let word = 0; word < words.length; word++) {
      if (words[word] === wordsBefore[word]) continue;
      this.#giveLine(page, word * WORD_BYTES - word * WORD_BYTES % CACHE_LINE_BYTES, bytes);
    }
  }

  #giveLine({ at, before, phys }: SharedPage, line: number, bytes: Uint8Array): void {
    const end = line + CACHE_LINE_BYTES;
    let first = line;
    while (first < end && bytes[at + first] === before[first]) first++;
    if (first === end) return;
    let last = end - 1;
    while (bytes[at + last] === before[last]) last--;
    this.caches.write(phys + first as PhysAddr, bytes, at + first, last - first + 1);
    before.set(bytes.subarray(at + first, at + last + 1), first);
  }

  /**
   * Copies the bytes that the CPU sees now into the driver's memory. Called before the driver's
   * code runs again. The kernel also writes to the driver's memory, for example an address. If the
   * caches have no other change in that page, they get such a write only at the next call of
   * `give()`.
   */
  take(): void {
    for (const number of this.#changed) {
      const page = this.#byNumber.get(number);
      if (page === undefined) continue;
      this.#give(page);
      this.#take(page);
    }
    this.#changed.clear();
  }

  #take(page: SharedPage): void {
    const { at, before, old, phys } = page;
    const memory = this.memory;
    this.caches.look(phys, memory.bytes, at, PAGE_SIZE_BYTES);
    before.set(memory.bytes.subarray(at, at + PAGE_SIZE_BYTES));
    for (const line of old) memory.unwatch(at + line, CACHE_LINE_BYTES);
    old.clear();
    for (const line of this.caches.oldLinesIn(phys)) {
      old.add(line);
      memory.watch(at + line, CACHE_LINE_BYTES);
    }
  }

  /** Called when the driver reads bytes that may be stale. The caches report the stale bytes. */
  reads(phys: PhysAddr, sizeBytes: number): void {
    this.caches.read(phys, new Uint8Array(sizeBytes), 0, sizeBytes);
  }
}
