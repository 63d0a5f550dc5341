/**
 * Checks the accesses of devices: whether the address belongs to a buffer that is mapped for the
 * device in the direction of the access.
 *
 * An IOMMU maps whole granules, so a device can also reach the bytes next to a buffer. It can also
 * reach memory that was linked but never synced. A device without translation can reach all memory.
 *
 * @see rules/dma.md 1.6, 3.6, 5.3, 7.2 (padding)
 */
import { type Bytes, hexAddress } from "../../address.ts";
import type { DeviceAccess } from "../../iommu/iommu.ts";
import type { DmaDevice } from "../device/device.ts";
import type { StaleCache } from "../../iommu/iommu.ts";
import { DMA_FROM_DEVICE, DMA_TO_DEVICE, type DmaDirection } from "../attributes.ts";
import { bytesAt } from "./describe.ts";
import type { CheckedDevice, PoolPage } from "../device/checked_device.ts";
import type { MappingRecords } from "./ledger.ts";
import { MADE, MARK, NONE } from "./record_table.ts";

const { LEAKED, POOL, UNSYNCED } = MARK;
const NO_RECORD = NONE;

const BUFFERS = 0xff & ~(1 << MADE.RANGE);
const SHARED = 1 << MADE.COHERENT;
const UNTRANSLATED = "nothing is translated, so nothing stops the device, and no kernel sees it";

/** What is stale, in reports. */
const STALE_ENTRIES: Readonly<Record<StaleCache, string>> = {
  iotlb: "IOTLB entry",
  device_tlb: "entry of its device-TLB",
  host: "mapping of the virtio-iommu's host",
};

/** An access that the device should not have made. */
interface WrongAccess {
  readonly dma: number;
  readonly sizeBytes: Bytes;
  readonly access: DeviceAccess;
}

export class AccessChecks {
  constructor(private readonly ledger: MappingRecords) {}

  /** Called when a device read or wrote memory, and no translation stopped the access. */
  touched(dev: DmaDevice, dma: number, sizeBytes: Bytes, access: DeviceAccess): void {
    if (dev.domain?.isUsers === true) return;
    const { table } = this.ledger;
    const device = this.ledger.deviceOf(dev);
    const against = access === "read" ? DMA_FROM_DEVICE : DMA_TO_DEVICE;
    const end = dma + sizeBytes;
    let at = dma;
    let around = device.hintFor(at);
    if (around === NO_RECORD || !this.#allows(device, around, at, against)) {
      around = table.findAround(device.number, at, BUFFERS, against);
      device.hint(at, around);
    }
    for (;;) {
      if (around === NO_RECORD) {
        const excusedEnd = this.#excusedEnd(device, at);
        if (excusedEnd < 0) {
          this.#reportWrong(device, { dma, sizeBytes, access }, at);
          return;
        }
        at = excusedEnd;
      } else {
        if (table.has(around, POOL)) {
          if (!this.#checkBlocks(device, around, { dma, sizeBytes, access }, at)) return;
        } else if (table.has(around, UNSYNCED)) {
          this.#reportUnsynced(
            device,
            around,
            dma,
            access,
            dev.domain?.hostMappings == null
              ? "this IOMMU walks the table and finds it; one that caches not-present entries faults"
              : "the host has handled the request, because of a later wait; before that, it faults",
          );
        }
        const from = at;
        at = table.end(around);
        if (access === "write") {
          this.ledger.bounces.deviceWrote(dev, around, from, Math.min(at, end));
        }
      }
      if (at >= end) return;
      around = table.findAround(device.number, at, BUFFERS, against);
    }
  }

  /** Records that coherent memory at an address belongs to a pool, which divides it into blocks. */
  pooled(dev: DmaDevice, dma: number, page: PoolPage): void {
    const { table } = this.ledger;
    const device = this.ledger.deviceOf(dev);
    const record = table.findAround(device.number, dma, SHARED);
    if (record === NO_RECORD) return;
    table.mark(record, POOL);
    device.poolPages.set(dma, page);
  }

  /** Records that the pool of a page is destroyed. */
  unpooled(dev: DmaDevice, dma: number): void {
    this.ledger.deviceOf(dev).poolPages.delete(dma);
  }

