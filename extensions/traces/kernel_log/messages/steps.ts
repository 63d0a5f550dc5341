/** Steps that several messages share. */

export const DEVICE_SILENT =
  "look at the device and its link before its driver: PCI Express errors (AER, DPC), a reset or a removal in the same seconds; an invalidation that times out is a device that does not answer";
export const LATER_FAULTS =
  "look at the faults that were printed: their devices fault faster than the CPU reads the records";
