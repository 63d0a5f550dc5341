/**
 * What the driver keeps for each tag of a queue, or of the scheduler in front of it: the command and
 * how its data was mapped.
 *
 * A tag's record outlives the requests that use it, and not all of it is cleared in between; that
 * is how the kernel does it and where some of its defects come from.
 *
 * @see rules/nvme.md 2.5
 */
import type { Bytes, DmaAddr } from "@dmalab/runtime";
import { DmaIovaState, type PoolBlock, type Scatterlist } from "@dmalab/runtime/dma";
import type { DescriptorPools } from "./descriptor_pools.ts";
import type { DmaVecs } from "../data/dma_vec_pool.ts";
import { getU64, setU64 } from "./fields.ts";
import type { NvmeRequest } from "./nvme_request.ts";
import { PSDT, SGL_TYPE, SQE, SQE_BYTES } from "../protocol.ts";

const { FLAGS, MPTR, PRP1, PRP2, SGL_ADDRESS, SGL_LENGTH, SGL_TYPE: TYPE } = SQE;
const { PRP } = PSDT;

/** Bits of `Iod.flags`, with the kernel's numbers. */
export const IOD_FLAG = {
  ABORTED: 0x01,
  SMALL_DESCRIPTOR: 0x02,
  SINGLE_SEGMENT: 0x04,
  DATA_P2P: 0x08,
  META_P2P: 0x10,
  DATA_MMIO: 0x20,
  META_MMIO: 0x40,
  SINGLE_META_SEGMENT: 0x80,
} as const;

export class Iod {
  /** The command, as it goes into the submission queue. */
  readonly sqe = new Uint8Array(SQE_BYTES);
  readonly view = new DataView(this.sqe.buffer);
  /** The same bytes in words of 32 bits. */
  readonly words = new Int32Array(this.sqe.buffer);
  /** Never cleared between requests. */
  readonly dmaState = new DmaIovaState();
  /** Never cleared between requests. */
  readonly metaState = new DmaIovaState();
  /** The array of saved mappings while a request has one. */
  dmaVecs: DmaVecs | null = null;
  /** The scatterlists of a request while it has them (6.12). */
  dataList: Scatterlist | null = null;
  metaList: Scatterlist | null = null;
  /** Lists of the data, in chain order; the first `nrDescriptors` are the request's. */
  readonly descriptors: PoolBlock[] = [];
  /** The list of the metadata. Never cleared. */
  metaDescriptor: PoolBlock | null = null;
  /** Where the device finds the metadata: the memory, or the list of it. Never cleared. */
  metaDma = 0 as DmaAddr;
  /** Bytes mapped by the one call that `SINGLE_META_SEGMENT` stands for. */
  metaSingleBytes: Bytes = 0;
  request: NvmeRequest | null = null;
  /** Counts the tag's commands; its low four bits are part of the command id. */
  generation = 0;

  flags = 0;
  /** Descriptor lists taken: more than one is a chain of PRP pages. */
  nrDescriptors = 0;
  /** Bytes of data put into the command so far. */
  totalBytes: Bytes = 0;
  metaTotalBytes: Bytes = 0;
  /** Mappings in `dmaVecs`. */
  nrDmaVecs = 0;

  /**
   * @param tag The driver's tag that is in its command's id. A scheduler's records lose theirs when
   * the command is done, and get another one for the next.
   * @param pools Where its queue takes descriptor lists from.
   */
  constructor(public tag: number, readonly pools: DescriptorPools) {}

  /** What every preparation clears. */
  reset(): void {
    this.flags = 0;
    this.nrDescriptors = 0;
    this.totalBytes = 0;
    this.metaTotalBytes = 0;
    this.nrDmaVecs = 0;
  }

  hasFlag(flag: number): boolean {
    return (this.flags & flag) !== 0;
  }

  get usesSgl(): boolean {
    return this.sqe[FLAGS] !== PRP;
  }

  get prp1(): DmaAddr {
    return getU64(this.view, PRP1) as DmaAddr;
  }

  get prp2(): DmaAddr {
    return getU64(this.view, PRP2) as DmaAddr;
  }

  get sglAddress(): DmaAddr {
    return getU64(this.view, SGL_ADDRESS) as DmaAddr;
  }

  get sglLengthBytes(): Bytes {
    return this.view.getUint32(SGL_LENGTH, true);
  }

  /** The command's own descriptor is a data block; else it points to a list. */
  get sglIsDataBlock(): boolean {
    return this.sqe[TYPE] === SGL_TYPE.DATA_BLOCK;
  }

  /** Puts the metadata pointer into the command. */
  setMetadataPointer(dma: DmaAddr): void {
    this.metaDma = dma;
    setU64(this.view, MPTR, dma);
  }

  /** Puts the address of a list of metadata descriptors into the command. */
  setMetadataList(block: PoolBlock): void {
    this.sqe[FLAGS] = PSDT.SGL_AND_METADATA_SGL;
    this.metaDescriptor = block;
    this.setMetadataPointer(block.dma);
  }

  /** The metadata pointer points to a list of descriptors. */
  get usesMetadataSgl(): boolean {
    return this.sqe[FLAGS] === PSDT.SGL_AND_METADATA_SGL;
  }

  /** Makes the data pointer a pair of PRP entries. */
  setPrps(prp1: number, prp2: number): void {
    setU64(this.view, PRP1, prp1);
    setU64(this.view, PRP2, prp2);
  }

  /**
   * Makes the data pointer an SGL descriptor. Its three reserved bytes keep what the tag's last
   * command left there, as captured commands show.
   */
  setSgl(address: DmaAddr, lengthBytes: Bytes, type: number): void {
    this.sqe[FLAGS] = PSDT.SGL;
    setU64(this.view, SGL_ADDRESS, address);
    this.view.setUint32(SGL_LENGTH, lengthBytes, true);
    this.sqe[TYPE] = type;
  }
}
