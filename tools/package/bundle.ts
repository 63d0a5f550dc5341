/** Bundles programs of this project. */
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { PROJECT } from "../project.ts";
import { TempFolder } from "../temp_folder.ts";

/**
 * Writes bundles into one folder. The entries of a bundle share their code.
 * @returns The error message; null on success.
 */
export function bundle(bundles: readonly (readonly URL[])[], folder: string): string | null {
  const options = ["--minify", "--code-splitting", "--outdir", folder];
  const problem = bundleDirectly(bundles, options);
  if (problem === null) requireLate(folder);
  return problem;
}

/**
 * Bundles entries. Before that, `direct_imports_main.ts` resolves imports of "doors": files that
 * re-export other files.
 * @param options Options of `deno bundle`.
 * @returns The error message; null on success.
 */
export function bundleDirectly(
  bundles: readonly (readonly URL[])[],
  options: readonly string[],
): string | null {
  using copy = new TempFolder();
  const paths = (entries: readonly URL[]) =>
    entries.map((entry) => relative(PROJECT, fileURLToPath(entry)));
  const program = fileURLToPath(new URL("./direct_imports_main.ts", import.meta.url));
  const problem = runProjectDeno("run", [
    "--no-prompt",
    "-R",
    "-W",
    "--allow-env",
    program,
    copy.path,
    ...bundles.flatMap(paths),
  ]);
  if (problem !== null) return problem;
  for (const entries of bundles) {
    const files = paths(entries).map((path) => copy.at(path));
    const found = runProjectDeno("bundle", [...options, ...files], copy.path);
    if (found !== null) return found;
  }
  return null;
}

/** The bundler's code that lets CommonJS modules load a module of Node. */
const NODE_REQUIRE =
  /import\{createRequire as (\w+)\} from "node:module";var (\w+)=\1\(import\.meta\.url\);/;

/**
 * Makes the bundle load `node:module` only when CommonJS code needs it, because loading that module
 * takes longer than a command.
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

/**
 * Runs a command of Deno with a project's configuration. @returns The error message; null on
 * success.
 */
export function runProjectDeno(
  command: string,
  args: readonly string[],
  project: string = PROJECT,
): string | null {
  const { success, stderr } = new Deno.Command(Deno.execPath(), {
    args: [command, "--quiet", "--config", join(project, "deno.json"), ...args],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).outputSync();
  return success ? null : new TextDecoder().decode(stderr).trim();
}
