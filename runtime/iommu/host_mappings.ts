/**
 * The mappings of a domain behind a virtio-iommu. The guest has no tables: its driver keeps a list of
 * what it has requested, and devices are translated by the host's mappings, which follow when the
 * host has handled the requests.
 *
 * @see rules/dma.md 5.5
 */
import { type Bytes, lastAddressOfBits } from "../address.ts";
import { ERRNO } from "../errno.ts";
import { endOf, type HostMapping, HostRequests, MappingList } from "./host_requests.ts";
import { type HostCharge, type LeafVisitor, PageSizeChoice, PageTable } from "./page_table.ts";

/** Host memory of a mapping in the driver's list, and in the host's. */
const MAPPING_BYTES = 128;

export interface HostMappingsOptions {
  readonly granuleBytes: Bytes;
  /** Sizes into which an operation is divided, powers of two, ascending. */
  readonly pageSizesBytes: readonly Bytes[];
  readonly addressBits: number;
  /** The queue of the IOMMU; null for a queue without events. */
  readonly requests?: HostRequests | null;
  readonly charge?: HostCharge;
}

export class HostMappings extends PageTable {
  readonly granuleBytes: Bytes;
  readonly pageSizesBytes: readonly Bytes[];
  readonly lastAddress: number;
  readonly lastPhys: number = lastAddressOfBits(64);
  readonly requests: HostRequests;
  /** What the host has mapped: devices are translated by it. */
  readonly host: MappingList = new MappingList();
  /** What the driver has requested, and not unmapped. */
  readonly #driver = new MappingList();
  /** Requested mappings that overlap earlier ones: the host refuses them. */
  #doubles: HostMapping[] = [];
  /** Mappings that the driver has removed from its list without a request, so that the host has them. */
  #forgotten: HostMapping[] = [];
  /** Mappings of the driver's list that a request for others has removed from the host. */
  readonly #lost = new Set<HostMapping>();
  #charged = 0;
  readonly #choice: PageSizeChoice;
  readonly #charge: HostCharge;

  constructor(options: HostMappingsOptions) {
    super();
    this.granuleBytes = options.granuleBytes;
    this.pageSizesBytes = options.pageSizesBytes;
    this.lastAddress = lastAddressOfBits(options.addressBits);
    this.requests = options.requests ?? new HostRequests(null);
    this.#choice = new PageSizeChoice(options.pageSizesBytes);
    this.#charge = options.charge ?? (() => {});
  }

  /** The guest has no table pages. */
  override get tables(): 0 {
    return 0;
  }

  override get hostBytes(): Bytes {
    return this.#charged * MAPPING_BYTES;
  }

  override map(iova: number, phys: number, sizeBytes: Bytes, flags: number): number {
    this.begin();
    const granule = this.granuleBytes;
    if (iova % granule !== 0 || phys % granule !== 0 || sizeBytes % granule !== 0) {
      return -ERRNO.EINVAL;
    }
    for (let done = 0; done < sizeBytes;) {
      if (this.outOfMemory?.() === true) return this.#undo(iova, done);
      this.#choice.choose(iova + done, phys + done, sizeBytes - done);
      const bytes = this.#choice.sizeBytes * this.#choice.count;
      const mapping = { start: iova + done, sizeBytes: bytes, phys: phys + done, flags };
      if (!this.#driver.add(mapping)) this.#doubles.push(mapping);
      this.#chargeMapping();
      this.requests.map(this.host, mapping);
      this.leaves.add(bytes, 1);
      done += bytes;
    }
    return 0;
  }

  #chargeMapping(): void {
    const count = this.#driver.count + this.#doubles.length;
    if (count <= this.#charged) return;
    this.#charged = count;
    this.#charge(MAPPING_BYTES);
  }

  #undo(iova: number, doneBytes: Bytes): number {
    if (doneBytes > 0) this.#unmapRange(iova, doneBytes);
    this.undoneBytes = doneBytes;
    this.leaves.count = 0;
    return -ERRNO.ENOMEM;
  }

  /** Each run needs a request of its own. */
  override mapGranules(): 0 {
    return 0;
  }

  override unmap(iova: number, sizeBytes: Bytes): Bytes {
    this.begin();
    return this.#unmapRange(iova, sizeBytes);
  }

