/** Mapping in two steps: reserve addresses once, link pieces. @see behaviour/c-api.md 4, trap 6 */
import type { DmaAddr, PhysAddr } from "../../runtime/address.ts";
import type { DmaIovaState } from "../../runtime/dma/iova_state.ts";
import type { CCallEntry } from "../call_entry.ts";
import type { CKernel } from "../c_kernel.ts";
import { since72 } from "./mapping.ts";

/** Where the members of `struct dma_iova_state` lie; `include/linux/dma-mapping.h` has the same. */
export const IOVA_STATE = { addr: 0, __size: 8 } as const;
/** The top bit of the size says that some part is bounced, in the upper half of it. */
const BOUNCED = 0x80000000;

/**
 * Has C see a state as it is. What C itself writes there, such as zeroes, counts from the next call on.
 */
export function showState(kernel: CKernel, at: number, state: DmaIovaState): void {
  const { memory } = kernel;
  memory.putWord(at + IOVA_STATE.addr, state.addr);
  memory.putWord(at + IOVA_STATE.__size, state.sizeBytes);
  if (!state.bounced) return;
  const high = memory.view.getUint32(at + IOVA_STATE.__size + 4, true);
  memory.view.setUint32(at + IOVA_STATE.__size + 4, (high | BOUNCED) >>> 0, true);
}

/** What C has at an address as the kernel reads it. */
export function stateAsItIs(kernel: CKernel, at: number): DmaIovaState {
  const { memory } = kernel;
  if (!memory.isOpen(at, 16)) throw kernel.crash("There is no dma_iova_state");
  const state = kernel.state(at);
  const { addr, bounced, sizeBytes } = readState(kernel, at);
  if (sizeBytes === state.sizeBytes && addr === state.addr) return state;
  state.clear();
  state.addr = addr as DmaAddr;
  state.sizeBytes = sizeBytes;
  state.bounced = bounced;
  return state;
}

function readState(kernel: CKernel, at: number) {
  const { memory } = kernel;
  const high = memory.view.getUint32(at + IOVA_STATE.__size + 4, true);
  return {
    addr: memory.wordAt(at + IOVA_STATE.addr),
    bounced: (high & BOUNCED) !== 0,
    sizeBytes: memory.view.getUint32(at + IOVA_STATE.__size, true) + (high & ~BOUNCED) * 2 ** 32,
  };
}

/** The state that C has at an address. */
export function stateAt(kernel: CKernel, at: number): DmaIovaState {
  if (!kernel.memory.isOpen(at, 16)) throw kernel.crash("There is no dma_iova_state");
  const state = kernel.state(at);
  const { addr, sizeBytes } = readState(kernel, at);
  // A state that C has cleared, or copied elsewhere, is another one.
  if (sizeBytes !== state.sizeBytes || addr !== state.addr) {
    if (sizeBytes === 0 && addr === 0) state.clear();
    else throw kernel.crash("The dma_iova_state is not as the last call left it");
  }
  return state;
}

export const TWO_STEP_CALLS: readonly CCallEntry[] = [
  {
    c: "bool dma_iova_try_alloc(struct device *dev, struct dma_iova_state *state, phys_addr_t phys, size_t size)",
    isIn: since72,
    run(kernel, [dev, at, phys, size]) {
      const device = kernel.device(dev);
      // It is cleared first, whatever was there.
      if (!kernel.memory.isOpen(at, 16)) throw kernel.crash("There is no dma_iova_state");
      kernel.usesMask(device);
      const state = kernel.state(at);
      kernel.exact(phys + size, "address");
      const taken = kernel.machine.dma.dmaIovaTryAlloc(device, state, phys as PhysAddr, size);
      showState(kernel, at, state);
      return Number(taken);
    },
  },
  {
    c: "int dma_iova_link(struct device *dev, struct dma_iova_state *state, phys_addr_t phys, size_t offset, size_t size, enum dma_data_direction dir, unsigned long attrs)",
    isIn: since72,
    run(kernel, [dev, at, phys, offset, size, dir, attrs]) {
      const device = kernel.device(dev);
      const state = stateAt(kernel, at);
      kernel.exact(phys + offset + size, "address");
      const direction = kernel.direction(dir);
      const { dma } = kernel.machine;
      const error = dma.dmaIovaLink(
        device,
        state,
        phys as PhysAddr,
        offset,
        size,
        direction,
        attrs,
      );
      showState(kernel, at, state);
      if (error === 0) {
        kernel.lent.add(device, state.addr + offset, phys as PhysAddr, size, direction);
      }
      return error;
    },
  },
  {
    c: "int dma_iova_sync(struct device *dev, struct dma_iova_state *state, size_t offset, size_t size)",
    isIn: since72,
    run(kernel, [dev, at, offset, size]) {
      const state = stateAt(kernel, at);
      return kernel.machine.dma.dmaIovaSync(kernel.device(dev), state, offset, size);
    },
  },
  {
    c: "void dma_iova_unlink(struct device *dev, struct dma_iova_state *state, size_t offset, size_t size, enum dma_data_direction dir, unsigned long attrs)",
    isIn: since72,
    run(kernel, [dev, at, offset, size, dir, attrs]) {
      const device = kernel.device(dev);
      const state = stateAt(kernel, at);
      kernel.lent.endWithin(device, state.addr + offset, size);
      const direction = kernel.direction(dir);
      kernel.machine.dma.dmaIovaUnlink(device, state, offset, size, direction, attrs);
      showState(kernel, at, state);
    },
  },
  {
    c: "void dma_iova_destroy(struct device *dev, struct dma_iova_state *state, size_t mapped_len, enum dma_data_direction dir, unsigned long attrs)",
    isIn: since72,
    run(kernel, [dev, at, mappedBytes, dir, attrs]) {
      const device = kernel.device(dev);
      const state = stateAt(kernel, at);
      kernel.lent.endWithin(device, state.addr, mappedBytes);
      const direction = kernel.direction(dir);
      kernel.machine.dma.dmaIovaDestroy(device, state, mappedBytes, direction, attrs);
      showState(kernel, at, state);
    },
  },
  {
    c: "void dma_iova_free(struct device *dev, struct dma_iova_state *state)",
    isIn: since72,
    run(kernel, [dev, at]) {
      const state = stateAt(kernel, at);
      kernel.machine.dma.dmaIovaFree(kernel.device(dev), state);
      showState(kernel, at, state);
    },
  },
];
