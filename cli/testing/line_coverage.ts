/** Line coverage of drivers in C: which lines the tests executed, on any of their machines. */
import type { Program } from "@dmalab/lang/run";
import type { LinesRun } from "@dmalab/lang/values";
import { maxOf } from "@dmalab/runtime/basics";

/** For each source file of drivers in C: its executable lines, and the lines that a test executed. */
export type LineRecord = Readonly<Record<string, LinesRun>>;

/** The lines of a program's drivers. */
export function linesRunBy({ registry }: Program): LineRecord {
  const modules = [...registry.cModules?.() ?? []];
  return joinLines(modules.map((module) => Object.fromEntries(module.linesRun())));
}

/**
 * Merges the line coverage of a source that was compiled for several machines. A line counts if it
 * was executed on one of the machines.
 */
export function joinLines(parts: readonly LineRecord[]): LineRecord {
  const ascending = (lines: readonly number[]) => [...new Set(lines)].toSorted((a, b) => a - b);
  const files = new Set(parts.flatMap((part) => Object.keys(part)));
  return Object.fromEntries(
    [...files].toSorted().map((file) => {
      const own = parts.flatMap((part) => part[file] ?? []);
      return [file, {
        all: ascending(own.flatMap(({ all }) => all)),
        run: ascending(own.flatMap(({ run }) => run)),
      }];
    }),
  );
}

/**
 * Line coverage of a C source: the number of executable lines, the number of executed lines, and
 * the lines that were not executed.
 */
export interface FileCoverage {
  readonly file: string;
  readonly lines: number;
  readonly run: number;
  readonly open: readonly number[];
}

export function lineCoverage(record: LineRecord): FileCoverage[] {
  return Object.entries(record).map(([file, { all, run }]) => ({
    file,
    lines: all.length,
    run: run.length,
    open: all.filter((line) => !run.includes(line)),
  }));
}

/** The printed table of line coverage, and the lines that were not executed. */
export function lineCoverageText(files: readonly FileCoverage[]): string[] {
  if (files.length === 0) return ["no test compiles a driver in C: no lines to count"];
  const open = files.filter((row) => row.open.length > 0);
  const width = maxOf(files.map(({ file }) => file.length), 23);
  return [
    `lines of C  ${" ".repeat(width - 10)} lines      run`,
    ...files.map((row) =>
      `  ${row.file.padEnd(width)} ${cell(row.lines, 5)} ${cell(row.run, 8)}  ${
        percent(row.run, row.lines)
      }`
    ),
    ...open.length === 0 ? [] : [
      "",
      "lines of C not executed:",
      ...open.map(({ file, open }) => `  ${file}: ${spans(open)}`),
    ],
  ];
}

/** Line numbers as text, with consecutive ones joined: `3, 7-9`. */
function spans(lines: readonly number[]): string {
  const parts: { first: number; last: number }[] = [];
  for (const line of lines) {
    const part = parts.at(-1);
    if (part?.last === line - 1) part.last = line;
    else parts.push({ first: line, last: line });
  }
  return parts.map(({ first, last }) => first === last ? `${first}` : `${first}-${last}`).join(
    ", ",
  );
}

function cell(value: number, width: number): string {
  return String(value).padStart(width);
}

function percent(part: number, whole: number): string {
  return `${(whole === 0 ? 100 : part / whole * 100).toFixed(1)} %`;
}
