/** What the lines of a history, and the events of a request, say of memory that comes and goes. */
import type { MachineEvent } from "../../runtime/events.ts";
import type { CaptureHistory } from "./kernel_data.ts";
import type { CapturedMachine } from "./kernel_machine.ts";

/** Lines of the flush timer. */
export const FLUSHES: ReadonlySet<string> = new Set(["fq_timer", "iotlb_flush_all"]);

/** Lines of what is given back. */
export const NAMES_ITS_CPU: ReadonlySet<string> = new Set(["release", "free", "swiotlb_unmap"]);

/** Where a request's own ranges begin; what a pool takes to grow is not the request's. */
export function rangesOf(events: readonly MachineEvent[]): number[] {
  const starts: number[] = [];
  let inCoherent = false;
  for (const { name, fields } of events) {
    if (name === "call.dma_alloc_coherent") inCoherent = true;
    else if (name === "ret.dma_alloc_coherent") inCoherent = false;
    else if (name === "iova.alloc" && !inCoherent) {
      starts.push((fields as { readonly start: number }).start);
    }
  }
  return starts;
}

/** IO addresses, given out together. */
export interface Range {
  readonly start: number;
  readonly sizeBytes: number;
}

/**
 * The lines that tell when IO addresses were given back. Some records tell what was asked for; others
 * only what reached the caches, which in lazy mode is long after.
 */
export function releaseLines(
  { dev }: CapturedMachine,
  { events }: CaptureHistory,
): "release" | "free" | "nothing" {
  if (events.some(([kind]) => kind === "release")) return "release";
  return dev.domain?.lazy === true ? "nothing" : "free";
}
