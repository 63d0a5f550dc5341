/** The memory of a list, in the form in which page tables map it. */
import type { Bytes, PhysAddr } from "../address.ts";
import { grown, zeros } from "../zeros.ts";

/** The memory of a list as runs, to be mapped at consecutive IOVAs. The object is reused for each list. */
export class MemoryRuns {
  count = 0;
  #phys = zeros(Float64Array, 8);
  #sizeBytes = zeros(Float64Array, 8);

  /**
   * Appends memory. Memory that begins where the last run ends extends that run; a last run of 0
   * bytes is replaced.
   */
  add(phys: PhysAddr, sizeBytes: Bytes): void {
    const last = this.count - 1;
    const lastBytes = last < 0 ? 0 : this.#sizeBytes[last]!;
    if (lastBytes > 0 && phys === this.#phys[last]! + lastBytes) this.lengthen(sizeBytes);
    else this.#begin(lastBytes > 0 || last < 0 ? this.count : last, phys, sizeBytes);
  }

  #begin(run: number, phys: PhysAddr, sizeBytes: Bytes): void {
    if (run === this.#phys.length) this.#grow();
    this.#phys[run] = phys;
    this.#sizeBytes[run] = sizeBytes;
    this.count = run + 1;
  }

  /**
   * Changes the last run's length. A negative change makes it shorter, as when the mapped length of
   * an entry has wrapped.
   */
  lengthen(sizeBytes: Bytes): void {
    this.#sizeBytes[this.count - 1]! += sizeBytes;
  }

  physAt(run: number): PhysAddr {
    return this.#phys[run]! as PhysAddr;
  }

  sizeAt(run: number): Bytes {
    return this.#sizeBytes[run]!;
  }

  /**
   * Writes leaves for runs of one granule, beginning with the run `first` and the entry `start` of
   * a lowest-level table. Stops at a run that is longer, or cannot be mapped in that table.
   * @returns The number of leaves written.
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
    this.#phys = grown(this.#phys, new Float64Array(2 * this.count));
    this.#sizeBytes = grown(this.#sizeBytes, new Float64Array(2 * this.count));
  }
}
