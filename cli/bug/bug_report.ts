/** What is said of a bug that a script has met: the smallest script that still meets it. */
import { host } from "../host.ts";
import { BUG_CODE, type BugIdentity, printable } from "@dmalab/lang/diagnostics";
import { loadProgram, SourceFile } from "@dmalab/lang";
import type { LoadResult } from "@dmalab/lang/run";
import { runProgram } from "@dmalab/lang/run/run_program";
import { DEFAULT_LIMITS, type Limits } from "@dmalab/lang/values";
import { HostLoader } from "../host_loader.ts";
import { VERSION } from "../package_version.ts";
import type { Screen } from "../screen.ts";
import { smallerText } from "./smaller_text.ts";

/** How long is looked for a smaller script, and how long one may run. */
const SEARCH_MS = 5000;
const TRY_MS = 500;
const TRY_LIMITS: Limits = {
  ...DEFAULT_LIMITS,
  steps: 20_000_000,
  memoryBytes: 2 ** 27,
  timeMs: TRY_MS,
};

/** Lines of the smallest script that are shown: more is no smallest one. */
const MAX_LINES = 60;

/** Reads a text as a program. */
export type Loads = (source: SourceFile) => LoadResult;

/**
 * The smallest text that meets the bug that this one meets; null for one that meets none.
 *
 * @param seed Of its machines; null for those that it names.
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

/** The first bug that a text meets: what is wrong and where, so that another one is recognised. */
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

/** Numbers differ from one smaller script to the next; where it was found does not. */
function bugKey(bug: BugIdentity | null | undefined): string {
  return `${bug?.what.replace(/\d+/g, "0")} ${bug?.place}`;
}

/** Says how to report the bug that a scenario has met. */
export function sayBugReport(path: string, seed: number | null, screen: Screen): void {
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
