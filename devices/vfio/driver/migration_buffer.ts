/**
 * A buffer for a migration: pages of host memory, and the key by which the device accesses them.
 *
 * @see rules/hmm-rdma-vfio.md 3.1
 */
import type { Bytes, PhysAddr } from "@dmalab/runtime";
import {
  type DirectionWord,
  directionWord,
  type DmaDirection,
  DmaIovaState,
  SCATTER_ENTRY_BYTES,
  type Scatterlist,
} from "@dmalab/runtime/dma";
import type { KeyMailbox } from "./key_mailbox.ts";

/** Size of an entry in the array of pages. */
export const PAGE_ENTRY_BYTES = 8;
/** Size of the two-step API's state, which is a part of each buffer. */
const IOVA_STATE_BYTES = 16;

export class MigrationBuffer {
  readonly pages: PhysAddr[] = [];
  readonly state = new DmaIovaState();
  /** The pages as a scatterlist, which 6.12 keeps instead of an array. */
  list: Scatterlist | null = null;
  /** The input from which the buffer's key was created; null while the buffer is not mapped. */
  mailbox: KeyMailbox | null = null;
  /** Whether the buffer was freed completely. */
  freed = false;

  /**
   * @param id The buffer's number among the buffers of its driver, from 1.
   * @param dir The direction; null for a buffer that is never mapped.
   */
  constructor(
    readonly id: number,
    readonly dir: DmaDirection | null,
    readonly pageBytes: Bytes,
  ) {}

  /** The device's number for the buffer's key; null while the buffer is not mapped. */
  get key(): number | null {
    return this.mailbox?.key ?? null;
  }

  get npages(): number {
    return this.pages.length;
  }

  get sizeBytes(): Bytes {
    return this.pages.length * this.pageBytes;
  }

  /** The direction of the data; null for headers, which the device never accesses. */
  get direction(): DirectionWord | null {
    return this.dir === null ? null : directionWord(this.dir);
  }

  /** Host memory that the buffer takes besides its pages: array or list, state, table. */
  get costBytes(): Bytes {
    const table = this.mailbox?.sizeBytes ?? 0;
    return this.list === null
      ? this.pages.length * PAGE_ENTRY_BYTES + IOVA_STATE_BYTES + table
      : this.list.count * SCATTER_ENTRY_BYTES + table;
  }
}
