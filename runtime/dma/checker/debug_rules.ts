/**
 * How releases differ in their DMA debugging: `kernels.ts` says which has which.
 *
 * @see rules/dma.md 8.2, last paragraph
 */
import { DMA_ATTR } from "../attributes.ts";
import { MADE, type MadeBy } from "./record_table.ts";

export interface DebugRules {
  /** The calls whose mappings a call's counterpart may end, as bits `1 << MADE.…`. */
  familyOf(made: MadeBy): number;
  /** Attributes that map and unmap must agree on (row 9). */
  readonly agreedAttrs: number;
  /** Two mappings may share a cache line when both have one of these (row 15). */
  readonly sharingAttrs: number;
  /** Cache lines are compared even on machines that need not align buffers to them (row 15). */
  readonly comparesAllLines: boolean;
}

const ONE_BUFFER = 1 << MADE.PHYS | 1 << MADE.PAGE | 1 << MADE.SINGLE;

/** One family of calls for every single buffer, MMIO marked by the attribute. */
export const DEBUG_PHYSICAL: DebugRules = {
  familyOf: (made) => made <= MADE.RESOURCE ? ONE_BUFFER | 1 << MADE.RESOURCE : 1 << made,
  agreedAttrs: DMA_ATTR.NO_KERNEL_MAPPING | DMA_ATTR.FORCE_CONTIGUOUS | DMA_ATTR.MMIO |
    DMA_ATTR.REQUIRE_COHERENT | DMA_ATTR.PRIVILEGED | DMA_ATTR.CC_SHARED,
  sharingAttrs: DMA_ATTR.DEBUGGING_IGNORE_CACHELINES | DMA_ATTR.REQUIRE_COHERENT,
  comparesAllLines: false,
};

/** MMIO is a family of its own, and attributes are not looked at. */
export const DEBUG_BY_PAGE: DebugRules = {
  familyOf: (made) => made < MADE.RESOURCE ? ONE_BUFFER : 1 << made,
  agreedAttrs: 0,
  sharingAttrs: 0,
  comparesAllLines: true,
};
