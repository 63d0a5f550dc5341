/**
 * Replays a captured run without a history: requests are mapped in the order of their numbers and
 * completed at once, which is the same thing where nothing is allocated.
 */
import type { IommuDomain } from "../../runtime/iommu/domain.ts";
import type { IovaAllocator } from "../../runtime/iommu/iova_allocator.ts";
import { ruleOf } from "./case_rule.ts";
import type { GroupCount } from "../group_result.ts";
import type { CaptureCase } from "./kernel_data.ts";
import type { CapturedMachine } from "./kernel_machine.ts";
import { KernelReplay } from "./kernel_replay.ts";

/** Maps and completes each request before the next, at the IO addresses it had. */
export function replayInCapturedOrder(
  host: CapturedMachine,
  cases: readonly CaptureCase[],
  count: GroupCount,
): void {
  const replay = new KernelReplay(host, cases);
  const { domain } = host.dev;
  const addresses = domain === null ? null : new GivenAddresses(domain);
  for (const captured of cases) {
    addresses?.expect(captured);
    replay.map(captured);
    const { difference } = replay.complete(captured, addresses?.freedNext(captured));
    replay.aside(() => addresses?.flush());
    count.add(captured.id, difference, ruleOf(difference));
  }
}

/** An allocation as a capture tells it. */
interface Given {
  readonly pfn: number;
  readonly limitPfn: number;
  readonly source: IovaAllocator["lastSource"];
}

/**
 * IO addresses as they were captured. A run without a history is one whose order of decisions is not
 * known: an interrupt gave ranges back in the middle of an allocation. Its addresses are given to a
 * model, not asked of it (tests/golden/kernel/README.md).
 */
class GivenAddresses {
  /** The allocations of the request under way, the next one first. */
  #coming: Given[] = [];

  constructor(private readonly domain: IommuDomain) {
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
        pfn: (iova as number) / this.domain.granuleBytes,
        limitPfn: limit_pfn as number,
        source: source === "cache" ? "rcache" : "tree",
      }));
  }

  /**
   * Ranges whose flush came right behind their release. When the timer ran is given too, and these
   * are all that a run without a history shows of it.
   */
  freedNext(captured: CaptureCase): ReadonlySet<number> {
    if (!this.domain.lazy) return new Set();
    const freed = (captured.unmap ?? []).flatMap(({ inner }) => inner ?? [])
      .filter(({ op, deferred }) => op === "iova_free" && deferred === false);
    return new Set(freed.map(({ iova }) => iova as number));
  }

  /** The timer of the model runs after each request. */
  flush(): void {
    this.domain.flushQueue?.drain();
  }
}
