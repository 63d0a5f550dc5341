/** The controller's side of its PCIe link: everything it does to host memory goes through here. */
import type { DmaAddr } from "../../../runtime/address.ts";
import type { DeviceBus } from "../../../runtime/dma/bus_access.ts";
import type { DmaDevice } from "../../../runtime/dma/device.ts";
import { eventId } from "../../../runtime/event_vocabulary.ts";
import type { EventStream } from "../../../runtime/events.ts";

const NVME_WALK = eventId("nvme.walk");

/** What the controller needs of the bus. */
export type HostBus = Pick<DeviceBus, "read" | "write" | "faultWide">;

export class HostPort {
  readonly #bus: HostBus;

  constructor(readonly events: EventStream, readonly dev: DmaDevice, bus: HostBus) {
    this.#bus = bus;
  }

  /** Reads host memory. False when the access faulted; `into` is then not to be used. */
  read(dma: number, into: Uint8Array, offset: number, sizeBytes: number): boolean {
    return this.#bus.read(this.dev, dma, into, offset, sizeBytes);
  }

  /** Writes host memory. False when the access faulted and nothing was written. */
  write(dma: number, from: Uint8Array, offset: number, sizeBytes: number): boolean {
    return this.#bus.write(this.dev, dma, from, offset, sizeBytes);
  }

  /** An address of 2^53 or more was to be accessed: a fault, whatever the machine. */
  faultWide(access: "read" | "write"): void {
    this.#bus.faultWide(this.dev, access);
  }

  /** Records that one entry of a list was taken up. */
  walked(entry: number, dma: number): void {
    if (this.events.tick(NVME_WALK)) {
      this.events.emit(NVME_WALK, { entry, dma: dma as DmaAddr });
    }
  }
}
