/** Compares the IOTLB with a list of translations in the order of their use. */
import { assertEquals } from "@std/assert";
import { Random } from "../random.ts";
import { Iotlb } from "./iotlb.ts";

interface Entry {
  readonly domain: number;
  readonly iova: number;
  readonly phys: number;
  readonly sizeBytes: number;
  readonly flags: number;
  generation: number;
}

/**
 * Address ranges. All leaves of a range have the same size; the last range lies beyond 32 bits of
 * page numbers.
 */
const PLACES = [
  { base: 0, sizeBytes: 2 ** 12 },
  { base: 2 ** 32, sizeBytes: 2 ** 13 },
  { base: 2 ** 36, sizeBytes: 2 ** 21 },
  { base: 2 ** 40, sizeBytes: 2 ** 30 },
  { base: 2 ** 46 - 2 ** 14, sizeBytes: 2 ** 12 },
];
const PAGES = 5;

/** @see rules/dma.md 5.2, 5.3 */
class ListedTlb {
  /** Translations, the least recently used first. */
  list: Entry[] = [];

  constructor(readonly entries: number) {}

  at(domain: number, iova: number): Entry | undefined {
    return this.list.find((entry) =>
      entry.domain === domain && entry.iova <= iova && iova < entry.iova + entry.sizeBytes
    );
  }

  lookup(domain: number, iova: number): Entry | undefined {
    const entry = this.at(domain, iova);
    if (entry !== undefined) this.list = [...this.list.filter((each) => each !== entry), entry];
    return entry;
  }

  insert(entry: Entry): void {
    this.list.push(entry);
    if (this.list.length > this.entries) this.list.shift();
  }

  invalidate(domain: number, first: number, last: number): void {
    this.list = this.list.filter((entry) =>
      entry.domain !== domain || entry.iova > last || entry.iova + entry.sizeBytes <= first
    );
  }
}

function anyAddress(random: Random): { iova: number; sizeBytes: number } {
  const { base, sizeBytes } = PLACES[random.below(PLACES.length)]!;
  const offset = [0, 1, sizeBytes - 1, random.below(sizeBytes)][random.below(4)]!;
  return { iova: base + random.below(PAGES) * sizeBytes + offset, sizeBytes };
}

/** A translation found by an access, as a caller of `translateAgain` remembers it. */
interface Hit {
  readonly number: number;
  readonly serial: number;
  readonly entry: Entry;
}

/** `findsAgain` must succeed while the entry exists and all leaves have its size. */
function findAgain(tlb: Iotlb, listed: ListedTlb, { entry, number, serial }: Hit): void {
  const sizes = new Set(listed.list.map(({ sizeBytes }) => sizeBytes));
  const found = listed.list.includes(entry) && sizes.size === 1;
  assertEquals(tlb.findsAgain(number, serial), found);
  if (found) listed.lookup(entry.domain, entry.iova);
}

/** An access as the IOMMU makes it: a lookup, and an insertion on a miss. */
function access(tlb: Iotlb, listed: ListedTlb, random: Random, step: number, hits: Hit[]): void {
  const { iova, sizeBytes } = anyAddress(random);
  const domain = random.below(3);
  const held = listed.at(domain, iova);
  assertEquals(tlb.holds(domain, iova), held !== undefined && held.flags !== 0);
  const number = tlb.lookup(domain, iova);
  const entry = listed.lookup(domain, iova);
  assertEquals(number >= 0, entry !== undefined);
  if (entry !== undefined) {
    assertEquals([tlb.physOf(number, iova), tlb.flagsOf(number), tlb.generationOf(number)], [
      entry.phys + (iova - entry.iova),
      entry.flags,
      entry.generation,
    ]);
    assertEquals(tlb.newest, number);
    hits.push({ number, serial: tlb.serialOf(number), entry });
    if (random.below(2) === 0) {
      tlb.confirm(number, step);
      entry.generation = step;
    }
    return;
  }
  const phys = random.below(2 ** 20) * sizeBytes;
  const flags = random.below(4);
  const start = iova - iova % sizeBytes;
  tlb.insert(domain, iova, phys + (iova - start), sizeBytes, flags, step);
  listed.insert({ domain, iova: start, phys, sizeBytes, flags, generation: step });
}

function invalidate(tlb: Iotlb, listed: ListedTlb, random: Random): void {
  const domain = random.below(3);
  const first = anyAddress(random).iova;
  const ends = [first, first + 0xfff, first + 2 ** 13, anyAddress(random).iova, 2 ** 52];
  const last = Math.max(first, ends[random.below(ends.length)]!);
  if (random.below(6) === 0) {
    tlb.invalidateDomain(domain);
    listed.invalidate(domain, 0, Infinity);
  } else {
    tlb.invalidate(domain, { hardwareFirst: first, hardwareLast: last });
    listed.invalidate(domain, first, last);
  }
}

Deno.test("accesses, replacements and flushes leave what a list of the entries has (dma.md 5.2, 5.3)", () => {
  const random = new Random(52);
  for (const entries of [1, 2, 3, 5, 8, 40]) {
    const [tlb, listed, hits] = [new Iotlb(entries), new ListedTlb(entries), [] as Hit[]];
    for (let step = 0; step < 1_000; step++) {
      if (random.below(entries > 8 ? 30 : 6) > 0) access(tlb, listed, random, step, hits);
      else invalidate(tlb, listed, random);
      for (const hit of hits.slice(-3)) findAgain(tlb, listed, hit);
      assertEquals(tlb.used, listed.list.length);
      const found: (readonly number[])[] = [];
      tlb.forEach((...entry) => found.push(entry));
      assertEquals(
        found.join("; "),
        listed.list.map((entry) => {
          const { domain, iova, phys, sizeBytes, flags } = entry;
          return [domain, iova, phys, sizeBytes, flags];
        }).join("; "),
      );
    }
  }
});
