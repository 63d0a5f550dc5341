/**
 * Surprise removal of a device with a driver in C. The device is pulled out first; the driver of the
 * device is removed later.
 */
import type { Lab } from "./lab.ts";

/**
 * Pulls a device out. From then on, its registers read as all ones, and its accesses do not reach
 * the bus.
 */
export function pullOut({ devices, machine }: Lab, name: string): void {
  const { dma, function: func } = devices.get(name)!;
  func.present = false;
  dma.refusal = "device_gone";
  for (const { basePhys, sizeBytes } of func.bars) {
    machine.registers.pullOut(basePhys, sizeBytes);
  }
}

/** Removes a pulled-out device from the bus, after its driver has been removed. */
export function takeOffBus({ devices, machine, topology }: Lab, name: string): void {
  const { dma, function: func } = devices.get(name)!;
  topology.unplug(func);
  machine.iommu.groups.remove(dma);
}
