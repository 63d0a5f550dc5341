/**
 * A request, the record of its tag, and its command.
 *
 * The record (`struct nvme_iod`) outlives the requests that use its tag, and only a part of it is
 * cleared between two requests. The kernel does the same, and some of its defects are caused by
 * this.
 *
 * @see rules/nvme.md 2.5, 4.2, 5.2 (byte offsets)
 */
import {
  type Bio,
  BIO_FLAG,
  BLK_STS,
  type BlkStatus,
  type BlockOp,
  BlockRequest,
  type Bytes,
  DMA_MAPPING_ERROR,
  type DmaAddr,
  type EventFields,
  foldedHigh,
  invariant,
  InvariantError,
  type PhysAddr,
  type PhysicalMemory,
  type QueueLimits,
  realHigh,
} from "@dmalab/runtime";
import {
  type DescriptorPool,
  DmaIovaState,
  type PoolBlock,
  type Scatterlist,
} from "@dmalab/runtime/dma";
import {
  CONTROL,
  CTRL_PAGE_BYTES,
  DSM_DEALLOCATE,
  DSM_PREFETCH,
  NVM_OPCODE,
  PRP_BYTES,
  PRPS_PER_PAGE,
  PSDT,
  SGL_DESCRIPTOR_BYTES,
  SGL_TYPE,
  SQE,
  SQE_BYTES,
} from "./protocol.ts";

const {
  CDW10,
  CDW11,
  CDW12,
  COMMAND_ID,
  FLAGS,
  MPTR,
  NSID,
  OPCODE,
  PRP1,
  PRP2,
  SGL_ADDRESS,
  SGL_LENGTH,
  SGL_TYPE: TYPE,
} = SQE;
const { READ, WRITE } = NVM_OPCODE;
const { PRP } = PSDT;
const { FUA, READ_AHEAD } = BIO_FLAG;

/** How a request's data was unmapped. @see rules/nvme.md 2.6 */
export type UnmapRule = EventFields<"nvme.unmap">["rule"];

/** @internal */
export class NvmeRequest extends BlockRequest {
  declare readonly limits: QueueLimits;
  admin = false;
  nsid = 1;
  /** A passthrough command's 64 bytes; the driver fills in the id and the data pointer. */
  template: Uint8Array | null = null;
  /**
   * Whether the data was described by PRPs or SGLs; null before it was described, and without data.
   */
  format: "prp" | "sgl" | null = null;
  /** How the last try unmapped the data; null before it has. */
  unmappedBy: UnmapRule | null = null;
  /** The controller's status field, without the phase bit. */
  nvmeStatus = 0;
  /** First dword of the completion. */
  result = 0;
  /** How often the request has found no resources since any command last completed. */
  starvedTries = 0;
  /** Number of commands that had completed when `starvedTries` was last set to 0. */
  starvedSince = -1;

  /** The record of the request's tag, while the request has a tag. */
  iod: Iod | null = null;
  /** The request's tag in the scheduler, from the request's submission to its end; -1 without a tag. */
  schedulerTag = -1;
  /** The memory that contains the request's lists, while the request is in flight. */
  memory: PhysicalMemory | null = null;
  /** The command's bytes, kept when the command completed; they begin at word `keptAt`. */
  keptWords: Int32Array | null = null;
  keptAt = 0;
  /** The kept command: made at completion if the command had lists, else at the first access. */
  #keptCommand: NvmeCommandView | null = null;

  constructor(device: string, op: BlockOp, bios: Bio[], limits: QueueLimits) {
    super(device, op, bios, limits);
  }

  /** The command as it was at completion, or null. */
  get keptCommand(): NvmeCommandView | null {
    if (this.#keptCommand === null && this.keptWords !== null) {
      const words = this.keptWords.slice(this.keptAt, this.keptAt + SQE_WORDS);
      this.#keptCommand = new NvmeCommandView(new Uint8Array(words.buffer), [], []);
    }
    return this.#keptCommand;
  }

