/** Which links share a record, and to which record of a linked range a report refers. */
import { assertEquals } from "@std/assert";
import { ERRNO } from "../../errno.ts";
import { DMA_FROM_DEVICE, DMA_TO_DEVICE } from "../attributes.ts";
import { DmaDevice } from "../device/device.ts";
import { at } from "../testing.ts";
import { type CheckerBench, checkerBench } from "./_bench.ts";

const PAGE = 0x1000;
const MIB = 2 ** 20;

/** Links pages from `first` on, one by one, each with separate memory. */
function linkPages(bench: CheckerBench, first: number, count: number): void {
  for (let page = first; page < first + count; page++) {
    bench.link(0x1000_0000 + page * 0x10_0000, page * PAGE, PAGE);
  }
}

/** Classes and first statements of the reports since the last call. */
function reported(bench: CheckerBench): unknown[][] {
  return bench.reports().map((report) => [report.class, report.first_site]);
}

Deno.test("links from one end to the other share a record, links behind a hole one of 64 KiB and the next", () => {
  const bench = checkerBench();
  const records = () => bench.machine.checker!.records;
  bench.tryAlloc(0, 64 * PAGE);
  linkPages(bench, 0, 20);
  assertEquals(records(), 2, "the range's and one");
  bench.sync(0, 20 * PAGE);
  linkPages(bench, 22, 16);
  assertEquals(records(), 3);
  linkPages(bench, 38, 1);
  assertEquals(records(), 4);
  linkPages(bench, 39, 25);
  assertEquals(records(), 4, "what continues another one may grow to the range's end");
});

Deno.test("what a sync has left of the last link is continued", () => {
  const bench = checkerBench();
  bench.tryAlloc(0, 8 * PAGE);
  linkPages(bench, 0, 4);
  bench.sync(0, PAGE);
  linkPages(bench, 4, 1);
  assertEquals(bench.machine.checker!.records, 3, "the range's, the synced page's and the rest's");
  bench.read(bench.state.addr + 2 * PAGE, 1);
  assertEquals(bench.classes(), ["sync_missing"], "a sync of one page is not one of all");
});

Deno.test("links of two statements that follow each other are one segment to the device", () => {
  const bench = checkerBench({ device: { maxSegmentSizeBytes: 2 * PAGE } });
  bench.tryAlloc(0, 3 * PAGE);
  linkPages(bench, 0, 1);
  bench.machine.events.context.site = 5;
  linkPages(bench, 1, 2);
  assertEquals(bench.classes(), ["link_beyond_device_limits"]);
});

Deno.test("what lies behind an unaligned head is found from the next granule on (dma.md 3.5)", () => {
  const bench = checkerBench();
  bench.tryAlloc(0x600, 0x3000);
  bench.machine.events.context.site = 7;
  bench.link(0x20_0000, 0xa00, PAGE);
  bench.sync(0, 0x1200);
  assertEquals(reported(bench).map(([name]) => name), ["sync_unlinked"]);
  bench.read(bench.state.addr + 0xa00, PAGE);
  assertEquals(bench.classes(), [], "the part that is linked has been handed over");
  assertEquals(bench.link(0x10_0600, 0, 0x1200), -ERRNO.EADDRINUSE);
  assertEquals(reported(bench), [["link_overlap", 7]]);
});

Deno.test("a link that begins where a long span ends is not in it", () => {
  const bench = checkerBench();
  bench.machine.events.context.site = 1;
  bench.tryAlloc(0, 8 * MIB);
  bench.machine.events.context.site = 2;
  bench.link(0x10_0000, 4 * MIB, PAGE);
  bench.unlink(0, 4 * MIB);
  assertEquals(reported(bench), [["unlink_unlinked", 1]]);
  bench.unlink(0, 4 * MIB + 1);
  assertEquals(reported(bench), [["unlink_unlinked", 2]]);
});

Deno.test("a link that leaked is named where nothing else is, and hides nothing that is linked", () => {
  const bench = checkerBench();
  const { machine: { events } } = bench;
  const links = (site: number, pages: number) => {
    events.context.site = site;
    return bench.link(0x10_0000 * site, 0, pages * PAGE);
  };
  bench.tryAlloc(0, 4 * MIB);
  const { addr } = bench.state;
  links(1, 2);
  bench.free();
  events.context.site = 2;
  bench.tryAlloc(0, 4 * MIB);
  assertEquals([reported(bench), bench.state.addr], [[["free_while_linked", 1]], addr]);
  assertEquals(links(3, 1), -ERRNO.EADDRINUSE);
  assertEquals(reported(bench), [["link_overlap", 1]]);
  bench.sync(0, 4 * MIB);
  const [hole] = bench.reports();
  assertEquals([hole?.class, /covers 0xff[\da-f_]+, where nothing/.test(hole!.text)], [
    "sync_unlinked",
    true,
  ]);
  assertEquals(
    hole!.text.includes("covers 0xffc0_0000, where nothing is linked"),
    true,
    hole!.text,
  );
  // The unlinked pages are linked again.
  bench.unlink(0, 2 * PAGE);
  bench.reports();
  assertEquals(links(4, 1), 0);
  assertEquals(links(5, 1), -ERRNO.EADDRINUSE);
  assertEquals(reported(bench), [["link_overlap", 4]]);
});

Deno.test("what another device links into a range is known as that device's (dma.md 3.6, row 5)", () => {
  const bench = checkerBench();
  const { machine: { bus, checker, dma, iommu }, state } = bench;
  const other = new DmaDevice("other");
  iommu.attach(other);
  bench.tryAlloc(0, 2 * PAGE);
  dma.dmaIovaLink(other, state, at(0x10_0000), 0, PAGE, DMA_TO_DEVICE);
  assertEquals([bench.classes(), checker!.records], [["range_other_device"], 2]);
  dma.dmaIovaSync(other, state, 0, PAGE);
  assertEquals(bus.read(other, state.addr, new Uint8Array(8), 0, 8), true);
  assertEquals(bench.classes(), [], "it lies in a buffer that is handed over");
  // A refused or empty link leaves no record.
  dma.dmaIovaLink(other, state, at(0x20_0000), 0, PAGE, DMA_TO_DEVICE);
  dma.dmaIovaLink(other, state, at(0x20_0000), PAGE, 0, DMA_TO_DEVICE);
  assertEquals(checker!.records, 2);
});

Deno.test("a state whose driver has left has no record, whatever its row held", () => {
  const bench = checkerBench();
  const { machine: { checker, dma }, dev } = bench;
  bench.tryAlloc(0, 2 * PAGE);
  bench.link(0x10_0000, 0, PAGE, DMA_FROM_DEVICE);
  dma.unbind(dev);
  assertEquals([bench.classes(), checker!.records], [["iova_leak_at_unbind"], 0]);
  bench.destroy(PAGE, DMA_FROM_DEVICE);
  assertEquals([bench.classes(), checker!.records], [[], 0]);
});
