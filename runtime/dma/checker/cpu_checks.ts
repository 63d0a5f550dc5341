/**
 * Checks of a C driver's accesses to memory: each of its accesses is seen.
 *
 * @see rules/dma.md 1.6
 */
import type { Bytes, PhysAddr } from "../../address.ts";
import { directionWord, type DmaDirection } from "../attributes.ts";
import { hexAddress } from "../hex_address.ts";
import { bytesAt } from "./describe.ts";
import type { MappingRecords } from "./ledger.ts";
import type { CpuContext } from "../../cpu_context.ts";

/** Memory that a driver has mapped for a device, as the CPU sees it. */
export interface LentMemory {
  readonly device: string;
  readonly phys: PhysAddr;
  readonly dma: number;
  readonly sizeBytes: Bytes;
  readonly dir: DmaDirection;
  /** The statement that mapped it, or handed it to the device again. */
  readonly site: number | null;
}

/** The result of the CPU's use of memory that is a device's. */
export function effectOf(writes: boolean): string {
  return writes
    ? "the device may not see the data, or data it wrote may be lost"
    : "the CPU may read stale data";
}

export class CpuChecks {
  constructor(private readonly ledger: MappingRecords) {}

  /**
   * The CPU reads or writes what is the device's.
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
    const { device, dir, dma } = lent;
    this.ledger.report(
      "cpu_access_while_mapped",
      `CPU ${writes ? "write" : "read"} of ${bytesAt(sizeBytes, phys)} ${place}, ` +
        `at offset ${phys - lent.phys} of a buffer owned by device "${device}" (mapped ` +
        `${directionWord(dir)} at ${hexAddress(dma)}, no dma_sync_*_for_cpu since): ` +
        effectOf(writes),
      lent.site,
    );
  }

  /** Memory goes back to the allocator. @param place Where in the source, as a sentence fragment. */
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

  /** The driver may leave the mapping as it is: dma_need_unmap() returned false after it. */
  #isExcused({ device, dma }: LentMemory): boolean {
    const { ledger, ledger: { table } } = this;
    let isExcused = false;
    table.each((record) => {
      isExcused ||= table.dma[record] === dma && ledger.isExcused(record) &&
        ledger.deviceNumbered(table.device[record]!).dev.name === device;
    });
    return isExcused;
  }

  /** A driver goes on after its device's mask was refused. @param site The call that set it. */
  maskIgnored(device: string, call: string, site: number | null): void {
    this.ledger.report(
      "mask_failure_ignored",
      `${call}() for device "${device}" after setting its DMA mask failed: the previous mask is in effect`,
      site,
    );
  }

  /**
   * A device has fetched bytes that were never written since their memory was allocated.
   * @param fetch All that it fetched.
   * @param bytes Which of them; `where` as a sentence fragment, with where they were allocated.
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

  /** What may sleep is about to. @param what A call's name, or a statement's. */
  maySleep(what: string): void {
    const { context } = this.ledger.platform;
    if (!context.isAtomic) return;
    this.ledger.report(
      "sleep_in_atomic",
      `${what} may sleep, but is called in atomic context: ${whyAtomic(context)}`,
      null,
    );
  }

  /** Locks are taken in an order in which two can wait for each other. @param before Who took them so first. */
  lockOrder(text: string, before: number | null): void {
    this.ledger.report("lock_order", text, before);
  }
}

function whyAtomic({ inInterrupt, locks }: CpuContext): string {
  if (locks > 1) return `${locks} spinlocks held`;
  if (locks === 1) return "spinlock held";
  return inInterrupt ? "in hardirq" : "IRQs disabled";
}
