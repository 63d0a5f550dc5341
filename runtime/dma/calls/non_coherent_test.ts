import { swiotlbConfig } from "../../machine_config.ts";
import { assert, assertEquals } from "@std/assert";
import { DMA_MAPPING_ERROR, type DmaAddr, type PhysAddr } from "../../address.ts";
import { ERRNO } from "../../errno.ts";
import type { IommuMode } from "../../machine_config.ts";
import { DMA_ATTR, DMA_BIDIRECTIONAL, DMA_FROM_DEVICE, DMA_TO_DEVICE } from "../attributes.ts";
import { DmaDevice, type DmaDeviceOptions } from "../device/device.ts";
import { DmaIovaState } from "../iova_state.ts";
import { Scatterlist } from "../scatterlist.ts";
import { at, type TestBench, testBench } from "../testing.ts";

const PAGE = at(0x10_0000);
const MODES: readonly IommuMode[] = ["off", "strict", "lazy"];

function bench(mode: IommuMode = "off", device: DmaDeviceOptions = {}): TestBench {
  return testBench({ iommu: { mode }, device: { coherent: false, ...device } });
}

function cpuFill({ machine }: TestBench, phys: PhysAddr, sizeBytes: number, byte: number): void {
  machine.hostMemory.fill(phys, sizeBytes, byte);
}

function cpuReads({ machine }: TestBench, phys: number): number {
  const byte = new Uint8Array(1);
  machine.hostMemory.read(at(phys), byte, 0, 1);
  return byte[0]!;
}

function deviceReads({ machine, dev }: TestBench, dma: number): number {
  const byte = new Uint8Array(1);
  assert(machine.bus.read(dev, dma, byte, 0, 1));
  return byte[0]!;
}

function deviceFill({ machine, dev }: TestBench, dma: number, size: number, byte: number): void {
  assert(machine.bus.write(dev, dma, new Uint8Array(size).fill(byte), 0, size));
}

/**
 * Classes of the reports, without those of unchecked maps, because no test here checks the result
 * of a map.
 */
function reports({ fields }: TestBench): string[] {
  return fields("dma.report").map((report) => report.class).filter((name) =>
    name !== "error_unchecked"
  );
}

/** The cache events as `name start+size`. */
function maintenance({ seen }: TestBench): string[] {
  return seen.filter(({ name }) => name.startsWith("cache.")).map(({ name, fields }) => {
    const { phys, size_bytes } = fields as { phys: number; size_bytes: number };
    return `${name.slice(6)} ${phys.toString(16)}+${size_bytes.toString(16)}`;
  });
}

for (const mode of MODES) {
  for (const dir of [DMA_TO_DEVICE, DMA_FROM_DEVICE, DMA_BIDIRECTIONAL] as const) {
    Deno.test(`a map cleans, and an unmap invalidates what the device may have written: ${mode}, direction ${dir} (dma.md 1.6, 2.1, 2.2)`, () => {
      const some = bench(mode);
      const { dma } = some.machine;
      cpuFill(some, PAGE, 4096, 0x22);
      const mapped = dma.dmaMapPhys(some.dev, PAGE, 4096, dir);
      if (dir !== DMA_FROM_DEVICE) assertEquals(deviceReads(some, mapped), 0x22);
      if (dir !== DMA_TO_DEVICE) deviceFill(some, mapped, 4096, 0x33);
      dma.dmaSyncSingleForCpu(some.dev, mapped + 64 as DmaAddr, 64, dir);
      dma.dmaSyncSingleForDevice(some.dev, mapped + 64 as DmaAddr, 64, dir);
      dma.dmaUnmapPhys(some.dev, mapped, 4096, dir);
      assertEquals(cpuReads(some, PAGE + 4095), dir === DMA_TO_DEVICE ? 0x22 : 0x33);
      const invalidated = (span: string) => dir === DMA_TO_DEVICE ? [] : [`invalidate ${span}`];
      assertEquals(maintenance(some), [
        "clean 100000+1000",
        ...invalidated("100040+40"),
        "clean 100040+40",
        ...invalidated("100000+1000"),
      ]);
      assertEquals(reports(some), []);
    });
  }
}

