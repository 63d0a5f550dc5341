/** Bundles programs of this project. */
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { PROJECT } from "../project.ts";
import { TempFolder } from "../temp_folder.ts";

/**
 * A temporary copy of the sources of some entries. In it, `direct_imports_main.ts` has resolved
 * imports of "doors": files that re-export other files. One copy serves several bundles, because
 * making it takes as long as a bundle.
 */
export class SourceCopy implements Disposable {
  /** The error message; null if the sources are copied. */
  readonly problem: string | null;
  readonly #folder = new TempFolder();

  constructor(entries: readonly URL[]) {
    const program = fileURLToPath(new URL("./direct_imports_main.ts", import.meta.url));
    this.problem = runProjectDeno("run", [
      "--no-prompt",
      "-R",
      "-W",
      "--allow-env",
      program,
      this.#folder.path,
      ...entries.map(inProject),
    ]);
  }

  /**
   * Bundles entries, which share their code.
   * @param options Options of `deno bundle`.
   * @returns The error message; null on success.
   */
  bundle(entries: readonly URL[], options: readonly string[]): string | null {
    const files = entries.map((entry) => this.#folder.at(inProject(entry)));
    return this.problem ?? runProjectDeno("bundle", [...options, ...files], this.#folder.path);
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }
}

/** The path of a file, relative to the project's folder. */
function inProject(file: URL): string {
  return relative(PROJECT, fileURLToPath(file));
}

/**
 * Writes bundles into one folder. The entries of a bundle share their code.
 * @returns The error message; null on success.
 */
export function bundle(
  bundles: readonly (readonly URL[])[],
  sources: SourceCopy,
  folder: string,
): string | null {
  const options = ["--minify", "--code-splitting", "--outdir", folder];
  for (const entries of bundles) {
    const problem = sources.bundle(entries, options);
    if (problem !== null) return problem;
  }
  requireLate(folder);
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
