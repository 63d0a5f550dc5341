import { assertEquals } from "@std/assert";
import { DMA_MAPPING_ERROR, type DmaAddr } from "../../address.ts";
import { DMA_BIDIRECTIONAL, DMA_TO_DEVICE } from "../attributes.ts";
import { at, testBench } from "../testing.ts";
import { MergedRanges } from "./merged_ranges.ts";

const bytes = (count: number) => Uint8Array.from({ length: count }, (_, index) => index % 251);

Deno.test("DeviceBus moves bytes through the translation, one event a page", () => {
  const { machine, dev, fields } = testBench();
  const dma = machine.dma.dmaMapPhys(dev, at(0x1_0800), 0x1000, DMA_BIDIRECTIONAL);
  assertEquals(machine.bus.write(dev, dma, bytes(0x1000), 0, 0x1000), true);
  const memory = new Uint8Array(0x1000);
  machine.memory.read(at(0x1_0800), memory, 0, 0x1000);
  assertEquals(memory, bytes(0x1000));
  const back = new Uint8Array(0x1010);
  assertEquals(machine.bus.read(dev, dma, back, 0x10, 0x1000), true);
  assertEquals(back.slice(0x10), bytes(0x1000));
  assertEquals(fields("iommu.translate").map(({ hit }) => hit), ["walk", "walk", "iotlb", "iotlb"]);
});

Deno.test("who watches accesses sees each page's piece, by both of its addresses", () => {
  const { machine, dev } = testBench();
  const seen: unknown[] = [];
  machine.accessWatchers.push({ accessed: (by, ...access) => seen.push([by.name, ...access]) });
  const dma = machine.dma.dmaMapPhys(dev, at(0x1_0800), 0x1000, DMA_BIDIRECTIONAL);
  machine.bus.write(dev, dma, bytes(0x1000), 0, 0x1000);
  machine.bus.read(dev, dma + 4, bytes(8), 0, 8);
  machine.bus.writeWords(dev, dma + 0x804, Int32Array.of(1, 2));
  assertEquals(seen, [
    [dev.name, dma, 0x1_0800, 0x800, "write"],
    [dev.name, dma + 0x800, 0x1_1000, 0x800, "write"],
    [dev.name, dma + 4, 0x1_0804, 8, "read"],
    [dev.name, dma + 0x804, 0x1_1004, 8, "write"],
  ]);
});

Deno.test("memory knows which device writes it for as long as it does", () => {
  const { machine: { bus, dma, memory }, dev } = testBench();
  const mapped = dma.dmaMapPhys(dev, at(0x1_0000), 0x1000, DMA_BIDIRECTIONAL);
  const writers: unknown[] = [];
  memory.onWrite = () => void writers.push(memory.writer);
  bus.write(dev, mapped, bytes(8), 0, 8);
  writers.push(memory.writer);
  bus.writeWords(dev, mapped, Int32Array.of(1));
  writers.push(memory.writer);
  bus.writePage(dev, mapped, { makePage: () => {} });
  assertEquals([...writers, memory.writer], ["dev", null, "dev", null, "dev", null]);
});

Deno.test("each way to access a merged range reaches its parts", () => {
  const { machine: { bus, dma, memory }, dev } = testBench();
  const [first, second] = [0x1_0c00, 0x2_0000].map((phys) =>
    dma.dmaMapPhys(dev, at(phys), 0x400, DMA_BIDIRECTIONAL)
  ) as [DmaAddr, DmaAddr];
  const third = dma.dmaMapPhys(dev, at(0x3_0000), 0x800, DMA_BIDIRECTIONAL);
  dev.merged = new MergedRanges();
  const merged = 0x10_0000 as DmaAddr;
  dev.merged.add(merged, [
    { dma: first, sizeBytes: 0x400 },
    { dma: second, sizeBytes: 0x400 },
    { dma: third, sizeBytes: 0x800 },
  ]);
  assertEquals(
    bus.write(dev, merged, bytes(0x1000), 0, 0x1000),
    true,
  );
  const back = new Uint8Array(0x1000);
  assertEquals(bus.read(dev, merged, back, 0, 0x1000), true);
  assertEquals(back, bytes(0x1000));
  memory.read(at(0x1_0c00), back, 0, 0x400);
  memory.read(at(0x2_0000), back, 0x400, 0x400);
  memory.read(at(0x3_0000), back, 0x800, 0x800);
  assertEquals(back, bytes(0x1000));
  assertEquals(bus.writeWords(dev, merged + 0x400, Int32Array.of(7)), true);
  assertEquals(memory.readU32(at(0x2_0000)), 7);
  const word = new Int32Array(1);
  assertEquals([bus.readWords(dev, merged + 0x400, word), ...word], [true, 7]);
  assertEquals(bus.write(dev, merged + 0x3ff, bytes(3).fill(9), 0, 3), true);
  assertEquals(memory.readU32(at(0x2_0000)), 0x909);
  dma.dmaUnmapPhys(dev, third, 0x800, DMA_BIDIRECTIONAL);
  // The parts before the fault are written.
  assertEquals(bus.write(dev, merged, bytes(0x1000).fill(5), 0, 0x1000), false);
  assertEquals([memory.readU32(at(0x2_0000)), memory.readU32(at(0x3_0000)) & 0xff], [
    0x505_0505,
    bytes(0x801)[0x800],
  ]);
});

