/** Where two runs part. */
import type { RecordedRun } from "./recorded_run.ts";

/** The first event that two runs do not have in common; null when one is a beginning of the other. */
export function firstDifferentEvent(one: RecordedRun, other: RecordedRun): number | null {
  const common = Math.min(one.log.count, other.log.count);
  for (let seq = 1; seq <= common; seq++) {
    const isSameKind = one.log.kindAt(seq) === other.log.kindAt(seq);
    // The statement that led to it may stand elsewhere and say the same.
    const text = (recording: RecordedRun) =>
      JSON.stringify({ ...recording.event(seq), site: null });
    if (!isSameKind || text(one) !== text(other)) return seq;
  }
  return one.log.count === other.log.count ? null : common + 1;
}
