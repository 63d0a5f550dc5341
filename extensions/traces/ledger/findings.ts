/**
 * The errors that a ledger finds, as sentences with their trace lines.
 *
 * @see rules/traces.md T.66
 */
import { formatCount } from "@dmalab/lang/text";
import { countBefore } from "@dmalab/runtime/basics";
import { ERROR_ADDRESS } from "../line/payload.ts";
import { modeOf } from "./device_mode.ts";
import type { Edges } from "./edges.ts";
import type { FindingKind } from "./finding_kinds.ts";
import {
  type Certainty,
  type Device,
  type FailedMaps,
  findingOf,
  type TracedMapping,
  type TraceFinding,
  type TraceInstant,
} from "./traced_mapping.ts";

const LEDGER_RULE = "trace.T.66";
/** Largest number of findings that are kept; later ones are dropped. */
const MAX_FINDINGS = 100_000;

export class Findings {
  readonly list: TraceFinding[] = [];

  /** Adds a finding of the ledger that is not about a mapping. */
  #about(
    device: Device | null,
    details:
      & Pick<TraceFinding, "kind" | "line" | "certainty" | "text">
      & Partial<TraceFinding>,
  ): void {
    if (this.list.length === MAX_FINDINGS) return;
    this.list.push(findingOf({ device: device?.name ?? null, rule: LEDGER_RULE, ...details }));
  }

  #of(
    mapping: TracedMapping,
    details:
      & Pick<TraceFinding, "kind" | "line" | "otherLine" | "certainty" | "text" | "more">
      & Partial<Pick<TraceFinding, "address" | "since" | "sharing" | "seconds">>,
  ): void {
    const { addr, mappedAt, device } = mapping;
    this.#about(device, {
      since: mappedAt.line,
      seconds: mappedAt.seconds,
      address: addr,
      ...details,
    });
  }

  /**
   * Adds a finding about a call that describes a mapping differently than its map call did. The
   * lines of the two calls prove the difference.
   */
  #unlike(
    kind: FindingKind,
    mapping: TracedMapping,
    { line, seconds }: TraceInstant,
    text: string,
    more: TraceFinding["more"],
    rest: Pick<TraceFinding, "certainty" | "sharing"> = { certainty: "proved" },
  ): void {
    const otherLine = mapping.mappedAt.line;
    this.#of(mapping, { kind, line, seconds, otherLine, text, more, ...rest });
  }

  /**
   * Adds a finding about a call for a mapping that is already unmapped. The finding has the line of
   * the unmap.
   */
  #afterUnmap(
    unmapped: TracedMapping,
    details: Pick<TraceFinding, "kind" | "address" | "certainty" | "text" | "since">,
    { line, seconds }: TraceInstant,
  ): void {
    this.#of(unmapped, {
      ...details,
      ...sharingOf(unmapped),
      line,
      seconds,
      otherLine: unmapped.unmappedAt!.line,
      more: { born_line: unmapped.mappedAt.line },
    });
  }

  wrongSize(mapping: TracedMapping, unmapped: number, now: TraceInstant): void {
    const { sizeBytes: mapped } = mapping;
    const text = `mapped with ${mapped} bytes and unmapped with ${unmapped}`;
    this.#unlike("unmap_size", mapping, now, text, { mapped, unmapped });
  }

  wrongDirection(mapping: TracedMapping, dir: string, now: TraceInstant): void {
    const text = `mapped ${mapping.dir} and unmapped ${dir}`;
    this.#unlike("unmap_direction", mapping, now, text, { mapped: mapping.dir, unmapped: dir });
  }

  wrongEntries(mapping: TracedMapping, unmapped: number, now: TraceInstant): void {
    const { entries: mapped } = mapping;
    const text = `mapped as a list of ${mapped} entries and unmapped with ${unmapped}`;
    this.#unlike("unmap_entries", mapping, now, text, { mapped, unmapped });
  }

  wrongKind(mapping: TracedMapping, kind: string, now: TraceInstant, certainty: Certainty): void {
    const text = `mapped as ${mapping.kind} and unmapped as ${kind}`;
    const more = { mapped: mapping.kind, unmapped: kind };
    this.#unlike("unmap_kind", mapping, now, text, more, { certainty, ...sharingOf(mapping) });
  }

  /**
   * Adds a finding about a driver that unmaps the error value, because the driver did not check the
   * result of its map call.
   */
  unmapErrorValue(device: Device, { line, seconds }: TraceInstant): void {
    this.#about(device, {
      kind: "unmap_error_value",
      line,
      seconds,
      otherLine: device.failed?.lastLine ?? null,
      address: ERROR_ADDRESS,
      certainty: "proved",
      text: "unmapped DMA_MAPPING_ERROR, what a failed map returns",
    });
  }

  mapsFailed(device: Device, failed: FailedMaps): void {
    const { count, firstLine, lastLine, longestRun, mostBytes } = failed;
    const largest = mostBytes === 0 ? "" : `, of at most ${formatCount(mostBytes, "byte")}`;
    this.#about(device, {
      kind: "map_failed",
      line: firstLine,
      seconds: failed.firstSeconds,
      otherLine: count === 1 ? null : lastLine,
      certainty: "proved",
      rule: "trace.T.19",
      text: `${formatCount(count, "map")} failed${largest}, at most ${longestRun} in a row` +
        (count === 1 ? "" : `, from line ${firstLine} to line ${lastLine}`),
      more: { count, last_line: lastLine, in_a_row: longestRun },
    });
  }

  /** @param since The finding holds only if no line after this one is missing. */
  doubleUnmap(
    unmapped: TracedMapping,
    now: TraceInstant,
    address: number,
    certainty: Certainty,
    since: number,
  ): void {
    const text = "unmapped twice with no map in between";
    this.#afterUnmap(unmapped, { kind: "double_unmap", address, certainty, text, since }, now);
  }

  /** @param physical A live mapping of the device at this physical address, or null. */
  unmapUnknown(
    device: Device,
    address: number,
    { line, seconds }: TraceInstant,
    certainty: Certainty,
    since: number,
    physical: TracedMapping | null = null,
  ): void {
    const isProved = certainty === "proved";
    const isPhysical = physical !== null;
    const text = isProved
      ? "unmapped an address that was not mapped: no page-table entry"
      : "unmapped a mapping from before the trace, or from a missing line";
    this.#about(device, {
      since,
      kind: isProved || isPhysical ? "unmap_unknown" : "born_before_trace",
      line,
      seconds,
      address,
      otherLine: physical?.mappedAt.line ?? null,
      certainty: isProved || !isPhysical ? certainty : "likely",
      rule: isProved ? "trace.T.28" : LEDGER_RULE,
      text: !isPhysical
        ? text
        : `unmapped the physical address of a live mapping, whose DMA address is 0x${
          physical.addr.toString(16)
        }`,
      ...isPhysical
        ? { next: ["pass the dma_addr_t of the map to the unmap, not a physical address"] }
        : {},
    });
  }

  listUnknown(device: Device, phys: number, { line, seconds }: TraceInstant): void {
    this.#about(device, {
      kind: "born_before_trace",
      line,
      seconds,
      certainty: "unknown",
      rule: "trace.T.21",
      text: "unmapped a scatterlist mapped before the trace, or in a missing line",
      more: { phys: `0x${phys.toString(16)}` },
    });
  }

  doubleMap(older: TracedMapping, newer: TracedMapping): void {
    this.#of(newer, {
      kind: "double_map",
      line: newer.mappedAt.line,
      otherLine: older.mappedAt.line,
      certainty: "proved",
      text: "address of a live mapping returned again, with no iommu:map event",
      more: { mapped: older.sizeBytes },
    });
  }

  leakByReuse(
    older: TracedMapping,
    { mappedAt: { line } }: TracedMapping,
    certainty: Certainty,
  ): void {
    this.#of(older, {
      kind: "leak",
      line: older.mappedAt.line,
      otherLine: line,
      certainty,
      text: `its address was allocated again in line ${line}, without an unmap`,
      more: { proof_line: line },
    });
  }

  reuseRace(older: TracedMapping, newer: TracedMapping, unmap: TraceInstant): void {
    this.#of(newer, {
      kind: "reuse_race",
      line: newer.mappedAt.line,
      otherLine: unmap.line,
      certainty: "possible",
      text:
        "event order only: the unmap is traced after the IOVA is freed, so another CPU's map can " +
        "be logged first",
      more: { born_line: older.mappedAt.line },
    });
  }

  syncUnknown(
    unmapped: TracedMapping,
    address: number,
    now: TraceInstant,
    certainty: Certainty,
  ): void {
    const text = "synchronised after it was unmapped";
    const since = unmapped.unmappedAt!.line;
    this.#afterUnmap(unmapped, { kind: "sync_unknown", address, certainty, text, since }, now);
  }

  syncSize(mapping: TracedMapping, address: number, sizeBytes: number, now: TraceInstant): void {
    const text = `synchronised ${sizeBytes} bytes from 0x${address.toString(16)} on, beyond the ` +
      `mapping's end: it has ${mapping.sizeBytes}`;
    this.#unlike("sync_size", mapping, now, text, { mapped: mapping.sizeBytes, synced: sizeBytes });
  }

  syncDirection(mapping: TracedMapping, dir: string, now: TraceInstant): void {
    const text = `mapped ${mapping.dir} and synchronised ${dir}`;
    this.#unlike("sync_direction", mapping, now, text, { mapped: mapping.dir, synced: dir });
  }

  shortRange(
    first: number,
    left: readonly { readonly line: number }[],
    end: TraceInstant,
    isSure: boolean,
  ): void {
    const lines = left.map(({ line }) => line);
    this.#about(null, {
      since: lines[0]!,
      kind: "destroy_short",
      line: lines[0]!,
      seconds: end.seconds,
      otherLine: end.line,
      address: first,
      certainty: isSure ? "likely" : "unknown",
      rule: "trace.T.30",
      text: `the two-step range was destroyed short: ${left.length} of its links stayed mapped`,
      more: { lines },
    });
  }

  /** Adds a finding about a two-step range, of which some links were never unmapped. */
  openRange(
    links: readonly { readonly line: number; readonly seconds: number; readonly start: number }[],
    device: Device | null,
    certainty: Certainty,
    text: string,
  ): void {
    const { line, seconds, start } = links[0]!;
    this.#about(device, {
      kind: certainty === "unknown" ? "alive_at_end" : "leak",
      line,
      seconds,
      address: start,
      certainty,
      text: `${text}: ${formatCount(links.length, "link")} stayed mapped`,
      more: { lines: links.map(({ line }) => line), mapping: "two_step" },
    });
  }

  openAtEnd(mapping: TracedMapping, kind: FindingKind, certainty: Certainty, text: string): void {
    if (this.list.length === MAX_FINDINGS) return;
    const { addr: address, device, mappedAt: { line, seconds } } = mapping;
    // The object is written out without spreads. A trace can have a hundred thousand findings, and
    // spreads would copy each finding three times.
    this.list.push({
      kind,
      line,
      otherLine: null,
      logLine: null,
      device: device?.name ?? null,
      address,
      certainty,
      since: line,
      rule: LEDGER_RULE,
      text,
      seconds,
      more: { mapping: mapping.kind },
    });
  }
}

