/**
 * Memory that is allocated for a device and that the CPU caches (dma_alloc_pages,
 * dma_alloc_noncontiguous).
 */
import { assertEquals } from "@std/assert";
import type { PhysAddr } from "../../address.ts";
import { Machine } from "../../machine.ts";
import { testConfig, type TestConfigOptions } from "../../testing_config.ts";
import { DMA_ATTR, DMA_FROM_DEVICE } from "../attributes.ts";
import { DmaDevice } from "../device/device.ts";
import {
  allocNoncontiguous,
  allocPageMemory,
  freeNoncontiguous,
  freePageMemory,
} from "./page_memory.ts";

const KIB = 1024;

function bench(options: TestConfigOptions = {}) {
  const machine = new Machine(testConfig(options));
  const dev = new DmaDevice("nic", { maskBits: 32 });
  machine.iommu.attach(dev);
  const before = machine.pages.takenBytes;
  /** Resources left after everything was freed. */
  const left = () => [
    machine.pages.takenBytes - before,
    machine.iommu.liveMappings,
    dev.mappings,
    machine.checker!.unbind(dev),
  ];
  return { machine, dev, left };
}

const NOTHING = [0, 0, 0, 0];

Deno.test("single pages in one range: an entry for each run, one output for the device (dma.md 1.9)", () => {
  const { dev, left, machine } = bench();
  // From `start` on, every second page of memory is left free.
  const start = machine.pages.alloc(1, { owner: "driver" })![0]!;
  machine.pages.free([start]);
  const held: PhysAddr[] = [];
  for (let page = 0; page < 64; page += 2) {
    const phys = start + page * 4 * KIB as PhysAddr;
    if (machine.pages.claim(phys, 1)) held.push(phys);
  }
  const made = allocNoncontiguous(machine, dev, 64 * KIB, DMA_FROM_DEVICE, 0)!;
  assertEquals([made.list.count, made.list.mapped().map(({ sizeBytes }) => sizeBytes)], [
    16,
    [64 * KIB],
  ]);
  const { dma } = made.list.mapped()[0]!;
  for (const [page, phys] of made.pages.entries()) {
    assertEquals(machine.iommu.lookup(dev, dma + page * 4 * KIB), phys);
  }
  freeNoncontiguous(machine, made, 64 * KIB, DMA_FROM_DEVICE);
  machine.pages.free(held);
  assertEquals(left(), NOTHING);
});

Deno.test("another size is reported when it is freed, but not the size of its last page", () => {
  for (const withoutIommu of [false, true]) {
    const { dev, left, machine } = bench(withoutIommu ? { iommu: { mode: "off" } } : {});
    const sizes = [15, 16, 8, 32].map((pages) => pages * 4 * KIB - 100);
    const reports = sizes.map((sizeBytes) => {
      const made = allocNoncontiguous(machine, dev, 64 * KIB - 100, DMA_FROM_DEVICE, 0)!;
      const found: unknown[] = [];
      const end = machine.events.listen((event) => {
        if (event.name === "dma.report") {
          found.push([event.fields.class, event.fields.beyond_kernel, event.fields.text]);
        }
      });
      freeNoncontiguous(machine, made, sizeBytes, DMA_FROM_DEVICE);
      end();
      return found;
    });
    const mismatch = (sizeBytes: number) => [
      "unmap_size",
      true,
      `dma_free_noncontiguous() size mismatch on device "nic": ${sizeBytes} bytes passed, ` +
      "65536 bytes allocated",
    ];
    assertEquals(reports[1], []);
    for (const at of [0, 2, 3]) assertEquals(reports[at], [mismatch(sizes[at]!)]);
    assertEquals(machine.checker!.errorCount, 0);
    assertEquals(left(), NOTHING);
  }
});

Deno.test("without an IOMMU it is one block, and any other attribute is refused (c-api.md 5)", () => {
  const { dev, left, machine } = bench({ iommu: { mode: "off" } });
  const made = allocNoncontiguous(machine, dev, 64 * KIB, DMA_FROM_DEVICE, 0)!;
  assertEquals([made.list.count, made.list.outputs], [1, 1]);
  freeNoncontiguous(machine, made, 64 * KIB, DMA_FROM_DEVICE);
  const { FORCE_CONTIGUOUS } = DMA_ATTR;
  const texts: string[] = [];
  machine.events.listen(({ fields }) => texts.push(Reflect.get(fields, "text")), ["kernel.warn"]);
  assertEquals(allocNoncontiguous(machine, dev, 4096, DMA_FROM_DEVICE, FORCE_CONTIGUOUS), null);
  assertEquals(texts, ["Allocation with invalid attributes"]);
  assertEquals(allocNoncontiguous(machine, dev, 8192 * KIB, DMA_FROM_DEVICE, 0), null);
  assertEquals(left(), NOTHING);
});

Deno.test("pages are one block within the coherent mask, mapped and zeroed (c-api.md 5)", () => {
  for (const mode of ["off", "strict", "lazy"] as const) {
    const { dev, left, machine } = bench({ iommu: { mode } });
    const memory = allocPageMemory(machine, dev, 12 * KIB, DMA_FROM_DEVICE)!;
    assertEquals(machine.iommu.lookup(dev, memory.dma + 8 * KIB), memory.pages[2]!);
    assertEquals(machine.bus.write(dev, memory.dma, new Uint8Array([1]), 0, 1), true);
    freePageMemory(machine, memory, 12 * KIB, DMA_FROM_DEVICE);
    assertEquals(allocPageMemory(machine, dev, 8192 * KIB, DMA_FROM_DEVICE), null, "above 4 MiB");
    assertEquals(left(), NOTHING);
  }
});
