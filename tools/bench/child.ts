/**
 * Measurements in a separate process. The process has its own V8 flags, and contains no code that
 * was optimised by earlier measurements.
 */
import { PROJECT } from "../project.ts";

/** One thread: garbage collection and compilation do not run in parallel with the work. */
export const ONE_THREAD = ["--single-threaded"];

/** Runs `deno run` and returns its output. @throws {Error} With its error output, when it fails. */
export function runDeno(args: readonly string[], folder: string = PROJECT): string {
  const { success, stdout, stderr } = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", ...args],
    cwd: folder,
    stdout: "piped",
    stderr: "piped",
  }).outputSync();
  const decoder = new TextDecoder();
  if (!success) throw new Error(decoder.decode(stderr));
  return decoder.decode(stdout);
}

/**
 * Calls a function of `child_main.ts` in a separate process. The process may read files and one
 * environment variable.
 *
 * @param args Values that JSON can represent; the result is such a value, too.
 * @throws {Error} When the process fails, or its result contains NaN.
 */
export function measureInChild<A extends readonly unknown[], R>(
  measure: (...args: A) => R | Promise<R>,
  args: A,
  v8Flags: readonly string[] = [],
): R {
  const flags = v8Flags.length === 0 ? [] : [`--v8-flags=${v8Flags.join(",")}`];
  const words = ["tools/bench/child_main.ts", measure.name, JSON.stringify(args)];
  // The LSP library reads this variable, a folder for its pipes, when it is loaded.
  const permissions = ["-R=.", "--allow-env=XDG_RUNTIME_DIR"];
  const value = JSON.parse(runDeno([...permissions, ...flags, ...words]));
  // JSON represents NaN as null.
  if (value === null) throw new Error(`${measure.name}() measures no number`);
  return value;
}

/** Host memory in use, in bytes, after a garbage collection if V8 has `--expose-gc`. */
export function usedBytes(): number {
  const collect: unknown = Reflect.get(globalThis, "gc");
  if (typeof collect === "function") {
    collect();
    // Another thread frees the memory of buffers; a second collection waits until that is done.
    collect();
  }
  const { external, heapUsed } = Deno.memoryUsage();
  return heapUsed + external;
}

/**
 * Processor time of a program with its threads and children, in seconds. Its output is thrown away.
 *
 * @param most The greatest exit code of a run that counts.
 * @throws {Error} When the program ends with another code.
 */
export function processorSeconds(
  command: readonly string[],
  folder: string = PROJECT,
  most = 0,
): number {
  const { code, stdout } = new Deno.Command("sh", {
    args: ["-c", '"$@" > /dev/null; code=$?; times; exit $code', "sh", ...command],
    cwd: folder,
    stdout: "piped",
    stderr: "null",
  }).outputSync();
  if (code > most) throw new Error(`${command.join(" ")} ends with ${code}`);
  const [, ofChildren = ""] = new TextDecoder().decode(stdout).trim().split("\n");
  const times = ofChildren.matchAll(/(\d+)m(\d+\.\d+)s/g);
  return [...times].reduce(
    (sum, [, minutes, seconds]) => sum + 60 * Number(minutes) + Number(seconds),
    0,
  );
}
