/**
 * What a ledger finds wrong, as sentences with their lines.
 *
 * @see behaviour/traces.md T.66
 */
import type { Certainty, Device, Finding, Life, Moment } from "./life.ts";

const LEDGER_RULE = "trace.T.66";
/** Findings that are kept in full; more of the same are counted. */
const MOST_FINDINGS = 100_000;

export class Findings {
  readonly list: Finding[] = [];
  dropped = 0;

  add(finding: Finding): void {
    if (this.list.length < MOST_FINDINGS) this.list.push(finding);
    else this.dropped++;
  }

  /** A finding about a mapping, at its address where no other one is said. */
  #of(
    life: Life,
    told:
      & Pick<Finding, "kind" | "line" | "otherLine" | "certainty" | "text" | "more">
      & Partial<Pick<Finding, "address" | "since">>,
  ): void {
    const { addr, born, device } = life;
    this.add({
      since: born.line,
      address: addr,
      ...told,
      logLine: null,
      device: device?.name ?? null,
      rule: LEDGER_RULE,
    });
  }

  /** What a call says of a mapping is not what the mapping is: the lines of both prove it. */
  #unlike(kind: string, life: Life, now: Moment, text: string, more: Finding["more"]): void {
    const otherLine = life.born.line;
    this.#of(life, { kind, line: now.line, otherLine, certainty: "proved", text, more });
  }

  /** A call for what has died, whose line is the other one. */
  #afterDeath(
    dead: Life,
    told: Pick<Finding, "kind" | "address" | "certainty" | "text" | "since">,
    now: Moment,
  ): void {
    this.#of(dead, {
      ...told,
      line: now.line,
      otherLine: dead.died!.line,
      more: { born_line: dead.born.line },
    });
  }

  wrongSize(life: Life, sizeBytes: number, now: Moment): void {
    const text = `mapped with ${life.sizeBytes} bytes and unmapped with ${sizeBytes}`;
    this.#unlike("unmap_size", life, now, text, { mapped: life.sizeBytes, unmapped: sizeBytes });
  }

  wrongDirection(life: Life, dir: string, now: Moment): void {
    const text = `mapped ${life.dir} and unmapped ${dir}`;
    this.#unlike("unmap_direction", life, now, text, { mapped: life.dir, unmapped: dir });
  }

  wrongEntries(life: Life, entries: number, now: Moment): void {
    const text = `mapped as a list of ${life.entries} entries and unmapped with ${entries}`;
    this.#unlike("unmap_entries", life, now, text, { mapped: life.entries, unmapped: entries });
  }

  wrongKind(life: Life, kind: string, now: Moment): void {
    const text = `mapped as ${life.kind} and unmapped as ${kind}`;
    this.#unlike("unmap_kind", life, now, text, { mapped: life.kind, unmapped: kind });
  }

  /** @param since The line from which on none may be missing for this to be so. */
  doubleUnmap(
    dead: Life,
    now: Moment,
    address: number,
    certainty: Certainty,
    since: number,
  ): void {
    const text = "unmapped twice with no map in between";
    this.#afterDeath(dead, { kind: "double_unmap", address, certainty, text, since }, now);
  }

  unmapUnknown(
    device: Device,
    address: number,
    now: Moment,
    certainty: Certainty,
    since: number,
  ): void {
    this.add({
      since,
      kind: certainty === "proved" ? "unmap_unknown" : "born_before_trace",
      line: now.line,
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

  listUnknown(device: Device, phys: number, now: Moment): void {
    this.add({
      since: null,
      kind: "born_before_trace",
      line: now.line,
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

  doubleMap(older: Life, newer: Life): void {
    const text = "address of a live mapping returned again, with no iommu:map event";
    const more = { mapped: older.sizeBytes };
    this.#of(newer, {
      kind: "double_map",
      line: newer.born.line,
      otherLine: older.born.line,
      certainty: "proved",
      text,
      more,
    });
  }

  leakByReuse(older: Life, newer: Life, certainty: Certainty): void {
    const text = `its address was allocated again in line ${newer.born.line}, without an unmap`;
    const more = { proof_line: newer.born.line };
    this.#of(older, {
      kind: "leak",
      line: older.born.line,
      otherLine: newer.born.line,
      certainty,
      text,
      more,
    });
  }

  reuseRace(older: Life, newer: Life, death: Moment): void {
    const text =
      "event order only: the unmap is traced after the IOVA is freed, so another CPU's map can " +
      "be logged first";
    const more = { born_line: older.born.line };
    this.#of(newer, {
      kind: "reuse_race",
      line: newer.born.line,
      otherLine: death.line,
      certainty: "possible",
      text,
      more,
    });
  }

  syncUnknown(dead: Life, address: number, now: Moment, certainty: Certainty): void {
    const text = "synchronised after it was unmapped";
    const since = dead.died!.line;
    this.#afterDeath(dead, { kind: "sync_unknown", address, certainty, text, since }, now);
  }

  syncSize(life: Life, address: number, sizeBytes: number, now: Moment): void {
    const text = `synchronised ${sizeBytes} bytes from 0x${address.toString(16)} on, beyond the ` +
      `mapping's end: it has ${life.sizeBytes}`;
    this.#unlike("sync_size", life, now, text, { mapped: life.sizeBytes, synced: sizeBytes });
  }

  syncDirection(life: Life, dir: string, now: Moment): void {
    const text = `mapped ${life.dir} and synchronised ${dir}`;
    this.#unlike("sync_direction", life, now, text, { mapped: life.dir, synced: dir });
  }

  shortRange(
    first: number,
    left: readonly { readonly line: number }[],
    end: Moment,
    isSure: boolean,
  ): void {
    this.add({
      since: left[0]!.line,
      kind: "two_step_destroy_short",
      line: left[0]!.line,
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

  openAtEnd(life: Life, kind: string, certainty: Certainty, text: string): void {
    this.#of(life, {
      kind,
      line: life.born.line,
      otherLine: null,
      certainty,
      text,
      more: { mapping: life.kind },
    });
  }
}
