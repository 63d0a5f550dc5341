/**
 * Random machines and what is done to them, each by its name: the same name is the same run, for as
 * long as nothing that it reaches behaves in another way.
 */
import fc from "fast-check";
import { CaseRun, HUNT_MACHINES, huntCases, type HuntRelease } from "@dmalab/hunt/requests";
import { makeNegativeFile, makeVectorFile } from "@dmalab/vectors";
import { INJECTION_POINTS, type InjectionPointName, Random } from "@dmalab/runtime";
import { KERNEL_NAMES, KERNELS, QUIRK_NAMES } from "@dmalab/runtime/kernels";
import { KINDS, MappingWorld } from "../property/mapping_world.ts";
import { MISUSES, plant } from "../property/misuses.ts";
import { randomOptions } from "../property/random_operations.ts";
import { RightUse, type UseOptions, USES } from "../property/right_use.ts";
import { type Blow, SoakMachine } from "../soak/soak_machine.ts";
import { runCommands } from "./command_world.ts";
import { type Sink, watchMachine } from "./digest.ts";
import { emitTables } from "./table_world.ts";
import { allFaults, damagedFaults, damagedListing } from "./text_worlds.ts";
import { runLab } from "./lab_world.ts";
import { runProcess } from "./process_world.ts";

/** One run. */
export interface World {
  readonly name: string;
  readonly run: (sink: Sink) => void;
}

/** Steps of one hunted case: more meet little that is new. */
const HUNT_STEPS = 6;
const POINTS = INJECTION_POINTS.map(({ name }) => name) as InjectionPointName[];
const BLOWS: readonly Blow[] = ["none", "failure", "none", "reset", "failure", "removal"];

/** A release as it is, without its defects, or with all that there are. */
function releaseOf(seed: number): HuntRelease {
  const kernel = KERNEL_NAMES[seed % KERNEL_NAMES.length]!;
  const quirks = [KERNELS[kernel].quirks, new Set<never>(), new Set(QUIRK_NAMES)];
  return { kernel, quirks: quirks[Math.floor(seed / KERNEL_NAMES.length) % 3]! };
}

/** Requests of the hunt, with failures, on any machine. */
function runRequests(seed: number, sink: Sink): void {
  const [found] = fc.sample(huntCases(POINTS), { seed, numRuns: 1 });
  const { machine, steps } = found!;
  const run = new CaseRun(machine, releaseOf(seed));
  const watch = watchMachine(run.machine, sink);
  for (const step of steps.slice(0, HUNT_STEPS)) {
    const violation = run.step(step);
    sink(`${run.ends.join(" ")} ${JSON.stringify(violation)}`);
    if (violation?.kind === "crash" || violation?.kind === "hang") break;
  }
  watch.end();
}

/** Requests of every kind side by side, with failures, a reset and a removal under way. */
function runSoak(seed: number, sink: Sink): void {
  const [spec] = fc.sample(HUNT_MACHINES, { seed: -seed, numRuns: 1 });
  const each = new SoakMachine(
    spec!,
    { ...releaseOf(seed), quirks: new Set() },
    new Random(seed),
  );
  const watch = watchMachine(each.machine, sink);
  for (const blow of BLOWS) {
    const ends = each.batch(blow).map(({ statusCode }) => statusCode);
    sink(`${blow}: ${ends} ${JSON.stringify(each.held)}`);
    if (!each.isLive) break;
  }
  watch.end();
}

/** Every call that maps, from one device, in any order. */
function runMappings(seed: number, sink: Sink): void {
  const random = new Random(seed);
  const world = new MappingWorld(randomOptions(random));
  const watch = watchMachine(world.machine, sink);
  const any = () => random.below(2 ** 31);
  for (let left = 90; left > 0; left--) {
    world.run({ kind: KINDS[random.below(KINDS.length)]!, a: any(), b: any(), c: any() });
  }
  world.finish();
  watch.end();
}

function useOptions(random: Random): UseOptions {
  const pick = <T>(...from: readonly T[]): T => from[random.below(from.length)]!;
  const model = pick("vtd", "amd", "smmu");
  return {
    kernel: pick(...KERNEL_NAMES),
    mode: pick("off", "passthrough", "strict", "lazy"),
    model,
    granuleBytes: model === "smmu" ? pick(4096, 65536) : 4096,
    coherent: pick(true, false),
    untrusted: pick(true, false),
    bounces: pick(true, false),
    maskBits: pick(32, 40, 64),
    dmaDebug: pick(true, false),
  };
}

/** A driver that makes one mistake, if any. */
function runDriver(seed: number, misuse: string | null, sink: Sink): void {
  const random = new Random(seed);
  let options = useOptions(random);
  const mistake = misuse === null ? null : MISUSES.get(misuse)!;
  while (mistake?.needs?.(options) === false) options = useOptions(random);
  const world = new RightUse(options);
  const watch = watchMachine(world.machine, sink);
  const any = () => random.below(2 ** 20);
  for (let left = 24; left > 0; left--) {
    world.run({ use: USES[random.below(USES.length)]!, a: any(), b: any(), c: any() });
  }
  if (mistake !== null) plant(world, mistake);
  for (const { kind, text, with: more } of world.leftovers()) sink(`${kind} ${text} ${more}`);
  world.finish();
  watch.end();
}

function worlds(count: number, kind: string, run: (seed: number, sink: Sink) => void): World[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `${kind} ${index + 1}`,
    run: (sink) => run(index + 1, sink),
  }));
}

/** All but the examples. */
export const WORLDS: readonly World[] = [
  { name: "all faults", run: allFaults },
  { name: "tables", run: emitTables },
  { name: "vectors", run: (sink) => sink(JSON.stringify(makeVectorFile(6, 1))) },
  { name: "negative vectors", run: (sink) => sink(JSON.stringify(makeNegativeFile())) },
  ...worlds(150, "requests", runRequests),
  ...worlds(50, "soak", runSoak),
  ...worlds(60, "mappings", runMappings),
  ...worlds(60, "driver", (seed, sink) => runDriver(seed, null, sink)),
  ...[...MISUSES.keys()].flatMap((misuse) =>
    worlds(2, misuse, (seed, sink) => runDriver(1000 + seed, misuse, sink))
  ),
  ...worlds(60, "commands", runCommands),
  ...worlds(60, "process", runProcess),
  ...worlds(140, "lab", runLab),
  ...worlds(120, "listing", damagedListing),
  ...worlds(100, "faults", damagedFaults),
];
