/** The NVM command set: commands that read, write and deallocate blocks (section 6). */
import type { Bytes, DmaAddr } from "@dmalab/runtime";
import { type DataPointer, RangeList } from "./data_pointer.ts";
import type { HostTransfer } from "./host_port.ts";
import type { Media, PatternStore } from "./media.ts";
import { NVM_OPCODE, STATUS, WIDE_HALF } from "./specification.ts";

const { SUCCESS } = STATUS;
const { COMPARE, DATASET_MANAGEMENT, FLUSH, READ, WRITE, WRITE_ZEROES } = NVM_OPCODE;
const WIDE = WIDE_HALF;

const NAMESPACE_ID = 1;
const ALL_NAMESPACES = 0xffff_ffff;
/**
 * Size of a range of Dataset Management. A range has attributes, a length in blocks, and a first
 * block.
 */
const DSM_RANGE_BYTES = 16;
const DSM_DEALLOCATE = 0x4;

/** The result of resolving a command's pointers. */
export interface ResolvedCommand {
  /** 0, or the status with which the command would be refused. */
  readonly status: number;
  /** Data ranges in order, as far as they were resolved. */
  readonly ranges: [dma: DmaAddr, lengthBytes: number][];
  readonly metadataRanges: [dma: DmaAddr, lengthBytes: number][];
}

export class NvmCommands {
  readonly #media: Media;
  readonly #pointer: DataPointer;
  readonly #transfer: HostTransfer;
  /** Largest data transfer of a command; Infinity without a limit. */
  readonly #maxTransferBytes: number;
  readonly #data = new RangeList();
  readonly #metadata = new RangeList();

  constructor(
    media: Media,
    pointer: DataPointer,
    transfer: HostTransfer,
    maxTransferBytes: number,
  ) {
    this.#media = media;
    this.#pointer = pointer;
    this.#transfer = transfer;
    this.#maxTransferBytes = maxTransferBytes;
  }

  /** Executes one command and returns its status. */
  execute(command: DataView): number {
    const opcode = command.getUint8(0);
    // Almost all commands are reads and writes, so the others are handled in a separate function.
    if (opcode !== READ && opcode !== WRITE && opcode !== COMPARE) {
      return this.#executeOther(opcode, command);
    }
    if (command.getUint32(4, true) !== NAMESPACE_ID) return STATUS.INVALID_NAMESPACE;
    const lba = firstBlock(command, 40);
    const toHost = opcode === READ;
    let status = this.#resolveData(command, lba, toHost);
    if (status !== SUCCESS) return status;
    const media = this.#media;
    status = this.#move(opcode, media.data, lba * media.blockSizeBytes, this.#data);
    if (status !== SUCCESS || media.metadataBytes === 0) return status;
    // Like the captured controller, this resolves the metadata after the data has moved. Therefore
    // a command that fails because of its metadata has transferred its data (tests/golden/defects,
    // ptshort).
    status = this.#resolveMetadata(command, toHost);
    if (status !== SUCCESS) return status;
    return this.#move(opcode, media.metadata, lba * media.metadataBytes, this.#metadata);
  }

