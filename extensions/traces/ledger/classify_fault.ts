/**
 * Classifies a refused access by the mappings that its page had at the time of the access.
 *
 * @see rules/traces.md T.62, T.63
 */
import type { Window } from "../clocks/clock_offset.ts";
import type { KernelLogEntry } from "../kernel_log/entry.ts";
import { allows, type Device, type TracedMapping } from "./traced_mapping.ts";
import { PAGE_BYTES, pageEnd, pageOf } from "../owner/pages.ts";
import type { FindingKind } from "./finding_kinds.ts";
import type { PageHistory } from "./page_history.ts";

export interface TracedFaultVerdict {
  readonly kind: FindingKind;
  readonly mapping: TracedMapping | null;
  /** False if the page table or the log line contradicts this verdict. */
  readonly isConsistent: boolean;
}

/** A refused access, with the facts that its line gives. */
export interface FaultedAccess {
  readonly device: Device | null;
  readonly page: number;
  readonly access: "read" | "write" | null;
  /** Whether the page was mapped, from the dump of the page table; null without a dump. */
  readonly mapped: boolean | null;
}

export interface LoggedAccess extends FaultedAccess {
  readonly entry: KernelLogEntry;
}

/**
 * How long after an access its fault is printed. The delay exists because a later interrupt prints the
 * fault. A mapping made less than `least` before the line cannot be the accessed mapping. A mapping made
 * less than `most` before the line may be the accessed mapping, or may not. The delay is `most` in the
 * emulator; machines have printed the fault after `least`.
 *
 * @see rules/traces.md T.63
 */
const REACTION_SECONDS = { least: 0.00005, most: 0.0002 };

/**
 * Returns the possible causes of an access at a time, the likeliest first, without deciding between
 * them. If a mapping is known only from lines of page tables, which name no device, it may belong
 * to another device, and its direction is not known.
 *
 * @param seconds When the line was printed, by the trace's clock.
 */
function classifyFault(
  access: FaultedAccess,
  history: PageHistory,
  seconds: number,
): readonly TracedFaultVerdict[] {
  const { device, mapped, page } = access;
  const own = history.indexOf(page, device);
  const live = own.liveAt(seconds);
  const unmapped = own.unmappedBy(seconds);
  const isConsistent = mapped !== true;
  const late: TracedFaultVerdict[] = unmapped === null
    ? []
    : [{ kind: "use_after_unmap", mapping: unmapped, isConsistent }];
  if (live.length > 0) {
    const refused = live.find((mapping) => !permits(mapping, access));
    const mapping = refused ?? live.at(-1)!;
    if (refused !== undefined) {
      const isRefused = mapped !== false;
      return inOrder({ kind: "wrong_direction", mapping, isConsistent: isRefused }, late, seconds);
    }
    if (device === null) {
      return [
        { kind: "wrong_direction", mapping, isConsistent: mapped !== false },
        { kind: "other_device", mapping, isConsistent },
      ];
    }
    const age = seconds - mapping.mappedAt.seconds;
    if (unmapped !== null) {
      return late.map((each) => ({
        ...each,
        isConsistent: each.isConsistent && age < REACTION_SECONDS.most,
      }));
    }
    return [{ kind: "access_allowed", mapping, isConsistent: false }];
  }
  const before = history.indexOf(page - PAGE_BYTES, device).liveAt(seconds).findLast((mapping) =>
    pageEnd(mapping.addr, mapping.sizeBytes) === page && permits(mapping, access)
  );
  if (
    before !== undefined &&
    (unmapped === null || unmapped.unmappedAt!.seconds < before.mappedAt.seconds)
  ) {
    const past = { kind: "past_end", mapping: before, isConsistent } as const;
    return device === null ? [...late, past] : inOrder(past, late, seconds);
  }
  if (unmapped !== null) return late;
  const [other] = history.indexOfAll(page).liveAt(seconds);
  if (other !== undefined && device !== null) {
    return [{ kind: "other_device", mapping: other, isConsistent }];
  }
  return [{ kind: "never_mapped", mapping: null, isConsistent }];
}

/**
 * Sorts causes: a wrong direction or range comes before an access after the unmap, unless the
 * mapping is too new to be the accessed one.
 */