  /**
   * Called before the request's command is built: for the first time, or again after a reset or a
   * retry. A kept copy of an earlier command becomes invalid.
   */
  beginTry(): void {
    this.mapped = false;
    this.unmappedBy = null;
    this.keptWords = null;
    this.#keptCommand = null;
  }

  /** Keeps a command together with its lists. */
  keep(command: NvmeCommandView): void {
    this.#keptCommand = command;
  }

  /**
   * The command with its lists: the command in the driver while the request is mapped. Afterwards a
   * copy, if the driver keeps copies.
   */
  get command(): NvmeCommandView | null {
    if (this.keptCommand !== null) return this.keptCommand;
    if (this.iod === null || this.memory === null || !this.mapped) return null;
    return viewCommand(this.iod, this.memory);
  }

  /**
   * Whether the request may be retried; passthrough commands and read-ahead fail at the first
   * error.
   */
  get mayRetry(): boolean {
    return this.template === null && !this.hasFlag(BIO_FLAG.USER | BIO_FLAG.READ_AHEAD);
  }
}

/** The two pools of a queue for descriptor lists. */
export interface DescriptorPools {
  /** Lists of up to 32 PRP entries or 16 SGL descriptors: 256 bytes. */
  readonly small: DescriptorPool;
  /** Longer lists: whole pages. */
  readonly large: DescriptorPool;
}

/** An array for the mappings of one request. */
export class DmaVecs {
  readonly #addrs: Float64Array;
  readonly #sizes: Float64Array;

  /** @param room Largest number of mappings. */
  constructor(room: number) {
    this.#addrs = new Float64Array(room);
    this.#sizes = new Float64Array(room);
  }

  set(index: number, addr: DmaAddr, sizeBytes: Bytes): void {
    const room = this.#addrs.length;
    invariant(index < room, `More than ${room} mappings of one request to save`);
    this.#addrs[index] = addr;
    this.#sizes[index] = sizeBytes;
  }

  addrAt(index: number): DmaAddr {
    return this.#addrs[index]! as DmaAddr;
  }

  sizeAt(index: number): Bytes {
    return this.#sizes[index]!;
  }
}

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
  /** The command, which is copied into the submission queue. */
  readonly sqe = new Uint8Array(SQE_BYTES);
  readonly view = new DataView(this.sqe.buffer);
  /** The same bytes as 32-bit words. */
  readonly words = new Int32Array(this.sqe.buffer);
  /** The two-step API's state for the data. Never cleared between requests. */
  readonly dmaState = new DmaIovaState();
  /** The two-step API's state for the metadata. Never cleared between requests. */
  readonly metaState = new DmaIovaState();
  /** The array of saved mappings, while a request uses one. */
  dmaVecs: DmaVecs | null = null;
  /** The scatterlist of a request, while it uses one (6.12). */
  dataList: Scatterlist | null = null;
  metaList: Scatterlist | null = null;
  /** Lists of the data, in chain order; only the first `nrDescriptors` belong to the request. */
  readonly descriptors: PoolBlock[] = [];
  /** The list of the metadata. Never cleared. */
  metaDescriptor: PoolBlock | null = null;
  /** Device address of the metadata, or of its list. Never cleared. */
  metaDma = 0 as DmaAddr;
  /** Bytes of metadata mapped by one call, with `SINGLE_META_SEGMENT`. */
  metaSingleBytes: Bytes = 0;
  request: NvmeRequest | null = null;
  /** Counts the tag's commands; its low four bits are part of the command id. */
  generation = 0;

  flags = 0;
  /** Number of descriptor lists; more than one form a chain of PRP pages. */
  nrDescriptors = 0;
  /** Bytes of data described in the command so far. */
  totalBytes: Bytes = 0;
  metaTotalBytes: Bytes = 0;
  /** Whether the request has metadata; set when its data is mapped. */
  hasMetadata = false;
  /** Mappings in `dmaVecs`. */
  nrDmaVecs = 0;

  /**
   * @param tag The driver's tag, which is part of the command id. With a scheduler, the record
   *   loses the tag when the command is done, and gets another tag for the next command.
   * @param pools The queue's pools for descriptor lists.
   */
  constructor(public tag: number, readonly pools: DescriptorPools) {}

  /** Called before every command. Clears only a part of the fields, as the kernel does. */
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

  /** Whether the command's own descriptor is a data block; else it points to a list. */
  get sglIsDataBlock(): boolean {
    return this.sqe[TYPE] === SGL_TYPE.DATA_BLOCK;
  }

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

  /** Whether the metadata pointer points to a list of descriptors. */
  get usesMetadataSgl(): boolean {
    return this.sqe[FLAGS] === PSDT.SGL_AND_METADATA_SGL;
  }

  /** Writes a pair of PRP entries as the data pointer. */
  setPrps(prp1: number, prp2: number): void {
    setU64(this.view, PRP1, prp1);
    setU64(this.view, PRP2, prp2);
  }

  /**
   * Writes an SGL descriptor as the data pointer. The descriptor's three reserved bytes keep the
   * values of the tag's last command, as captured commands show.
   */
  setSgl(address: DmaAddr, lengthBytes: Bytes, type: number): void {
    this.sqe[FLAGS] = PSDT.SGL;
    setU64(this.view, SGL_ADDRESS, address);
    this.view.setUint32(SGL_LENGTH, lengthBytes, true);
    this.sqe[TYPE] = type;
  }
}

