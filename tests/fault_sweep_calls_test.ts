/**
 * Calls of the DMA API, repeated so that each allocation and each mapping inside them fails once.
 * The caller must get the result that the kernel would return, and nothing that was allocated may
 * be lost.
 */
import {
  DMA_MAPPING_ERROR,
  type DmaAddr,
  errnoName,
  type InjectionPointName,
  type IommuConfig,
  swiotlbConfig,
} from "@dmalab/runtime";
import { assert, assertEquals } from "@std/assert";
import {
  DMA_BIDIRECTIONAL,
  DMA_TO_DEVICE,
  type DmaDeviceOptions,
  DmaIovaState,
  DmaPool,
  Scatterlist,
} from "@dmalab/runtime/dma";
import { at, type TestBench, testBench } from "@dmalab/runtime/testing";
import { sweep } from "./fault_sweep.ts";

/** An environment in which a call takes another code path. */
interface Environment {
  readonly name: string;
  readonly iommu: Partial<IommuConfig>;
  readonly device?: DmaDeviceOptions;
  readonly force?: boolean;
}

const DIRECT: Environment = { name: "direct", iommu: { mode: "off" } };
const BOUNCED: Environment = { name: "forced bounce", iommu: { mode: "off" }, force: true };
const NVME_LIKE = { minAlignMask: 0xfff };
const UNTRUSTED: Environment = {
  name: "untrusted",
  iommu: { mode: "strict" },
  device: { untrusted: true, ...NVME_LIKE },
};
const TRANSLATED: readonly Environment[] = [
  { name: "strict", iommu: { mode: "strict" } },
  { name: "lazy", iommu: { mode: "lazy" } },
  { name: "strict, AMD", iommu: { mode: "strict", model: "amd" } },
  { name: "strict, Arm", iommu: { mode: "strict", model: "smmu" } },
  { name: "strict, not coherent", iommu: { mode: "strict" }, device: { coherent: false } },
];
const ALL = [DIRECT, BOUNCED, UNTRUSTED, ...TRANSLATED];

function bench({ device = {}, force = false, iommu }: Environment): TestBench {
  const swiotlb = swiotlbConfig({ sizeBytes: 64 * 2 ** 20, force, basePhys: at(0x6000_0000) });
  return testBench({ iommu, device, machine: { swiotlb } });
}

/**
 * For each injection point, the result of a call if an allocation or a mapping fails at that point
 * inside the call. All failures at one point must give the same result.
 */
function answers<R>(
  environment: Environment,
  act: (bench: TestBench) => R,
): ReadonlyMap<InjectionPointName, R> {
  const { clean, faults } = sweep(() => {
    const built = bench(environment);
    return { machine: built.machine, run: () => act(built) };
  });
  assertEquals(clean.leaks, [], `${environment.name}: without a fault`);
  const outcome = new Map<InjectionPointName, R>();
  for (const { leaks, nth, point, outcome: answer } of faults) {
    const where = `${environment.name}: ${point} ${nth}`;
    assertEquals(leaks.map(({ text }) => text), [], where);
    if (outcome.has(point)) assertEquals(answer, outcome.get(point)!, where);
    outcome.set(point, answer);
  }
  return outcome;
}

const nameOf = (error: number) => error === 0 ? "OK" : errnoName(error);

Deno.test("dma_map_phys() gives the error value wherever it fails, and keeps nothing (dma.md 1.8)", () => {
  for (const environment of ALL) {
    const outcome = answers(environment, ({ dev, machine: { dma } }) => {
      // The buffer begins inside a granule and ends in a later one, so that it is bounced for an
      // untrusted device.
      const addr = dma.dmaMapPhys(dev, at(0x10_0e00), 0x1400, DMA_TO_DEVICE);
      if (addr !== DMA_MAPPING_ERROR) dma.dmaUnmapPhys(dev, addr, 0x1400, DMA_TO_DEVICE);
      return addr === DMA_MAPPING_ERROR;
    });
    assertEquals([...outcome.values()].every((refused) => refused), true, environment.name);
    assert(outcome.has("dma_map_phys"), environment.name);
    assertEquals(outcome.has("iova.alloc"), environment.iommu.mode !== "off", environment.name);
    assertEquals(
      outcome.has("page_table.alloc"),
      environment.iommu.mode !== "off",
      environment.name,
    );
    const bounces = environment === BOUNCED || environment === UNTRUSTED;
    assertEquals(outcome.has("swiotlb.alloc"), bounces, environment.name);
  }
});

