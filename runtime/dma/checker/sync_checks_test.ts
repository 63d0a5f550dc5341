import { assertEquals, assertMatch } from "@std/assert";
import type { DmaAddr } from "../../address.ts";
import { DMA_BIDIRECTIONAL, DMA_FROM_DEVICE, DMA_TO_DEVICE } from "../attributes.ts";
import { Scatterlist } from "../scatterlist.ts";
import { at } from "../testing.ts";
import { checkerBench, DIRECT } from "./_bench.ts";

function syncBench(dir: 0 | 1 | 2, options = {}) {
  const bench = checkerBench(options);
  const { machine: { dma }, dev } = bench;
  const mapped = bench.map(0x10_0000, 0x1000, dir);
  const address = (offset: number) => mapped + offset as DmaAddr;
  return {
    ...bench,
    forCpu: (said: 0 | 1 | 2, offset = 0, sizeBytes = 0x1000) =>
      dma.dmaSyncSingleForCpu(dev, address(offset), sizeBytes, said),
    forDevice: (said: 0 | 1 | 2, offset = 0, sizeBytes = 0x1000) =>
      dma.dmaSyncSingleForDevice(dev, address(offset), sizeBytes, said),
  };
}

Deno.test("a sync in the mapping's own direction is right, for either side and for parts", () => {
  for (const options of [{}, DIRECT, { device: { coherent: false } }]) {
    for (const dir of [DMA_BIDIRECTIONAL, DMA_TO_DEVICE, DMA_FROM_DEVICE] as const) {
      const bench = syncBench(dir, options);
      bench.forCpu(dir);
      bench.forDevice(dir);
      bench.forCpu(dir, 0xff0, 16);
      bench.forDevice(dir, 1, 1);
      assertEquals(bench.classes(), []);
    }
  }
});

Deno.test("row 18: more than is mapped (dma.md 8.2)", () => {
  const bench = syncBench(DMA_TO_DEVICE);
  bench.forDevice(DMA_TO_DEVICE, 0, 0x1001);
  bench.forDevice(DMA_TO_DEVICE, 0x800, 0x1000);
  const [one, many] = bench.reports();
  assertEquals([bench.errorCount(), one?.class, many?.class], [2, "sync_size", "sync_size"]);
  assertMatch(one!.text, /: 1 byte past its end$/);
  assertMatch(many!.text, /: 2048 bytes past its end$/);
});

Deno.test("row 19: another direction, unless the mapping is bidirectional (dma.md 8.2)", () => {
  const bench = syncBench(DMA_FROM_DEVICE);
  bench.forCpu(DMA_TO_DEVICE);
  assertEquals(bench.classes(), ["sync_direction"]);
  const both = syncBench(DMA_BIDIRECTIONAL);
  both.forCpu(DMA_FROM_DEVICE);
  both.forDevice(DMA_TO_DEVICE);
  assertEquals(both.classes(), []);
});

Deno.test("rows 20 and 21: for the CPU what the device only reads, for it what it only writes (dma.md 8.2)", () => {
  for (const both of [false, true]) {
    const cpu = syncBench(DMA_TO_DEVICE);
    cpu.forCpu(both ? DMA_BIDIRECTIONAL : DMA_FROM_DEVICE);
    const device = syncBench(DMA_FROM_DEVICE);
    device.forDevice(both ? DMA_BIDIRECTIONAL : DMA_TO_DEVICE);
    assertEquals([cpu.errorCount(), device.errorCount()], [2, 2]);
    assertEquals(cpu.classes(), ["sync_direction", "sync_for_cpu_read_only"]);
    assertEquals(device.classes(), ["sync_direction", "sync_for_device_write_only"]);
  }
});

Deno.test("of two mappings of the same memory the one that fits is synced", () => {
  const bench = checkerBench(DIRECT);
  const { machine: { dma }, dev } = bench;
  const mapped = bench.map(0x10_0000, 0x1000, DMA_TO_DEVICE);
  bench.map(0x10_0000, 0x1000, DMA_FROM_DEVICE);
  dma.dmaSyncSingleForDevice(dev, mapped, 16, DMA_TO_DEVICE);
  dma.dmaSyncSingleForCpu(dev, mapped, 16, DMA_FROM_DEVICE);
  assertEquals(bench.classes(), []);
});

Deno.test("of two mappings of the same memory the one that is long enough counts before the one of that direction", () => {
  const bench = checkerBench(DIRECT);
  const { machine: { dma }, dev } = bench;
  const long = bench.map(0x10_0000, 0x2000, DMA_TO_DEVICE);
  const short = bench.map(0x10_0000, 0x1000, DMA_BIDIRECTIONAL);
  assertEquals(long, short);
  dma.dmaSyncSingleForDevice(dev, long, 0x2000, DMA_BIDIRECTIONAL);
  assertEquals(bench.classes(), ["sync_direction"]);
  dma.dmaSyncSingleForDevice(dev, short, 0x1000, DMA_BIDIRECTIONAL);
  dma.dmaSyncSingleForDevice(dev, long, 0x1000, DMA_TO_DEVICE);
  assertEquals(bench.classes(), []);
});

Deno.test("of a mapping and a list at the same memory a list's sync means the list, and one of its entries' count", () => {
  const bench = checkerBench(DIRECT);
  const { machine: { dma }, dev } = bench;
  const listAt = (...places: readonly number[]) =>
    new Scatterlist(places.map((phys) => ({ phys: at(phys), sizeBytes: 0x1000 })));
  const two = listAt(0x10_0000, 0x20_0000);
  const three = listAt(0x10_0000, 0x20_0000, 0x30_0000);
  for (const place of [0x10_0000, 0x20_0000]) bench.map(place, 0x1000, DMA_TO_DEVICE);
  dma.dmaMapSg(dev, two, DMA_TO_DEVICE);
  dma.dmaMapSg(dev, three, DMA_TO_DEVICE);
  for (const list of [two, three]) dma.dmaSyncSgForDevice(dev, list, DMA_TO_DEVICE);
  assertEquals(bench.classes(), []);
});

Deno.test("a list that has ended is synced in the mapping that is still there, however little they have in common (dma.md 8.2)", () => {
  const bench = checkerBench(DIRECT);
  const { machine: { dma }, dev } = bench;
  bench.map(0x10_0000, 0x1000, DMA_TO_DEVICE);
  assertEquals(dma.dmaNeedUnmap(dev), false);
  const list = new Scatterlist([{ phys: at(0x10_0000), sizeBytes: 0x2000 }]);
  dma.dmaMapSg(dev, list, DMA_FROM_DEVICE);
  dma.dmaUnmapSg(dev, list, DMA_FROM_DEVICE, 0, 1);
  dma.dmaSyncSgForDevice(dev, list, DMA_FROM_DEVICE);
  assertEquals(bench.classes(), ["sync_size", "sync_direction", "sync_entries"]);
});
