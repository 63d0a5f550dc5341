/**
 * The connections between an NVMe controller and its host: registers in one direction, interrupts
 * in the other.
 *
 * This is the only code that the driver's side and the controller's side share. Everything else is
 * exchanged in memory, as on real hardware. If the sides shared more code, the same mistake on both
 * sides would go unnoticed.
 */

/** The controller's registers (BAR 0), as accessed by the host. */
export interface NvmeRegisterPort {
  /** Reads the 32-bit register at a byte offset. A register that does not exist reads as zero. */
  read32(offset: number): number;
  /** Writes the 32-bit register at a byte offset; doorbells are registers from 0x1000 on. */
  write32(offset: number, value: number): void;
  /**
   * Resets the PCI function, including registers: the last resort if a controller does not obey.
   */
  resetFunction(): void;
}

/** The host's interrupt input, as used by the controller. */
export interface NvmeInterruptLine {
  /**
   * Interrupts the host: a completion queue with this vector has entries.
   *
   * The host handles the completions of the queue before this call returns, because unmapping
   * belongs to the device's activity (docs/language/stepping.md).
   */
  raise(vector: number): void;
  cpuOfVector(vector: number): number;
}
