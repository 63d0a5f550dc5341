/** `struct dma_iova_state` in C's memory. @see rules/c-api.md 4, trap 6 */
import type { DmaAddr } from "@dmalab/runtime";
import { DmaIovaState } from "@dmalab/runtime/dma";
import type { CKernel } from "./c_kernel.ts";

/**
 * Offsets of the members of `struct dma_iova_state`, equal to those in
 * `extensions/c_drivers/include/linux/dma-mapping.h`.
 */
export const IOVA_STATE = { addr: 0, __size: 8 } as const;
/** Top bit of the upper half of the size; it is set if some part is bounced. */
const BOUNCED = 0x80000000;

/**
 * Writes a state into C's memory. If C changes the structure itself, for example by clearing it, the
 * next call uses the changed values.
 */
export function showState(kernel: CKernel, at: number, state: DmaIovaState): void {
  const { memory } = kernel;
  memory.putAddress(at + IOVA_STATE.addr, state.addr);
  memory.putWord(at + IOVA_STATE.__size, state.sizeBytes);
  if (!state.bounced) return;
  const high = memory.view.getUint32(at + IOVA_STATE.__size + 4, true);
  memory.view.setUint32(at + IOVA_STATE.__size + 4, (high | BOUNCED) >>> 0, true);
}

/**
 * Reads the values of the state at an address in C's memory, even if C itself has written them. The
 * kernel uses them in the same way.
 */
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
    addr: memory.addressAt(at + IOVA_STATE.addr),
    bounced: (high & BOUNCED) !== 0,
    sizeBytes: memory.view.getUint32(at + IOVA_STATE.__size, true) + (high & ~BOUNCED) * 2 ** 32,
  };
}

/**
 * The state at an address in C's memory: the state that was made at this address, or the state that C
 * has copied to it.
 */
export function stateAt(kernel: CKernel, at: number): DmaIovaState {
  if (!kernel.memory.isOpen(at, 16)) throw kernel.crash("There is no dma_iova_state");
  const state = kernel.state(at);
  const { addr, sizeBytes } = readState(kernel, at);
  if (sizeBytes === state.sizeBytes && addr === state.addr) return state;
  // A cleared structure is a new state.
  if (sizeBytes === 0 && addr === 0) {
    const cleared = new DmaIovaState();
    kernel.copyState(at, cleared);
    return cleared;
  }
  const copied = kernel.stateWith(addr, sizeBytes);
  if (copied === undefined) {
    throw kernel.crash("The dma_iova_state is not as the last call left it");
  }
  kernel.copyState(at, copied);
  return copied;
}
