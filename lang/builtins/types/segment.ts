/** A run of physical memory in a list of such. */
import type { PhysAddr } from "@dmalab/runtime";

export const SEGMENT = { phys: "phys", size: "size" } as const;

/** What the runtime calls a segment, as a record of the language has it. */
export function plainSegment(
  { phys, sizeBytes }: { readonly phys: PhysAddr; readonly sizeBytes: number },
) {
  return { phys, size: sizeBytes };
}
