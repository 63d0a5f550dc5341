/** The kernel's own warnings during mapping calls, word by word. */
import { assertEquals } from "@std/assert";
import { DMA_MAPPING_ERROR, type DmaAddr, GIB, MIB } from "../address.ts";
import type { EventFields } from "../event_vocabulary.ts";
import type { KernelProfile } from "../kernels/behaviours.ts";
import { swiotlbConfig } from "../machine_config.ts";
import { hmmDmaMapAlloc } from "../mm/hmm_dma_map.ts";
import { DMA_ATTR, DMA_TO_DEVICE } from "./attributes.ts";
import { DmaDevice } from "./device/device.ts";
import { DmaIovaState } from "./iova_state.ts";
import { Scatterlist } from "./scatterlist.ts";
import { at, type TestBench, testBench, type TestBenchOptions } from "./testing.ts";

type Warning = EventFields<"kernel.warn">;

/** A warning, by default without a log message. */
const warning = (where: string, text: string, log: string | null = null): Warning => ({
  at: where,
  text,
  log,
  error: null,
});

function warned(options: TestBenchOptions, work: (bench: TestBench) => void): Warning[] {
  const bench = testBench(options);
  work(bench);
  return bench.fields("kernel.warn") as Warning[];
}

const map = ({ machine, dev }: TestBench, phys: number, sizeBytes: number, attrs = 0) =>
  machine.dma.dmaMapPhys(dev, at(phys), sizeBytes, DMA_TO_DEVICE, attrs);

const OFF: TestBenchOptions = { iommu: { mode: "off" } };
const NO_POOL = swiotlbConfig({ sizeBytes: 0 });
const BEYOND: TestBenchOptions = {
  ...OFF,
  machine: { ramSizeBytes: 8 * GIB, swiotlb: NO_POOL },
  device: { maskBits: 32 },
};

Deno.test("the kernel's words of a buffer that cannot be reached (dma.md 2.1)", () => {
  const pool = "Cannot bounce 4096 bytes: the machine has no bounce-buffer pool";
  assertEquals(warned(BEYOND, (bench) => map(bench, 0x1_2345_6000, 4096)), [
    warning(
      "dma_direct_map",
      'Device "dev" cannot reach 0x1_2345_6000 (4096 bytes): its last address is 0xffff_ffff',
      "DMA addr 0x0000000123456000+4096 overflow (mask ffffffff, bus limit 0).",
    ),
  ]);
  const forced = { ...OFF, machine: { swiotlb: swiotlbConfig({ force: true, sizeBytes: 0 }) } };
  assertEquals(warned(forced, (bench) => map(bench, 0x10_0000, 4096)), [
    warning("swiotlb_full", pool),
  ]);
});

Deno.test("a pool that is out of reach too is logged by its own address (dma.md 2.1)", () => {
  const pool = swiotlbConfig({ basePhys: at(0x6000_0000) });
  const far = { ...OFF, machine: { swiotlb: pool }, device: { maskBits: 30, busLimitBits: 29 } };
  assertEquals(warned(far, (bench) => map(bench, 0x7000_0000, 4096)).map(({ log }) => log), [
    "swiotlb addr 0x0000000060000000+4096 overflow (mask 3fffffff, bus limit 1fffffff).",
  ]);
});

Deno.test("buffers and lists out of reach warn once each, since 7.3 once in all (dma.md 2.1, v7.3.md 3.12)", () => {
  const sites = (kernel: KernelProfile, options = BEYOND) =>
    warned({ ...options, machine: { ...options.machine, kernel } }, (bench) => {
      const { dev, machine } = bench;
      for (let times = 0; times < 2; times++) {
        map(bench, 0x1_2345_6000, 4096);
        const list = new Scatterlist([{ phys: at(0x1_2345_6000), sizeBytes: 4096 }]);
        machine.dma.dmaMapSg(dev, list, DMA_TO_DEVICE);
      }
    }).map(({ at }) => at);
  assertEquals(sites("7.2.13"), ["dma_direct_map", "dma_direct_map_sg"]);
  assertEquals(sites("7.3.4"), ["dma_direct_map"]);
  const pool = swiotlbConfig({ basePhys: at(0x6000_0000) });
  const far = { ...OFF, machine: { swiotlb: pool }, device: { maskBits: 30 } };
  assertEquals(sites("7.2.13", far), ["swiotlb_map"]);
});

