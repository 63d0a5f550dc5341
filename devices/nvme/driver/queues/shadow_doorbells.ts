/**
 * Doorbells in memory: a controller that reads them itself needs no register write per command.
 *
 * Two buffers hold a word for each doorbell, at the offset that the doorbell has among the
 * registers. In one the driver leaves the values; in the other the controller says at which value it
 * wants to be woken by a write to the register.
 *
 * @see rules/nvme.md 4.1
 */
import { type Bytes, type Machine, PAGE_SIZE_BYTES } from "@dmalab/runtime";
import type { CoherentMemory, DmaDevice } from "@dmalab/runtime/dma";

const WORD_BYTES = 4;

export class ShadowDoorbells {
  readonly #machine: Machine;
  readonly #dev: DmaDevice;
  readonly #values: CoherentMemory;
  readonly #wakeups: CoherentMemory;

  private constructor(
    machine: Machine,
    dev: DmaDevice,
    values: CoherentMemory,
    wakeups: CoherentMemory,
  ) {
    this.#machine = machine;
    this.#dev = dev;
    this.#values = values;
    this.#wakeups = wakeups;
  }

  /** @returns Null when there is no memory for them: registers do as well. */
  static allocate(machine: Machine, dev: DmaDevice, sizeBytes: Bytes): ShadowDoorbells | null {
    const values = machine.dma.dmaAllocCoherent(dev, sizeBytes);
    if (values === null) return null;
    const wakeups = machine.dma.dmaAllocCoherent(dev, sizeBytes);
    if (wakeups === null) {
      machine.dma.dmaFreeCoherent(dev, values);
      return null;
    }
    const shadows = new ShadowDoorbells(machine, dev, values, wakeups);
    shadows.clear();
    return shadows;
  }

  /** Where the device finds the values, and where it says when to be woken. */
  get dma(): readonly [values: number, wakeups: number] {
    return [this.#values.dma, this.#wakeups.dma];
  }

  /** All zero, as Doorbell Buffer Config expects them. */
  clear(): void {
    for (let at = 0; at < this.#values.sizeBytes; at += WORD_BYTES) {
      this.#write(this.#values, at, 0);
      this.#write(this.#wakeups, at, 0);
    }
  }

  /**
   * Leaves a doorbell's value.
   *
   * @param offset The doorbell's, from the first one of the registers.
   * @returns Whether the register has to be written as well: the new value has come to or past the
   *   one at which the controller wants to be woken. Values are compared in 16 bits.
   */
  update(offset: Bytes, value: number): boolean {
    const old = this.#read(this.#values, offset);
    this.#write(this.#values, offset, value);
    const wakeup = this.#read(this.#wakeups, offset);
    return (value - wakeup - 1 & 0xffff) < (value - old & 0xffff);
  }

  /** Frees the buffers. */
  release(): void {
    this.#machine.dma.dmaFreeCoherent(this.#dev, this.#values);
    this.#machine.dma.dmaFreeCoherent(this.#dev, this.#wakeups);
  }

  #read(buffer: CoherentMemory, offset: Bytes): number {
    return this.#words(buffer, offset)[(offset % PAGE_SIZE_BYTES) / WORD_BYTES]!;
  }

  #write(buffer: CoherentMemory, offset: Bytes, value: number): void {
    this.#words(buffer, offset)[(offset % PAGE_SIZE_BYTES) / WORD_BYTES] = value;
    this.#machine.memory.onWrite?.(buffer.physOf(offset), WORD_BYTES);
  }

  #words(buffer: CoherentMemory, offset: Bytes): Int32Array {
    const page = Math.floor(offset / PAGE_SIZE_BYTES) * PAGE_SIZE_BYTES;
    return this.#machine.memory.pageForWriting(buffer.physOf(page)).words;
  }
}
