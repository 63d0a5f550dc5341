import type { PhysAddr } from "../../address.ts";
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { ERRNO } from "../../errno.ts";
import { DMA_ATTR, DMA_BIDIRECTIONAL, DMA_FROM_DEVICE, DMA_TO_DEVICE } from "../attributes.ts";
import { DmaDevice } from "../device/device.ts";
import { DmaIovaState } from "../iova_state.ts";
import { at } from "../testing.ts";
import { checkerBench } from "./_bench.ts";

const LARGE = { device: { maxSegmentSizeBytes: 2 ** 32 } };
const UNTRUSTED = { device: { untrusted: true, minAlignMask: 0xfff } };

Deno.test("a range that is reserved, linked, synced and destroyed is right, in every mode", () => {
  for (
    const options of [
      {},
      { iommu: { mode: "lazy" } },
      { iommu: { model: "smmu" } },
      { iommu: { model: "amd" } },
      { device: { coherent: false } },
      UNTRUSTED,
    ] as const
  ) {
    const bench = checkerBench(options);
    bench.tryAlloc(0x10_0600, 0x2a00);
    bench.link(0x10_0600, 0, 0xa00);
    bench.link(0x20_0000, 0xa00, 0x1000);
    bench.link(0x30_0000, 0x1a00, 0x1000);
    bench.sync(0, 0x2a00);
    bench.read(bench.state.addr, 0x2a00);
    bench.destroy(0x2a00);
    assertEquals([bench.classes(), bench.machine.checker!.records], [[], 0]);
  }
});

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

Deno.test("a span of any length is looked through at once, for what is linked in it", () => {
  const bench = checkerBench();
  bench.tryAlloc(0, 0x3000);
  bench.link(0x10_0000, 0x1000, 0x1000);
  bench.sync(0, 2 ** 47);
  bench.read(bench.state.addr + 0x1000, 0x1000);
  assertEquals(bench.classes(), ["sync_unlinked"]);
  assertEquals(bench.machine.checker!.records, 2);
});

Deno.test("row 1: a later link with an unaligned buffer (dma.md 3.6)", () => {
  const bench = checkerBench();
  bench.machine.events.context.site = 1;
  bench.tryAlloc(0, 0x3000);
  bench.machine.events.context.site = 2;
  assertEquals(bench.link(0x10_0200, 0x1000, 0x1000), -ERRNO.EIO);
  assertEquals(bench.reports(), [{
    class: "link_unaligned",
    rule: "dma.3.6.1",
    text:
      'dma_iova_link() on device "dev" of 4096 bytes of physical 0x10_0200 at offset 4096: not ' +
      "granule-aligned; only the first link of a range may be unaligned (granule 4096 bytes)",
    first_site: 1,
    second_site: 2,
    beyond_kernel: false,
    log: null,
  }]);
});

Deno.test("row 2: a link behind an unaligned end, or with another offset than reserved (dma.md 3.6)", () => {
  const behind = checkerBench();
  behind.tryAlloc(0, 0x3000);
  behind.link(0x10_0000, 0, 0x800);
  assertEquals(behind.link(0x20_0000, 0x800, 0x1000), -ERRNO.ENXIO);
  const other = checkerBench();
  other.tryAlloc(0x400, 0x1000);
  assertEquals(other.link(0x10_0000, 0, 0x1000), -ERRNO.ENXIO);
  const arm = checkerBench({ iommu: { model: "smmu" } });
  arm.tryAlloc(0x400, 0x1000);
  assertEquals(arm.link(0x10_0000, 0, 0x1000), -ERRNO.EINVAL);
  for (const bench of [behind, other, arm]) {
    const [report, ...others] = bench.reports();
    assertEquals([report?.class, report?.rule, others], ["link_unaligned", "dma.3.6.2", []]);
    assertEquals(report?.beyond_kernel, false);
  }
});

Deno.test("row 3: a link over a live one (dma.md 3.6)", () => {
  for (const [model, errno] of [["vtd", ERRNO.EADDRINUSE], ["smmu", ERRNO.EEXIST]] as const) {
    const bench = checkerBench({ iommu: { model } });
    bench.tryAlloc(0, 0x4000);
    bench.machine.events.context.site = 7;
    bench.link(0x10_0000, 0x1000, 0x1000);
    bench.machine.events.context.site = 9;
    assertEquals(bench.link(0x20_0000, 0, 0x2000), -errno);
    const [report, ...others] = bench.reports();
    assertEquals([report?.class, report?.first_site, others], ["link_overlap", 7, []]);
    assertMatch(
      report!.text,
      /is already mapped by the mapping of 4096 bytes at 0xffff_d000 .*dma_iova_link\(\)\)$/,
    );
  }
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
    assertEquals([report?.class, report?.beyond_kernel, others], ["link_empty", false, []]);
  }
});

