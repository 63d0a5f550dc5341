/**
 * Runs hostile cases one after the other. Cases of the `dmalab` command without redirected input or
 * output share a process that runs this checkout. A case that fails in that process is run again in
 * a separate process, which runs the built package.
 */
import { TempFolder } from "@dmalab/tools";
import { join } from "node:path";
import { builtPackage } from "../built_package.ts";
import { ROOT } from "../source_text.ts";
import { givenTo, type HostileCase, type Program } from "./hostile_case.ts";

type Programs = Readonly<Record<Program, string>>;

/** The programs of the package, and the replay of captured data. */
function allPrograms(): Programs {
  const folder = builtPackage();
  return {
    command: join(folder, "lib/main.js"),
    runner: join(folder, "lib/run.js"),
    replay: join(ROOT, "tests/conformance/main.ts"),
  };
}

/** The end of a process, and its time and memory. */
export interface Ended {
  /** Null when the process was killed, because it did not end. */
  readonly exitCode: number | null;
  /** Both streams, first the output stream. */
  readonly output: string;
  readonly outputBytes: number;
  /** Wall-clock time and processor time: on a busy host the former says little. */
  readonly wallMs: number;
  readonly cpuMs: number;
  /** Peak of memory, without the memory of an ordinary run. */
  readonly peakBytes: number;
  /** Time of an ordinary run in the same kind of process, which shows this host's speed. */
  readonly ordinaryMs: number;
}

/** The report of a process on one case. */
export type Took = Omit<Ended, "ordinaryMs">;

/** Wall-clock or processor time, whichever is less. */
export function tookMs({ cpuMs, wallMs }: Took): number {
  return Math.min(cpuMs, wallMs);
}

/** The results of a case: its memory relative to an ordinary run, and the time of the ordinary run. */
function beside(ordinary: Took, took: Took): Ended {
  const peakBytes = took.peakBytes - ordinary.peakBytes;
  return { ...took, peakBytes, ordinaryMs: tookMs(ordinary) };
}

/** A process is killed when it has run for this multiple of its time limit. */
const PATIENCE = 20;

function patienceMs(hostile: HostileCase): number {
  return 1000 * PATIENCE * givenTo(hostile).seconds;
}

/** Runs one case in a separate folder. */
async function inFolder<T>(
  { input, words }: HostileCase,
  run: (words: readonly string[]) => Promise<T>,
): Promise<T> {
  using folder = new TempFolder();
  input?.(folder.path);
  return await run(words.map((word) => word.replaceAll("DIR", folder.path)));
}

async function runAlone(
  hostile: HostileCase,
  program: string,
  words: readonly string[],
): Promise<Took> {
  const preload = join(ROOT, "tests/hostile/say_took.ts");
  const args = ["run", "-A", "--no-check", "--preload", preload, program, ...words];
  // A shell redirects the output, because the process must see a full disk as an ordinary output
  // file.
  const into = hostile.stdout === undefined ? "" : `> ${hostile.stdout}`;
  const child = new Deno.Command("sh", {
    ...PIPED,
    args: ["-c", `exec "$0" "$@" ${into}`, Deno.execPath(), ...args],
    cwd: ROOT,
  }).spawn();
  const start = performance.now();
  const killer = setTimeout(
    () => child.kill("SIGKILL"),
    patienceMs(hostile),
  );
  const [stdout, stderr, { code, signal }] = await Promise.all([
    new Response(child.stdout).bytes(),
    new Response(child.stderr).bytes(),
    child.status,
    feed(child.stdin, hostile),
  ]);
  clearTimeout(killer);
  const wallMs = performance.now() - start;
  const [said = "", took] = new TextDecoder().decode(stderr).split("\x00");
  const exitCode = signal === null ? code : null;
  return {
    exitCode,
    output: new TextDecoder().decode(stdout) + said,
    outputBytes: stdout.length + said.length,
    // A killed process has not reported its time and memory.
    ...took === undefined ? { wallMs, cpuMs: wallMs, peakBytes: Infinity } : JSON.parse(took),
  };
}

const PIPED = { stdin: "piped", stdout: "piped", stderr: "piped" } as const;

/** Writes the standard input of a case. Writes an endless input until the process ends. */
async function feed(
  stdin: WritableStream<Uint8Array>,
  { stdin: given }: HostileCase,
): Promise<void> {
  const writer = stdin.getWriter();
  try {
    if (given !== undefined) {
      const bytes = new TextEncoder().encode(given.text);
      do await writer.write(bytes); while (given.endless);
    }
    await writer.close();
  } catch {
    // The process has ended, or has closed its input.
  }
}

