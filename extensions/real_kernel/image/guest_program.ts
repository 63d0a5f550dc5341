/**
 * Compiles the guest's only program with the user's compiler. The result is cached for each version
 * of the program's source.
 */
import {
  hashOf,
  keepBytes,
  keptBytes,
  readHostBytes,
  rewriteFile,
  withTempFolder,
} from "@dmalab/cli";
import { printable } from "@dmalab/lang/diagnostics";
import { ARCHITECTURES, type GuestArchitecture } from "../machine/architectures.ts";
import { runProgram } from "../programs.ts";

const CACHE_FOLDER = "kernel";
const MAX_PROGRAM_BYTES = 2 ** 24;
const OPTIONS = ["-static", "-O1", "-Wall"];

/** The guest's program, a static executable; or why it cannot be compiled, as a sentence. */
export async function guestProgram(
  source: string,
  architecture: GuestArchitecture = "x86_64",
): Promise<Uint8Array<ArrayBuffer> | { readonly problem: string }> {
  const { compiler } = ARCHITECTURES[architecture];
  const key = `init-${await hashOf(
    new TextEncoder().encode(JSON.stringify([compiler, OPTIONS, source])),
  )}`;
  const kept = await keptBytes(CACHE_FOLDER, key);
  if (kept !== null) return kept;
  return await withTempFolder(async (folder) => {
    const path = `${folder}/init`;
    rewriteFile({ folder, name: "init.c" }, source);
    const result = await runProgram(compiler, [...OPTIONS, "-o", path, `${path}.c`]);
    if ("problem" in result) return result;
    if (result.code !== 0) {
      const [first = ""] = result.stderr.split("\n").filter((line) => line.includes("error"));
      return { problem: `"${compiler}" cannot compile the guest's program: ${printable(first)}` };
    }
    const made = readHostBytes(path, { mostBytes: MAX_PROGRAM_BYTES });
    if (!made.found) return { problem: made.problem };
    await keepBytes(CACHE_FOLDER, key, made.bytes);
    return made.bytes;
  }, true);
}
