/** How devices are laid out in the memory of C. */

/** Where things lie in a `struct pci_dev`, which has its `struct device` in it. */
export interface DeviceShape {
  readonly sizeBytes: number;
  readonly deviceAt: number;
  /** The name, in the `struct device`. */
  readonly nameAt: number;
}
