import { swiotlbConfig } from "../../machine_config.ts";
import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { ERRNO, KernelError } from "../../errno.ts";
import { ArmedInjection, INJECTION } from "../../injection.ts";
import type { QuirkName } from "../../kernels/behaviours.ts";
import { DMA_ATTR, DMA_FROM_DEVICE, DMA_TO_DEVICE } from "../attributes.ts";
import { DmaIovaState } from "../iova_state.ts";
import { at, type TestBench, testBench, type TestBenchOptions } from "../testing.ts";

const NVME_UNTRUSTED = { untrusted: true, minAlignMask: 0xfff };

function twoStep(options: TestBenchOptions = {}) {
  const bench = testBench(options);
  const { machine, dev } = bench;
  const state = new DmaIovaState();
  return {
    ...bench,
    state,
    tryAlloc: (phys: number, sizeBytes: number) =>
      machine.dma.dmaIovaTryAlloc(dev, state, at(phys), sizeBytes),
    link: (
      phys: number,
      offset: number,
      sizeBytes: number,
      attrs = 0,
      dir: 1 | 2 = DMA_TO_DEVICE,
    ) => machine.dma.dmaIovaLink(dev, state, at(phys), offset, sizeBytes, dir, attrs),
    destroy: (mappedBytes: number, dir: 1 | 2 = DMA_TO_DEVICE) =>
      machine.dma.dmaIovaDestroy(dev, state, mappedBytes, dir),
  };
}

/** The leaves of the device's table, as [IOVA, physical address, bytes]. */
function leaves({ dev }: Pick<TestBench, "dev">): [number, number, number][] {
  const list: [number, number, number][] = [];
  dev.domain!.table.forEachLeaf(0, 2 ** 48 - 1, (iova, phys, sizeBytes) => {
    list.push([iova, phys, sizeBytes]);
  });
  return list;
}

const classes = (bench: TestBench) => bench.fields("dma.report").map((report) => report.class);

Deno.test("dma_iova_try_alloc() keeps the offset in the granule (dma.md ch. 3 assertion 1)", () => {
  const { tryAlloc, state, fields } = twoStep();
  assertEquals(tryAlloc(0x1234_5600, 0x2000), true);
  assertEquals([state.addr, state.sizeBytes], [0xffff_c600, 0x2000]);
  assertEquals(fields("iova.alloc"), [{
    start: 0xffff_c000,
    size_bytes: 0x3000,
    limit: 0xffff_ffff,
    source: "tree",
  }] as never);
});

Deno.test("dma_iova_link() of a trusted device maps whole granules (dma.md ch. 3 assertion 2)", () => {
  const bench = twoStep();
  bench.tryAlloc(0x1234_5600, 0x2000);
  assertEquals(bench.link(0x1234_5600, 0, 0x2000), 0);
  assertEquals(bench.fields("iommu.map"), [{
    iova: 0xffff_c000,
    phys: 0x1234_5000,
    size_bytes: 0x3000,
    prot: "read",
    leaves: [[4096, 3]],
  }] as never);
  assertEquals(bench.names("iommu.sync_map"), []);
});

Deno.test("dma_iova_link() of an untrusted device bounces head and tail only (dma.md ch. 3 assertion 3)", () => {
  const bench = twoStep({ device: NVME_UNTRUSTED });
  bench.tryAlloc(0x1234_5600, 0x2000);
  assertEquals(bench.link(0x1234_5600, 0, 0x2000), 0);
  assertEquals(leaves(bench), [
    [0xffff_c000, 0x6000_0000, 4096],
    [0xffff_d000, 0x1234_6000, 4096],
    [0xffff_e000, 0x6000_1000, 4096],
  ]);
  assertEquals(
    bench.fields("swiotlb.map").map(({ tlb_phys, size_bytes }) => [tlb_phys, size_bytes]),
    [[0x6000_0600, 0xa00], [0x6000_1000, 0x600]] as never,
  );
  assertEquals(bench.machine.swiotlb.usedSlots, 4);
  assertEquals([bench.state.bounced, bench.state.sizeBytes], [true, 0x2000]);
});

Deno.test("an untrusted device without a min-align mask cannot have a head bounced (dma.md ch. 3 assertion 4)", () => {
  const bench = twoStep({ device: { untrusted: true } });
  bench.tryAlloc(0x1234_5600, 0x2000);
  assertEquals(bench.link(0x1234_5600, 0, 0x2000), -ERRNO.ENXIO);
  assertEquals(bench.machine.swiotlb.usedSlots, 0);
  assertEquals(bench.state.bounced, false);
});

