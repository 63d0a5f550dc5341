/**
 * Runs hostile cases as processes of their own, a few at a time. They are those of the package, which
 * start in a third of the time that a checkout takes.
 */
import { join } from "@std/path";
import { builtPackage } from "../built_package.ts";
import { ROOT } from "../source_text.ts";
import { givenTo, type HostileCase, type Program } from "./hostile_case.ts";

/** Where the programs are. */
export type Programs = Readonly<Record<Program, string>>;

/** The programs of the package, and the replay of captured data. */
export function programs(): Programs {
  const folder = builtPackage();
  return {
    command: join(folder, "bin.js"),
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
  readonly peakBytes: number;
}

/** A process that takes so many times what it was given does not end by itself. */
const PATIENCE = 20;

/** Runs one case in a folder of its own. */
export async function runCase(hostile: HostileCase, programs: Programs): Promise<Ended> {
  const folder = Deno.makeTempDirSync({ prefix: "dmalab-hostile-" });
  try {
    hostile.input?.(folder);
    return await runIn(folder, hostile, programs[hostile.program ?? "command"]);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

async function runIn(folder: string, hostile: HostileCase, program: string): Promise<Ended> {
  const words = hostile.words.map((word) => word.replaceAll("DIR", folder));
  const peak = join(ROOT, "tests/hostile/peak.ts");
  const args = ["run", "-A", "--no-check", "--preload", peak, program, ...words];
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
    1000 * PATIENCE * givenTo(hostile).seconds,
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

/** Runs all, as many at once as there are processors. */
export async function runCases(
  cases: readonly HostileCase[],
  programs: Programs,
): Promise<Ended[]> {
  const ended: Ended[] = [];
  let next = 0;
  const lanes = Array.from({ length: Math.max(1, navigator.hardwareConcurrency) }, async () => {
    while (next < cases.length) {
      const index = next++;
      ended[index] = await runCase(cases[index]!, programs);
    }
  });
  await Promise.all(lanes);
  return ended;
}
