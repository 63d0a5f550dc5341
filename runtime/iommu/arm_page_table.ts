/**
 * The Arm 64-bit table, stage 1, with granules of 4, 16 or 64 KiB.
 *
 * The calls of this format differ from those of the generic format. An unmap is cut by page size,
 * and each piece is one call that stays in one table. A block replaces a table whatever the table
 * contains.
 *
 * @see rules/dma.md 5.1; tests/golden/pagetable/README.md
 */
import { ERRNO } from "../errno.ts";
import {
  type HostCharge,
  PageSizeChoice,
  PTE_READ,
  PTE_WRITE,
  RadixPageTable,
  SYNC_LEAVES,
  SYNC_WALK,
} from "./page_table.ts";

/** Granules of 64 KiB have room for physical addresses of 52 bits, the others for 48. */
const physBits = (granuleBytes: number) => granuleBytes === 2 ** 16 ? 52 : 48;

/**
 * Called for each call of the IOMMU core to the format, with the arguments of that call and the
 * number of bytes it processed. Used for conformance.
 */
export type ArmCallListener = (
  iova: number,
  phys: number,
  sizeBytes: number,
  count: number,
  doneBytes: number,
) => void;

export interface ArmPageTableOptions {
  readonly granuleBytes: number;
  readonly pageSizesBytes: readonly number[];
  readonly addressBits: number;
  /** Receives each call to the format; `phys` is -1 for an unmap. */
  readonly onCall?: ArmCallListener;
  /** Called with the host memory of each new table. */
  readonly charge?: HostCharge;
}

export class ArmPageTable extends RadixPageTable {
  readonly granuleBytes: number;
  readonly pageSizesBytes: readonly number[];
  readonly lastAddress: number;
  readonly lastPhys: number;

  readonly #choice: PageSizeChoice;
  readonly #entries: number;
  readonly #onCall: ArmCallListener | null;
  /** Bytes an entry covers, by level, 0 being the lowest. */
  readonly #spans: readonly number[];
  readonly #inverseSpans: readonly number[];
  /** The error with which the last call refused a map; 0 if it succeeded. */
  #error = 0;
  /** The range gathered for a flush; empty while the last byte is below the first. */
  #gatherFirst = Infinity;
  #gatherLast = -1;
  #gatherSizeBytes = 0;

  constructor(options: ArmPageTableOptions) {
    const entries = options.granuleBytes / 8;
    const shift = Math.log2(options.granuleBytes);
    const levels = Math.ceil((options.addressBits - shift) / (shift - 3));
    super(options.granuleBytes, entries, levels, options.charge);
    this.granuleBytes = options.granuleBytes;
    this.pageSizesBytes = options.pageSizesBytes;
    this.lastAddress = 2 ** options.addressBits - 1;
    this.lastPhys = 2 ** physBits(options.granuleBytes) - 1;
    this.#choice = new PageSizeChoice(options.pageSizesBytes);
    this.#entries = entries;
    this.#spans = Array.from({ length: levels }, (_, level) => this.spanOf(level));
    this.#inverseSpans = this.#spans.map((span) => 1 / span);
    this.#onCall = options.onCall ?? null;
  }

  map(iova: number, phys: number, sizeBytes: number, flags: number): number {
    this.begin();
    if (!this.#isWhole(iova) || !this.#isWhole(phys) || !this.#isWhole(sizeBytes)) {
      return -ERRNO.EINVAL;
    }
    let done = 0;
    while (done < sizeBytes) {
      this.#choice.choose(iova + done, phys + done, sizeBytes - done);
      const { sizeBytes: leafBytes, count } = this.#choice;
      const mapped = this.#mapCall(iova + done, phys + done, leafBytes, count, flags);
      this.#onCall?.(iova + done, phys + done, leafBytes, count, mapped);
      done += mapped;
      const error = this.#error;
      if (error !== 0) {
        if (done > 0) this.#unmapRange(iova, done);
        this.undoneBytes = done;
        this.leaves.count = 0;
        return -error;
      }
    }
    return 0;
  }

  /** Maps up to `count` leaves that lie in one table; returns the bytes done. */
  #mapCall(iova: number, phys: number, leafBytes: number, count: number, flags: number): number {
    this.#error = 0;
    if ((flags & (PTE_READ | PTE_WRITE)) === 0) return this.#fail(ERRNO.EINVAL);
    if (iova > this.lastAddress || phys > this.lastPhys) return this.#refuse(ERRNO.ERANGE);
    const level = this.#levelOf(leafBytes);
    const page = level === 0 && this.isInHot(iova) ? this.hot : this.#tableToMap(iova, level);
    if (page === null) return 0;
    const first = this.indexAt(iova, level);
    const end = Math.min(this.#entries, first + count);
    for (let index = first; index < end; index++) {
      const value = page[index]!;
      if (value > 0) return this.#refuse(ERRNO.EEXIST);
      if (value < 0) {
        page[index] = 0;
        this.#dropTable(value, iova + (index - first) * leafBytes, leafBytes);
      }
    }
    // A call writes all of its leaves or, when one entry is occupied, none.
    for (let index = first; index < end; index++) {
      page[index] = phys + (index - first) * leafBytes + flags;
    }
    this.leaves.add(leafBytes, end - first);
    return (end - first) * leafBytes;
  }