Deno.test("a write that faults on its last page changes no byte", () => {
  const { machine, dev, fields } = testBench();
  const dma = machine.dma.dmaMapPhys(dev, at(0x1_0000), 0x1000, DMA_BIDIRECTIONAL);
  assertEquals(machine.bus.write(dev, dma, bytes(0x1001), 0, 0x1001), false);
  assertEquals(machine.memory.readU32(at(0x1_0000)), 0);
  // The range is the highest one, so the page after it lies at 4 GiB.
  assertEquals(fields("iommu.fault").map((fault) => [fault.dma, fault.reason]), [
    [0x1_0000_0000, "not_present"],
  ] as never);
});

Deno.test("an access of no bytes reaches nothing, and succeeds where nothing is mapped", () => {
  const { machine, dev, seen } = testBench();
  assertEquals(machine.bus.write(dev, 0x1000, bytes(4), 0, 0), true);
  assertEquals(machine.bus.read(dev, 0x1000, bytes(4), 0, 0), true);
  assertEquals(seen, []);
});

Deno.test("a device that may only read cannot write", () => {
  const { machine, dev, fields } = testBench();
  const dma = machine.dma.dmaMapPhys(dev, at(0x1_0000), 0x1000, DMA_TO_DEVICE);
  assertEquals(machine.bus.write(dev, dma, bytes(4), 0, 4), false);
  assertEquals(fields("iommu.fault").map(({ reason }) => reason), ["not_writable"]);
});

Deno.test("without translation RAM and device memory answer, what is neither is unreachable", () => {
  const window = { name: "bar", basePhys: at(0xf000_0000), sizeBytes: 0x1000 };
  const { machine, dev, fields, names } = testBench({
    iommu: { mode: "off" },
    machine: { windows: [window], ramSizeBytes: 2 ** 31 },
  });
  assertEquals(machine.bus.write(dev, 0x1000, bytes(8), 0, 8), true);
  assertEquals(machine.bus.write(dev, 0xf000_0000, bytes(8), 0, 8), true);
  assertEquals(machine.bus.read(dev, 0xe000_0000, bytes(8), 0, 8), false);
  assertEquals(names("iommu.translate"), []);
  assertEquals(fields("iommu.fault"), [
    { dma: 0xe000_0000, access: "read", reason: "unreachable" },
  ] as never);
});

Deno.test("addresses that no number holds fault with address_width", () => {
  const { machine, dev, fields } = testBench({ iommu: { mode: "off" } });
  machine.bus.faultWide(dev, "write", 2 ** 21);
  assertEquals(machine.events.context.device, null, "the CPU goes on");
  assertEquals(machine.bus.read(dev, DMA_MAPPING_ERROR, bytes(8), 0, 8), false);
  assertEquals(machine.bus.read(dev, 2 ** 53, bytes(8), 0, 8), false);
  assertEquals(fields("iommu.fault").map(({ reason }) => reason), [
    "address_width",
    "address_width",
    "address_width",
  ]);
  assertEquals(machine.iommu.faults.length, 3);
});

Deno.test("a mapping of what is no memory is unreachable behind the translation", () => {
  const { machine, dev, fields } = testBench();
  const dma = machine.dma.dmaMapPhys(dev, at(2 ** 40), 4096, DMA_TO_DEVICE);
  assertEquals(machine.bus.read(dev, dma, bytes(8), 0, 8), false);
  assertEquals(fields("iommu.fault").map(({ reason }) => reason), ["unreachable"]);
});

Deno.test("faults bear the device's name", () => {
  const { machine, dev, seen } = testBench();
  machine.bus.read(dev, 0x1000, bytes(8), 0, 8);
  assertEquals(seen.map(({ name, device }) => [name, device]), [["iommu.fault", "dev"]]);
  assertEquals(machine.events.context.device, null);
});

Deno.test("an access watcher gets each page that a device reaches, and none where a page faults", () => {
  const { machine, dev } = testBench();
  const dma = machine.dma.dmaMapPhys(dev, at(0x1_0000), 0x2000, DMA_TO_DEVICE);
  const heard: unknown[] = [];
  machine.accessWatchers.push({
    accessed: ({ name }, dma, ...more) => void heard.push([name, dma, ...more]),
  });
  machine.bus.read(dev, dma + 0x10, bytes(8), 0, 8);
  machine.bus.read(dev, dma + 0xffc, bytes(8), 0, 8);
  machine.bus.write(dev, dma, bytes(8), 0, 8);
  machine.bus.read(dev, dma + 0x1ffc, bytes(8), 0, 8);
  assertEquals(heard, [
    ["dev", dma + 0x10, 0x1_0010, 8, "read"],
    ["dev", dma + 0xffc, 0x1_0ffc, 4, "read"],
    ["dev", dma + 0x1000, 0x1_1000, 4, "read"],
  ]);
});
