/**
 * The report of a bug of dmalab that a script has triggered, with the smallest script that still
 * triggers the bug.
 */
import { host } from "../host.ts";
import { BUG_CODE, type BugIdentity, printable } from "@dmalab/lang/diagnostics";
import { loadProgram, SourceFile } from "@dmalab/lang";
import type { LoadResult } from "@dmalab/lang/run";
import { runProgram } from "@dmalab/lang/program";
import { DEFAULT_LIMITS, type Limits } from "@dmalab/lang/values";
import { HostLoader } from "../host_loader.ts";
import { VERSION } from "../package_version.ts";
import type { Screen } from "../screen.ts";

/** The pieces into which a script is cut: first lines, then words, strings and single characters. */
const PIECES = [/[^\n]*\n?/g, /\s+|[\w.]+|"[^"\n]*"|[^]/g];

/**
 * Makes a text smaller as long as it still shows the bug. Returns the smallest text found before
 * `mayGoOn` returns false.
 *
 * @param stays Whether a smaller text still shows the bug of `text`.
 * @param mayGoOn Called before each try.
 */
function smallerText(
  text: string,
  stays: (text: string) => boolean,
  mayGoOn: () => boolean,
): string {
  return PIECES.reduce((left, piece) => {
    const pieces = (left.match(piece) ?? []).filter((each) => each !== "");
    return withoutBlocks(withoutNeedless(pieces, stays, mayGoOn).join(""), stays, mayGoOn);
  }, text);
}

/**
 * For each block, tries to remove the block together with the words before it in its line. If the
 * remaining text does not show the bug any more, tries to remove only these words and the braces,
 * and to keep the block's content.
 */
function withoutBlocks(
  text: string,
  stays: (text: string) => boolean,
  mayGoOn: () => boolean,
): string {
  let left = text;
  for (let open = left.indexOf("{"); open >= 0 && mayGoOn();) {
    const lineStart = left.lastIndexOf("\n", open) + 1;
    const close = closingBrace(left, open);
    const fewer = ["", left.slice(open + 1, close)]
      .map((inside) => left.slice(0, lineStart) + inside + left.slice(close + 1))
      .find(stays);
    left = fewer ?? left;
    open = left.indexOf("{", fewer === undefined ? open + 1 : lineStart);
  }
  return left;
}

/** Index of the brace that closes the brace at `open`; the end of the text if no brace closes it. */
function closingBrace(text: string, open: number): number {
  let depth = 0;
  for (let index = open; index < text.length; index++) {
    if (text[index] === "{") depth++;
    else if (text[index] === "}" && --depth === 0) return index;
  }
  return text.length;
}

/**
 * Removes halves of the pieces, then quarters and so on, at last single pieces, until no further
 * piece can be removed.
 */
function withoutNeedless(
  pieces: readonly string[],
  stays: (text: string) => boolean,
  mayGoOn: () => boolean,
): readonly string[] {
  let left = pieces;
  for (let length = Math.ceil(left.length / 2); length >= 1;) {
    const before = left.length;
    for (let start = 0; start < left.length;) {
      if (!mayGoOn()) return left;
      const fewer = [...left.slice(0, start), ...left.slice(start + length)];
      if (stays(fewer.join(""))) left = fewer;
      else start += length;
    }
    // Single pieces are tried again, because a piece that could not be removed earlier may be
    // removable now that others were removed.
    if (length === 1 && left.length === before) return left;
    length = length === 1 ? 1 : Math.ceil(length / 2);
  }
  return left;
}

/** Time limit of the search for a smaller script, and of each run. */
const SEARCH_MS = 5000;
const TRY_MS = 500;
const TRY_LIMITS: Limits = {
  ...DEFAULT_LIMITS,
  steps: 20_000_000,
  memoryBytes: 2 ** 27,
  timeMs: TRY_MS,
};

/**
 * Largest number of lines that the report shows of a script. Only a script that could not be made
 * smaller is longer.
 */
const MAX_LINES = 60;

/** Reads a text as a program. */
export type Loads = (source: SourceFile) => LoadResult;

/**
 * The smallest text that triggers the same bug as the text of `entry`; null if that text triggers
 * no bug.
 *
 * @param seed The seed of machines; null: each machine uses the seed that the script names.
 * @param nowMs The host's clock.
 */
export function smallestBug(
  entry: SourceFile,
  load: Loads,
  seed: number | null,
  nowMs: () => number,
): string | null {
  const bug = bugOf(entry, load, seed, nowMs);
  if (bug === null) return null;
  const endMs = nowMs() + SEARCH_MS;
  return smallerText(
    entry.text,
    (text) => bugOf(new SourceFile(entry.name, text), load, seed, nowMs) === bug,
    () => nowMs() < endMs,
  );
}

/**
 * The key of the first bug that a text triggers, made from the bug's message and its place in the
 * code; null without a bug.
 */
function bugOf(
  source: SourceFile,
  load: Loads,
  seed: number | null,
  nowMs: () => number,
): string | null {
  const { diagnostics, program } = load(source);
  const met = diagnostics.find(({ code }) => code === BUG_CODE);
  if (met !== undefined) return bugKey(met.bug);
  if (program === null) return null;
  const { outcomes } = runProgram(program, {
    limits: TRY_LIMITS,
    watch: { nowMs, interrupted: () => false },
    attributeDefects: false,
    ...seed === null ? {} : { seed },
  });
  const failed = outcomes.find(({ failure }) => failure?.kind === "bug");
  return failed === undefined ? null : bugKey(failed.failure!.bug);
}

/**
 * The key of a bug: its message without numbers, and its place. The numbers differ between smaller
 * scripts, the place does not.
 */
function bugKey(bug: BugIdentity | null | undefined): string {
  return `${bug?.what.replace(/\d+/g, "0")} ${bug?.place}`;
}

/** Prints how to report the bug that a scenario has met. */
export function printBugReport(path: string, seed: number | null, screen: Screen): void {
  const opened = HostLoader.open(path);
  if (typeof opened === "string") return;
  const load: Loads = (source) => loadProgram(source, opened.loader);
  const text = smallestBug(opened.entry, load, seed, () => performance.now());
  const lines = (text ?? "").split("\n").filter((line) => line.trim() !== "");
  const shown = lines.slice(0, MAX_LINES);
  const left = lines.length - shown.length;
  const report = [
    "",
    `To report this bug, send the following (dmalab ${VERSION} on ${hostName()}` +
    `${seed === null ? "" : `, seed 0x${seed.toString(16)}`}).`,
    ...text === null
      ? ["When repeated, the scenario did not reproduce it: send the scenario and its options too."]
      : [
        "The smallest script found that reproduces it:",
        "",
        ...shown.map((line) => `    ${line}`),
      ],
    ...left > 0 ? [`    … and ${left} more lines`] : [],
  ];
  screen.err(report.map((line) => `${printable(line)}\n`).join(""));
}

function hostName(): string {
  return `Deno ${host.version.deno}, ${host.build.os}`;
}
