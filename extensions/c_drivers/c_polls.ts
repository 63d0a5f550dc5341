/**
 * Lets time pass for a driver that polls a register and waits for a tick, without a call that takes time. On a
 * machine such a read takes about a microsecond.
 */
import type { PhysAddr } from "@dmalab/runtime";
import { pass } from "./calls/interrupt.ts";
import type { CKernel } from "./c_kernel.ts";

/** Number of equal reads in a row, at one time, that take no time. */
const UNTIMED_READS = 1000;
const READ_NS = 1000;
/** Number of reads after which a read takes twice as long, so that a timeout of seconds ends soon. */
const DOUBLING_READS = 16;
/** The longest time of a read: a tick. */
const MOST_NS = 1_000_000;

export class CPolls {
  #phys = -1;
  #value = 0;
  #atNs = 0;
  #reads = 0;

  constructor(readonly kernel: CKernel) {}

  /** Called after C has read a register, or a port without a device (-1). */
  read(phys: PhysAddr | -1, value: number): void {
    const { clock } = this.kernel.machine;
    if (phys !== this.#phys || value !== this.#value || clock.nowNs !== this.#atNs) {
      this.#phys = phys;
      this.#value = value;
      this.#atNs = clock.nowNs;
      this.#reads = 1;
      return;
    }
    const timed = ++this.#reads - UNTIMED_READS;
    if (timed <= 0) return;
    pass(
      this.kernel,
      clock.nowNs + Math.min(MOST_NS, READ_NS * 2 ** Math.floor(timed / DOUBLING_READS)),
    );
    this.#atNs = clock.nowNs;
  }
}
