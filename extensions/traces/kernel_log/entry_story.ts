/** What a line of a kernel's log says, in words. */
import { REPORT_CLASSES } from "@dmalab/runtime/dma";
import { loggedFaultLines } from "@dmalab/lang/builtins/explain";
import { PICTURE_COLUMNS, spread, wrapText } from "@dmalab/lang/text";
import { type Fact, IN_HEX, type KernelLogEntry, type LogEntryFacts } from "./entry.ts";

const labelled = (label: string, text: string) => labelledLines(label, text, 14, PICTURE_COLUMNS);

const ALL_ONES = 0xffffffff;

const IOMMU_ERRORS: Readonly<Record<string, string>> = {
  service_failure_mode: "The SMMU has stopped translating: only a reset of the machine helps",
  global_error:
    "The SMMU reports an error in its GERROR register: a queue is stuck or a write of it was aborted",
  queue_overflow:
    "Records were lost: the queue of events was full, and faults happened that no line shows",
  write_aborted: "The SMMU could not write to its own queue or interrupt: records may be lost",
  global_fault:
    "A transaction matched no stream or a wrong configuration: the next line has the registers",
  hardware_error: "The IOMMU could not read its own tables",
  no_registers: "The firmware's table names an IOMMU that is not there: translation stays off",
  address_too_wide: "The address has more bits than the IOMMU translates: the map failed",
  reserved_region:
    "The firmware keeps a region of this device mapped (RMRR): it cannot be given to a guest",
  no_group: "The device has no IOMMU group: it is not translated as its driver expects",
};

/** Whether a severity, in AER's words, means that a transaction was lost. */
export function isUncorrected(severity: unknown): boolean {
  return typeof severity === "string" && !/^Correct/i.test(severity);
}

function factText(name: string, value: Fact): string {
  if (Array.isArray(value)) return value.join(" ");
  const isHex = typeof value === "number" && IN_HEX.has(name) && value >= 0;
  return isHex ? `0x${value.toString(16)}` : String(value);
}

interface KindStory {
  readonly title: string;
  readonly rule: string;
  readonly means: (facts: LogEntryFacts) => string;
}

const SWIOTLB_CAUSES: Readonly<Record<string, string>> = {
  over_segment:
    "One mapping is larger than 256 KiB (IO_TLB_SEGSIZE slots), the largest bounce buffer: it fails " +
    "however much is free. The device's transfers must be limited to that",
  full: "Fewer bytes are free than the mapping needs: too many mappings at once, mappings that " +
    "are never unmapped, or a pool too small (swiotlb=)",
  fragmented:
    "Enough is free, but not contiguous, or not at the alignment that the device needs; each " +
    "CPU's area holds only its part of the whole",
  unknown: "The line of this old release does not say how much was free",
  coherent:
    "The pool had no room for coherent memory of this size; it needs CMA or a wider DMA mask",
  no_pool: "The kernel has no bounce pool: a device that cannot reach its memory cannot map it",
};

const P2P_VERDICTS: Readonly<Record<string, string>> = {
  acs_redirect: "ACS of a bridge between the two redirects requests upstream: " +
    "peer-to-peer works through the host bridge or not at all",
  not_supported: "No common upstream bridge, and the host bridge is not whitelisted to route " +
    "between its ports",
  not_pci: "Only PCI devices can use peer memory",
  host_bridge_not_listed: "The kernel does not know whether this host bridge routes between its " +
    "ports, and refuses",
  provider_added: "No fault: the device offers this memory to its peers",
};

/** Status code type of the path, and its code for a command that the host aborted. NVMe: path related status. */
const HOST_STATUS_TYPE = 3;
const HOST_ABORTED = 0x71;

