/**
 * The wires between an NVMe controller and its host: registers one way, interrupts the other.
 *
 * This is the only code the driver side and the controller side share. Everything else they tell
 * each other goes through memory, as on real hardware, so that a mistake on one side cannot be
 * cancelled by the same mistake on the other.
 */

/** The controller's register window (BAR 0), as the host reaches it. */
export interface NvmeRegisterPort {
  /** Reads the 32-bit register at a byte offset. A register that does not exist reads as zero. */
  read32(offset: number): number;
  /** Writes the 32-bit register at a byte offset; doorbells are registers from 0x1000 on. */
  write32(offset: number, value: number): void;
  /**
   * Resets the PCI function, registers and all: a host's last resort for one that does not obey.
   */
  resetFunction(): void;
}

/** The host's interrupt input, as the controller reaches it. */
export interface NvmeInterruptLine {
  /**
   * Tells the host that a completion queue with this vector has entries.
   *
   * The host handles its completions before this returns: unmapping belongs to the device's
   * activity (docs/language/stepping.md).
   */
  raise(vector: number): void;
  cpuOfVector(vector: number): number;
}