Deno.test("buffers join where one ends and the next starts on a granule (dma.md ch. 3 assertion 5)", () => {
  const bench = twoStep();
  bench.tryAlloc(0x1234_5600, 0x1a00);
  assertEquals(bench.link(0x1234_5600, 0, 0xa00), 0);
  assertEquals(bench.link(0x7000_0000, 0xa00, 0x1000), 0);
  assertEquals(leaves(bench), [
    [0xffff_e000, 0x1234_5000, 4096],
    [0xffff_f000, 0x7000_0000, 4096],
  ]);
  assertEquals(classes(bench), []);
});

Deno.test("dma_iova_link() refuses an unaligned later phys with EIO (dma.md 3.3 row 1)", () => {
  const bench = twoStep();
  bench.tryAlloc(0x1234_5600, 0x1a00);
  bench.link(0x1234_5600, 0, 0xa00);
  assertEquals(bench.link(0x7000_0200, 0xa00, 0x1000), -ERRNO.EIO);
  assertEquals(bench.machine.warnings.total, 1);
  assertEquals(bench.link(0x7000_0200, 0xa00, 0x1000), -ERRNO.EIO);
  assertEquals(bench.machine.warnings.total, 1);
  assertEquals(classes(bench), ["link_unaligned", "link_unaligned"]);
});

Deno.test("a short destroy frees a short range: its class is smaller than its node (dma.md ch. 3 assertion 6)", () => {
  const bench = twoStep();
  bench.tryAlloc(0x1000_0000, 0x8000);
  assertEquals(bench.state.addr, 0xffff_8000);
  bench.link(0x1000_0000, 0, 0x3000);
  bench.destroy(0x3000);
  const { iova } = bench.dev.domain!;
  assertEquals(iova.cache.fills(0, 2), [1, 0]);
  iova.ranges.find(0xffff8);
  assertEquals([iova.ranges.foundLo, iova.ranges.foundHi], [0xffff8, 0xfffff]);
  const other = new DmaIovaState();
  bench.machine.dma.dmaIovaTryAlloc(bench.dev, other, at(0), 0x4000);
  assertEquals(other.addr, 0xffff_8000);
});

Deno.test("unlink flushes at once in lazy mode, destroy queues (dma.md ch. 3 assertion 7)", () => {
  const bench = twoStep({ iommu: { mode: "lazy" } });
  bench.tryAlloc(0, 0x2000);
  bench.link(0x1000_0000, 0, 0x2000);
  bench.forget();
  bench.machine.dma.dmaIovaUnlink(bench.dev, bench.state, 0x1000, 0x1000, DMA_TO_DEVICE);
  assertEquals(bench.names("iotlb.sync").length, 1);
  assertEquals(bench.machine.iommu.pendingFlushes, 0);
  bench.forget();
  bench.destroy(0x1000);
  assertEquals(bench.names("iotlb.sync"), []);
  assertEquals(bench.machine.iommu.pendingFlushes, 1);
});

Deno.test("without translation try-alloc is false and the state stays zero (dma.md ch. 3 assertion 8)", () => {
  const bench = twoStep({ iommu: { mode: "off" } });
  assertEquals(bench.tryAlloc(0x1234_5600, 0x2000), false);
  assertEquals([bench.state.addr, bench.state.sizeBytes], [0, 0]);
  assertEquals(bench.machine.dma.dmaUseIova(bench.state), false);
  assertEquals(bench.fields("ret.dma_iova_try_alloc"), [{ result: false, error: null }]);
  const error = assertThrows(() => bench.link(0x1000, 0, 0x1000), KernelError);
  assertEquals(error.errno, "EFAULT");
  const warning = bench.seen.find(({ name }) => name === "kernel.warn")!;
  assertEquals(warning.why, { rule: "dma.3.5", inputs: { translated: false, iommu_mode: "off" } });
});

Deno.test("dma_iova_try_alloc() of nothing is false and warns once (dma.md 3.2)", () => {
  const bench = twoStep();
  assertEquals(bench.tryAlloc(0, 0), false);
  assertEquals(bench.tryAlloc(0, 0), false);
  assertEquals(bench.tryAlloc(0, 1), true);
  assertEquals(bench.machine.warnings.total, 1);
});

