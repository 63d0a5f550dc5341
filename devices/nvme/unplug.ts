/** Surprise removal: the disk is pulled while it is in use. */
import { KernelError } from "@dmalab/runtime";
import type { Lab } from "../lab.ts";
import type { NvmeDevice } from "./nvme_device.ts";

/**
 * Pulls a disk out of its slot. First the device is removed: none of its further reads or writes
 * reaches memory. Then its driver is removed: it ends every request, and frees its memory. The
 * checker reports every other mapping that is left for the device.
 *
 * @throws {KernelError} ENODEV if it was pulled before.
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
  // Its BARs answer no more requests; its peer memory is removed when the last page of it is freed.
  topology.unplug(func);
  machine.iommu.groups.remove(dma);
}
