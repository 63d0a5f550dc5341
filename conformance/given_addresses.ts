/**
 * IO addresses as they were captured, for runs whose order of decisions is not known.
 *
 * Such a run has no history file: an interrupt gave ranges back in the middle of an allocation. Its
 * IO addresses are given to a model, not asked of it (tests/golden/kernel/README.md).
 */
import type { IommuDomain } from "../runtime/iommu/domain.ts";
import type { IovaAllocator } from "../runtime/iommu/iova_allocator.ts";
import type { CaptureCase } from "./kernel/kernel_data.ts";

/** An allocation as a capture tells it. */
interface Given {
  readonly pfn: number;
  readonly limitPfn: number;
  readonly source: IovaAllocator["lastSource"];
}

export class GivenAddresses {
  readonly #domain: IommuDomain;
  /** The allocations of the request under way, the next one first. */
  #coming: Given[] = [];

  constructor(domain: IommuDomain) {
    this.#domain = domain;
    const { iova } = domain;
    iova.allocFast = (_cpu, _pfns, limitPfn) => {
      const next = this.#coming[0];
      // A limit that was tried in vain leaves no line.
      if (next === undefined || next.limitPfn !== limitPfn) return 0;
      this.#coming.shift();
      iova.lastSource = next.source;
      return next.pfn;
    };
    iova.freeFast = () => {};
  }

  /** Sets the answers for the next request. */
  expect(captured: CaptureCase): void {
    this.#coming = captured.map.flatMap(({ inner }) => inner ?? [])
      .filter(({ op }) => op === "iova_alloc")
      .map(({ iova, limit_pfn, source }) => ({
        pfn: (iova as number) / this.#domain.granuleBytes,
        limitPfn: limit_pfn as number,
        source: source === "cache" ? "rcache" : "tree",
      }));
  }

  /**
   * Ranges whose flush came right behind their release. When the timer ran is given too, and these
   * are all that a run without a history shows of it.
   */
  freedNext(captured: CaptureCase): ReadonlySet<number> {
    if (!this.#domain.lazy) return new Set();
    const freed = (captured.unmap ?? []).flatMap(({ inner }) => inner ?? [])
      .filter(({ op, deferred }) => op === "iova_free" && deferred === false);
    return new Set(freed.map(({ iova }) => iova as number));
  }

  /** The timer of the model runs after each request. */
  flush(): void {
    this.#domain.flushQueue?.drain();
  }
}
