/** The data of the ledger: mappings, their devices, and findings. */
import type { Certainty } from "./certainty.ts";
import type { FindingKind } from "./finding_kinds.ts";
import type { MachineFacts } from "./machine_facts.ts";
import { type Direction, DIRECTIONS, type MappingKind } from "../line/dma_event.ts";
import { NewestMap } from "./newest_map.ts";
import { NumberMap } from "./number_map.ts";
import { type RingPlace, Siblings } from "./siblings.ts";

export type { Certainty };

export const PAGE_BYTES = 4096;
/** How far before an address the mapping that holds it begins, unless it is a large one. */
export const NEAR_PAGES = 64;
/**
 * How many mappings of a device are kept that are not live: a trace of hours uses more addresses
 * than memory holds.
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
  /** Null for a range of the two-step calls, which names no device. */
  readonly device: Device | null;
  readonly kind: MappingKind | "two_step";
  readonly addr: number;
  readonly sizeBytes: number;
  readonly dir: Direction | null;
  /** Null where the line has none. */
  readonly phys: number | null;
  readonly mappedAt: TraceInstant;
  readonly pid: number;
  readonly task: string;
  /** The request it is for, such as `nvme0 qid 1 cmdid 962`, or null. */
  readonly request: string | null;
  /** The line of the page table's own `map`, 0 without one. */
  readonly tableLine: number;
  /** For a list: all entries that went in, and their places in memory. */
  readonly entries: number;
  readonly physAddrs: readonly number[];
  unmappedAt: TraceInstant | null;
  /** Its unmap may be in a missing line. */
  isUncertain: boolean;
  /** It was mapped directly, and another in a row with it. */
  isSegment: boolean;
  /** Those of the same use; null for a range of the two-step calls. */
  readonly siblings: Siblings<TracedMapping> | null;
}

/** The records beside a device's own lines. */
export interface Recorded {
  readonly facts: MachineFacts;
  /** Devices of which the log has IOMMU faults. */
  readonly faulted: ReadonlySet<string>;
  readonly bouncedLines: ReadonlyMap<string, number>;
  /** How many ranges the page tables of the trace have mapped. */
  readonly table: { readonly maps: number };
  /** How often it was silent. */
  readonly edges: { readonly silences: number };
}

export class Device {
  /** Live mappings by the page of their first address. */
  readonly byPage = new NumberMap<TracedMapping[]>();
  /** Live lists by the physical address of their first entry. */
  readonly lists = new NumberMap<TracedMapping[]>();
  /** The last mapping that was unmapped at each address; of the addresses the newest. */
  readonly unmapped = new NewestMap<TracedMapping>(MAX_KEPT);
  /** The last list that was unmapped, by the physical address of its first entry. */
  readonly unmappedLists = new NewestMap<TracedMapping>(MAX_KEPT);
  /** Mappings by what those have in common that a driver uses alike. */
  readonly siblings = new Map<number, Siblings<TracedMapping>>();
  /** Identity mappings of which only the number is kept, by address. */
  readonly folded = new NewestMap<number>(
    MAX_KEPT,
    (_, count) => this.foldedElsewhere += count,
  );
  /** How many more there are, at any address. */
  foldedElsewhere = 0;
  /** Live identity mappings by the lines of their maps: the oldest are folded. */
  readonly identities = new NumberMap<TracedMapping>();
  /** Live mappings of more than `NEAR_PAGES` pages. */
  readonly large = new Set<TracedMapping>();
  readonly counts: Record<string, number> = {};
  firstLine = Infinity;
  mapCount = 0;
  unmapCount = 0;
  mappedBeforeTrace = 0;
  /** Mappings dropped without an unmap: their address was mapped again, or lines are missing. */
  uncertain = 0;
  identityMaps = 0;
  /** Maps with an address that is not the physical one and that no line of a page table covers. */
  otherMaps = 0;
  /** The ones among them with another offset in the page. */
  movedMaps = 0;
  /** Where the addresses of `otherMaps` begin and end. */
  lowestOther = Infinity;
  highestOther = 0;
  coveredMaps = 0;
  /** Direct mappings that were made in a row, and those of them that were unmapped. */
  segments = 0;
  unmappedSegments = 0;
  /** Maps that failed; null without any. */
  failed: FailedMaps | null = null;

