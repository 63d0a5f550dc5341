import { swiotlbConfig } from "../../machine_config.ts";
import { assertEquals, assertMatch } from "@std/assert";
import { DMA_MAPPING_ERROR, GIB, KIB, MIB } from "../../address.ts";
import { DMA_ATTR, DMA_BIDIRECTIONAL, DMA_FROM_DEVICE, DMA_TO_DEVICE } from "../attributes.ts";
import type { MachineConfig } from "../../machine_config.ts";
import { Scatterlist } from "../scatterlist.ts";
import { at, type TestBenchOptions } from "../testing.ts";
import { checkerBench, DIRECT } from "./_bench.ts";
import { FOUND_IN, REPORT_CLASSES } from "./report_classes.ts";
import type { KernelProfile } from "../../kernels/behaviours.ts";

const MODES = [{}, DIRECT, { iommu: { mode: "lazy" } }] as const satisfies TestBenchOptions[];

Deno.test("size, direction and a missing test are counted one by one (dma.md ch. 8 assertion 1)", () => {
  for (const options of MODES) {
    const size = checkerBench(options);
    size.unmap(size.map(0x10_0000, 0x1000), 0x800);
    assertEquals([size.errorCount(), size.classes()], [1, ["unmap_size"]]);

    const direction = checkerBench(options);
    direction.unmap(direction.map(0x10_0000, 0x1000), 0x800, DMA_FROM_DEVICE);
    assertEquals([direction.errorCount(), direction.classes()], [2, [
      "unmap_size",
      "unmap_direction",
    ]]);

    const untested = checkerBench(options);
    const { machine: { dma }, dev } = untested;
    const mapped = dma.dmaMapPhys(dev, at(0x10_0000), 0x1000, DMA_TO_DEVICE);
    dma.dmaUnmapPhys(dev, mapped, 0x800, DMA_FROM_DEVICE);
    assertEquals([untested.errorCount(), untested.classes()], [3, [
      "unmap_size",
      "unmap_direction",
      "error_unchecked",
    ]]);
  }
});

Deno.test("skip_cpu_sync may differ between map and unmap, mmio may not (dma.md ch. 8 assertion 2)", () => {
  const window = { name: "bar", basePhys: at(0xf000_0000), sizeBytes: MIB, type: "mmio" as const };
  const bench = checkerBench({ machine: { regions: [window] } });
  bench.unmap(bench.map(0x10_0000, 0x1000, DMA_TO_DEVICE, DMA_ATTR.SKIP_CPU_SYNC), 0x1000);
  assertEquals([bench.errorCount(), bench.classes()], [0, []]);
  bench.unmap(bench.map(0xf000_0000, 0x1000, DMA_TO_DEVICE, DMA_ATTR.MMIO), 0x1000);
  assertEquals([bench.errorCount(), bench.classes()], [1, ["unmap_attributes"]]);
});

Deno.test("two FROM maps of a line are an error, two TO maps are none (dma.md ch. 8 assertion 3)", () => {
  const arm = { iommu: { model: "smmu" }, machine: { swiotlb: NO_POOL } } as const;
  const from = checkerBench(arm);
  from.map(0x10_0000, 32, DMA_FROM_DEVICE);
  from.map(0x10_0020, 32, DMA_FROM_DEVICE);
  assertEquals([from.errorCount(), from.classes()], [1, ["cacheline_overlap"]]);
  const to = checkerBench(arm);
  to.map(0x10_0000, 32);
  to.map(0x10_0020, 32);
  assertEquals([to.errorCount(), to.classes()], [0, []]);
});

Deno.test("shared cache lines are found on the machines that their class names (dma.md 8.2 row 15)", () => {
  const found = (kernel: KernelProfile, machine: object) => {
    const bench = checkerBench({ ...machine, machine: { kernel, swiotlb: NO_POOL } });
    for (const phys of [0x10_0000, 0x10_0020]) bench.map(phys, 32, DMA_FROM_DEVICE);
    return bench.classes().includes("cacheline_overlap");
  };
  const all: readonly KernelProfile[] = ["6.12.117", "6.17.13", "7.2.12"];
  assertEquals(all.map((kernel) => found(kernel, {})), [true, true, false]);
  assertEquals(all.map((kernel) => found(kernel, { iommu: { model: "smmu" } })), [
    true,
    true,
    true,
  ]);
  assertEquals(REPORT_CLASSES.cacheline_overlap.found, "cache_lines");
  assertMatch(FOUND_IN.cache_lines, /Arm; up to 6\.17 also all other machines$/);
});