/** An ordinary case, which shows the time and memory that every process needs. */
const ORDINARY: HostileCase = {
  name: "ordinary",
  words: ["run", "tests/hostile/ordinary.dma"],
  ends: ["held"],
};

/** Runs cases in one process, and measures them relative to an ordinary run in this process. */
class SharedProcess {
  #running: { readonly resident: Resident; readonly ordinary: Took } | null = null;

  /** @returns Null if the case had to be killed. */
  async run(hostile: HostileCase): Promise<Ended | null> {
    const { ordinary, resident } = this.#running ??= await this.#start();
    const took = await inFolder(hostile, (words) => resident.run(words, patienceMs(hostile)));
    if (took === null) await this.end();
    return took === null ? null : beside(ordinary, took);
  }

  async end(): Promise<void> {
    await this.#running?.resident.end();
    this.#running = null;
  }

  async #start(): Promise<{ readonly resident: Resident; readonly ordinary: Took }> {
    const resident = new Resident();
    const ordinary = await resident.run(ORDINARY.words, patienceMs(ORDINARY));
    if (ordinary?.exitCode !== 0) throw new Error(`An ordinary run fails: ${ordinary?.output}`);
    return { resident, ordinary };
  }
}

/**
 * Runs all cases. Cases that can share a process do so, because starting a process and its first
 * runs cost as much as many cases. Cases with the least memory run first: a process keeps memory that
 * an earlier case needed.
 *
 * @param holds Whether a case has ended as required.
 * @returns The ends, in the order of the cases.
 */
export async function runCases(
  cases: readonly HostileCase[],
  holds: (hostile: HostileCase, ended: Ended) => boolean,
): Promise<Ended[]> {
  // Only cases with separate processes need the package.
  let programs: Programs | null = null;
  let own: Took | null = null;
  const alone = (each: HostileCase) => {
    const program = (programs ??= allPrograms())[each.program ?? "command"];
    return inFolder(each, (words) => runAlone(each, program, words));
  };
  const shared = new SharedProcess();
  const ended = new Map<HostileCase, Ended>();
  const memoryOf = (hostile: HostileCase) => givenTo(hostile).memoryBytes;
  for (const hostile of cases.toSorted((a, b) => memoryOf(a) - memoryOf(b))) {
    const { program = "command", stdin, stdout } = hostile;
    const isWordsAlone = program === "command" && stdin === undefined && stdout === undefined;
    const one = isWordsAlone ? await shared.run(hostile) : null;
    const isHeld = one !== null && holds(hostile, one);
    ended.set(
      hostile,
      isHeld ? one : beside(own ??= await alone(ORDINARY), await alone(hostile)),
    );
  }
  await shared.end();
  return cases.map((hostile) => ended.get(hostile)!);
}

/** A process that runs hostile cases one after the other. */
class Resident {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #output: Parts;
  readonly #errors: Parts;

  constructor() {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", join(ROOT, "tests/hostile/resident_main.ts")],
      cwd: ROOT,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#output = new Parts(this.#child.stdout);
    this.#errors = new Parts(this.#child.stderr);
  }

  /**
   * Runs a command line.
   * @returns Null if the command does not end in time, or ends the process.
   */
  async run(words: readonly string[], patienceMs: number): Promise<Took | null> {
    const killer = setTimeout(() => this.#child.kill("SIGKILL"), patienceMs);
    try {
      await this.#input.write(new TextEncoder().encode(`${JSON.stringify(words)}\n`));
      const [out, said] = await Promise.all([this.#output.next(), this.#errors.next()]);
      const took = await this.#errors.next();
      return { output: out + said, outputBytes: out.length + said.length, ...JSON.parse(took) };
    } catch {
      return null;
    } finally {
      clearTimeout(killer);
    }
  }

  async end(): Promise<void> {
    await this.#input.close().catch(() => {});
    await Promise.all([this.#output.cancel(), this.#errors.cancel(), this.#child.status]);
  }
}

/** The parts of a stream, each of which is followed by a zero byte. */
class Parts {
  readonly #reader: ReadableStreamDefaultReader<string>;
  #rest = "";

  constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.#reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** @throws {Error} When the stream ends before a zero. */
  async next(): Promise<string> {
    const pieces = [this.#rest];
    while (!pieces.at(-1)!.includes("\x00")) {
      const { value } = await this.#reader.read();
      if (value === undefined) throw new Error("The stream has ended");
      pieces.push(value);
    }
    const text = pieces.join("");
    const end = text.indexOf("\x00");
    this.#rest = text.slice(end + 1);
    return text.slice(0, end);
  }

  async cancel(): Promise<void> {
    await this.#reader.cancel();
  }
}
