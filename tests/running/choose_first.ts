/**
 * `deno task script choose-tests RECORD…`: chooses the files of the first suite, which `deno task test` runs, and
 * writes them to `first_suite.json`. A RECORD is what `deno task script mutate --short --results RECORD` has written;
 * with `--tests` it says what certain files notice.
 *
 * The suite has what its users need, and one file of each folder: the one that notices or loads most for its cost. Then come the files
 * that notice most of the other changes for their cost, until the suite notices enough of what the short tests notice.
 */
import { join } from "node:path";
import { ImportGraph } from "../mutation/tree.ts";
import { ROOT } from "../source_text.ts";
import { readCosts } from "./costs.ts";
import { type FirstSuite, testsOf, writeFirstSuite } from "./sizes.ts";

/** Tests that run every example, and each command as installed. */
const NEEDED = ["tests/examples_test.ts", "tests/installed_commands_test.ts"];
/**
 * The part of a record's changes that the suite notices. The suite is meant for changes outside of the record: of
 * those it notices less, since many a file is alone in noticing a change.
 */
const LEAST_PART = 1;
/** Costs of a file that was not measured because it is cheap, in seconds. */
const CHEAP_SECONDS = 0.3;
/** The mutation test replays the groups of this test in a file of its own. */
const REPLAYED = "tests/mutation/replayed_test_groups.ts";
const CONFORMANCE = "tests/conformance_test.ts";

/** For each noticed change, the files that are known to notice it. */
export type Noticed = ReadonlyMap<string, ReadonlySet<string>>;

/** @param records The texts of the records. */
export function noticedBy(records: readonly string[]): Noticed {
  const noticed = new Map<string, Set<string>>();
  const lines = records.flatMap((record) => record.split("\n")).filter((line) => line !== "");
  for (const line of lines) {
    const { fate, key, killerFile, start } = JSON.parse(line) as {
      readonly key: string;
      readonly start: number;
      readonly fate: string;
      readonly killerFile: string | null;
    };
    if (fate !== "killed" || killerFile === null) continue;
    const file = killerFile === REPLAYED ? CONFORMANCE : killerFile;
    noticed.getOrInsertComputed(`${key} ${start}`, () => new Set()).add(file);
  }
  return noticed;
}

/**
 * Chooses files.
 *
 * @param files All files with short tests.
 * @param secondsOf The cost of a file.
 * @param reachOf The number of modules that a file loads: where no file of a folder notices a change, the one is
 *   chosen that loads most for its cost.
 */
export function chooseFirst(
  files: readonly string[],
  noticed: Noticed,
  secondsOf: (file: string) => number,
  reachOf: (file: string) => number,
): FirstSuite {
  const known = new Set(files);
  const chosen = new Set<string>();
  let left = [...noticed.values()].map((by) => new Set([...by].filter((file) => known.has(file))));
  const countOf = (file: string) => left.filter((by) => by.has(file)).length;
  const choose = (file: string) => {
    chosen.add(file);
    left = left.filter((by) => !by.has(file));
  };
  const best = (among: Iterable<string>) => {
    const counts = [...among].map((file) => ({ file, worth: countOf(file) / secondsOf(file) }));
    return counts.toSorted((a, b) =>
      b.worth - a.worth ||
      reachOf(b.file) / secondsOf(b.file) - reachOf(a.file) / secondsOf(a.file) ||
      (a.file < b.file ? -1 : 1)
    )[0]!.file;
  };
  for (const file of NEEDED) if (known.has(file)) choose(file);
  for (const folder of Map.groupBy(files, folderOf).values()) {
    if (!folder.some((file) => chosen.has(file))) choose(best(folder));
  }
  const most = (1 - LEAST_PART) * noticed.size;
  while (left.length > most) choose(best(new Set(left.flatMap((by) => [...by]))));
  return {
    changes: noticed.size,
    noticed: noticed.size - left.length,
    files: [...chosen].sort(),
  };
}

function folderOf(file: string): string {
  return file.slice(0, file.lastIndexOf("/"));
}

if (import.meta.main) {
  if (Deno.args.length === 0) {
    console.error("usage: deno task script choose-tests RECORD…");
    Deno.exit(2);
  }
  const costs = readCosts() ?? {};
  const files = testsOf("short", []).map(({ file }) => file);
  // A larger file tends to take longer, where both are cheap.
  const sizeOf = (file: string) => Deno.statSync(join(ROOT, file)).size / 2 ** 20;
  const graph = new ImportGraph(ROOT);
  const suite = chooseFirst(
    files,
    noticedBy(Deno.args.map((path) => Deno.readTextFileSync(path))),
    (file) => costs[file] ?? CHEAP_SECONDS + sizeOf(file),
    (file) => graph.reach(file).size,
  );
  writeFirstSuite(suite);
  console.log(
    `${suite.files.length} of ${files.length} files notice ${suite.noticed} of ${suite.changes} changes`,
  );
}
