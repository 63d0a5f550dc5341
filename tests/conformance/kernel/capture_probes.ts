/** What the probes of a captured run could not see: rules of its record, not answers from it. */
import type { CaptureEnvironment } from "./kernel_data.ts";

/** Which lines a record has. @see tests/golden/kernel/README.md */
export interface Probes {
  /** Of ranges that are asked to be freed: parked ones, and in a history all of them. */
  readonly releases: boolean;
  /** Of flushes. */
  readonly flushes: boolean;
}

/** The probes of a run: those of 6.12 had none where a range is parked. */
export function probesOf({ config, kernel }: CaptureEnvironment): Probes {
  return {
    releases: !kernel.startsWith("6.12."),
    flushes: config.flushes_recorded !== false,
  };
}
