/** The data of the ledger: mappings, their devices, and findings. */
import type { Certainty } from "./certainty.ts";
import type { FindingKind } from "./finding_kinds.ts";
import type { MachineFacts } from "./machine_facts.ts";
import { type Direction, DIRECTIONS, type MappingKind } from "../line/dma_event.ts";
import { NewestMap } from "./newest_map.ts";
import { NumberMap } from "../owner/number_map.ts";
import { PAGE_BYTES, pageEnd, pageOf } from "../owner/pages.ts";
import { type RingPlace, Siblings } from "./siblings.ts";

export type { Certainty };

/**
 * An address is looked up among the mappings that begin up to this number of pages before it.
 * Mappings with more pages are also in `large`.
 */
export const NEAR_PAGES = 64;
/**
 * The largest number of mappings of a device that are kept after their unmap. A limit is needed
 * because a trace of hours uses more addresses than fit in memory.
 */
const MAX_KEPT = 1 << 13;

/** A line of the trace, and when it was written. */
export interface TraceInstant {
  readonly line: number;
  readonly seconds: number;
  readonly cpu: number;
}

/** A mapping, from the line of its map to the line of its unmap. */
export interface TracedMapping extends RingPlace<TracedMapping> {
  /** Null for a two-step range, which names no device. */
  readonly device: Device | null;
  readonly kind: MappingKind | "two_step";
  readonly addr: number;
  readonly sizeBytes: number;
  readonly dir: Direction | null;
  /** Null if the line has no physical address. */
  readonly phys: number | null;
  readonly mappedAt: TraceInstant;
  readonly pid: number;
  readonly task: string;
  /** The request for which the mapping was made, such as `nvme0 qid 1 cmdid 962`, or null. */
  readonly request: string | null;
  /** Number of the page table's `map` line for this mapping; 0 if there is no such line. */
  readonly tableLine: number;
  /** For a list: the number of entries before merging, and their physical addresses. */
  readonly entries: number;
  readonly physAddrs: readonly number[];
  unmappedAt: TraceInstant | null;
  /** Whether the unmap of the mapping may be in a missing line. */
  isUncertain: boolean;
  /** Whether this is a direct mapping that was made directly before or after another one. */
  isSegment: boolean;
  /** The group of mappings that the driver uses in the same way; null for a two-step range. */
  readonly siblings: Siblings<TracedMapping> | null;
}

/** Recorded facts other than the device's own lines. */
export interface Recorded {
  readonly facts: MachineFacts;
  /** Devices with IOMMU faults in the log. */
  readonly faulted: ReadonlySet<string>;
  readonly bouncedLines: ReadonlyMap<string, number>;
  /** The number of ranges mapped in the page tables of the trace. */
  readonly table: { readonly maps: number };
  /** The number of silences in the trace. */
  readonly edges: { readonly silences: number };
}

export class Device {
  /** Live mappings by the page of their first address. */
  readonly byPage = new NumberMap<TracedMapping[]>();
  /** The mapping unmapped last at each address, for the most recent addresses. */
  readonly unmapped = new NewestMap<TracedMapping>(MAX_KEPT);
  /** Groups of mappings that the driver uses alike, by their common properties. */
  readonly siblings = new NumberMap<Siblings<TracedMapping>>();
  /** Null until the device maps a list: a trace may have a hundred thousand devices. */
  lists: DeviceLists | null = null;
  /** Number of identity mappings that are only counted, by address; null without any. */
  folded: NewestMap<number> | null = null;
  /** Number of further identity mappings that are only counted, at any address. */
  foldedElsewhere = 0;
  /** Live identity mappings by the lines of their maps: the oldest are folded into a count. Null before the first. */
  identities: NumberMap<TracedMapping> | null = null;
  /** Live mappings of more than `NEAR_PAGES` pages; null before the first. */
  large: Set<TracedMapping> | null = null;
  readonly counts: Record<string, number> = {};
  firstLine = Infinity;
  mapCount = 0;
  unmapCount = 0;
  mappedBeforeTrace = 0;
  /**
   * Number of mappings dropped without an unmap: their address was mapped again, or lines are
   * missing.
   */
  uncertain = 0;
  identityMaps = 0;
  /** Number of maps with an address that is neither physical nor covered by a page-table line. */
  otherMaps = 0;
  /**
   * Number of maps in `otherMaps` in which the address and the mapped memory have different offsets
   * in their pages.
   */
  movedMaps = 0;
  /** Lowest and highest address of `otherMaps`. */
  lowestOther = Infinity;
  highestOther = 0;
  coveredMaps = 0;
  /** Number of direct mappings made in a row, and how many of them were unmapped. */
  segments = 0;
  unmappedSegments = 0;
  /** Failed maps; null without any. */
  failed: FailedMaps | null = null;

  constructor(readonly name: string, readonly recorded: Recorded) {}

  /** Counts an identity mapping that is no longer kept. */
  fold(addr: number): void {
    this.folded ??= new NewestMap(MAX_KEPT, (_, count) => this.foldedElsewhere += count);
    this.folded.set(addr, (this.folded.get(addr) ?? 0) + 1);
  }
}

