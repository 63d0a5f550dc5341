import { assert, assertEquals, assertThrows } from "@std/assert";
import { ERRNO, MIB, type PhysAddr, type PinnedRun, Random } from "@dmalab/runtime";
import { type MappedArea, MappedAreas } from "./mapped_areas.ts";
import { type MappingProcess, Type1Container } from "./type1_container.ts";

const PAGE = 4096;
const MEMORY = 0x7f00_0000_0000;
const READ_WRITE = 3;
const ALL = 2;
const VADDR = 4;

/** A process with memory at `MEMORY`, which counts the pins of each page. */
class Process implements MappingProcess {
  lockedPages = 0;
  memlockBytes = MIB;
  maySurpassLimit = false;
  readonly pins = new Map<number, number>();

  constructor(readonly pages = 64) {}

  pin(virtPage: number, pages: number): PinnedRun {
    const left = MEMORY / PAGE + this.pages - virtPage;
    if (virtPage < MEMORY / PAGE || left <= 0) return { kind: "fault", pages: 1 };
    const count = Math.min(pages, left);
    this.#change(virtPage, count, 1);
    // The number of the page stands for its memory.
    return { kind: "counted", pages: count, phys: virtPage * PAGE as PhysAddr };
  }

  unpin({ pages, phys }: PinnedRun): void {
    this.#change(phys! / PAGE, pages, -1);
  }

  #change(virtPage: number, pages: number, by: 1 | -1): void {
    for (let page = virtPage; page < virtPage + pages; page++) {
      const pins = (this.pins.get(page) ?? 0) + by;
      assert(pins >= 0, "a page is unpinned that is not pinned");
      if (pins === 0) this.pins.delete(page);
      else this.pins.set(page, pins);
    }
  }
}

function opened(process = new Process(), dmaEntryLimit?: number) {
  const container = new Type1Container(process, {
    kernel: "7.2",
    validRanges: [{ start: 0, end: 0xfedf_ffff }, { start: 0xfef0_0000, end: 2 ** 48 - 1 }],
    ...dmaEntryLimit === undefined ? {} : { dmaEntryLimit },
  });
  const map = (iova: number, pages: number, page = 0) =>
    container.mapDma({
      iova,
      sizeBytes: pages * PAGE,
      vaddr: MEMORY + page * PAGE,
      flags: READ_WRITE,
    });
  const unmap = (iova: number, pages: number, flags = 0) =>
    container.unmapDma({ iova, sizeBytes: pages * PAGE, flags });
  return { container, map, process, unmap };
}

Deno.test("an unmap takes whole areas, and none if it cuts one (hmm-rdma-vfio.md 7.9)", () => {
  const { container, map, process, unmap } = opened();
  assertEquals([map(0x10_0000, 4), map(0x10_4000, 4)], [0, 0]);
  assertEquals(unmap(0x10_1000, 3), -ERRNO.EINVAL);
  assertEquals(unmap(0x10_0000, 6), -ERRNO.EINVAL);
  assertEquals([container.availableEntries, process.lockedPages], [65_533, 8]);
  assertEquals(unmap(0, 0x200), 8 * PAGE);
  assertEquals(unmap(0, 0x200), 0);
  assertEquals([process.lockedPages, process.pins.size], [0, 0]);
});

Deno.test("what fails leaves nothing behind, whichever page it is (hmm-rdma-vfio.md 7.6)", () => {
  const { map, process } = opened();
  process.memlockBytes = 16 * PAGE + 5;
  assertEquals(map(0, 16), 0);
  assertEquals(map(0x100_0000, 1), -ERRNO.ENOMEM);
  assertEquals([process.lockedPages, process.pins.size], [16, 16]);
  process.maySurpassLimit = true;
  assertEquals(map(0x100_0000, 8, 60), -ERRNO.EFAULT);
  assertEquals([process.lockedPages, process.pins.size], [16, 16]);
  assertEquals(map(0x100_0000, 8, 4), 0);
  assertEquals([process.lockedPages, process.pins.size], [24, 16]);
});

Deno.test("a map is refused by the first of overlap, entries and ranges (hmm-rdma-vfio.md 7.3 to 7.5)", () => {
  const { map } = opened(new Process(), 1);
  assertEquals(map(0xfedf_f000, 2), -ERRNO.EINVAL);
  assertEquals(map(0xfedf_f000, 1), 0);
  assertEquals(map(0xfedf_f000, 2), -ERRNO.EEXIST);
  assertEquals(map(0xfee0_0000, 1), -ERRNO.ENOSPC);
});

