/** Starts Deno from a test or a task, and reads its output. */

export interface DenoRun {
  readonly success: boolean;
  readonly code: number;
  /** The signal that ended the process, or null. */
  readonly signal: Deno.Signal | null;
  /**
   * Both streams in the order of arrival, without colours and without Deno's messages about
   * downloads.
   */
  readonly output: string;
  /**
   * Processor time of the process and of the processes that it started; 0 if the time was not
   * measured.
   */
  readonly cpuSeconds: number;
}

export interface DenoOptions {
  readonly folder: string;
  /** The program to run; Deno by default. */
  readonly command?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Sends Ctrl-C after this text appears in the output, when the process listens for Ctrl-C. */
  readonly interruptAfter?: string;
  /** Measures processor time with a shell: Deno does not report it for a child. */
  readonly measured?: boolean;
}

/**
 * Longest time between the text `interruptAfter` in the output and Ctrl-C. A run begins to listen for
 * Ctrl-C a third of a second after its start, and may print nothing between that moment and its
 * end.
 */
const INTERRUPT_MS = 2000;

/** Interval between two looks at the signals of a process, and its time for work after it listens. */
const LOOK_MS = 20;
const WORK_MS = 200;

/** Sends Ctrl-C when the process listens for it. Only Linux shows whether a process listens. */
async function interrupt(child: Deno.ChildProcess): Promise<void> {
  const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  let hasEnded = false;
  child.status.then(() => hasEnded = true);
  const endMs = performance.now() + INTERRUPT_MS;
  while (!hasEnded && performance.now() < endMs && !catchesInterrupt(child.pid)) {
    await wait(LOOK_MS);
  }
  await wait(WORK_MS);
  if (!hasEnded) child.kill("SIGINT");
}

/** Whether a process handles SIGINT, the second of the signals. */
function catchesInterrupt(pid: number): boolean {
  if (Deno.build.os !== "linux") return false;
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  const [, caught = "0"] = status.match(/^SigCgt:\s*[0-9a-f]*([0-9a-f])$/m) ?? [];
  return (parseInt(caught, 16) & 2) !== 0;
}

/**
 * Shell script that runs its arguments as a command. At its end it prints the shell's own times and
 * those of its children, on a line each.
 */
const MEASURE = '"$0" "$@"; code=$?; times; exit $code';
const TIMES = /^(\d+)m([\d.]+)s (\d+)m([\d.]+)s$/gm;

/** Runs the Deno executable of this process, or `command`, and waits for the end of the run. */
export async function runDeno(
  args: readonly string[],
  { command = Deno.execPath(), folder, env = {}, interruptAfter, measured = false }: DenoOptions,
): Promise<DenoRun> {
  const child = new Deno.Command(measured ? "sh" : command, {
    args: measured ? ["-c", MEASURE, command, ...args] : [...args],
    cwd: folder,
    env: { ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let output = "";
  let interrupted: Promise<void> | null = null;
  const read = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder();
    for await (const bytes of stream) {
      output += decoder.decode(bytes, { stream: true });
      if (interruptAfter !== undefined && output.includes(interruptAfter)) {
        interrupted ??= interrupt(child);
      }
    }
  };
  await Promise.all([read(child.stdout), read(child.stderr)]);
  const { code, signal, success } = await child.status;
  await interrupted;
  // With an empty cache the first run fetches packages, and prints that among the program's output.
  const times = measured ? [...output.matchAll(TIMES)].at(-1) : undefined;
  const [, ...[userMin, user, systemMin, system]] = (times ?? []).map(Number);
  return {
    success,
    code,
    signal,
    cpuSeconds: times === undefined ? 0 : 60 * (userMin! + systemMin!) + user! + system!,
    output: blankAnsi(output).replace(/^(?:Download|Initialize) .*\n/gm, ""),
  };
}

/** The counts in the last line of `deno test`; null if there is no such line. */
export function testCounts(
  output: string,
): { passed: number; failed: number; ignored: number } | null {
  const counts = /^(?:ok|FAILED) \| (\d+) passed.*? \| (\d+) failed(?:.*? \| (\d+) ignored)?/gm;
  const last = [...output.matchAll(counts)].at(-1);
  if (last === undefined) return null;
  return { passed: Number(last[1]), failed: Number(last[2]), ignored: Number(last[3] ?? 0) };
}

/** Text without colour sequences. */
export function blankAnsi(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/\x1b\[[\d;]*m/g, "");
}