/** The lists of a device, by the physical addresses of their first entries. */
export class DeviceLists {
  readonly live = new NumberMap<TracedMapping[]>();
  /** The list unmapped last. */
  readonly unmapped = new NewestMap<TracedMapping>(MAX_KEPT);
  /** Lists of which an unmap ended one of several, and no line shows which. */
  readonly confused = new NewestMap<true>(MAX_KEPT);
}

export interface FailedMaps {
  count: number;
  readonly firstLine: number;
  readonly firstSeconds: number;
  lastLine: number;
  /** Size of the largest failed map; 0 if no line has a size. */
  mostBytes: number;
  /** Present number of failures in a row; `longestRun`: the largest number so far. */
  run: number;
  longestRun: number;
}

export interface TraceFinding {
  readonly kind: FindingKind;
  /** Line of the trace that shows the error, or null. */
  readonly line: number | null;
  /** The line of the map, or another line with which `line` is compared. */
  readonly otherLine: number | null;
  /** Line of the kernel's log, or null. */
  readonly logLine: number | null;
  readonly device: string | null;
  readonly address: number | null;
  readonly certainty: Certainty;
  /**
   * The finding holds only if no line after this line is missing; null if missing lines do not
   * matter.
   */
  readonly since: number | null;
  /** The rule from which the finding follows, as `trace.T.66`. */
  readonly rule: string;
  /** What happened, as a sentence. */
  readonly text: string;
  /** When the error happened, by the clock of the trace, else of the log; null if unknown. */
  readonly seconds: number | null;
  /**
   * For a finding of the log alone: the time in `seconds` as the log prints it; empty without a
   * time.
   */
  readonly stamp?: string;
  /**
   * Why the log message was printed, and how certain that reason is. Absent if the finding itself
   * gives the reason.
   */
  readonly why?: string;
  /** Recommended steps if they depend on the line; else those of the kind are used. */
  readonly next?: readonly string[];
  /** Further facts about the finding, by their names in `--json`. */
  readonly more: Readonly<Record<string, number | string | null | readonly number[]>>;
  /**
   * The device, if several of its mappings may have the same address. The finding is then proved
   * only if the trace has every map of the device.
   */
  readonly sharing?: Pick<Device, "mappedBeforeTrace">;
  /** For a fault with several possible causes: all of them, the likeliest first. */
  readonly candidates?: readonly FaultCandidate[];
}

/**
 * A possible cause of a fault, if several causes fit the time of the fault or the known facts about
 * its page.
 */
export interface FaultCandidate {
  readonly kind: FindingKind;
  readonly line: number | null;
  readonly otherLine: number | null;
}

/** Makes a finding: an omitted field is null or empty. */
export function findingOf(
  details: Pick<TraceFinding, "kind" | "certainty" | "rule" | "text"> & Partial<TraceFinding>,
): TraceFinding {
  return {
    line: null,
    otherLine: null,
    logLine: null,
    device: null,
    address: null,
    since: null,
    seconds: null,
    more: {},
    ...details,
  };
}

/** Whether a finding is certain enough to act on. */
export function isSure({ certainty }: TraceFinding): boolean {
  return certainty === "proved" || certainty === "likely";
}

/**
 * The group of mappings that a driver uses in the same way. Mappings of a group have the same kind
 * and direction, were mapped on the same CPU, and have sizes of the same power of two. The CPU
 * counts because each CPU's queue has separate mappings.
 */
export function siblingsOf(
  device: Device,
  cpu: number,
  kind: MappingKind,
  dir: Direction,
  sizeBytes: number,
): Siblings<TracedMapping> {
  const power = powerOf(sizeBytes);
  const key = ((cpu * KINDS.length + KINDS.indexOf(kind)) * DIRECTIONS.length +
        DIRECTIONS.indexOf(dir)) * MAX_POWERS + power;
  const known = device.siblings.get(key);
  if (known !== undefined) return known;
  const siblings = new Siblings<TracedMapping>(device.recorded.edges);
  device.siblings.set(key, siblings);
  return siblings;
}

/** The exponent of the least power of two that is not less than a size. */
function powerOf(sizeBytes: number): number {
  // Larger sizes need a logarithm, for which V8 calls a C library function. The bits of a small
  // number are counted without a call.
  if (sizeBytes > 1 << 30) return Math.ceil(Math.log2(sizeBytes));
  return 32 - Math.clz32(Math.max(sizeBytes, 1) - 1);
}

const KINDS: readonly MappingKind[] = ["map", "alloc", "sg"];
/** Sizes have fewer bits than this. */
const MAX_POWERS = 64;

export function pagesOf({ addr, sizeBytes }: TracedMapping): number {
  return (pageEnd(addr, sizeBytes) - pageOf(addr)) / PAGE_BYTES;
}

/** Whether the direction of the mapping allows a device's access. */
export function allows(dir: Direction | null, access: "read" | "write"): boolean {
  if (dir === null || dir === "BIDIRECTIONAL") return true;
  return access === "read" ? dir === "TO_DEVICE" : dir === "FROM_DEVICE";
}
