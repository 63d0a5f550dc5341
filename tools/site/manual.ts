/**
 * The manual: the pages of `docs/` and the examples. They have the same places in the package and
 * in a checkout.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DOCS, EXAMPLES, host } from "@dmalab/cli";

/** A page or an example. */
export interface ManualEntry {
  /** `language`, `builtins/block`, `start/01-first-look`. */
  readonly name: string;
  readonly path: string;
  readonly title: string;
}

/** The pages to read first, in this order; the other pages follow by name. */
const FIRST = ["install", "tutorial", "course", "language", "builtins"];

/** The pages of `docs/`, with those of subfolders last. */
export function manualPages(): readonly ManualEntry[] {
  const rank = (name: string) => {
    const index = FIRST.indexOf(name);
    return index >= 0 ? index : name.includes("/") ? FIRST.length + 1 : FIRST.length;
  };
  return entriesBelow(DOCS, ".md", /^# (.*)$/m)
    .toSorted((a, b) => rank(a.name) - rank(b.name));
}

/** The examples, by folder and number. */
export function manualExamples(): readonly ManualEntry[] {
  return entriesBelow(EXAMPLES, ".dma", /^# [^:\n]*: (.*)$/m);
}

/**
 * The files with names that have the given ending, sorted by name.
 * @param title Finds the title in a file's text.
 */
function entriesBelow(folder: string, ending: string, title: RegExp): readonly ManualEntry[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(ending))
    .toSorted()
    .map((file) => {
      const path = join(folder, file);
      return {
        name: file.slice(0, -ending.length).replaceAll("\\", "/"),
        path,
        title: host.readTextFileSync(path).match(title)?.[1] ?? "",
      };
    });
}
