/**
 * `deno task check`: types, lint, format, layers, purity, and the code in the docs.
 *
 * Every step runs, so that one look shows all there is to put right. The last line counts them.
 */
import { fromFileUrl } from "@std/path";
import { runDeno } from "./deno_process.ts";

const ROOT = fromFileUrl(new URL("../", import.meta.url));
const TEST = ["test", "--no-prompt", "-R", "-W", "--allow-run", "--allow-env", "--quiet"];

const STEPS: readonly (readonly [string, readonly string[]])[] = [
  ["types", ["check", "--quiet", "."]],
  ["lint", ["lint", "--quiet"]],
  ["format", ["fmt", "--check", "--quiet"]],
  ["layers", [...TEST, "tests/layers_test.ts", "tests/rooms_test.ts"]],
  ["purity", [...TEST, "tests/purity_test.ts"]],
  ["docs", [...TEST, "tests/docs_test.ts", "tests/readme_test.ts", "tests/vocabulary_test.ts"]],
  ["module examples", [...TEST, "tests/mod_test.ts"]],
];

let failed = 0;
for (const [name, args] of STEPS) {
  const { success, output } = await runDeno(args, { folder: ROOT });
  console.log(`${name} ... ${success ? "ok" : "FAILED"}`);
  if (!success) {
    failed++;
    console.log(output);
  }
}
console.log(`${STEPS.length - failed} checks passed, ${failed} failed`);
Deno.exit(failed === 0 ? 0 : 1);
