/**
 * The controller's own memory (CMB), in which submission queues can be placed.
 *
 * @see rules/nvme.md 5.4
 */
import { type Bytes, type DmaAddr, PAGE_SIZE_BYTES, type PhysAddr } from "@dmalab/runtime";
import { CoherentMemory } from "@dmalab/runtime/dma";
import type { NvmeRegisterPort } from "../register_port.ts";
import { CMB, CTRL_PAGE_BYTES, REGISTER, SQE_BYTES } from "./protocol.ts";

/** Least number of entries of a queue; smaller queues are placed in the host's memory. */
const FEWEST_ENTRIES = 64;

/** The BAR with the memory, for the driver. */
export interface ControllerMemoryBar {
  readonly sizeBytes: Bytes;
  /** PCI bus address of the memory's first byte. */
  readonly busBase: DmaAddr;
  /** Allocates whole pages of the memory as peer memory; null if too few pages are free. */
  alloc(sizeBytes: Bytes): PhysAddr | null;
  free(phys: PhysAddr): void;
  busAddress(phys: PhysAddr): DmaAddr;
}

/** Memory of one submission queue, with the function that frees it. */
export interface SubmissionMemory {
  readonly memory: CoherentMemory;
  release(): void;
}

export class ControllerMemory {
  readonly #bar: ControllerMemoryBar;
  /** Size according to the registers, limited to the BAR. */
  readonly sizeBytes: Bytes;

  private constructor(bar: ControllerMemoryBar, sizeBytes: Bytes, readonly takesQueues: boolean) {
    this.#bar = bar;
    this.sizeBytes = sizeBytes;
  }

  /**
   * Uses the registers to detect and enable the controller's memory. @returns Null for a controller
   * without memory.
   */
  static open(registers: NvmeRegisterPort, bar: ControllerMemoryBar): ControllerMemory | null {
    if ((registers.read32(REGISTER.CAP + 4) & CMB.CAP_SUPPORTED) === 0) return null;
    // Until CMBMSC.CRE is set, the registers read as if there were no memory.
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
   * Number of entries for each of `queues` queues: the wanted number if the memory has room for
   * all, else an equal share.
   * @returns 0 if a share is too small to be worthwhile.
   */
  queueDepth(queues: number, wantedEntries: number): number {
    if (!this.takesQueues || queues === 0) return 0;
    if (queues * inPages(wantedEntries * SQE_BYTES) <= this.sizeBytes) return wantedEntries;
    const shareBytes = Math.floor(this.sizeBytes / queues / PAGE_SIZE_BYTES) * PAGE_SIZE_BYTES;
    const entries = Math.floor(shareBytes / SQE_BYTES);
    return entries < FEWEST_ENTRIES ? 0 : entries;
  }

  /** Memory for a queue; the device uses the memory's bus address, without a mapping. */
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
