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
  /** Sends Ctrl-C two seconds after this text appears in the output. */
  readonly interruptAfter?: string;
  /** Measures processor time with a shell: Deno does not report it for a child. */
  readonly measured?: boolean;
}

/**
 * Time between the text `interruptAfter` in the output and Ctrl-C. A run begins to listen for
 * Ctrl-C a third of a second after its start, and may print nothing between that moment and its
 * end.
 */
const INTERRUPT_MS = 2000;

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
  let timer: ReturnType<typeof setTimeout> | undefined;
  const read = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder();
    for await (const bytes of stream) {
      output += decoder.decode(bytes, { stream: true });
      if (timer === undefined && interruptAfter !== undefined && output.includes(interruptAfter)) {
        timer = setTimeout(() => child.kill("SIGINT"), INTERRUPT_MS);
      }
    }
  };
  await Promise.all([read(child.stdout), read(child.stderr)]);
  const { code, signal, success } = await child.status;
  clearTimeout(timer);
  const times = measured ? [...output.matchAll(TIMES)].at(-1) : undefined;
  const [, ...[userMin, user, systemMin, system]] = (times ?? []).map(Number);
  return {
    success,
    code,
    signal,
    cpuSeconds: times === undefined ? 0 : 60 * (userMin! + systemMin!) + user! + system!,
    // With an empty cache the first run fetches packages, and prints that among the program's
    // output.
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