  /**
   * Called when the IOTLB answered an access with a cached not-present entry, even though the page
   * table may contain a mapping; or when a host has not handled the request to map.
   */
  hidden(dev: DmaDevice, dma: number, access: DeviceAccess): void {
    const { table } = this.ledger;
    const device = this.ledger.deviceOf(dev);
    const record = table.findAround(device.number, dma, BUFFERS);
    if (record === NO_RECORD || !table.has(record, UNSYNCED)) return;
    const why = dev.domain?.hostMappings == null
      ? "the IOTLB caches the not-present entry (caching mode), so the access faults"
      : "the host of the virtio-iommu has not handled the request, so the access faults";
    this.#reportUnsynced(device, record, dma, access, why);
  }

  /**
   * Called when a device used a translation that is no longer in the page table.
   * @param from Where the translation still is.
   */
  stale(
    dev: DmaDevice,
    dma: number,
    access: DeviceAccess,
    from: StaleCache,
    why: string,
  ): void {
    const ledger = this.ledger;
    const ended = ledger.ended.find(ledger.deviceOf(dev).number, dma);
    const what = ended === null
      ? ""
      : ` after the unmap of the mapping of ${bytesAt(ended.sizeBytes, ended.dma)}`;
    ledger.report(
      from === "device_tlb" ? "stale_device_tlb_access" : "stale_iotlb_access",
      `Device "${dev.name}" ${access === "read" ? "read" : "wrote"} ${hexAddress(dma)} through a ` +
        `stale ${STALE_ENTRIES[from]}${what}: ${why}`,
      ended?.site ?? null,
    );
  }

