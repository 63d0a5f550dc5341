import { assertEquals, assertMatch } from "@std/assert";
import { ERRNO } from "../../errno.ts";
import { DMA_ATTR, DMA_BIDIRECTIONAL, DMA_FROM_DEVICE, DMA_TO_DEVICE } from "../attributes.ts";
import { DmaIovaState } from "../iova_state.ts";
import { at } from "../testing.ts";
import { type CheckerBench, checkerBench } from "./_bench.ts";

const LARGE = { device: { maxSegmentSizeBytes: 2 ** 32 } };
const UNTRUSTED = { device: { untrusted: true, minAlignMask: 0xfff } };

Deno.test("links side by side share a record, links of other kinds do not", () => {
  const bench = checkerBench();
  const { machine: { checker } } = bench;
  bench.tryAlloc(0, 0x8000);
  for (let page = 0; page < 4; page++) {
    bench.link(0x10_0000 + page * 0x10000, page * 0x1000, 0x1000);
  }
  assertEquals(checker!.records, 2);
  bench.link(0x20_0000, 0x4000, 0x1000, DMA_FROM_DEVICE);
  bench.link(0x30_0000, 0x5000, 0x1000, DMA_FROM_DEVICE, DMA_ATTR.SKIP_CPU_SYNC);
  bench.machine.events.context.site = 5;
  bench.link(0x40_0000, 0x6000, 0x1000, DMA_FROM_DEVICE, DMA_ATTR.SKIP_CPU_SYNC);
  assertEquals(checker!.records, 5);
});

Deno.test("a sync of no bytes where a link begins makes nothing visible (dma.md 3.5)", () => {
  const bench = checkerBench();
  bench.tryAlloc(0, 0x1000);
  bench.link(0x10_0000, 0, 0x1000);
  bench.sync(0, 0);
  assertEquals([bench.classes(), bench.machine.checker!.records], [[], 2]);
});

Deno.test("row 4: a link of no bytes, refused or silently done (dma.md 3.6)", () => {
  const generic = checkerBench();
  generic.tryAlloc(0, 0x3000);
  assertEquals(generic.link(0x10_0000, 0, 0), -ERRNO.EINVAL);
  const classic = checkerBench({ iommu: { model: "smmu" } });
  classic.tryAlloc(0, 0x3000);
  assertEquals(classic.link(0x10_0000, 0, 0), 0);
  for (const bench of [generic, classic]) {
    const [report, ...others] = bench.reports();
    const isSilent = bench === classic;
    assertEquals([report?.class, report?.beyond_kernel, others], ["link_empty", isSilent, []]);
  }
});

Deno.test("row 5: a link behind the end of its range (dma.md 3.6)", () => {
  const bench = checkerBench();
  bench.tryAlloc(0, 0x1000);
  assertEquals(bench.link(0x10_0000, 0, 0x1001), 0);
  const [report, ...others] = bench.reports();
  assertEquals([report?.class, report?.beyond_kernel, others], ["link_beyond_range", true, []]);
  assertMatch(report!.text, /1 byte past the end of the range of 4096 bytes/);
  bench.read(bench.state.addr, 1);
  assertEquals(bench.classes(), ["sync_missing"], "it is linked all the same");
});

Deno.test("row 5: a collision behind the end is reported as what it is, once", () => {
  const bench = checkerBench();
  const { machine: { dma }, dev } = bench;
  bench.map(0x40_0000, 0x1000);
  bench.tryAlloc(0, 0x1000);
  // IOVAs are allocated downwards, so the range lies below the mapping.
  assertEquals(bench.link(0x10_0000, 0, 0x2000), -ERRNO.EADDRINUSE);
  assertEquals(bench.classes(), ["link_beyond_range"]);
  dma.dmaIovaFree(dev, bench.state);
  bench.link(0x10_0000, 0, 0x1000);
  const [report] = bench.reports();
  assertEquals(report?.class, "link_beyond_range");
  assertMatch(report!.text, /the state holds no range/);
});

Deno.test("row 6: a sync covers whole granules, so a sync of a part of one is enough (dma.md 3.5)", () => {
  const bench = checkerBench();
  bench.tryAlloc(0x200, 0x1e00);
  bench.link(0x10_0200, 0, 0xe00);
  bench.link(0x20_0000, 0xe00, 0x1000);
  bench.sync(0x100, 0x100);
  bench.read(bench.state.addr, 0xe00);
  assertEquals(bench.classes(), []);
  bench.read(bench.state.addr + 0xe00, 1);
  assertEquals(bench.classes(), ["sync_missing"]);
});

