/** The controller's side of its PCIe link: everything it does to host memory goes through here. */
import { type DmaAddr, eventId, type EventStream, FAULT } from "@dmalab/runtime";
import type { DeviceBus, DmaDevice, EntryPage, PageMaker } from "@dmalab/runtime/dma";
import type { LocalMemory } from "./data/local_memory.ts";

const QUEUE_READ = FAULT["queue.read"];
const QUEUE_WRITE = FAULT["queue.write"];

const NVME_WALK = eventId("nvme.walk");

/** What the controller needs of the bus. */
export type HostBus = Pick<
  DeviceBus,
  "read" | "write" | "readWords" | "writeWords" | "writePage" | "faultWide"
>;

export class HostPort {
  readonly #bus: HostBus;
  /** Memory of the controller itself; null for one without. */
  readonly #local: LocalMemory | null;

  constructor(
    readonly events: EventStream,
    readonly dev: DmaDevice,
    bus: HostBus,
    local: LocalMemory | null = null,
  ) {
    this.#bus = bus;
    this.#local = local;
  }

  /** Reads host memory. False when the access faulted; `into` is then not to be used. */
  read(dma: number, into: Uint8Array, offset: number, sizeBytes: number): boolean {
    return this.#bus.read(this.dev, dma, into, offset, sizeBytes);
  }

  /** Writes host memory. False when the access faulted and nothing was written. */
  write(dma: number, from: Uint8Array, offset: number, sizeBytes: number): boolean {
    return this.#bus.write(this.dev, dma, from, offset, sizeBytes);
  }

  /** Writes a page of host memory that is made on the way. False when the access faulted. */
  writePage(dma: number, maker: PageMaker): boolean {
    return this.#bus.writePage(this.dev, dma, maker);
  }

  /** Reads a command from a queue. False when the access faulted. */
  fetch(dma: number, into: Int32Array, page: EntryPage | null = null): boolean {
    if (this.#local !== null && this.#local.readWords(dma, into)) return true;
    return this.#bus.readWords(this.dev, dma, into, QUEUE_READ, page);
  }

  /** Writes a result to a queue. False when the access faulted and nothing was written. */
  post(dma: number, from: Int32Array, page: EntryPage | null = null): boolean {
    return this.#bus.writeWords(this.dev, dma, from, QUEUE_WRITE, page);
  }

  /** An address of 2^53 or more was to be accessed: a fault, whatever the machine. */
  faultWide(access: "read" | "write", high: number): void {
    this.#bus.faultWide(this.dev, access, high);
  }

  /** Records that one entry of a list was taken up. */
  walked(entry: number, dma: number): void {
    if (this.events.tick(NVME_WALK)) {
      this.events.emit(NVME_WALK, { entry, dma: dma as DmaAddr });
    }
  }
}
