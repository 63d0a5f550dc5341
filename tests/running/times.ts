/** What each test file costs. */
import { jobOf, runJobs } from "./lanes.ts";
import { COSTS, isLong, readCosts, type Tests } from "./sizes.ts";

const SHOWN = 50;
/** Short ones that cost less are not kept: they share a process with others of their folder. */
const LEAST_SECONDS = 1;

/**
 * Runs each file in a process of its own, prints the costliest by processor time, and writes those that
 * get a process of their own.
 */
export async function measureCosts(tests: readonly Tests[]): Promise<void> {
  const jobs = tests.map(({ file, filter, name }) =>
    jobOf({ name, files: [file], filter, seconds: 0 }, "", [])
  );
  const shared = Deno.makeTempDirSync({ prefix: "dmalab-" });
  const ran = await runJobs(jobs, () => {}, { measured: true, shared });
  Deno.removeSync(shared, { recursive: true });
  const sorted = ran.toSorted((a, b) => b.cpuSeconds - a.cpuSeconds);
  const whole = sorted.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);
  console.log(`\nseconds of the processor: ${whole.toFixed(0)} for ${tests.length} files\n`);
  for (const { cpuSeconds, job } of sorted.slice(0, SHOWN)) {
    console.log(`${cpuSeconds.toFixed(1).padStart(7)}  ${job.name}`);
  }
  const others = Object.entries(readCosts()).filter(([name]) =>
    !tests.some((each) => each.name === name)
  );
  const costly = sorted.filter(({ cpuSeconds, job }) =>
    cpuSeconds >= LEAST_SECONDS || isLong(job.name)
  ).map(({ cpuSeconds, job }) => [job.name, Math.round(cpuSeconds)] as const);
  const costs = [...others, ...costly].toSorted(([a], [b]) => a < b ? -1 : 1);
  Deno.writeTextFileSync(COSTS, `${JSON.stringify(Object.fromEntries(costs), null, 2)}\n`);
}
