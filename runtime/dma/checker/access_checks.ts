/**
 * Checks of what devices do: whether an address that was translated belongs to a buffer.
 *
 * An IOMMU maps whole granules, so a device can reach what lies beside a buffer, and memory that was
 * linked but never made visible. Devices without translation reach everything; nothing can be said
 * of them.
 *
 * @see behaviour/dma.md 1.6, 3.6, 5.3, 7.2 (padding)
 */
import type { Bytes } from "../../address.ts";
import type { DeviceAccess } from "../../iommu/iommu.ts";
import type { DmaDevice } from "../device/device.ts";
import { hexAddress } from "../hex_address.ts";
import { bytes } from "./describe.ts";
import type { CheckedDevice } from "./checked_device.ts";
import type { Ledger } from "./ledger.ts";
import { MADE, MARK, NONE } from "./record_table.ts";

const { LEAKED, UNSYNCED } = MARK;
const NO_RECORD = NONE;

const BUFFERS = 0xff & ~(1 << MADE.RANGE);

export class AccessChecks {
  readonly #ledger: Ledger;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /** A device read or wrote, and every byte of it was translated by the page table. */
  touched(dev: DmaDevice, dma: number, sizeBytes: Bytes, access: DeviceAccess): void {
    const { table } = this.#ledger;
    const device = this.#ledger.deviceOf(dev);
    const end = dma + sizeBytes;
    let at = dma;
    let around = device.hintFor(at);
    if (around === NO_RECORD || !this.#holds(device, around, at)) {
      around = table.findAround(device.number, at, BUFFERS);
      device.hint(at, around);
    }
    for (;;) {
      if (around === NO_RECORD) {
        this.#reportOutside(device, dma, sizeBytes, access, at);
        return;
      }
      if (table.has(around, UNSYNCED)) {
        this.#reportUnsynced(
          device,
          around,
          dma,
          access,
          "this IOMMU walks the table and finds it; one that caches not-present entries faults",
        );
      }
      at = table.end(around);
      if (at >= end) return;
      around = table.findAround(device.number, at, BUFFERS);
    }
  }

  /** The IOTLB answered an access by a cached not-present entry, whatever the page table holds. */
  hidden(dev: DmaDevice, dma: number, access: DeviceAccess): void {
    const { table } = this.#ledger;
    const device = this.#ledger.deviceOf(dev);
    const record = table.findAround(device.number, dma, BUFFERS);
    if (record === NO_RECORD || !table.has(record, UNSYNCED)) return;
    const why = "the IOTLB caches the not-present entry (caching mode), so the access faults";
    this.#reportUnsynced(device, record, dma, access, why);
  }

  /** A device used a translation that the page table has no longer. */
  stale(dev: DmaDevice, dma: number, access: DeviceAccess, why: string): void {
    const ledger = this.#ledger;
    const ended = ledger.ended.find(ledger.deviceOf(dev).number, dma);
    const what = ended === null
      ? ""
      : ` after the unmap of the mapping of ${bytes(ended.sizeBytes)} at ${hexAddress(ended.dma)}`;
    ledger.report(
      "stale_iotlb_access",
      `Device "${dev.name}" ${access === "read" ? "read" : "wrote"} ${hexAddress(dma)} through a ` +
        `stale IOTLB entry${what}: ${why}`,
      ended?.site ?? null,
    );
  }

  #holds(device: CheckedDevice, record: number, dma: number): boolean {
    const { table } = this.#ledger;
    return table.dma[record]! <= dma && dma < table.end(record) &&
      table.device[record] === device.number && table.isLive(record) &&
      !table.has(record, LEAKED) && (1 << table.madeBy(record) & BUFFERS) !== 0;
  }

  #reportUnsynced(
    { dev }: CheckedDevice,
    record: number,
    dma: number,
    access: DeviceAccess,
    why: string,
  ): void {
    const ledger = this.#ledger;
    const { table } = ledger;
    if (table.has(record, MARK.REPORTED)) return;
    table.mark(record, MARK.REPORTED);
    ledger.report(
      "sync_missing",
      `Device "${dev.name}" ${access}s ${hexAddress(dma)} in ${
        ledger.describe(record)
      } before dma_iova_sync(): ${why}`,
      table.site(record),
    );
  }

  #reportOutside(
    device: CheckedDevice,
    dma: number,
    sizeBytes: Bytes,
    access: DeviceAccess,
    outside: number,
  ): void {
    const ledger = this.#ledger;
    const { table } = ledger;
    const beside = this.#nearest(device, outside);
    const owner = device.dev.domain?.members.find((member) =>
      table.findAround(ledger.deviceOf(member).number, outside, BUFFERS) !== NO_RECORD
    );
    const why = owner !== undefined
      ? `"${owner.name}" has mapped them, and devices of an IOMMU group share its page table`
      : beside === NO_RECORD
      ? "no live mapping covers them, but their page-table entries are still present"
      : `they share an IOMMU granule with ${ledger.describe(beside)}`;
    ledger.report(
      "device_outside_buffer",
      `Device "${device.dev.name}" ${access}s ${bytes(sizeBytes)} at ${hexAddress(dma)}, from ` +
        `${hexAddress(outside)} on outside every mapped buffer: ${why}`,
      beside === NO_RECORD ? null : table.site(beside),
    );
  }

  /** The buffer in the same granule, or none. */
  #nearest(device: CheckedDevice, dma: number): number {
    const { table, platform } = this.#ledger;
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
