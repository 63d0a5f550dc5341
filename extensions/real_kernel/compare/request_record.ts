/** The facts about a request that both the model and a real kernel provide. */
import type { Step } from "./steps.ts";

/** A range of device addresses that a controller accessed: first byte, length in bytes. */
export type AccessedRange = readonly [dma: number, sizeBytes: number];

export interface RequestRecord {
  /** The disk's name in the scenario. */
  readonly disk: string;
  /** `read`, `write`, `discard`, … */
  readonly op: string;
  /** First logical block; null for commands without a block number. */
  readonly lba: number | null;
  /** Number of logical blocks; null if it is not known. */
  readonly blocks: number | null;
  /** Number of segments that the block layer counted; null if it was not observed. */
  readonly physSegments: number | null;
  /**
   * The lowest bit of the segment boundaries that lie inside a page; bits are counted from 1. The
   * value is 0 if no boundary lies inside a page, and null if it was not observed.
   */
  readonly gapBit: number | null;
  /** Steps until the command is submitted. */
  readonly map: readonly Step[];
  /** Steps of the completion. */
  readonly unmap: readonly Step[];
  /** The controller's reads of the command's data pointer; null if they were not recorded. */
  readonly device: DeviceSide | null;
  /**
   * Status code with its status code type, 0 for success; null for a request that never became a
   * command.
   */
  readonly status: number | null;
  /** Whether the IOMMU blocked one of the model's accesses: later accesses are not compared. */
  readonly isBlocked?: boolean;
}

/** The data pointer of a command as the controller resolved it. */
export interface DeviceSide {
  readonly format: "prp" | "sgl" | "none";
  readonly extents: readonly AccessedRange[];
}
