/**
 * Makes bundles of programs of this project. What is known before a start is put into them: in a
 * checkout it is worked out whenever dmalab starts.
 */
import { fromFileUrl, join, toFileUrl } from "@std/path";
import { planOfGrammar } from "../../lang/syntax/grammar_plan.ts";

export const PROJECT = fromFileUrl(new URL("../../", import.meta.url));

/** Texts of files that stand in others' places. */
const WORKED_OUT: Readonly<Record<string, () => string>> = {
  // A text is read much quicker than as many lists in a program.
  "lang/syntax/plan.ts": () =>
    `export const PLAN = () => JSON.parse(${JSON.stringify(JSON.stringify(planOfGrammar()))});\n`,
  // In a bundle a required module runs at the call of require, an imported one at the start.
  "lang/syntax/make_parser.ts": () => {
    const parser = new URL("lang/syntax/parser.ts", toFileUrl(PROJECT)).href;
    return `export const makeParser = (options) =>
  new (require(${JSON.stringify(parser)}).DmaParser)(options);\n`;
  },
};

/** Bundles some entries, which share their code, into a folder. @returns What went wrong; or null. */
export type Bundle = (entries: readonly URL[], folder: string) => string | null;

/** Gives what makes bundles; what it needs for that is gone afterwards. */
export function withBundler<T>(work: (bundle: Bundle) => T): T {
  const folder = Deno.makeTempDirSync({ prefix: "dmalab-bundle-" });
  try {
    const config = writeConfig(folder);
    return work((entries, target) => {
      const paths = entries.map((entry) => fromFileUrl(entry));
      const options = ["--minify", "--code-splitting", "--outdir", target];
      return runProjectDeno("bundle", [...options, ...paths], config);
    });
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** Runs a command of Deno with the project's configuration. @returns What went wrong; or null. */
export function runProjectDeno(
  command: string,
  args: readonly string[],
  config = join(PROJECT, "deno.json"),
): string | null {
  return runQuietly([command, "--quiet", "--config", config, ...args]);
}

/** Runs Deno without any input. @returns What it said when it failed; or null. */
export function runQuietly(args: readonly string[]): string | null {
  const { success, stderr } = new Deno.Command(Deno.execPath(), {
    args: [...args],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).outputSync();
  return success ? null : new TextDecoder().decode(stderr).trim();
}

/**
 * Writes the files that are worked out, and a configuration that puts them in their places: else it
 * is the project's, which lies elsewhere.
 *
 * @returns The configuration's path.
 */
function writeConfig(folder: string): string {
  const { imports } = JSON.parse(Deno.readTextFileSync(join(PROJECT, "deno.json"))) as {
    readonly imports: Readonly<Record<string, string>>;
  };
  const ofProject = (path: string) => new URL(path, toFileUrl(PROJECT)).href;
  const here = (path: string) => path.startsWith("./") ? ofProject(path) : path;
  // What sends scenarios to the package is for running them.
  const { "./": _, ...others } = imports;
  const placed = Object.entries(WORKED_OUT).map(([path, text], index) => {
    const file = join(folder, `worked_out_${index}.js`);
    Deno.writeTextFileSync(file, text());
    return [ofProject(path), toFileUrl(file).href] as const;
  });
  const all = Object.entries(others).map(([name, path]) => [here(name), here(path)] as const);
  // A copy: its hashes hold, and nothing is added to the project's own.
  Deno.copyFileSync(join(PROJECT, "deno.lock"), join(folder, "deno.lock"));
  const path = join(folder, "deno.json");
  Deno.writeTextFileSync(
    path,
    JSON.stringify({
      nodeModulesDir: "none",
      imports: Object.fromEntries([...all, ...placed]),
    }),
  );
  return path;
}
