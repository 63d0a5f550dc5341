/**
 * The values of a real kernel that replace the model's values when a script reads a fact about a
 * request.
 */
import type { Io, NvmeRequest } from "@dmalab/devices";
import {
  blkStatusErrno,
  blkStatusName,
  ERRNO,
  errnoName,
  errnoToBlkStatus,
  type MachineEvent,
} from "@dmalab/runtime";
import type { linkedRange, ScenarioAddresses } from "./kernel_events.ts";
import type { Step, StepKind } from "./steps.ts";
import type { TracedRequest } from "./traced_requests.ts";

/** A request of the kernel, with its events. */
export interface KernelRequest {
  readonly real: TracedRequest;
  /** The events until the command is submitted. */
  readonly mapEvents: readonly MachineEvent[];
  /** All events of the request. */
  readonly events: readonly MachineEvent[];
  readonly range: ReturnType<typeof linkedRange>;
  readonly addresses: ScenarioAddresses;
}

/**
 * Fields of a request that the kernel's trace provides. Each entry gives the properties that
 * replace the model's.
 */
export const REQUEST_FIELDS: Readonly<
  Record<string, (kernel: KernelRequest, model: NvmeRequest) => object | null>
> = {
  op: ({ real }) => ({ op: real.op }),
  bytes: ({ real: { blocks } }, { limits }) =>
    blocks === null ? null : { bytes: blocks * limits.logicalBlockSizeBytes },
  lba: ({ real: { lba } }) => lba === null ? null : { lba },
  phys_segments: ({ real: { physSegments } }) =>
    physSegments === null ? null : { nrPhysSegments: physSegments },
  gap_bit: ({ real: { gapBit } }) => gapBit === null ? null : { gapBit },
  format: ({ real: { device } }) =>
    device === null ? null : { format: device.format === "none" ? null : device.format },
  // Only for a range, because the number of mapped entries of a list is not observed.
  iova: ({ range, real: { map } }) =>
    map.some(({ kind }) => kind === "dma_iova_try_alloc") ? { iova: range } : null,
  nvme_status: ({ real: { status } }) => status === null ? null : { nvmeStatus: status },
  status: ({ real: { status } }) => status === 0 ? { status: "OK" } : null,
  error: ({ real: { status } }) => status === 0 ? { error: null } : null,
  done: ({ real: { status } }) => status === null ? null : { done: true },
  unmapped_by: ({ real: { unmap } }) =>
    unmap.some(({ kind }) => kind === "dma_iova_destroy")
      ? { unmappedBy: "iova" }
      : unmap.some(({ kind }) => kind === "dma_unmap_sg")
      ? { unmappedBy: "scatterlist" }
      : null,
};

/**
 * Number of mappings that are still live: single mappings, lists and ranges, counted in the same way as in
 * the model.
 *
 * @param isTranslated Whether the IOMMU translates. If not, the number is 0, because only mappings
 *   of the IOMMU are counted. Without translation the driver may leave out unmaps, so its calls do
 *   not show the number of live mappings.
 */
export function liveOf({ map, unmap }: TracedRequest, isTranslated: boolean): number {
  const count = (list: readonly Step[], kinds: ReadonlySet<StepKind>) =>
    list.filter(({ kind, values: { ok, ret } }) => kinds.has(kind) && ok !== false && !ret).length;
  return isTranslated
    ? count(map, BEGINS_MAPPING) - count(unmap, ENDS_MAPPING)
    : count(map, new Set(["iommu_map"])) - count(unmap, new Set(["iommu_unmap"]));
}

const BEGINS_MAPPING: ReadonlySet<StepKind> = new Set<StepKind>([
  "dma_map",
  "dma_map_sgtable",
  "dma_iova_try_alloc",
]);
const ENDS_MAPPING: ReadonlySet<StepKind> = new Set<StepKind>([
  "dma_unmap",
  "dma_unmap_sg",
  "dma_iova_destroy",
]);

/**
 * The error and the block status of a system call.
 *
 * @param result Number of bytes, or a negative errno.
 * @returns Null if the call did not fail, or if its errno belongs to no block status.
 */
export function failureOf(result: number | undefined): Partial<Io> | null {
  const errno = -(result ?? 0);
  if (!Object.values<number>(ERRNO).includes(errno)) return null;
  const status = blkStatusName(errnoToBlkStatus(errno));
  const error = errnoName(errno);
  return status !== "OK" && blkStatusErrno(status) === error ? { error, status } : null;
}
