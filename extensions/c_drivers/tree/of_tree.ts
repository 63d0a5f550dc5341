/** How devices are laid out in the memory of C, and what else is known of a tree's driver. */
import type { Stubs } from "@dmalab/lang/values";

/** Where things lie in a `struct pci_dev`, which has its `struct device` in it. */
export interface DeviceShape {
  readonly sizeBytes: number;
  readonly deviceAt: number;
  /** The name, in the `struct device`. */
  readonly nameAt: number;
}

/** The additional data for a driver that was compiled with a kernel tree. */
export interface OfTree {
  readonly device: DeviceShape;
  /** Which one it was compiled for, where it is not the lab's; else null. */
  readonly architecture: string | null;
  readonly stubs: Stubs;
  /** Functions that it calls and that return a pointer. */
  readonly pointers: ReadonlySet<string>;
  /** Files of the tree that iterate its requests, by the names that the compiler knows: their lines are counted too. */
  readonly library: ReadonlyMap<string, string>;
}
