/** Measurements in a process of their own: with V8 flags of its own, and nothing learnt before. */
import { fileURLToPath } from "node:url";

export const PROJECT = fileURLToPath(new URL("../../", import.meta.url));

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
 * Runs a program that prints one number, and returns it.
 *
 * @param program Path from the project's root.
 * @throws {Error} When it fails.
 */
export function measureInChild(
  program: string,
  args: readonly string[],
  v8Flags: readonly string[] = [],
): number {
  const flags = v8Flags.length === 0 ? [] : [`--v8-flags=${v8Flags.join(",")}`];
  const value = Number(runDeno([...flags, program, ...args]));
  if (Number.isNaN(value)) throw new Error(`${program} prints no number`);
  return value;
}