Deno.test("row 5: a link behind the end of its range (dma.md 3.6)", () => {
  const bench = checkerBench();
  bench.tryAlloc(0, 0x1000);
  assertEquals(bench.link(0x10_0000, 0, 0x1001), 0);
  const [report, ...others] = bench.reports();
  assertEquals([report?.class, report?.beyond_kernel, others], ["link_beyond_range", true, []]);
  assertMatch(report!.text, /1 byte past the end of the range of 4096 bytes/);
});

Deno.test("row 5: a collision behind the end is reported as what it is, once", () => {
  const bench = checkerBench();
  const { machine: { dma }, dev } = bench;
  bench.map(0x40_0000, 0x1000);
  bench.tryAlloc(0, 0x1000);
  // The range lies below the mapping.
  assertEquals(bench.link(0x10_0000, 0, 0x2000), -ERRNO.EADDRINUSE);
  assertEquals(bench.classes(), ["link_beyond_range"]);
  dma.dmaIovaFree(dev, bench.state);
  bench.link(0x10_0000, 0, 0x1000);
  const [report] = bench.reports();
  assertEquals(report?.class, "link_beyond_range");
  assertMatch(report!.text, /the state holds no range/);
});

Deno.test("row 6: a device uses what was linked and never synced (dma.md 3.6)", () => {
  const bench = checkerBench();
  bench.tryAlloc(0, 0x2000);
  bench.machine.events.context.site = 4;
  bench.link(0x10_0000, 0, 0x2000);
  assertEquals(bench.read(bench.state.addr + 0x10, 16), true);
  assertEquals(bench.read(bench.state.addr + 0x1000, 16), true);
  const [report, ...others] = bench.reports();
  assertEquals([report?.class, report?.beyond_kernel, report?.first_site, others], [
    "sync_missing",
    true,
    4,
    [],
  ]);
  assertEquals(report?.rule, "dma.3.6.6");
});

