/**
 * Ends the mappings of a request that SGL descriptors describe: what the device was given is what
 * was mapped, so the addresses are read back from there.
 *
 * @see rules/nvme.md 2.6, row 5
 */
import {
  type Bytes,
  dereferenceNull,
  type DmaAddr,
  type Machine,
  type PhysAddr,
} from "@dmalab/runtime";
import { opDirection } from "@dmalab/runtime/block";
import type { DmaDevice } from "@dmalab/runtime/dma";
import type { DescriptorWriter } from "../command/descriptor_writer.ts";
import type { Iod } from "../command/iod.ts";
import type { NvmeRequest } from "../command/nvme_request.ts";
import { SGL_DESCRIPTOR_BYTES } from "../protocol.ts";

export class SglUnmap {
  readonly #machine: Machine;
  readonly #dev: DmaDevice;
  readonly #writer: DescriptorWriter;
  readonly #swapsArguments: boolean;

  /**
   * @param swapsArguments With the quirk `sgl_unmap_args_swapped`: both arguments are pointers to a
   * descriptor, and each is taken for the other.
   */
  constructor(machine: Machine, dev: DmaDevice, writer: DescriptorWriter, swapsArguments: boolean) {
    this.#machine = machine;
    this.#dev = dev;
    this.#writer = writer;
    this.#swapsArguments = swapsArguments;
  }

  /** Unmaps a data block in the command, or each block of the list that the command points to. */
  unmap(iod: Iod, request: NvmeRequest, attrs: number): void {
    if (this.#swapsArguments) {
      this.#unmapSwapped(iod, request, attrs);
      return;
    }
    if (iod.sglIsDataBlock) {
      this.#unmapBlock(request, iod.sglAddress, iod.sglLengthBytes, attrs);
      return;
    }
    if (iod.nrDescriptors === 0) return;
    const { phys } = iod.descriptors[0]!;
    for (let done = 0; done < iod.sglLengthBytes; done += SGL_DESCRIPTOR_BYTES) {
      this.#unmapListed(request, (phys + done) as PhysAddr, attrs);
    }
  }

  /**
   * The list stands where the command's descriptor is looked for. A list begins with a data block,
   * so that one block is unmapped and no list is looked for. A request without a list hands in what
   * its tag's last one has left, or nothing.
   */
  #unmapSwapped(iod: Iod, request: NvmeRequest, attrs: number): void {
    const list = iod.descriptors[0];
    if (list === undefined) {
      dereferenceNull(
        this.#machine.events,
        "nvme_unmap_data",
        `request ${request.id} has no list of descriptors`,
      );
    }
    this.#unmapListed(request, list.phys, attrs);
  }

  #unmapListed(request: NvmeRequest, at: PhysAddr, attrs: number): void {
    const address = this.#writer.readSglAddress(at);
    this.#unmapBlock(request, address, this.#writer.readSglLengthBytes(at), attrs);
  }

  #unmapBlock(request: NvmeRequest, addr: DmaAddr, sizeBytes: Bytes, attrs: number): void {
    this.#machine.dma.dmaUnmapPhys(this.#dev, addr, sizeBytes, opDirection(request.op), attrs);
  }
}