Deno.test("the other single maps give the error value too", () => {
  const maps = {
    dma_map_page: ({ dev, machine: { dma } }: TestBench): DmaAddr =>
      dma.dmaMapPage(dev, at(0x10_0000), 0, 4096, DMA_TO_DEVICE),
    dma_map_single: ({ dev, machine: { dma } }: TestBench): DmaAddr =>
      dma.dmaMapSingle(dev, at(0x10_0000), 4096, DMA_TO_DEVICE),
    dma_map_resource: ({ dev, machine: { dma } }: TestBench): DmaAddr =>
      dma.dmaMapResource(dev, at(0x40_0000_0000), 4096, DMA_TO_DEVICE),
  };
  for (const [name, map] of Object.entries(maps)) {
    const outcome = answers(TRANSLATED[0]!, (built) => {
      const addr = map(built);
      const { dma } = built.machine;
      if (addr !== DMA_MAPPING_ERROR) {
        if (name === "dma_map_page") dma.dmaUnmapPage(built.dev, addr, 4096, DMA_TO_DEVICE);
        else if (name === "dma_map_single") {
          dma.dmaUnmapSingle(built.dev, addr, 4096, DMA_TO_DEVICE);
        } else dma.dmaUnmapResource(built.dev, addr, 4096, DMA_TO_DEVICE);
      }
      return addr === DMA_MAPPING_ERROR;
    });
    assertEquals(Object.fromEntries(outcome), {
      [name]: true,
      "iova.alloc": true,
      "page_table.alloc": true,
    });
  }
});

Deno.test("dma_iova_try_alloc() returns false with the state all zero (dma.md 3.2)", () => {
  for (const environment of [UNTRUSTED, ...TRANSLATED]) {
    const outcome = answers(environment, ({ dev, machine: { dma } }) => {
      const state = new DmaIovaState();
      state.addr = 0x1000 as DmaAddr;
      const got = dma.dmaIovaTryAlloc(dev, state, at(0x800), 0x4000);
      if (got) dma.dmaIovaFree(dev, state);
      return got ? "yes" : [state.addr, state.sizeBytes];
    });
    assertEquals(Object.fromEntries(outcome), {
      dma_iova_try_alloc: [0, 0],
      "iova.alloc": [0, 0],
    });
  }
});

/**
 * Links buffers one after the other, syncs the range and destroys it. After an error, destroys only
 * the part of the range that was linked.
 */
function linkAll(
  { dev, machine: { dma } }: TestBench,
  buffers: readonly (readonly [phys: number, sizeBytes: number])[],
): string {
  const state = new DmaIovaState();
  const total = buffers.reduce((sum, [, sizeBytes]) => sum + sizeBytes, 0);
  if (!dma.dmaIovaTryAlloc(dev, state, at(buffers[0]![0]), total)) return "no range";
  let linked = 0;
  let error = 0;
  for (const [phys, sizeBytes] of buffers) {
    error = dma.dmaIovaLink(dev, state, at(phys), linked, sizeBytes, DMA_BIDIRECTIONAL);
    if (error !== 0) break;
    linked += sizeBytes;
  }
  if (error === 0) error = dma.dmaIovaSync(dev, state, 0, linked);
  if (linked > 0) dma.dmaIovaUnlink(dev, state, 0, linked, DMA_BIDIRECTIONAL);
  dma.dmaIovaFree(dev, state);
  return nameOf(error);
}

Deno.test("dma_iova_link() and dma_iova_sync() return the kernel's errno, and link nothing (dma.md 3.3)", () => {
  for (const environment of TRANSLATED) {
    // The first two links are in different page tables, so that the second link needs a new table.
    const outcome = answers(
      environment,
      (built) => linkAll(built, [[0x10_0000, 0x20_0000], [0x80_0000, 0x3000], [0x90_1000, 0x800]]),
    );
    assertEquals(Object.fromEntries(outcome), {
      dma_iova_try_alloc: "no range",
      "iova.alloc": "no range",
      dma_iova_link: "ENOMEM",
      "page_table.alloc": "ENOMEM",
      dma_iova_sync: "EIO",
    }, environment.name);
  }
});