/** Bytes of one range of a dataset management command. */
export const DSM_RANGE_BYTES = 16;

/** Writes opcode, id, namespace and the operation's own fields into the tag's command. */
export function setUpCommand(iod: Iod, request: NvmeRequest): void {
  const { sqe, view } = iod;
  switch (request.op) {
    case "read":
    case "write":
      setUpReadWrite(iod, request);
      break;
    case "flush":
      sqe.fill(0);
      sqe[OPCODE] = NVM_OPCODE.FLUSH;
      view.setUint32(NSID, request.nsid, true);
      break;
    case "write_zeroes":
      sqe.fill(0);
      sqe[OPCODE] = NVM_OPCODE.WRITE_ZEROES;
      setUpBlocks(view, request);
      break;
    case "discard":
      sqe.fill(0);
      sqe[OPCODE] = NVM_OPCODE.DATASET_MANAGEMENT;
      view.setUint32(NSID, request.nsid, true);
      view.setUint32(CDW10, request.bios.length - 1, true);
      view.setUint32(CDW11, DSM_DEALLOCATE, true);
      break;
    case "drv_in":
    case "drv_out":
      if (request.template === null) throw new InvariantError("A passthrough command has no bytes");
      sqe.set(request.template);
      break;
  }
  view.setUint16(COMMAND_ID, request.cid ?? 0, true);
}

/**
 * Sets up a read or write. The data pointer of the tag's last command, dwords 6 to 9, stays
 * unchanged. Fields are written as dwords, because half as many stores are measurably faster in
 * `nvme.read4k`.
 */
function setUpReadWrite({ words }: Iod, request: NvmeRequest): void {
  const { flags } = request.bios[0]!;
  const { lba } = request;
  let control = 0;
  let hint = 0;
  if ((flags & FUA) !== 0) control |= CONTROL.FORCE_UNIT_ACCESS;
  if ((flags & READ_AHEAD) !== 0) {
    control |= CONTROL.LIMITED_RETRY;
    hint = DSM_PREFETCH;
  }
  // The flags byte of PRPs is 0, so the opcode is the whole dword.
  words[0] = request.op === "read" ? READ : WRITE;
  words[1] = request.nsid;
  words[2] = 0;
  words[3] = 0;
  words[4] = 0;
  words[5] = 0;
  words[10] = lba;
  words[11] = lba / 2 ** 32;
  words[12] = lastBlock(request) & 0xffff | control << 16;
  words[13] = hint;
  words[14] = 0;
  words[15] = 0;
}

