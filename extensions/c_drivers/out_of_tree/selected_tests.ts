/** Runs tests of the scenario that `dmalab init --driver` writes. */
import { runProgram } from "@dmalab/lang/program";
import type { Program, TestOutcome } from "@dmalab/lang/run";
import { DEFAULT_LIMITS, type Limits } from "@dmalab/lang/values";

/** Step limit of a test: stops a driver that polls for ever. */
const STEPS = 10_000_000;
/**
 * Matches the scenario's removal call. This line is among a failure's lines if the removal failed.
 */
const AT_REMOVAL = /^\s*\d+ \|\s+d\.(?:remove|unload)\(/;
export interface TestRun {
  readonly outcome: TestOutcome;
  readonly lines: readonly string[];
}

export type TestLimits = Partial<Pick<Limits, "steps" | "timeMs">>;

/** Runs some tests of a scenario, within the limits of a first report. */
export function runSelected(
  program: Program,
  select: (number: number) => boolean,
  limits: TestLimits,
  onOutcomeOf?: (outcome: TestOutcome) => void,
): readonly TestRun[] {
  const runs: TestRun[] = [];
  let lines: string[] = [];
  runProgram(program, {
    select,
    attributeDefects: false,
    limits: { ...DEFAULT_LIMITS, steps: STEPS, ...limits },
    onLine: (line) => lines.push(line),
    onOutcome(outcome) {
      runs.push({ outcome, lines });
      lines = [];
      onOutcomeOf?.(outcome);
    },
  });
  return runs;
}

/**
 * Whether probe succeeded: the test has no failure, or a failure that can only follow a successful
 * probe (a leak or a failing removal).
 */
export function isProbed({ failure }: TestOutcome): boolean {
  return failure === null || ["E0926", "E0908"].includes(failure.code) ||
    failure.lines.some((line) => AT_REMOVAL.test(line));
}
