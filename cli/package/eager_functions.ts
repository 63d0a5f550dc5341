/**
 * Has V8 compile with a bundle what every start of it runs.
 *
 * Deno keeps what V8 compiled of a file before its first line ran, and the next start reads that. V8
 * compiles a function early only when it stands in parentheses, as one that is called at once does;
 * all others it compiles anew at every start, when they are first called. So the bundle is started
 * once, Deno's coverage says which functions ran, and these are put in parentheses.
 */
import { fromFileUrl, join } from "@std/path";
import { PROJECT, runProjectDeno, runQuietly } from "./bundle.ts";

/** Scenarios like those that people begin with: the first needs nothing beyond what all of them need. */
export const USUAL_SCENARIOS: readonly string[] = [
  "benches/start.dma",
  "examples/start/02-hello-map.dma",
  "examples/start/01-first-look.dma",
].map((path) => join(PROJECT, path));

/** A program of a bundle, with its arguments. */
export type Start = readonly [program: string, ...args: readonly string[]];

/** Starts programs of bundles in a folder, and marks what they run. @returns What went wrong; or null. */
export function markEagerFunctions(folder: string, starts: readonly Start[]): string | null {
  const coverage = Deno.makeTempDirSync({ prefix: "dmalab-coverage-" });
  try {
    for (const [program, ...args] of starts) {
      const problem = runQuietly([
        "run",
        "--no-config",
        "--no-code-cache",
        "--no-prompt",
        "-R",
        `--coverage=${coverage}`,
        join(folder, program),
        ...args,
      ]);
      if (problem !== null) return problem;
    }
    const marker = fromFileUrl(new URL("./eager_functions_main.ts", import.meta.url));
    // The compiler wants to look at the environment, and nothing else here has to.
    return runProjectDeno("run", [
      "--no-prompt",
      "-R",
      "-W",
      "--allow-env",
      marker,
      folder,
      coverage,
    ]);
  } finally {
    Deno.removeSync(coverage, { recursive: true });
  }
}
