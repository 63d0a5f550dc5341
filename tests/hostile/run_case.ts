/**
 * Runs hostile cases one after the other. Those that are words alone share a process, which is one of this
 * checkout; a case that does not hold there is decided by a process of its own, which is one of the
 * package.
 */
import { join } from "node:path";
import { builtPackage } from "../built_package.ts";
import { ROOT } from "../source_text.ts";
import { givenTo, type HostileCase, type Program } from "./hostile_case.ts";
import { Resident } from "./resident.ts";

export type Programs = Readonly<Record<Program, string>>;

/** The programs of the package, and the replay of captured data. */
export function programs(): Programs {
  const folder = builtPackage();
  return {
    command: join(folder, "main.js"),
    runner: join(folder, "run.js"),
    replay: join(ROOT, "tests/conformance/main.ts"),
  };
}

/** How a process ended, and what it took. */
export interface Ended {
  /** Null when it was killed, because it did not end. */
  readonly exitCode: number | null;
  /** Both streams, the error stream behind the other. */
  readonly output: string;
  readonly outputBytes: number;
  /** By the clock, and by the processor: on a busy host the first says little. */
  readonly wallMs: number;
  readonly cpuMs: number;
  /** Of memory, beyond what an ordinary run takes. */
  readonly peakBytes: number;
  /** What an ordinary run took in the same way, which shows this host's speed. */
  readonly ordinaryMs: number;
}

/** What a process says of one case. */
export type Took = Omit<Ended, "ordinaryMs">;

/** By the clock or the processor, whichever is less. */
export function tookMs({ cpuMs, wallMs }: Took): number {
  return Math.min(cpuMs, wallMs);
}

/** What is particular to a case: without the memory of an ordinary run, and beside its time. */
function beside(ordinary: Took, took: Took): Ended {
  const peakBytes = took.peakBytes - ordinary.peakBytes;
  return { ...took, peakBytes, ordinaryMs: tookMs(ordinary) };
}

/** A process that takes so many times what it was given does not end by itself. */
const PATIENCE = 20;

function patienceMs(hostile: HostileCase): number {
  return 1000 * PATIENCE * givenTo(hostile).seconds;
}

/** Runs one case in a folder of its own. */
async function inFolder<T>(
  { input, words }: HostileCase,
  run: (words: readonly string[]) => Promise<T>,
): Promise<T> {
  const folder = Deno.makeTempDirSync({ prefix: "dmalab-hostile-" });
  try {
    input?.(folder);
    return await run(words.map((word) => word.replaceAll("DIR", folder)));
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

async function runAlone(
  hostile: HostileCase,
  program: string,
  words: readonly string[],
): Promise<Took> {
  const preload = join(ROOT, "tests/hostile/say_took.ts");
  const args = ["run", "-A", "--no-check", "--preload", preload, program, ...words];
  // The shell opens what the process writes to: a full disk is a file like others to it.
  const command = hostile.stdout === undefined
    ? new Deno.Command(Deno.execPath(), { ...PIPED, args, cwd: ROOT })
    : new Deno.Command("sh", {
      ...PIPED,
      args: ["-c", `exec "$0" "$@" > ${hostile.stdout}`, Deno.execPath(), ...args],
      cwd: ROOT,
    });
  const child = command.spawn();
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
    // Killed, it could not say.
    ...took === undefined ? { wallMs, cpuMs: wallMs, peakBytes: Infinity } : JSON.parse(took),
  };
}

const PIPED = { stdin: "piped", stdout: "piped", stderr: "piped" } as const;

/** Writes what the case reads, for as long as it reads. */
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
    // It has ended, or reads no more.
  }
}

/** What every process takes, whatever it is given. */
const ORDINARY: HostileCase = {
  name: "ordinary",
  words: ["run", "tests/hostile/ordinary.dma"],
  ends: ["held"],
};

/** Runs cases in one process, beside what an ordinary run takes of it. */
class SharedProcess {
  #running: { readonly resident: Resident; readonly ordinary: Took } | null = null;

  /** @returns Null when the case does not end by itself. */
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
 * Runs all in their order. Those that share a process share one: its start and first runs cost as much
 * as many of them.
 *
 * @param holds Whether a case has ended as it must.
 */
export async function runCases(
  cases: readonly HostileCase[],
  programs: Programs,
  holds: (hostile: HostileCase, ended: Ended) => boolean,
): Promise<Ended[]> {
  const alone = (each: HostileCase) =>
    inFolder(each, (words) => runAlone(each, programs[each.program ?? "command"], words));
  const own = await alone(ORDINARY);
  const shared = new SharedProcess();
  const ended: Ended[] = [];
  for (const hostile of cases) {
    const { program = "command", stdin, stdout } = hostile;
    const isWordsAlone = program === "command" && stdin === undefined && stdout === undefined;
    const one = isWordsAlone ? await shared.run(hostile) : null;
    const isHeld = one !== null && holds(hostile, one);
    ended.push(isHeld ? one : beside(own, await alone(hostile)));
  }
  await shared.end();
  return ended;
}
