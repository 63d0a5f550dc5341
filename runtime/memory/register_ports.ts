/**
 * Registers: windows of devices that handle reads and writes, rather than storing bytes like
 * memory.
 */
import type { Bytes, PhysAddr } from "../address.ts";
import { invariant } from "../errno.ts";
import type { PhysicalMemory } from "./physical_memory.ts";

/** The size of an access to registers. */
export type RegisterBytes = 1 | 2 | 4;

/** A device's register window, accessed in words of 32 bits. */
export interface RegisterPort {
  /** Reads the register at a byte offset, a multiple of 4. A register that does not exist reads as 0. */
  read32(offset: number): number;
  /** Writes the register at a byte offset, a multiple of 4. */
  write32(offset: number, value: number): void;
  /**
   * Reads 8 or 16 bits at an offset that is a multiple of their size. If a device does not have
   * this method, the bits are read as a part of the surrounding word.
   */
  readNarrow?(offset: number, sizeBytes: 1 | 2): number;
  /**
   * Writes 8 or 16 bits. A device without this method accepts only writes of whole words, and
   * ignores a narrower write.
   */
  writeNarrow?(offset: number, sizeBytes: 1 | 2, value: number): void;
}

interface Window {
  readonly basePhys: PhysAddr;
  readonly sizeBytes: Bytes;
  readonly port: RegisterPort;
}

/** The registers of a device that was pulled out: all bits read as ones, writes are lost. */
const NOBODY: RegisterPort = {
  read32: () => 0xffff_ffff,
  write32: () => {},
  readNarrow: (_offset, sizeBytes) => 2 ** (8 * sizeBytes) - 1,
};

/** All of a machine's windows that have registers. */
export class RegisterPorts {
  readonly #windows: Window[] = [];

  /** The device behind a window was pulled out: reads return all ones from now on. */
  pullOut(basePhys: PhysAddr, sizeBytes: Bytes): void {
    const end = basePhys + sizeBytes;
    const others = this.#windows.filter(({ basePhys: at }) => at < basePhys || at >= end);
    this.#windows.splice(0, Infinity, ...others, { basePhys, sizeBytes, port: NOBODY });
  }

  /** Adds a window with registers, which must not overlap another one. */
  add(basePhys: PhysAddr, sizeBytes: Bytes, port: RegisterPort): void {
    invariant(
      this.#find(basePhys) === null && this.#find(basePhys + sizeBytes - 1) === null,
      "Two devices answer at one address",
    );
    this.#windows.push({ basePhys, sizeBytes, port });
  }

  #find(phys: number): Window | null {
    for (const window of this.#windows) {
      if (phys >= window.basePhys && phys < window.basePhys + window.sizeBytes) return window;
    }
    return null;
  }

  /**
   * Reads a register.
   * @returns Its value; null where no window has registers.
   */
  read(phys: number, sizeBytes: RegisterBytes): number | null {
    const window = this.#find(phys);
    if (window === null) return null;
    const offset = phys - window.basePhys;
    return sizeBytes === 4
      ? window.port.read32(offset) >>> 0
      : narrowRead(window.port, offset, sizeBytes);
  }

  /**
   * Writes a register.
   * @returns False where no window has registers.
   */
  write(phys: number, sizeBytes: RegisterBytes, value: number): boolean {
    const window = this.#find(phys);
    if (window === null) return false;
    const offset = phys - window.basePhys;
    if (sizeBytes === 4) window.port.write32(offset, value >>> 0);
    else window.port.writeNarrow?.(offset, sizeBytes, value & (2 ** (8 * sizeBytes) - 1));
    return true;
  }
}

function narrowRead(port: RegisterPort, offset: number, sizeBytes: 1 | 2): number {
  if (port.readNarrow !== undefined) return port.readNarrow(offset, sizeBytes);
  const word = port.read32(offset - offset % 4);
  return word >>> 8 * (offset % 4) & (2 ** (8 * sizeBytes) - 1);
}

/** A machine's memory, and the registers in it. */
interface RegisterMemory {
  readonly memory: PhysicalMemory;
  readonly registers: RegisterPorts;
}

/** Reads 1 to 4 bytes as a number, the lowest byte first. */
export function readLittleEndian(
  memory: PhysicalMemory,
  phys: PhysAddr,
  sizeBytes: RegisterBytes,
): number {
  if (sizeBytes === 4) return memory.readU32(phys);
  const bytes = new Uint8Array(sizeBytes);
  memory.read(phys, bytes, 0, sizeBytes);
  return sizeBytes === 1 ? bytes[0]! : bytes[0]! + bytes[1]! * 256;
}

/** Writes the lower bits of a number, the lowest byte first. */
export function writeLittleEndian(
  memory: PhysicalMemory,
  phys: PhysAddr,
  sizeBytes: RegisterBytes,
  value: number,
): void {
  if (sizeBytes === 4) memory.writeU32(phys, value >>> 0);
  else memory.write(phys, Uint8Array.of(value, value >>> 8), 0, sizeBytes);
}

export function readRegister(
  { memory, registers }: RegisterMemory,
  phys: PhysAddr,
  sizeBytes: RegisterBytes,
): number {
  return registers.read(phys, sizeBytes) ?? readLittleEndian(memory, phys, sizeBytes);
}

/** Reads a register of 64 bits by its halves, the lower one first. */
export function readWideRegister(
  machine: RegisterMemory,
  phys: PhysAddr,
): readonly [number, number] {
  return [readRegister(machine, phys, 4), readRegister(machine, phys + 4 as PhysAddr, 4)];
}

/** Writes a register of 64 bits by its halves, the lower one first. */
export function writeWideRegister(
  machine: RegisterMemory,
  phys: PhysAddr,
  low: number,
  high: number,
): void {
  writeRegister(machine, phys, 4, low);
  writeRegister(machine, phys + 4 as PhysAddr, 4, high);
}

export function writeRegister(
  { memory, registers }: RegisterMemory,
  phys: PhysAddr,
  sizeBytes: RegisterBytes,
  value: number,
): void {
  if (!registers.write(phys, sizeBytes, value)) writeLittleEndian(memory, phys, sizeBytes, value);
}
