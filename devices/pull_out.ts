/** Surprise removal of a device with a driver in C: it is pulled out first, its driver is removed later. */
import type { Lab } from "./lab.ts";

/** Pulls a device out: its registers read as ones, and none of its accesses reaches the bus. */
export function pullOut({ devices, machine }: Lab, name: string): void {
  const { dma, function: func } = devices.get(name)!;
  func.present = false;
  dma.refusal = "device_gone";
  for (const { basePhys, sizeBytes } of func.bars) {
    machine.registers.pullOut(basePhys, sizeBytes);
  }
}

/** Removes a device that was pulled out from the bus. Its driver has been removed before. */
export function takeOffBus({ devices, machine, topology }: Lab, name: string): void {
  const { dma, function: func } = devices.get(name)!;
  topology.unplug(func);
  machine.iommu.groups.remove(dma);
}