function setUpBlocks(view: DataView, request: NvmeRequest): void {
  view.setUint32(NSID, request.nsid, true);
  setU64(view, CDW10, request.lba);
  view.setUint32(CDW12, lastBlock(request), true);
}

/** The zero-based number of blocks, as used in commands. */
function lastBlock({ bytes, limits }: NvmeRequest): number {
  return bytes / limits.logicalBlockSizeBytes - 1;
}

/** One page, or part of a page, of PRP entries. */
interface PrpListPage {
  readonly dma: DmaAddr;
  /**
   * The entries as the device reads them. If another page follows a full page, the last entry of
   * the full page is the link to it.
   */
  readonly entries: readonly DmaAddr[];
}

export interface SglDescriptor {
  /** Type byte: 0x00 data block, 0x30 last segment. */
  readonly type: number;
  readonly address: DmaAddr;
  readonly sizeBytes: Bytes;
}

export class NvmeCommandView {
  readonly #view: DataView;

  /**
   * @param bytes The 64 bytes of the command.
   * @param prpLists Pages of the PRP list in chain order; empty if two entries were enough.
   * @param sglList The descriptors of the list to which the command's descriptor points; empty if
   *   the command's descriptor is a data block.
   * @param metadataSgl The descriptors to which the metadata pointer points; empty if it points to
   *   the metadata itself.
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

  /** The descriptor in the command itself. Only meaningful for SGL commands. */
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

/** Copies a live command and reads its lists, which must still belong to the command. */
export function viewCommand(iod: Iod, memory: PhysicalMemory): NvmeCommandView {
  const bytes = iod.sqe.slice();
  const metadata = iod.usesMetadataSgl && !isByHand(iod) ? readMetadataSgl(iod, memory) : [];
  if (iod.nrDescriptors === 0) return new NvmeCommandView(bytes, [], [], metadata);
  return iod.usesSgl
    ? new NvmeCommandView(bytes, [], readSglList(iod, memory), metadata)
    : new NvmeCommandView(bytes, readPrpLists(iod, memory), []);
}

/**
 * Whether a command was written by hand. Such a command may refer to descriptors that the driver
 * has not made.
 */
function isByHand({ request }: Iod): boolean {
  return request !== null && request.template !== null && !request.hasMetadata;
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
  const { phys } = iod.descriptors[0]!;
  return readDescriptors(phys, iod.sglLengthBytes / SGL_DESCRIPTOR_BYTES, memory);
}

/**
 * The descriptors of metadata: a single data block, or the segment descriptor and the data blocks
 * after it.
 */
function readMetadataSgl(iod: Iod, memory: PhysicalMemory): SglDescriptor[] {
  const { phys } = iod.metaDescriptor!;
  const [first] = readDescriptors(phys, 1, memory);
  if (first!.type === SGL_TYPE.DATA_BLOCK) return [first!];
  return readDescriptors(phys, 1 + first!.sizeBytes / SGL_DESCRIPTOR_BYTES, memory);
}

function readDescriptors(phys: PhysAddr, count: number, memory: PhysicalMemory): SglDescriptor[] {
  const list: SglDescriptor[] = [];
  for (let index = 0; index < count; index++) {
    const at = (phys + index * SGL_DESCRIPTOR_BYTES) as PhysAddr;
    list.push({
      type: memory.readU32((at + 12) as PhysAddr) >>> 24,
      address: readListedAddress(memory, at),
      sizeBytes: memory.readU32((at + 8) as PhysAddr),
    });
  }
  return list;
}

const SQE_WORDS = SQE_BYTES / 4;
/**
 * Number of commands in an array. A command that is still referenced keeps its whole array in
 * memory.
 */
const COMMANDS_PER_ARRAY = 64;

/**
 * Keeps the bytes of completed commands for later queries.
 *
 * Most commands are never queried, so keeping them must cost almost nothing. Therefore one array
 * holds the bytes of many commands. A separate array and view for each command took a third of a
 * request's whole time.
 */
export class CommandArchive {
  #words = new Int32Array(0);
  #usedWords = 0;