  /** The table of a level for an address; null, with an error set, if the table cannot be allocated. */
  #tableToMap(iova: number, level: number): Float64Array | null {
    let page = this.nodes.pages[this.top]!;
    for (let at = this.levels - 1; at > level; at--) {
      const index = this.indexAt(iova, at);
      let value = page[index]!;
      if (value > 0) this.#refuse(ERRNO.EEXIST);
      else if (value === 0) {
        if (this.outOfMemory !== null && this.outOfMemory()) this.#fail(ERRNO.ENOMEM);
        else value = page[index] = -this.nodes.take();
      }
      if (this.#error !== 0) return null;
      page = this.nodes.pages[-value]!;
    }
    if (level === 0) this.warm(page, iova);
    return page;
  }

  #refuse(error: number): number {
    this.warnings++;
    return this.#fail(error);
  }

  #fail(error: number): number {
    this.#error = error;
    return 0;
  }

  #dropTable(value: number, iova: number, leafBytes: number): void {
    this.release(-value);
    this.syncs.add(iova, iova + leafBytes - 1, SYNC_WALK);
  }

  unmap(iova: number, sizeBytes: number): number {
    this.begin();
    if (!this.#isWhole(iova) || !this.#isWhole(sizeBytes)) return 0;
    return this.#unmapRange(iova, sizeBytes);
  }

  #unmapRange(iova: number, sizeBytes: number): number {
    let done = 0;
    while (done < sizeBytes) {
      const at = iova + done;
      this.#choice.choose(at, at, sizeBytes - done);
      const { sizeBytes: leafBytes, count } = this.#choice;
      const gone = this.#unmapCall(at, leafBytes, count);
      this.#onCall?.(at, -1, leafBytes, count, gone);
      if (gone === 0) break;
      this.#gather(at, gone, leafBytes);
      done += gone;
    }
    this.#flushGathered();
    return done;
  }

  /** Unmaps up to `count` leaves that lie in one table; returns the bytes unmapped. */
  #unmapCall(iova: number, leafBytes: number, count: number): number {
    const level = this.#levelOf(leafBytes);
    let page = this.nodes.pages[this.top]!;
    // Past the last address that the tables cover, nothing is mapped.
    if (iova > this.lastAddress) {
      this.warnings++;
      return 0;
    }
    for (let at = this.levels - 1; at > level; at--) {
      const value = page[this.indexAt(iova, at)]!;
      // Either nothing is mapped here, or the leaf here is too large to be split. In both cases
      // nothing is unmapped.
      if (value >= 0) {
        this.warnings++;
        return 0;
      }
      page = this.nodes.pages[-value]!;
    }
    const first = this.indexAt(iova, level);
    const end = Math.min(this.#entries, first + count);
    let index = first;
    for (; index < end; index++) {
      const value = page[index]!;
      if (value === 0) {
        this.warnings++;
        break;
      }
      page[index] = 0;
      if (value < 0) this.#dropTable(value, iova + (index - first) * leafBytes, leafBytes);
    }
    if (index > first) this.leaves.add(leafBytes, index - first);
    return (index - first) * leafBytes;
  }

  /**
   * Adds leaves to the gathered range. If the leaves cannot extend that range, the range is flushed
   * first.
   */
  #gather(iova: number, sizeBytes: number, leafBytes: number): void {
    if (leafBytes !== this.#gatherSizeBytes || iova !== this.#gatherLast + 1) this.#flushGathered();
    if (this.#gatherLast < this.#gatherFirst) this.#gatherFirst = iova;
    this.#gatherLast = iova + sizeBytes - 1;
    this.#gatherSizeBytes = leafBytes;
  }

  #flushGathered(): void {
    if (this.#gatherFirst < this.#gatherLast) {
      this.syncs.add(this.#gatherFirst, this.#gatherLast, SYNC_LEAVES);
    }
    this.#gatherFirst = Infinity;
    this.#gatherLast = -1;
  }

  walk(iova: number): boolean {
    if (iova > this.lastAddress || iova < 0) return false;
    if (this.isInHot(iova)) return this.#found(this.hot[this.indexAt(iova, 0)]!, iova, 0);
    let page = this.nodes.pages[this.top]!;
    for (let level = this.levels - 1;; level--) {
      const value = page[this.indexAt(iova, level)]!;
      if (value >= 0) return this.#found(value, iova, level);
      page = this.nodes.pages[-value]!;
      if (level === 1) this.warm(page, iova);
    }
  }

  #found(value: number, iova: number, level: number): boolean {
    if (value === 0) return false;
    const sizeBytes = this.#spans[level]!;
    const phys = Math.floor(value * this.#inverseSpans[0]!) * this.granuleBytes;
    this.walkPhys = phys + (iova - Math.floor(iova * this.#inverseSpans[level]!) * sizeBytes);
    this.walkFlags = value - phys;
    this.walkSizeBytes = sizeBytes;
    return true;
  }

  protected spanOf(level: number): number {
    return this.granuleBytes * this.#entries ** level;
  }

  /**
   * Whether a number of bytes is a multiple of the granule. `&` works modulo 2^32, which is enough
   * for any size.
   */
  #isWhole(bytes: number): boolean {
    return (bytes & (this.granuleBytes - 1)) === 0;
  }

  #levelOf(leafBytes: number): number {
    return leafBytes === this.granuleBytes ? 0 : this.#spans.indexOf(leafBytes);
  }

  protected indexAt(iova: number, level: number): number {
    return Math.floor(iova * this.#inverseSpans[level]!) & (this.#entries - 1);
  }
}
