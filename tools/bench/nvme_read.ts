/** Requests a second over the whole path: submit, map, build, fetch, walk, transfer, unmap. */
import { buildLab, defaultLabConfig, type Io, type Lab, pciNode } from "@dmalab/devices";
import { allocateBuffer, type IommuMode, type MachineConfig } from "@dmalab/runtime";
import { type Benchmark, plainBenchmark } from "./benchmark.ts";
import { medianOf } from "@dmalab/cli/bench";
import { measureInChild, ONE_THREAD, usedBytes } from "./child.ts";
import { secondsOf } from "./cpu_time.ts";

/** Measured rounds, and the requests of each. */
const ROUNDS = 15;
const ROUND_REQUESTS = 131_072;
/** Rounds before the measured rounds, so that V8 optimises the code. */
const WARM_UPS = 3;
/** Number of requests between two readings of the memory in use. */
const BATCH = 2048;

const BLOCKS_PER_READ = 8;
const BLOCKS_USED = 1_000_000;
/** Requests in flight, as a busy disk has them. */
const QUEUE_DEPTH = 32;

/** Numbers of requests in the run that measures memory growth, and in the long run. */
const REQUESTS = 4_000_000;
const REQUESTS_LONG = 100_000_000;
const MIB = 2 ** 20;
/** The upper half of a fresh disk's first 8-byte word. */
const FRESH_TAG = 0x5a00_0000;

export interface ReadOptions {
  readonly mode: IommuMode;
  readonly checker?: MachineConfig["checker"];
  /** Requests in flight. */
  readonly depth?: number;
  /** Whether to read the received data. A fresh disk's content is generated only when it is read. */
  readonly looks?: boolean;
}

/** A machine with one disk; counters are on, as always, and events have no listeners. */
export function makeLab({ mode, checker = "off" }: ReadOptions): Lab {
  const config = defaultLabConfig();
  const lab = buildLab({
    ...config,
    quirks: new Set(),
    checker,
    iommu: { ...config.iommu, mode },
    pci: [pciNode("root_port", "rp0", [pciNode("nvme", "ssd", [], { depth: 64 })])],
  });
  // As in benches of scenarios: completed commands are not kept.
  lab.device("ssd", "nvme").disk.driver.keepCommands = false;
  return lab;
}

/** Reads of 4 KiB from all over a fresh disk, each into a separate page. */
class Reader {
  readonly #machine: Lab["machine"];
  readonly #disk;
  readonly #buffers;
  readonly #looks: boolean;
  readonly #ios: Io[] = [];
  #lba = 0;

  constructor(options: ReadOptions) {
    const lab = makeLab(options);
    const { machine } = lab;
    this.#machine = machine;
    this.#disk = lab.device("ssd", "nvme").disk;
    this.#looks = options.looks ?? false;
    this.#buffers = Array.from(
      { length: options.depth ?? QUEUE_DEPTH },
      () => allocateBuffer(machine, { sizeBytes: 4096 }),
    );
  }

  /** Runs a batch of requests to its end. As many requests run at a time as there are buffers. */
  runBatch(): void {
    const ios = this.#ios;
    const depth = this.#buffers.length;
    for (let done = 0; done < BATCH; done += depth) {
      for (let index = 0; index < depth; index++) {
        this.#lba = (this.#lba + BLOCKS_PER_READ * 7919) % BLOCKS_USED;
        ios[index] = this.#disk.submit("read", { lba: this.#lba, buffer: this.#buffers[index]! });
      }
      while (this.#machine.runNextActivity());
      for (const io of ios) {
        if (io.status !== "OK") throw new Error(`A read ended with ${io.status}`);
      }
      if (this.#looks) this.#look();
    }
  }

  /** Reading one word generates the whole page. A fresh disk's content begins with its tag. */
  #look(): void {
    const { memory } = this.#machine;
    for (const buffer of this.#buffers) {
      if (memory.readU64Parts(buffer.phys)[1] < FRESH_TAG) throw new Error("A page was not read");
    }
  }
}

/** Requests a second on one core: the median of some rounds. */
export function measureReads(
  options: ReadOptions,
  rounds: number = ROUNDS,
  warmUps: number = WARM_UPS,
): number {
  const reader = new Reader(options);
  const round = () => {
    for (let requests = 0; requests < ROUND_REQUESTS; requests += BATCH) reader.runBatch();
  };
  return medianOf(rounds, warmUps, () => ROUND_REQUESTS / secondsOf(round));
}

function readBenchmark(name: string, doc: string, options: ReadOptions): Benchmark {
  return plainBenchmark(
    `nvme.read4k.${name}`,
    "requests/s",
    doc,
    () => measureInChild(measureReads, [options], ONE_THREAD),
  );
}

/**
 * Memory growth of a long run of requests: the minimum in use during the run's last tenth, minus
 * the minimum during its first tenth. Minima are used because the memory in use varies between
 * garbage collections.
 */
export function measureGrowth(requests: number): number {
  const reader = new Reader({ mode: "strict" });
  const lowest = [Infinity, Infinity];
  const batches = Math.ceil(requests / BATCH);
  for (let batch = 0; batch < batches; batch++) {
    reader.runBatch();
    const tenth = Math.floor(batch * 10 / batches);
    if (tenth !== 0 && tenth !== 9) continue;
    const end = tenth === 0 ? 0 : 1;
    lowest[end] = Math.min(lowest[end]!, usedBytes());
  }
  return lowest[1]! - lowest[0]!;
}

export const NVME_READS: readonly Benchmark[] = [
  readBenchmark(
    "off",
    "4 KiB reads without IOMMU, 32 in flight, counters on, no listener, checker off",
    { mode: "off" },
  ),
  readBenchmark("strict", "the same through the IOMMU in strict mode", { mode: "strict" }),
  readBenchmark("lazy", "the same in lazy mode", { mode: "lazy" }),
  readBenchmark("looked.off", "without IOMMU, and each page that was read is looked at", {
    mode: "off",
    looks: true,
  }),
  readBenchmark("looked.strict", "in strict mode, and each page that was read is looked at", {
    mode: "strict",
    looks: true,
  }),
  readBenchmark("checked.off", "without IOMMU, with the checker of driver mistakes", {
    mode: "off",
    checker: "report",
  }),
  readBenchmark("checked.strict", "in strict mode, with that checker", {
    mode: "strict",
    checker: "report",
  }),
  readBenchmark("alone.off", "without IOMMU, one request after the other", {
    mode: "off",
    depth: 1,
  }),
  plainBenchmark(
    "nvme.read4k.growth",
    "MiB",
    "memory gained by 4 million such requests, strict; with --long by 100 million",
    ({ long }) => measureInChild(measureGrowth, [long ? REQUESTS_LONG : REQUESTS]) / MIB,
  ),
];