  #unmapRange(iova: number, sizeBytes: Bytes): Bytes {
    let done = 0;
    while (done < sizeBytes) {
      this.#choice.choose(iova + done, iova + done, sizeBytes - done);
      const cutBytes = this.#choice.sizeBytes * this.#choice.count;
      const removed = this.#unmapPages(iova + done, cutBytes);
      if (removed === 0) break;
      done += removed;
    }
    return done;
  }

  /**
   * Removes the mappings that begin in a range from the driver's list, each as a whole, and requests
   * the host to do so. If they are shorter than the range, the host gets no request.
   * @returns Bytes removed; 0 without a request.
   */
  #unmapPages(start: number, sizeBytes: Bytes): Bytes {
    const end = start + sizeBytes;
    const first = this.#driver.next(start);
    // No mapping is split.
    if (first === null || first.start < start) return 0;
    const removed: HostMapping[] = [];
    for (let next: HostMapping | null = first; next !== null && next.start < end;) {
      this.#driver.remove(next);
      removed.push(next);
      next = this.#driver.next(start);
    }
    const isIn = (mapping: HostMapping) => start <= mapping.start && mapping.start < end;
    if (this.#doubles.length > 0) {
      removed.push(...this.#doubles.filter(isIn));
      this.#doubles = this.#doubles.filter((mapping) => !isIn(mapping));
    }
    for (const mapping of removed) this.#lost.delete(mapping);
    const bytes = removed.reduce((sum, mapping) => sum + mapping.sizeBytes, 0);
    if (bytes < sizeBytes) {
      this.#forgotten.push(...removed);
      return 0;
    }
    for (const mapping of removed) this.leaves.add(mapping.sizeBytes, 1);
    if (this.#forgotten.length > 0) {
      this.#forgotten = this.#forgotten.filter((mapping) =>
        mapping.start < start || endOf(mapping) > start + bytes
      );
    }
    this.#lose(start, start + bytes);
    this.requests.unmap(this.host, start, bytes);
    return bytes;
  }

  /** A request is as long as all that was removed: with doubles, it reaches what is mapped behind. */
  #lose(start: number, end: number): void {
    for (
      let next = this.#driver.next(start);
      next !== null;
      next = this.#driver.next(endOf(next))
    ) {
      if (endOf(next) > end) return;
      this.#lost.add(next);
    }
  }

  override clear(): void {
    this.requests.wait("unmap", 0, 0);
    this.#driver.clear();
    this.host.clear();
    this.#doubles = [];
    this.#forgotten = [];
    this.#lost.clear();
  }

  /** Looks an address up in the driver's list. */
  override walk(iova: number): boolean {
    const found = this.#driver.at(iova) ??
      this.#doubles.find((mapping) => mapping.start <= iova && iova < endOf(mapping)) ?? null;
    return this.#found(found, iova);
  }

  /** Looks an address up in the host's mappings, as for a device. */
  walkHost(iova: number): boolean {
    return this.#found(this.host.at(iova), iova);
  }

  /** Whether the driver has unmapped an address that the host still maps. */
  isStale(iova: number): boolean {
    const found = this.host.at(iova);
    return found !== null && this.#driver.at(iova) !== found;
  }

  #found(mapping: HostMapping | null, iova: number): boolean {
    if (mapping === null) return false;
    this.walkPhys = mapping.phys + (iova - mapping.start);
    this.walkFlags = mapping.flags;
    this.walkSizeBytes = mapping.sizeBytes;
    return true;
  }

  /** The guest knows no entries. */
  override path(): readonly never[] {
    return [];
  }

  /** Visits what the host has when all requests are handled. */
  override forEachLeaf(first: number, last: number, visit: LeafVisitor): void {
    // A second mapping of the same address has no effect at all.
    const doubles = this.#doubles.filter(({ start }) => this.#driver.at(start)?.start !== start);
    const others = [...doubles, ...this.#forgotten]
      .filter((mapping) => mapping.start <= last && endOf(mapping) > first)
      .sort((a, b) => a.start - b.start);
    const tell = ({ flags, phys, sizeBytes, start }: HostMapping) =>
      visit(start, phys, sizeBytes, flags);
    let other = 0;
    for (
      let next = this.#driver.next(first);
      next !== null && next.start <= last;
      next = this.#driver.next(endOf(next))
    ) {
      while (other < others.length && others[other]!.start < next.start) tell(others[other++]!);
      if (!this.#lost.has(next)) tell(next);
    }
    while (other < others.length) tell(others[other++]!);
  }
}