/** Each way to map a page for the device and to unmap it; the CPU writes the page in between. */
const TO_DEVICE_LIVES: Readonly<Record<string, (some: TestBench, write: () => void) => void>> = {
  "map and unmap": ({ dev, machine: { dma } }, write) => {
    const mapped = dma.dmaMapPhys(dev, PAGE, 4096, DMA_TO_DEVICE);
    write();
    dma.dmaUnmapPhys(dev, mapped, 4096, DMA_TO_DEVICE);
  },
  "sync for the CPU": ({ dev, machine: { dma } }, write) => {
    const mapped = dma.dmaMapPhys(dev, PAGE, 4096, DMA_TO_DEVICE);
    write();
    dma.dmaSyncSingleForCpu(dev, mapped, 4096, DMA_TO_DEVICE);
    dma.dmaUnmapPhys(dev, mapped, 4096, DMA_TO_DEVICE, DMA_ATTR.SKIP_CPU_SYNC);
  },
  "a list": ({ dev, machine: { dma } }, write) => {
    const list = new Scatterlist([{ phys: PAGE, sizeBytes: 4096 }]);
    dma.dmaMapSg(dev, list, DMA_TO_DEVICE);
    write();
    dma.dmaSyncSgForCpu(dev, list, DMA_TO_DEVICE);
    dma.dmaUnmapSg(dev, list, DMA_TO_DEVICE);
  },
  "link and destroy": ({ dev, machine: { dma } }, write) => {
    if (dev.domain === null) return write();
    const state = new DmaIovaState();
    dma.dmaIovaTryAlloc(dev, state, PAGE, 4096);
    dma.dmaIovaLink(dev, state, PAGE, 0, 4096, DMA_TO_DEVICE);
    write();
    dma.dmaIovaDestroy(dev, state, 4096, DMA_TO_DEVICE);
  },
};

for (const [name, live] of Object.entries(TO_DEVICE_LIVES)) {
  Deno.test(`what the CPU wrote to memory that the device only reads stays: ${name} (dma.md 2.2, direction and caches)`, () => {
    for (const mode of MODES) {
      const some = bench(mode);
      live(some, () => cpuFill(some, PAGE, 4096, 0x22));
      assertEquals(cpuReads(some, PAGE), 0x22, mode);
      assertEquals(maintenance(some).filter((each) => each.startsWith("invalidate")), []);
      assertEquals(reports(some).filter((each) => each === "dirty_cacheline_lost"), []);
    }
  });
}

Deno.test("a map with SKIP_CPU_SYNC leaves the device the old bytes until the driver syncs (dma.md 1.5)", () => {
  for (const mode of MODES) {
    const some = bench(mode);
    const { dma } = some.machine;
    cpuFill(some, PAGE, 4096, 0x22);
    const mapped = dma.dmaMapPhys(some.dev, PAGE, 4096, DMA_TO_DEVICE, DMA_ATTR.SKIP_CPU_SYNC);
    assertEquals(deviceReads(some, mapped), 0);
    assertEquals(reports(some), ["stale_memory_read"]);
    dma.dmaSyncSingleForDevice(some.dev, mapped, 4096, DMA_TO_DEVICE);
    assertEquals(deviceReads(some, mapped), 0x22);
    dma.dmaUnmapPhys(some.dev, mapped, 4096, DMA_TO_DEVICE, DMA_ATTR.SKIP_CPU_SYNC);
    assertEquals(maintenance(some), ["clean 100000+1000"]);
    assertEquals(reports(some), ["stale_memory_read"]);
  }
});

Deno.test("what the CPU writes while the device has a buffer is dropped when it gets it back", () => {
  const some = bench("strict");
  const { dma } = some.machine;
  const mapped = dma.dmaMapPhys(some.dev, PAGE, 4096, DMA_FROM_DEVICE);
  cpuFill(some, PAGE, 64, 0x22);
  deviceFill(some, mapped, 64, 0x33);
  dma.dmaUnmapPhys(some.dev, mapped, 4096, DMA_FROM_DEVICE);
  assertEquals(cpuReads(some, PAGE), 0x33);
  assertEquals(reports(some), ["dirty_cacheline_lost"]);
});

