/** The segments of a buffer. */
import type { Bytes, PhysAddr } from "../address.ts";

/** A piece of a buffer that lies in one run of physical memory. */
export interface BufferSegment {
  /** Its first byte. */
  readonly phys: PhysAddr;
  /** More than 0. */
  readonly sizeBytes: Bytes;
}

/** Pages as segments, one for each run of adjacent pages. */
export function segmentsOf(pages: readonly PhysAddr[], pageSizeBytes: Bytes): BufferSegment[] {
  const runs: { phys: PhysAddr; sizeBytes: Bytes }[] = [];
  for (const phys of pages) {
    const last = runs.at(-1);
    if (last !== undefined && last.phys + last.sizeBytes === phys) last.sizeBytes += pageSizeBytes;
    else runs.push({ phys, sizeBytes: pageSizeBytes });
  }
  return runs;
}