Deno.test("REQUIRE_COHERENT is refused on non-coherent devices and after a bounce (dma.md 3.3 rows 2, 3)", () => {
  const plain = twoStep({ device: { coherent: false } });
  plain.tryAlloc(0, 0x1000);
  assertEquals(
    plain.link(0x1000_0000, 0, 0x1000, DMA_ATTR.REQUIRE_COHERENT),
    -ERRNO.EOPNOTSUPP,
  );
  const bounced = twoStep({ device: NVME_UNTRUSTED });
  bounced.tryAlloc(0x1200, 0x2000);
  bounced.link(0x1200, 0, 0xe00);
  assertEquals(
    bounced.link(0x1000_0000, 0xe00, 0x1000, DMA_ATTR.REQUIRE_COHERENT),
    -ERRNO.EOPNOTSUPP,
  );
  assertEquals(bounced.machine.warnings.total, 1);
});

Deno.test("what must bounce but must not be touched is refused with EPERM (dma.md 3.3 row 4)", () => {
  const bench = twoStep({ device: NVME_UNTRUSTED });
  bench.tryAlloc(0x1200, 0x2000);
  assertEquals(bench.link(0x1200, 0, 0xe00, DMA_ATTR.MMIO), -ERRNO.EPERM);
  assertEquals(bench.link(0x1200, 0, 0xe00, DMA_ATTR.REQUIRE_COHERENT), -ERRNO.EPERM);
});

Deno.test("bytes around bounced data are zeroed for a device that is not trusted (dma.md 1.6)", () => {
  const bench = twoStep({ device: NVME_UNTRUSTED });
  const { memory } = bench.machine;
  memory.fill(at(0x6000_0000), 0x2000, 0xee);
  memory.fill(at(0x1_0f00), 0x200, 0x11);
  bench.tryAlloc(0x1_0f00, 0x200);
  bench.link(0x1_0f00, 0, 0x200);
  const page = new Uint8Array(0x2000);
  memory.read(at(0x6000_0000), page, 0, 0x2000);
  assertEquals(page.slice(0, 0xf00).every((byte) => byte === 0), true);
  assertEquals(page.slice(0xf00, 0x1100).every((byte) => byte === 0x11), true);
  assertEquals(page.slice(0x1100).every((byte) => byte === 0), true);
});

Deno.test("unlinking copies bounced data out, for what the device writes (dma.md 3.5)", () => {
  const bench = twoStep({ device: NVME_UNTRUSTED });
  const { machine, dev, state } = bench;
  bench.tryAlloc(0x1_0f00, 0x200);
  bench.link(0x1_0f00, 0, 0x200, 0, DMA_FROM_DEVICE);
  machine.dma.dmaIovaSync(dev, state, 0, 0x200);
  const data = new Uint8Array(0x200).fill(0x5a);
  assertEquals(machine.bus.write(dev, state.addr, data, 0, 0x200), true);
  bench.destroy(0x200, DMA_FROM_DEVICE);
  const back = new Uint8Array(0x200);
  machine.memory.read(at(0x1_0f00), back, 0, 0x200);
  assertEquals(back, data);
});

Deno.test("a part that finds no bounce buffer takes the earlier parts back: ENOMEM (dma.md 3.4)", () => {
  const bench = twoStep({
    device: NVME_UNTRUSTED,
    machine: { swiotlb: swiotlbConfig({ sizeBytes: 0 }) },
  });
  bench.tryAlloc(0x1_0000, 0x1200);
  // The buffer has no unaligned head; its middle is mapped before its unaligned tail fails.
  assertEquals(bench.link(0x1_0000, 0, 0x1200), -ERRNO.ENOMEM);
  assertEquals(leaves(bench), []);
  assertEquals(bench.state.linkedBytes, 0);
  assertEquals(bench.machine.warnings.total, 1);
});

Deno.test("misuse that the page table sees is an errno (dma.md 3.6)", () => {
  const bench = twoStep();
  bench.tryAlloc(0, 0x3000);
  bench.link(0x1000_0000, 0, 0x1000);
  assertEquals(bench.link(0x2000_0000, 0, 0x1000), -ERRNO.EADDRINUSE);
  assertEquals(bench.link(0x2000_0000, 0x1000, 0), -ERRNO.EINVAL);
  assertEquals(bench.link(0x2000_0000, 0x1800, 0x1000), -ERRNO.ENXIO);
  assertEquals(classes(bench), ["link_overlap", "link_empty", "link_unaligned"]);

  const smmu = twoStep({ iommu: { model: "smmu" } });
  smmu.tryAlloc(0, 0x3000);
  assertEquals(smmu.link(0x2000_0000, 0x1800, 0x1000), -ERRNO.EINVAL);
  assertEquals(classes(smmu), ["link_unaligned"]);
});

