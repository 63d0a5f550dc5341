/**
 * `deno task test`: every test of the project, the examples among them.
 *
 * Runs `deno test` with the permissions that the tests need and ends with one line that scripts can
 * read: `N passed, N failed`.
 */
import { fromFileUrl } from "@std/path";
import { runDeno, testCounts } from "./deno_process.ts";

const ROOT = fromFileUrl(new URL("../", import.meta.url));

/**
 * Reading sources and data, writing temporary folders, starting Deno for the command line's own
 * tests, and what the npm packages look up in the environment.
 */
const PERMISSIONS = ["-R", "-W", "--allow-run", "--allow-env", "--allow-sys"];

const { success, output } = await runDeno(
  ["test", "--parallel", "--no-prompt", ...PERMISSIONS, ...Deno.args],
  { folder: ROOT, show: true },
);
const counts = testCounts(output);
if (counts === null) {
  // It did not come so far as to count: a file that does not compile, say.
  console.log("\n0 passed, 1 failed");
  Deno.exit(1);
}
const failed = !success && counts.failed === 0 ? 1 : counts.failed;
console.log(`\n${counts.passed} passed, ${failed} failed`);
Deno.exit(failed === 0 && counts.passed > 0 ? 0 : 1);
