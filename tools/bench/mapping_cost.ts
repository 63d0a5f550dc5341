/**
 * The cost of a map with its unmap: by API, size, mode, and number of other live mappings.
 *
 * `phys` is one contiguous buffer and one call. `sg` is a scatterlist of single pages that do not
 * touch each other. `twostep` links the same pages into one range. Without an IOMMU no range
 * exists, and `twostep` maps page by page, as drivers do in that case.
 */
import {
  defaultMachineConfig,
  eventId,
  type EventName,
  GIB,
  type IommuMode,
  KIB,
  Machine,
  type MachineConfig,
  MIB,
  PAGE_SIZE_BYTES,
  type PhysAddr,
} from "@dmalab/runtime";
import { DMA_FROM_DEVICE, DmaDevice, DmaIovaState, Scatterlist } from "@dmalab/runtime/dma";
import { type Benchmark, benchResult, plainBenchmark } from "./benchmark.ts";
import { medianOf } from "@dmalab/cli/bench";
import { cpuSeconds } from "./cpu_time.ts";

const APIS = ["phys", "sg", "twostep"] as const;
type Api = (typeof APIS)[number];
const SIZES = [
  { word: "4k", sizeBytes: 4 * KIB },
  { word: "128k", sizeBytes: 128 * KIB },
  { word: "1m", sizeBytes: MIB },
  { word: "8m", sizeBytes: 8 * MIB },
];
const MODES: readonly IommuMode[] = ["off", "passthrough", "strict", "lazy"];
const LIVE = [{ word: "0", mappings: 0 }, { word: "10k", mappings: 10_000 }, {
  word: "1m",
  mappings: 1_000_000,
}];

/** Measured rounds, and the length of each. */
const ROUNDS = 7;
const ROUND_SECONDS = 0.01;
const WARM_UPS = 5;

/**
 * Number of pairs of a map and an unmap between two readings of the clock. A reading takes a
 * microsecond.
 */
const PAIRS_A_LOOK = 64;

/** Address of the measured buffers, above those of the live mappings. */
const BUFFER_PHYS = 12 * GIB;
const LIVE_PHYS = 4 * GIB;
/** The distance between the pages of a scattered buffer: no page touches the next one. */
const PAGE_STRIDE_BYTES = 2 * PAGE_SIZE_BYTES;

/** Maps a buffer and unmaps it. */
type Pair = () => void;

/** A machine with one device behind its IOMMU, with functions that map for the device. */
export class MappingRig {
  readonly machine: Machine;
  readonly dev = new DmaDevice("dev");
  readonly #state = new DmaIovaState();

  constructor(mode: IommuMode, options: Partial<MachineConfig> = {}) {
    const defaults = defaultMachineConfig();
    this.machine = new Machine({
      ...defaults,
      quirks: new Set(),
      checker: "off",
      ramSizeBytes: 16 * GIB,
      ...options,
      iommu: { ...defaults.iommu, mode },
    });
    this.machine.iommu.attach(this.dev);
    this.machine.markReady();
  }

  /** Makes mappings of 4 KiB that stay live. */
  live(mappings: number): void {
    const { dma } = this.machine;
    for (let index = 0; index < mappings; index++) {
      const phys = LIVE_PHYS + index * PAGE_SIZE_BYTES;
      const mapped = dma.dmaMapPhys(
        this.dev,
        phys as PhysAddr,
        PAGE_SIZE_BYTES,
        DMA_FROM_DEVICE,
      );
      if (dma.dmaMappingError(this.dev, mapped) !== 0) throw new Error("A live mapping failed");
    }
  }

  pairOf(api: Api, sizeBytes: number): Pair {
    switch (api) {
      case "phys":
        return () => this.#phys(BUFFER_PHYS, sizeBytes);
      case "sg":
        return this.#scattered(sizeBytes);
      case "twostep":
        return () => this.#twoStep(sizeBytes);
    }
  }

