/** Where a scenario turns, as data. */
import type { OutcomeCause, TestOutcomeChanges } from "./outcome_changes.ts";
import { KERNEL_NAMES, NOT_SIMULATED } from "@dmalab/runtime/kernels";

/** What `--json` prints. */
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
