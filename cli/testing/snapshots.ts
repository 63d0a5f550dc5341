/**
 * Compares the output of tests with their earlier output.
 *
 * The snapshot of `lab.dma` is the file `lab.dma.snap` next to it. It contains the name of each
 * test that prints something, followed by the test's lines, each after `| `. Only `--snapshot
 * update` writes it.
 */

import { printable } from "@dmalab/lang/diagnostics";

export interface SnapshotProblem {
  /** `lab.dma.snap: name of the test`. */
  readonly place: string;
  /**
   * The lines that differ, with `-` and `+`; or a sentence that names the missing snapshot or test.
   */
  readonly lines: readonly string[];
}

/** The output of each test of a file, by the test's name with its machine. */
export type Printed = ReadonlyMap<string, readonly string[]>;

const HEAD = "# What the tests of this scenario print. Written by `dmalab test --snapshot update`.";
const NAME_MARK = "== ";
const LINE_MARK = "| ";

export function snapshotPath(path: string): string {
  return `${path}.snap`;
}

/** The text of a snapshot; tests that print nothing are left out. */
export function snapshotText(printed: Printed): string {
  const parts = [...inLines(printed)].filter(([, lines]) => lines.length > 0).map(([name, lines]) =>
    [`${NAME_MARK}${name}`, ...lines.map((line) => `${LINE_MARK}${line}`.trimEnd()), ""].join("\n")
  );
  return [HEAD, "", ...parts].join("\n");
}

/** The same names and lines, encoded so that each takes one line of a text file. */
function inLines(printed: Printed): Printed {
  return new Map(
    [...printed].map(([name, lines]) => [printable(name), lines.map((line) => printable(line))]),
  );
}

export function readSnapshot(text: string): Printed {
  const printed = new Map<string, string[]>();
  let lines: string[] = [];
  for (const line of text.split(/\r\n|\n/)) {
    if (line.startsWith(NAME_MARK)) {
      lines = [];
      printed.set(line.slice(NAME_MARK.length), lines);
    } else if (line.startsWith(LINE_MARK.trimEnd())) lines.push(line.slice(LINE_MARK.length));
  }
  return printed;
}

/**
 * Compares the output of tests with a snapshot.
 *
 * @param complete Whether all tests of the file ran. A test that is only in the snapshot is then
 *   reported as removed.
 */
export function compareSnapshot(
  path: string,
  text: string | null,
  printed: Printed,
  complete: boolean,
): SnapshotProblem[] {
  const file = snapshotPath(path);
  const said = [...printed].filter(([, lines]) => lines.length > 0);
  if (text === null) {
    return said.length === 0
      ? []
      : [{ place: file, lines: ["there is no snapshot yet: write it with --snapshot update"] }];
  }
  const known = readSnapshot(text);
  const problems: SnapshotProblem[] = [];
  const shown = inLines(printed);
  for (const [name, lines] of shown) {
    const now = lines.map((line) => line.trimEnd());
    const before = known.get(name) ?? [];
    if (before.join("\n") === now.join("\n") && before.length === now.length) continue;
    problems.push({ place: `${file}: ${name}`, lines: changedLines(before, now) });
  }
  for (const name of known.keys()) {
    if (complete && !shown.has(name)) {
      problems.push({ place: `${file}: ${name}`, lines: ["the file no longer has this test"] });
    }
  }
  return problems;
}

const CONTEXT = 2;
/** A change ends where this many consecutive lines are equal in both texts. */
const ALIKE = 3;
/** The end of a change is searched within this many lines. */
const REACH = 60;
/** Limit of the old lines that are shown for one change, and also of its new lines. */
const MOST_OF_CHANGE = 15;
/** Limit of the lines that are shown for all changes together. */
const MOST_SHOWN = 40;

/**
 * The changes between two texts with the lines around them, old lines before new ones. If there are
 * many changes, only the first ones.
 */
export function changedLines(before: readonly string[], now: readonly string[]): string[] {
  const shown: string[] = [];
  let old = 0;
  let fresh = 0;
  while (old < before.length || fresh < now.length) {
    if (isAlike(before, old, now, fresh, 1)) {
      old++;
      fresh++;
      continue;
    }
    const [oldEnd, freshEnd] = endOfChange(before, old, now, fresh);
    shown.push(
      ...before.slice(Math.max(0, old - CONTEXT), old).map((line) => `  ${line}`),
      ...firstLines(before.slice(old, oldEnd), "- "),
      ...firstLines(now.slice(fresh, freshEnd), "+ "),
      ...now.slice(freshEnd, freshEnd + CONTEXT).map((line) => `  ${line}`),
    );
    if (shown.length > MOST_SHOWN) return [...shown.slice(0, MOST_SHOWN), "  …"];
    [old, fresh] = [oldEnd + CONTEXT, freshEnd + CONTEXT];
  }
  return shown;
}

function firstLines(lines: readonly string[], mark: string): string[] {
  const first = lines.slice(0, MOST_OF_CHANGE).map((line) => `${mark}${line}`);
  return lines.length > MOST_OF_CHANGE ? [...first, `${mark}…`] : first;
}

/**
 * The nearest positions at which two different texts are equal again. If no such position is
 * within REACH lines, the ends of the two texts.
 */
function endOfChange(
  before: readonly string[],
  old: number,
  now: readonly string[],
  fresh: number,
): [oldEnd: number, freshEnd: number] {
  for (let lines = 1; lines <= REACH; lines++) {
    for (let removed = 0; removed <= lines; removed++) {
      const ends: [number, number] = [old + removed, fresh + lines - removed];
      if (isAlike(before, ends[0], now, ends[1], ALIKE)) return ends;
    }
  }
  return [before.length, now.length];
}

/** Whether the next `lines` lines are equal; both texts may end earlier. */
function isAlike(
  before: readonly string[],
  old: number,
  now: readonly string[],
  fresh: number,
  lines: number,
): boolean {
  if (old > before.length || fresh > now.length) return false;
  for (let at = 0; at < lines; at++) {
    if (before[old + at] !== now[fresh + at]) return false;
  }
  return true;
}
