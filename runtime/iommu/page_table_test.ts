import { assertEquals, assertThrows } from "@std/assert";
import { ADDRESS_LIMIT } from "../address.ts";
import { ERRNO } from "../errno.ts";
import { ArmPageTable } from "./arm_page_table.ts";
import { GenericPageTable } from "./generic_page_table.ts";
import {
  LeafRuns,
  PageSizeChoice,
  type PageTable,
  PTE_READ,
  PTE_WRITE,
  SYNC_LEAVES,
  SYNC_TABLES,
  SyncRanges,
} from "./page_table.ts";

const KIB_4 = 4096;
const MIB_2 = 2 ** 21;
const GIB_1 = 2 ** 30;
const STANDARD = [KIB_4, MIB_2, GIB_1];
const RW = PTE_READ | PTE_WRITE;

const vtd = () => new GenericPageTable({ pageSizesBytes: STANDARD, addressBits: 48 });
const arm = () =>
  new ArmPageTable({ granuleBytes: KIB_4, pageSizesBytes: STANDARD, addressBits: 48 });

/** Page sizes of AMD v1: every power of two. */
const EVERY_SIZE = Array.from({ length: 20 }, (_, bit) => KIB_4 * 2 ** bit);
const amd = () =>
  new GenericPageTable({ pageSizesBytes: EVERY_SIZE, addressBits: 64, growsOnDemand: true });

function steps(iova: number, phys: number, sizeBytes: number): [number, number][] {
  const choice = new PageSizeChoice(STANDARD);
  const list: [number, number][] = [];
  for (let done = 0; done < sizeBytes; done += choice.sizeBytes * choice.count) {
    choice.choose(iova + done, phys + done, sizeBytes - done);
    list.push([choice.sizeBytes, choice.count]);
  }
  return list;
}

Deno.test("a mapping is cut where the next larger page becomes possible (dma.md ch. 5 assertion 1)", () => {
  assertEquals(steps(0x1f_f000, 0x3f_f000, 0x20_2000), [[KIB_4, 1], [MIB_2, 1], [KIB_4, 1]]);
});

Deno.test("large pages need both addresses aligned (dma.md ch. 5 assertion 2)", () => {
  assertEquals(steps(0xffe0_0000, 0x1_0020_0000, 0x40_0000), [[MIB_2, 2]]);
  assertEquals(steps(0xffc0_0000, 0x1234_5000, 0x40_0000), [[KIB_4, 1024]]);
});

Deno.test("the largest page comes first where it fits (dma.md ch. 5 assertion 3)", () => {
  assertEquals(steps(0x4000_0000, 0x8000_0000, 0x4020_1000), [
    [GIB_1, 1],
    [MIB_2, 1],
    [KIB_4, 1],
  ]);
});

Deno.test("AMD v1 writes an 8 KiB page for one link, not for two adjacent ones (dma.md ch. 5 assertion 7)", () => {
  const one = amd();
  assertEquals(one.map(0x8000, 0x10_0000, 0x2000, RW), 0);
  assertEquals(one.leaves.toList(), [[0x2000, 1]]);

  const two = amd();
  assertEquals(two.map(0x8000, 0x10_0000, 0x1000, RW), 0);
  assertEquals(two.map(0x9000, 0x10_1000, 0x1000, RW), 0);
  two.unmap(0x8000, 0x2000);
  assertEquals(two.leaves.toList(), [[0x1000, 2]]);
});

Deno.test("the last addresses that a table maps, and memory's last ones (dma.md 5.1)", () => {
  const last = 2 ** 48 - KIB_4;
  for (const [table, physEnd] of [[vtd(), 2 ** 52], [arm(), 2 ** 48]] as const) {
    assertEquals(table.map(last, physEnd - KIB_4, KIB_4, RW), 0);
    assertEquals(table.walk(2 ** 48 - 1), true);
    assertEquals(table.walkPhys, physEnd - 1);
    table.unmap(last, KIB_4);
    assertEquals(table.map(last, 0x1000, 2 * KIB_4, RW), -ERRNO.ERANGE);
    assertEquals(table.map(0x1000, physEnd, KIB_4, RW), -ERRNO.ERANGE);
    assertEquals(table.walk(0x1000), false);
  }
});