Deno.test("an address that is taken back is given again to exactly its area (hmm-rdma-vfio.md 7.11)", () => {
  const { container, map, process, unmap } = opened();
  map(0, 4);
  map(0x1_0000, 4);
  assertEquals(unmap(0, 4, VADDR), 4 * PAGE);
  assertEquals(container.unmapDma({ iova: 0, sizeBytes: 0, flags: ALL | VADDR }), -ERRNO.EINVAL);
  const give = (iova: number, pages: number) =>
    container.mapDma({ iova, sizeBytes: pages * PAGE, vaddr: 2 * MEMORY, flags: VADDR });
  assertEquals([give(0, 3), give(0x1_0000, 4), give(0x8_0000, 1), give(0, 4), give(0, 4)], [
    ...[-ERRNO.EINVAL, -ERRNO.EINVAL, -ERRNO.ENOENT, 0, -ERRNO.EINVAL],
  ]);
  assertEquals([process.lockedPages, process.pins.size], [8, 4]);
  // What is released are the pages that were pinned, wherever the memory is now.
  container.close();
  assertEquals([process.lockedPages, process.pins.size], [0, 0]);
});

Deno.test("a number that is not exact, and a process that pins no page, are errors of the caller", () => {
  const { container, process } = opened();
  const asked = { iova: 0, sizeBytes: PAGE, vaddr: MEMORY, flags: READ_WRITE };
  for (const wrong of [2 ** 64 - PAGE, -PAGE, 0.5, NaN, 2n ** 64n, -1n]) {
    assertThrows(() => container.mapDma({ ...asked, iova: wrong }), RangeError, `iova is ${wrong}`);
    assertThrows(() => container.unmapDma({ ...asked, sizeBytes: wrong }), RangeError, "sizeBytes");
  }
  assertEquals(container.mapDma({ ...asked, iova: 2n ** 63n }), -ERRNO.EINVAL);
  process.pin = () => ({ kind: "counted", pages: 0 });
  assertThrows(() => container.mapDma(asked), RangeError, "pins 0 pages, and was asked for 1");
});

Deno.test("a range that wraps is EOVERFLOW, and EINVAL up to 6.17.13 (hmm-rdma-vfio.md 7.2)", () => {
  const wrapping = { iova: 2n ** 64n - 4096n, sizeBytes: 2 * PAGE, vaddr: MEMORY };
  for (const [kernel, errno] of [["6.17", ERRNO.EINVAL], ["6.18", ERRNO.EOVERFLOW]] as const) {
    const container = new Type1Container(new Process(), { kernel, validRanges: [] });
    assertEquals(container.mapDma({ ...wrapping, flags: READ_WRITE }), -errno);
    assertEquals(container.unmapDma({ ...wrapping, flags: 0 }), -errno);
  }
});

Deno.test("after any calls and the end of the process nothing is pinned or counted (hmm-rdma-vfio.md 7.13)", () => {
  const random = new Random(95);
  for (let round = 0; round < 60; round++) {
    const process = new Process();
    const { container, map, unmap } = opened(process, 1 + random.below(20));
    process.memlockBytes = random.below(200) * PAGE;
    for (let call = 0; call < 60; call++) {
      const iova = random.below(40) * PAGE;
      if (random.below(3) > 0) map(iova, 1 + random.below(20), random.below(70));
      else unmap(iova, 1 + random.below(40), [0, 0, VADDR][random.below(3)]);
      const areas = [...container.areas];
      const pinned = [...process.pins.values()].reduce((sum, pins) => sum + pins, 0);
      assertEquals(process.lockedPages, areas.reduce((sum, { pages }) => sum + pages, 0));
      assertEquals(pinned, process.lockedPages);
    }
    container.close();
    assertEquals([process.lockedPages, process.pins.size, [...container.areas].length], [0, 0, 0]);
  }
});

Deno.test("areas are found as in a plain list, however they come and go", () => {
  const random = new Random(7);
  const areas = new MappedAreas();
  const plain: MappedArea[] = [];
  const area = (startPage: number, pages: number): MappedArea => ({
    ...{ startPage, pages, virtPage: 0, runs: [], readable: true, writable: true },
    ...{ lockedPages: 0, isAddressless: false },
  });
  const look = (start: number, pages: number) => {
    const met = plain.filter((each) =>
      each.startPage < start + pages && each.startPage + each.pages > start
    ).sort((a, b) => a.startPage - b.startPage);
    const found = areas.first(start, pages);
    assertEquals(found, met[0] ?? null);
    return found;
  };
  const add = (added: MappedArea) => {
    areas.add(added);
    plain.push(added);
  };
  const remove = (removed: MappedArea) => {
    areas.remove(removed);
    plain.splice(plain.indexOf(removed), 1);
  };
  // Filled from one end to the other, emptied from either end or at random, and filled again.
  for (let round = 0; round < 6; round++) {
    for (let page = 0; page < 4_000; page += 4) {
      const start = round % 2 === 0 ? page : 4_000 - page;
      if (look(start, 3) === null) add(area(start, 1 + random.below(3)));
    }
    for (let step = 0; step < 2_000; step++) {
      const found = look(random.below(4_200), 1 + random.below(12));
      if (found !== null) remove(found);
      else add(area(4_300 + round * 2_000 + step, 1));
    }
    assertEquals([...areas.all()], plain.toSorted((a, b) => a.startPage - b.startPage));
    while (plain.length > (round === 5 ? 0 : round)) {
      const least = areas.first(0, 2 ** 40)!;
      remove(
        round % 3 === 0
          ? least
          : round % 3 === 1
          ? plain.at(-1)!
          : plain[random.below(plain.length)]!,
      );
    }
  }
  assertEquals([areas.count, [...areas.all()]], [0, []]);
});

