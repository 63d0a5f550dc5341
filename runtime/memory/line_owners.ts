/**
 * Whose a cache line is: the CPU's, unless a driver has given it to a device.
 *
 * Kept by page. Pages that are given away as a whole, which is most of them, share one table.
 */
import { type Bytes, PAGE_SIZE_BYTES } from "../address.ts";

/** Width of a cache line. */
export const CACHE_LINE_BYTES = 64;
/** Lines of a page. */
export const PAGE_LINES = PAGE_SIZE_BYTES / CACHE_LINE_BYTES;
/** Stands for every page of which the device has all lines. Never written. */
const ALL_LINES = new Uint8Array(PAGE_LINES).fill(1);

export class LineOwners {
  /** By page number: 1 for each line that is a device's. */
  readonly #pages = new Map<number, Uint8Array>();

  /** Gives every line that holds a byte of the span to the device, or takes it back. */
  set(phys: number, sizeBytes: Bytes, devices: boolean): void {
    const last = Math.ceil((phys + sizeBytes) / CACHE_LINE_BYTES);
    let line = Math.floor(phys / CACHE_LINE_BYTES);
    while (line < last) {
      const page = Math.floor(line / PAGE_LINES);
      const next = Math.min(last, (page + 1) * PAGE_LINES);
      this.#setPage(page, line % PAGE_LINES, next - page * PAGE_LINES, devices);
      line = next;
    }
  }

  /** True when the line at an address is a device's. */
  isDevices(phys: number): boolean {
    const line = Math.floor(phys / CACHE_LINE_BYTES);
    return this.#pages.get(Math.floor(line / PAGE_LINES))?.[line % PAGE_LINES] === 1;
  }

  #setPage(page: number, first: number, end: number, devices: boolean): void {
    if (end - first === PAGE_LINES) {
      if (devices) this.#pages.set(page, ALL_LINES);
      else this.#pages.delete(page);
      return;
    }
    const old = this.#pages.get(page);
    if (old === undefined && !devices) return;
    const lines = old === undefined || old === ALL_LINES
      ? new Uint8Array(PAGE_LINES).fill(old === undefined ? 0 : 1)
      : old;
    lines.fill(devices ? 1 : 0, first, end);
    if (lines.includes(1)) this.#pages.set(page, lines);
    else this.#pages.delete(page);
  }
}