Deno.test("a list of 4 entries and 2 outputs has 2 records; unmapped with 2 entries it is wrong twice (dma.md ch. 8 assertion 4)", () => {
  const bench = checkerBench();
  const { machine, dev } = bench;
  const list = new Scatterlist([
    { phys: at(0x10_0000), sizeBytes: 0x1000 },
    { phys: at(0x20_0000), sizeBytes: 0x800 },
    { phys: at(0x30_0000), sizeBytes: 0x1000 },
    { phys: at(0x40_0000), sizeBytes: 0x1000 },
  ]);
  assertEquals(machine.dma.dmaMapSg(dev, list, DMA_TO_DEVICE), 2);
  assertEquals(machine.checker!.records, 2);
  machine.dma.dmaUnmapSg(dev, list, DMA_TO_DEVICE, 0, 2);
  assertEquals([bench.errorCount(), bench.classes()], [2, ["unmap_entries", "unmap_entries"]]);
  assertEquals(machine.checker!.records, 0);
});

Deno.test("no kernel check sees a leaked range: the counter stays 0 (dma.md ch. 8 assertion 5)", () => {
  const bench = checkerBench();
  bench.tryAlloc(0, 0x2000);
  bench.link(0x10_0000, 0, 0x2000);
  bench.machine.dma.unbind(bench.dev);
  assertEquals(bench.errorCount(), 0);
  const [report, ...others] = bench.reports();
  assertEquals([report?.class, report?.beyond_kernel, others], ["iova_leak_at_unbind", true, []]);
});

Deno.test("a second error is counted and not printed (dma.md ch. 8 assertion 6)", () => {
  const bench = checkerBench({ machine: { dmaDebug: true } });
  bench.unmap(bench.map(0x10_0000, 0x1000), 0x800);
  bench.unmap(bench.map(0x10_0000, 0x1000), 0x1000, DMA_FROM_DEVICE);
  assertEquals(bench.errorCount(), 2);
  const printed = bench.fields("kernel.warn").filter((warn) => warn.at === "dma_debug");
  assertEquals(printed.length, 1);
  assertEquals(bench.classes(), ["unmap_size", "unmap_direction"]);
});

Deno.test("a kernel without debugging prints nothing of all this", () => {
  const bench = checkerBench(DIRECT);
  bench.unmap(bench.map(0x10_0000, 0x1000), 0x800);
  assertEquals(bench.names("kernel.warn"), []);
  assertEquals(bench.errorCount(), 1);
});

Deno.test("row 4: a mapping ends by the family of calls that made it (dma.md 8.2)", () => {
  const bench = checkerBench();
  const { machine: { dma }, dev } = bench;
  const one = bench.map(0x10_0000, 0x1000);
  const list = new Scatterlist([{ phys: at(0x20_0000), sizeBytes: 0x1000 }]);
  dma.dmaMapSg(dev, list, DMA_TO_DEVICE);
  bench.unmap(list.dmaAddressAt(0), 0x1000);
  list.setOutput(0, at(0x10_0000), one, 0x1000);
  dma.dmaUnmapSg(dev, list, DMA_TO_DEVICE);
  const memory = dma.dmaAllocCoherent(dev, 0x1000)!;
  bench.unmap(memory.dma, 0x1000, DMA_BIDIRECTIONAL);
  assertEquals(bench.classes(), ["unmap_kind", "unmap_kind", "unmap_kind"]);
  assertEquals(bench.errorCount(), 3);
});

const AREAS: Partial<MachineConfig> = {
  regions: [
    { name: "kernel_stack", basePhys: at(16 * MIB), sizeBytes: 16 * KIB, type: "ram" },
    { name: "kernel_text", basePhys: at(32 * MIB), sizeBytes: MIB, type: "ram" },
    { name: "kernel_rodata", basePhys: at(33 * MIB), sizeBytes: MIB, type: "ram" },
    { name: "vmalloc", basePhys: at(64 * MIB), sizeBytes: MIB, type: "ram" },
    { name: "bar", basePhys: at(0xf000_0000), sizeBytes: MIB, type: "mmio" },
  ],
};

Deno.test("rows 10 and 11: the kernel's stack, code and constants are not mapped (dma.md 8.2)", () => {
  const bench = checkerBench({ machine: AREAS });
  bench.map(16 * MIB - 16, 64);
  bench.map(32 * MIB, 64);
  bench.map(33 * MIB, 64);
  assertEquals([bench.errorCount(), bench.classes()], [3, ["map_stack", "map_text", "map_text"]]);
  const list = new Scatterlist([{ phys: at(16 * MIB), sizeBytes: 64 }]);
  bench.machine.dma.dmaMapSg(bench.dev, list, DMA_TO_DEVICE);
  assertEquals(bench.classes(), ["map_stack"]);
});

