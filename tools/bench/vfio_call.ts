/**
 * Cost of a call of VFIO type 1 that maps or unmaps a huge page at a drawn address, with few and with
 * many areas live. Nothing listens to events, and the IOMMU's table is written.
 */
import { AddressSpace, type DmaAddr, GIB, MIB, Random, type VirtAddr } from "@dmalab/runtime";
import { MAP_FLAG, VfioContainer } from "@dmalab/devices/vfio_container";
import { type Benchmark, benchResult } from "./benchmark.ts";
import { median } from "@dmalab/cli/bench";
import { secondsOf } from "./cpu_time.ts";
import { MappingRig } from "./mapping_cost.ts";

const HUGE_BYTES = 2 * MIB;
const READ_WRITE = MAP_FLAG.READ | MAP_FLAG.WRITE;
/** Below this address nothing is mapped: no place meets the window of message interrupts. */
const START = 4 * GIB;
/** Addresses are drawn from at least this many places. */
const PLACES = 1000;
const SEED = 7;
const ROUNDS = 9;
const WARM_UPS = 2;
const PAIRS = 50_000;

const LIVE = [{ word: "10", areas: 10 }, { word: "60k", areas: 60_000 }];

/** Unmapped places lie between the live areas. */
function placeOf(index: number): DmaAddr {
  return (START + index * HUGE_BYTES) as DmaAddr;
}

/** A container with live areas. @returns Maps a huge page at a drawn place and unmaps it. */
function layOut(areas: number): () => void {
  const { dev, machine } = new MappingRig("strict");
  machine.iommu.groups.unbindDriver(dev);
  const limits = { memlockBytes: 2 ** 50, maySurpassLimit: false };
  const process = new AddressSpace(machine, undefined, limits);
  const page = process.map({ sizeBytes: HUGE_BYTES, writable: true, order: 9 }) as VirtAddr;
  const container = VfioContainer.open(machine, { process, dev, dmaEntryLimit: areas + 1 });
  if (typeof container === "number") throw new Error("No container");
  const map = (index: number) => {
    const error = container.mapDma(placeOf(index), page, HUGE_BYTES, READ_WRITE);
    if (error !== 0) throw new Error(`A map failed: ${error}`);
  };
  for (let area = 0; area < areas; area++) map(2 * area + 1);
  const random = new Random(SEED);
  const places = Math.max(areas, PLACES);
  return () => {
    const index = 2 * random.below(places);
    map(index);
    if (container.unmapDma(placeOf(index), HUGE_BYTES, 0) !== HUGE_BYTES) {
      throw new Error("An unmap failed");
    }
  };
}

/** Time of a call in nanoseconds, by the number of live areas. */
type Times = readonly number[];

/** Alternates between all measurements, so that a change in the host's load affects all equally. */
function measureCalls(): Times {
  const pairs = LIVE.map(({ areas }) => layOut(areas));
  const times = LIVE.map((): number[] => []);
  for (let round = -WARM_UPS; round < ROUNDS; round++) {
    for (const [live, pair] of pairs.entries()) {
      const seconds = secondsOf(() => {
        for (let count = 0; count < PAIRS; count++) pair();
      });
      if (round >= 0) times[live]!.push(seconds * 1e9 / (2 * PAIRS));
    }
  }
  return times.map(median);
}

/** The times; they are measured only once in a run, however many benchmarks use them. */
let measured: Times | null = null;
const measure = () => measured ??= measureCalls();

const nameOf = (live: number) => `vfio.call.huge.live${LIVE[live]!.word}`;

export const VFIO_CALLS: readonly Benchmark[] = LIVE.map(({ word }, live) => ({
  name: nameOf(live),
  doc: `a call of VFIO type 1 that maps or unmaps a huge page, ${word} areas live`,
  run() {
    const [value, base] = [measure()[live]!, measure()[0]!];
    return benchResult(nameOf(live), value, "ns", live === 0 ? null : value / base, nameOf(0));
  },
}));
