/** The layout of devices in C's memory, and other facts about a tree's driver. */
import type { Stubs } from "@dmalab/lang/values";

/** Size of a `struct pci_dev`, and offset of the `struct device` that it contains. */
export interface DeviceShape {
  readonly sizeBytes: number;
  readonly deviceAt: number;
  /** Offset of the name in the `struct device`. */
  readonly nameAt: number;
}

/** Files of the tree that are compiled along with a driver, because they export what it calls. */
export interface CompiledAlong {
  /** Paths from the tree's root. */
  readonly files: readonly string[];
  /** Functions that these files export. What the driver's calls of them allocate is the kernel's. */
  readonly exported: ReadonlySet<string>;
  /** Files that do not compile, with the first error. */
  readonly problems: readonly string[];
  /** Names that are stubs because their files are beyond the limit. */
  readonly beyond: readonly string[];
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
  readonly along: CompiledAlong;
}
