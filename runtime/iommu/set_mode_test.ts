import { assertEquals } from "@std/assert";
import { DMA_TO_DEVICE } from "../dma/attributes.ts";
import { DmaDevice } from "../dma/device/device.ts";
import { at, type TestBench, testBench, type TestBenchOptions } from "../dma/testing.ts";
import { errnoName } from "../errno.ts";
import type { IommuMode } from "../machine_config.ts";

function set({ machine, dev }: TestBench, mode: string, privileged = true): string {
  const error = machine.iommu.groups.setMode(dev, mode, privileged);
  return error === 0 ? "ok" : errnoName(error);
}

function cycle({ machine, dev }: TestBench): void {
  const dma = machine.dma.dmaMapPhys(dev, at(0x1000), 4096, DMA_TO_DEVICE);
  machine.dma.dmaUnmapPhys(dev, dma, 4096, DMA_TO_DEVICE);
}

const MODES: readonly IommuMode[] = ["passthrough", "strict", "lazy"];

Deno.test("with its driver bound, a device goes from strict to lazy and nowhere else (dma.md 1.3)", () => {
  const table = MODES.map((from) =>
    MODES.map((to) => {
      const bench = testBench({ iommu: { mode: from } });
      return `${set(bench, to)} ${bench.machine.iommu.modeOf(bench.dev)}`;
    })
  );
  assertEquals(table, [
    ["EPERM passthrough", "EPERM passthrough", "EPERM passthrough"],
    ["EPERM strict", "EPERM strict", "ok lazy"],
    ["EPERM lazy", "EPERM lazy", "EPERM lazy"],
  ]);
});

Deno.test("without permission EACCES comes first; an unknown word is EINVAL (dma.md 1.3)", () => {
  const bench = testBench();
  assertEquals(set(bench, "lazy", false), "EACCES");
  assertEquals(set(bench, "sideways", false), "EACCES");
  assertEquals([set(bench, "sideways"), set(bench, "off")], ["EINVAL", "EINVAL"]);
  assertEquals(bench.machine.iommu.modeOf(bench.dev), "strict");
});

Deno.test("without memory for its flush queue a device is strict, with a warning (dma.md 1.3)", () => {
  const options = { iommu: { mode: "lazy", flushQueueFits: false } } as const;
  const bench = testBench(options);
  bench.machine.iommu.attach(new DmaDevice("late"));
  assertEquals(bench.fields("kernel.warn").map(({ text }) => text), [
    'Device "late": no memory for its flush queue; strict instead of lazy',
  ]);
  assertEquals(bench.machine.iommu.modeOf(bench.dev), "strict");
  cycle(bench);
  assertEquals(bench.names("iotlb.sync", "flush_queue.add"), ["iotlb.sync"]);
  // The same when it is to become lazy; and where no queue is needed, nothing is said.
  const strict = testBench({ iommu: { mode: "strict", flushQueueFits: false } });
  assertEquals(strict.names("kernel.warn"), []);
  assertEquals(set(strict, "lazy"), "ok");
  assertEquals(strict.names("kernel.warn"), ["kernel.warn"]);
  assertEquals(strict.machine.iommu.modeOf(strict.dev), "strict");
});

Deno.test("without an IOMMU there is nothing to change", () => {
  const bench = testBench({ iommu: { mode: "off" } });
  assertEquals(set(bench, "lazy"), "ENODEV");
  assertEquals(bench.machine.iommu.modeOf(bench.dev), "off");
});

Deno.test("from the change on, unmaps wait for a flush; what was mapped before goes the same way (dma.md 5.3)", () => {
  const bench = testBench();
  const { machine, dev, names, forget } = bench;
  const early = machine.dma.dmaMapPhys(dev, at(0x1000), 4096, DMA_TO_DEVICE);
  cycle(bench);
  assertEquals(names("iotlb.sync", "flush_queue.add"), ["iotlb.sync"]);
  forget();
  assertEquals(set(bench, "lazy"), "ok");
  assertEquals(names(), []);
  cycle(bench);
  machine.dma.dmaUnmapPhys(dev, early, 4096, DMA_TO_DEVICE);
  assertEquals(names("iotlb.sync", "flush_queue.add"), ["flush_queue.add", "flush_queue.add"]);
  assertEquals(machine.iommu.pendingFlushes, 2);
  machine.advance(10_000_000);
  assertEquals(machine.iommu.pendingFlushes, 0);
  assertEquals(names("iotlb.sync", "flush_queue.flush"), ["iotlb.sync", "flush_queue.flush"]);
});

Deno.test("an untrusted device stays strict, and where flushes cannot wait nothing changes (dma.md 1.3)", () => {
  const change = (options: TestBenchOptions) => {
    const bench = testBench(options);
    return `${set(bench, "lazy")} ${bench.machine.iommu.modeOf(bench.dev)}`;
  };
  assertEquals(change({ device: { untrusted: true } }), "EPERM strict");
  assertEquals(change({ iommu: { cachingMode: true } }), "ok strict");
  assertEquals(change({ iommu: { cachingMode: true, model: "amd" } }), "ok strict");
  assertEquals(change({ iommu: { cachingMode: true, model: "smmu" } }), "ok lazy");
});
