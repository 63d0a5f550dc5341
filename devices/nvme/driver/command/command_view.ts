/** A decoded command: the 64 bytes with the lists they point to. */
import type { Bytes, DmaAddr, PhysAddr } from "@dmalab/runtime";
import type { PhysicalMemory } from "@dmalab/runtime/memory";
import { getU64, readListedAddress } from "./fields.ts";
import type { Iod } from "./iod.ts";
import {
  CTRL_PAGE_BYTES,
  PRP_BYTES,
  PRPS_PER_PAGE,
  PSDT,
  SGL_DESCRIPTOR_BYTES,
  SGL_TYPE,
  SQE,
} from "../protocol.ts";

/** One page, or part of a page, of PRP entries. */
export interface PrpListPage {
  readonly dma: DmaAddr;
  /** As the device reads them: the last of a full page that is followed by another leads there. */
  readonly entries: readonly DmaAddr[];
}

export interface SglDescriptor {
  /** Type byte: 0x00 data block, 0x30 last segment. */
  readonly type: number;
  readonly address: DmaAddr;
  readonly sizeBytes: Bytes;
}

/** Reads a command in flight, with its lists. */
export interface CommandViewer {
  viewCommand(iod: Iod): NvmeCommandView;
}

export class NvmeCommandView {
  readonly #view: DataView;

  /**
   * @param bytes The 64 bytes of the command.
   * @param prpLists Pages of the PRP list in chain order; none when two entries were enough.
   * @param sglList The descriptors of the list that the command's own one points to; none when it
   * is a data block itself.
   * @param metadataSgl The descriptors that the metadata pointer points to; none when it points to
   * the metadata.
   */
  constructor(
    readonly bytes: Uint8Array,
    readonly prpLists: readonly PrpListPage[],
    readonly sglList: readonly SglDescriptor[],
    readonly metadataSgl: readonly SglDescriptor[] = [],
  ) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get format(): "prp" | "sgl" {
    return this.bytes[SQE.FLAGS] === PSDT.PRP ? "prp" : "sgl";
  }

  get opcode(): number {
    return this.bytes[SQE.OPCODE]!;
  }

  get cid(): number {
    return this.#view.getUint16(SQE.COMMAND_ID, true);
  }

  get prp1(): DmaAddr {
    return getU64(this.#view, SQE.PRP1) as DmaAddr;
  }

  get prp2(): DmaAddr {
    return getU64(this.#view, SQE.PRP2) as DmaAddr;
  }

  get mptr(): DmaAddr {
    return getU64(this.#view, SQE.MPTR) as DmaAddr;
  }

  /** Data entries of the PRP list, without the links between its pages. */
  get prpList(): readonly DmaAddr[] {
    return this.prpLists.flatMap((page, index) =>
      index + 1 < this.prpLists.length ? page.entries.slice(0, -1) : page.entries
    );
  }

  /** The descriptor in the command itself. Meaningful for SGL commands only. */
  get sglOfCommand(): SglDescriptor {
    return {
      type: this.bytes[SQE.SGL_TYPE]!,
      address: getU64(this.#view, SQE.SGL_ADDRESS) as DmaAddr,
      sizeBytes: this.#view.getUint32(SQE.SGL_LENGTH, true),
    };
  }

  /** The data descriptors: those of the list, else the one in the command. Empty for PRPs. */
  get sgl(): readonly SglDescriptor[] {
    if (this.format === "prp") return [];
    return this.sglList.length > 0 ? this.sglList : [this.sglOfCommand];
  }
}

/** Copies a live command and reads its lists. Needs the lists still to be the command's. */
export function viewCommand(iod: Iod, memory: PhysicalMemory): NvmeCommandView {
  const bytes = iod.sqe.slice();
  const metadata = iod.usesMetadataSgl && !isByHand(iod) ? readMetadataSgl(iod, memory) : [];
  if (iod.nrDescriptors === 0) return new NvmeCommandView(bytes, [], [], metadata);
  return iod.usesSgl
    ? new NvmeCommandView(bytes, [], readSglList(iod, memory), metadata)
    : new NvmeCommandView(bytes, readPrpLists(iod, memory), []);
}

/** A command written by hand may say that it has descriptors: the driver has made none for it. */
function isByHand({ request }: Iod): boolean {
  return request !== null && request.template !== null && request.nrIntegritySegments === 0;
}

function readPrpLists(iod: Iod, memory: PhysicalMemory): PrpListPage[] {
  const firstBytes = CTRL_PAGE_BYTES - (iod.prp1 % CTRL_PAGE_BYTES);
  let dataEntries = Math.ceil((iod.totalBytes - firstBytes) / CTRL_PAGE_BYTES);
  const pages: PrpListPage[] = [];
  let dma = iod.prp2;
  for (let page = 1; page <= iod.nrDescriptors; page++) {
    const last = page === iod.nrDescriptors;
    const count = last ? dataEntries : PRPS_PER_PAGE;
    const entries: DmaAddr[] = [];
    const { phys } = iod.descriptors[page - 1]!;
    for (let index = 0; index < count; index++) {
      entries.push(readListedAddress(memory, (phys + index * PRP_BYTES) as PhysAddr));
    }
    pages.push({ dma, entries });
    dataEntries -= PRPS_PER_PAGE - 1;
    if (!last) dma = entries[PRPS_PER_PAGE - 1]!;
  }
  return pages;
}

function readSglList(iod: Iod, memory: PhysicalMemory): SglDescriptor[] {
  if (iod.nrDescriptors === 0) return [];
  const { phys } = iod.descriptors[0]!;
  return readDescriptors(phys, iod.sglLengthBytes / SGL_DESCRIPTOR_BYTES, memory);
}

/** One data block by itself, or the descriptor that points to several, and those. */
function readMetadataSgl(iod: Iod, memory: PhysicalMemory): SglDescriptor[] {
  const { phys } = iod.metaDescriptor!;
  const [first] = readDescriptors(phys, 1, memory);
  if (first!.type === SGL_TYPE.DATA_BLOCK) return [first!];
  return readDescriptors(phys, 1 + first!.sizeBytes / SGL_DESCRIPTOR_BYTES, memory);
}

function readDescriptors(phys: PhysAddr, count: number, memory: PhysicalMemory): SglDescriptor[] {
  return Array.from({ length: count }, (_, index) => {
    const at = (phys + index * SGL_DESCRIPTOR_BYTES) as PhysAddr;
    return {
      type: memory.readU32((at + 12) as PhysAddr) >>> 24,
      address: readListedAddress(memory, at),
      sizeBytes: memory.readU32((at + 8) as PhysAddr),
    };
  });
}