function inOrder(
  newest: TracedFaultVerdict & { readonly mapping: TracedMapping },
  late: readonly TracedFaultVerdict[],
  seconds: number,
): readonly TracedFaultVerdict[] {
  const age = seconds - newest.mapping.mappedAt.seconds;
  if (age >= REACTION_SECONDS.most || late.length === 0) return [newest];
  return age >= REACTION_SECONDS.least ? [newest, ...late] : [...late, newest];
}

/** Classification of an access that happened at an unknown time within a window. */
export interface WindowVerdict extends TracedFaultVerdict {
  /**
   * The time that is assigned to this explanation, as a part of the time that is assigned to all
   * explanations: 1 if no other explanation fits.
   */
  readonly share: number;
  /** All explanations that fit, the likeliest first. */
  readonly candidates: readonly TracedFaultVerdict[];
}

/** Added to the time of a change to get a time after the change. */
export const JUST_AFTER_SECONDS = 1e-6;
/**
 * The largest number of changes of a window that are examined. If a page is mapped and unmapped all
 * the time, its window has more changes, and the rest is ignored.
 */
const MAX_CHANGES = 1 << 12;

/**
 * Computes verdicts from the history of pages. A device that faults endlessly causes many equal
 * faults, so verdicts are cached.
 */
export class FaultVerdicts {
  readonly #alike = new Map<string, WindowVerdict>();

  constructor(readonly history: PageHistory) {}

  /** The explanation that fits for the largest part of the window. */
  within(access: FaultedAccess, window: Window): WindowVerdict {
    const [first, last] = window;
    // For a single instant there is no benefit from caching.
    if (first >= last) return classifyWithin(access, this.history, window);
    const { access: way, device, mapped, page } = access;
    const key = `${page} ${device?.name} ${way} ${mapped} ${first} ${last}`;
    return this.#alike.getOrInsertComputed(key, () => classifyWithin(access, this.history, window));
  }
}

function classifyWithin(
  access: FaultedAccess,
  history: PageHistory,
  [first, last]: Window,
): WindowVerdict {
  const times = first >= last ? [last] : [
    first,
    ...changesAt(access, history, [first, last], MAX_CHANGES)
      .map((seconds) => seconds + JUST_AFTER_SECONDS)
      .filter((seconds) => seconds > first && seconds < last).sort((a, b) => a - b),
  ];
  const fits = new Map<string, { readonly verdict: TracedFaultVerdict; seconds: number }>();
  let sum = 0;
  for (const [index, time] of times.entries()) {
    const verdicts = classifyFault(access, history, time).filter((each) => each.isConsistent);
    const seconds = Math.max((times[index + 1] ?? last) - time, JUST_AFTER_SECONDS);
    for (const [rank, verdict] of verdicts.entries()) {
      // If several explanations fit at a time, the time is divided among them. The likelier ones
      // get a larger part.
      const count = verdicts.length;
      const part = seconds * (count - rank) / (count * (count + 1) / 2);
      sum += part;
      const key = `${verdict.kind} ${verdict.mapping?.mappedAt.line}`;
      fits.getOrInsertComputed(key, () => ({ verdict, seconds: 0 })).seconds += part;
    }
  }
  // Excludes "never mapped" if another explanation fits, because "never mapped" fits every page
  // before its first mapping.
  const all = [...fits.values()];
  const mapped = all.filter(({ verdict: { mapping } }) => mapping !== null);
  const sorted = (mapped.length > 0 ? mapped : all).sort((a, b) => b.seconds - a.seconds);
  const candidates = sorted.map(({ verdict }) => verdict);
  const [best] = sorted;
  if (best === undefined) {
    return { ...classifyFault(access, history, last)[0]!, share: 0, candidates };
  }
  return { ...best.verdict, share: fits.size === 1 ? 1 : best.seconds / sum, candidates };
}

/** Whether a mapping was live at some time of a window. */
export function isLiveWithin(mapping: TracedMapping, [first, last]: Window): boolean {
  return mapping.mappedAt.seconds <= last &&
    (mapping.unmappedAt === null || mapping.unmappedAt.seconds > first);
}

function permits(mapping: TracedMapping, { access }: FaultedAccess): boolean {
  return access === null || allows(mapping.dir, access);
}

/**
 * Times within a window at which a mapping changed, for mappings of the accessed page and of the
 * page before it.
 */
export function changesAt(
  access: FaultedAccess,
  history: PageHistory,
  window: Window,
  most: number,
): number[] {
  return [access.page, pageOf(access.page - 1)].flatMap((page) =>
    history.changesAt(page, window, most)
  );
}
