/**
 * What to do about a finding, and which lines of a log are one story.
 *
 * @see rules/traces.md T.55, T.62, T.66
 */
import type { KernelLogEntry } from "../kernel_log/entry.ts";
import { aboutKind } from "../ledger/finding_kinds.ts";
import type { TraceFinding } from "../ledger/traced_mapping.ts";

/** Each step once, in the order of the findings. */
export function nextSteps(findings: readonly TraceFinding[]): string[] {
  return [...new Set(findings.flatMap(({ kind }) => aboutKind(kind).next))];
}

/** The longest time in which a request of a device that faulted times out: the driver's limit, twice. */
const STORY_SECONDS = 60;

/** A timeout of a request, and the fault of the same device before it. */
export interface Story {
  readonly faultLine: number;
  readonly timeoutLine: number;
  readonly controller: string;
  readonly device: string;
  readonly seconds: number;
}

/**
 * Timeouts that follow a fault of the same device: a refused access never completes.
 *
 * @param deviceOf The device of a controller, where the trace has requests and mappings of it.
 */
export function storiesOf(
  entries: readonly KernelLogEntry[],
  faults: readonly TraceFinding[],
  deviceOf: (controller: string) => string | null,
): Story[] {
  return entries.flatMap((entry) => {
    const { facts, kind, line, seconds } = entry;
    const controller = facts.controller;
    if (kind !== "nvme_timeout" || typeof controller !== "string" || seconds === null) return [];
    const device = deviceOf(controller);
    const fault = entries.findLast((each) =>
      each.kind === "iommu_fault" && each.line < line && each.seconds !== null &&
      seconds - each.seconds <= STORY_SECONDS &&
      faults.some((finding) => finding.logLine === each.line && finding.device === device)
    );
    if (device === null || fault === undefined) return [];
    return [{
      faultLine: fault.line,
      timeoutLine: line,
      controller,
      device,
      seconds: seconds - fault.seconds!,
    }];
  });
}
