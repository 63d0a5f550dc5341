/** Makes bundles of programs of this project. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const PROJECT = fileURLToPath(new URL("../../", import.meta.url));

/** Bundles some entries, which share their code, into a folder. @returns What went wrong; or null. */
export function bundle(entries: readonly URL[], folder: string): string | null {
  const options = ["--minify", "--code-splitting", "--outdir", folder];
  const files = entries.map((entry) => fileURLToPath(entry));
  const problem = runProjectDeno("bundle", [...options, ...files]);
  if (problem === null) requireLate(folder);
  return problem;
}

/** The bundler's code that lets CommonJS modules load a module of Node. */
const NODE_REQUIRE =
  /import\{createRequire as (\w+)\} from "node:module";var (\w+)=\1\(import\.meta\.url\);/;

/**
 * Loads `node:module`, which takes longer than a command, only for a caller that asks for a module
 * by it.
 */
function requireLate(folder: string): void {
  for (const { name } of Deno.readDirSync(folder)) {
    if (!name.endsWith(".js")) continue;
    const path = join(folder, name);
    const text = Deno.readTextFileSync(path);
    const late = text.replace(NODE_REQUIRE, "var $2=(name)=>process.getBuiltinModule(name);");
    if (late !== text) Deno.writeTextFileSync(path, late);
  }
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
