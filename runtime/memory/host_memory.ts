/**
 * Memory as the CPU sees it.
 *
 * On a machine whose devices all see the CPU's caches that is physical memory itself. Where a device
 * does not, it is the caches and the memory behind them (`cpu_caches.ts`).
 */
import type { Bytes, PhysAddr } from "../address.ts";

export interface HostMemory {
  /** Reads `sizeBytes` bytes into `into` from `offset` on. */
  read(phys: PhysAddr, into: Uint8Array, offset: number, sizeBytes: Bytes): void;
  /** Writes `sizeBytes` bytes of `from`, starting at its byte `offset`. */
  write(phys: PhysAddr, from: Uint8Array, offset: number, sizeBytes: Bytes): void;
  /** Copies between two places that do not overlap. */
  copy(from: PhysAddr, to: PhysAddr, sizeBytes: Bytes): void;
  /** Sets every byte of a span. */
  fill(phys: PhysAddr, sizeBytes: Bytes, byte: number): void;
}