Deno.test("row 8: unlinking a part of a large entry, at its start or inside (dma.md 3.6)", () => {
  const run = (model: "vtd" | "smmu", offset: number) => {
    const bench = checkerBench({ ...LARGE, iommu: { model } });
    bench.tryAlloc(0, 2 ** 21);
    bench.link(0x1000_0000, 0, 2 ** 21);
    bench.sync(0, 2 ** 21);
    bench.unlink(offset, 0x1000);
    const [report, ...more] = bench.reports();
    assertMatch(
      report!.text,
      new RegExp(
        `^Unlink on device "[^"]+" of 4096 bytes at 0x.*, a part of a large page-table entry: `,
      ),
    );
    const classes = [report!, ...more].map((each) => each.class);
    // If the unlink ends the large entry, the link has no record left; if the entry stays live, the
    // link keeps its record.
    return [...classes, bench.machine.checker!.records];
  };
  assertEquals(run("vtd", 0), ["unlink_splits_leaf", 1]);
  assertEquals(run("vtd", 0x1000), ["unlink_splits_leaf", 2]);
  assertEquals(run("smmu", 0), ["unlink_splits_leaf", 2]);
  assertEquals(run("smmu", 0x1000), ["unlink_splits_leaf", 2]);
});

Deno.test("row 9: skip_cpu_sync may differ where nothing is copied or maintained, and when no device saw the data", () => {
  const run = (options: Parameters<typeof checkerBench>[0], synced: boolean) => {
    const bench = checkerBench(options);
    bench.tryAlloc(0x200, 0x200);
    bench.link(0x10_0200, 0, 0x200, DMA_BIDIRECTIONAL);
    if (synced) bench.sync(0, 0x200);
    bench.destroy(0x200, DMA_BIDIRECTIONAL, DMA_ATTR.SKIP_CPU_SYNC);
    return bench.classes();
  };
  assertEquals(run({}, true), []);
  assertEquals(run(UNTRUSTED, true), ["unlink_attributes"]);
  assertEquals(run(UNTRUSTED, false), []);
  assertEquals(run({ device: { coherent: false } }, true), ["unlink_attributes"]);
});

Deno.test("row 10: destroying less than is linked, and who meets the rest later (dma.md 3.6)", () => {
  const bench = checkerBench();
  const { machine: { dma }, dev } = bench;
  bench.tryAlloc(0, 0x4000);
  bench.link(0x10_0000, 0, 0x4000);
  bench.destroy(0x2000);
  const [report, ...others] = bench.reports();
  assertEquals([report?.class, report?.beyond_kernel, others], ["destroy_short", true, []]);
  assertMatch(report!.text, /of only 8192 bytes of .*; 8192 bytes in whole granules stay/);
  // The next owner gets the addresses, of which some are still mapped, from the cache.
  const next = new DmaIovaState();
  dma.dmaIovaTryAlloc(dev, next, at(0), 0x4000);
  assertEquals(dma.dmaIovaLink(dev, next, at(0x50_0000), 0, 0x4000, DMA_TO_DEVICE), 0);
});

Deno.test("row 11: a kernel warns of a second destroy that unmaps nothing (dma.md 3.6)", () => {
  const again = (end: (bench: CheckerBench) => void) => {
    const bench = checkerBench();
    bench.tryAlloc(0, 0x1000);
    bench.link(0x10_0000, 0, 0x1000);
    bench.destroy(0x1000);
    bench.forget();
    end(bench);
    const warned = bench.fields("kernel.warn").map((warning) => warning.at);
    return [bench.reports().map((report) => [report.class, report.beyond_kernel]), warned];
  };
  const warns = ["__iommu_dma_iova_unlink"];
  assertEquals(again((bench) => bench.destroy(0x1000)), [[["destroy_twice", false]], warns]);
  assertEquals(again((bench) => bench.free()), [[["destroy_twice", true]], []]);
  assertEquals(again((bench) => bench.destroy(0)), [[["destroy_twice", true]], []]);
  // The next owner has mapped the addresses: the kernel unmaps that owner's bytes silently.
  const taken = again((bench) => {
    const { machine: { dma }, dev } = bench;
    const next = new DmaIovaState();
    dma.dmaIovaTryAlloc(dev, next, at(0), 0x1000);
    dma.dmaIovaLink(dev, next, at(0x50_0000), 0, 0x1000, DMA_TO_DEVICE);
    bench.destroy(0x1000);
  });
  assertEquals(taken, [[["destroy_twice", true]], []]);
});

Deno.test("row 12: a range whose state is used for another is left behind", () => {
  const bench = checkerBench();
  bench.tryAlloc(0, 0x1000);
  bench.tryAlloc(0, 0x1000);
  bench.free();
  assertEquals([bench.machine.dma.unbind(bench.dev), bench.classes()], [1, [
    "state_overwritten",
    "iova_leak_at_unbind",
  ]]);
});

