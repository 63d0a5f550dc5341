/** Runs the processes of the suite in parallel, and prints the progress. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { SHARED_FOLDER } from "../built_package.ts";
import { CLOSED_PIPE_CODE, endAtSignals, endTask, killProcessesBelow } from "@dmalab/tools";
import { runDeno, testCounts } from "../deno_process.ts";
import { ROOT } from "../source_text.ts";
import { FILTERS, type World } from "./sizes.ts";

/**
 * Permissions of the tests. The tests read sources and data, write temporary folders, and start
 * Deno to test the command line. Their npm packages read environment variables.
 */
const PERMISSIONS = ["-R", "-W", "--allow-run", "--allow-env", "--allow-sys", "--allow-net"];

/**
 * More memory for V8's young generation. Most young values are garbage before V8 would have to copy
 * them. Tests that create many values take a tenth less time.
 */
const YOUNG = "--v8-flags=--min-semi-space-size=32,--max-semi-space-size=32";

/** One process: it runs the tests of a `World`, or checks the types. */
export interface Job {
  readonly name: string;
  readonly args: readonly string[];
}

/** How a job ended. */
export interface Ran {
  readonly job: Job;
  readonly passed: number;
  readonly failed: number;
  /** Number of tests that were not run, because this machine lacks something they need. */
  readonly ignored: number;
  /** The failed tests, each by name, file and line. */
  readonly failures: readonly string[];
  readonly seconds: number;
  /** Processor time; 0 if it was not measured. */
  readonly cpuSeconds: number;
  readonly output: string;
}

/**
 * The job for a set of test files. If several files share a process, a generated module in `folder`
 * imports them.
 *
 * @param options Options of `deno test`.
 */
export function jobOf(
  { files, filter, name }: World,
  folder: string,
  options: readonly string[],
): Job {
  const [only, ...more] = files;
  let module = only!;
  if (more.length > 0) {
    module = join(folder, `${name.replaceAll("/", "_")}.ts`);
    const urls = files.map((file) => pathToFileURL(join(ROOT, file)).href);
    Deno.writeTextFileSync(module, urls.map((url) => `import ${JSON.stringify(url)};\n`).join(""));
  }
  const config = [YOUNG, "--config", join(ROOT, "deno.json"), "--no-check", "--no-prompt"];
  const label = more.length > 0 ? `${name} (${files.length} files)` : name;
  // A filter from the user replaces this one.
  const isChosen = filter !== null && !options.some((option) => option.startsWith("--filter"));
  const chosen = isChosen ? [`--filter=${FILTERS[filter]}`] : [];
  return { name: label, args: ["test", ...config, ...PERMISSIONS, ...chosen, ...options, module] };
}

/** Calls `work` with a folder for the files of all jobs; it is removed however the task ends. */
export async function withSharedFolder<T>(work: (shared: string) => Promise<T>): Promise<T> {
  const shared = Deno.makeTempDirSync({ prefix: "dmalab-" });
  const remove = () => Deno.removeSync(shared, { recursive: true });
  const stop = endAtSignals(remove);
  try {
    return await work(shared);
  } finally {
    killProcessesBelow();
    remove();
    stop();
  }
}

export interface RunOptions {
  /** A folder for files that several jobs use. */
  readonly shared: string;
  /** Whether processor time is measured. */
  readonly measured?: boolean;
}

/**
 * Runs jobs in their order. The number of jobs at a time is the number of processors plus one,
 * because tests of terminals and of commands spend part of their time waiting.
 *
 * @param note Called with each job when the job has ended.
 */
export async function runJobs(
  jobs: readonly Job[],
  note: (ran: Ran) => void,
  options: RunOptions,
): Promise<Ran[]> {
  Deno.mkdirSync(temporaryBelow(options.shared), { recursive: true });
  const progress = new Progress(jobs.length, options.shared);
  const waiting = jobs.toReversed();
  const ended: Ran[] = [];
  const lanes = Array.from({ length: navigator.hardwareConcurrency + 1 }, async () => {
    for (let job = waiting.pop(); job !== undefined; job = waiting.pop()) {
      progress.begin(job);
      const ran = await runJob(job, options);
      ended.push(ran);
      progress.end(ran);
      note(ran);
    }
  });
  await Promise.all(lanes);
  progress.close();
  return ended;
}