Deno.test("iova_size_32_bits: there is no range from 2 GiB on, and a warning says so (defects.md)", () => {
  const allocates = (sizeBytes: number, ...quirks: QuirkName[]) => {
    const bench = twoStep({ machine: { quirks: new Set(quirks) } });
    return [bench.tryAlloc(0, sizeBytes), bench.machine.warnings.total];
  };
  assertEquals(allocates(2 ** 31), [true, 0]);
  assertEquals(allocates(2 ** 31 - 4096, "iova_size_32_bits"), [true, 0]);
  assertEquals(allocates(2 ** 31, "iova_size_32_bits"), [false, 1]);
});

Deno.test("api_rfc_2024: direction and attributes are those of the range's first link (defects.md)", () => {
  const rights = (...quirks: QuirkName[]): unknown[] => {
    const bench = twoStep({ machine: { quirks: new Set(quirks) } });
    bench.tryAlloc(0x1000_0000, 0x2000);
    assertEquals(bench.link(0x1000_0000, 0, 0x1000, 0, DMA_TO_DEVICE), 0);
    assertEquals(bench.link(0x2000_0000, 0x1000, 0x1000, DMA_ATTR.MMIO, DMA_FROM_DEVICE), 0);
    const { table } = bench.dev.domain!;
    return [0, 0x1000].map((offset) => [table.walk(bench.state.addr + offset), table.walkFlags]);
  };
  const [first, second] = rights();
  assertNotEquals(first, second);
  assertEquals(rights("api_rfc_2024"), [first, first]);
});

Deno.test("unlink_covers_singles: an unlink unmaps the buffers of its part, and no other (dma.md 3.1 point 7)", () => {
  const { dev, fields, link, machine: { dma }, state } = twoStep({
    iommu: { mode: "off" },
    machine: { quirks: new Set(["unlink_covers_singles"]) },
  });
  for (const page of [0, 1, 2, 3]) {
    assertEquals(link(0x1_0000 + 0x1000 * page, 0x1000 * page, 0x1000), 0);
  }
  dma.dmaIovaUnlink(dev, state, 0x1000, 0x2000, DMA_TO_DEVICE);
  assertEquals(fields("dma.unmap").map((unmap) => unmap.dma), [0x1_1000, 0x1_2000]);
  assertEquals(state.singles.map(({ offset }) => offset), [0, 0x3000]);
});

Deno.test("who links while another link runs has a part of his own (dma.md 3.3)", () => {
  const bench = twoStep();
  const { dev, machine: { dma, events }, state } = bench;
  const inner = new DmaIovaState();
  bench.tryAlloc(0, 0x1000);
  dma.dmaIovaTryAlloc(dev, inner, at(0), 0x1000);
  const stop = events.listen(() => {
    stop();
    dma.dmaIovaLink(dev, inner, at(0x2_0000), 0, 0x1000, DMA_TO_DEVICE);
  }, ["call.dma_iova_link"]);
  bench.link(0x1_0000, 0, 0x1000);
  assertEquals(leaves(bench), [[inner.addr, 0x2_0000, 4096], [state.addr, 0x1_0000, 4096]]);
});

Deno.test("a sync with an injected failure says that it was injected (dma.md 3.5)", () => {
  const bench = twoStep();
  bench.tryAlloc(0, 0x1000);
  bench.link(0x1000, 0, 0x1000);
  const fault = new ArmedInjection(INJECTION.dma_iova_sync, 1, 1);
  bench.machine.armInjection(fault);
  assertEquals(bench.machine.dma.dmaIovaSync(bench.dev, bench.state, 0, 0x1000), -ERRNO.EIO);
  const { why } = bench.seen.find(({ name }) => name === "ret.dma_iova_sync")!;
  assertEquals(why, { rule: "dma.3.5", inputs: { injected: true } });
  assertEquals(bench.machine.events.context.device, null);
});

Deno.test("bounce_link_no_middle: all head and tail fails, and the head is not unwound (defects.md M15)", () => {
  const link = (...quirks: QuirkName[]) => {
    const bench = twoStep({ device: NVME_UNTRUSTED, machine: { quirks: new Set(quirks) } });
    const { machine, state } = bench;
    // 256 bytes on either side of a page boundary.
    bench.tryAlloc(0x1234_5f00, 0x200);
    const result = bench.link(0x1234_5f00, 0, 0x200);
    return [result, machine.swiotlb.usedSlots, state.linkedBytes, leaves(bench).length];
  };
  assertEquals(link(), [0, 4, 0x2000, 2]);
  assertEquals(link("bounce_link_no_middle"), [-ERRNO.EINVAL, 2, 0x1000, 1]);
});