Deno.test("each table page is charged to the host memory, and none is made when the charge fails", () => {
  const taken: number[] = [];
  const charge = (sizeBytes: number) => {
    taken.push(sizeBytes);
    if (taken.length > 6) throw new RangeError("enough");
  };
  const options = { pageSizesBytes: STANDARD, addressBits: 48, charge };
  const table = new GenericPageTable(options);
  assertEquals(taken, [KIB_4]);
  assertEquals(table.map(0, 0, KIB_4, RW), 0);
  assertEquals([taken.length, table.tables], [4, 4]);
  assertEquals(table.unmap(0, KIB_4), KIB_4);
  assertEquals(table.map(0, 0, KIB_4, RW), 0);
  assertEquals(taken.length, 4, "freed tables are used again");
  assertThrows(() => table.map(GIB_1, KIB_4, GIB_1, RW), RangeError, "enough");
  taken.length = 0;
  new ArmPageTable({ ...options, granuleBytes: KIB_4 });
  assertEquals(taken, [KIB_4]);
});

Deno.test("tables hold as much of the host as they have entries, free ones too", () => {
  for (const [table, entries] of [[vtd(), 512], [arm(), 512]] as const) {
    assertEquals([table.tables, table.hostBytes], [1, entries * 8]);
    assertEquals(table.map(0, 0, KIB_4, RW), 0);
    assertEquals([table.tables, table.hostBytes], [4, 4 * entries * 8]);
    table.clear();
    assertEquals([table.tables, table.hostBytes], [1, 4 * entries * 8]);
  }
  const large = new ArmPageTable({
    granuleBytes: 2 ** 16,
    pageSizesBytes: [2 ** 16],
    addressBits: 48,
  });
  assertEquals([large.tables, large.hostBytes], [1, 2 ** 16]);
});

Deno.test("runs of leaves and ranges to flush are kept however many there are", () => {
  const runs = new LeafRuns();
  const syncs = new SyncRanges();
  const expected: [number, number][] = [];
  for (let index = 0; index < 40; index++) {
    const sizeBytes = index % 2 === 0 ? KIB_4 : MIB_2;
    runs.add(sizeBytes, index + 1);
    runs.add(sizeBytes, 2);
    expected.push([sizeBytes, index + 3]);
    syncs.add(index, 100 + index, index % 3);
  }
  assertEquals([runs.count, runs.toList()], [40, expected]);
  assertEquals(syncs.count, 40);
  for (let index = 0; index < 40; index++) {
    const range = [syncs.first(index), syncs.last(index), syncs.kind(index)];
    assertEquals(range, [index, 100 + index, index % 3]);
  }
});

/** The invalidations of a table, as [first, last, kind]. */
function toForget({ syncs }: PageTable): number[][] {
  return Array.from(
    { length: syncs.count },
    (_, index) => [syncs.first(index), syncs.last(index), syncs.kind(index)],
  );
}

Deno.test("an unmap of all that a table covers frees the table, one page less keeps it (dma.md 5.2)", () => {
  for (
    const [sizeBytes, tables, kind] of [
      [MIB_2, 3, SYNC_TABLES],
      [MIB_2 - KIB_4, 4, SYNC_LEAVES],
    ] as const
  ) {
    const table = vtd();
    assertEquals([table.map(MIB_2, 0x1000, MIB_2, RW), table.tables], [0, 4]);
    assertEquals(table.unmap(MIB_2, sizeBytes), sizeBytes);
    assertEquals(toForget(table), [[MIB_2, MIB_2 + sizeBytes - 1, kind]]);
    assertEquals(table.tables, tables);
    table.map(0x1000, 0x1000, KIB_4, RW);
    assertEquals([table.unmap(0x1000, KIB_4), toForget(table)], [KIB_4, [[
      0x1000,
      0x1fff,
      SYNC_LEAVES,
    ]]]);
  }
});

Deno.test("a table that is cleared is what it was at first, also one that had grown", () => {
  for (const make of [vtd, amd, arm]) {
    const table = make();
    const high = 2 ** 41;
    const first = table.tables;
    table.map(high, 0x1000, KIB_4, RW);
    const { tables } = table;
    assertEquals(table.walk(high), true);
    table.clear();
    assertEquals([table.tables, table.walk(high)], [first, false]);
    assertEquals(table.map(high, 0x1000, KIB_4, RW), 0);
    assertEquals([table.tables, table.walk(high)], [tables, true]);
  }
});