Deno.test("coherent memory is freed with interrupts on: a spin lock alone does not matter (c-api.md 5)", () => {
  const frees = (prepare: (bench: TestBench) => void) =>
    warned({}, (bench) => {
      const memory = bench.machine.dma.dmaAllocCoherent(bench.dev, 4096)!;
      prepare(bench);
      bench.machine.dma.dmaFreeCoherent(bench.dev, memory);
    }).map(({ at }) => at);
  assertEquals(frees(({ machine }) => machine.context.lock()), []);
  assertEquals(frees(({ machine }) => machine.context.disableIrqs()), ["dma_free_attrs"]);
});

Deno.test("the kernel's words of what an IOMMU refuses (dma.md 1.5, 1.6, 4.2)", () => {
  assertEquals(warned({ device: { minAlignMask: 0x1fff } }, (bench) => map(bench, 0x1000, 4096)), [
    warning("__iommu_dma_map", 'Device "dev" wants more address bits kept than a granule has'),
  ]);
  const unmap = (dma: number) => ({ machine, dev }: TestBench) =>
    machine.dma.dmaUnmapPhys(dev, dma as DmaAddr, 4096, DMA_TO_DEVICE);
  assertEquals(warned({ device: { untrusted: true } }, unmap(0x5000)), [
    warning(
      "iommu_dma_unmap_phys",
      'Device "dev" unmaps 0x5000, where nothing is mapped',
    ),
  ]);
  assertEquals(warned({}, unmap(DMA_MAPPING_ERROR)), [
    warning("iommu_dma_unmap_phys", 'Device "dev" unmaps DMA_MAPPING_ERROR'),
  ]);
  const twice = ({ machine, dev }: TestBench) => {
    const list = new Scatterlist([{ phys: at(0x1_0000), sizeBytes: 0x1000 }]);
    machine.dma.dmaMapSgtable(dev, list, DMA_TO_DEVICE);
    machine.dma.dmaUnmapSg(dev, list, DMA_TO_DEVICE);
    machine.dma.dmaUnmapSg(dev, list, DMA_TO_DEVICE);
  };
  assertEquals(warned({}, twice), [
    warning("__iommu_dma_unmap", 'Device "dev": 0 of 4096 bytes at 0xffff_f000 were mapped'),
  ]);
  const used = warned({}, (bench) => {
    map(bench, 0x8000_0000, 2 ** 31);
    map(bench, 0x8000_0000, 2 ** 31);
  });
  assertEquals(used, [
    warning(
      "iommu_dma_alloc_iova",
      'Device "dev" has used up the IOVAs below 4 GiB and from now on takes those of ' +
        "48 bits",
      "Using 48-bit DMA addresses",
    ),
  ]);
});

Deno.test("the kernel's words of pages that are none, and of vmalloc memory (dma.md 1.4)", () => {
  const window = { name: "bar", basePhys: at(0xf000_0000), sizeBytes: MIB, type: "mmio" as const };
  const debugged = { machine: { dmaDebug: true, regions: [window] } };
  const page = ({ machine, dev }: TestBench) =>
    machine.dma.dmaMapPage(dev, at(0xf000_0000), 0, 4096, DMA_TO_DEVICE);
  assertEquals(
    warned(debugged, page)[0],
    warning("dma_map_page", "The page at 0xf000_0000 is a device's memory"),
  );
});

