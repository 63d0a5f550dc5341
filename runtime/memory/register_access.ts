/** How CPUs read and write registers, whether a device answers or its window keeps what is written. */
import type { PhysAddr } from "../address.ts";
import type { Machine } from "../machine.ts";
import type { PhysicalMemory } from "./physical_memory.ts";
import type { RegisterBytes } from "./register_ports.ts";

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
  { memory, registers }: Machine,
  phys: PhysAddr,
  sizeBytes: RegisterBytes,
): number {
  return registers.read(phys, sizeBytes) ?? readLittleEndian(memory, phys, sizeBytes);
}

/** Reads a register of 64 bits by its halves, the lower one first. */
export function readWideRegister(machine: Machine, phys: PhysAddr): readonly [number, number] {
  return [readRegister(machine, phys, 4), readRegister(machine, phys + 4 as PhysAddr, 4)];
}

/** Writes one of 64 bits by its halves, the lower one first. */
export function writeWideRegister(
  machine: Machine,
  phys: PhysAddr,
  low: number,
  high: number,
): void {
  writeRegister(machine, phys, 4, low);
  writeRegister(machine, phys + 4 as PhysAddr, 4, high);
}

export function writeRegister(
  { memory, registers }: Machine,
  phys: PhysAddr,
  sizeBytes: RegisterBytes,
  value: number,
): void {
  if (!registers.write(phys, sizeBytes, value)) writeLittleEndian(memory, phys, sizeBytes, value);
}
