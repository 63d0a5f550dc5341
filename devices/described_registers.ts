/**
 * The registers of a device, described by a scenario. The registers are in a window of memory. For
 * each register, the scenario may have a handler that runs after a write, and a handler that
 * computes the value of a read.
 */
import {
  invariant,
  type Machine,
  type PhysAddr,
  type PhysicalMemory,
  readLittleEndian,
  type RegisterPort,
  writeLittleEndian,
} from "@dmalab/runtime";
import type { Bar } from "./pci/pci_function.ts";

/** @internal */
export class DescribedRegisters implements RegisterPort {
  readonly #memory: PhysicalMemory;
  readonly #writes = new Map<number, (value: number) => void>();
  readonly #reads = new Map<number, () => number>();

  /** @param basePhys Start of the window. */
  constructor(memory: PhysicalMemory, readonly basePhys: PhysAddr, readonly sizeBytes: number) {
    this.#memory = memory;
  }

  /** @param handler Runs after each write to the register, with the written value without a sign. */
  onWrite(offset: number, handler: (value: number) => void): void {
    invariant(offset < this.sizeBytes, "A register lies behind its window");
    this.#writes.set(offset, handler);
  }

  /** @param handler Computes the value of each read of the register: 32 bits without a sign. */
  onRead(offset: number, handler: () => number): void {
    invariant(offset < this.sizeBytes, "A register lies behind its window");
    this.#reads.set(offset, handler);
  }

  read32(offset: number): number {
    const handler = this.#reads.get(offset);
    return handler === undefined
      ? this.#memory.readU32(this.basePhys + offset as PhysAddr)
      : handler();
  }

  write32(offset: number, value: number): void {
    this.#memory.writeU32(this.basePhys + offset as PhysAddr, value);
    this.#writes.get(offset)?.(value >>> 0);
  }

  /** Returns the lower bits of the value that the read handler computes for the register. */
  readNarrow(offset: number, sizeBytes: 1 | 2): number {
    const handler = this.#reads.get(offset);
    const phys = this.basePhys + offset as PhysAddr;
    if (handler !== undefined) return handler() & (2 ** (8 * sizeBytes) - 1);
    return readLittleEndian(this.#memory, phys, sizeBytes);
  }

  writeNarrow(offset: number, sizeBytes: 1 | 2, value: number): void {
    const phys = this.basePhys + offset as PhysAddr;
    writeLittleEndian(this.#memory, phys, sizeBytes, value);
    this.#writes.get(offset)?.(value);
  }
}

/** Makes a BAR answer as registers. */
export function describedRegisters(
  machine: Machine,
  { basePhys, sizeBytes }: Bar,
): DescribedRegisters {
  const registers = new DescribedRegisters(machine.memory, basePhys, sizeBytes);
  invariant(basePhys > 0, "Registers lie at physical address 0");
  machine.registers.add(basePhys, sizeBytes, registers);
  return registers;
}