Deno.test("the kernel's words of the two-step API (dma.md 3.2, 3.3, 3.6)", () => {
  const state = new DmaIovaState();
  const range = (sizeBytes: number) => ({ machine, dev }: TestBench) =>
    machine.dma.dmaIovaTryAlloc(dev, state, at(0), sizeBytes);
  assertEquals(warned({}, range(0)), [
    warning("dma_iova_try_alloc", 'Device "dev" requests an IOVA range of 0 bytes'),
  ]);
  const short = { machine: { quirks: new Set(["iova_size_32_bits"] as const) } };
  assertEquals(warned(short, range(2 ** 31)), [
    warning("dma_iova_try_alloc_size", 'Device "dev" requests an IOVA range of 2147483648 bytes'),
  ]);
  const link = ({ machine, dev }: TestBench, phys: number, offset: number, attrs = 0) =>
    machine.dma.dmaIovaLink(dev, state, at(phys), offset, 0x1000, DMA_TO_DEVICE, attrs);
  assertEquals(
    warned({}, (bench) => {
      range(0x2000)(bench);
      link(bench, 0x1000, 0);
      link(bench, 0x7000_0200, 0x1000);
    }),
    [warning(
      "dma_iova_link",
      'Device "dev": unaligned address 0x7000_0200 at offset 4096 of a range',
    )],
  );
  const untrusted = { device: { untrusted: true, minAlignMask: 0xfff } };
  assertEquals(
    warned(untrusted, (bench) => {
      const { machine, dev } = bench;
      machine.dma.dmaIovaTryAlloc(dev, state, at(0x1200), 0x2000);
      machine.dma.dmaIovaLink(dev, state, at(0x1200), 0, 0xe00, DMA_TO_DEVICE, 0);
      link(bench, 0x1000_0000, 0xe00, DMA_ATTR.REQUIRE_COHERENT);
    }),
    [warning(
      "dma_iova_link_coherent",
      'Device "dev" wants coherent memory in a range that has bounce buffers',
    )],
  );
  assertEquals(
    warned({}, (bench) => {
      range(0x1000)(bench);
      bench.machine.dma.dmaIovaUnlink(bench.dev, state, 0, 0x1000, DMA_TO_DEVICE);
    }),
    [warning(
      "__iommu_dma_iova_unlink",
      'Device "dev": 0 of 4096 bytes at 0xffff_f000 were mapped',
    )],
  );
});

Deno.test("the kernel's words of an empty list, and of an entry larger than its map (dma.md 1.8, hmm-rdma-vfio.md 1.2)", () => {
  const empty = ({ machine, dev }: TestBench) =>
    machine.dma.dmaMapSgtable(dev, new Scatterlist([]), DMA_TO_DEVICE);
  assertEquals(warned({}, empty), [
    warning("__dma_map_sg_attrs", "A list map ended with 0"),
  ]);
  const entry = ({ machine, dev }: TestBench) => hmmDmaMapAlloc(machine, dev, 511, 2 * MIB);
  assertEquals(warned({}, entry), [
    warning(
      "hmm_dma_map_alloc",
      'Device "dev" has entries of 2097152 bytes for a map of 2093056',
    ),
  ]);
});

Deno.test("the kernel's words of a bus whose ranges leave nothing to translate (dma.md 4.6)", () => {
  const ranges = (...starts: number[]): TestBenchOptions => ({
    device: {
      ranges: starts.map((dma, index) => ({
        cpuPhys: at(index * GIB),
        dma: dma as DmaAddr,
        sizeBytes: 0x2000,
      })),
    },
  });
  const { machine } = testBench();
  const attached = (options: TestBenchOptions): Warning[] => {
    const seen: Warning[] = [];
    const stop = machine.events.listen(({ fields }) => seen.push(fields as Warning), [
      "kernel.warn",
    ]);
    machine.iommu.attach(new DmaDevice("dev", options.device));
    stop();
    return seen;
  };
  const says = (end: string) => [
    warning(
      "iommu_setup_dma_ops",
      `Device "dev" gets no IOVAs: the ranges of its bus ${end}`,
    ),
  ];
  assertEquals(attached(ranges(0, 0x1000)), says("overlap"));
  assertEquals(attached(ranges(2 ** 48)), says("lie beyond what the IOMMU translates"));
});
