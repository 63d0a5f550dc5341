/**
 * Reads, writes and compares blocks that carry protection information.
 *
 * Nothing of a command moves to where it belongs before all of it has been checked: a write with a
 * wrong tuple leaves the medium as it was, and a read of one leaves the host's memory.
 */
import type { DataPointer } from "../data/data_pointer.ts";
import type { HostTransfer } from "../data/host_transfer.ts";
import type { Media } from "./media.ts";
import {
  type Blocks,
  Protection,
  type ProtectionRequest,
  protectionRequest,
} from "./protection.ts";
import { RangeList } from "../data/range_list.ts";
import { NVM_OPCODE, STATUS } from "../specification.ts";

export class ProtectedBlocks {
  readonly #media: Media;
  readonly #pointer: DataPointer;
  readonly #transfer: HostTransfer;
  readonly #protection: Protection;
  readonly #metadata = new RangeList();

  constructor(media: Media, pointer: DataPointer, transfer: HostTransfer) {
    this.#media = media;
    this.#pointer = pointer;
    this.#transfer = transfer;
    this.#protection = new Protection(
      media.protectionType,
      media.blockSizeBytes,
      media.metadataBytes,
    );
  }

  /** Whether a command's protection fields can be at all. @returns 0 or a status. */
  check(command: DataView, lba: number): number {
    const request = protectionRequest(command);
    // PRACT would have a Compare make up the tuples that it is to compare.
    if (request.act && command.getUint8(0) === NVM_OPCODE.COMPARE) return STATUS.INVALID_FIELD;
    return this.#protection.validate(request, lba);
  }

  /** The command's metadata is the controller's alone. */
  isStripped(command: DataView): boolean {
    return this.#protection.isStripped(protectionRequest(command));
  }

  /** Does a read, write or compare whose data pointer has been resolved. */
  execute(command: DataView, lba: number, count: number, data: RangeList): number {
    const request = protectionRequest(command);
    switch (command.getUint8(0)) {
      case NVM_OPCODE.READ:
        return this.#read(command, request, lba, count, data);
      case NVM_OPCODE.WRITE:
        return this.#write(command, request, lba, count, data);
      default:
        return this.#compare(command, request, lba, count, data);
    }
  }

  /** Makes blocks zero, with tuples that say so where the command asks for them. */
  writeZeroes(command: DataView, lba: number, count: number): number {
    const request = protectionRequest(command);
    const status = this.#protection.validate(request, lba);
    if (status !== STATUS.SUCCESS) return status;
    const blocks = this.#empty(count);
    if (request.act) this.#protection.generate(request, blocks);
    this.#media.data.zero(lba * this.#media.blockSizeBytes, blocks.data.length);
    this.#media.metadata.write(
      lba * this.#media.metadataBytes,
      blocks.metadata,
      0,
      blocks.metadata.length,
    );
    return STATUS.SUCCESS;
  }

  #read(
    command: DataView,
    request: ProtectionRequest,
    lba: number,
    count: number,
    data: RangeList,
  ): number {
    const blocks = this.#stored(lba, count);
    let status = this.#protection.check(request, blocks);
    if (status !== STATUS.SUCCESS) return status;
    status = this.#transfer.send(blocks.data, data);
    if (status !== STATUS.SUCCESS || this.#protection.isStripped(request)) return status;
    status = this.#resolveMetadata(command, blocks, true);
    if (status !== STATUS.SUCCESS) return status;
    return this.#transfer.send(blocks.metadata, this.#metadata);
  }

  #write(
    command: DataView,
    request: ProtectionRequest,
    lba: number,
    count: number,
    data: RangeList,
  ): number {
    const blocks = this.#empty(count);
    let status = this.#receive(command, blocks, data, !this.#protection.isStripped(request));
    if (status !== STATUS.SUCCESS) return status;
    if (request.act) this.#protection.generate(request, blocks);
    else {
      status = this.#protection.check(request, blocks);
      if (status !== STATUS.SUCCESS) return status;
    }
    const { blockSizeBytes, metadataBytes, data: store, metadata } = this.#media;
    store.write(lba * blockSizeBytes, blocks.data, 0, blocks.data.length);
    metadata.write(lba * metadataBytes, blocks.metadata, 0, blocks.metadata.length);
    return STATUS.SUCCESS;
  }

  /** Tuples are judged by what the medium has; the rest has to be the same on both sides. */
  #compare(
    command: DataView,
    request: ProtectionRequest,
    lba: number,
    count: number,
    data: RangeList,
  ): number {
    const stored = this.#stored(lba, count);
    const given = this.#empty(count);
    let status = this.#receive(command, given, data, true);
    if (status !== STATUS.SUCCESS) return status;
    status = this.#protection.check(request, stored);
    if (status !== STATUS.SUCCESS) return status;
    const same = given.data.every((byte, index) => byte === stored.data[index]) &&
      this.#protection.sameBesideTuples(given.metadata, stored.metadata);
    return same ? STATUS.SUCCESS : STATUS.COMPARE_FAILURE;
  }

  /** Takes what the host has for the blocks. */
  #receive(command: DataView, blocks: Blocks, data: RangeList, withMetadata: boolean): number {
    let status = this.#transfer.receive(blocks.data, data);
    if (status !== STATUS.SUCCESS || !withMetadata) return status;
    status = this.#resolveMetadata(command, blocks, false);
    if (status !== STATUS.SUCCESS) return status;
    return this.#transfer.receive(blocks.metadata, this.#metadata);
  }

  #resolveMetadata(command: DataView, { metadata }: Blocks, toHost: boolean): number {
    return this.#pointer.metadata(command, metadata.length, toHost, this.#metadata);
  }

  #empty(count: number): Blocks {
    const { blockSizeBytes, metadataBytes } = this.#media;
    return {
      data: new Uint8Array(count * blockSizeBytes),
      metadata: new Uint8Array(count * metadataBytes),
    };
  }

  #stored(lba: number, count: number): Blocks {
    const { blockSizeBytes, metadataBytes, data, metadata } = this.#media;
    return {
      data: data.bytes(lba * blockSizeBytes, count * blockSizeBytes),
      metadata: metadata.bytes(lba * metadataBytes, count * metadataBytes),
    };
  }
}