Deno.test("the Arm format unmaps whole granules only, and tells each of its calls", () => {
  const calls: number[][] = [];
  const table = new ArmPageTable({
    granuleBytes: KIB_4,
    pageSizesBytes: STANDARD,
    addressBits: 48,
    onCall: (...call) => calls.push(call),
  });
  assertEquals(table.map(0x1f_f000, 0x3f_f000, 0x20_2000, RW), 0);
  assertEquals(calls.splice(0), [
    [0x1f_f000, 0x3f_f000, KIB_4, 1, KIB_4],
    [0x20_0000, 0x40_0000, MIB_2, 1, MIB_2],
    [0x40_0000, 0x60_0000, KIB_4, 1, KIB_4],
  ]);
  assertEquals([table.unmap(0x1f_f800, KIB_4), table.unmap(0x1f_f000, 0x800)], [0, 0]);
  assertEquals([calls.length, table.walk(0x1f_f000)], [0, true]);
  // Two pages were requested, and one was mapped.
  assertEquals(table.unmap(0x40_0000, 2 * KIB_4), KIB_4);
  assertEquals(calls.splice(0), [
    [0x40_0000, -1, KIB_4, 2, KIB_4],
    [0x40_1000, -1, KIB_4, 1, 0],
  ]);
});

Deno.test("an unmap that ends behind the tables does nothing, Arm's what it reaches (dma.md 5.1)", () => {
  const last = 2 ** 48 - KIB_4;
  for (const [table, unmapped] of [[vtd(), 0], [arm(), KIB_4]] as const) {
    table.map(last, 0x1000, KIB_4, RW);
    assertEquals(table.unmap(last, 2 * KIB_4), unmapped);
  }
});

Deno.test("tables that grow do so by all the levels that an address needs, or by none (dma.md 5.1)", () => {
  const table = amd();
  let left = 1;
  table.outOfMemory = () => left-- === 0;
  assertEquals(table.map(2 ** 50, 0x1000, KIB_4, RW), -ERRNO.ENOMEM);
  assertEquals(table.tables, 1);
  assertEquals(table.map(ADDRESS_LIMIT - KIB_4, 0x1000, 2 * KIB_4, RW), -ERRNO.EOVERFLOW);
});

Deno.test("behind what tables have grown to nothing is found, read, or unmapped (dma.md 5.1)", () => {
  for (const reach of [2 ** 39, 2 ** 48]) {
    const table = amd();
    for (const iova of [0, reach - KIB_4]) assertEquals(table.map(iova, 0x1000, KIB_4, RW), 0);
    const { tables } = table;
    for (const beyond of [reach, 2 * reach - KIB_4, 2 ** 51 + reach - KIB_4]) {
      assertEquals([table.walk(beyond), table.path(beyond)], [false, []]);
      assertEquals([table.unmap(beyond, KIB_4), toForget(table)], [0, []]);
    }
    assertEquals([table.tables, table.walk(reach - KIB_4)], [tables, true]);
  }
});

Deno.test("what a map refuses it refuses in the table that was used last, too (dma.md 5.1)", () => {
  for (const make of [vtd, amd]) {
    const table = make();
    assertEquals(table.map(0x1000, 0x5000, KIB_4, RW), 0);
    for (
      const [error, warnings, iova, phys, sizeBytes = KIB_4, flags = RW] of [
        [ERRNO.ERANGE, 0, 0x2000, 2 ** 52],
        [ERRNO.EINVAL, 0, 0x2000, 0x6000, 0, 0],
        [ERRNO.ENXIO, 0, 0x2800, 0x6000],
        [ERRNO.ENXIO, 0, 0x2000, 0x6800],
        [ERRNO.EINVAL, 1, 0x2000, 0x6000, KIB_4, 0],
        [ERRNO.EINVAL, 0, 0x2000, 0x6000, 0],
        [ERRNO.EADDRINUSE, 0, 0x1000, 0x6000],
        [0, 0, 0x2000, 2 ** 52 - KIB_4],
      ] as const
    ) {
      assertEquals([-table.map(iova, phys, sizeBytes, flags), table.warnings], [error, warnings]);
    }
  }
});
