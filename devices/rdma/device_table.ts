/**
 * The device's translation table of a memory region: for each page a DMA address, and whether the
 * device may read and write there.
 *
 * The host writes the table in separate updates. A zero entry is not present, and an access through
 * it is a page fault.
 *
 * @see rules/hmm-rdma-vfio.md 2.2 (7), 2.3 (3)
 */
import {
  type Bytes,
  type DmaAddr,
  type EventFields,
  invariant,
  type VirtAddr,
} from "@dmalab/runtime";

/** The bits of the permissions in an entry. An entry with neither bit is not present. */
export const TABLE_READ = 1;
export const TABLE_WRITE = 2;

/** Number of entries in a block: entries are written in blocks of 64 bytes. */
export const ENTRIES_OF_BLOCK = 8;
export const TABLE_ENTRY_BYTES = 8;

/** Contiguous entries with contiguous addresses and equal permissions. */
type TableEntryRun = EventFields<"odp.table">["runs"][number];

/** The memory described by the table: start of the first entry, and size of each entry. */
interface TableOf {
  readonly start: VirtAddr;
  readonly pageBytes: Bytes;
}

export class DeviceTable {
  readonly #addresses: Float64Array;
  readonly #access: Uint8Array;

  constructor(entries: number) {
    this.#addresses = new Float64Array(entries);
    this.#access = new Uint8Array(entries);
  }

  get length(): number {
    return this.#access.length;
  }

  /** Permissions of an entry: bits of `TABLE_READ` and `TABLE_WRITE`. */
  access(index: number): number {
    return this.#access[index]!;
  }

  address(index: number): DmaAddr {
    return this.#addresses[index]! as DmaAddr;
  }

  write(index: number, address: DmaAddr, access: number): void {
    invariant(index < this.length, "An entry lies beyond the table");
    this.#addresses[index] = address;
    this.#access[index] = access;
  }

  /** The present entries in a range, as runs. */
  runs(first: number, count: number, { pageBytes, start }: TableOf): readonly TableEntryRun[] {
    const runs: TableEntryRun[] = [];
    for (let index = first; index < Math.min(first + count, this.length); index++) {
      const access = this.access(index);
      if (access === 0) continue;
      const prot = (access & TABLE_WRITE) === 0 ? "read" : "read_write";
      const virt = start + index * pageBytes as VirtAddr;
      const dma = this.address(index);
      const [ownVirt, ownDma, sizeBytes, ownProt] = runs.at(-1) ?? [];
      const goesOn = sizeBytes !== undefined && ownProt === prot &&
        ownVirt! + sizeBytes === virt && ownDma! + sizeBytes === dma;
      if (goesOn) runs[runs.length - 1] = [ownVirt!, ownDma!, sizeBytes + pageBytes, prot];
      else runs.push([virt, dma, pageBytes, prot]);
    }
    return runs;
  }

  /** Removes entries; entries past the table's end are ignored. */
  zap(first: number, count: number): void {
    invariant(first >= 0 && count >= 0, "Entries before the table are zapped");
    this.#addresses.fill(0, first, first + count);
    this.#access.fill(0, first, first + count);
  }
}