Deno.test("bounce_link_no_middle: what has a middle, or only a head or a tail, is linked (defects.md M15)", () => {
  const rows = [
    [0x1234_5f00, 0x100, 2],
    [0x1234_5f00, 0x1100, 2],
    [0x1234_5f00, 0x1200, 4],
    [0x1234_5f00, 0x3000, 4],
    [0x1234_5000, 0x200, 2],
  ] as const;
  for (const [phys, sizeBytes, slots] of rows) {
    const bench = twoStep({
      device: NVME_UNTRUSTED,
      machine: { quirks: new Set(["bounce_link_no_middle"]) },
    });
    bench.tryAlloc(phys, sizeBytes);
    const linked = [bench.link(phys, 0, sizeBytes), bench.machine.swiotlb.usedSlots];
    assertEquals(linked, [0, slots]);
  }
});

Deno.test("dma.map of a link cites the row of the link (dma.md 3.3 row 6, 3.4)", () => {
  const cited = (device: TestBenchOptions["device"], phys: number, sizeBytes: number) => {
    const bench = twoStep({ device: device ?? {} });
    bench.tryAlloc(phys, sizeBytes);
    assertEquals(bench.link(phys, 0, sizeBytes), 0);
    const { fields, why } = bench.seen.find(({ name }) => name === "dma.map")!;
    return [(fields as { path: string }).path, why!.rule, why!.inputs["branch"]];
  };
  assertEquals(cited({}, 0x1234_5600, 0x2000), ["iommu", "dma.3.3.6", "linked"]);
  assertEquals(cited(NVME_UNTRUSTED, 0x1234_5000, 0x2000), ["iommu", "dma.3.3.6", "linked"]);
  const bounced = ["swiotlb", "dma.3.4", "linked_bounce"];
  assertEquals(cited(NVME_UNTRUSTED, 0x1234_5600, 0x2000), bounced);
  assertEquals(cited(NVME_UNTRUSTED, 0x1234_5000, 0x200), bounced);
});

Deno.test("a buffer whose tail alone is bounced is mapped and unmapped by the bounce path (dma.md 3.4)", () => {
  for (const ending of ["unlink", "destroy"] as const) {
    const bench = testBench({ device: NVME_UNTRUSTED });
    const { machine: { dma }, dev } = bench;
    const state = new DmaIovaState();
    dma.dmaIovaTryAlloc(dev, state, at(0x10_0000), 0x2800);
    dma.dmaIovaLink(dev, state, at(0x10_0000), 0, 0x2800, DMA_TO_DEVICE);
    dma.dmaIovaSync(dev, state, 0, 0x2800);
    if (ending === "unlink") dma.dmaIovaUnlink(dev, state, 0, 0x2800, DMA_TO_DEVICE);
    else dma.dmaIovaDestroy(dev, state, 0x2800, DMA_TO_DEVICE);
    assertEquals(bench.fields("dma.map").map(({ path }) => path), ["swiotlb"]);
    assertEquals(bench.fields("dma.unmap").map(({ path }) => path), ["swiotlb"], ending);
  }
});

Deno.test("an unlink that meets memory at 0 takes it for none, and what is bounced behind it stays (dma.md 3.5)", () => {
  const bench = twoStep({ device: NVME_UNTRUSTED });
  const { machine, dev, state } = bench;
  bench.tryAlloc(0, 0x1200);
  assertEquals(bench.link(0, 0, 0x1200), 0);
  machine.dma.dmaIovaUnlink(dev, state, 0, 0x1200, DMA_TO_DEVICE);
  assertEquals(bench.fields("dma.unmap").map(({ path }) => path), ["iommu"]);
  assertEquals([machine.swiotlb.usedSlots, machine.warnings.total], [2, 1]);
});

Deno.test("of a range with bounced ends, a part without them is unlinked by the IOMMU's path", () => {
  const bench = testBench({ device: NVME_UNTRUSTED });
  const { machine: { dma }, dev } = bench;
  const state = new DmaIovaState();
  dma.dmaIovaTryAlloc(dev, state, at(0x10_0800), 0x2000);
  dma.dmaIovaLink(dev, state, at(0x10_0800), 0, 0x2000, DMA_TO_DEVICE);
  for (const [offset, sizeBytes] of [[0x800, 0x1000], [0, 0x800], [0x1800, 0x800]] as const) {
    dma.dmaIovaUnlink(dev, state, offset, sizeBytes, DMA_TO_DEVICE);
  }
  const paths = bench.fields("dma.unmap").map(({ path }) => path);
  assertEquals(paths, ["iommu", "swiotlb", "swiotlb"]);
});
