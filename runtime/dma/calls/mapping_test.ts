import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { DMA_MAPPING_ERROR, type DmaAddr, GIB } from "../../address.ts";
import { ERRNO, KernelError } from "../../errno.ts";
import { ArmedInjection, INJECTION } from "../../injection.ts";
import {
  DMA_ATTR,
  DMA_BIDIRECTIONAL,
  DMA_FROM_DEVICE,
  DMA_TO_DEVICE,
  type DmaDirection,
} from "../attributes.ts";
import { UNLIMITED_BYTES } from "./mapping.ts";
import { DmaIovaState } from "../iova_state.ts";
import { Scatterlist } from "../scatterlist.ts";
import { swiotlbConfig } from "../../machine_config.ts";
import {
  PTE_CACHE,
  PTE_MMIO,
  PTE_PRIVILEGED,
  PTE_READ,
  PTE_WRITE,
} from "../../iommu/page_table.ts";
import { leafFlags } from "../paths/iommu_path.ts";
import { KERNEL_NAMES } from "../../kernels/behaviours.ts";
import { at, testBench } from "../testing.ts";

const OFF = { mode: "off" } as const;

Deno.test("dma_map_phys() keeps the offset in the granule, and unmap leaves nothing (dma.md 1.6)", () => {
  const { machine, dev } = testBench();
  const dma = machine.dma.dmaMapPhys(dev, at(0x1234_5e00), 0x400, DMA_TO_DEVICE);
  assertEquals(dma, 0xffff_ee00);
  assertEquals(machine.iommu.lookup(dev, 0xffff_f1ff), 0x1234_61ff);
  assertEquals([machine.iommu.liveMappings, dev.mappings], [1, 1]);
  machine.dma.dmaUnmapPhys(dev, dma, 0x400, DMA_TO_DEVICE);
  assertEquals(machine.iommu.lookup(dev, dma), -1);
  assertEquals([machine.iommu.liveMappings, dev.mappings], [0, 0]);
});

Deno.test("calls of a device with DMA functions of its own go through its table, which neither translates nor bounces (dma.md 1.4 row 7)", () => {
  const { dev, machine: { dma }, names } = testBench({
    machine: { swiotlb: swiotlbConfig({ force: true }) },
    device: { ownOps: true, maskBits: 32 },
  });
  const addr = dma.dmaMapPhys(dev, at(0x1000), 64, DMA_BIDIRECTIONAL);
  assertEquals(addr, 0x1000);
  dma.dmaSyncSingleForCpu(dev, addr, 64, DMA_BIDIRECTIONAL);
  dma.dmaUnmapPhys(dev, addr, 64, DMA_BIDIRECTIONAL);
  dma.dmaFreeCoherent(dev, dma.dmaAllocCoherent(dev, 4096)!);
  assertEquals(names("dma.ops").length, 5);
  assertEquals(dma.dmaMapPhys(dev, at(4 * GIB), 64, DMA_BIDIRECTIONAL), DMA_MAPPING_ERROR);
  assertEquals(names("swiotlb.map").length, 0);
  // The device's mappings need unmaps, whatever the mask is set to.
  assertEquals([dma.dmaSetMask(dev, 64), dma.dmaNeedUnmap(dev)], [0, true]);
  const shared = dma.dmaMapPhys(dev, at(0x1000), 64, DMA_BIDIRECTIONAL, DMA_ATTR.CC_SHARED);
  assertEquals([shared, dma.refusal?.rule], [DMA_MAPPING_ERROR, "dma.1.4.5"]);
});

Deno.test("unaligned MMIO of an untrusted device is mapped as it is from 7.2.12 on, and refused from 6.18 to 7.2.6 (dma.md 1.6)", () => {
  const refused = KERNEL_NAMES.filter((kernel) => {
    const { machine, dev, names } = testBench({
      device: { untrusted: true, minAlignMask: 0xfff },
      machine: { kernel },
    });
    const dma = machine.dma.dmaMapPhys(dev, at(0x200), 8, DMA_TO_DEVICE, DMA_ATTR.MMIO);
    assertEquals(names("swiotlb.map"), []);
    return dma === DMA_MAPPING_ERROR;
  });
  assertEquals(refused, ["6.18.15", "7.0.13", "7.1.13", "7.2.6"]);
});

Deno.test("a leaf is privileged or MMIO by its attribute, and MMIO is not cached (dma.md 1.6)", () => {
  const { PRIVILEGED, MMIO } = DMA_ATTR;
  const { dev } = testBench();
  const cached = PTE_READ | PTE_WRITE | PTE_CACHE;
  const flags = [0, PRIVILEGED, MMIO, PRIVILEGED | MMIO].map((attrs) =>
    leafFlags(dev, DMA_BIDIRECTIONAL, attrs)
  );
  const mmio = PTE_READ | PTE_WRITE | PTE_MMIO;
  assertEquals(flags, [cached, cached | PTE_PRIVILEGED, mmio, mmio | PTE_PRIVILEGED]);
});

