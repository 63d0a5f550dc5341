/**
 * The records of links in ranges.
 *
 * Adjacent links that one statement makes in one direction share a record: the thirty-two links of
 * a request therefore cost only one record. Only the first buffer of a range may start inside a
 * granule, so a walk over a range visits its first byte and the start of each later granule.
 */
import { type Bytes, KIB, type PhysAddr } from "../../address.ts";
import type { DmaIovaState, RangePart } from "../iova_state.ts";
import type { DmaDevice, TranslatedDevice } from "../device/device.ts";
import type { MappingRecords } from "./ledger.ts";
import { MADE, MARK, NONE } from "./record_table.ts";

const LINKED = 1 << MADE.LINK;

/**
 * The largest size to which a record may grow in a range with links that are made and removed page
 * by page. All records that may grow to the size of the range lie in one hash chain. With a million
 * of such records, a search of that chain would take far too long.
 */
const PIECEMEAL_SPAN_BYTES: Bytes = 64 * KIB;

export class LinkRecords {
  constructor(private readonly ledger: MappingRecords) {}

  /**
   * Records a link, by extending the record of the last link if possible.
   * @returns Whether the link directly follows bytes that are linked but not yet synced.
   */
  add({ attrs, dev, dir, dma, sizeBytes, state }: RangePart, phys: PhysAddr): boolean {
    const { table, platform } = this.ledger;
    const last = this.#lastOf(dev, state);
    const continues = last !== NONE && table.end(last) === dma && table.has(last, MARK.UNSYNCED);
    if (
      continues && table.dir(last) === dir && table.attrs(last) === attrs &&
      table.site(last) === platform.events.context.site &&
      table.mayGrowTo(last, table.sizeBytes[last]! + sizeBytes)
    ) {
      table.sizeBytes[last]! += sizeBytes;
      return true;
    }
    const alone = state.linkedBytes <= dev.domain.roundUp(sizeBytes);
    const spanBytes = continues || alone ? state.sizeBytes : PIECEMEAL_SPAN_BYTES;
    const record = this.ledger.add(this.ledger.deviceOf(dev), MADE.LINK, dma, sizeBytes, spanBytes);
    table.describe(record, phys, dir, attrs);
    table.mark(record, MARK.UNSYNCED);
    state.lastLinkRecord = record;
    return continues;
  }