Deno.test("areas are found over all 64 bits, however long they are and however far they lie apart", () => {
  const random = new Random(11);
  // Addresses near powers of two, where the numbers of a block reach their limits.
  const page = () => Math.max(0, 2 ** random.below(52) + random.below(9) - 4);
  for (let round = 0; round < 20; round++) {
    const areas = new MappedAreas();
    let plain: MappedArea[] = [];
    for (let step = 0; step < 400; step++) {
      const [startPage, pages] = [page(), round % 2 === 0 ? 1 + random.below(4) : 1 + page()];
      const met = plain.filter((each) =>
        each.startPage < startPage + pages && each.startPage + each.pages > startPage
      ).sort((a, b) => a.startPage - b.startPage);
      assertEquals(areas.first(startPage, pages), met[0] ?? null);
      if (met.length > 0 && random.below(3) > 0) {
        areas.remove(met[0]!);
        plain = plain.filter((each) => each !== met[0]);
      } else if (met.length === 0) {
        plain.push({
          ...{ startPage, pages, virtPage: 0, runs: [], readable: true, writable: true },
          ...{ lockedPages: 0, isAddressless: false },
        });
        areas.add(plain.at(-1)!);
      }
      assertEquals(areas.count, plain.length);
    }
    assertEquals([...areas.all()], plain.toSorted((a, b) => a.startPage - b.startPage));
  }
});

Deno.test("a bitmap of dirty pages has the pages that are mapped, and those of an earlier, wider bitmap (hmm-rdma-vfio.md 7.19 to 7.22)", () => {
  const { container, map, process } = opened();
  const ask = (
    page: number,
    pages: number,
    more: { bytes?: number; pageSizeBytes?: number } = {},
  ) => {
    const bits: string[] = [];
    const error = container.getDirtyBitmap({
      iova: page * PAGE,
      sizeBytes: pages * PAGE,
      bitmap: {
        pageSizeBytes: more.pageSizeBytes ?? PAGE,
        sizeBytes: more.bytes ?? 8,
        setBits: (first, count) => bits.push(`${first}+${count}`),
      },
    });
    return error === 0 ? bits.join(" ") : error;
  };
  assertEquals([map(0x100 * PAGE, 4), map(0x106 * PAGE, 2)], [0, 0]);
  assertEquals(ask(0x100, 4), -ERRNO.EINVAL, "no log was started");
  assertEquals([0, 3, 4, 8, 1, 1].map((flags) => container.dirtyPages(flags)), [
    ...[-22, -22, -22, -22, 0, 0],
  ]);
  assertEquals([ask(0x100, 4), ask(0x100, 8), ask(0x104, 2)], ["0+4", "0+4 6+2", ""]);
  assertEquals(ask(0x106, 2), "0+4 6+2", "what was in the word of the bitmap of 8 pages stays");
  assertEquals([ask(0x100, 3), ask(0x100, 0), ask(0x100, 65)], [-22, -22, -22]);
  assertEquals([ask(0x100, 4, { bytes: 2 ** 28 }), ask(0x100, 4, { bytes: 2 ** 28 + 8 })], [
    ...["0+4", -22],
  ]);
  assertEquals([ask(0x100, 4, { bytes: 7 }), ask(0x100, 4, { pageSizeBytes: 8192 })], [-22, -22]);
  assertEquals(container.why.inputs["cause"], "bitmap_page_size");
  assertEquals([container.dirtyPages(2), container.dirtyPages(1), ask(0x106, 2)], [0, 0, "0+2"]);

  const bits: string[] = [];
  const bitmap = {
    pageSizeBytes: PAGE,
    sizeBytes: 8,
    setBits: (first: number, count: number) => bits.push(`${first}+${count}`),
  };
  const unmap = (flags: number, pages: number) =>
    container.unmapDma({ iova: 0x100 * PAGE, sizeBytes: pages * PAGE, flags, bitmap });
  assertEquals([unmap(3, 8), unmap(5, 8), unmap(1, 3)], [-22, -22, -22]);
  assertEquals(container.unmapDma({ iova: 0x100 * PAGE, sizeBytes: PAGE, flags: 1 }), -22);
  assertEquals([unmap(1, 8), bits.join(" "), process.pins.size], [6 * PAGE, "0+4 6+2", 0]);
});
