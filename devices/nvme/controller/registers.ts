/**
 * The register file of the controller (Base Specification 1.4, section 3.1).
 *
 * It stores the values of registers. A write that enables the controller or rings a doorbell is
 * passed to the owner of the register file, which handles the write.
 */
import { foldedHigh } from "@dmalab/runtime";
import type { LocalMemory } from "./local_memory.ts";
import type { NvmeController } from "./nvme_controller.ts";
import {
  CC_ENABLE,
  CC_SHUTDOWN_MASK,
  CSTS_FATAL,
  CSTS_READY,
  CSTS_SHUTDOWN_COMPLETE,
  PAGE_BYTES,
  REGISTER,
  WIDE_HALF,
} from "./specification.ts";

const { DOORBELLS } = REGISTER;

/** The settings of the admin queues, as set by the host. */
export interface AdminQueueSetup {
  readonly submissionDepth: number;
  readonly completionDepth: number;
  readonly submissionBase: number;
  readonly completionBase: number;
}

/** The controller's methods that are called when a register is written. */
type RegisterOwner = Pick<
  NvmeController,
  "enable" | "mayStop" | "disable" | "submissionDoorbell" | "completionDoorbell"
>;

interface CapabilitySettings {
  readonly localMemory: Omit<LocalMemory, "readWords"> | null;
  /** Largest number of entries in an I/O queue. */
  readonly maxQueueEntries: number;
  /** Doorbells are `4 << doorbellStride` bytes apart. */
  readonly doorbellStride: number;
  /** The version register: major, minor, tertiary in 16, 8 and 8 bits. */
  readonly version: number;
}

/**
 * Bits of CAP: queues must be physically contiguous, the command set is NVM. The bits for page
 * sizes are 0, so all pages have 4 KiB.
 */
const CAP_CONTIGUOUS_QUEUES = 2 ** 16;
const CAP_TIMEOUT = 15 * 2 ** 24; // in units of 500 ms
const CAP_HIGH_NVM_COMMAND_SET = 2 ** 5;
const CAP_HIGH_LOCAL_MEMORY = 2 ** 25; // CMBS
/** The required entry sizes in CC, as powers of two: 64 and 16 bytes. */
const CC_ENTRY_SIZES = 0x46;

/** The registers AQA, ASQ and ACQ, which store the written value. */
const KEPT = [
  REGISTER.AQA,
  REGISTER.ASQ_LOW,
  REGISTER.ASQ_HIGH,
  REGISTER.ACQ_LOW,
  REGISTER.ACQ_HIGH,
] as const;

/** The value of a read from an absent device. */
const ALL_ONES = 0xffff_ffff;

export class Registers {
  readonly #owner: RegisterOwner;
  readonly #capabilities: CapabilitySettings;
  #unplugged = false;
  /** Whether the controller has been enabled and not stopped since. */
  #isRunning = false;
  #configuration = 0;
  #status = 0;
  /** Registers that store the written value until the controller is enabled. */
  readonly #kept = new Map<number, number>(KEPT.map((offset) => [offset, 0]));

  constructor(capabilities: CapabilitySettings, owner: RegisterOwner) {
    this.#capabilities = capabilities;
    this.#owner = owner;
  }

