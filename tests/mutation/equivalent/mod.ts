/**
 * Changes that no test can notice, or none should: what a person has judged, with the reason.
 *
 * An entry is found by its file, the text of its line and the change, so that it does not outlive its
 * line: one that fits nothing any more is reported by `deno task mutate`, and fails a test.
 */
import { BLOCK } from "./block.ts";
import { CHECKER } from "./checker.ts";
import { DEVICES } from "./devices.ts";
import { DMA } from "./dma.ts";
import { IOMMU } from "./iommu.ts";
import { NVME } from "./nvme.ts";
import { RUNTIME } from "./runtime.ts";
import type { Equivalent } from "./entry.ts";

export const EQUIVALENT: readonly Equivalent[] = [
  ...BLOCK,
  ...CHECKER,
  ...DEVICES,
  ...DMA,
  ...IOMMU,
  ...NVME,
  ...RUNTIME,
];