const KINDS = {
  iommu_fault_status: {
    title: "Intel VT-d: fault status",
    rule: "trace.T.47",
    means: ({ errors, overflow }) =>
      Array.isArray(errors) && errors.some((name) => String(name).startsWith("invalidation"))
        ? "An invalidation was not completed: a device does not answer, or the queue of commands is wrong"
        : overflow === true
        ? "Faults were lost: the hardware had no room for their records"
        : "The faults themselves are on separate lines",
  },
  suppressed: {
    title: "Rate limit",
    rule: "trace.T.47",
    means: ({ count }) => `${count} messages of this function were not printed`,
  },
  invalidation_error: {
    title: "Invalidation failed",
    rule: "trace.T.48",
    means: () =>
      "The IOMMU or a device did not complete an invalidation command: it hangs, is in a " +
      "reset, was removed, or its ATS does not work; no mapping of a driver is the cause",
  },
  swiotlb_full: {
    title: "Bounce buffers",
    rule: "trace.T.52",
    means: ({ cause }) => SWIOTLB_CAUSES[String(cause)]!,
  },
  dma_overflow: {
    title: "Address above the DMA mask",
    rule: "trace.T.52",
    means: () =>
      "The device cannot address the memory, and no bounce buffer is used: its DMA " +
      "mask is too small, or not set",
  },
  dma_debug: {
    title: "DMA API checker",
    rule: "trace.T.53",
    means: (facts) => {
      const name = String(facts.class);
      const entry = Object.entries(REPORT_CLASSES).find(([each]) => each === name)?.[1];
      return entry === undefined
        ? "The CPU wrote into a cache line that is mapped for a device"
        : `${entry.doc} See ${entry.rule}`;
    },
  },
  dma_debug_off: {
    title: "DMA API checker",
    rule: "trace.T.53",
    means: () =>
      "The kernel's DMA-API debugging ran out of entries and disabled itself: the absence of " +
      "reports from here on proves nothing; boot with a larger dma_debug_entries=",
  },
  unmap_warning: {
    title: "Unmap of an unmapped address",
    rule: "trace.T.53",
    means: () =>
      "The driver unmapped an address at which the IOMMU has no mapping: a second unmap, a wrong " +
      "device or a wrong address. The call trace names the driver; dma_debug=on names the mapping",
  },
  pte_already_set: {
    title: "Map of an address already mapped",
    rule: "trace.T.53",
    means: () =>
      "A page-table entry was already set: two users of one IOVA range, or memory " +
      "that was freed while still in use as a page table",
  },
  iommu_error: {
    title: "IOMMU error",
    rule: "trace.T.70",
    means: ({ error }) => IOMMU_ERRORS[String(error)]!,
  },
  pcie_error: {
    title: "PCI Express error",
    rule: "trace.T.70",
    means: ({ event, severity }) => {
      if (event === "dpc") {
        return "The port cut off the device behind it: its mappings stay, its accesses and completions end";
      }
      if (event === "recovery" || event === "link_reset" || event === "link_down") {
        return "The device was reset or lost: what it had in flight never completes";
      }
      return isUncorrected(severity)
        ? "A transaction was lost or malformed: the device's access did not complete"
        : "The link corrected it; many of them point at cabling, a slot or power saving (pcie_aspm=off)";
    },
  },
  nvme_failed: {
    title: "NVMe controller failed",
    rule: "trace.T.55",
    means: ({ csts }) =>
      csts === ALL_ONES
        ? "Its registers read as all ones: the device was removed from the bus, or its link is down"
        : "The controller did not come up or was given up: requests in flight are cancelled and unmapped",
  },
  named: {
    title: "Not decoded",
    rule: "trace.T.59",
    means: ({ area, page }) => `A line of ${area} that says something is wrong: see ${page}`,
  },
  other_iommu_fault: {
    title: "IOMMU fault",
    rule: "trace.T.62",
    means: () => "An IOMMU that dmalab does not model blocked the access",
  },
  iommu_page_leak: {
    title: "Page freed while mapped",
    rule: "trace.T.53",
    means: () => "A page was freed while an IOMMU still maps it for a device",
  },
  p2pdma: {
    title: "Peer-to-peer DMA",
    rule: "trace.T.54",
    means: ({ verdict }) => P2P_VERDICTS[String(verdict)]!,
  },
  nvme_timeout: {
    title: "NVMe timeout",
    rule: "trace.T.55",
    means: ({ action }) =>
      action === "polled"
        ? "The command was completed, but its interrupt was lost"
        : "The controller did not complete the command in time; a blocked DMA access is a possible cause",
  },
  nvme_abort_status: {
    title: "NVMe abort",
    rule: "trace.T.55",
    means: ({ status }) =>
      status === 0 ? "The abort was completed" : "The controller's status for the abort",
  },
  nvme_down: {
    title: "NVMe controller down",
    rule: "trace.T.55",
    means: ({ gone }) =>
      gone === true
        ? "Its registers read as all ones: the device was removed from the bus, or its link is down"
        : "The controller reports a fatal status, or was reset from elsewhere",
  },
  nvme_error: {
    title: "NVMe command failed",
    rule: "trace.T.55",
    means: ({ sc, sct }) =>
      sct === 0 && sc === 4
        ? "The controller could not move the data: its access to memory failed"
        : sct === HOST_STATUS_TYPE && sc === HOST_ABORTED
        ? "The host cancelled the command, as after a timeout; this is not a status of the controller"
        : "The controller's status: status code type and status code",
  },
  nvme_bad_request: {
    title: "NVMe request malformed",
    rule: "trace.T.55",
    means: () => "The segments of the request break the rules of PRP lists, so it was not sent",
  },
  block_error: {
    title: "Block layer error",
    rule: "trace.T.55",
    means: () => "A request failed; the driver's lines before this one have the cause",
  },
} satisfies Readonly<Record<string, KindStory>>;

/** What a line can be about: a record of an IOMMU that is decoded, or one of these. */
export type KernelLogKind = "iommu_fault" | keyof typeof KINDS;

/** An entry, field by field. */
export function entryStory(entry: KernelLogEntry): string[] {
  if (entry.fault !== null) return loggedFaultLines(entry.fault);
  const story: KindStory = KINDS[entry.kind as keyof typeof KINDS];
  const rows = Object.entries(entry.facts).flatMap(([name, value]) =>
    value === null || Array.isArray(value) && value.length === 0
      ? []
      : labelled(name.replaceAll("_", " "), factText(name, value))
  );
  return [spread(story.title, story.rule), ...rows, ...labelled("", story.means(entry.facts))];
}

/** A text behind its label, with what goes on below it. */
export function labelledLines(
  label: string,
  text: string,
  width: number,
  columns: number,
): string[] {
  return wrapText(text, columns - width - 2)
    .map((line, index) => `  ${(index === 0 ? label : "").padEnd(width)}${line}`);
}
