/**
 * What tests print, held against what they printed before.
 *
 * `lab.dma` has its snapshot in `lab.dma.snap` beside it: the name of each test that prints
 * something, and its lines behind `| `. It is written with `--snapshot update` only.
 */

import { printable } from "@dmalab/lang/diagnostics";

/** Output that differs from the snapshot. */
export interface SnapshotProblem {
  /** `lab.dma.snap: name of the test`. */
  readonly place: string;
  /** The lines that differ, with `-` and `+`; or what is missing, as a sentence. */
  readonly lines: readonly string[];
}

/** What each test of a file printed, by its name with its machine. */
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

/** Names and lines as they can stand in a line of a text file, whatever is in them. */
function inLines(printed: Printed): Printed {
  return new Map(
    [...printed].map(([name, lines]) => [printable(name), lines.map((line) => printable(line))]),
  );
}

/** Reads a snapshot back. */
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
 * Compares what was printed with a snapshot.
 *
 * @param complete All tests of the file ran, so that one in the snapshot alone is gone.
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

/** Lines of context around a change. */
const CONTEXT = 2;

/** The lines between the equal beginnings and ends of two texts, old lines first. */
function changedLines(before: readonly string[], now: readonly string[]): string[] {
  let start = 0;
  while (start < before.length && start < now.length && before[start] === now[start]) start++;
  let end = 0;
  while (
    end < before.length - start && end < now.length - start &&
    before[before.length - 1 - end] === now[now.length - 1 - end]
  ) end++;
  return [
    ...before.slice(Math.max(0, start - CONTEXT), start).map((line) => `  ${line}`),
    ...before.slice(start, before.length - end).map((line) => `- ${line}`),
    ...now.slice(start, now.length - end).map((line) => `+ ${line}`),
    ...now.slice(now.length - end).slice(0, CONTEXT).map((line) => `  ${line}`),
  ];
}
