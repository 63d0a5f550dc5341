/**
 * What to do about a finding, and which lines of a log are one story.
 *
 * @see behaviour/traces.md T.55, T.62, T.66
 */
import type { KernelLogEntry } from "../kernel_log/entry.ts";
import type { Finding } from "../ledger/traced_mapping.ts";

const STRICT =
  "boot with iommu.strict=1, so that an unmap invalidates the IOTLB at once and a late access faults each time";
const CHECKER =
  "boot a kernel with CONFIG_DMA_API_DEBUG and dma_debug=on (dma_debug_driver=NAME for one driver): its report has the stack of the mapping";
const PASSTHROUGH =
  "iommu=pt only as a diagnosis: without translation nothing faults, and the device overwrites memory unseen";
const UNMAP_CALL =
  "compare the arguments of the unmap with what the driver kept of the map: address, size, direction, entries passed in (not those returned)";

/** By the kind of a finding. What is no mistake of a driver has none. */
const STEPS: Readonly<Record<string, readonly string[]>> = {
  use_after_unmap: [
    STRICT,
    "look at the driver's path from the last unmap back to the device's completion: the unmap must follow it, also after a timeout or a reset",
    PASSTHROUGH,
  ],
  never_mapped: [
    "compare the faulting address with what the driver writes to the device: a stale register, a physical address, an address cut to 32 bits",
    "if firmware owns the memory, look for the device in the firmware's reserved regions (RMRR, IVMD) and the kernel's quirk lists",
    PASSTHROUGH,
  ],
  unknown_birth: [
    "record from before the driver is bound: what was mapped before the trace is not known",
  ],
  wrong_direction: [
    "compare the direction of the map with what the device does: DMA_FROM_DEVICE for what it writes, DMA_BIDIRECTIONAL for both",
    CHECKER,
  ],
  past_end: [
    "compare the mapped length with the length in the device's descriptor; some devices prefetch past a buffer's end",
  ],
  physical_address: [
    "give the device the dma_addr_t of the map, not virt_to_phys() or page_to_phys()",
  ],
  other_device: [
    "map with the device that does the DMA: the function, its parent or its multi-function sibling have domains of their own",
    "if the source is a bridge or function 0, look for the device in the kernel's DMA alias quirks",
  ],
  error_value: ["check dma_mapping_error() after each map, before the address reaches the device"],
  leak: [
    "look at the error paths and the reset path of the function that maps: each map needs one unmap there",
    CHECKER,
  ],
  double_map: ["unmap the first mapping before its address is used again", CHECKER],
  mapped_over: [
    "look for an unmap of this IOVA that was skipped, or that had a shorter length",
    CHECKER,
  ],
  two_step_destroy_short: [
    "pass the length of all links to dma_iova_destroy(), also where a later link has failed",
  ],
  double_unmap: [UNMAP_CALL, CHECKER],
  unmap_unknown: [UNMAP_CALL, CHECKER],
  unmap_size: [UNMAP_CALL, CHECKER],
  unmap_direction: [UNMAP_CALL, CHECKER],
  unmap_entries: [UNMAP_CALL, CHECKER],
  unmap_kind: [
    "pair dma_alloc_coherent() with dma_free_coherent(), dma_map_*() with dma_unmap_*()",
  ],
  sync_unknown: ["sync only between map and unmap", CHECKER],
  sync_size: ["sync at most the mapped range", CHECKER],
  sync_direction: ["sync with the direction of the map", CHECKER],
  swiotlb_full: [
    "a mapping above 256 KiB needs a smaller dma_max_mapping_size(); otherwise enlarge the pool (swiotlb=SLOTS) or widen the DMA mask",
  ],
};

/** Each step once, in the order of the findings. */
export function nextSteps(findings: readonly Finding[]): string[] {
  return [...new Set(findings.flatMap(({ kind }) => STEPS[kind] ?? []))];
}

/** The longest time in which a request of a device that faulted times out: the driver's limit, twice. */
const STORY_SECONDS = 60;

/** A timeout of a request, and the fault of the same device before it. */
export interface Story {
  readonly faultLine: number;
  readonly timeoutLine: number;
  readonly controller: string;
  readonly device: string;
  readonly seconds: number;
}

/**
 * Timeouts that follow a fault of the same device: a refused access never completes.
 *
 * @param deviceOf The device of a controller, where the trace has requests and mappings of it.
 */
export function storiesOf(
  entries: readonly KernelLogEntry[],
  faults: readonly Finding[],
  deviceOf: (controller: string) => string | null,
): Story[] {
  return entries.flatMap((entry) => {
    const { facts, kind, line, seconds } = entry;
    const controller = facts.controller;
    if (kind !== "nvme_timeout" || typeof controller !== "string" || seconds === null) return [];
    const device = deviceOf(controller);
    const fault = entries.findLast((each) =>
      each.kind === "iommu_fault" && each.line < line && each.seconds !== null &&
      seconds - each.seconds <= STORY_SECONDS &&
      faults.some((finding) => finding.logLine === each.line && finding.device === device)
    );
    if (device === null || fault === undefined) return [];
    return [{
      faultLine: fault.line,
      timeoutLine: line,
      controller,
      device,
      seconds: seconds - fault.seconds!,
    }];
  });
}
