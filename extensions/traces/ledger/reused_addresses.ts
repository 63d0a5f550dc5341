/**
 * Addresses that were allocated again before the unmap of their last mapping was printed. The line of
 * that unmap is late, or it is missing.
 *
 * @see rules/traces.md T.18, T.66
 */
import type { MappingTracker } from "./ledger.ts";
import type { UnmapEvent } from "./live_mappings.ts";
import type { TableUnmap } from "./page_table.ts";
import type { TracedMapping, TraceInstant } from "./traced_mapping.ts";

/**
 * The longest time between a map on one CPU and the late line of the old unmap on another CPU. If the unmap is
 * printed later, it is not a race. The time allows for a guest's CPU that stalls for a while.
 */
const RACE_SECONDS = 0.1;

interface ReusedAddress {
  readonly older: TracedMapping;
  readonly newer: TracedMapping;
  /** The page table's unmap of the older mapping's range, or null. */
  readonly unmap: TableUnmap | null;
}

export class ReusedAddresses {
  readonly #byAddress = new Map<string, ReusedAddress>();

  constructor(private readonly ledger: MappingTracker) {}

  note(reused: ReusedAddress): void {
    const key = keyOf(reused.older);
    const before = this.#byAddress.get(key);
    if (before !== undefined) this.#neverUnmapped(before);
    this.#byAddress.set(key, reused);
  }

  /**
   * Gives up waiting for the late unmaps of addresses that were allocated again before this time.
   */
  settle(seconds: number): void {
    for (const [key, reused] of this.#byAddress) {
      if (reused.newer.mappedAt.seconds >= seconds) continue;
      this.#neverUnmapped(reused);
      this.#byAddress.delete(key);
    }
  }

  #neverUnmapped({ newer, older, unmap }: ReusedAddress): void {
    const { edges, findings } = this.ledger;
    older.device!.uncertain++;
    // Without page-table lines the only evidence is the address. If there was a silence, the unmap
    // may have been in it.
    const isAlone = older.tableLine === 0 && older.mappedAt.line >= edges.silenceLine;
    const weaker = isAlone ? "likely" : "possible";
    const isOpen = this.ledger.isUncertain(older);
    findings.leakByReuse(older, newer, isOpen ? "possible" : unmap !== null ? "proved" : weaker);
  }

  /**
   * Whether an unmap is late: it belongs to a mapping with an address that is already in use again.
   * This happens because the line of an unmap is written after the unmap itself, and another CPU
   * may be faster. When coherent memory is freed or a list is unmapped, the line is written first,
   * so such a line is never late.
   */
  isLate(
    event: UnmapEvent,
    live: TracedMapping,
    now: TraceInstant,
    beside: TableUnmap | null,
  ): boolean {
    if (this.#byAddress.size === 0) return false;
    const key = keyOf(live);
    const reused = this.#byAddress.get(key);
    if (reused === undefined || live.addr !== event.addr) return false;
    const { older, unmap } = reused;
    if (event.op !== "unmap" || older.kind !== "map") return false;
    if (older.sizeBytes !== event.sizeBytes || older.dir !== event.dir) return false;
    const isLate = live.tableLine > 0
      ? beside === null || beside.line < live.tableLine
      : unmap === null && now.cpu !== live.mappedAt.cpu &&
        now.seconds - live.mappedAt.seconds < RACE_SECONDS;
    if (!isLate) return false;
    this.#byAddress.delete(key);
    this.ledger.findings.reuseRace(older, live, now);
    older.unmappedAt = now;
    older.device!.unmapCount++;
    return true;
  }
}

function keyOf({ addr, device }: TracedMapping): string {
  return `${device!.name} ${addr}`;
}