  /**
   * Marks links as synced, for whole granules from `first` on.
   * @returns The lowest of the synced addresses at which nothing is linked; -1 if all are linked.
   */
  sync({ dev, dev: { domain }, dma: first, sizeBytes, state }: RangePart): number {
    const { table } = this.ledger;
    const last = this.#lastOf(dev, state);
    const start = first - domain.offsetOf(first);
    const end = start + domain.roundUp(first + sizeBytes - start);
    // A sync of no bytes at the beginning of a granule touches no granule.
    if (start === end) return -1;
    if (
      last !== NONE && table.dma[last] === first && table.end(last) >= first + sizeBytes &&
      table.end(last) <= end
    ) {
      table.unmark(last, MARK.UNSYNCED);
      return -1;
    }
    // A link that ends inside the first granule makes all of that granule visible.
    const endsInside = table.findAround(this.#numberOf(dev), start, LINKED) !== NONE;
    let reached = endsInside ? start + domain.granuleBytes : start;
    let hole = -1;
    for (
      let record = this.firstIn(dev, state, first, sizeBytes);
      record !== NONE;
      record = this.nextIn(dev, record, first + sizeBytes)
    ) {
      let inside = record;
      if (table.dma[inside]! < start) inside = this.#split(inside, start, state);
      if (table.end(inside) > end) this.#split(inside, end, state);
      table.unmark(inside, MARK.UNSYNCED);
      if (hole < 0 && table.dma[inside]! - domain.offsetOf(table.dma[inside]!) > reached) {
        hole = reached;
      }
      reached = Math.max(reached, domain.roundUp(table.end(inside)));
      record = inside;
    }
    if (hole >= 0) return hole;
    return reached < end ? reached : -1;
  }

  /** The first link of a range that has a byte in a span, or `NONE`. */
  firstIn(dev: TranslatedDevice, state: DmaIovaState, first: number, sizeBytes: Bytes): number {
    const { table } = this.ledger;
    const last = this.#lastOf(dev, state);
    if (last !== NONE && table.dma[last]! <= first && first < table.end(last)) return last;
    return this.#firstFrom(dev, first, first + sizeBytes);
  }

  /** The next link after `record`, before `end`, or `NONE`. */
  nextIn(dev: TranslatedDevice, record: number, end: number): number {
    return this.#firstFrom(dev, this.ledger.table.end(record), end);
  }

  /**
   * The statement that made the first link in a span, else the statement that made the range; null
   * if neither is known.
   */
  siteIn(
    dev: TranslatedDevice,
    state: DmaIovaState,
    first: number,
    sizeBytes: Bytes,
  ): number | null {
    const record = this.firstIn(dev, state, first, sizeBytes);
    return (record === NONE ? null : this.ledger.table.site(record)) ?? this.siteOfRange(state);
  }

  siteOfRange(state: DmaIovaState): number | null {
    const range = this.rangeOf(state);
    return range === NONE ? null : this.ledger.table.site(range);
  }

  /**
   * The record of the state's range; `NONE` if the state has no range, or if the record was
   * dropped.
   */
  rangeOf({ addr, rangeRecord }: DmaIovaState): number {
    const { table } = this.ledger;
    const known = rangeRecord !== NONE && table.isLive(rangeRecord) &&
      table.madeBy(rangeRecord) === MADE.RANGE && table.dma[rangeRecord] === addr;
    return known ? rangeRecord : NONE;
  }

  /**
   * The mapping in a span, made by any call. A leaked link is returned only when the span has no
   * other mapping.
   */
  occupant({ dev, dev: { domain }, dma, sizeBytes }: RangePart): number {
    const { table } = this.ledger;
    const number = this.#numberOf(dev);
    if (sizeBytes > table.capacity * domain.granuleBytes) {
      return this.#firstOfAll(number, dma, dma + sizeBytes);
    }
    let found: number = NONE;
    for (let at: number = dma; at < dma + sizeBytes && found === NONE;) {
      table.eachAround(number, at, (record) => {
        found = record;
        return !table.has(record, MARK.LEAKED);
      });
      at += domain.granuleBytes - domain.offsetOf(at);
    }
    return found;
  }

  /** Removes the records in `[start, end)`: whole records, or parts of them. */
  cut({ dev, dev: { domain }, dma: first, state }: RangePart, start: number, end: number): void {
    const { table } = this.ledger;
    const last = this.#lastOf(dev, state);
    if (last !== NONE && table.dma[last] === first && table.end(last) <= end) {
      // Usual case: one record covers all links of a request, up to their end.
      const whole = table.end(last) + domain.granuleBytes > end;
      this.#end(last, state);
      if (whole) return;
    }
    let at: number = first;
    while (at < end) {
      const record = this.#firstFrom(dev, at, end);
      if (record === NONE) return;
      at = table.end(record);
      let inside = record;
      if (table.dma[inside]! < start) inside = this.#split(inside, start, state);
      if (at > end) this.#split(inside, end, state);
      this.#end(inside, state);
    }
  }

  /** Removes leaked links in `[start, end)`, which have been unlinked after all. */
  forgetLeaked(dev: DmaDevice, start: number, end: number): void {
    const { table } = this.ledger;
    const number = this.#numberOf(dev);
    table.each((record) => {
      if (
        table.has(record, MARK.LEAKED) && table.device[record] === number &&
        start <= table.dma[record]! && table.end(record) <= end
      ) this.ledger.end(record);
    });
  }

  /** Marks the links that are left in a freed range as leaked. */
  leak(dev: TranslatedDevice, state: DmaIovaState): void {
    const { table } = this.ledger;
    const { addr, sizeBytes } = state;
    for (
      let record = this.firstIn(dev, state, addr, sizeBytes);
      record !== NONE;
      record = this.nextIn(dev, record, addr + sizeBytes)
    ) table.mark(record, MARK.LEAKED);
  }

  #firstFrom(dev: TranslatedDevice, from: number, end: number): number {
    const { table } = this.ledger;
    const { domain } = dev;
    const number = this.#numberOf(dev);
    // A wrong length may span more granules than there are records.
    if ((end - from) / domain.granuleBytes > table.capacity) {
      return this.#firstOfAll(number, from, end);
    }
    for (let at = from; at < end;) {
      const record = table.findAround(number, at, LINKED);
      if (record !== NONE) return record;
      at += domain.granuleBytes - domain.offsetOf(at);
    }
    return NONE;
  }

  /** The lowest link with a byte in a span, or `NONE`. */
  #firstOfAll(device: number, from: number, end: number): number {
    const { table } = this.ledger;
    let first = NONE;
    table.each((record) => {
      if (
        table.device[record] === device && table.isOf(record, LINKED) &&
        !table.has(record, MARK.LEAKED) && table.dma[record]! < end && table.end(record) > from &&
        (first === NONE || table.dma[record]! < table.dma[first]!)
      ) first = record;
    });
    return first;
  }

  #end(record: number, state: DmaIovaState): void {
    if (state.lastLinkRecord === record) state.lastLinkRecord = NONE;
    this.ledger.end(record);
  }

  #split(record: number, dma: number, state: DmaIovaState): number {
    const rest = this.ledger.table.split(record, dma);
    if (state.lastLinkRecord === record) state.lastLinkRecord = rest;
    return rest;
  }

  /** The record of the last link, or `NONE` when its row now belongs to another mapping. */
  #lastOf(dev: DmaDevice, state: DmaIovaState): number {
    const { table } = this.ledger;
    const record = state.lastLinkRecord;
    const valid = record !== NONE && table.isLive(record) &&
      table.madeBy(record) === MADE.LINK && table.device[record] === this.#numberOf(dev);
    return valid ? record : NONE;
  }

  #numberOf(dev: DmaDevice): number {
    return this.ledger.deviceOf(dev).number;
  }
}
