/**
 * What a ledger finds wrong, as sentences with their lines.
 *
 * @see rules/traces.md T.66
 */
import { formatCount } from "@dmalab/lang/text";
import { ERROR_ADDRESS } from "../line/payload.ts";
import { modeOf } from "./device_mode.ts";
import type { Edges } from "./edges.ts";
import type { FindingKind } from "./finding_kinds.ts";
import type {
  Certainty,
  Device,
  FailedMaps,
  TracedMapping,
  TraceFinding,
  TraceInstant,
} from "./traced_mapping.ts";

const LEDGER_RULE = "trace.T.66";
/** Findings that are kept in full; more of the same are counted. */
const MAX_FINDINGS = 100_000;

export class Findings {
  readonly list: TraceFinding[] = [];
  dropped = 0;

  add(finding: TraceFinding): void {
    if (this.list.length < MAX_FINDINGS) this.list.push(finding);
    else this.dropped++;
  }

  /** A finding about a mapping, by default at its address. */
  #of(
    mapping: TracedMapping,
    details:
      & Pick<TraceFinding, "kind" | "line" | "otherLine" | "certainty" | "text" | "more">
      & Partial<Pick<TraceFinding, "address" | "since" | "sharing" | "seconds">>,
  ): void {
    const { addr, mappedAt, device } = mapping;
    this.add({
      since: mappedAt.line,
      seconds: mappedAt.seconds,
      address: addr,
      ...details,
      logLine: null,
      device: device?.name ?? null,
      rule: LEDGER_RULE,
    });
  }

  /** What a call says of a mapping is not what the mapping is: the lines of both prove it. */
  #unlike(
    kind: FindingKind,
    mapping: TracedMapping,
    now: TraceInstant,
    text: string,
    more: TraceFinding["more"],
  ): void {
    const otherLine = mapping.mappedAt.line;
    const { line, seconds } = now;
    this.#of(mapping, { kind, line, seconds, otherLine, certainty: "proved", text, more });
  }

  /** A call for a mapping already unmapped, with the line of that unmap. */
  #afterUnmap(
    unmapped: TracedMapping,
    details: Pick<TraceFinding, "kind" | "address" | "certainty" | "text" | "since">,
    now: TraceInstant,
  ): void {
    this.#of(unmapped, {
      ...details,
      ...sharingOf(unmapped),
      line: now.line,
      seconds: now.seconds,
      otherLine: unmapped.unmappedAt!.line,
      more: { born_line: unmapped.mappedAt.line },
    });
  }

  wrongSize(mapping: TracedMapping, sizeBytes: number, now: TraceInstant): void {
    const text = `mapped with ${mapping.sizeBytes} bytes and unmapped with ${sizeBytes}`;
    this.#unlike("unmap_size", mapping, now, text, {
      mapped: mapping.sizeBytes,
      unmapped: sizeBytes,
    });
  }

  wrongDirection(mapping: TracedMapping, dir: string, now: TraceInstant): void {
    const text = `mapped ${mapping.dir} and unmapped ${dir}`;
    this.#unlike("unmap_direction", mapping, now, text, { mapped: mapping.dir, unmapped: dir });
  }

  wrongEntries(mapping: TracedMapping, entries: number, now: TraceInstant): void {
    const text = `mapped as a list of ${mapping.entries} entries and unmapped with ${entries}`;
    this.#unlike("unmap_entries", mapping, now, text, {
      mapped: mapping.entries,
      unmapped: entries,
    });
  }

  wrongKind(
    mapping: TracedMapping,
    kind: string,
    now: TraceInstant,
    certainty: Certainty,
  ): void {
    this.#of(mapping, {
      kind: "unmap_kind",
      line: now.line,
      seconds: now.seconds,
      otherLine: mapping.mappedAt.line,
      certainty,
      text: `mapped as ${mapping.kind} and unmapped as ${kind}`,
      more: { mapped: mapping.kind, unmapped: kind },
      ...sharingOf(mapping),
    });
  }

  /** A driver that has not looked at what its map returned. */
  unmapErrorValue(device: Device, now: TraceInstant): void {
    this.add({
      since: null,
      kind: "unmap_error_value",
      line: now.line,
      seconds: now.seconds,
      otherLine: device.failed?.lastLine ?? null,
      logLine: null,
      device: device.name,
      address: ERROR_ADDRESS,
      certainty: "proved",
      rule: LEDGER_RULE,
      text: "unmapped DMA_MAPPING_ERROR, what a failed map returns",
      more: {},
    });
  }

  mapsFailed(device: Device, failed: FailedMaps): void {
    const { count, firstLine, lastLine, longestRun, mostBytes } = failed;
    const largest = mostBytes === 0 ? "" : `, of at most ${formatCount(mostBytes, "byte")}`;
    this.add({
      since: null,
      kind: "map_failed",
      line: firstLine,
      seconds: failed.firstSeconds,
      otherLine: count === 1 ? null : lastLine,
      logLine: null,
      device: device.name,
      address: null,
      certainty: "proved",
      rule: "trace.T.19",
      text: `${formatCount(count, "map")} failed${largest}, at most ${longestRun} in a row` +
        (count === 1 ? "" : `, from line ${firstLine} to line ${lastLine}`),
      more: { count, last_line: lastLine, in_a_row: longestRun },
    });
  }

  /** @param since The line from which on none may be missing for this to be so. */
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

  unmapUnknown(
    device: Device,
    address: number,
    now: TraceInstant,
    certainty: Certainty,
    since: number,
  ): void {
    this.add({
      since,
      kind: certainty === "proved" ? "unmap_unknown" : "born_before_trace",
      line: now.line,
      seconds: now.seconds,
      otherLine: null,
      logLine: null,
      device: device.name,
      address,
      certainty,
      rule: certainty === "proved" ? "trace.T.28" : LEDGER_RULE,
      text: certainty === "proved"
        ? "unmapped an address that was not mapped: no page-table entry"
        : "unmapped a mapping from before the trace, or from a missing line",
      more: {},
    });
  }

  listUnknown(device: Device, phys: number, now: TraceInstant): void {
    this.add({
      since: null,
      kind: "born_before_trace",
      line: now.line,
      seconds: now.seconds,
      otherLine: null,
      logLine: null,
      device: device.name,
      address: null,
      certainty: "unknown",
      rule: "trace.T.21",
      text: "unmapped a scatterlist mapped before the trace, or in a missing line",
      more: { phys: `0x${phys.toString(16)}` },
    });
  }

  doubleMap(older: TracedMapping, newer: TracedMapping): void {
    const text = "address of a live mapping returned again, with no iommu:map event";
    const more = { mapped: older.sizeBytes };
    this.#of(newer, {
      kind: "double_map",
      line: newer.mappedAt.line,
      otherLine: older.mappedAt.line,
      certainty: "proved",
      text,
      more,
    });
  }

  leakByReuse(older: TracedMapping, newer: TracedMapping, certainty: Certainty): void {
    const text = `its address was allocated again in line ${newer.mappedAt.line}, without an unmap`;
    const more = { proof_line: newer.mappedAt.line };
    this.#of(older, {
      kind: "leak",
      line: older.mappedAt.line,
      otherLine: newer.mappedAt.line,
      certainty,
      text,
      more,
    });
  }

  reuseRace(older: TracedMapping, newer: TracedMapping, unmap: TraceInstant): void {
    const text =
      "event order only: the unmap is traced after the IOVA is freed, so another CPU's map can " +
      "be logged first";
    const more = { born_line: older.mappedAt.line };
    this.#of(newer, {
      kind: "reuse_race",
      line: newer.mappedAt.line,
      otherLine: unmap.line,
      certainty: "possible",
      text,
      more,
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
    this.add({
      since: left[0]!.line,
      kind: "destroy_short",
      line: left[0]!.line,
      seconds: end.seconds,
      otherLine: end.line,
      logLine: null,
      device: null,
      address: first,
      certainty: isSure ? "likely" : "unknown",
      rule: "trace.T.30",
      text: `the two-step range was destroyed short: ${left.length} of its links stayed mapped`,
      more: { lines: left.map(({ line }) => line) },
    });
  }

  /** Links of a two-step range that no unmap has ended. */
  openRange(
    links: readonly { readonly line: number; readonly seconds: number; readonly start: number }[],
    device: Device | null,
    certainty: Certainty,
    text: string,
  ): void {
    this.add({
      since: null,
      kind: certainty === "unknown" ? "alive_at_end" : "leak",
      line: links[0]!.line,
      seconds: links[0]!.seconds,
      otherLine: null,
      logLine: null,
      device: device?.name ?? null,
      address: links[0]!.start,
      certainty,
      rule: LEDGER_RULE,
      text: `${text}: ${formatCount(links.length, "link")} stayed mapped`,
      more: { lines: links.map(({ line }) => line), mapping: "two_step" },
    });
  }

  openAtEnd(mapping: TracedMapping, kind: FindingKind, certainty: Certainty, text: string): void {
    this.#of(mapping, {
      kind,
      line: mapping.mappedAt.line,
      otherLine: null,
      certainty,
      text,
      more: { mapping: mapping.kind },
    });
  }
}

/** A direct address is the memory's: a mapping from before the trace may have the same. */
function sharingOf({ device }: TracedMapping): Pick<TraceFinding, "sharing"> {
  return device !== null && modeOf(device) === "direct" ? { sharing: device } : {};
}

/**
 * A finding as sure as it can be, when nothing but the trace says so: lines may be missing in between.
 *
 * @see rules/traces.md T.68
 */
export function asKnown(finding: TraceFinding, { holes }: Edges): TraceFinding {
  if (!isAcross(finding, holes)) {
    const isShared = finding.certainty === "proved" && finding.sharing !== undefined &&
      finding.sharing.mappedBeforeTrace > 0;
    return isShared ? { ...finding, certainty: "possible" } : finding;
  }
  return { ...finding, certainty: finding.certainty === "unknown" ? "unknown" : "possible" };
}

/** Whether lines are missing between those that a finding follows from. */
function isAcross({ line, otherLine, since }: TraceFinding, holes: ReadonlySet<number>): boolean {
  if (since === null) return false;
  const until = Math.max(line ?? 0, otherLine ?? 0);
  for (const hole of holes) if (hole > since && hole <= until) return true;
  return false;
}