Deno.test("a link through bounce buffers undoes head and middle when a later part fails (dma.md 3.4)", () => {
  const buffers = {
    "head, middle and tail": [[0x10_0e00, 0x3400]],
    "head and tail": [[0x10_0e00, 0x400]],
    "a tail after whole granules": [[0x10_0000, 0x2000], [0x20_0000, 0x1200]],
  } as const;
  for (const [name, list] of Object.entries(buffers)) {
    const outcome = answers(UNTRUSTED, (built) => linkAll(built, list));
    assertEquals(Object.fromEntries(outcome), {
      dma_iova_try_alloc: "no range",
      "iova.alloc": "no range",
      dma_iova_link: "ENOMEM",
      "swiotlb.alloc": "ENOMEM",
      "page_table.alloc": "ENOMEM",
      dma_iova_sync: "EIO",
    }, name);
  }
});

function mapList({ dev, machine: { dma } }: TestBench, table: boolean): string {
  const list = new Scatterlist([
    { phys: at(0x10_0e00), sizeBytes: 0x200 },
    { phys: at(0x20_0000), sizeBytes: 0x1_0000 },
    { phys: at(0x30_0000), sizeBytes: 0x1_0000 },
    { phys: at(0x40_0000), sizeBytes: 0x800 },
  ]);
  const before = list.segments();
  const result = table
    ? dma.dmaMapSgtable(dev, list, DMA_BIDIRECTIONAL)
    : dma.dmaMapSg(dev, list, DMA_BIDIRECTIONAL);
  const failed = table ? result !== 0 : result === 0;
  assertEquals(list.segments(), before, "a failed map restores the list");
  if (failed) assertEquals([list.outputs, list.dmaLengthAt(0)], [0, 0]);
  else dma.dmaUnmapSg(dev, list, DMA_BIDIRECTIONAL);
  return table ? nameOf(result) : failed ? "0" : "some";
}

Deno.test("dma_map_sgtable() tells failures apart as the kernel does (dma.md 1.8, 7)", () => {
  const outcome = (environment: Environment) =>
    Object.fromEntries(answers(environment, (built) => mapList(built, true)));
  assertEquals(outcome(DIRECT), { dma_map_sgtable: "ENOMEM" });
  assertEquals(outcome(BOUNCED), { dma_map_sgtable: "ENOMEM", "swiotlb.alloc": "EIO" });
  for (const environment of TRANSLATED.filter(({ device }) => device === undefined)) {
    assertEquals(outcome(environment), {
      dma_map_sgtable: "ENOMEM",
      "iova.alloc": "ENOMEM",
      "page_table.alloc": "ENOMEM",
    }, environment.name);
  }
  assertEquals(outcome(UNTRUSTED), {
    dma_map_sgtable: "ENOMEM",
    "swiotlb.alloc": "EIO",
    "iova.alloc": "EIO",
    "page_table.alloc": "EIO",
  });
});

Deno.test("dma_map_sg() gives 0 for a failure of any kind (dma.md 1.8)", () => {
  for (const environment of ALL) {
    const outcome = answers(environment, (built) => mapList(built, false));
    assertEquals([...new Set(outcome.values())], ["0"], environment.name);
    assert(outcome.has("dma_map_sg"), environment.name);
  }
});

Deno.test("coherent memory and pools have none to give, and keep none, wherever they fail", () => {
  for (const environment of ALL) {
    const coherent = answers(environment, ({ dev, machine: { dma } }) => {
      const memory = dma.dmaAllocCoherent(dev, 0x3000);
      if (memory !== null) dma.dmaFreeCoherent(dev, memory);
      return memory === null;
    });
    assertEquals([...new Set(coherent.values())], [true], environment.name);
    const translated = environment.iommu.mode !== "off";
    assertEquals(coherent.size, translated ? 4 : 2, environment.name);
    const block = answers(environment, ({ dev, machine }) => {
      const pool = new DmaPool(machine, dev, "pool", 256, 256);
      const taken = pool.alloc();
      if (taken !== null) pool.free(taken, taken.dma);
      return taken === null;
    });
    assertEquals([...new Set(block.values())], [true], environment.name);
    assertEquals(block.size, translated ? 5 : 3, environment.name);
  }
});

Deno.test("a mask that cannot be set stays as it was", () => {
  const outcome = answers(DIRECT, ({ dev, machine: { dma } }) => {
    const error = dma.dmaSetMask(dev, 40);
    return [nameOf(error), dev.maskBits];
  });
  assertEquals(Object.fromEntries(outcome), { dma_set_mask: ["EIO", 64] });
});