  /** Copies a command and notes the copy's place in the request. */
  keep(request: Pick<NvmeRequest, "keptAt" | "keptWords">, command: Int32Array): void {
    if (this.#usedWords === this.#words.length) {
      this.#words = new Int32Array(COMMANDS_PER_ARRAY * SQE_WORDS);
      this.#usedWords = 0;
    }
    const words = this.#words;
    const at = this.#usedWords;
    for (let index = 0; index < SQE_WORDS; index++) words[at + index] = command[index]!;
    request.keptWords = words;
    request.keptAt = at;
    this.#usedWords = at + SQE_WORDS;
  }
}

/** The smallest upper half of a 64-bit value that a number cannot hold exactly (2^53 or more). */
const WIDE_HALF = 2 ** 21;

/** Writes a number below 2^53 as 64 bits. */
export function setU64(view: DataView, offset: number, value: number): void {
  // A 32-bit field takes the low half of any integer. Computing the low half with `%` would be ten
  // times slower for numbers of this size.
  view.setUint32(offset, value, true);
  view.setUint32(offset + 4, realHigh(value / 2 ** 32), true);
}

/** Reads 64 bits as a number; exact below 2^53, which includes all addresses that a driver writes. */
export function getU64(view: DataView, offset: number): number {
  return foldedHigh(view.getUint32(offset + 4, true)) * 2 ** 32 + view.getUint32(offset, true);
}

/**
 * Reads an address from a list. A misbehaving device may have written any value there. A value that
 * is too large for a number is returned as `DMA_MAPPING_ERROR`.
 */
export function readListedAddress(memory: PhysicalMemory, phys: PhysAddr): DmaAddr {
  const high = foldedHigh(memory.readU32((phys + 4) as PhysAddr));
  if (high >= WIDE_HALF) return DMA_MAPPING_ERROR;
  return (high * 2 ** 32 + memory.readU32(phys)) as DmaAddr;
}

/** Mask for status code type and status code. */
const CODE_MASK = 0x7ff;

const STATUSES = new Map<number, BlkStatus>([
  [0x000, BLK_STS.OK],
  [0x081, BLK_STS.NOSPC],
  [0x080, BLK_STS.TARGET],
  [0x021, BLK_STS.TARGET],
  [0x082, BLK_STS.TARGET],
  [0x180, BLK_STS.NOTSUPP],
  [0x001, BLK_STS.NOTSUPP],
  [0x002, BLK_STS.NOTSUPP],
  [0x00b, BLK_STS.NOTSUPP],
  [0x280, BLK_STS.MEDIUM],
  [0x281, BLK_STS.MEDIUM],
  [0x285, BLK_STS.MEDIUM],
  [0x286, BLK_STS.MEDIUM],
  [0x287, BLK_STS.MEDIUM],
  [0x182, BLK_STS.MEDIUM],
  [0x282, BLK_STS.PROTECTION],
  [0x283, BLK_STS.PROTECTION],
  [0x284, BLK_STS.PROTECTION],
  [0x181, BLK_STS.PROTECTION],
  [0x083, BLK_STS.RESV_CONFLICT],
  [0x370, BLK_STS.TRANSPORT],
  [0x1bd, BLK_STS.ZONE_ACTIVE_RESOURCE],
  [0x1be, BLK_STS.ZONE_OPEN_RESOURCE],
]);

/**
 * The block status of a completion.
 * @param status The 15-bit status field, phase bit shifted out.
 */
export function blockStatusOf(status: number): BlkStatus {
  if (status === 0) return BLK_STS.OK;
  return STATUSES.get(status & CODE_MASK) ?? BLK_STS.IOERR;
}
