/**
 * Checks of a C driver's memory accesses. The checker sees every access.
 *
 * @see rules/dma.md 1.6
 */
import { type Bytes, hexAddress, type PhysAddr } from "../../address.ts";
import { directionWord, type DmaDirection } from "../attributes.ts";
import { bytes, bytesAt } from "./describe.ts";
import type { MappingRecords } from "./ledger.ts";
import type { CpuContext } from "../../cpu_context.ts";

/** Memory that a driver has mapped for a device (device-owned), as the CPU sees it. */
export interface LentMemory {
  readonly device: string;
  readonly phys: PhysAddr;
  readonly dma: number;
  readonly sizeBytes: Bytes;
  readonly dir: DmaDirection;
  /** The statement that mapped the memory, or that last handed it to the device. */
  readonly site: number | null;
  /** The mapping, if the memory is a part of it; without it the memory is all of the mapping. */
  readonly mapping?: Pick<LentMemory, "dma" | "phys">;
  /** The parts of the mapping that syncs have handed to the CPU. */
  readonly synced?: readonly Pick<LentMemory, "phys" | "sizeBytes">[];
}

/** The effect when the CPU accesses device-owned memory. */
export function effectOf(writes: boolean): string {
  return writes
    ? "the device may not see the data, or data it wrote may be lost"
    : "the CPU may read stale data";
}

/** What syncs have handed to the CPU of a mapping, a part of which is still the device's. */
function syncsText(start: PhysAddr, synced: NonNullable<LentMemory["synced"]>): string {
  if (synced.length === 0) return "no dma_sync_*_for_cpu since";
  const parts = synced.map(({ phys, sizeBytes }) =>
    phys === start
      ? `its first ${bytes(sizeBytes)}`
      : `${bytes(sizeBytes)} at offset ${phys - start}`
  );
  return `dma_sync_*_for_cpu of ${parts.join(" and ")} alone`;
}

export class CpuChecks {
  constructor(private readonly ledger: MappingRecords) {}

  /**
   * Called when the CPU reads or writes device-owned memory.
   * @param place Where in the source, as a sentence fragment.
   */
  touched(
    lent: LentMemory,
    phys: PhysAddr,
    sizeBytes: Bytes,
    writes: boolean,
    place: string,
  ): void {
    if (this.#isExcused(lent)) return;
    const { device, dir, mapping = lent, synced = [] } = lent;
    this.ledger.report(
      "cpu_access_while_mapped",
      `CPU ${writes ? "write" : "read"} of ${bytesAt(sizeBytes, phys)} ${place}, ` +
        `at offset ${phys - mapping.phys} of a buffer owned by device "${device}" (mapped ` +
        `${directionWord(dir)} at ${hexAddress(mapping.dma)}, ${
          syncsText(mapping.phys, synced)
        }): ` +
        effectOf(writes),
      lent.site,
    );
  }

  /**
   * Called when a device writes to mapped memory that the driver has synced for the CPU, and not for the
   * device since.
   * @param owned The part of the mapping that the CPU owns, with the sync.
   * @param write The device's write.
   */
  unsynced(owned: LentMemory, write: { readonly dma: number; readonly sizeBytes: Bytes }): void {
    const { device, dir, dma, site } = owned;
    this.ledger.report(
      "device_write_unsynced",
      `Device "${device}" writes ${bytesAt(write.sizeBytes, write.dma)}, at offset ` +
        `${write.dma - dma} of a buffer that the CPU owns (mapped ${
          directionWord(dir)
        }, synced for ` +
        "the CPU, no dma_sync_*_for_device since): without coherent caches the CPU may keep stale " +
        "data, or its caches may overwrite the device's",
      site,
    );
  }

  /** Called when memory is freed. @param place Where in the source, as a sentence fragment. */
  freed(lent: LentMemory, phys: PhysAddr, sizeBytes: Bytes, place: string): void {
    if (this.#isExcused(lent)) return;
    this.ledger.report(
      "freed_while_mapped",
      `${bytesAt(sizeBytes, phys)} freed ${place} while still mapped for device ` +
        `"${lent.device}" at ${hexAddress(lent.dma)}, ${directionWord(lent.dir)}: the device can ` +
        "access whatever is allocated there next",
      lent.site,
    );
  }

  /** True when the mapping needs no unmap: dma_need_unmap() returned false after it was made. */
  #isExcused({ device, dma }: LentMemory): boolean {
    const { ledger, ledger: { table } } = this;
    let isExcused = false;
    table.each((record) => {
      isExcused ||= table.dma[record] === dma && ledger.isExcused(record) &&
        ledger.deviceNumbered(table.device[record]!).dev.name === device;
    });
    return isExcused;
  }

  /**
   * Called when a driver continues although its device's mask was refused.
   * @param site The call that set the mask.
   */
  maskIgnored(device: string, call: string, site: number | null): void {
    this.ledger.report(
      "mask_failure_ignored",
      `${call}() for device "${device}" after setting its DMA mask failed: the previous mask is in effect`,
      site,
    );
  }

  /**
   * Called when a device has fetched bytes that were never written since their memory was
   * allocated.
   * @param fetch The whole fetch.
   * @param bytes The unwritten bytes; `where` is a sentence fragment with the place of their
   *   allocation.
   */
  unwritten(
    device: string,
    fetch: { readonly dma: number; readonly phys: PhysAddr; readonly sizeBytes: Bytes },
    bytes: {
      readonly offset: Bytes;
      readonly count: Bytes;
      readonly site: number | null;
      readonly where: string;
    },
  ): void {
    const { count, offset, site, where } = bytes;
    this.ledger.report(
      "uninitialized_dma_read",
      `Device "${device}" reads ${bytesAt(fetch.sizeBytes, fetch.dma)} (physical ` +
        `${hexAddress(fetch.phys)}); ${count} of them were never written since their ` +
        `allocation${where}: the first is byte ${offset}`,
      site,
    );
  }
}

export class ContextChecks {
  constructor(private readonly ledger: MappingRecords) {}

  /**
   * Called before a call or statement that may sleep.
   * @param what The name of the call or statement.
   */
  maySleep(what: string): void {
    const { context } = this.ledger.platform;
    if (!context.isAtomic) return;
    this.ledger.report(
      "sleep_in_atomic",
      `${what} may sleep, but is called in atomic context: ${whyAtomic(context)}`,
      null,
    );
  }

  /**
   * Reports two locks taken in an order in which two tasks can deadlock.
   * @param before The earlier statement that took the two locks in the opposite order.
   */
  lockOrder(text: string, before: number | null): void {
    this.ledger.report("lock_order", text, before);
  }
}

function whyAtomic({ inInterrupt, locks }: CpuContext): string {
  if (locks > 1) return `${locks} spinlocks held`;
  if (locks === 1) return "spinlock held";
  return inInterrupt ? "in hardirq" : "IRQs disabled";
}
