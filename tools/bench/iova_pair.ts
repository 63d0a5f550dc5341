/** Cost of allocating and freeing one IOVA range, with few and with many ranges in use. */
import { IovaAllocator, Random, VirtualClock } from "@dmalab/runtime";
import { type Benchmark, benchResult, plainBenchmark } from "./benchmark.ts";
import { median, medianOf } from "@dmalab/cli/bench";
import { secondsOf } from "./cpu_time.ts";

/** Sizes in granules: up to 32 come from the caches, larger ones from the search. */
const SIZES = [1, 32, 33, 256];
const LIVE = [{ word: "0", ranges: 0 }, { word: "10k", ranges: 10_000 }, {
  word: "1m",
  ranges: 1_000_000,
}];

/** Measured rounds, pairs in each, and warm-up rounds before them. */
const ROUNDS = 25;
const PAIRS = 50_000;
const WARM_UPS = 4;

/** Highest page frame of a device that reaches 48 bits. */
const LIMIT_PFN = 2 ** 36 - 1;
/** The interrupt window of a PC. */
const RESERVED_PFNS = [0xfee00, 0xfeeff] as const;
const SEED = 7;

/**
 * A size from a realistic mix: mostly single pages, and some larger requests. One request in ten is
 * too large for the caches.
 */
function mixedPfns(random: Random): number {
  const draw = random.below(100);
  if (draw < 60) return 1;
  if (draw < 75) return 1 + random.below(8);
  return draw < 90 ? 32 : 33 + random.below(224);
}

/**
 * An allocator with `liveRanges` ranges of mixed sizes in use. One in five of the ranges that were
 * allocated is free again.
 */
export function layOut(liveRanges: number): IovaAllocator {
  const allocator = new IovaAllocator({
    granuleBytes: 4096,
    startPfn: 1,
    cpus: 1,
    clock: new VirtualClock(),
  });
  allocator.ranges.reserve(...RESERVED_PFNS);
  const random = new Random(SEED);
  const count = Math.round(liveRanges * 1.25);
  const pfn = new Float64Array(count);
  const pfns = new Int32Array(count);
  for (let index = 0; index < count; index++) {
    pfns[index] = mixedPfns(random);
    pfn[index] = allocator.allocFast(0, pfns[index]!, LIMIT_PFN, true);
    if (pfn[index] === 0) throw new Error("No range is free");
  }
  for (let left = count; left > liveRanges; left--) {
    const index = random.below(left);
    allocator.freeFast(0, pfn[index]!, pfns[index]!);
    pfn[index] = pfn[left - 1]!;
    pfns[index] = pfns[left - 1]!;
  }
  return allocator;
}

/** Time of one pair in nanoseconds, over one round. */
function timePairs(allocator: IovaAllocator, pfns: number): number {
  const seconds = secondsOf(() => {
    for (let pair = 0; pair < PAIRS; pair++) {
      const pfn = allocator.allocFast(0, pfns, LIMIT_PFN, true);
      allocator.freeFast(0, pfn, pfns);
    }
  });
  return seconds * 1e9 / PAIRS;
}

/** The median time of a pair, by size and then by number of live ranges. */
type Times = readonly (readonly number[])[];

/** Alternates between all measurements, so that a change in the host's load affects all equally. */
export function measurePairs(rounds: number = ROUNDS, warmUps: number = WARM_UPS): Times {
  const allocators = LIVE.map(({ ranges }) => layOut(ranges));
  const times = SIZES.map(() => LIVE.map((): number[] => []));
  for (let round = -warmUps; round < rounds; round++) {
    for (const [size, pfns] of SIZES.entries()) {
      for (const [live, allocator] of allocators.entries()) {
        const time = timePairs(allocator, pfns);
        if (round >= 0) times[size]![live]!.push(time);
      }
    }
  }
  return times.map((ofSize) => ofSize.map(median));
}

/** The times; they are measured only once in a run, however many benchmarks use them. */
let measured: Times | null = null;
const measure = () => measured ??= measurePairs();

function nameOf(size: number, live: number): string {
  return `iova.pair.${SIZES[size]}p.live${LIVE[live]!.word}`;
}

function pairBenchmark(size: number, live: number): Benchmark {
  const name = nameOf(size, live);
  return {
    name,
    doc: `one allocation of ${SIZES[size]} granules and its release, ${
      LIVE[live]!.word
    } ranges live`,
    run() {
      const [value, base] = [measure()[size]![live]!, measure()[size]![0]!];
      return benchResult(name, value, "ns", live === 0 ? null : value / base, nameOf(size, 0));
    },
  };
}

/** Number of live ranges while random ones are freed and allocated again. */
const CHURNED = 100_000;

/** Time of freeing a random range and allocating one of random size, after a warm-up. */
function timeChurn(drawPfns: (random: Random) => number): number {
  const allocator = layOut(0);
  const random = new Random(SEED);
  const pfn = new Float64Array(CHURNED);
  const pfns = new Int32Array(CHURNED);
  const allocate = (index: number) => {
    pfns[index] = drawPfns(random);
    pfn[index] = allocator.allocFast(0, pfns[index]!, LIMIT_PFN, true);
    if (pfn[index] === 0) throw new Error("No range is free");
  };
  for (let index = 0; index < CHURNED; index++) allocate(index);
  const churn = () => {
    for (let pair = 0; pair < PAIRS; pair++) {
      const index = random.below(CHURNED);
      allocator.freeFast(0, pfn[index]!, pfns[index]!);
      allocate(index);
    }
  };
  return medianOf(3, 2, () => secondsOf(churn) * 1e9 / PAIRS);
}

const CHURN_DOC = "a range freed at random and one allocated, 100,000 live";

export const IOVA_PAIRS: readonly Benchmark[] = [
  ...SIZES.flatMap((_, size) => LIVE.map((_, live) => pairBenchmark(size, live))),
  plainBenchmark("iova.churn.100k", "ns", `${CHURN_DOC}, mixed sizes`, () => timeChurn(mixedPfns)),
  plainBenchmark(
    "iova.churn.33p.100k",
    "ns",
    `${CHURN_DOC}, 33 granules`,
    () => timeChurn(() => 33),
  ),
];
