/**
 * Checks of the two-step API. There is one record for a range, and one record for each run of
 * adjacent links in it.
 *
 * No kernel checks any of these mistakes. The page table refuses some of them, or warns that it
 * unmapped another number of bytes; the others go unnoticed until a device reads or writes the
 * wrong memory.
 *
 * @see rules/dma.md 3.3, 3.6, 8.3
 */
import { type Bytes, hexAddress, type PhysAddr } from "../../address.ts";
import { ERRNO } from "../../errno.ts";
import { directionWord, DMA_ATTR, DMA_BIDIRECTIONAL } from "../attributes.ts";
import type { DmaDevice, TranslatedDevice } from "../device/device.ts";
import type { DmaIovaState, RangePart } from "../iova_state.ts";
import { attributeText, bytes, bytesAt } from "./describe.ts";
import { AGREED_ATTRS } from "./end_check.ts";
import type { MappingRecords } from "./ledger.ts";
import { LinkRecords } from "./link_records.ts";
import { MADE, MARK, NONE } from "./record_table.ts";

/** Links that fail with these errors did not reach the page table. */
const REFUSED_BEFORE: readonly number[] = [-ERRNO.EOPNOTSUPP, -ERRNO.EPERM];
const OCCUPIED: readonly number[] = [-ERRNO.EADDRINUSE, -ERRNO.EEXIST];
const UNALIGNED: readonly number[] = [-ERRNO.ENXIO, -ERRNO.EINVAL];

export class RangeChecks {
  readonly #ledger: MappingRecords;
  readonly #links: LinkRecords;

  constructor(ledger: MappingRecords) {
    this.#ledger = ledger;
    this.#links = new LinkRecords(ledger);
  }

  reserved(dev: DmaDevice, state: DmaIovaState): void {
    const { addr, sizeBytes } = state;
    const device = this.#ledger.deviceOf(dev);
    state.rangeRecord = this.#ledger.add(device, MADE.RANGE, addr, sizeBytes);
    this.#ledger.table.describe(state.rangeRecord, addr, DMA_BIDIRECTIONAL, 0);
    state.lastLinkRecord = NONE;
  }

  /**
   * Called before a range is allocated for a state. If the state already contains a range, that
   * range leaks.
   */
  reservingAgain(dev: DmaDevice, state: DmaIovaState): void {
    if (!this.#isHeld(state)) return;
    const { addr, linkedBytes, sizeBytes } = state;
    const linked = linkedBytes === 0 ? "" : `, with ${bytes(linkedBytes)} linked there`;
    this.#ledger.report(
      "state_overwritten",
      `dma_iova_try_alloc() on device "${dev.name}" with a state that still holds the range of ` +
        `${bytesAt(sizeBytes, addr)}: the old range is overwritten and leaked${linked}`,
      this.#links.siteOfRange(state),
    );
  }

  /** A buffer was linked, or refused with `error`. */
  linked(part: RangePart, phys: PhysAddr, error: number): void {
    const { dev, dma, offset, sizeBytes, state } = part;
    if (this.#isForeign(dev, state)) {
      const what = `dma_iova_link() of ${bytes(sizeBytes)} at physical ${hexAddress(phys)}`;
      this.#reportForeign(dev, state, what);
      if (error === 0 && sizeBytes > 0) this.#links.add(part, phys);
      return;
    }
    const outside = !this.#isHeld(state) || offset + sizeBytes > state.sizeBytes;
    if (error !== 0 || sizeBytes === 0 || outside) {
      this.#reportLink(part, phys, error);
      if (error !== 0 || sizeBytes === 0) return;
    } else if (dev.domain.hostMappings !== null && this.#links.occupant(part) !== NONE) {
      // The driver of a virtio-iommu sends the request, and nobody learns that the host refuses it.
      this.#reportLink(part, phys, -ERRNO.EEXIST);
    }
    const continues = this.#links.add(part, phys);
    if ((part.attrs & DMA_ATTR.MMIO) === 0) this.#ledger.checkMemory(dev, phys, sizeBytes);
    this.#checkForbidden(part, phys);
    if (!outside) this.#checkLimits(dev, state, dma, phys, sizeBytes, continues);
  }

