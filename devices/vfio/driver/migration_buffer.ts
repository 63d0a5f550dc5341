/**
 * A buffer of a migration: pages of the host's, and what leads the device to them.
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

/** A page's address in the array of pages. */
export const PAGE_ENTRY_BYTES = 8;
/** The state of the two-step API, which each buffer has in itself. */
const IOVA_STATE_BYTES = 16;

export class MigrationBuffer {
  readonly pages: PhysAddr[] = [];
  readonly state = new DmaIovaState();
  /** The pages as the scatterlist that 6.12 keeps instead of an array. */
  list: Scatterlist | null = null;
  /** What its key was made of; null while it is not mapped. */
  mailbox: KeyMailbox | null = null;
  /** It was freed: nothing of it is left. */
  freed = false;

  /**
   * @param id Its number among the buffers of its driver, from 1.
   * @param dir Null: pages only, never mapped.
   */
  constructor(
    readonly id: number,
    readonly dir: DmaDirection | null,
    readonly pageBytes: Bytes,
  ) {}

  /** The device's number for it; null while it is not mapped. */
  get key(): number | null {
    return this.mailbox?.key ?? null;
  }

  get npages(): number {
    return this.pages.length;
  }

  get sizeBytes(): Bytes {
    return this.pages.length * this.pageBytes;
  }

  /** Which way the bytes go; null for headers, which the device never sees. */
  get direction(): DirectionWord | null {
    return this.dir === null ? null : directionWord(this.dir);
  }

  /** Host memory that it takes besides its pages: array or list, state, table. */
  get costBytes(): Bytes {
    const table = this.mailbox?.sizeBytes ?? 0;
    return this.list === null
      ? this.pages.length * PAGE_ENTRY_BYTES + IOVA_STATE_BYTES + table
      : this.list.count * SCATTER_ENTRY_BYTES + table;
  }
}
