/**
 * The memory that a driver in C sees where devices do not see the CPU's caches. The driver has its
 * own copy of the bytes, which is exchanged with the caches whenever it calls or is called. Nothing
 * else runs in between.
 *
 * Its writes are found by comparison with the bytes before. So a write that does not change a byte
 * makes no cache line dirty here.
 */
import { CACHE_LINE_BYTES, type CpuCaches, PAGE_SIZE_BYTES, type PhysAddr } from "@dmalab/runtime";
import type { CMemory } from "./c_memory.ts";

const WORD_BYTES = 8;

/** A page that both sides know. */
interface SharedPage {
  readonly phys: PhysAddr;
  readonly at: number;
  /** Its content at the last exchange. */
  readonly before: Uint8Array;
  /** The driver's bytes and those before, eight at a time: there are many to compare. */
  readonly words: BigInt64Array;
  readonly wordsBefore: BigInt64Array;
  /** Lines with checked accesses, because the lines are old. */
  readonly old: Set<number>;
}

export class CachedView {
  readonly #pages: SharedPage[] = [];
  /** The same by their numbers. */
  readonly #byNumber = new Map<number, SharedPage>();
  /** Numbers of pages that are not as they were when it looked last. */
  readonly #changed: Set<number>;

  constructor(private readonly caches: CpuCaches, private readonly memory: CMemory) {
    this.#changed = caches.follow();
  }

  /** A page that the driver sees from now on. */
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

  /** The driver's data are there: they are what the CPU sees. */
  reset(): void {
    for (const page of this.#pages) this.#giveAll(page);
  }

  #giveAll({ at, before, phys }: SharedPage): void {
    const { bytes } = this.memory;
    this.caches.write(phys, bytes, at, PAGE_SIZE_BYTES);
    before.set(bytes.subarray(at, at + PAGE_SIZE_BYTES));
  }

  /** The driver calls or returns: its writes go into the caches. */
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
   * The driver's code runs again: its memory gets what the CPU sees now. The kernel writes some of it
   * itself, such as an address; where nothing else of the page changed, the next write of C shows it.
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

  /** The driver reads bytes that may be old: the caches tell of it. */
  reads(phys: PhysAddr, sizeBytes: number): void {
    this.caches.read(phys, new Uint8Array(sizeBytes), 0, sizeBytes);
  }
}
