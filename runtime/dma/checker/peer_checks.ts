/**
 * Checks of the use of peer memory (P2PDMA). No kernel makes these checks.
 *
 * @see rules/p2p.md 9.2, 9.7, 9.8
 */
import { type Bytes, hexAddress, type PhysAddr } from "../../address.ts";
import { invariant } from "../../errno.ts";
import type { DmaDevice } from "../device/device.ts";
import type { Iommu } from "../../iommu/iommu.ts";
import { bytes } from "./describe.ts";
import type { MappingRecords } from "./ledger.ts";
import { MADE } from "./record_table.ts";

/** How a provider's driver takes peer memory away. */
export type PeerRevocation = "unbinds" | "revokes a dma-buf";

export class PeerChecks {
  constructor(private readonly ledger: MappingRecords) {}

  /**
   * Called when the memory of a provider goes away: reports mappings and IOTLB entries that still
   * lead to that memory.
   *
   * @param provider The device's name.
   * @param basePhys Where the provider's memory was.
   * @param what The action of the provider's driver.
   */
  revoked(
    iommu: Iommu,
    provider: string,
    basePhys: PhysAddr,
    sizeBytes: Bytes,
    what: PeerRevocation = "unbinds",
  ): void {
    const end = basePhys + sizeBytes;
    this.#mappings(provider, basePhys, end, what);
    iommu.iotlb.forEach((domainId, iova, phys, pageBytes) => {
      // A not-present entry has physical address 0, where no device's memory lies.
      if (phys >= end || phys + pageBytes <= basePhys) return;
      const domain = iommu.domains.find(({ id }) => id === domainId)!;
      // Entries that are still mapped have been reported already.
      if (domain.table.walk(iova)) return;
      const parkedNs = domain.flushQueue?.parkedAtNs(Math.floor(iova / domain.granuleBytes)) ?? -1;
      invariant(parkedNs >= 0, "An entry of the IOTLB outlived its mapping, and no flush is due");
      this.ledger.report(
        "peer_revoked_queued",
        `The driver of "${provider}" ${what}, but IOVA ${hexAddress(iova)} of device ` +
          `"${domain.name}" is still in the flush queue, and a stale IOTLB entry translates ` +
          `it to the memory of "${provider}" at ${hexAddress(phys)}: dma_iova_unlink() would ` +
          "have invalidated it at once",
        null,
      );
    });
  }

  /** A driver uses a peer's memory by its bus address, without a mapping call. */
  onBus(dev: DmaDevice, dma: number, sizeBytes: Bytes): void {
    this.ledger.deviceOf(dev).onBus.push({ dma, sizeBytes });
  }

  /** The driver has finished with a peer's memory that it used by bus address. */
  offBus(dev: DmaDevice, dma: number, sizeBytes: Bytes): void {
    const { onBus } = this.ledger.deviceOf(dev);
    const index = onBus.findIndex((each) => each.dma === dma && each.sizeBytes === sizeBytes);
    if (index >= 0) onBus.splice(index, 1);
  }

  /** An address that should lead to a peer's memory has led to the host's instead. */
  misrouted(dev: DmaDevice, dma: number, phys: PhysAddr, provider: string): void {
    this.ledger.report(
      "peer_misrouted",
      `Device "${dev.name}" used bus address ${hexAddress(dma)} of the memory of "${provider}", ` +
        "but no switch routed it to the peer: it reached the root complex and hit host memory at " +
        hexAddress(phys),
      null,
    );
  }

  /** A device still uses memory of a removed provider. */
  usedAfterUnbind(dev: DmaDevice, dma: number, provider: string): void {
    this.ledger.report(
      "peer_use_after_unbind",
      `Device "${dev.name}" uses the memory of "${provider}" at ${hexAddress(dma)} after its ` +
        "driver was unbound",
      null,
    );
  }

  /** Called when peer memory is requested from a provider that has no pool. A kernel would crash. */
  withoutPool(provider: string): void {
    this.ledger.report(
      "peer_memory_without_pool",
      `Allocation of P2P memory of "${provider}", whose pool was initialised but never given memory: ` +
        "the kernel dereferences a null pointer",
      null,
    );
  }

  /** A dma-buf is revoked while a device has it mapped by addresses of the bus. */
  revokedOnBus(dev: DmaDevice, provider: string, sizeBytes: Bytes): void {
    this.ledger.report(
      "peer_revoked_mapped",
      `The driver of "${provider}" revokes a dma-buf while ${bytes(sizeBytes)} of its memory are ` +
        `still mapped: device "${dev.name}" has addresses of the bus, which no IOMMU can take away`,
      null,
    );
  }

  /** The first access of an importer after a revocation. */
  usedAfterRevoke(dev: DmaDevice, dma: number, provider: string): void {
    this.ledger.report(
      "peer_use_after_revoke",
      `Device "${dev.name}" uses memory of a dma-buf at ${
        hexAddress(dma)
      } that "${provider}" has ` +
        "revoked: what is there now belongs to others",
      null,
    );
  }

  #mappings(provider: string, start: number, end: number, what: PeerRevocation): void {
    const { table } = this.ledger;
    table.each((record) => {
      if (table.madeBy(record) === MADE.RANGE) return;
      const phys = table.phys[record]!;
      const sizeBytes = table.sizeBytes[record]!;
      if (phys >= end || phys + sizeBytes <= start) return;
      this.ledger.report(
        "peer_revoked_mapped",
        `The driver of "${provider}" ${what} while ${bytes(sizeBytes)} of its memory are still ` +
          `mapped: ${this.ledger.describe(record)}`,
        table.site(record),
      );
    });
  }
}