Deno.test("two buffers that share a line destroy each other's bytes (dma.md 8.2 row 15)", () => {
  const some = testBench({
    machine: { swiotlb: swiotlbConfig({ sizeBytes: 0 }) },
    iommu: { mode: "off" },
    device: { coherent: false },
  });
  const { dma } = some.machine;
  const sizeBytes = 4096 + 32;
  const mapped = dma.dmaMapPhys(some.dev, PAGE, sizeBytes, DMA_FROM_DEVICE);
  deviceFill(some, mapped + 4096, 32, 0x33);
  cpuFill(some, at(PAGE + 4096 + 32), 32, 0x22);
  dma.dmaUnmapPhys(some.dev, mapped, sizeBytes, DMA_FROM_DEVICE);
  assertEquals([cpuReads(some, PAGE + 4096), cpuReads(some, PAGE + 4128)], [0, 0x22]);
  assertEquals(reports(some), ["device_write_lost"]);
});

Deno.test("MMIO and SKIP need no maintenance, REQUIRE_COHERENT is refused (dma.md 1.4 row 3, 1.5, ch. 1 assertion 5)", () => {
  for (const mode of MODES) {
    const some = bench(mode);
    const { dma } = some.machine;
    for (const attrs of [DMA_ATTR.SKIP_CPU_SYNC, DMA_ATTR.MMIO]) {
      const mapped = dma.dmaMapPhys(some.dev, PAGE, 4096, DMA_TO_DEVICE, attrs);
      assert(mapped !== DMA_MAPPING_ERROR);
      dma.dmaUnmapPhys(some.dev, mapped, 4096, DMA_TO_DEVICE, attrs);
    }
    const resource = dma.dmaMapResource(some.dev, PAGE, 4096, DMA_FROM_DEVICE);
    dma.dmaUnmapResource(some.dev, resource, 4096, DMA_FROM_DEVICE);
    const list = new Scatterlist([{ phys: PAGE, sizeBytes: 4096 }]);
    const { REQUIRE_COHERENT } = DMA_ATTR;
    assertEquals(dma.dmaMapPhys(some.dev, PAGE, 4096, DMA_TO_DEVICE, REQUIRE_COHERENT), -1);
    assertEquals(dma.dmaMapSg(some.dev, list, DMA_TO_DEVICE, REQUIRE_COHERENT), 0);
    assertEquals(
      dma.dmaMapSgtable(some.dev, list, DMA_TO_DEVICE, REQUIRE_COHERENT),
      -ERRNO.EOPNOTSUPP,
    );
    assertEquals(maintenance(some), []);
    const failed = some.seen.filter(({ name }) => name === "ret.dma_map_phys").at(-1);
    assertEquals(failed?.why?.rule, "dma.1.4.3");
    assertEquals(failed?.why?.inputs.branch, "needs_coherent");
  }
});

Deno.test("a list is maintained entry by entry on every path (dma.md 7.1, 7.2, 1.6 sync)", () => {
  for (const mode of MODES) {
    const some = bench(mode);
    const { dma } = some.machine;
    const list = new Scatterlist([
      { phys: PAGE, sizeBytes: 4096 },
      { phys: at(0x20_0000), sizeBytes: 4096 },
    ]);
    cpuFill(some, at(0x20_0000), 4096, 0x22);
    assert(dma.dmaMapSg(some.dev, list, DMA_BIDIRECTIONAL) > 0);
    const second = mode === "off" ? list.dmaAddressAt(1) : list.dmaAddressAt(0) + 4096;
    assertEquals(deviceReads(some, second), 0x22);
    deviceFill(some, second, 4096, 0x33);
    dma.dmaSyncSgForCpu(some.dev, list, DMA_BIDIRECTIONAL);
    assertEquals(cpuReads(some, 0x20_0000), 0x33);
    dma.dmaUnmapSg(some.dev, list, DMA_BIDIRECTIONAL);
    assertEquals(maintenance(some), [
      "clean 100000+1000",
      "clean 200000+1000",
      "invalidate 100000+1000",
      "invalidate 200000+1000",
      "invalidate 100000+1000",
      "invalidate 200000+1000",
    ]);
    assertEquals(reports(some), []);
  }
});

