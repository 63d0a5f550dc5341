/**
 * Checks of whose memory is touched: lines of the CPU's caches that a device does not see, and pages
 * of a confidential guest that only its CPU can read.
 *
 * @see behaviour/dma.md 1.5, 2.1, 2.2
 */
import type { Bytes, PhysAddr } from "../../address.ts";
import type { DeviceAccess } from "../../iommu/iommu.ts";
import type { CacheHazard } from "../../memory/cache_hazard.ts";
import type { DmaDevice } from "../device/device.ts";
import { hexAddress } from "../hex_address.ts";
import { bytes } from "./describe.ts";
import type { Ledger } from "./ledger.ts";

export class MemoryChecks {
  readonly #ledger: Ledger;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /** A read was stale, or a write was lost, because caches and memory differed. */
  cachesDiffer(hazard: CacheHazard): void {
    this.#ledger.report(hazard.kind, hazardText(hazard), hazard.writtenAt);
  }

  /** A device touched memory that is encrypted with a key it does not have. */
  touchesPrivate(dev: DmaDevice, phys: PhysAddr, sizeBytes: Bytes, access: DeviceAccess): void {
    const effect = access === "read"
      ? "it gets what is stored, not what the guest wrote"
      : "the guest will decrypt what was never encrypted";
    this.#ledger.report(
      "private_memory_access",
      `Device "${dev.name}" ${access}s ${bytes(sizeBytes)} of private memory at ` +
        `${hexAddress(phys)}: ${effect}`,
      null,
    );
  }
}

function hazardText({ kind, phys, lines, device }: CacheHazard): string {
  const where = `${lines} cache ${lines === 1 ? "line" : "lines"} at ${hexAddress(phys)}`;
  switch (kind) {
    case "stale_cacheline_read":
      return `CPU read of stale data from ${where}: device "${device}" wrote the memory, and the ` +
        "line was not invalidated";
    case "stale_memory_read":
      return `Device "${device}" reads stale memory under ${where}: the dirty line was not written ` +
        "back";
    case "dirty_cacheline_lost":
      return `CPU writes to ${where} discarded: the device owned the buffer, and the sync for the CPU ` +
        "invalidates";
    case "device_write_lost":
      return `Write of device "${device}" under ${where} lost: the CPU dirtied the same line (false ` +
        "sharing), and its write-back overwrote it";
  }
}
