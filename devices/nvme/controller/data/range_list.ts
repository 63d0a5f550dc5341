/** Ranges of device addresses: what a data pointer resolves to. Reused, so that none is made. */
import { type Bytes, type DmaAddr, zeros } from "@dmalab/runtime";

const INITIAL_RANGES = 64;

export class RangeList {
  count = 0;
  /** Sum of the lengths. */
  totalBytes: Bytes = 0;
  #addresses = zeros(Float64Array, INITIAL_RANGES);
  /** A length has 32 bits in every descriptor. */
  #lengths = zeros(Uint32Array, INITIAL_RANGES);

  clear(): void {
    this.count = 0;
    this.totalBytes = 0;
  }

  add(address: number, lengthBytes: Bytes): void {
    if (this.count === this.#addresses.length) this.#grow();
    this.#addresses[this.count] = address;
    this.#lengths[this.count] = lengthBytes;
    this.count++;
    this.totalBytes += lengthBytes;
  }

  address(index: number): DmaAddr {
    return this.#addresses[index]! as DmaAddr;
  }

  lengthBytes(index: number): Bytes {
    return this.#lengths[index]!;
  }

  /** A copy as `[address, length]` pairs. */
  pairs(): [dma: DmaAddr, lengthBytes: Bytes][] {
    return Array.from({ length: this.count }, (_, index) => [
      this.address(index),
      this.lengthBytes(index),
    ]);
  }

  #grow(): void {
    const addresses = new Float64Array(this.#addresses.length * 2);
    const lengths = new Uint32Array(this.#lengths.length * 2);
    addresses.set(this.#addresses);
    lengths.set(this.#lengths);
    this.#addresses = addresses;
    this.#lengths = lengths;
  }
}