  constructor(readonly name: string, readonly recorded: Recorded) {}
}

export interface FailedMaps {
  count: number;
  readonly firstLine: number;
  readonly firstSeconds: number;
  lastLine: number;
  /** The largest of them; 0 where no line has a size. */
  mostBytes: number;
  /** How many in a row, now and at most. */
  run: number;
  longestRun: number;
}

export interface TraceFinding {
  readonly kind: FindingKind;
  /** Line of the trace where it shows, or null. */
  readonly line: number | null;
  /** The line of the map, or another line that it is compared with. */
  readonly otherLine: number | null;
  /** Line of the kernel's log, or null. */
  readonly logLine: number | null;
  readonly device: string | null;
  readonly address: number | null;
  readonly certainty: Certainty;
  /** It follows only when no line is missing from this one on; null where that does not matter. */
  readonly since: number | null;
  /** The rule it follows from, as `trace.T.66`. */
  readonly rule: string;
  /** What happened, as a sentence. */
  readonly text: string;
  /** When, by the clock of the trace, else by that of the log; null where nothing says so. */
  readonly seconds: number | null;
  /** That time as the log has it, for a finding of the log alone; empty where it has none. */
  readonly stamp?: string;
  /** Why a message of the log was printed, with how sure that is; absent where the finding says it. */
  readonly why?: string;
  /** What to do, where it depends on the line; else the kind's own steps hold. */
  readonly next?: readonly string[];
  /** What differs, by name. */
  readonly more: Readonly<Record<string, number | string | null | readonly number[]>>;
  /**
   * It is proved only while the trace has every map of this device, because its mappings may share
   * addresses.
   */
  readonly sharing?: Pick<Device, "mappedBeforeTrace">;
  /** For a fault with several possible causes: all of them, the likeliest first. */
  readonly candidates?: readonly FaultCandidate[];
}

/** A possible cause of a fault, if its time or the known facts about the page fit several. */
export interface FaultCandidate {
  readonly kind: FindingKind;
  readonly line: number | null;
  readonly otherLine: number | null;
}

/** A finding: an omitted field is null or empty. */
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

/** Whether a person may act on it. */
export function isSure({ certainty }: TraceFinding): boolean {
  return certainty === "proved" || certainty === "likely";
}

/**
 * The mappings of a device that a driver uses alike: by kind, direction and power of two of the size,
 * and by the CPU that maps, because each queue has its own.
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

/** The least power of two that is no less than a size. */
function powerOf(sizeBytes: number): number {
  // V8 calls a function of the C library for a logarithm, and none for the bits of a small number.
  if (sizeBytes > 1 << 30) return Math.ceil(Math.log2(sizeBytes));
  return 32 - Math.clz32(Math.max(sizeBytes, 1) - 1);
}

const KINDS: readonly MappingKind[] = ["map", "alloc", "sg"];
/** Sizes have fewer bits. */
const MAX_POWERS = 64;

export function pageOf(address: number): number {
  // No remainder: V8 calls a function for that of large numbers.
  return Math.floor(address / PAGE_BYTES) * PAGE_BYTES;
}

/** The end of a range's last page. */
export function pageEnd(address: number, sizeBytes: number): number {
  const end = address + Math.max(sizeBytes, 1);
  return Math.ceil(end / PAGE_BYTES) * PAGE_BYTES;
}

export function pagesOf({ addr, sizeBytes }: TracedMapping): number {
  return (pageEnd(addr, sizeBytes) - pageOf(addr)) / PAGE_BYTES;
}

/** Whether a device may do this by the direction of the mapping. */
export function allows(dir: Direction | null, access: "read" | "write"): boolean {
  if (dir === null || dir === "BIDIRECTIONAL") return true;
  return access === "read" ? dir === "TO_DEVICE" : dir === "FROM_DEVICE";
}
