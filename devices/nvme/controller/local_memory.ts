/**
 * The controller's own memory that the host can address (Base Specification 1.4, section 4.7).
 *
 * If a command refers to an address in this memory, the access does not go out to the bus.
 */
import type { Bytes, PhysAddr, PhysicalMemory } from "@dmalab/runtime";

export interface LocalMemorySettings {
  readonly memory: PhysicalMemory;
  /** Physical address of the BAR, where the machine stores the bytes. */
  readonly basePhys: PhysAddr;
  /** A multiple of 4 KiB. */
  readonly sizeBytes: Bytes;
  readonly barIndex: number;
  /** Whether submission queues may be placed in the memory. */
  readonly submissionQueues: boolean;
}

/** The smallest unit of the size; each further unit is sixteen times the one before. */
const SMALLEST_UNIT_BYTES = 4096;
const UNIT_STEP = 16;
/** CMBSZ has twenty bits for the number of units. */
const MAX_UNITS = 2 ** 20 - 1;

const SUBMISSION_QUEUES = 0x1; // SQS
const READ_DATA = 0x8; // RDS
const WRITE_DATA = 0x10; // WDS

const CAPABILITIES_ENABLED = 0x1; // CRE
const MEMORY_ENABLED = 0x2; // CMSE

export class LocalMemory {
  /** The two halves of the value last written to CMBMSC. */
  controlLow = 0;
  controlHigh = 0;
  readonly #settings: LocalMemorySettings;
  /** The base address that the host has set for this memory (CMBMSC.CBA); -1 without one. */
  #baseDma = -1;

  constructor(settings: LocalMemorySettings) {
    this.#settings = settings;
  }

  /** CMBLOC: the BAR, and an offset of 0. */
  get location(): number {
    return this.#isShown ? this.#settings.barIndex : 0;
  }

  /** CMBSZ: the memory's permitted uses, and its size. */
  get size(): number {
    if (!this.#isShown) return 0;
    const { sizeBytes, submissionQueues } = this.#settings;
    let unit = 0;
    let units = sizeBytes / SMALLEST_UNIT_BYTES;
    while (units > MAX_UNITS || (units % UNIT_STEP === 0 && units > UNIT_STEP)) {
      units = Math.floor(units / UNIT_STEP);
      unit++;
    }
    const uses = (submissionQueues ? SUBMISSION_QUEUES : 0) + READ_DATA + WRITE_DATA;
    return units * 2 ** 12 + unit * 2 ** 8 + uses;
  }

  /** Writes CMBMSC: enables the two registers, and sets the memory's base address. */
  control(low: number, high: number): void {
    this.controlLow = low;
    this.controlHigh = high;
    const base = high * 2 ** 32 + Math.floor(low / 2 ** 12) * 2 ** 12;
    this.#baseDma = (low & MEMORY_ENABLED) !== 0 ? base : -1;
  }

  /** Reads words within one page. @returns False if the address is not in this memory. */
  readWords(dma: number, into: Int32Array): boolean {
    const { basePhys, memory, sizeBytes } = this.#settings;
    const offset = dma - this.#baseDma;
    if (this.#baseDma < 0 || offset < 0 || offset + into.byteLength > sizeBytes) return false;
    memory.readWords(basePhys + offset as PhysAddr, into);
    return true;
  }

  get #isShown(): boolean {
    return (this.controlLow & CAPABILITIES_ENABLED) !== 0;
  }
}
