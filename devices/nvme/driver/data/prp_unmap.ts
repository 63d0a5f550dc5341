/**
 * Unmaps a request by its PRPs alone, as in June 2025: a defect.
 *
 * An entry stands for a page, a mapping for any number of them. Entries that follow each other are
 * taken for one mapping here, which is right as long as no two mappings are contiguous by chance.
 *
 * @see rules/defects.md, M1
 */
import type { Bytes, DmaAddr, Machine } from "@dmalab/runtime";
import { opDirection } from "@dmalab/runtime/block";
import type { DmaDevice } from "@dmalab/runtime/dma";
import type { DescriptorWriter } from "../command/descriptor_writer.ts";
import { ctrlPageOffset } from "./format_choice.ts";
import type { Iod } from "../command/iod.ts";
import type { NvmeRequest } from "../command/nvme_request.ts";
import { CTRL_PAGE_BYTES, PRPS_PER_PAGE } from "../protocol.ts";

export class PrpUnmap {
  readonly #machine: Machine;
  readonly #dev: DmaDevice;
  readonly #writer: DescriptorWriter;
  /** The run of entries at hand, and the bytes after it. */
  #start = 0;
  #runBytes: Bytes = 0;
  #leftBytes: Bytes = 0;

  constructor(machine: Machine, dev: DmaDevice, writer: DescriptorWriter) {
    this.#machine = machine;
    this.#dev = dev;
    this.#writer = writer;
  }

  /** Unmaps what the entries of the first `iod.totalBytes` bytes look like. */
  unmap(iod: Iod, request: NvmeRequest, attrs: number): void {
    this.#leftBytes = iod.totalBytes;
    this.#runBytes = 0;
    this.#add(request, iod.prp1, attrs);
    if (iod.nrDescriptors === 0) {
      if (this.#leftBytes > 0) this.#add(request, iod.prp2, attrs);
    } else this.#addLists(iod, request, attrs);
    this.#end(request, attrs);
  }

  #addLists(iod: Iod, request: NvmeRequest, attrs: number): void {
    for (let page = 0; page < iod.nrDescriptors; page++) {
      const { phys } = iod.descriptors[page]!;
      const entries = page + 1 < iod.nrDescriptors ? PRPS_PER_PAGE - 1 : PRPS_PER_PAGE;
      for (let index = 0; index < entries && this.#leftBytes > 0; index++) {
        this.#add(request, this.#writer.readPrp(phys, index), attrs);
      }
    }
  }

  /** Takes the next entry, as far as its page reaches, to the run or to a new one. */
  #add(request: NvmeRequest, entry: DmaAddr, attrs: number): void {
    const sizeBytes = Math.min(this.#leftBytes, CTRL_PAGE_BYTES - ctrlPageOffset(entry));
    if (this.#runBytes !== 0 && entry !== this.#start + this.#runBytes) this.#end(request, attrs);
    if (this.#runBytes === 0) this.#start = entry;
    this.#runBytes += sizeBytes;
    this.#leftBytes -= sizeBytes;
  }

  #end(request: NvmeRequest, attrs: number): void {
    if (this.#runBytes === 0) return;
    const dir = opDirection(request.op);
    this.#machine.dma.dmaUnmapPhys(
      this.#dev,
      this.#start as DmaAddr,
      this.#runBytes,
      dir,
      attrs,
    );
    this.#runBytes = 0;
  }
}