  #executeOther(opcode: number, command: DataView): number {
    const namespaceId = command.getUint32(4, true);
    if (opcode === FLUSH) {
      // Nothing to do: every write goes to the medium at once.
      return namespaceId === NAMESPACE_ID || namespaceId === ALL_NAMESPACES
        ? SUCCESS
        : STATUS.INVALID_NAMESPACE;
    }
    if (!isKnown(opcode)) return STATUS.INVALID_OPCODE;
    if (namespaceId !== NAMESPACE_ID) return STATUS.INVALID_NAMESPACE;
    if (opcode === DATASET_MANAGEMENT) return this.#datasetManagement(command);
    return this.#writeZeroes(command);
  }

  #writeZeroes(command: DataView): number {
    const lba = firstBlock(command, 40);
    const blocks = blockCount(command);
    if (lba + blocks > this.#media.blockCount) return STATUS.LBA_OUT_OF_RANGE;
    this.#media.zeroBlocks(lba, blocks);
    return SUCCESS;
  }

  /** Resolves a command's pointers like `execute`, without moving data. */
  resolve(command: DataView): ResolvedCommand {
    this.#data.clear();
    this.#metadata.clear();
    const opcode = command.getUint8(0);
    let status: number = SUCCESS;
    if (!isKnown(opcode) && opcode !== FLUSH) status = STATUS.INVALID_OPCODE;
    else if (opcode === DATASET_MANAGEMENT) status = this.#resolveRanges(command);
    else if (opcode !== FLUSH && opcode !== WRITE_ZEROES) {
      const toHost = opcode === READ;
      status = this.#resolveData(command, firstBlock(command, 40), toHost);
      if (status === SUCCESS && this.#media.metadataBytes > 0) {
        status = this.#resolveMetadata(command, toHost);
      }
    }
    return { status, ranges: this.#data.pairs(), metadataRanges: this.#metadata.pairs() };
  }

  /** Checks a read, write or compare and resolves its data pointer. */
  #resolveData(command: DataView, lba: number, toHost: boolean): number {
    let status = this.#pointer.check(command);
    if (status === SUCCESS && this.#media.metadataBytes > 0) {
      status = this.#pointer.checkMetadata(command);
    }
    if (status !== SUCCESS) return status;
    const blocks = blockCount(command);
    const dataBytes = blocks * this.#media.blockSizeBytes;
    if (dataBytes > this.#maxTransferBytes) return STATUS.INVALID_FIELD;
    if (lba + blocks > this.#media.blockCount) return STATUS.LBA_OUT_OF_RANGE;
    return this.#pointer.data(command, dataBytes, toHost, this.#data);
  }

  #resolveMetadata(command: DataView, toHost: boolean): number {
    const metadataBytes = blockCount(command) * this.#media.metadataBytes;
    return this.#pointer.metadata(command, metadataBytes, toHost, this.#metadata);
  }

  #move(opcode: number, store: PatternStore, at: Bytes, ranges: RangeList): number {
    switch (opcode) {
      case READ:
        return this.#transfer.sendStored(store, at, ranges);
      case WRITE:
        return this.#transfer.receiveStored(store, at, ranges);
      default:
        return this.#transfer.compareStored(store, at, ranges);
    }
  }

  #resolveRanges(command: DataView): number {
    const status = this.#pointer.check(command);
    if (status !== SUCCESS) return status;
    const count = command.getUint8(40) + 1;
    return this.#pointer.data(command, count * DSM_RANGE_BYTES, false, this.#data);
  }

  /** Reads the list of ranges, checks the whole list, then deallocates if requested. */
  #datasetManagement(command: DataView): number {
    let status = this.#resolveRanges(command);
    if (status !== SUCCESS) return status;
    const list = new Uint8Array(this.#data.totalBytes);
    status = this.#transfer.receive(list, this.#data);
    if (status !== SUCCESS) return status;
    const view = new DataView(list.buffer);
    for (let at = 0; at < list.length; at += DSM_RANGE_BYTES) {
      const end = firstBlock(view, at + 8) + view.getUint32(at + 4, true);
      if (end > this.#media.blockCount) return STATUS.LBA_OUT_OF_RANGE;
    }
    if ((command.getUint32(44, true) & DSM_DEALLOCATE) === 0) return SUCCESS;
    for (let at = 0; at < list.length; at += DSM_RANGE_BYTES) {
      this.#media.zeroBlocks(firstBlock(view, at + 8), view.getUint32(at + 4, true));
    }
    return SUCCESS;
  }
}

/** The first block of a command that moves blocks; null for any other. */
export function blockOf(command: DataView): number | null {
  const opcode = command.getUint8(0);
  return opcode === READ || opcode === WRITE || opcode === COMPARE ? firstBlock(command, 40) : null;
}

function isKnown(opcode: number): boolean {
  return opcode === READ || opcode === WRITE ||
    opcode === COMPARE || opcode === WRITE_ZEROES ||
    opcode === DATASET_MANAGEMENT;
}

/**
 * A 64-bit block address. An address that a number cannot hold exactly is returned as Infinity,
 * which is beyond the end of every disk.
 */
function firstBlock(view: DataView, at: number): number {
  const high = view.getUint32(at + 4, true);
  return high < WIDE ? high * 2 ** 32 + view.getUint32(at, true) : Infinity;
}

/** The number of blocks; the field is zero-based. */
function blockCount(command: DataView): number {
  return command.getUint16(48, true) + 1;
}
