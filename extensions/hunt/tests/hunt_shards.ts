/** Hunts divided among several shards, in a temporary folder. */
import { TempFolder } from "@dmalab/tools";
import { join } from "node:path";
import { dmalab, ROOT } from "@dmalab/tests";

/**
 * For each kind of hunt, a hunt that has findings; `words` returns the hunt's arguments for the
 * folder that contains its scenario.
 */
export const HUNTS: readonly (readonly [name: string, words: (folder: string) => string[]])[] = [
  [
    "random requests",
    () => ["--kernel", "7.2.6", "--mode", "strict", "--cases", "40", "--seeds", "4"],
  ],
  ["a driver", (folder) => [`${folder}/lists.dma`, "--cases", "150", "--seeds", "5"]],
];

/**
 * Runs a function with a folder that contains a scenario with drivers. The folder is removed
 * afterwards.
 */
export async function inFolder<T>(body: (folder: string) => T | Promise<T>): Promise<T> {
  using folder = new TempFolder();
  Deno.copyFileSync(join(ROOT, "examples/drivers/01-hunted-driver.dma"), folder.at("lists.dma"));
  return await body(folder.path);
}

/** The shards' files of a folder and their texts, in the order of their names. */
export function textsOf(folder: string): readonly (readonly [string, string])[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name)
    .filter((name) => name.endsWith(".jsonl")).toSorted()
    .map((name) => [name, Deno.readTextFileSync(`${folder}/${name}`)] as const);
}

/** The result of merging a folder's shards. */
export function mergedIn(folder: string) {
  return dmalab("hunt", "merge", ...textsOf(folder).map(([name]) => `${folder}/${name}`));
}