/** The folder for temporary files of all jobs. What a killed job leaves there is removed with the shared folder. */
function temporaryBelow(shared: string): string {
  return join(shared, "tmp");
}

async function runJob(job: Job, { measured = false, shared }: RunOptions): Promise<Ran> {
  const start = performance.now();
  const { cpuSeconds, output, success } = await runDeno(job.args, {
    folder: ROOT,
    measured,
    env: { [SHARED_FOLDER]: shared, TMPDIR: temporaryBelow(shared) },
  });
  const seconds = (performance.now() - start) / 1000;
  const isTest = job.args[0] === "test";
  const counts = isTest ? testCounts(output) : { passed: 0, failed: success ? 0 : 1, ignored: 0 };
  const { failed, ignored, passed } = counts ?? { passed: 0, failed: 1, ignored: 0 };
  const failures = failuresOf(output);
  // A file that cannot be loaded fails before any test is counted.
  const all = !success && failed === 0 ? 1 : failed;
  return {
    job,
    passed,
    failed: all,
    ignored,
    failures: all > 0 && failures.length === 0 ? [job.name] : failures,
    seconds,
    cpuSeconds,
    output,
  };
}

/** The failures that `deno test` lists at its end, as `file:line:column name`. */
function failuresOf(output: string): string[] {
  const at = output.lastIndexOf("\n FAILURES \n");
  if (at < 0) return [];
  return [...output.slice(at).matchAll(/^(.+) => (?:\.\/)?(\S+:\d+:\d+)$/gm)]
    .map(([, name, place]) => `${place} ${name}`);
}

/** The part of a failed job's output that is shown: from its errors on. */
export function shownOf({ output }: Ran): string {
  const at = output.indexOf("\n ERRORS \n");
  return at < 0 ? output : output.slice(at);
}

/** Interval between progress lines when the output is not a terminal. */
const SILENCE_MS = 10_000;

/** Shows how many jobs are done, which are running, and the time so far. */
class Progress {
  readonly #running = new Set<string>();
  readonly #start = performance.now();
  readonly #timer: ReturnType<typeof setInterval>;
  #lastLine = performance.now();
  #done = 0;

  /** @param shared The folder of the jobs, which is removed if nobody reads the progress any more. */
  constructor(private readonly count: number, private readonly shared: string) {
    this.#timer = setInterval(() => this.#tick(), 1000);
  }

  begin({ name }: Job): void {
    this.#running.add(name);
    if (this.#done === 0) this.#line(this.#status());
  }

  end({ failed, job: { name }, passed, seconds }: Ran): void {
    this.#running.delete(name);
    this.#done++;
    const counts = failed > 0 ? `${passed} passed, ${failed} FAILED` : `${passed} passed`;
    this.#line(`${this.#place()}  ${name}: ${counts}, ${seconds.toFixed(1)} s`);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#clear();
  }

  #tick(): void {
    if (Deno.stdout.isTerminal()) {
      this.#clear();
      const { columns } = Deno.consoleSize();
      this.#write(this.#status().slice(0, columns - 1));
    } else if (performance.now() - this.#lastLine >= SILENCE_MS) {
      this.#line(this.#status());
    }
  }

  #place(): string {
    const seconds = Math.round((performance.now() - this.#start) / 1000);
    const clock = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    const width = String(this.count).length;
    return `${clock}  ${String(this.#done).padStart(width)}/${this.count}`;
  }

  #status(): string {
    return `${this.#place()}  running ${[...this.#running].join(", ")}`;
  }

  #line(text: string): void {
    this.#clear();
    this.#write(`${text}\n`);
    this.#lastLine = performance.now();
  }

  #clear(): void {
    if (Deno.stdout.isTerminal()) this.#write("\r\x1b[K");
  }

  #write(text: string): void {
    try {
      Deno.stdout.writeSync(new TextEncoder().encode(text));
    } catch (error) {
      if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
      // The reader has closed the pipe (`| head`): nobody waits for the tests.
      endTask(CLOSED_PIPE_CODE, () => Deno.removeSync(this.shared, { recursive: true }));
    }
  }
}