Deno.test("a min-align mask above the granule cannot be mapped, and warns once (dma.md 1.6 row 3)", () => {
  const { machine, dev } = testBench({ device: { minAlignMask: 0x1fff } });
  for (let time = 0; time < 2; time++) {
    assertEquals(
      machine.dma.dmaMapPhys(dev, at(0x1000), 4096, DMA_TO_DEVICE),
      DMA_MAPPING_ERROR,
    );
  }
  assertEquals(machine.warnings.total, 1);
});

Deno.test("a map that finds no address fails with ENOMEM and leaves nothing (dma.md 1.6, 1.8)", () => {
  const { machine, dev, fields } = testBench({ device: { maskBits: 12 } });
  const dma = machine.dma.dmaMapPhys(dev, at(0x1000), 4096, DMA_TO_DEVICE);
  assertEquals(dma, DMA_MAPPING_ERROR);
  assertEquals(machine.dma.dmaMappingError(dev, dma), -ERRNO.ENOMEM);
  assertEquals(fields("ret.dma_map_phys"), [{ result: null, error: "ENOMEM" }]);
  assertEquals(machine.dma.dmaMappingError(dev, 0 as DmaAddr), 0);
});

Deno.test("a direction that is none is fatal (dma.md 1.4 row 1)", () => {
  const { machine, dev, seen } = testBench();
  const error = assertThrows(
    () => machine.dma.dmaMapPhys(dev, at(0x1000), 4096, 3 as DmaDirection),
    KernelError,
  );
  assertEquals(error.errno, "EFAULT");
  assertEquals(seen, []);
});

Deno.test("REQUIRE_COHERENT on a non-coherent device, and CC_SHARED with an IOMMU, fail silently (dma.md 1.4 rows 3, 5; ch. 1 assertion 5)", () => {
  const bare = testBench({ device: { coherent: false } });
  const map = (bench: typeof bare, attrs: number) =>
    bench.machine.dma.dmaMapPhys(bench.dev, at(0x1000), 4096, DMA_TO_DEVICE, attrs);
  assertEquals(map(bare, DMA_ATTR.REQUIRE_COHERENT), DMA_MAPPING_ERROR);
  assertEquals(map(testBench(), DMA_ATTR.CC_SHARED), DMA_MAPPING_ERROR);
  assertEquals(bare.names("dma.map", "kernel.warn"), []);
});

Deno.test("unmapping what was never mapped warns and frees nothing (dma.md 1.6)", () => {
  const bench = testBench();
  bench.machine.dma.dmaUnmapPhys(bench.dev, 0xffff_f000 as DmaAddr, 4096, DMA_TO_DEVICE);
  bench.machine.dma.dmaUnmapPhys(bench.dev, DMA_MAPPING_ERROR, 4096, DMA_TO_DEVICE);
  assertEquals(bench.names("iommu.unmap", "iova.free", "dma.unmap"), []);
  assertEquals(bench.fields("dma.report").map((report) => report.class), [
    "unmap_unknown",
    "unmap_error_value",
  ]);
  assertEquals(bench.machine.iommu.liveMappings, 0);
});

Deno.test("the optimal mapping is what the caches hold, the boundary is the granule (dma.md ch. 1 assertion 3)", () => {
  const { machine: { dma }, dev } = testBench();
  assertEquals(dma.dmaOptMappingSize(dev), 131072);
  assertEquals(dma.dmaMaxMappingSize(dev), UNLIMITED_BYTES);
  assertEquals(dma.dmaGetMergeBoundary(dev), 0xfff);
  const limited = (minAlignMask: number) => {
    const bench = testBench({
      iommu: OFF,
      device: { maskBits: 32, minAlignMask },
      machine: { ramSizeBytes: 8 * GIB },
    });
    const { machine } = bench;
    return [machine.dma.dmaMaxMappingSize(bench.dev), machine.dma.dmaOptMappingSize(bench.dev)];
  };
  assertEquals(limited(0), [262144, 262144]);
  assertEquals(limited(0xfff), [258048, 258048]);
  const untrusted = testBench({ device: { untrusted: true, minAlignMask: 0xfff } });
  assertEquals(untrusted.machine.dma.dmaMaxMappingSize(untrusted.dev), 258048);
});

