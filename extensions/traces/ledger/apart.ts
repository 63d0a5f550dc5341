/** Whether a trace and a kernel's log that are checked together can be of the same time and machine. */
import { maxOf, minOf } from "@dmalab/runtime/basics";
import { isFault, refusedAccess } from "../kernel_log/refused_access.ts";
import type { ClassifiedLog } from "./classify_log.ts";
import type { MappingTracker } from "./ledger.ts";
import type { LogPass } from "./trace_check.ts";

/**
 * A log whose messages are further than this from the trace is of another time. No known trace clock was further from
 * the log's clock. @see rules/traces.md T.61
 */
const FAR_SECONDS = 60;
/** Number of devices that are named. */
const NAMED_DEVICES = 3;

/**
 * Why a trace and a log may not belong together, as sentences without a full stop; empty if nothing says so. The faults
 * of a log are compared, and without faults its messages after the trace.
 */
export function reasonsApart(
  { boots, entries }: LogPass,
  { devices, edges: { firstSeconds, lastSeconds } }: MappingTracker,
  { boot, offset }: Pick<ClassifiedLog, "boot" | "offset">,
): readonly string[] {
  // Marks and calls that both have tie the two together.
  const isTied = offset?.source === "marks" || offset?.source === "calls";
  if (firstSeconds === null || isTied) return [];
  const own = boots.list.length < 2
    ? entries
    : entries.filter((entry) => boot !== null && boots.of(entry) === boot);
  const faults = own.filter(isFault);
  const reasons: string[] = [];
  const times = (faults.length > 0 ? faults : own)
    .flatMap(({ isSinceBoot, seconds }) => isSinceBoot && seconds !== null ? [seconds] : []);
  if (times.length > 0) {
    const [first, last] = [minOf(times, Infinity), maxOf(times, 0)];
    const shift = offset?.seconds ?? 0;
    const isAfter = first + shift > lastSeconds + FAR_SECONDS;
    const isBefore = faults.length > 0 && last + shift < firstSeconds - FAR_SECONDS;
    if (isAfter || isBefore) {
      reasons.push(
        `the trace is of ${span(firstSeconds, lastSeconds)}, the log's ${
          faults.length > 0 ? "faults" : "messages"
        } of ${span(first, last)}`,
      );
    }
  }
  const faulted = new Set(faults.flatMap((entry) => refusedAccess(entry)?.device ?? []));
  if (faulted.size > 0 && devices.size > 0 && ![...faulted].some((name) => devices.has(name))) {
    const named = [...faulted].slice(0, NAMED_DEVICES).join(", ");
    reasons.push(
      `the trace has no mapping of ${named}${
        faulted.size > NAMED_DEVICES ? ` and ${faulted.size - NAMED_DEVICES} more` : ""
      }, of which the log has faults`,
    );
  }
  return reasons;
}

function span(first: number, last: number): string {
  return first === last ? `${first.toFixed(3)} s` : `${first.toFixed(3)} to ${last.toFixed(3)} s`;
}