  /** CSTS.RDY: whether commands are processed. */
  get isReady(): boolean {
    return (this.#status & CSTS_READY) !== 0;
  }

  /** Sets CSTS.CFS: the controller does nothing more until it is reset. */
  failFatally(): void {
    this.#status |= CSTS_FATAL;
  }

  /** Notes that the device was removed: reads return all ones, writes have no effect. */
  unplug(): void {
    this.#unplugged = true;
    this.#status = 0;
  }

  /** Restores the state after power-on. */
  reset(): void {
    this.#isRunning = false;
    this.#configuration = 0;
    this.#status = 0;
    for (const offset of KEPT) this.#kept.set(offset, 0);
    this.#capabilities.localMemory?.control(0, 0);
  }

  /** CSTS.CFS is set. */
  get hasFailed(): boolean {
    return (this.#status & CSTS_FATAL) !== 0;
  }

  read32(offset: number): number {
    if (this.#unplugged) return ALL_ONES;
    switch (offset) {
      case REGISTER.CAP_LOW:
        return (this.#capabilities.maxQueueEntries - 1) + CAP_CONTIGUOUS_QUEUES + CAP_TIMEOUT;
      case REGISTER.CAP_HIGH:
        return this.#capabilities.doorbellStride + CAP_HIGH_NVM_COMMAND_SET +
          (this.#capabilities.localMemory === null ? 0 : CAP_HIGH_LOCAL_MEMORY);
      case REGISTER.VS:
        return this.#capabilities.version;
      case REGISTER.CC:
        return this.#configuration;
      case REGISTER.CSTS:
        return this.#status;
      case REGISTER.CMBLOC:
        return this.#capabilities.localMemory?.location ?? 0;
      case REGISTER.CMBSZ:
        return this.#capabilities.localMemory?.size ?? 0;
      case REGISTER.CMBMSC_LOW:
        return this.#capabilities.localMemory?.controlLow ?? 0;
      case REGISTER.CMBMSC_HIGH:
        return this.#capabilities.localMemory?.controlHigh ?? 0;
      default:
        return this.#kept.get(offset) ?? 0;
    }
  }

  write32(offset: number, value: number): void {
    if (offset >= DOORBELLS) {
      this.#doorbell(offset - DOORBELLS, value);
      return;
    }
    switch (offset) {
      case REGISTER.CC:
        this.#configure(value >>> 0);
        break;
      case REGISTER.CMBMSC_LOW:
      case REGISTER.CMBMSC_HIGH:
        this.#controlLocalMemory(offset, value >>> 0);
        break;
      default:
        // Writes to read-only and absent registers are ignored.
        if (this.#kept.has(offset)) this.#kept.set(offset, value >>> 0);
    }
  }

  #controlLocalMemory(offset: number, value: number): void {
    const { localMemory } = this.#capabilities;
    if (localMemory === null || this.#unplugged) return;
    const { controlHigh, controlLow } = localMemory;
    if (offset === REGISTER.CMBMSC_LOW) localMemory.control(value, controlHigh);
    else localMemory.control(controlLow, value);
  }

  #doorbell(offset: number, value: number): void {
    if (!this.isReady) return;
    const shift = 2 + this.#capabilities.doorbellStride;
    const number = offset >> shift;
    if (number << shift !== offset) return;
    const queue = number >> 1;
    if ((number & 1) === 0) this.#owner.submissionDoorbell(queue, value);
    else this.#owner.completionDoorbell(queue, value);
  }

  #configure(value: number): void {
    if (this.#unplugged) return;
    const enabled = (value & CC_ENABLE) !== 0;
    this.#configuration = value;
    if (enabled && !this.#isRunning) {
      this.#isRunning = true;
      const setup = this.#adminSetup();
      // With unsupported CC fields the controller does not become ready, and CFS is set (3.1.5).
      if (setup === null) {
        this.failFatally();
      } else {
        this.#status = CSTS_READY;
        this.#owner.enable(setup);
      }
    } else if (!enabled && this.#isRunning && this.#owner.mayStop()) {
      this.#isRunning = false;
      this.#status = 0;
      this.#owner.disable();
    }
    if ((value & CC_SHUTDOWN_MASK) !== 0) this.#status |= CSTS_SHUTDOWN_COMPLETE;
  }

  /** The admin queues described by AQA, ASQ and ACQ, or null if anything is invalid. */
  #adminSetup(): AdminQueueSetup | null {
    const entrySizes = (this.#configuration >>> 16) & 0xff;
    const pageSize = (this.#configuration >>> 7) & 0xf;
    const commandSet = (this.#configuration >>> 4) & 0x7;
    const [attributes, submissionLow, submissionHigh, completionLow, completionHigh] = KEPT.map(
      (offset) => this.#kept.get(offset)!,
    ) as [number, number, number, number, number];
    const submissionDepth = (attributes & 0xfff) + 1;
    const completionDepth = ((attributes >>> 16) & 0xfff) + 1;
    if (
      entrySizes !== CC_ENTRY_SIZES || pageSize !== 0 || commandSet !== 0 ||
      submissionDepth < 2 || completionDepth < 2 ||
      submissionLow % PAGE_BYTES !== 0 || completionLow % PAGE_BYTES !== 0 ||
      foldedHigh(submissionHigh) >= WIDE_HALF ||
      foldedHigh(completionHigh) >= WIDE_HALF
    ) {
      return null;
    }
    return {
      submissionDepth,
      completionDepth,
      submissionBase: foldedHigh(submissionHigh) * 2 ** 32 + submissionLow,
      completionBase: foldedHigh(completionHigh) * 2 ** 32 + completionLow,
    };
  }
}
