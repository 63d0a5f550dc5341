/**
 * When a bounce buffer is filled from the buffer that it stands for.
 *
 * A device that writes a buffer may write only a part of it. Whatever else the bounce buffer
 * held is copied out with it, so that what the pool is filled with decides what the driver finds
 * there. Releases have answered that in four ways; each is a strategy, chosen when a machine is
 * built.
 *
 * @see rules/dma.md 6.2 step 6, 6.3; rules/defects.md (further switches)
 */
import {
  DMA_ATTR,
  DMA_BIDIRECTIONAL,
  DMA_TO_DEVICE,
  type DmaDirection,
} from "../../dma/attributes.ts";
import type { Kernel } from "../../kernels/kernels.ts";
import type { QuirkName } from "../../kernels/quirks.ts";

export interface SwiotlbCopyRules {
  /** A mapping that is made copies the buffer in. */
  fillsAtMap(dir: DmaDirection, attrs: number): boolean;
  /** Handing a mapping to the device copies the buffer in. */
  fillsForDevice(dir: DmaDirection): boolean;
}

/** Only what the device reads is copied for it. */
function deviceReads(dir: DmaDirection): boolean {
  return dir === DMA_TO_DEVICE || dir === DMA_BIDIRECTIONAL;
}

function asksForSync(attrs: number): boolean {
  return (attrs & DMA_ATTR.SKIP_CPU_SYNC) === 0;
}

/** Filled at the map whatever the direction, and even where the driver wants to sync by itself. */
export const FILL_ALWAYS: SwiotlbCopyRules = {
  fillsAtMap: () => true,
  fillsForDevice: deviceReads,
};

/**
 * The oldest rule: what the device only writes is not filled. Bytes that it leaves out come from
 * the previous user of the bounce buffer.
 */
export const NEVER_FILL_FROM_DEVICE: SwiotlbCopyRules = {
  fillsAtMap: (dir, attrs) => deviceReads(dir) && asksForSync(attrs),
  fillsForDevice: deviceReads,
};

/** The first answer to that: filled at the map, unless the driver wants to sync by itself. */
export const FILL_AT_MAP: SwiotlbCopyRules = {
  fillsAtMap: (_dir, attrs) => asksForSync(attrs),
  fillsForDevice: deviceReads,
};

/**
 * The second answer, soon taken back: filled also whenever the buffer is handed to the device, which
 * overwrites what the device has written since the CPU last looked.
 */
export const FILL_AT_SYNC_TOO: SwiotlbCopyRules = {
  fillsAtMap: () => true,
  fillsForDevice: () => true,
};

const SWITCHES: readonly (readonly [QuirkName, SwiotlbCopyRules])[] = [
  ["swiotlb_2022_never_copy_in", NEVER_FILL_FROM_DEVICE],
  ["swiotlb_2022_copy_in_at_map", FILL_AT_MAP],
  ["swiotlb_2022_sync_rework", FILL_AT_SYNC_TOO],
];

/** The rules that a machine's switches ask for; of several, the oldest. */
export function swiotlbCopyRules({ quirks }: Pick<Kernel, "quirks">): SwiotlbCopyRules {
  return SWITCHES.find(([name]) => quirks.has(name))?.[1] ?? FILL_ALWAYS;
}
