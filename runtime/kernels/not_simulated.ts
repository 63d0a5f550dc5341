/**
 * Changes between releases that the simulation does not cover. If a scenario behaves the same on
 * all releases, this proves nothing about these changes.
 *
 * @see rules/v7.3.md, its beginning
 */
import type { KernelProfile } from "./behaviours.ts";

export interface NotSimulated {
  /** The newest release that is known not to have the change. */
  readonly after: KernelProfile;
  /** The oldest release that is known to have the change. */
  readonly in: KernelProfile;
  /** What changed, as a sentence. */
  readonly doc: string;
  /** Why the simulation does not cover it, as a sentence. */
  readonly because: string;
}

/** Ordered by the release that introduced them, the oldest first. */
export const NOT_SIMULATED: readonly NotSimulated[] = [
  {
    after: "6.1.192",
    in: "6.12.117",
    doc: "Sizes of the magazines and depots of the IOVA caches, and when they are trimmed.",
    because: "No capture of 6.1 fills them: its machines have those of 6.12.",
  },
  {
    after: "6.12.117",
    in: "6.18.15",
    doc: "Direct I/O takes buffers that are not whole sectors.",
    because: "Scripts submit bios with their vectors, not system calls.",
  },
  {
    after: "6.18.15",
    in: "7.0.13",
    doc: "Direct I/O joins a caller's pages by folios.",
    because: "Scripts submit bios with their vectors, not system calls.",
  },
  {
    after: "6.18.15",
    in: "7.0.13",
    doc: "VT-d's page tables are those of the generic implementation.",
    because:
      "The function that makes them is in 7.0.13 and not in 6.18.15; machines have the generic ones on all releases, which differ in the errno of a refused map.",
  },
  {
    after: "7.2.6",
    in: "7.2.13",
    doc: "The bounce limit is the end of the swiotlb pool, unless the pool can grow.",
    because: "No mapping call of a machine asks for the limit.",
  },
  {
    after: "7.2.6",
    in: "7.2.13",
    doc:
      "A request from the cache of a plug is prepared for the I/O scheduler when it is taken from it.",
    because: "A machine keeps its scheduler, so a request cannot have been cached for another one.",
  },
  {
    after: "7.2.6",
    in: "7.2.13",
    doc: "Raw polled direct I/O with metadata fails with EOPNOTSUPP.",
    because:
      "Which of the other releases do so is not known: a disk takes it on all releases, by `poll_queues`.",
  },
  {
    after: "7.2.6",
    in: "7.2.13",
    doc: "The small PRP pool of one disk model is aligned to 512 bytes.",
    because: "It belongs to a disk: `quirks = [prp_pool_aligned_512]` aligns the pool.",
  },
  {
    after: "7.3-rc7",
    in: "7.3.4",
    doc: "Dirty tracking of the generic page table reports a whole leaf.",
    because: "IOMMUs of a machine track no dirty pages; devices do (vfio.dirty).",
  },
  {
    after: "7.3-rc7",
    in: "7.3.4",
    doc: "The bound of a device-TLB flush of Intel's IOMMU.",
    because:
      "A device-TLB is sent the range of the IOTLB's command in both; what the bound changes of it is not captured.",
  },
  {
    after: "7.3-rc7",
    in: "7.3.4",
    doc: "The bound of the receive ring of mlx5's VFIO driver: `>=` became `>`.",
    because: "A migrated device reports dirty pages by records in a buffer, not by a receive ring.",
  },
  {
    after: "7.3-rc7",
    in: "7.3.4",
    doc: "8-byte accesses of registers through vfio-pci.",
    because: "A machine has no user of vfio-pci.",
  },
  {
    after: "7.3-rc7",
    in: "7.3.4",
    doc: "The time stamp of a plug.",
    because: "A plug keeps no time.",
  },
];
