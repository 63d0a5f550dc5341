/**
 * `deno task test [core | MEMBER…] [OPTIONS OF deno test]`: runs the first suite, which shows each
 * part working once; or the short tests of the core or of the given members. A member is given by
 * its folder, such as `extensions/traces`. `deno task test-all [--rest] [--times] [OPTIONS OF deno
 * test]`: runs all tests. `--rest` leaves out the tests that `deno task test` runs. `--times` runs each file in a separate process, prints the files that use
 * most processor time, and writes these costs to `tests/running/costs.json`; later runs on this
 * machine are planned with them.
 *
 * Ends with one line that scripts can read: `N passed, N failed`.
 */
import { measureCosts, readCosts } from "./running/costs.ts";
import { jobOf, type Ran, runJobs, shownOf, withSharedFolder } from "./running/lanes.ts";
import { type Size, type Tests, testsOf, worldsOf } from "./running/sizes.ts";
import { members } from "@dmalab/tools";
import { CORE_FOLDERS } from "./source_text.ts";

const OWN = ["--all", "--rest", "--times", "core", ...members()];

/** @param folders The folders to test; null for all. */
async function runAll(
  size: Size,
  folders: readonly string[] | null,
  options: readonly string[],
): Promise<Ran[]> {
  return await withSharedFolder(async (shared) => {
    const tests = testsIn(size, folders);
    const worlds = worldsOf(tests, readCosts()).map((world) => jobOf(world, shared, options));
    return await runJobs(worlds, (ran) => {
      if (ran.failed > 0) console.log(shownOf(ran));
    }, { shared });
  });
}

/** @param folders The folders to test; null for all. */
function testsIn(size: Size, folders: readonly string[] | null): readonly Tests[] {
  return testsOf(size).filter(({ file }) =>
    folders === null || folders.some((folder) => file.startsWith(`${folder}/`))
  );
}

/** The folders that the words name; null (all) if they name none. */
function foldersIn(words: readonly string[]): readonly string[] | null {
  const named = members().filter((member) =>
    words.some((word) => word.replace(/\/$/, "") === member)
  );
  const folders = words.includes("core") ? [...CORE_FOLDERS, ...named] : named;
  return folders.length === 0 ? null : folders;
}

if (import.meta.main) {
  const wants = (option: string) => Deno.args.includes(option);
  const isWhole = foldersIn(Deno.args) === null;
  const size = wants("--rest")
    ? isWhole ? "rest" : "long"
    : wants("--all")
    ? "all"
    : isWhole
    ? "first"
    : "short";
  if (wants("--times")) await measureCosts(testsIn(size, foldersIn(Deno.args)));
  else {
    const start = performance.now();
    const ran = await runAll(
      size,
      foldersIn(Deno.args),
      Deno.args.filter((option) => !OWN.includes(option.replace(/\/$/, ""))),
    );
    const sum = (of: (ran: Ran) => number) => ran.reduce((all, each) => all + of(each), 0);
    const passed = sum((each) => each.passed);
    const failed = sum((each) => each.failed);
    for (const failure of ran.flatMap(({ failures }) => failures)) {
      console.log(`failed: ${failure}`);
    }
    const ignored = sum((each) => each.ignored);
    if (ignored > 0) console.log(`${ignored} ignored: not run on this machine`);
    console.log(`\nin ${((performance.now() - start) / 1000).toFixed(0)} s`);
    console.log(`${passed} passed, ${failed} failed`);
    Deno.exit(failed === 0 && passed > 0 ? 0 : 1);
  }
}
