/**
 * A scatterlist: buffers that are mapped together, and afterwards what the device is told of them.
 *
 * As in the kernel, inputs and outputs share the entries: output k lies in the DMA fields of entry
 * k, whichever inputs it covers.
 *
 * @see behaviour/dma.md chapter 7
 */
import type { Bytes, DmaAddr, PhysAddr } from "../address.ts";
import { DMA_MAPPING_ERROR } from "../address.ts";

export class ScatterEntry {
  /** First byte of an output; `DMA_MAPPING_ERROR` where there is none. */
  dmaAddress: DmaAddr = DMA_MAPPING_ERROR;
  /** Bytes of an output; 0 where there is none. */
  dmaLengthBytes: Bytes = 0;
  /** First byte of the buffers that an output covers; nothing without one. */
  outputPhys: PhysAddr = 0 as PhysAddr;
  /** The output is a peer's bus address: there is nothing to unmap. */
  isBusAddress = false;

  constructor(readonly phys: PhysAddr, readonly lengthBytes: Bytes) {}

  setOutput(
    phys: PhysAddr,
    address: DmaAddr,
    lengthBytes: Bytes,
    isBusAddress: boolean,
  ): void {
    this.outputPhys = phys;
    this.dmaAddress = address;
    this.dmaLengthBytes = lengthBytes;
    this.isBusAddress = isBusAddress;
  }

  clearOutput(): void {
    this.setOutput(0 as PhysAddr, DMA_MAPPING_ERROR, 0, false);
  }
}

export class Scatterlist {
  readonly entries: readonly ScatterEntry[];
  /** Entries went through bounce buffers one by one; never cleared, as in the kernel (7.2). */
  bounced = false;
  /** How many outputs the last map made; 0 while nothing is mapped. */
  outputs = 0;

  constructor(segments: readonly { readonly phys: PhysAddr; readonly sizeBytes: Bytes }[]) {
    this.entries = segments.map(({ phys, sizeBytes }) => new ScatterEntry(phys, sizeBytes));
  }
}
