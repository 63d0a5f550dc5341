/**
 * The npm package `dmalab`: the runner as JavaScript, and the `package.json` that sends every
 * `*.dma` to it.
 *
 * Deno runs TypeScript from a checkout but not from inside `node_modules`, so the package carries a
 * bundle. What only some scenarios need lies in files of its own beside it, and is not read before
 * it is wanted. `dmalab init` puts one into the new folder; publishing takes the same folder.
 */
import { fromFileUrl, join } from "@std/path";
import { VERSION } from "../package_version.ts";

const RUNNER = fromFileUrl(new URL("../run_main.ts", import.meta.url));
const PROJECT_FOLDER = fromFileUrl(new URL("../../", import.meta.url));
const DENO_JSON = join(PROJECT_FOLDER, "deno.json");

const PACKAGE_JSON = {
  name: "dmalab",
  version: VERSION,
  description: "A laboratory for DMA mapping: the runner of .dma scenarios for Deno",
  license: "MIT",
  type: "module",
  exports: { "./*.dma": "./run_main.js" },
};

export type BuildOutcome =
  | { readonly done: true }
  | { readonly done: false; readonly problem: string };

/** Writes the package into a folder, which is made. Needs permission to run Deno itself. */
export function buildPackage(folder: string): BuildOutcome {
  Deno.mkdirSync(folder, { recursive: true });
  const { success, stderr } = new Deno.Command(Deno.execPath(), {
    args: [
      "bundle",
      "--quiet",
      "--minify",
      "--code-splitting",
      "--config",
      DENO_JSON,
      "--outdir",
      folder,
      RUNNER,
    ],
    stdout: "null",
    stderr: "piped",
  }).outputSync();
  if (!success) {
    return { done: false, problem: `bundling failed: ${new TextDecoder().decode(stderr).trim()}` };
  }
  Deno.writeTextFileSync(
    join(folder, "package.json"),
    `${JSON.stringify(PACKAGE_JSON, null, 2)}\n`,
  );
  Deno.copyFileSync(join(PROJECT_FOLDER, "LICENSE"), join(folder, "LICENSE"));
  return { done: true };
}