/**
 * The field `sharing`, which is set for a device with direct mappings. Its DMA addresses are
 * physical addresses, so a mapping made before the trace may have the same address.
 */
function sharingOf({ device }: TracedMapping): Pick<TraceFinding, "sharing"> {
  return device !== null && modeOf(device) === "direct" ? { sharing: device } : {};
}

/**
 * Lowers the certainty of a finding that only the trace shows, if lines may be missing between the
 * lines of the finding.
 *
 * @see rules/traces.md T.68
 */
export function asKnown(finding: TraceFinding, { holes, isNewestFirst }: Edges): TraceFinding {
  if (isNewestFirst) {
    return { ...finding, certainty: finding.certainty === "unknown" ? "unknown" : "possible" };
  }
  if (!isAcross(finding, holes)) {
    const isShared = finding.certainty === "proved" && finding.sharing !== undefined &&
      finding.sharing.mappedBeforeTrace > 0;
    return isShared ? { ...finding, certainty: "possible" } : finding;
  }
  return { ...finding, certainty: finding.certainty === "unknown" ? "unknown" : "possible" };
}

/**
 * A capture counts as incomplete from this number of missing events on. One missing event must not
 * count: to simulate a driver that never unmaps, the planted captures lack one line, which the
 * header still counts.
 */
export const THIN_EVENTS = 2;

/**
 * Lowers the certainty of a finding if its file has fewer events than its header counts, and no mark shows where
 * they are missing. Such a file is a part of a trace, or was filtered. A finding that holds only if no line is
 * missing becomes likely at most.
 *
 * @see rules/traces.md T.68
 */
export function asCounted(finding: TraceFinding, { missingEvents }: Edges): TraceFinding {
  const isShaken = missingEvents !== null && missingEvents >= THIN_EVENTS &&
    finding.certainty === "proved" &&
    finding.since !== null;
  return isShaken ? { ...finding, certainty: "likely" } : finding;
}

/** Whether lines are known to be missing between the lines on which a finding is based. */
function isAcross({ line, otherLine, since }: TraceFinding, holes: readonly number[]): boolean {
  if (since === null) return false;
  const until = Math.max(line ?? 0, otherLine ?? 0);
  const next = holes[countBefore(holes.length, (index) => holes[index]! <= since)];
  return next !== undefined && next <= until;
}