Deno.test("need-unmap turns true with a device's first bounce, and set-mask turns it back (dma.md ch. 1 assertion 4)", () => {
  const { machine: { dma }, dev } = testBench({ iommu: OFF, machine: { ramSizeBytes: 8 * GIB } });
  assertEquals(dma.dmaSetMask(dev, 32), 0);
  assertEquals(dma.dmaNeedUnmap(dev), false);
  dma.dmaMapPhys(dev, at(4 * GIB), 4096, DMA_TO_DEVICE);
  assertEquals(dma.dmaNeedUnmap(dev), true);
  dma.dmaSetMask(dev, 32);
  assertEquals(dma.dmaNeedUnmap(dev), false);
  const translated = testBench();
  assertEquals(translated.machine.dma.dmaNeedUnmap(translated.dev), true);
  const debug = testBench({ iommu: OFF, machine: { dmaDebug: true } });
  assertEquals(debug.machine.dma.dmaNeedUnmap(debug.dev), true);
  const incoherent = testBench({ iommu: OFF, device: { coherent: false } });
  assertEquals(incoherent.machine.dma.dmaNeedUnmap(incoherent.dev), true);
});

Deno.test("need-sync is true of what is bounced, and of all where the device sees no caches (dma.md 1.7)", () => {
  for (const dmaDebug of [false, true]) {
    const machine = { ramSizeBytes: 8 * GIB, dmaDebug };
    const { machine: { dma }, dev } = testBench({ iommu: OFF, machine });
    dma.dmaSetMask(dev, 32);
    const plain = dma.dmaMapPhys(dev, at(0x1000), 4096, DMA_TO_DEVICE);
    assertEquals(dma.dmaNeedSync(dev, plain), false);
    const bounced = dma.dmaMapPhys(dev, at(4 * GIB), 4096, DMA_TO_DEVICE);
    assertEquals([plain, bounced].map((mapped) => dma.dmaNeedSync(dev, mapped)), [false, true]);
  }
  const { machine: { dma }, dev } = testBench({ iommu: OFF, device: { coherent: false } });
  assertEquals(dma.dmaNeedSync(dev, dma.dmaMapPhys(dev, at(0x1000), 4096, DMA_TO_DEVICE)), true);
});

Deno.test("a map that fails does not say why the one before was refused (dma.md 1.6)", () => {
  const bench = testBench({ device: { minAlignMask: 0x1fff } });
  const map = () => bench.machine.dma.dmaMapPhys(bench.dev, at(0x1000), 4096, DMA_TO_DEVICE);
  map();
  bench.machine.armInjection(new ArmedInjection(INJECTION.dma_map_phys, 1, 1));
  map();
  const reasons = bench.seen.filter(({ name }) => name === "ret.dma_map_phys").map(({ why }) =>
    why
  );
  assertEquals(reasons.length, 2);
  assertNotEquals(reasons[0], reasons[1]);
  assertEquals(reasons[1], { rule: "dma.1.4", inputs: {} });
});

Deno.test("the end of a mapping tells the memory behind the bus's own addresses (dma.md 1.3)", () => {
  const ranges = [{ cpuPhys: at(0x1_0000), dma: 0x8000_0000 as DmaAddr, sizeBytes: 0x1000_0000 }];
  for (const device of [{ ranges }, {}]) {
    const bench = testBench({ iommu: OFF, device });
    const { machine: { dma }, dev } = bench;
    const address = dma.dmaMapPhys(dev, at(0x5_0000), 4096, DMA_TO_DEVICE);
    dma.dmaUnmapPhys(dev, address, 4096, DMA_TO_DEVICE);
    const reasons = bench.fields("dma.unmap").map(({ phys, dma }) => [phys, dma]);
    assertEquals(reasons, [[0x5_0000, "ranges" in device ? 0x8004_0000 : 0x5_0000]]);
  }
});

Deno.test("syncs copy for a bounced mapping, and do nothing while skip-sync is set (dma.md 1.6, 1.7)", () => {
  const bench = testBench({ device: { untrusted: true, minAlignMask: 0xfff } });
  const { machine, dev } = bench;
  const dma = machine.dma.dmaMapPhys(dev, at(0x1_0200), 0x400, DMA_BIDIRECTIONAL);
  bench.forget();
  machine.dma.dmaSyncSingleForCpu(dev, dma, 0x400, DMA_BIDIRECTIONAL);
  machine.dma.dmaSyncSingleForDevice(dev, dma, 0x400, DMA_BIDIRECTIONAL);
  assertEquals(bench.fields("swiotlb.copy").map(({ direction }) => direction), ["out", "in"]);
  assertEquals(bench.fields("dma.sync").map((sync) => sync.for), ["cpu", "device"]);

  const trusted = testBench();
  const plain = trusted.machine.dma.dmaMapPhys(trusted.dev, at(0x1000), 16, DMA_TO_DEVICE);
  trusted.forget();
  trusted.machine.dma.dmaSyncSingleForCpu(trusted.dev, plain, 16, DMA_TO_DEVICE);
  assertEquals(trusted.names(), [
    "call.dma_sync_single_for_cpu",
    "dma.sync",
    "ret.dma_sync_single_for_cpu",
  ]);
});

