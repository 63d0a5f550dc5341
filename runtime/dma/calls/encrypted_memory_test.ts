import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { DMA_MAPPING_ERROR, type PhysAddr } from "../../address.ts";
import type { QuirkName } from "../../kernels/behaviours.ts";
import { DMA_ATTR, DMA_BIDIRECTIONAL, DMA_TO_DEVICE } from "../attributes.ts";
import type { DmaDeviceOptions } from "../device/device.ts";
import { at, type TestBench, testBench } from "../testing.ts";

const PAGE = at(0x1000_0000);
const SHARED = DMA_ATTR.CC_SHARED;

function guest(device: DmaDeviceOptions = {}, quirks: readonly QuirkName[] = []): TestBench {
  const machine = { memoryEncryption: true, quirks: new Set(quirks) };
  return testBench({ machine, iommu: { mode: "off" }, device });
}

function byteAt({ machine }: TestBench, phys: PhysAddr): number {
  return machine.memory.readU32(phys) & 255;
}

function deviceReads({ machine, dev }: TestBench, dma: number): number {
  const bytes = new Uint8Array(1);
  assert(machine.bus.read(dev, dma, bytes, 0, 1));
  return bytes[0]!;
}

function privateReports({ fields }: TestBench): number {
  return fields("dma.report").filter((report) => report.class === "private_memory_access").length;
}

Deno.test("MMIO and REQUIRE_COHERENT are refused there, silently (dma.md ch. 2 assertion 5)", () => {
  const { machine, dev } = guest({}, ["host_bridge_p2p_with_forced_bounce"]);
  for (const attrs of [DMA_ATTR.MMIO, DMA_ATTR.REQUIRE_COHERENT]) {
    assertEquals(machine.dma.dmaMapPhys(dev, PAGE, 4096, DMA_TO_DEVICE, attrs), DMA_MAPPING_ERROR);
  }
  assertEquals([machine.warnings.total, machine.swiotlb.usedSlots], [0, 0]);
});

Deno.test("a driver that says shared of what is private has the device read and leave nonsense", () => {
  const bench = guest();
  const { machine, dev, fields } = bench;
  machine.memory.fill(PAGE, 4096, 0x22);
  const dma = machine.dma.dmaMapPhys(dev, PAGE, 4096, DMA_BIDIRECTIONAL, SHARED);
  assertNotEquals(deviceReads(bench, dma), 0x22);
  assert(machine.bus.write(dev, dma, new Uint8Array([0x33]), 0, 1));
  assertNotEquals(byteAt(bench, PAGE), 0x33);
  assertEquals(byteAt(bench, at(PAGE + 1)), 0x22);
  assertEquals(deviceReads(bench, dma), 0x33);
  assertEquals(privateReports(bench), 3);
  const [first] = fields("dma.report").filter((report) => report.class !== "error_unchecked");
  assertEquals([first?.rule, first?.beyond_kernel], ["dma.1.5", true]);
  assertEquals(
    first?.text,
    'Device "dev" reads 1 byte of private memory at 0x1000_0000: it gets what is stored, not ' +
      "what the guest wrote",
  );
});

Deno.test("memory that CPU and device share is plain while it lives", () => {
  const bench = guest();
  const { machine, dev } = bench;
  const memory = machine.dma.dmaAllocCoherent(dev, 4096)!;
  machine.memory.fill(memory.physOf(0), 1, 0x22);
  assertEquals(deviceReads(bench, memory.dma), 0x22);
  machine.dma.dmaFreeCoherent(dev, memory);
  assertNotEquals(deviceReads(bench, memory.dma), 0x22);
});