Deno.test("row 6: a sync of the wrong range leaves the rest invisible (dma.md 3.6)", () => {
  const bench = checkerBench();
  bench.tryAlloc(0, 0x3000);
  bench.link(0x10_0000, 0, 0x3000);
  bench.sync(0x1000, 0x800);
  assertEquals(bench.read(bench.state.addr + 0x1000, 0x1000), true);
  assertEquals(bench.classes(), []);
  bench.read(bench.state.addr, 1);
  bench.read(bench.state.addr + 0x2000, 1);
  assertEquals(bench.classes(), ["sync_missing", "sync_missing"]);
  bench.sync(0, 0x3000);
  bench.destroy(0x3000);
  assertEquals([bench.classes(), bench.machine.checker!.records], [[], 0]);
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

Deno.test("rows 10, 11 and 14 are reported of links as well, beyond the kernel (dma.md 8.3)", () => {
  const region = (name: string, basePhys: number) =>
    ({ name, basePhys: basePhys as PhysAddr, sizeBytes: 0x1000, type: "ram" }) as const;
  const regions = [region("kernel_stack", 0x100_0000), region("kernel_text", 0x200_0000)];
  const bench = checkerBench({ machine: { regions } });
  const { machine: { dma }, dev, state } = bench;
  bench.tryAlloc(0, 0x4000);
  bench.link(0x100_0000, 0, 0x1000);
  bench.link(0x200_0000, 0x1000, 0x1000);
  dma.dmaIovaLink(
    dev,
    state,
    0x300_0000 as PhysAddr,
    0x2000,
    0x1000,
    DMA_TO_DEVICE,
    DMA_ATTR.MMIO,
  );
  bench.link(0x300_0000, 0x3000, 0x1000);
  assertEquals(
    bench.reports().map((report) => [report.class, report.beyond_kernel]),
    [["link_stack", true], ["link_text", true], ["link_mmio_is_ram", true]],
  );
  assertEquals(bench.errorCount(), 0);
});

Deno.test("unwinding without a sync is right: no device accessed the links", () => {
  const bench = checkerBench();
  bench.tryAlloc(0, 0x4000);
  bench.link(0x10_0000, 0, 0x2000);
  bench.destroy(0x2000);
  assertEquals([bench.classes(), bench.machine.checker!.records], [[], 0]);
});

Deno.test("row 7: unlinking nothing (dma.md 3.6)", () => {
  const bench = checkerBench();
  bench.tryAlloc(0, 0x4000);
  bench.link(0x10_0000, 0, 0x1000);
  bench.unlink(0, 0x2000);
  const [report, ...others] = bench.reports();
  assertEquals([report?.class, report?.beyond_kernel, others], ["unlink_unlinked", false, []]);
  assertMatch(
    report!.text,
    /only 4096 bytes of 8192 bytes in whole granules were mapped: nothing is linked at 0xffff_d000/,
  );
  assertEquals(bench.machine.checker!.records, 1);
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
    // Of an entry that is gone no record is left, one that is still there keeps its own.
    return [...classes, bench.machine.checker!.records];
  };
  assertEquals(run("vtd", 0), ["unlink_splits_leaf", 1]);
  assertEquals(run("vtd", 0x1000), ["unlink_splits_leaf", 2]);
  assertEquals(run("smmu", 0), ["unlink_splits_leaf", 2]);
  assertEquals(run("smmu", 0x1000), ["unlink_splits_leaf", 2]);
});

Deno.test("row 9: unlinking in another direction (dma.md 3.6)", () => {
  const bench = checkerBench();
  bench.tryAlloc(0, 0x2000);
  bench.machine.events.context.site = 11;
  bench.link(0x10_0000, 0, 0x1000, DMA_TO_DEVICE);
  bench.link(0x20_0000, 0x1000, 0x1000, DMA_FROM_DEVICE);
  bench.destroy(0x2000, DMA_TO_DEVICE);
  const [report, ...others] = bench.reports();
  assertEquals([report?.class, report?.beyond_kernel, report?.first_site, others], [
    "unlink_direction",
    true,
    11,
    [],
  ]);
  assertMatch(
    report!.text,
    /to_device passed for .*at 0xffff_f000 \(physical 0x20_0000, from_device/,
  );
});

Deno.test("row 9: unlinking with other attributes (dma.md 3.6)", () => {
  const window = {
    name: "bar",
    basePhys: at(0xf000_0000),
    sizeBytes: 0x10000,
    type: "mmio" as const,
  };
  const bench = checkerBench({ machine: { regions: [window] } });
  bench.tryAlloc(0, 0x1000);
  bench.link(0xf000_0000, 0, 0x1000, DMA_BIDIRECTIONAL, DMA_ATTR.MMIO);
  bench.unlink(0, 0x1000, DMA_BIDIRECTIONAL);
  const [report, ...others] = bench.reports();
  assertEquals([report?.class, report?.beyond_kernel, others], ["unlink_attributes", true, []]);
  assertMatch(report!.text, /attributes mismatch, none passed, mmio linked, for /);
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

Deno.test("row 10: freeing a range in which something is linked (dma.md 3.6)", () => {
  const bench = checkerBench();
  bench.machine.events.context.site = 1;
  bench.tryAlloc(0, 0x3000);
  bench.machine.events.context.site = 2;
  bench.link(0x10_0000, 0x1000, 0x1000);
  bench.machine.events.context.site = 3;
  bench.free();
  const [report, ...others] = bench.reports();
  assertEquals(
    [report?.class, report?.beyond_kernel, report?.first_site, report?.second_site, others],
    ["free_while_linked", true, 2, 3, []],
  );
});

Deno.test("a length that is made up is looked through by its records, not by its granules", () => {
  const bench = checkerBench();
  bench.tryAlloc(0, 0x4000);
  bench.link(0x10_0000, 0, 0x1000);
  bench.link(0x20_0000, 0x1000, 0x1000);
  // 2^40 bytes have 2^28 granules: a walk over them would take minutes.
  bench.unlink(0, 2 ** 40);
  assertEquals(bench.classes(), ["unlink_unlinked"]);
  assertEquals(bench.machine.checker!.records, 1, "the range is left, no link in it");
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
  // The addresses that are still mapped are taken from the cache by the next owner.
  const next = new DmaIovaState();
  dma.dmaIovaTryAlloc(dev, next, at(0), 0x4000);
  assertEquals(dma.dmaIovaLink(dev, next, at(0x50_0000), 0, 0x4000, DMA_TO_DEVICE), 0);
});

Deno.test("row 11: destroying or freeing twice (dma.md 3.6)", () => {
  const bench = checkerBench();
  bench.machine.events.context.site = 1;
  bench.tryAlloc(0, 0x1000);
  bench.link(0x10_0000, 0, 0x1000);
  bench.destroy(0x1000);
  bench.machine.events.context.site = 2;
  bench.destroy(0x1000);
  bench.free();
  const [destroyed, freed, ...others] = bench.reports();
  assertEquals([destroyed?.class, freed?.class, others], ["destroy_twice", "destroy_twice", []]);
  assertEquals([destroyed?.beyond_kernel, destroyed?.first_site, destroyed?.second_site], [
    true,
    1,
    2,
  ]);
});

Deno.test("row 12: ranges that are left at unbind, all in one report (dma.md 3.6)", () => {
  const bench = checkerBench();
  const { machine: { dma, checker }, dev } = bench;
  bench.machine.events.context.site = 6;
  for (let count = 0; count < 3; count++) {
    dma.dmaIovaTryAlloc(dev, new DmaIovaState(), at(0), 0x1000);
  }
  assertEquals(checker!.liveOf(dev), 3);
  assertEquals(dma.unbind(dev), 3);
  const [report, ...others] = bench.reports();
  assertEquals([report?.class, report?.beyond_kernel, report?.first_site, others], [
    "iova_leak_at_unbind",
    true,
    6,
    [],
  ]);
  assertMatch(report!.text, /3 IOVA ranges allocated/);
  assertEquals([dma.unbind(dev), bench.classes()], [0, []]);
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
  // A link that ends exactly where its range does is inside it, and held to the same.
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

Deno.test("what leaked and is unlinked after all is remembered no longer", () => {
  const bench = checkerBench();
  bench.tryAlloc(0, 0x2000);
  bench.link(0x10_0000, 0, 0x2000);
  bench.free();
  assertEquals(bench.machine.checker!.records, 1);
  bench.unlink(0, 0x2000);
  assertEquals([bench.classes(), bench.machine.checker!.records], [["free_while_linked"], 0]);
});

Deno.test("a state that still has a range reserves another: the first is lost (dma.md 3.2)", () => {
  const bench = checkerBench();
  const { machine: { events } } = bench;
  events.context.site = 1;
  bench.tryAlloc(0, 0x2000);
  events.context.site = 2;
  bench.link(0x10_0000, 0, 0x1000);
  events.context.site = 3;
  bench.tryAlloc(0, 0x1000);
  const [report, ...others] = bench.reports();
  assertEquals([report?.class, report?.rule, report?.first_site, report?.second_site, others], [
    "state_overwritten",
    "dma.3.2",
    1,
    3,
    [],
  ]);
  assertMatch(report!.text, /still holds the range of 8192 bytes .* with 4096 bytes linked/);
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

Deno.test("a call names another device than the range's (dma.md 3.6, row 5): once of a range", () => {
  const does = {
    link: "dma_iova_link() of 4096 bytes at physical 0x20_0000",
    sync: "dma_iova_sync()",
    unlink: "Unlink",
    destroy: "Unlink",
    free: "Free",
  };
  for (const call of ["link", "sync", "unlink", "destroy", "free"] as const) {
    const bench = checkerBench();
    const { machine: { dma, events, iommu }, dev, state } = bench;
    const other = new DmaDevice("other");
    iommu.attach(other);
    events.context.site = 1;
    bench.tryAlloc(0, 0x2000);
    bench.link(0x10_0000, 0, 0x1000);
    bench.sync(0, 0x1000);
    events.context.site = 2;
    if (call === "link") dma.dmaIovaLink(other, state, at(0x20_0000), 0x1000, 0x1000, 1);
    if (call === "sync") dma.dmaIovaSync(other, state, 0, 0x1000);
    if (call === "unlink") dma.dmaIovaUnlink(other, state, 0, 0x1000, 1);
    if (call === "destroy") dma.dmaIovaDestroy(other, state, 0x1000, 1);
    if (call === "free") dma.dmaIovaFree(other, state);
    const [report, ...others] = bench.reports();
    assertEquals([report?.class, report?.first_site, report?.second_site, others], [
      "range_other_device",
      1,
      2,
      [],
    ], call);
    assertMatch(report!.text, / is allocated for device "dev": /);
    assertStringIncludes(report!.text, `${does[call]} on device "other", but `);
    // What the right device does afterwards is its consequence, not a mistake of its own.
    if (!state.held) continue;
    dma.dmaIovaDestroy(dev, state, 0x2000, 1);
    assertEquals(bench.classes(), [], call);
  }
});

Deno.test("two devices with ranges at the same addresses are each right", () => {
  const bench = checkerBench();
  const { machine: { dma, iommu } } = bench;
  const other = new DmaDevice("other");
  iommu.attach(other);
  const second = new DmaIovaState();
  bench.tryAlloc(0, 0x1000);
  dma.dmaIovaTryAlloc(other, second, at(0), 0x1000);
  assertEquals(second.addr, bench.state.addr);
  bench.link(0x10_0000, 0, 0x1000);
  dma.dmaIovaLink(other, second, at(0x20_0000), 0, 0x1000, 1);
  bench.sync(0, 0x1000);
  dma.dmaIovaSync(other, second, 0, 0x1000);
  dma.dmaIovaDestroy(other, second, 0x1000, 1);
  bench.destroy(0x1000);
  assertEquals([bench.classes(), bench.machine.checker!.records], [[], 0]);
});

Deno.test("a sync of what is not linked, behind, before or between (dma.md 3.6, row 6)", () => {
  const hole = (offset: number, sizeBytes: number) => {
    const bench = checkerBench();
    bench.tryAlloc(0, 0x6000);
    bench.link(0x10_0000, 0x1000, 0x1000);
    bench.link(0x20_0000, 0x3000, 0x800);
    bench.sync(offset, sizeBytes);
    return bench.reports().map((report) => [
      report.class,
      Number(report.text.match(/covers (0x[\da-f_]+), where nothing/)![1]!.replaceAll("_", "")) -
      bench.state.addr,
    ]);
  };
  assertEquals(hole(0x1000, 0x1000), []);
  // Granules are visible whole: what lies beside a link in one of them is.
  assertEquals(hole(0x1800, 0x100), []);
  assertEquals(hole(0x3000, 0x1000), []);
  assertEquals(hole(0x3a00, 0x100), []);
  assertEquals(hole(0x3000, 0x1001), [["sync_unlinked", 0x4000]]);
  assertEquals(hole(0, 0x2000), [["sync_unlinked", 0]]);
  assertEquals(hole(0x1000, 0x3000), [["sync_unlinked", 0x2000]]);
  assertEquals(hole(0x4000, 0x1000), [["sync_unlinked", 0x4000]]);
  assertEquals(hole(0x1000, 0x5001), [["sync_unlinked", 0x2000]]);
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

Deno.test("a range that dma_unmap_phys() frees has two owners, which is reported once (dma.md 8.3)", () => {
  const bench = checkerBench();
  const { machine: { checker, dma, events }, dev } = bench;
  events.context.site = 1;
  bench.tryAlloc(0, 0x2000);
  events.context.site = 2;
  bench.link(0x10_0000, 0, 0x2000);
  bench.sync(0, 0x2000);
  events.context.site = 3;
  bench.unmap(bench.state.addr, 0x2000);
  const [report, ...others] = bench.reports();
  assertEquals([report?.class, report?.rule, report?.first_site, report?.second_site, others], [
    "range_unmapped",
    "dma.8.3",
    1,
    3,
    [],
  ]);
  assertMatch(
    report!.text,
    /freed again with the range: a double free, so the range can be allocated twice$/,
  );
  assertEquals(
    [checker!.errorCount, report?.beyond_kernel],
    [1, false],
    "debugging sees no record",
  );
  assertEquals(checker!.leftSince(0), [], "it has no owner any more");
  // The address goes to the next one, and then the first owner frees it once more.
  const next = new DmaIovaState();
  dma.dmaIovaTryAlloc(dev, next, at(0), 0x2000);
  assertEquals(next.addr, bench.state.addr);
  events.context.site = 4;
  bench.destroy(0x2000);
  const [twice, ...more] = bench.reports();
  assertEquals([twice?.class, twice?.second_site, more], ["destroy_twice", 4, []]);
});

Deno.test("an unmap of a range in which nothing is linked does nothing, and is reported", () => {
  const bench = checkerBench();
  bench.tryAlloc(0, 0x2000);
  bench.unmap(bench.state.addr, 0x2000);
  const [report] = bench.reports();
  assertEquals(report?.class, "range_unmapped");
  assertMatch(report!.text, /nothing is linked there, so the call has no effect$/);
  bench.link(0x10_0000, 0, 0x2000);
  bench.sync(0, 0x2000);
  bench.destroy(0x2000);
  assertEquals([bench.classes(), bench.machine.checker!.records], [[], 0]);
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
