/** `dmalab releases`: runs a scenario on all releases, and prints where and why its outcome changes. */
import { printableJson } from "@dmalab/lang/diagnostics";
import { OutcomesCancelled } from "./outcomes.ts";
import {
  type OutcomeCause,
  type ReleasesResult,
  type TestOutcomeChanges,
  turnsOf,
} from "./outcome_changes.ts";
import { painter } from "@dmalab/lang/text";
import { type ExitCode, HELD, WRONG } from "../exit_code.ts";
import { withInterrupts } from "../interrupts.ts";
import { withCompiled } from "../with_compiled.ts";
import { openFile } from "../scenario/open_file.ts";
import { printDiagnostics } from "../scenario/diagnostic_style.ts";
import { type LimitName, limitsOf } from "@dmalab/lang/values";
import { noTestText } from "../scenario/print_run.ts";
import { readMatches } from "../read_matches.ts";
import { refuse } from "../print_error.ts";
import type { Screen } from "../screen.ts";
import { releasesText } from "./releases_text.ts";
import { KERNEL_NAMES, NOT_SIMULATED } from "@dmalab/runtime/kernels";

export interface ReleasesOptions {
  readonly limit: Readonly<Partial<Record<LimitName, number>>>;
  readonly match: readonly string[];
  readonly json: boolean;
}

export async function runReleases(
  path: string,
  options: ReleasesOptions,
  screen: Screen,
): Promise<ExitCode> {
  const read = await readMatches(options.match);
  if (typeof read === "string") return refuse(read, screen);
  const limits = limitsOf(options.limit);
  const opened = await openFile(path, null, limits.timeMs);
  if (typeof opened === "string") return refuse(opened, screen);
  const { matches } = read;
  return await withInterrupts(async (watch) => {
    try {
      const turns = () =>
        turnsOf({ ...opened, limits, matches, watch }, screen.progress.bind(screen));
      const result = await withCompiled(opened.loader, turns);
      return print(result, path, options, screen, noTestText(matches));
    } catch (error) {
      if (!(error instanceof OutcomesCancelled)) throw error;
      return refuse("interrupted, before all releases were tried", screen);
    }
  });
}

function print(
  result: ReleasesResult,
  path: string,
  { json }: ReleasesOptions,
  screen: Screen,
  nothing: string,
): ExitCode {
  if ("problems" in result) {
    printDiagnostics(result.problems, screen);
    return WRONG;
  }
  if (result.tests.length === 0) return refuse(nothing, screen);
  screen.out(
    json
      ? `${printableJson(releasesJson(path, result.tests))}\n`
      : releasesText(path, result.tests, painter(screen.colour), screen.columns ?? undefined),
  );
  return HELD;
}

export function releasesJson(file: string, tests: readonly TestOutcomeChanges[]) {
  return {
    file,
    releases: KERNEL_NAMES,
    not_simulated: NOT_SIMULATED,
    tests: tests.map(({ ends, name, place, turns }) => ({
      name,
      place,
      ends: Object.fromEntries(
        KERNEL_NAMES.map((kernel) => {
          const { end, message } = ends[kernel];
          return [kernel, { end, message }];
        }),
      ),
      turns: turns.map(({ at, causes, from }) => ({ at, from, causes: causes.map(causeJson) })),
    })),
  };
}

function causeJson({ differences, seenIn }: OutcomeCause) {
  return {
    alone: differences.length === 1,
    seen_in: seenIn,
    differences: differences.map(({ change, doc, name, rule }) => ({ name, change, rule, doc })),
  };
}