Deno.test("an unmap of 0 bytes queues a range of no granules, which a flush frees like any other (dma.md 5.3)", () => {
  const { dev, fields, machine } = testBench({ iommu: { mode: "lazy" } });
  const dma = machine.dma.dmaMapPhys(dev, at(0x1000_0000), 4096, DMA_FROM_DEVICE);
  machine.dma.dmaUnmapPhys(dev, dma, 0, DMA_FROM_DEVICE);
  dev.domain!.flushQueue!.drain();
  assertEquals(fields("iova.free").map(({ start, size_bytes, to }) => [start, size_bytes, to]), [
    [dma, 0, "flush_queue"],
    [dma, 0, "rcache"],
  ]);
});

Deno.test("an unmap of half a mapping, or of none, leaves the device with no mappings, and not with less", () => {
  for (const iommu of [OFF, { mode: "strict" }] as const) {
    const { machine, dev } = testBench({ iommu });
    const dma = machine.dma.dmaMapPhys(dev, at(0x10_0000), 8192, DMA_TO_DEVICE);
    for (const offset of [0, 4096, 0]) {
      machine.dma.dmaUnmapPhys(dev, dma + offset as DmaAddr, 4096, DMA_TO_DEVICE);
      assertEquals([dev.mappings, machine.iommu.liveMappings], [0, 0]);
    }
    machine.dma.dmaMapPhys(dev, at(0x10_0000), 4096, DMA_TO_DEVICE);
    assertEquals(dev.mappings, 1);
  }
});

Deno.test("a reservation with an injected failure leaves a state with nothing in it (dma.md 3.2)", () => {
  const { machine, dev } = testBench();
  const state = new DmaIovaState();
  assertEquals(machine.dma.dmaIovaTryAlloc(dev, state, at(0x10_0000), 0x3000), true);
  const { addr, sizeBytes } = state;
  assertEquals([addr !== 0, sizeBytes], [true, 0x3000]);
  machine.armInjection(new ArmedInjection(INJECTION.dma_iova_try_alloc, 1, 1));
  assertEquals(machine.dma.dmaIovaTryAlloc(dev, state, at(0x10_0000), 0x3000), false);
  assertEquals([state.addr as number, state.sizeBytes, state.held], [0, 0, false]);
});

Deno.test("a range that is destroyed with nothing linked unmaps nothing, whatever lies at its start (dma.md 3.5)", () => {
  const { fields, machine: { dma }, dev } = testBench();
  const state = new DmaIovaState();
  dma.dmaIovaTryAlloc(dev, state, at(0x10_0000), 0x2000);
  dma.dmaIovaLink(dev, state, at(0x10_0000), 0, 0x2000, DMA_TO_DEVICE);
  dma.dmaIovaSync(dev, state, 0, 0x2000);
  dma.dmaIovaDestroy(dev, state, 0, DMA_TO_DEVICE);
  assertEquals(fields("dma.unmap"), []);
});

Deno.test("each call charges the segments that it maps, a list all of its own", () => {
  const { dev, machine } = testBench({ machine: { latenciesNs: { map_segment: 5 } } });
  machine.markReady();
  const { clock, dma } = machine;
  const list = () =>
    new Scatterlist([1, 2, 3].map((page) => ({ phys: at(page << 20), sizeBytes: 64 })));
  const costs = (map: () => unknown) => {
    const before = clock.nowNs;
    map();
    return clock.nowNs - before;
  };
  const state = new DmaIovaState();
  dma.dmaIovaTryAlloc(dev, state, at(0x10_0000), 0x2000);
  assertEquals([
    costs(() => dma.dmaMapPhys(dev, at(0x10_0000), 0x2000, DMA_TO_DEVICE)),
    costs(() => dma.dmaMapPage(dev, at(0x20_0000), 0, 0x2000, DMA_TO_DEVICE)),
    costs(() => dma.dmaIovaLink(dev, state, at(0x10_0000), 0, 0x2000, DMA_TO_DEVICE)),
    costs(() => dma.dmaMapSg(dev, list(), DMA_TO_DEVICE)),
    costs(() => dma.dmaMapSgtable(dev, list(), DMA_TO_DEVICE)),
  ], [5, 5, 5, 15, 15]);
});
