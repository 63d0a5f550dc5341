/**
 * Classifies a refused access by the mappings of its page at the time of the access.
 *
 * @see rules/traces.md T.62, T.63
 */
import type { Window } from "../clocks/clock_offset.ts";
import type { KernelLogEntry } from "../kernel_log/entry.ts";
import {
  allows,
  type Device,
  PAGE_BYTES,
  pageEnd,
  pageOf,
  type TracedMapping,
} from "./traced_mapping.ts";
import type { FindingKind } from "./finding_kinds.ts";
import type { PageHistory } from "./page_history.ts";

export interface TracedFaultVerdict {
  readonly kind: FindingKind;
  readonly mapping: TracedMapping | null;
  /** The page table and the line do not contradict it. */
  readonly isConsistent: boolean;
}

export interface LoggedAccess {
  readonly entry: KernelLogEntry;
  readonly device: Device | null;
  readonly page: number;
  readonly access: "read" | "write" | null;
  /** What the dump of the page table says, or null. */
  readonly mapped: boolean | null;
}

/** An interrupt prints the fault: a mapping made this shortly before it cannot be the one accessed. */
const REACTION_SECONDS = 0.0002;

/** @param seconds When the line was printed, by the trace's clock. */
function classifyFault(
  access: LoggedAccess,
  history: PageHistory,
  seconds: number,
): TracedFaultVerdict {
  const { device, mapped, page } = access;
  const own = history.indexOf(page, device);
  const live = own.liveAt(seconds);
  const refused = live.find((mapping) => !permits(mapping, access));
  const unmapped = own.unmappedBy(seconds);
  if (live.length > 0) {
    const mapping = refused ?? live.at(-1)!;
    const isTooRecent = seconds - mapping.mappedAt.seconds < REACTION_SECONDS;
    if (unmapped !== null && (refused === undefined || isTooRecent)) {
      return {
        kind: "use_after_unmap",
        mapping: unmapped,
        isConsistent: isTooRecent && mapped !== true,
      };
    }
    if (refused !== undefined) {
      return { kind: "wrong_direction", mapping, isConsistent: mapped !== false };
    }
    return { kind: "access_allowed", mapping, isConsistent: false };
  }
  const before = history.indexOf(page - PAGE_BYTES, device).liveAt(seconds).findLast((mapping) =>
    pageEnd(mapping.addr, mapping.sizeBytes) === page &&
    permits(mapping, access) &&
    (unmapped === null || seconds - mapping.mappedAt.seconds >= REACTION_SECONDS)
  );
  if (
    before !== undefined &&
    (unmapped === null || unmapped.unmappedAt!.seconds < before.mappedAt.seconds)
  ) {
    return { kind: "past_end", mapping: before, isConsistent: mapped !== true };
  }
  if (unmapped !== null) {
    return { kind: "use_after_unmap", mapping: unmapped, isConsistent: mapped !== true };
  }
  const [other] = history.indexOfAll(page).liveAt(seconds);
  if (other !== undefined && device !== null) {
    return { kind: "other_device", mapping: other, isConsistent: mapped !== true };
  }
  return { kind: "never_mapped", mapping: null, isConsistent: mapped !== true };
}

/** How an access can be classified that happened within some time. */
export interface WindowVerdict extends TracedFaultVerdict {
  /** How much of the time at which an explanation fits this one does: 1 when no other fits. */
  readonly share: number;
}

/** Added to the time of a change, so that the access follows it. */
export const JUST_AFTER_SECONDS = 1e-6;

/** The explanation that fits for most of the time. */
export function classifyWithin(
  access: LoggedAccess,
  history: PageHistory,
  [first, last]: Window,
): WindowVerdict {
  if (first >= last) return { ...classifyFault(access, history, last), share: 1 };
  const times = [
    first,
    ...changesAt(access, history).map((seconds) => seconds + JUST_AFTER_SECONDS)
      .filter((seconds) => seconds > first && seconds < last).sort((a, b) => a - b),
  ];
  const fits = new Map<string, { readonly verdict: TracedFaultVerdict; seconds: number }>();
  let sum = 0;
  for (const [index, time] of times.entries()) {
    const verdict = classifyFault(access, history, time);
    if (!verdict.isConsistent) continue;
    const seconds = (times[index + 1] ?? last) - time;
    sum += seconds;
    const key = `${verdict.kind} ${verdict.mapping?.mappedAt.line}`;
    const same = fits.get(key);
    if (same === undefined) fits.set(key, { verdict, seconds });
    else same.seconds += seconds;
  }
  // Before its first mapping every page is one that was never mapped.
  const all = [...fits.values()];
  const mapped = all.filter(({ verdict: { mapping } }) => mapping !== null);
  const [best] = (mapped.length > 0 ? mapped : all).sort((a, b) => b.seconds - a.seconds);
  if (best === undefined) return { ...classifyFault(access, history, last), share: 0 };
  return { ...best.verdict, share: fits.size === 1 ? 1 : best.seconds / sum };
}

/** Whether a mapping was live at some time of a window. */
export function isLiveWithin(mapping: TracedMapping, [first, last]: Window): boolean {
  return mapping.mappedAt.seconds <= last &&
    (mapping.unmappedAt === null || mapping.unmappedAt.seconds > first);
}

function permits(mapping: TracedMapping, { access }: LoggedAccess): boolean {
  return access === null || allows(mapping.dir, access);
}

/** Times at which something changed at the pages of accesses, with those of the page before. */
export function changesAt(access: LoggedAccess, history: PageHistory): number[] {
  return [access.page, pageOf(access.page - 1)].flatMap((page) =>
    history.at(page).flatMap(({ mappedAt, unmappedAt }) =>
      unmappedAt === null ? [mappedAt.seconds] : [mappedAt.seconds, unmappedAt.seconds]
    )
  );
}
