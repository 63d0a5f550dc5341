/** How many requests a second the whole path does: submit, map, build, fetch, walk, move, unmap. */
import { buildLab, type Lab } from "../../devices/lab.ts";
import { defaultLabConfig } from "../../devices/lab_config.ts";
import { allocateBuffer } from "../../runtime/memory/allocate_buffer.ts";
import type { IommuMode } from "../../runtime/machine_config.ts";
import { type Benchmark, median, rounded } from "./benchmark.ts";

/** Rounds that count, and how long each is. */
const ROUNDS = 9;
const ROUND_MS = 120;
/** Requests between two looks at the host's clock. */
const BATCH = 2000;

const BLOCKS_PER_READ = 8;
const BLOCKS_USED = 1_000_000;

/** A machine with one disk; counters are on, as always, and nobody listens to the events. */
function makeLab(mode: IommuMode): Lab {
  const config = defaultLabConfig();
  return buildLab({
    ...config,
    iommu: { ...config.iommu, mode },
    pci: [{
      kind: "root_port",
      name: "rp0",
      settings: {},
      children: [{ kind: "nvme", name: "ssd", settings: { depth: 64 }, children: [] }],
    }],
  });
}

/** Requests a second of 4 KiB reads, one after the other: the median of some rounds. */
export function measureReads(mode: IommuMode, rounds: number = ROUNDS): number {
  const { machine, devices } = makeLab(mode);
  const disk = devices.get("ssd")!.disk!;
  const buffer = allocateBuffer(machine, { sizeBytes: 4096 });
  let lba = 0;
  const batch = () => {
    for (let count = 0; count < BATCH; count++) {
      lba = (lba + BLOCKS_PER_READ * 7919) % BLOCKS_USED;
      const io = disk.submit("read", { lba, buffer });
      while (!io.done) machine.runNextActivity();
      if (io.status !== "OK") throw new Error(`A read ended with ${io.status}`);
    }
  };
  const rates: number[] = [];
  for (let round = -2; round < rounds; round++) {
    const start = performance.now();
    let requests = 0;
    let elapsedMs = 0;
    while (elapsedMs < ROUND_MS) {
      batch();
      requests += BATCH;
      elapsedMs = performance.now() - start;
    }
    if (round >= 0) rates.push(requests / elapsedMs * 1000);
  }
  return median(rates);
}

/** Measured once in a run, whichever benchmarks want it. */
let offRate: number | null = null;
const measureOff = () => offRate ??= measureReads("off");

export const NVME_READ_OFF: Benchmark = {
  name: "nvme.read4k.off",
  doc: "4 KiB reads without IOMMU, counters on, no listener",
  run: () => ({
    name: NVME_READ_OFF.name,
    value: rounded(measureOff()),
    unit: "requests/s",
    ratio: null,
    to: null,
  }),
};

export const NVME_READ_STRICT: Benchmark = {
  name: "nvme.read4k.strict",
  doc: "the same through the IOMMU in strict mode",
  run() {
    const rate = measureReads("strict");
    return {
      name: NVME_READ_STRICT.name,
      value: rounded(rate),
      unit: "requests/s",
      ratio: rounded(rate / measureOff()),
      to: NVME_READ_OFF.name,
    };
  },
};
