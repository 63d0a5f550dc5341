/** Makes bundles of programs of this project. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const PROJECT = fileURLToPath(new URL("../../", import.meta.url));

/** Bundles some entries, which share their code, into a folder. @returns What went wrong; or null. */
export function bundle(entries: readonly URL[], folder: string): string | null {
  const options = ["--minify", "--code-splitting", "--outdir", folder];
  return runProjectDeno("bundle", [...options, ...entries.map((entry) => fileURLToPath(entry))]);
}

/** Runs a command of Deno with the project's configuration. @returns What went wrong; or null. */
export function runProjectDeno(command: string, args: readonly string[]): string | null {
  const { success, stderr } = new Deno.Command(Deno.execPath(), {
    args: [command, "--quiet", "--config", join(PROJECT, "deno.json"), ...args],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).outputSync();
  return success ? null : new TextDecoder().decode(stderr).trim();
}
