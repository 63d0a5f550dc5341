/** Pages that are freed while an IOMMU maps them: the kernel's messages, by release and mode. */
import { assertEquals, assertMatch } from "@std/assert";
import { type DmaAddr, PAGE_SIZE_BYTES } from "../address.ts";
import { DMA_BIDIRECTIONAL } from "../dma/attributes.ts";
import { DmaDevice, type DmaDeviceOptions } from "../dma/device/device.ts";
import { Machine } from "../machine.ts";
import type { IommuConfig, MachineConfig } from "../machine_config.ts";
import { testConfig } from "../testing_config.ts";

interface Options {
  readonly iommu?: Partial<IommuConfig>;
  readonly machine?: Partial<Omit<MachineConfig, "iommu">>;
  readonly device?: DmaDeviceOptions;
  readonly offset?: number;
}

/** Makes a machine with a device and a page, and counts the kernel's warnings at each step. */
function bench({ iommu, machine: more, device, offset = 0 }: Options = {}) {
  const machine = new Machine(testConfig({
    iommu: { debugPagealloc: true, ...iommu },
    machine: { checker: "off", ...more },
  }));
  const dev = new DmaDevice("nic", device);
  machine.iommu.attach(dev);
  const pages = machine.pages.alloc(1)!;
  const sizeBytes = PAGE_SIZE_BYTES - offset;
  let before = 0;
  const warned = (work: () => unknown): number => {
    work();
    const now = machine.warnings.total - before;
    before = machine.warnings.total;
    return now;
  };
  return {
    machine,
    warned,
    map: () => machine.dma.dmaMapPage(dev, pages[0]!, offset, sizeBytes, DMA_BIDIRECTIONAL),
    unmap: (dma: DmaAddr) => machine.dma.dmaUnmapPage(dev, dma, sizeBytes, DMA_BIDIRECTIONAL),
    free: () => machine.pages.free(pages),
    again: () => machine.pages.claim(pages[0]!, 1),
  };
}

/** Number of warnings at: map, free, allocate again, unmap, free. */
function story(options: Options): number[] {
  const { again, free, map, unmap, warned } = bench(options);
  let dma = 0 as DmaAddr;
  return [() => dma = map(), free, again, () => unmap(dma), free].map(warned);
}

Deno.test("one warning at the free, and a second one at the next allocation (dma.md 8.4, cases 1 and 2)", () => {
  assertEquals(story({}), [0, 1, 1, 0, 0]);
  assertEquals(story({ machine: { kernel: "7.3" } }), [0, 1, 1, 0, 0]);
  assertEquals(story({ iommu: { mode: "lazy" } }), [0, 1, 1, 0, 0]);
});

Deno.test("neither without the boot parameter nor on 6.12 (dma.md 8.4)", () => {
  assertEquals(story({ iommu: { debugPagealloc: false } }), [0, 0, 0, 0, 0]);
  assertEquals(story({ machine: { kernel: "6.12" } }), [0, 0, 0, 0, 0]);
});

Deno.test("a bounce slot counts for the pool's pages (dma.md 8.4, case 3)", () => {
  assertEquals(story({ device: { untrusted: true }, offset: 512 }), [0, 0, 0, 0, 0]);
});

Deno.test("direct mappings count never (dma.md 8.4, case 4)", () => {
  assertEquals(story({ iommu: { mode: "passthrough" } }), [0, 0, 0, 0, 0]);
  assertEquals(story({ iommu: { mode: "off" } }), [0, 0, 0, 0, 0]);
});

Deno.test("a lazy unmap counts at the unmap, not at the flush (dma.md 8.4, case 5)", () => {
  const { free, machine, map, unmap, warned } = bench({ iommu: { mode: "lazy" } });
  const dma = map();
  assertEquals(warned(() => unmap(dma)), 0);
  assertEquals([machine.iommu.pendingFlushes, warned(free)], [1, 0]);
});

Deno.test("two mappings of a page: both must be gone (dma.md 8.4)", () => {
  const { again, free, map, unmap, warned } = bench();
  const [first, second] = [map(), map()];
  unmap(first);
  assertEquals(warned(free), 1);
  warned(again);
  unmap(second);
  assertEquals(warned(free), 0);
});

Deno.test("the line is the kernel's, one for each frame (dma.md 8.4)", () => {
  const { again, free, machine, map } = bench();
  map();
  const lines: unknown[] = [];
  machine.events.listen(({ fields }) => void lines.push(fields), ["kernel.warn"]);
  free();
  assertEquals(lines, [{
    at: "__iommu_debug_check_unmapped",
    text: "The page at 0x4000_0000 is freed or allocated while an IOMMU maps it once",
    log: "iommu: Detected page leak!",
    error: null,
  }]);
  map();
  again();
  assertMatch(JSON.stringify(lines[1]), /while an IOMMU maps it 2 times/);
});

Deno.test("each granule of a mapping counts by itself, until it is really cleared (dma.md 8.4)", () => {
  const machine = new Machine(testConfig({ iommu: { debugPagealloc: true } }));
  const dev = new DmaDevice("nic");
  machine.iommu.attach(dev);
  const domain = dev.domain!;
  const pages = machine.pages.alloc(5)!;
  const [first, iova] = [pages[0]!, 0x1000_0000];
  const unmap = (page: number, count: number) =>
    domain.unmap(iova + page * PAGE_SIZE_BYTES, count * PAGE_SIZE_BYTES, true, "iommu_unmap");
  assertEquals(domain.map(iova, first, 4 * PAGE_SIZE_BYTES, 3), 0);
  assertEquals(domain.map(iova, first, PAGE_SIZE_BYTES, 3) < 0, true, "what fails counts nothing");
  assertEquals(unmap(1, 1), PAGE_SIZE_BYTES);
  // The unmap ends at the hole, and the pages after it stay mapped.
  assertEquals(unmap(0, 4), PAGE_SIZE_BYTES);
  const warned = pages.map((page) => {
    const { total } = machine.warnings;
    machine.pages.free([page]);
    return machine.warnings.total - total;
  });
  assertEquals(warned, [0, 0, 1, 1, 0]);
  const { total } = machine.warnings;
  machine.pages.claim(first, 5 * PAGE_SIZE_BYTES);
  assertEquals(machine.warnings.total - total, 2);
});
