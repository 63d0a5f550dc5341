/**
 * Reports of mistakes and hazards that the mapping layer sees by itself, while doing its work.
 *
 * They only observe: what the kernel does with the same call is unchanged.
 *
 * @see behaviour/dma.md 3.6; design/events.md, classes of `dma.report`
 */
import { eventId } from "../event_vocabulary.ts";
import type { Machine } from "../machine.ts";

const DMA_REPORT = eventId("dma.report");

/** The classes that are found here; those of the checker's bookkeeping are its own. */
export type MappingReportClass =
  | "link_unaligned"
  | "link_overlap"
  | "link_empty"
  | "link_beyond_range"
  | "unlink_unlinked"
  | "unlink_splits_leaf"
  | "unmap_unknown"
  | "unmap_error_value"
  | "free_while_linked"
  | "destroy_short"
  | "destroy_twice"
  | "stale_iotlb_access";

/** Classes of which no check of the kernel says anything. */
const BEYOND_KERNEL: ReadonlySet<MappingReportClass> = new Set([
  "link_beyond_range",
  "free_while_linked",
  "destroy_short",
  "destroy_twice",
  "stale_iotlb_access",
]);

/**
 * Reports a mistake unless the machine's checker is off.
 *
 * @param rule Page and number in `docs/behaviour/`, such as `dma.3.6`.
 * @param text What was done and what follows from it, as a sentence without a final period.
 */
export function reportMisuse(
  machine: Machine,
  reportClass: MappingReportClass,
  rule: string,
  text: string,
): void {
  if (machine.config.checker === "off") return;
  const { events } = machine;
  if (!events.tick(DMA_REPORT)) return;
  events.emit(DMA_REPORT, {
    class: reportClass,
    rule,
    text,
    first_site: null,
    second_site: events.site,
    beyond_kernel: BEYOND_KERNEL.has(reportClass),
  });
}

/** An address as reports print it: hexadecimal, in groups of four. */
export function hexAddress(address: number): string {
  return `0x${address.toString(16).replace(/(?<=.)(?=(.{4})+$)/g, "_")}`;
}
