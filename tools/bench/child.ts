/** Measurements in a separate process: with its own V8 flags, and nothing learnt before. */
import { PROJECT } from "../project.ts";

/** One core means one thread: no garbage is collected and nothing compiled beside the work. */
export const ONE_THREAD = ["--single-threaded"];

/** What `deno run` prints. @throws {Error} With what it said, when it fails. */
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
 * Calls a function of `child_main.ts` in a separate process, which may read files and one variable.
 *
 * @param args What JSON can carry, as the result is.
 * @throws {Error} When it fails, or measures no number.
 */
export function measureInChild<A extends readonly unknown[], R>(
  measure: (...args: A) => R | Promise<R>,
  args: A,
  v8Flags: readonly string[] = [],
): R {
  const flags = v8Flags.length === 0 ? [] : [`--v8-flags=${v8Flags.join(",")}`];
  const words = ["tools/bench/child_main.ts", measure.name, JSON.stringify(args)];
  // The protocol's library of the language server looks for a folder for its pipes when it is loaded.
  const permissions = ["-R=.", "--allow-env=XDG_RUNTIME_DIR"];
  const value = JSON.parse(runDeno([...permissions, ...flags, ...words]));
  // What JSON makes of NaN.
  if (value === null) throw new Error(`${measure.name}() measures no number`);
  return value;
}

/** Host memory in use, in bytes; garbage is collected before where V8 has `--expose-gc`. */
export function usedBytes(): number {
  const collect: unknown = Reflect.get(globalThis, "gc");
  if (typeof collect === "function") {
    collect();
    // Memory of buffers is freed beside the program: a second collection waits for it.
    collect();
  }
  const { external, heapUsed } = Deno.memoryUsage();
  return heapUsed + external;
}
