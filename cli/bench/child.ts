/** Measurements in a process of their own: with V8 flags of its own, and nothing learnt before. */
import { fromFileUrl } from "@std/path";

const PROJECT = fromFileUrl(new URL("../../", import.meta.url));

/** One core means one thread: no garbage is collected and nothing compiled beside the work. */
export const ONE_THREAD = ["--single-threaded"];

/**
 * Runs a program that prints one number, and returns it.
 *
 * @param program Path from the project's root.
 * @throws {Error} With what it said, when it fails.
 */
export function measureInChild(
  program: string,
  args: readonly string[],
  v8Flags: readonly string[] = [],
): number {
  const { success, stdout, stderr } = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      ...v8Flags.length === 0 ? [] : [`--v8-flags=${v8Flags.join(",")}`],
      program,
      ...args,
    ],
    cwd: PROJECT,
    stdout: "piped",
    stderr: "piped",
  }).outputSync();
  const decoder = new TextDecoder();
  const value = Number(decoder.decode(stdout));
  if (!success || Number.isNaN(value)) throw new Error(decoder.decode(stderr));
  return value;
}
