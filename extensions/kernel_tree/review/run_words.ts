/** The actions of a test with the drivers of a tree, in words, to describe differences. */
import type { Program } from "@dmalab/lang/run";
import { eventEntry, type MachineEvent } from "@dmalab/runtime";
import { type ComparedTestRun, REGISTER_WRITE, shownFolder, type Tree } from "../diff_scenario.ts";

/** A line of C in the tree, as messages show it. */
export interface WordsPlace {
  /** The place, such as `drivers/nvme/host/pci.c:812`. */
  readonly place: string;
  readonly code: string;
}

/**
 * The lines of a run, each with the facts about its event. All parts can be stored as JSON in the
 * cache.
 */
export interface RunWords {
  readonly lines: readonly string[];
  /** Names of the events; null for a printed line and for the outcome. */
  readonly names: readonly (string | null)[];
  /** For each line, the index of its place in `places`; -1 if no line of C caused it. */
  readonly placeOf: readonly number[];
  readonly places: readonly WordsPlace[];
  /**
   * The lines about devices, by their indices: entries that a device reads, data that it moves,
   * completions, and stores to registers. `device` is the acting device; null for a store.
   */
  readonly byDevice: readonly { readonly at: number; readonly device: string | null }[];
}

export function wordsOf(
  { events, lines }: ComparedTestRun,
  program: Program,
  tree: Tree,
): RunWords {
  const places: WordsPlace[] = [];
  const known = new Map<number, number>();
  const placeOf = events.map((event) => {
    const site = event?.site ?? null;
    return site === null ? -1 : known.getOrInsertComputed(site, () => {
      const place = placeAt(site, program, tree);
      return place === null ? -1 : places.push(place) - 1;
    });
  });
  return {
    lines,
    names: events.map((event) => event?.name ?? null),
    placeOf,
    places,
    byDevice: events.flatMap((event, at) =>
      isByDevice(event) || event === null && lines[at]!.startsWith(REGISTER_WRITE)
        ? [{ at, device: event?.device ?? null }]
        : []
    ),
  };
}

function placeAt(site: number, program: Program, tree: Tree): WordsPlace | null {
  const span = program.code.sites[site - 1]?.span ?? null;
  if (span === null) return null;
  const { line } = span.source.position(span.start);
  const { name } = span.source;
  const folder = [shownFolder(tree), `${tree.files.root}/`].find((each) => name.startsWith(each)) ??
    "";
  return { place: `${name.slice(folder.length)}:${line}`, code: span.source.line(line).trim() };
}

function isByDevice(event: MachineEvent | null): boolean {
  return event !== null && event.device !== null && eventEntry(event.name)?.byDevice === true;
}

/** The innermost call that has not returned before a line; null outside of a call. */
export function callAt({ names }: RunWords, at: number): string | null {
  let left = 0;
  for (let index = at; index >= 0; index--) {
    const name = names[index];
    if (name === undefined || name === null) continue;
    if (name.startsWith("ret.") && index < at) left++;
    else if (name.startsWith("call.") && left-- === 0) return `${name.slice("call.".length)}()`;
    if (name === "inject") return null;
  }
  return null;
}
