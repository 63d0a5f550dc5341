/** A request as both kernels tell of it. */
import type { Step } from "./steps.ts";

/** A range of device addresses that a controller accessed: first byte, length in bytes. */
export type AccessedRange = readonly [dma: number, sizeBytes: number];

export interface RequestRecord {
  /** The disk's name in the scenario. */
  readonly disk: string;
  /** `read`, `write`, `discard`, … */
  readonly op: string;
  /** First logical block; null for commands that have none. */
  readonly lba: number | null;
  /** How many logical blocks it covers; null where that is not known. */
  readonly blocks: number | null;
  /** Segments as the block layer counted them; null where that was not observed. */
  readonly physSegments: number | null;
  /** The lowest bit of segment boundaries inside a page, from 1; 0: no such boundary; null: not observed. */
  readonly gapBit: number | null;
  /** Steps until the command is submitted. */
  readonly map: readonly Step[];
  /** Steps of the completion. */
  readonly unmap: readonly Step[];
  /** The controller's reads of its data pointer; null where it was not recorded. */
  readonly device: DeviceSide | null;
  /** Status code with its type, 0 for success; null for a request that never became a command. */
  readonly status: number | null;
  /** The IOMMU blocked one of the model's accesses: nothing behind it is compared. */
  readonly isBlocked?: boolean;
}

/** The data pointer of a command as the controller resolved it. */
export interface DeviceSide {
  readonly format: "prp" | "sgl" | "none";
  readonly extents: readonly AccessedRange[];
}
