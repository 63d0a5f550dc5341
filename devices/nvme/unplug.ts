/** Surprise removal: the disk is pulled while it is in use. */
import { KernelError } from "../../runtime/errno.ts";
import type { PciTopology } from "../pci/topology.ts";
import type { NvmeDevice } from "./nvme_device.ts";

/**
 * Pulls a disk out of its slot. First the device is gone: nothing that it might still want to read
 * or write reaches memory. Then its driver hears of it, ends every request, and gives back what it
 * holds; what anybody else has left mapped for the device, the checker reports.
 *
 * @throws {KernelError} ENODEV when it was pulled before.
 */
export function unplugNvme(device: NvmeDevice, topology: PciTopology): void {
  const { controller, disk, dma, function: func, isBound } = device;
  if (!isBound && !func.present) {
    throw new KernelError("ENODEV", `Cannot remove ${device.name}: it is gone already`);
  }
  controller.unplug();
  dma.cutOff = true;
  if (isBound) disk.driver.remove();
  // Its memory answers nobody any more; what it has lent to peers goes with the last of them.
  topology.unplug(func);
}
