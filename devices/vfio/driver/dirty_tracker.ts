/**
 * The pages that the device has written, from the device's own reports. The device writes these
 * reports as records into a receive buffer, which is mapped like every buffer of a migration.
 *
 * The mapping follows the rule; the format of the records is the model's own.
 *
 * @see rules/hmm-rdma-vfio.md 3.1
 */
import { type DmaAddr, eventId, foldedHigh, invariant, KernelError } from "@dmalab/runtime";
import type { MigrationBuffer } from "./migration_buffer.ts";
import type { MigrationDriver } from "./migration_driver.ts";

const DIRTY = eventId("vfio.dirty");
const RECORD_BYTES = 8;

export class DirtyTracker {
  constructor(readonly driver: MigrationDriver, readonly buffer: MigrationBuffer) {}

  /**
   * The pages that the device has written since the last report, ascending.
   * @throws {KernelError} ENOTCONN, or EIO if the device cannot write its report.
   */
  report(): readonly DmaAddr[] {
    const { detached, dev, machine, port } = this.driver;
    if (detached) throw new KernelError("ENOTCONN", `${dev.name} is detached`);
    const { events } = machine;
    return events.context.asDevice(dev.name, () => {
      const pages: DmaAddr[] = [];
      for (let more = true; more;) {
        const part = port.report(this.buffer.key!);
        if (part === null) {
          throw new KernelError("EIO", `${dev.name} cannot write its report of dirty pages`);
        }
        this.#read(part.records, pages);
        more = part.more;
        if (events.tick(DIRTY)) events.emit(DIRTY, { records: part.records, more });
      }
      return pages;
    });
  }

  stop(): void {
    this.driver.stopTracking(this);
  }

  /** Reads records from the pages of the receive buffer. */
  #read(records: number, into: DmaAddr[]): void {
    const { pageBytes, pages } = this.buffer;
    const { hostMemory } = this.driver.machine;
    const perPage = pageBytes / RECORD_BYTES;
    invariant(records <= perPage * pages.length, "A report has more records than its buffer holds");
    for (let index = 0; index < records; index += perPage) {
      const count = Math.min(perPage, records - index);
      const bytes = new Uint8Array(count * RECORD_BYTES);
      hostMemory.read(pages[index / perPage]!, bytes, 0, bytes.length);
      const view = new DataView(bytes.buffer);
      for (let at = 0; at < bytes.length; at += RECORD_BYTES) {
        into.push(
          view.getUint32(at, true) + foldedHigh(view.getUint32(at + 4, true)) * 2 ** 32 as DmaAddr,
        );
      }
    }
  }
}