  #allows(device: CheckedDevice, record: number, dma: number, against: DmaDirection): boolean {
    const { table } = this.ledger;
    return table.dma[record]! <= dma && dma < table.end(record) &&
      table.device[record] === device.number && table.isLive(record) &&
      table.dir(record) !== against && !table.has(record, LEAKED) &&
      table.isOf(record, BUFFERS);
  }

  /**
   * For an address at which no record allows the access: the end of the memory that the device may
   * still use there, or -1 when the device may not use the address.
   */
  #excusedEnd(device: CheckedDevice, dma: number): number {
    const { dev, forgotten, onBus } = device;
    const onItsBus = onBus.find((each) => each.dma <= dma && dma < each.dma + each.sizeBytes);
    if (onItsBus !== undefined) return onItsBus.dma + onItsBus.sizeBytes;
    const { platform, table } = this.ledger;
    // If the memory is also mapped, the mapping decides, and the mapping's direction forbids this
    // access.
    const isMapped = table.findAround(device.number, dma, BUFFERS) !== NO_RECORD;
    const unmappedEnd = isMapped ? -1 : platform.peers?.unmappedEnd(dev, dma) ?? -1;
    if (unmappedEnd >= 0) return unmappedEnd;
    if (dev.domain !== null) return dev.domain.endOfKept(dma);
    return forgotten?.endOf(dma) ?? -1;
  }

  #reportUnsynced(
    { dev }: CheckedDevice,
    record: number,
    dma: number,
    access: DeviceAccess,
    why: string,
  ): void {
    const ledger = this.ledger;
    const { table } = ledger;
    if (table.has(record, MARK.REPORTED)) return;
    table.mark(record, MARK.REPORTED);
    ledger.report(
      "sync_missing",
      `Device "${dev.name}" ${access}s ${hexAddress(dma)} in ` +
        `${ledger.describe(record)} before dma_iova_sync(): ${why}`,
      table.site(record),
    );
  }

  /** @param at The first byte that the device may not access in this direction. */
  #reportWrong(device: CheckedDevice, wrong: WrongAccess, at: number): void {
    const ledger = this.ledger;
    const { dev } = device;
    const { access, dma, sizeBytes } = wrong;
    const { table } = ledger;
    const what = `Device "${dev.name}" ${access}s ${bytesAt(sizeBytes, dma)}, `;
    const from = at === dma ? "" : `from ${hexAddress(at)} on `;
    const mapped = table.findAround(device.number, at, BUFFERS);
    if (mapped !== NO_RECORD) {
      const why = dev.domain === null ? UNTRANSLATED : "the entries of this IOMMU allow it";
      const text = `${what}${from}against the direction of ${ledger.describe(mapped)}: ${why}`;
      ledger.report("device_direction", text, table.site(mapped));
      return;
    }
    const beside = this.#nearest(device, at);
    const ended = dev.domain === null ? ledger.ended.find(device.number, at) : null;
    // The rest of a range that was destroyed in part keeps its record, and is mapped by nobody.
    const isRest = beside !== NO_RECORD && table.dma[beside]! <= at && at < table.end(beside);
    const near = beside === NO_RECORD ? "" : `, next to ${ledger.describe(beside)}`;
    const owner = dev.domain === null
      ? undefined
      : dev.group?.members.find((member) =>
        table.findAround(ledger.deviceOf(member).number, at, BUFFERS) !== NO_RECORD
      );
    const why = owner !== undefined
      ? `"${owner.name}" has mapped them, and devices of an IOMMU group share its page table`
      : dev.domain === null
      ? ended === null
        ? `${UNTRANSLATED}${near}`
        : `the mapping of ${bytesAt(ended.sizeBytes, ended.dma)} has ended, but ` +
          UNTRANSLATED
      : !dev.domain.table.walk(at)
      ? "they are a peer's, on the bus, where no IOMMU looks"
      : isRest
      ? "the rest of a range that was destroyed in part: their page-table entries are still present"
      : beside === NO_RECORD
      ? "no live mapping covers them, but their page-table entries are still present"
      : `they share an IOMMU granule with ${ledger.describe(beside)}`;
    ledger.report(
      "device_outside_buffer",
      `${what}from ${hexAddress(at)} on outside every mapped buffer: ${why}`,
      ended !== null ? ended.site : beside === NO_RECORD ? null : ledger.table.site(beside),
    );
  }

  /**
   * Checks a device's access to a page of a pool: all bytes have to lie in one allocated block.
   * @param from The first byte in the page.
   * @returns True if all bytes lie in one allocated block.
   */
  #checkBlocks(
    { dev, poolPages }: CheckedDevice,
    record: number,
    { access, dma, sizeBytes }: WrongAccess,
    from: number,
  ): boolean {
    const { table } = this.ledger;
    const start = table.dma[record]!;
    const page = poolPages.get(start);
    if (page === undefined) return true;
    const end = Math.min(dma + sizeBytes, table.end(record)) - start;
    const first = page.blockAt(from - start);
    const isInside = first !== null && first.used;
    if (isInside && end <= first.endBytes) return true;
    const wrongOffset = isInside ? first.endBytes : from - start;
    const wrong = page.blockAt(wrongOffset);
    const what = `Device "${dev.name}" ${access}s ${bytesAt(sizeBytes, dma)}, `;
    if (access === "write" && wrong !== null && !wrong.used && wrong.freedSite !== undefined) {
      this.ledger.report(
        "device_write_after_free",
        `${what}in a block of pool "${page.pool}" that dma_pool_free() freed: the pool may hand it ` +
          "out again",
        wrong.freedSite,
      );
      return false;
    }
    this.ledger.report(
      "device_outside_buffer",
      `${what}from ${hexAddress(start + wrongOffset)} on outside ` +
        (isInside
          ? `its block of pool "${page.pool}"`
          : `every block of pool "${page.pool}" that is allocated`) +
        ": the page is mapped as a whole, so nothing stops the device",
      null,
    );
    return false;
  }

  /** A buffer in the granule of the address, or `NO_RECORD`. */
  #nearest(device: CheckedDevice, dma: number): number {
    const { table, platform } = this.ledger;
    const { granuleBytes } = platform.config.iommu;
    const start = dma - dma % granuleBytes;
    let found: number = NO_RECORD;
    table.each((record) => {
      if (
        table.device[record] === device.number && table.madeBy(record) !== MADE.RANGE &&
        table.dma[record]! < start + granuleBytes && start < table.end(record)
      ) found = record;
    });
    return found;
  }
}
