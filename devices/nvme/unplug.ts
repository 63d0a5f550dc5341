/** Surprise removal: the disk is pulled while it is in use. */
import { KernelError } from "@dmalab/runtime";
import type { Lab } from "../lab.ts";
import type { NvmeDevice } from "./nvme_device.ts";

/**
 * Pulls a disk out of its slot. First the device is removed, and none of its further reads or
 * writes reaches memory. Then the driver of the disk is removed: it ends every request, and frees
 * the driver's memory. The checker reports every other mapping that is left for the device.
 *
 * @throws {KernelError} ENODEV if the disk was pulled before.
 */
export function unplugNvme(
  device: NvmeDevice,
  { machine, topology }: Pick<Lab, "machine" | "topology">,
): void {
  const { controller, disk, dma, function: func, isBound } = device;
  if (!func.present) {
    throw new KernelError("ENODEV", `Cannot remove ${device.name}: it is gone already`);
  }
  controller.unplug();
  dma.refusal = "device_gone";
  if (isBound) disk.driver.life.remove();
  // The BARs of the PCI function answer no more requests. Its peer memory is removed when the last
  // page of that memory is freed.
  topology.unplug(func);
  machine.iommu.groups.remove(dma);
}
