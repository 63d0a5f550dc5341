/** Writes PRP entries and SGL descriptors where the device will read them, and says so. */
import {
  type Bytes,
  type DmaAddr,
  eventId,
  type EventStream,
  type PhysAddr,
} from "@dmalab/runtime";
import type { PhysicalMemory } from "@dmalab/runtime/memory";
import { readListedAddress } from "./fields.ts";
import type { Iod } from "./iod.ts";
import { PRP_BYTES, SGL_TYPE } from "../protocol.ts";

const NVME_PRP = eventId("nvme.prp");
const NVME_SGL = eventId("nvme.sgl");

/** Index of PRP1 and PRP2 in `nvme.prp`. */
const PRP1_INDEX = -1;
const PRP2_INDEX = -2;

export class DescriptorWriter {
  readonly #events: EventStream;
  readonly #memory: PhysicalMemory;

  constructor(events: EventStream, memory: PhysicalMemory) {
    this.#events = events;
    this.#memory = memory;
  }

  /** Puts the two PRP entries into the command. */
  commandPrps(iod: Iod, prp1: number, prp2: number): void {
    iod.setPrps(prp1, prp2);
    const events = this.#events;
    if (events.tick(NVME_PRP)) {
      events.emit(NVME_PRP, { index: PRP1_INDEX, entry: prp1 as DmaAddr, list_page: null });
    }
    if (prp2 === 0) return;
    if (events.tick(NVME_PRP)) {
      events.emit(NVME_PRP, { index: PRP2_INDEX, entry: prp2 as DmaAddr, list_page: null });
    }
  }

  /**
   * Writes one entry of a PRP list.
   *
   * @param pagePhys The list page in host memory.
   * @param page Number of the list page, from 0.
   * @param index Entry in that page.
   */
  listPrp(pagePhys: PhysAddr, page: number, index: number, entry: DmaAddr): void {
    this.#memory.writeU64((pagePhys + index * PRP_BYTES) as PhysAddr, entry);
    if (this.#events.tick(NVME_PRP)) {
      this.#events.emit(NVME_PRP, { index, entry, list_page: page });
    }
  }

  /** Reads one entry of a PRP list back. */
  readPrp(pagePhys: PhysAddr, index: number): DmaAddr {
    return readListedAddress(this.#memory, (pagePhys + index * PRP_BYTES) as PhysAddr);
  }

  /** Puts the data's SGL descriptor into the command. */
  commandSgl(iod: Iod, address: DmaAddr, lengthBytes: Bytes, type: number): void {
    iod.setSgl(address, lengthBytes, type);
    this.#report(type, address, lengthBytes);
  }

  listSgl(descriptorPhys: PhysAddr, address: DmaAddr, lengthBytes: Bytes): void {
    this.#write(descriptorPhys, address, lengthBytes, SGL_TYPE.DATA_BLOCK);
  }

  /** Writes the descriptor that points to the data blocks of metadata. */
  listLastSegment(descriptorPhys: PhysAddr, address: DmaAddr, lengthBytes: Bytes): void {
    this.#write(descriptorPhys, address, lengthBytes, SGL_TYPE.LAST_SEGMENT);
  }

  /** Reads the type byte of a descriptor back. */
  readSglType(descriptorPhys: PhysAddr): number {
    return this.#memory.readU32((descriptorPhys + 12) as PhysAddr) >>> 24;
  }

  /** Reads the address of a descriptor back. */
  readSglAddress(descriptorPhys: PhysAddr): DmaAddr {
    return readListedAddress(this.#memory, descriptorPhys);
  }

  /** Reads the length of a descriptor back. */
  readSglLengthBytes(descriptorPhys: PhysAddr): Bytes {
    return this.#memory.readU32((descriptorPhys + 8) as PhysAddr);
  }

  #write(descriptorPhys: PhysAddr, address: DmaAddr, lengthBytes: Bytes, type: number): void {
    this.#memory.writeU64(descriptorPhys, address);
    this.#memory.writeU32((descriptorPhys + 8) as PhysAddr, lengthBytes);
    this.#memory.writeU32((descriptorPhys + 12) as PhysAddr, type * 0x100_0000);
    this.#report(type, address, lengthBytes);
  }

  #report(type: number, address: DmaAddr, lengthBytes: Bytes): void {
    if (this.#events.tick(NVME_SGL)) {
      const word = type === SGL_TYPE.DATA_BLOCK ? "data_block" : "last_segment";
      this.#events.emit(NVME_SGL, { type: word, address, length_bytes: lengthBytes });
    }
  }
}
