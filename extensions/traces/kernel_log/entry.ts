/** What a line of a kernel's log says of DMA, in one form for all kinds. */
import type { LoggedFault } from "@dmalab/runtime/fault_log";

export type KernelLogKind =
  /** An IOMMU refused an access. */
  | "iommu_fault"
  /** VT-d's fault status register, printed before the faults themselves. */
  | "iommu_fault_status"
  /** Lines that the rate limit has dropped. */
  | "suppressed"
  /** An IOMMU's invalidation did not work. */
  | "invalidation_error"
  /** An IOMMU reports an error of its own, or has lost records. */
  | "iommu_error"
  /** An error of PCI Express, as AER or DPC report it. */
  | "pcie_error"
  /** An NVMe controller that does not come up, or is given up. */
  | "nvme_failed"
  /** A line about one of these that says something is wrong, and is not decoded. */
  | "named"
  | "swiotlb_full"
  /** An address out of the device's reach, and no bouncing. */
  | "dma_overflow"
  /** A fault of an IOMMU whose records are not decoded further. */
  | "other_iommu_fault"
  /** VT-d's driver maps over an entry of a page table that is set. */
  | "pte_already_set"
  /** The kernel unmaps what is not mapped. */
  | "unmap_warning"
  /** The kernel's DMA API checker. */
  | "dma_debug"
  /** The checker has ended itself. */
  | "dma_debug_off"
  | "iommu_page_leak"
  | "p2pdma"
  | "nvme_timeout"
  | "nvme_abort_status"
  | "nvme_down"
  | "nvme_error"
  | "nvme_bad_request"
  | "block_error";

/** A value as `--json` prints it; addresses are hex with `0x` and no leading zeroes. */
export type Fact = string | number | boolean | null | readonly Fact[] | {
  readonly [name: string]: Fact;
};
export type LogEntryFacts = Readonly<Record<string, Fact>>;

export interface KernelLogEntry {
  readonly kind: KernelLogKind;
  /** The line in which it begins, from 1. */
  readonly line: number;
  /** The line itself. */
  readonly text: string;
  /** Time of the line by the log's own clock, or null. */
  readonly seconds: number | null;
  /** It was printed at most this much later: many logs have whole seconds only. */
  readonly resolutionSeconds: number;
  /** That clock is the kernel's own, which those of a trace are near to. */
  readonly isSinceBoot: boolean;
  /** What it says, by the names of the page of `dmalab explain --json`. */
  readonly facts: LogEntryFacts;
  /** The decoded record of an `iommu_fault`, else null. */
  readonly fault: LoggedFault | null;
}

/** A record of an IOMMU that could not be read, and why. */
export interface UnreadableFault {
  readonly line: number;
  readonly text: string;
  readonly message: string;
  /** Where in the text, from 0. */
  readonly offset: number;
}

/** Hex with `0x`, without the zeroes before it. */
export function hexOf(digits: string): string {
  return `0x${digits.toLowerCase().replace(/^0x/, "").replace(/^0+(?=.)/, "")}`;
}