Deno.test("an untrusted device that sees no caches finds zeros beside a bounced part (dma.md 1.6, 3.4)", () => {
  const some = bench("strict", { untrusted: true, minAlignMask: 0xfff });
  const { dma, memory, swiotlb } = some.machine;
  // Fills the pool's memory directly, so that the pool's earlier contents are also in memory, not
  // only in the caches.
  memory.fill(swiotlb.basePhys, 8192, 0x66);
  cpuFill(some, swiotlb.basePhys, 8192, 0x77);
  cpuFill(some, at(PAGE + 0x600), 0x200, 0x22);
  const state = new DmaIovaState();
  assert(dma.dmaIovaTryAlloc(some.dev, state, at(PAGE + 0x600), 0x200));
  assertEquals(dma.dmaIovaLink(some.dev, state, at(PAGE + 0x600), 0, 0x200, DMA_TO_DEVICE), 0);
  dma.dmaIovaSync(some.dev, state, 0, 0x200);
  const seen = [-0x600, -1, 0, 0x1ff, 0x200, 0x9ff].map((offset) =>
    deviceReads(some, state.addr + offset)
  );
  assertEquals(seen, [0, 0, 0x22, 0x22, 0, 0]);
  dma.dmaIovaDestroy(some.dev, state, 0x200, DMA_TO_DEVICE);
});

Deno.test("memory that CPU and device share needs no hand-over, and is cached again when it is freed", () => {
  for (const mode of MODES) {
    const some = bench(mode);
    const { dma } = some.machine;
    const memory = dma.dmaAllocCoherent(some.dev, 4096)!;
    const phys = memory.physOf(0);
    cpuFill(some, phys, 64, 0x22);
    assertEquals(deviceReads(some, memory.dma), 0x22);
    deviceFill(some, memory.dma, 64, 0x33);
    assertEquals(cpuReads(some, phys), 0x33);
    dma.dmaFreeCoherent(some.dev, memory);
    cpuFill(some, phys, 64, 0x44);
    assertEquals(some.machine.caches!.linesOf(phys, 64)[0]!.state, "dirty");
    assertEquals([maintenance(some), reports(some)], [[], []]);
  }
});

Deno.test("what the CPU writes to shared memory goes past its caches, wherever in a page it begins", () => {
  const some = bench();
  const { dma, hostMemory } = some.machine;
  const memory = dma.dmaAllocCoherent(some.dev, 8192)!;
  for (const offset of [0, 0x40, 0xfff, 0x1000, 0x1fff]) {
    hostMemory.write(memory.physOf(offset), Uint8Array.of(0x5a), 0, 1);
    assertEquals(deviceReads(some, memory.dma + offset), 0x5a, `${offset}`);
  }
});

Deno.test("a device that sees the caches needs no hand-over beside one that does not", () => {
  const some = bench();
  const nic = new DmaDevice("nic");
  some.machine.iommu.attach(nic);
  cpuFill(some, PAGE, 64, 0x22);
  some.machine.dma.dmaMapPhys(nic, at(PAGE), 64, DMA_BIDIRECTIONAL);
  const byte = new Uint8Array(1);
  some.machine.bus.read(nic, PAGE, byte, 0, 1);
  assertEquals(byte[0], 0x22);
  some.machine.bus.write(nic, PAGE, new Uint8Array([0x33]), 0, 1);
  assertEquals([cpuReads(some, PAGE), cpuReads(some, PAGE + 1)], [0x33, 0x22]);
  assertEquals(reports(some), []);
});

Deno.test("a sync reaches the first page of memory, too, through an IOMMU (dma.md 1.6)", () => {
  const some = bench("strict");
  const { dma } = some.machine;
  const mapped = dma.dmaMapPhys(some.dev, at(0), 4096, DMA_TO_DEVICE);
  some.forget();
  dma.dmaSyncSingleForDevice(some.dev, mapped, 64, DMA_TO_DEVICE);
  assertEquals(maintenance(some), ["clean 0+40"]);
});