  #checkForbidden({ attrs, dev, sizeBytes }: RangePart, phys: PhysAddr): void {
    const forbidden = this.#ledger.forbidden(phys, sizeBytes, attrs);
    if (forbidden === null) return;
    const { linked, what, with: how } = forbidden;
    const where = `${bytes(sizeBytes)} at physical ${hexAddress(phys)}`;
    const text =
      `${what} linked${how} for device "${dev.name}": ${where}; no kernel looks at links`;
    this.#ledger.report(linked, text, null);
  }

  synced(part: RangePart): void {
    const { dev, offset, sizeBytes, state } = part;
    const hole = this.#links.sync(part);
    if (this.#isForeign(dev, state)) this.#reportForeign(dev, state, "dma_iova_sync()");
    else if (hole >= 0 && sizeBytes > 0 && !this.#isConfused(state)) {
      this.#ledger.report(
        "sync_unlinked",
        `dma_iova_sync() on device "${dev.name}" of ${bytes(sizeBytes)} at offset ` +
          `${offset} covers ${hexAddress(hole)}, where nothing is linked: a later link there ` +
          "needs another dma_iova_sync()",
        this.#links.siteOfRange(state),
      );
    }
  }

  /** Links are about to be unlinked: direction and attributes must be those of the link. */
  unlinking({ attrs, dev, dir, dma: first, sizeBytes, state }: RangePart): void {
    const ledger = this.#ledger;
    if (this.#isForeign(dev, state)) {
      this.#reportForeign(dev, state, "Unlink");
      return;
    }
    const { table } = ledger;
    let otherDir: number = NONE;
    let otherAttrs: number = NONE;
    for (
      let record = this.#links.firstIn(dev, state, first, sizeBytes);
      record !== NONE;
      record = this.#links.nextIn(dev, record, first + sizeBytes)
    ) {
      if (otherDir === NONE && table.dir(record) !== dir) otherDir = record;
      if (otherAttrs === NONE && this.#attrsMatter(dev, state, record, attrs)) otherAttrs = record;
    }
    // A correct call builds no text.
    if (otherDir === NONE && otherAttrs === NONE) return;
    const what = `Unlink on device "${dev.name}" of ${bytesAt(sizeBytes, first)}`;
    if (otherDir !== NONE) {
      ledger.report(
        "unlink_direction",
        `${what}: direction mismatch, ${directionWord(dir)} passed for ` +
          ledger.describe(otherDir),
        table.site(otherDir),
      );
    }
    if (otherAttrs !== NONE) {
      ledger.report(
        "unlink_attributes",
        `${what}: attributes mismatch, ${attributeText(attrs)} passed, ` +
          `${attributeText(table.attrs(otherAttrs))} linked, for ${ledger.describe(otherAttrs)}`,
        table.site(otherAttrs),
      );
    }
  }

  /**
   * Called after links were unlinked.
   * @param destroying Whether the range is freed as well. A range that does not exist is then
   *   reported by the check of the free, not here.
   * @param unmappedBytes The bytes that the page table cleared, in whole granules.
   */
  unlinked(part: RangePart, destroying: boolean, unmappedBytes: Bytes): void {
    const { dev, dev: { domain }, dma: first, sizeBytes, state } = part;
    const ledger = this.#ledger;
    const inGranule = domain.offsetOf(first);
    const start = first - inGranule;
    const askedBytes = domain.roundUp(sizeBytes + inGranule);
    if (!state.held) this.#links.forgetLeaked(dev, start, start + unmappedBytes);
    if (askedBytes === unmappedBytes) {
      this.#links.cut(part, start, start + askedBytes);
      return;
    }
    const from = unmappedBytes > askedBytes ? start : start + unmappedBytes;
    const splits = unmappedBytes > askedBytes || domain.table.walk(from);
    const site = this.#links.siteIn(dev, state, first, sizeBytes);
    if ((this.#isHeld(state) || !destroying) && !this.#isConfused(state)) {
      const what = `Unlink on device "${dev.name}" of ${bytesAt(sizeBytes, first)}`;
      if (splits) {
        const text = unmappedBytes > askedBytes
          ? `all ${bytes(unmappedBytes)} of it are unmapped`
          : `nothing from ${hexAddress(from)} up is unmapped, and the device can still access it`;
        const of = domain.hostMappings === null
          ? "a part of a large page-table entry"
          : "a part of a larger mapping, or one of several";
        const why = `${what}, ${of}: ${text}`;
        ledger.report("unlink_splits_leaf", why, site);
      } else {
        const why = `${what}, but only ${bytes(unmappedBytes)} of ${bytes(askedBytes)} in whole ` +
          `granules were mapped: nothing is linked at ${hexAddress(from)}`;
        ledger.report("unlink_unlinked", why, site);
      }
    }
    this.#links.cut(part, start, start + unmappedBytes);
  }

  /**
   * A range was freed.
   * @param mappedBytes The bytes that dma_iova_destroy() was to unmap; null for dma_iova_free().
   * @param unmappedBytes The bytes that the page table cleared, in whole granules.
   */
  released(
    dev: TranslatedDevice,
    state: DmaIovaState,
    mappedBytes: Bytes | null,
    unmappedBytes: Bytes,
  ): void {
    const range = this.#links.rangeOf(state);
    if (this.#isForeign(dev, state)) this.#reportForeign(dev, state, "Free");
    if (!this.#isHeld(state)) {
      if (state.sizeBytes > 0) this.#reportTwice(dev, state, mappedBytes, unmappedBytes);
    } else if (state.linkedBytes > 0 && !this.#isConfused(state)) {
      this.#reportLeft(dev, state, mappedBytes);
    }
    if (!state.held) return;
    if (range !== NONE) this.#ledger.end(range);
    state.rangeRecord = NONE;
    state.lastLinkRecord = NONE;
  }

  /** True while the state contains a range that no call of another API has freed. */
  #isHeld(state: DmaIovaState): boolean {
    if (!state.held) return false;
    const range = this.#links.rangeOf(state);
    return range === NONE || !this.#ledger.table.has(range, MARK.LEAKED);
  }

  /**
   * True after a call has passed another device: later mismatches may only be a consequence of that
   * call.
   */
  #isConfused(state: DmaIovaState): boolean {
    const range = this.#links.rangeOf(state);
    return range !== NONE && this.#ledger.table.has(range, MARK.CONFUSED);
  }

  /** True when the state's range belongs to another device. */
  #isForeign(dev: DmaDevice, state: DmaIovaState): boolean {
    const range = this.#links.rangeOf(state);
    return range !== NONE &&
      this.#ledger.table.device[range] !== this.#ledger.deviceOf(dev).number;
  }

  /** Reports that a call names another device than the range's; once for each range. */
  #reportForeign(dev: DmaDevice, state: DmaIovaState, what: string): void {
    const ledger = this.#ledger;
    const range = this.#links.rangeOf(state);
    if (ledger.table.has(range, MARK.CONFUSED)) return;
    ledger.table.mark(range, MARK.CONFUSED);
    const owner = ledger.deviceNumbered(ledger.table.device[range]!).dev.name;
    ledger.report(
      "range_other_device",
      `${what} on device "${dev.name}", but ${ledger.describe(range)} is allocated for device ` +
        `"${owner}": each device has its own IOVA space`,
      ledger.table.site(range),
    );
  }

  #reportLink(part: RangePart, phys: PhysAddr, error: number): void {
    const { dev, dev: { domain }, dma, offset, sizeBytes, state } = part;
    if (REFUSED_BEFORE.includes(error)) return;
    const ledger = this.#ledger;
    const site = this.#links.siteOfRange(state);
    const what = `dma_iova_link() on device "${dev.name}" of ${bytes(sizeBytes)} of physical ` +
      `${hexAddress(phys)} at offset ${offset}`;
    if (error === -ERRNO.EIO) {
      ledger.report(
        "link_unaligned",
        `${what}: not granule-aligned; only the first link of a range may be unaligned (granule ` +
          `${bytes(domain.granuleBytes)})`,
        site,
      );
    } else if (sizeBytes === 0) {
      const outcome = error === 0 ? "returns 0 and maps nothing" : "rejected";
      ledger.report("link_empty", `${what}: zero-length link, ${outcome}`, site, {
        beyondKernel: error === 0,
      });
    } else if (!this.#isHeld(state)) {
      ledger.report(
        "link_beyond_range",
        `${what}: the state holds no range; IOVA ${hexAddress(dma)} is unallocated or owned by ` +
          "another mapping",
        site,
      );
    } else if (offset + sizeBytes > state.sizeBytes) {
      ledger.report(
        "link_beyond_range",
        `${what}: ${bytes(offset + sizeBytes - state.sizeBytes)} past the end of the range of ` +
          `${bytes(state.sizeBytes)}, in IOVAs that are unallocated or owned by another mapping`,
        site,
      );
    } else if (OCCUPIED.includes(error)) {
      const other = this.#links.occupant(part);
      const there = other === NONE ? "" : ` by ${ledger.describe(other)}`;
      const text = `${what}: IOVA ${hexAddress(dma)} is already mapped${there}`;
      ledger.report("link_overlap", text, other === NONE ? site : ledger.table.site(other), {
        beyondKernel: domain.hostMappings !== null,
      });
    } else if (UNALIGNED.includes(error) && domain.offsetOf(dma) !== domain.offsetOf(phys)) {
      ledger.report(
        "link_unaligned",
        `${what}, IOVA ${hexAddress(dma)}: the two differ in their offset in a granule; the link ` +
          "before ends inside a granule, or the range was allocated for another offset",
        site,
        { rule: "dma.3.6.2" },
      );
    }
  }

  /**
   * Checks the device's limits. All bytes that are linked before a sync are one segment to the
   * device, so the limits apply to these bytes together. A range is reported only once.
   */
  #checkLimits(
    dev: DmaDevice,
    state: DmaIovaState,
    dma: number,
    phys: PhysAddr,
    sizeBytes: Bytes,
    continues: boolean,
  ): void {
    const { table } = this.#ledger;
    const range = this.#links.rangeOf(state);
    if (range === NONE || table.has(range, MARK.REPORTED)) return;
    if (!continues) table.phys[range] = dma;
    const start = table.phys[range]!;
    const end = dma + sizeBytes;
    const boundaryBytes = dev.segmentBoundaryMask + 1;
    const { minAlignMask } = dev;
    let limit: string | null = null;
    if (end - start > dev.maxSegmentSizeBytes) {
      limit = `above its max_seg_size of ${bytes(dev.maxSegmentSizeBytes)}`;
    } else if (Math.floor(start / boundaryBytes) !== Math.floor((end - 1) / boundaryBytes)) {
      limit = `across its segment boundary of ${bytes(boundaryBytes)}`;
    } else if ((dma & minAlignMask) !== (phys & minAlignMask)) {
      limit = `without the physical address bits of its min_align_mask ${hexAddress(minAlignMask)}`;
    }
    if (limit === null) return;
    table.mark(range, MARK.REPORTED);
    this.#ledger.report(
      "link_beyond_device_limits",
      `dma_iova_link() of physical ${hexAddress(phys)} gives device "${dev.name}" one segment of ` +
        `${bytesAt(end - start, start)}, ${limit}`,
      table.site(range),
    );
  }

  /**
   * Whether it matters that unlink passes other attributes than the link did. It matters for
   * attributes on which map and unmap must agree, for a copy or cache operation that unlink omits,
   * and for a copy or cache operation that only unlink does. Nothing is lost if the device never
   * saw the data.
   */
  #attrsMatter(dev: DmaDevice, state: DmaIovaState, record: number, attrs: number): boolean {
    const { table } = this.#ledger;
    const other = table.attrs(record) ^ attrs;
    if ((other & AGREED_ATTRS) !== 0) return true;
    if ((other & DMA_ATTR.SKIP_CPU_SYNC) === 0 || table.has(record, MARK.UNSYNCED)) return false;
    return state.bounced || !dev.coherent;
  }

  /**
   * A second dma_iova_destroy() finds nothing to unmap, and the kernel warns of that. It is silent
   * if another owner of the addresses has mapped them, and for dma_iova_free().
   */
  #reportTwice(
    dev: TranslatedDevice,
    state: DmaIovaState,
    mappedBytes: Bytes | null,
    unmappedBytes: Bytes,
  ): void {
    const device = this.#ledger.deviceOf(dev);
    const { domain } = dev;
    const destroyed = mappedBytes !== null;
    const isWarned = destroyed &&
      unmappedBytes !== domain.roundUp(mappedBytes + domain.offsetOf(state.addr));
    this.#ledger.report(
      "destroy_twice",
      `${destroyed ? "dma_iova_destroy()" : "dma_iova_free()"} on device "${dev.name}" of the ` +
        `range of ${bytesAt(state.sizeBytes, state.addr)}, which is already free: a ` +
        "double free, so the range can be allocated twice",
      this.#ledger.ended.find(device.number, state.addr)?.site ?? null,
      { beyondKernel: !isWarned },
    );
  }

  #reportLeft(dev: TranslatedDevice, state: DmaIovaState, mappedBytes: Bytes | null): void {
    const ledger = this.#ledger;
    const { addr, sizeBytes, linkedBytes } = state;
    const site = this.#links.siteIn(dev, state, addr, sizeBytes);
    const left = `${bytes(linkedBytes)} in whole granules stay linked`;
    const range = `the range of ${bytesAt(sizeBytes, addr)}`;
    if (mappedBytes === null) {
      ledger.report(
        "free_while_linked",
        `dma_iova_free() on device "${dev.name}" of ${range} while ${left}: the device keeps ` +
          "access, and the IOVAs will be reused",
        site,
      );
    } else {
      ledger.report(
        "destroy_short",
        `dma_iova_destroy() on device "${dev.name}" of only ${bytes(mappedBytes)} of ${range}; ` +
          `${left}: the device keeps access, and the IOVAs may be reused`,
        site,
      );
    }
    this.#links.leak(dev, state);
  }
}
