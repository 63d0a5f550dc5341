/** The machine of a driver, as a search uses it. */
import type { DmaAddr } from "@dmalab/runtime";
import type { EndpointDevice } from "@dmalab/devices";
import type { CKernel } from "../c_kernel.ts";
import { CContents } from "../calls/device_contents.ts";
import type { SearchedMachine } from "./searched_device.ts";

/** Number of interrupt vectors that a search looks at. */
const MOST_VECTORS = 4;

export function searchedMachine(kernel: CKernel): SearchedMachine {
  const { context: { lab }, machine, memory } = kernel;
  const devices = [...lab.devices.values()];
  const device = devices.find(({ kind }) => kind === "endpoint") as EndpointDevice | undefined;
  const name = device?.name ?? "";
  kernel.lent.follow();
  return {
    bars: devices.flatMap(({ function: { bars } }) => bars),
    blocks: memory.blocks,
    buffer: memory.memory.buffer as ArrayBuffer,
    dmaOf(at) {
      for (const { at: first, memory: { dma, sizeBytes } } of kernel.coherent.values()) {
        if (at >= first && at < first + sizeBytes) return dma + at - first;
      }
      return kernel.lent.followedDma(memory.physOf(at));
    },
    contentOf: (at) => kernel.part(CContents).find(at),
    vectors() {
      const { interrupts } = machine;
      return Array.from({ length: MOST_VECTORS }, (_, vector) => vector).filter((vector) => {
        const number = interrupts.numberOf(name, vector);
        return number !== null && interrupts.handlersOf(number).length > 0;
      });
    },
    write(dma, bytes) {
      if (device === undefined || device.dma.busMaster === false) return;
      machine.bus.write(device.dma, dma as DmaAddr, bytes, 0, bytes.length);
    },
    raise: (vector) => device?.raise(vector),
  };
}