Deno.test("row 13: more side by side than the device's longest segment (dma.md 3.6)", () => {
  const bench = checkerBench({ device: { maxSegmentSizeBytes: 0x2000 } });
  bench.tryAlloc(0, 0x4000);
  bench.link(0x10_0000, 0, 0x2000);
  assertEquals(bench.classes(), []);
  bench.link(0x20_0000, 0x2000, 0x1000);
  bench.link(0x30_0000, 0x3000, 0x1000);
  const [report, ...others] = bench.reports();
  assertEquals([report?.class, report?.beyond_kernel, others], [
    "link_beyond_device_limits",
    true,
    [],
  ]);
  assertMatch(report!.text, /12288 bytes at 0xffff_c000, above its max_seg_size of 8192 bytes$/);
  // A link that ends exactly at the end of the range is inside the range, so the device's limits
  // are checked for the link.
  const whole = checkerBench({ device: { maxSegmentSizeBytes: 0x2000 } });
  whole.tryAlloc(0, 0x3000);
  whole.link(0x10_0000, 0, 0x3000);
  assertEquals(whole.classes(), ["link_beyond_device_limits"]);
});

Deno.test("row 13: pages that are synced one by one are segments of their own", () => {
  const bench = checkerBench({ device: { maxSegmentSizeBytes: 0x1000 } });
  bench.tryAlloc(0, 0x4000);
  for (let page = 0; page < 4; page++) {
    bench.link(0x10_0000 + page * 0x1000, page * 0x1000, 0x1000);
    bench.sync(page * 0x1000, 0x1000);
  }
  for (const page of [2, 0, 3, 1]) bench.unlink(page * 0x1000, 0x1000);
  bench.free();
  assertEquals([bench.classes(), bench.machine.checker!.records], [[], 0]);
});

Deno.test("row 13: a segment across the device's boundary, and address bits that are not kept", () => {
  const boundary = checkerBench({ device: { segmentBoundaryMask: 0x1fff } });
  boundary.tryAlloc(0, 0x4000);
  boundary.link(0x10_0000, 0x1000, 0x2000);
  const [crossed] = boundary.reports();
  assertEquals(crossed?.class, "link_beyond_device_limits");
  assertMatch(crossed!.text, /across its segment boundary of 8192 bytes$/);
  const aligned = checkerBench({ device: { minAlignMask: 0x1fff } });
  aligned.tryAlloc(0, 0x2000);
  aligned.link(0x10_1000, 0, 0x1000);
  const [bits] = aligned.reports();
  assertEquals(bits?.class, "link_beyond_device_limits");
  assertMatch(bits!.text, /physical address bits of its min_align_mask 0x1fff$/);
});

Deno.test("unlinking pages out of the middle leaves records of what is still linked", () => {
  const bench = checkerBench();
  bench.tryAlloc(0x800, 0x4800);
  bench.link(0x10_0800, 0, 0x4800);
  bench.sync(0, 0x4800);
  bench.unlink(0x1800, 0x1000);
  assertEquals(bench.read(bench.state.addr, 0x1800), true);
  assertEquals(bench.read(bench.state.addr + 0x2800, 0x2000), true);
  assertEquals(bench.read(bench.state.addr + 0x1800, 1), false);
  bench.unlink(0, 0x1800);
  bench.destroy(0, DMA_TO_DEVICE);
  assertEquals(bench.classes(), ["free_while_linked"]);
});

Deno.test("a state is reused as often as its range was freed", () => {
  const bench = checkerBench();
  for (const destroys of [true, false, true]) {
    bench.tryAlloc(0, 0x1000);
    bench.link(0x10_0000, 0, 0x1000);
    if (destroys) bench.destroy(0x1000);
    else {
      bench.unlink(0, 0x1000);
      bench.free();
    }
  }
  assertEquals(bench.classes(), []);
});

Deno.test("a range with an unaligned head is synced whole, from its first byte", () => {
  const bench = checkerBench();
  bench.tryAlloc(0x10_0600, 0x2a00);
  bench.link(0x10_0600, 0, 0xa00);
  bench.link(0x20_0000, 0xa00, 0x1000);
  bench.sync(0, 0x1a00);
  bench.link(0x30_0000, 0x1a00, 0x1000);
  bench.sync(0x1a00, 0x1000);
  bench.destroy(0x2a00);
  assertEquals(bench.classes(), []);
});

Deno.test("mappings beside a range are unmapped as ever", () => {
  const bench = checkerBench();
  bench.tryAlloc(0, 0x1000);
  const mapped = bench.map(0x20_0000, 0x1000);
  bench.link(0x10_0000, 0, 0x1000);
  bench.unmap(mapped, 0x1000);
  bench.sync(0, 0x1000);
  bench.destroy(0x1000);
  assertEquals([bench.classes(), bench.machine.checker!.records], [[], 0]);
});

Deno.test("a state whose driver has left has no owner: its records are not touched again", () => {
  const bench = checkerBench();
  const { machine: { checker, dma }, dev } = bench;
  bench.tryAlloc(0, 0x1000);
  dma.unbind(dev);
  const mapped = bench.map(0x10_0000, 0x1000);
  bench.destroy(0);
  assertEquals(checker!.records, 1, "the mapping's, whose row the range had");
  bench.reports();
  bench.unmap(mapped, 0x1000);
  assertEquals([bench.classes(), checker!.records], [[], 0]);
});
