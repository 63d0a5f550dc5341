/** The memory of a list, as page tables are given it. */
import type { Bytes, PhysAddr } from "../address.ts";
import { zeros } from "../zeros.ts";

/** Runs of memory that a list is made of, to be mapped side by side; kept from list to list. */
export class MemoryRuns {
  count = 0;
  #phys = zeros(Float64Array, 8);
  #sizeBytes = zeros(Float64Array, 8);

  add(phys: PhysAddr, sizeBytes: Bytes): void {
    if (this.count === this.#phys.length) this.#grow();
    this.#phys[this.count] = phys;
    this.#sizeBytes[this.count] = sizeBytes;
    this.count++;
  }

  physAt(run: number): PhysAddr {
    return this.#phys[run]! as PhysAddr;
  }

  sizeAt(run: number): Bytes {
    return this.#sizeBytes[run]!;
  }

  /**
   * Writes leaves for runs of one granule, from one run and one entry of a lowest table on, until a
   * run is longer, or cannot be mapped there.
   * @returns How many it wrote.
   */
  writeGranules(
    first: number,
    entries: Float64Array,
    start: number,
    granuleBytes: number,
    lastPhys: number,
    flags: number,
  ): number {
    const end = Math.min(this.count - first, entries.length - start);
    let done = 0;
    for (; done < end; done++) {
      const phys = this.#phys[first + done]!;
      const fits = this.#sizeBytes[first + done] === granuleBytes && phys <= lastPhys;
      if (!fits || entries[start + done] !== 0) break;
      entries[start + done] = phys + flags;
    }
    return done;
  }

  #grow(): void {
    const phys = new Float64Array(2 * this.count);
    phys.set(this.#phys);
    this.#phys = phys;
    const sizeBytes = new Float64Array(2 * this.count);
    sizeBytes.set(this.#sizeBytes);
    this.#sizeBytes = sizeBytes;
  }
}