Deno.test("row 12: map-single of an address without RAM (dma.md 8.2)", () => {
  const bench = checkerBench({ machine: AREAS });
  const { machine: { dma }, dev } = bench;
  dma.dmaMapSingle(dev, at(0xf000_0000), 64, DMA_TO_DEVICE);
  dma.dmaMapSingle(dev, at(64 * GIB), 64, DMA_TO_DEVICE);
  dma.dmaMapSingle(dev, at(0x10_0000), 64, DMA_TO_DEVICE);
  const reports = bench.reports();
  assertEquals([bench.errorCount(), reports.map((report) => report.class)], [
    2,
    ["map_invalid", "map_invalid"],
  ]);
  for (const { text } of reports) {
    assertMatch(text, /Address outside RAM mapped without DMA_ATTR_MMIO for device "dev"/);
  }
});

Deno.test("row 13: vmalloc memory is refused before debugging could see it (dma.md 1.4, 8.2)", () => {
  const bench = checkerBench({ machine: AREAS });
  const { machine, dev } = bench;
  const map = () => machine.dma.dmaMapSingle(dev, at(64 * MIB), 64, DMA_TO_DEVICE);
  assertEquals([map(), map()], [DMA_MAPPING_ERROR, DMA_MAPPING_ERROR]);
  assertEquals(machine.warnings.total, 1);
  // A page is passed without a virtual address, so a vmalloc page is not detected.
  assertEquals(machine.dma.dmaMapPage(dev, at(64 * MIB), 0, 64, DMA_TO_DEVICE) >= 0, true);
  const reports = bench.reports().slice(0, 2);
  assertEquals([bench.errorCount(), reports.map((report) => report.class)], [
    0,
    ["map_vmalloc", "map_vmalloc"],
  ]);
  assertEquals(
    reports[0]!.text,
    "64 bytes of vmalloc memory (also: vmapped stack, module data) at physical 0x400_0000 " +
      'mapped as one buffer for device "dev": its pages need not be contiguous',
  );
});

Deno.test("row 14: the mmio attribute is not for RAM (dma.md 8.2)", () => {
  const bench = checkerBench({ machine: AREAS });
  const { machine: { dma }, dev } = bench;
  dma.dmaMapResource(dev, at(0xf000_0000), 64, DMA_TO_DEVICE);
  assertEquals(bench.classes(), []);
  dma.dmaMapResource(dev, at(0x10_0000), 64, DMA_TO_DEVICE);
  assertEquals([bench.errorCount(), bench.classes()], [1, ["mmio_is_ram"]]);
});

const NO_POOL = swiotlbConfig({ sizeBytes: 0 });

Deno.test("two mappings of a non-coherent device in one line are reported where the kernel's check is silent (dma.md 2.2)", () => {
  type Map = readonly [phys: number, sizeBytes: number, dir: 0 | 1 | 2, attrs?: number];
  const run = (first: Map, second: Map, options: TestBenchOptions = {}) => {
    const bench = checkerBench({ ...options, device: { coherent: false, ...options.device } });
    for (const [phys, sizeBytes, dir, attrs] of [first, second]) {
      bench.map(phys, sizeBytes, dir, attrs);
    }
    return bench.classes();
  };
  const shared = ["cacheline_shared"];
  const { DEBUGGING_IGNORE_CACHELINES, SKIP_CPU_SYNC } = DMA_ATTR;
  const from: Map = [0x1000, 0x1000, DMA_FROM_DEVICE];
  // With bounce buffers, the kernel compares no cache lines, so only dmalab's own check reports.
  assertEquals(run(from, [0x1800, 0x1000, DMA_FROM_DEVICE]), shared);
  assertEquals(run([0x1800, 0x1000, DMA_FROM_DEVICE], from), shared);
  assertEquals(run(from, [0x1fff, 0x1000, DMA_TO_DEVICE]), shared, "the last line of the first");
  assertEquals(run(from, [0x2000, 0x1000, DMA_FROM_DEVICE]), []);
  assertEquals(run(from, [0x1800, 1, DMA_TO_DEVICE]), shared, "a mapping of one byte");
  assertEquals(run([0x1020, 0xfe0, 1], [0x1000, 0x20, DMA_TO_DEVICE]), [], "two that are read");
  // Without bounce buffers, the kernel compares the first lines of mappings.
  const alone = { machine: { swiotlb: NO_POOL } };
  assertEquals(run(from, [0x1800, 0x1000, DMA_FROM_DEVICE], alone), shared);
  assertEquals(run(from, [0x1000, 0x40, DMA_TO_DEVICE], alone), shared);
  assertEquals(run(from, [0x1000, 0x1000, DMA_FROM_DEVICE, SKIP_CPU_SYNC], alone), shared);
  assertEquals(run(from, from, alone), ["cacheline_overlap"], "once, by the kernel's own check");
  // Not reported: two mappings with the attribute for clean lines, bounced buffers, and coherent
  // devices.
  const clean: Map = [0x1000, 0x1000, DMA_FROM_DEVICE, DEBUGGING_IGNORE_CACHELINES];
  assertEquals([run(clean, clean), run(clean, from)], [[], shared]);
  const small = [[0x1000, 32, DMA_FROM_DEVICE], [0x1020, 32, DMA_FROM_DEVICE]] as const;
  assertEquals([run(...small), run(...small, DIRECT)], [[], []], "the kmalloc rule bounces them");
  assertEquals(run(from, from, { device: { coherent: true } }), []);
});

