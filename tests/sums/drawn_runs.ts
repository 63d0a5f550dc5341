/**
 * Runs drawn by a seed, each by its name: the same name is the same run for as long as nothing that it
 * reaches behaves in another way. What each comes to is kept in a text: a section for each, below its name.
 */
import fc from "fast-check";
import { LAB_TABLES } from "@dmalab/devices";
import { CaseRun, HUNT_MACHINES, huntCases, type HuntRelease } from "@dmalab/hunt/requests";
import { INJECTION_POINTS, type InjectionPointName, Random } from "@dmalab/runtime";
import { KERNEL_NAMES, KERNELS, QUIRK_NAMES } from "@dmalab/runtime/kernels";
import { makeNegativeFile } from "@dmalab/vectors/negative";
import { runSeed } from "../property/random_operations.ts";
import { type Blow, SoakMachine } from "../soak/soak_machine.ts";
import { EventSums } from "./event_sums.ts";
import { allFaultLines } from "./fault_lines.ts";
import { runMigration, runRegions } from "./process_runs.ts";
import { printable } from "@dmalab/lang/diagnostics";
import { join } from "node:path";
import { ROOT } from "../source_text.ts";

type DrawnRun = (sums: EventSums) => void;

/** Steps of one hunted case: more meet little that is new. */
const HUNT_STEPS = 6;
const OPERATIONS = 120;
const POINTS = INJECTION_POINTS.map(({ name }) => name) as InjectionPointName[];
const BLOWS: readonly Blow[] = ["none", "failure", "none", "reset", "failure", "removal"];

/** A release as it is, without its defects, or with all that there are. */
function releaseOf(seed: number): HuntRelease {
  const kernel = KERNEL_NAMES[seed % KERNEL_NAMES.length]!;
  const quirks = [KERNELS[kernel].quirks, new Set<never>(), new Set(QUIRK_NAMES)];
  return { kernel, quirks: quirks[Math.floor(seed / KERNEL_NAMES.length) % 3]! };
}

/** Requests of the hunt, with failures, on any machine. */
function runRequests(seed: number, sums: EventSums): void {
  const [found] = fc.sample(huntCases(POINTS), { seed, numRuns: 1 });
  const { machine, steps } = found!;
  const run = new CaseRun(machine, releaseOf(seed));
  const end = sums.watch(run.machine);
  for (const step of steps.slice(0, HUNT_STEPS)) {
    const violation = run.step(step);
    sums.say(`${run.ends.join(" ")} ${violation?.text}`);
    if (violation?.kind === "crash" || violation?.kind === "hang") break;
  }
  end();
}

/** Requests of every kind side by side, with failures, a reset and a removal under way. */
function runSoak(seed: number, sums: EventSums): void {
  const [spec] = fc.sample(HUNT_MACHINES, { seed: -seed, numRuns: 1 });
  const release = { ...releaseOf(seed), quirks: new Set<never>() };
  const each = new SoakMachine(spec!, release, new Random(seed));
  const end = sums.watch(each.machine);
  for (const blow of BLOWS) {
    const ends = each.batch(blow).map(({ statusCode }) => statusCode);
    sums.add(`after ${blow}`, { ends: ends.join(" "), ...each.held });
    if (!each.isLive) break;
  }
  end();
}

/** Every call that maps, from one device, in any order. */
function runMappings(seed: number, sums: EventSums): void {
  let end = () => {};
  runSeed(seed, OPERATIONS, ({ machine }) => end = sums.watch(machine));
  end();
}

/** Commands that a controller must refuse, each with its status. */
function tellNegativeVectors(sums: EventSums): void {
  for (const { id, about, ...vector } of makeNegativeFile().vectors) {
    sums.add(`${id} ${about}`, { vector: JSON.stringify(vector) });
  }
}

/** The tables of a recording, with all that is said of their columns. */
function tellTables(sums: EventSums): void {
  for (const { name, ...table } of LAB_TABLES) sums.add(name, { table: JSON.stringify(table) });
}

function drawn(
  count: number,
  kind: string,
  run: (seed: number, sums: EventSums) => void,
): (readonly [string, DrawnRun])[] {
  return Array.from({ length: count }, (_, index) => [
    `${kind} ${index + 1}`,
    (sums: EventSums) => run(index + 1, sums),
  ]);
}

/** What each does, and counts. */
export const DRAWN_RUNS: ReadonlyMap<string, DrawnRun> = new Map([
  ["fault lines", allFaultLines],
  ["negative vectors", tellNegativeVectors],
  ["tables", tellTables],
  ...drawn(60, "requests", runRequests),
  ...drawn(24, "soak", runSoak),
  ...drawn(24, "mappings", runMappings),
  ...drawn(24, "regions", runRegions),
  ...drawn(24, "migrations", runMigration),
]);

const KEPT = join(ROOT, "tests/sums/drawn.txt");
const HEAD = "# ";

/** What a run comes to now. */
export function sumLines(run: DrawnRun): string[] {
  const sums = new EventSums();
  run(sums);
  return sums.lines.map((line) => printable(line));
}

/** The kept lines of each run, by its name. */
export function readSums(): Map<string, string[]> {
  const sections = Deno.readTextFileSync(KEPT).split(`\n${HEAD}`).slice(1);
  return new Map(sections.map((section) => {
    const [name, ...lines] = section.trimEnd().split("\n");
    return [name!, lines];
  }));
}

/** Keeps what all runs come to now. */
export function writeSums(): void {
  const sections = [...DRAWN_RUNS].map(([name, run]) =>
    `\n${HEAD}${name}\n${sumLines(run).join("\n")}\n`
  );
  Deno.writeTextFileSync(KEPT, sections.join(""));
}
