/**
 * The controller's own memory (CMB), with the submission queues in it.
 *
 * @see rules/nvme.md 5.4
 */
import { type Bytes, type DmaAddr, PAGE_SIZE_BYTES, type PhysAddr } from "@dmalab/runtime";
import { CoherentMemory } from "@dmalab/runtime/dma";
import type { NvmeRegisterPort } from "../register_port.ts";
import { CMB, CTRL_PAGE_BYTES, REGISTER, SQE_BYTES } from "./protocol.ts";

/** Queues of fewer entries are better off in the host's memory. */
const FEWEST_ENTRIES = 64;

/** The BAR that the memory lies in, as the driver's bus knows it. */
export interface ControllerMemoryBar {
  readonly sizeBytes: Bytes;
  /** Where the device finds its first byte: a PCI bus address. */
  readonly busBase: DmaAddr;
  /** Allocates whole pages of the peer memory; null without any. */
  alloc(sizeBytes: Bytes): PhysAddr | null;
  free(phys: PhysAddr): void;
  busAddress(phys: PhysAddr): DmaAddr;
}

/** Memory of one submission queue, and how to free it. */
export interface SubmissionMemory {
  readonly memory: CoherentMemory;
  release(): void;
}

export class ControllerMemory {
  readonly #bar: ControllerMemoryBar;
  /** Bytes that the registers speak of, as far as they lie in the BAR. */
  readonly sizeBytes: Bytes;

  private constructor(bar: ControllerMemoryBar, sizeBytes: Bytes, readonly takesQueues: boolean) {
    this.#bar = bar;
    this.sizeBytes = sizeBytes;
  }

  /** Finds it out from the registers, and opens it. @returns Null for a controller without any. */
  static open(registers: NvmeRegisterPort, bar: ControllerMemoryBar): ControllerMemory | null {
    if ((registers.read32(REGISTER.CAP + 4) & CMB.CAP_SUPPORTED) === 0) return null;
    // Until CMBMSC.CRE is set, the registers read as if there were none.
    registers.write32(REGISTER.CMBMSC, CMB.CAPABILITIES_ENABLED);
    const size = registers.read32(REGISTER.CMBSZ);
    if (size === 0) return null;
    const unitBytes = CTRL_PAGE_BYTES * 16 ** (size >>> CMB.UNIT_SHIFT & CMB.UNIT_MASK);
    const offsetBytes = (registers.read32(REGISTER.CMBLOC) >>> CMB.OFFSET_SHIFT) * unitBytes;
    if (offsetBytes >= bar.sizeBytes) return null;
    const sizeBytes = Math.min((size >>> CMB.SIZE_SHIFT) * unitBytes, bar.sizeBytes - offsetBytes);
    const base = bar.busBase + offsetBytes;
    registers.write32(REGISTER.CMBMSC + 4, Math.floor(base / 2 ** 32));
    registers.write32(
      REGISTER.CMBMSC,
      base % 2 ** 32 + CMB.MEMORY_ENABLED + CMB.CAPABILITIES_ENABLED,
    );
    return new ControllerMemory(bar, sizeBytes, (size & CMB.SUBMISSION_QUEUES) !== 0);
  }

  /**
   * Entries that each of some queues may have: as many as wanted if they fit, else their share.
   * @returns 0 when a share is too small to be worth it.
   */
  queueDepth(queues: number, wantedEntries: number): number {
    if (!this.takesQueues || queues === 0) return 0;
    if (queues * inPages(wantedEntries * SQE_BYTES) <= this.sizeBytes) return wantedEntries;
    const shareBytes = Math.floor(this.sizeBytes / queues / PAGE_SIZE_BYTES) * PAGE_SIZE_BYTES;
    const entries = Math.floor(shareBytes / SQE_BYTES);
    return entries < FEWEST_ENTRIES ? 0 : entries;
  }

  /** Memory for a queue: the device finds it at its bus address, without a mapping. */
  take(depthEntries: number): SubmissionMemory | null {
    const sizeBytes = depthEntries * SQE_BYTES;
    const first = this.#bar.alloc(sizeBytes);
    if (first === null) return null;
    const pages = Array.from(
      { length: inPages(sizeBytes) / PAGE_SIZE_BYTES },
      (_, page) => (first + page * PAGE_SIZE_BYTES) as PhysAddr,
    );
    const dma = this.#bar.busAddress(first);
    return {
      memory: new CoherentMemory(dma, sizeBytes, pages, PAGE_SIZE_BYTES, null),
      release: () => this.#bar.free(first),
    };
  }
}

function inPages(sizeBytes: Bytes): Bytes {
  return Math.ceil(sizeBytes / PAGE_SIZE_BYTES) * PAGE_SIZE_BYTES;
}
