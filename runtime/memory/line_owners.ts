/** Whose a cache line is: the CPU's, unless a driver has given it to a device. */
import { type Bytes, PAGE_SIZE_BYTES } from "../address.ts";
import { IntervalSet } from "./interval_set.ts";

/** Width of a cache line. */
export const CACHE_LINE_BYTES = 64;
export const PAGE_LINES = PAGE_SIZE_BYTES / CACHE_LINE_BYTES;

export class LineOwners {
  /** Numbers of the lines that are a device's. */
  readonly #devices = new IntervalSet();

  /** Gives every line that holds a byte of the span to the device, or takes it back. */
  set(phys: number, sizeBytes: Bytes, devices: boolean): void {
    const first = Math.floor(phys / CACHE_LINE_BYTES);
    const end = Math.ceil((phys + sizeBytes) / CACHE_LINE_BYTES);
    if (devices) this.#devices.add(first, end);
    else this.#devices.delete(first, end);
  }

  /** True when the line at an address is a device's. */
  isDevices(phys: number): boolean {
    return this.#devices.has(Math.floor(phys / CACHE_LINE_BYTES));
  }
}
