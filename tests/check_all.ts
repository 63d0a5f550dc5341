/**
 * `deno task check [--without-tests] [--quick]`: types, lint, format, members, purity, and the code in
 * the docs. With `--quick`, TypeScript's native compiler checks the types of the files that changed
 * since the last quick check; in CI only Deno's check decides.
 *
 * Every step runs, also after a failure, so that one run shows all errors. The last line counts the
 * errors. Before `deno task test-all` the first three steps are enough, because that task includes
 * the other steps.
 */
import { runDeno } from "./deno_process.ts";
import { ROOT } from "./source_text.ts";
import { endAtSignals } from "@dmalab/tools";

type Step = readonly [name: string, args: readonly string[]];

const QUICK_TYPES = ["run", "-R", "-W", "--allow-run", "--allow-env", "tools/types_main.ts"];

const STATIC: readonly Step[] = [
  ["types", Deno.args.includes("--quick") ? QUICK_TYPES : ["check", "--quiet", "."]],
  ["lint", ["lint", "--quiet"]],
  ["format", ["fmt", "--check", "--quiet"]],
];
const TESTS: readonly (readonly [name: string, files: readonly string[]])[] = [
  ["members", ["members"]],
  ["purity", ["purity"]],
  ["tidiness", ["tidy"]],
  ["docs", ["docs", "readme", "vocabulary"]],
  ["module examples", ["mod"]],
  ["library", ["typescript_long"]],
];
const TEST = ["test", "--no-check", "--no-prompt", "-R", "-W", "--allow-run", "--allow-env"];

const steps: readonly Step[] = [
  ...STATIC,
  ...Deno.args.includes("--without-tests") ? [] : TESTS.map(([name, files]): Step => [
    name,
    [...TEST, "--quiet", ...files.map((file) => `tests/${file}_test.ts`)],
  ]),
];
endAtSignals();
const started = steps.map(([, args]) => runDeno(args, { folder: ROOT }));
let failed = 0;
for (const [index, [name]] of steps.entries()) {
  const { success, output } = await started[index]!;
  console.log(`${name} ... ${success ? "ok" : "FAILED"}`);
  if (!success) {
    failed++;
    console.log(output);
  }
}
console.log(`${steps.length - failed} checks passed, ${failed} failed`);
Deno.exit(failed === 0 ? 0 : 1);