  #phys(phys: number, sizeBytes: number): void {
    const { dma } = this.machine;
    const mapped = dma.dmaMapPhys(this.dev, phys as PhysAddr, sizeBytes, DMA_FROM_DEVICE);
    if (dma.dmaMappingError(this.dev, mapped) !== 0) throw new Error("A map failed");
    dma.dmaUnmapPhys(this.dev, mapped, sizeBytes, DMA_FROM_DEVICE);
  }

  #scattered(sizeBytes: number): Pair {
    const list = new Scatterlist(Array.from(
      { length: sizeBytes / PAGE_SIZE_BYTES },
      (_, page) => ({
        phys: (BUFFER_PHYS + page * PAGE_STRIDE_BYTES) as PhysAddr,
        sizeBytes: PAGE_SIZE_BYTES,
      }),
    ));
    const { dma } = this.machine;
    return () => {
      if (dma.dmaMapSg(this.dev, list, DMA_FROM_DEVICE) === 0) throw new Error("A map failed");
      dma.dmaUnmapSg(this.dev, list, DMA_FROM_DEVICE);
    };
  }

  #twoStep(sizeBytes: number): void {
    const { dma } = this.machine;
    const state = this.#state;
    if (!dma.dmaIovaTryAlloc(this.dev, state, BUFFER_PHYS as PhysAddr, sizeBytes)) {
      for (let offset = 0; offset < sizeBytes; offset += PAGE_SIZE_BYTES) {
        this.#phys(BUFFER_PHYS + 2 * offset, PAGE_SIZE_BYTES);
      }
      return;
    }
    for (let offset = 0; offset < sizeBytes; offset += PAGE_SIZE_BYTES) {
      const phys = (BUFFER_PHYS + 2 * offset) as PhysAddr;
      dma.dmaIovaLink(this.dev, state, phys, offset, PAGE_SIZE_BYTES, DMA_FROM_DEVICE);
    }
    if (dma.dmaIovaSync(this.dev, state, 0, sizeBytes) !== 0) throw new Error("A sync failed");
    dma.dmaIovaDestroy(this.dev, state, sizeBytes, DMA_FROM_DEVICE);
  }
}

/** Time of a pair in nanoseconds: the median of some rounds. */
function timePair(pair: Pair): number {
  return medianOf(ROUNDS, WARM_UPS, () => {
    const start = cpuSeconds();
    let pairs = 0;
    let seconds = 0;
    while (seconds < ROUND_SECONDS) {
      for (let index = 0; index < PAIRS_A_LOOK; index++) pair();
      pairs += PAIRS_A_LOOK;
      seconds = cpuSeconds() - start;
    }
    return seconds * 1e9 / pairs;
  });
}

const nameOf = (api: Api, size: number, mode: IommuMode, live: number): string =>
  `map.${api}.${SIZES[size]!.word}.${mode}.live${LIVE[live]!.word}`;

/** The machine of the last measurement, with its live mappings. Consecutive benchmarks share it. */
let lastRig: { readonly key: string; readonly rig: MappingRig } | null = null;

function rigWith(mode: IommuMode, live: number): MappingRig {
  const key = `${mode} ${live}`;
  if (lastRig?.key === key) return lastRig.rig;
  lastRig = null;
  const rig = new MappingRig(mode);
  rig.live(LIVE[live]!.mappings);
  lastRig = { key, rig };
  return rig;
}

const timed = new Map<string, number>();

function timeBenchmark(api: Api, size: number, mode: IommuMode, live: number): Benchmark {
  const name = nameOf(api, size, mode, live);
  return {
    name,
    doc: `map and unmap of ${SIZES[size]!.word} by ${api}, ${mode}, ${
      LIVE[live]!.word
    } mappings live`,
    run() {
      const value = timePair(rigWith(mode, live).pairOf(api, SIZES[size]!.sizeBytes));
      timed.set(name, value);
      const to = nameOf(api, size, mode, 0);
      const base = timed.get(to);
      return benchResult(
        name,
        value,
        "ns",
        live > 0 && base !== undefined ? value / base : null,
        to,
      );
    },
  };
}

/** Events that cost time on a real machine, besides processor time. */
const PAID_EVENTS: Readonly<Record<string, EventName>> = {
  ranges: "iova.alloc",
  table_calls: "iommu.map",
  invalidations: "iotlb.sync",
};
const COUNTED_PAIRS = 1024;

function countBenchmark(api: Api, size: number, mode: IommuMode, what: string): Benchmark {
  const { word, sizeBytes } = SIZES[size]!;
  const doc = `${what} of one map and unmap of ${word} by ${api}, ${mode}`;
  return plainBenchmark(`map.${api}.${word}.${mode}.${what}`, "per pair", doc, () => {
    // The latency is one nanosecond for each leaf, so virtual time is the number of leaves.
    const rig = new MappingRig(mode, { latenciesNs: { table_write: 1 } });
    const pair = rig.pairOf(api, sizeBytes);
    const { events, clock } = rig.machine;
    const count = () =>
      what === "table_writes" ? clock.nowNs : events.count(eventId(PAID_EVENTS[what]!));
    const before = count();
    for (let index = 0; index < COUNTED_PAIRS; index++) pair();
    return (count() - before) / COUNTED_PAIRS;
  });
}

/** Ordered so that benchmarks with the same live mappings are consecutive. */
export const MAPPING_COSTS: readonly Benchmark[] = [
  ...MODES.flatMap((mode) =>
    LIVE.flatMap((_, live) =>
      APIS.flatMap((api) => SIZES.map((_, size) => timeBenchmark(api, size, mode, live)))
    )
  ),
  ...(["strict", "lazy"] as const).flatMap((mode) =>
    APIS.flatMap((api) =>
      SIZES.flatMap((_, size) =>
        [...Object.keys(PAID_EVENTS), "table_writes"].map((what) =>
          countBenchmark(api, size, mode, what)
        )
      )
    )
  ),
];
