/** A segment of physical memory in a list. */
import type { PhysAddr } from "@dmalab/runtime";

export const SEGMENT = { phys: "phys", size: "size" } as const;

/** The runtime's segment, as a record of the language. */
export function plainSegment(
  { phys, sizeBytes }: { readonly phys: PhysAddr; readonly sizeBytes: number },
) {
  return { phys, size: sizeBytes };
}
