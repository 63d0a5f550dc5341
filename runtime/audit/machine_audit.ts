/**
 * Checks that the data structures of a machine are consistent. The checks are too expensive to run
 * always.
 *
 * The tests and the hunt start the audit; elsewhere it costs each activity one null check. Data
 * structures that a driver's mistake could break are checked only if the audit's settings exclude
 * such mistakes. For example, a range that is unmapped twice lies in two magazines, in dmalab as in
 * the kernel.
 */
import { InvariantError } from "../errno.ts";
import type { IommuDomain } from "../iommu/domain.ts";
import type { DmaMachine } from "../dma/dma_machine.ts";

export interface AuditOptions {
  /** Number of activities between two checks. */
  readonly every?: number;
  /**
   * True to promise that the drivers free nothing twice, free nothing with a wrong length, and that
   * no known defect is enabled. Allows stricter checks.
   */
  readonly driversAreRight?: boolean;
}

const EVERY = 8;

export class MachineAudit {
  readonly #machine: DmaMachine;
  readonly #every: number;
  readonly #driversAreRight: boolean;
  #activities = 0;

  constructor(machine: DmaMachine, { driversAreRight = false, every = EVERY }: AuditOptions) {
    this.#machine = machine;
    this.#every = every;
    this.#driversAreRight = driversAreRight;
  }

  afterActivity(): void {
    if (this.#activities++ % this.#every === 0) this.look();
  }

  /** Runs all checks. @throws {InvariantError} */
  look(): void {
    const { auditors, iommu, swiotlb } = this.#machine;
    for (const domain of iommu.domains) {
      domain.iova.cache.audit();
      const live = auditRanges(domain);
      if (this.#driversAreRight) {
        auditCaches(domain, live);
        auditLeaves(domain);
      }
    }
    iommu.iotlb.audit();
    swiotlb.audit();
    for (const audit of auditors) audit();
  }
}

/** Checks that the allocated IOVA ranges are sorted and do not overlap. @returns Their first frames. */
function auditRanges({ name, iova: { ranges } }: IommuDomain): ReadonlySet<number> {
  const live = new Set<number>();
  let last = -1;
  ranges.forEach((lo, hi) => {
    if (lo <= last || hi < lo) {
      throw new InvariantError(`${name}: frames ${lo} to ${hi} come behind ${last}`);
    }
    last = hi;
    live.add(lo);
  });
  if (live.size !== ranges.count) {
    throw new InvariantError(`${name}: ${live.size} ranges, and ${ranges.count} counted`);
  }
  return live;
}

/**
 * Checks that each range in a magazine or flush queue is still allocated in the range tree, and
 * cached only once.
 */
function auditCaches({ name, flushQueue, iova }: IommuDomain, live: ReadonlySet<number>): void {
  const seen = new Set<number>();
  const look = (pfn: number) => {
    if (!live.has(pfn)) throw new InvariantError(`${name}: cached frame ${pfn} is free`);
    if (seen.has(pfn)) throw new InvariantError(`${name}: frame ${pfn} is cached twice`);
    seen.add(pfn);
  };
  iova.cache.forEach(look);
  flushQueue?.forEach(look);
}

/**
 * Checks that everything mapped for a device lies in an allocated range or in direct-mapped
 * firmware memory.
 */
function auditLeaves(domain: IommuDomain): void {
  const { direct, granuleBytes, iova: { ranges }, name, table } = domain;
  table.forEachLeaf(0, table.lastAddress, (iova, _phys, sizeBytes) => {
    if (direct.some(({ end, start }) => start <= iova && iova < end)) return;
    const first = Math.floor(iova / granuleBytes);
    const last = Math.ceil((iova + sizeBytes) / granuleBytes) - 1;
    if (!ranges.find(first) || ranges.foundHi < last) {
      throw new InvariantError(`${name}: a leaf at frame ${first} lies in no range in use`);
    }
  });
}