Deno.test("an ended mapping shares no line, however many there are", () => {
  const bench = checkerBench({ device: { coherent: false } });
  const from = (page: number) => bench.map(page * 0x1000, 0x1000, DMA_FROM_DEVICE);
  const pages = [7, 3, 5, 1, 9].map((page) => [page, from(page)] as const);
  for (const [page, dma] of pages) {
    bench.unmap(dma, 0x1000, DMA_FROM_DEVICE);
    from(page + 100);
  }
  for (const [page] of pages) from(page);
  assertEquals(bench.classes(), []);
  from(105);
  assertEquals(bench.classes(), ["cacheline_shared"]);
});

Deno.test("row 16: any number of mappings may share a line that all of them keep clean (dma.md 8.2)", () => {
  const { DEBUGGING_IGNORE_CACHELINES } = DMA_ATTR;
  const run = (attrs: number) => {
    const bench = checkerBench({ iommu: { model: "smmu" }, machine: { swiotlb: NO_POOL } });
    for (let count = 0; count < 12; count++) bench.map(0x1000, 64, DMA_FROM_DEVICE, attrs);
    return new Set(bench.classes()).has("cacheline_overlap_many");
  };
  assertEquals([run(0), run(DEBUGGING_IGNORE_CACHELINES)], [true, false]);
});

Deno.test("row 16: more than seven overlaps of a line are warned of once, and not counted (dma.md 8.2)", () => {
  const bench = checkerBench({
    iommu: { model: "smmu" },
    machine: { swiotlb: NO_POOL, dmaDebug: true },
  });
  for (let count = 0; count < 8; count++) bench.map(0x1000, 64, DMA_FROM_DEVICE);
  assertEquals([bench.errorCount(), bench.classes().length], [7, 7]);
  bench.map(0x1000, 64, DMA_FROM_DEVICE);
  assertEquals(bench.fields("kernel.warn").map((warn) => warn.at), ["cacheline_overlap"]);
  assertEquals(bench.classes(), ["cacheline_overlap", "cacheline_overlap_many"]);
  bench.map(0x1000, 64, DMA_FROM_DEVICE);
  assertEquals([bench.errorCount(), bench.classes()], [9, ["cacheline_overlap"]]);
});

Deno.test("an unmap fits the maps of its family, and agrees with them on attributes that change the mapping (dma.md 8.2, row 9)", () => {
  const calls = ["Phys", "Page", "Single", "Resource"] as const;
  const found = (kernel: "6.12.117" | "7.2.12", map: typeof calls[number], unmap: typeof map) => {
    const { classes, dev, machine: { dma } } = checkerBench({ machine: { kernel } });
    const phys = at(0x10_0000);
    const mapped = map === "Page"
      ? dma.dmaMapPage(dev, phys, 0, 0x1000, DMA_TO_DEVICE)
      : dma[`dmaMap${map}`](dev, phys, 0x1000, DMA_TO_DEVICE);
    dma.dmaMappingError(dev, mapped);
    classes();
    dma[`dmaUnmap${unmap}`](dev, mapped, 0x1000, DMA_TO_DEVICE);
    return classes().join(" ");
  };
  const matrix = (kernel: "6.12.117" | "7.2.12") =>
    calls.map((map) => calls.map((unmap) => found(kernel, map, unmap)));
  for (
    const [kernel, wrong] of [["6.12.117", "unmap_kind"], ["7.2.12", "unmap_attributes"]] as const
  ) {
    const ofRam = ["", "", "", wrong];
    assertEquals(matrix(kernel), [ofRam, ofRam, ofRam, [wrong, wrong, wrong, ""]], kernel);
  }
  const agreed = Object.entries(DMA_ATTR).filter(([, attr]) => {
    const { classes, map, unmap } = checkerBench();
    unmap(map(0x10_0000, 0x1000), 0x1000, DMA_TO_DEVICE, attr);
    return classes().length > 0;
  });
  assertEquals(
    agreed.map(([name]) => name).sort(),
    [
      "CC_SHARED",
      "FORCE_CONTIGUOUS",
      "MMIO",
      "NO_KERNEL_MAPPING",
      "PRIVILEGED",
      "REQUIRE_COHERENT",
    ],
  );
});
