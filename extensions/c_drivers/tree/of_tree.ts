/** The layout of devices in C's memory, and other facts about a tree's driver. */
import type { Stubs } from "@dmalab/lang/values";

/** Size of a `struct pci_dev`, and offset of the `struct device` that it contains. */
export interface DeviceShape {
  readonly sizeBytes: number;
  readonly deviceAt: number;
  /** Offset of the name in the `struct device`. */
  readonly nameAt: number;
}

/** Additional data for a driver that was compiled with a kernel tree. */
export interface OfTree {
  readonly device: DeviceShape;
  /** The architecture for which the driver was compiled, if it is not the lab's; else null. */
  readonly architecture: string | null;
  readonly stubs: Stubs;
  /** Functions that the driver calls and that return a pointer. */
  readonly pointers: ReadonlySet<string>;
  /**
   * Files of the tree that iterate the tree's requests, by their names for the compiler. Their lines are included
   * in the coverage.
   */
  readonly library: ReadonlyMap<string, string>;
}
