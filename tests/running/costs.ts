/** Processor time of the test files, by which `deno task test` plans its processes. */
import { jobOf, runJobs, withSharedFolder } from "./lanes.ts";
import { isLong, type Tests } from "./sizes.ts";

/** Git ignores it. */
const COSTS = new URL("costs.json", import.meta.url);

/** Number of test files that are printed. */
const SHOWN = 50;
/**
 * The cost of a short file is stored only if it is at least this. Cheaper files share a process
 * with other files of their folder, so their cost is not needed.
 */
const LEAST_SECONDS = 1;

/**
 * Seconds of processor time of the costly tests by name, as `deno task test-all --times` measured them
 * on this machine; null in a clone in which the costs were not measured.
 */
export function readCosts(file: URL = COSTS): Readonly<Record<string, number>> | null {
  try {
    return JSON.parse(Deno.readTextFileSync(file));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/**
 * Runs each file in a separate process, prints the files that use most processor time, and writes
 * the costs. Costs of other tests remain in the file. Later runs are planned with these costs.
 */
export async function measureCosts(tests: readonly Tests[], file: URL = COSTS): Promise<void> {
  const jobs = tests.map(({ file, filter, name }) =>
    jobOf({ name, files: [file], filter, seconds: 0 }, "", [])
  );
  const ran = await withSharedFolder((shared) =>
    runJobs(jobs, () => {}, { measured: true, shared })
  );
  const sorted = ran.toSorted((a, b) => b.cpuSeconds - a.cpuSeconds);
  const whole = sorted.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);
  console.log(`\nseconds of the processor: ${whole.toFixed(0)} for ${tests.length} files\n`);
  for (const { cpuSeconds, job } of sorted.slice(0, SHOWN)) {
    console.log(`${cpuSeconds.toFixed(1).padStart(7)}  ${job.name}`);
  }
  const others = Object.entries(readCosts(file) ?? {}).filter(([name]) =>
    !tests.some((each) => each.name === name)
  );
  const costly = sorted.filter(({ cpuSeconds, job }) =>
    cpuSeconds >= LEAST_SECONDS || isLong(job.name)
  ).map(({ cpuSeconds, job }) => [job.name, Math.round(cpuSeconds)] as const);
  const costs = [...others, ...costly].toSorted(([a], [b]) => a < b ? -1 : 1);
  Deno.writeTextFileSync(file, `${JSON.stringify(Object.fromEntries(costs), null, 2)}\n`);
}
