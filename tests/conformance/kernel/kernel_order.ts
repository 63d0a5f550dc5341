/**
 * Replays a captured run without a history. The requests are replayed in the order of their numbers; each
 * request is mapped and completed before the next.
 *
 * For such a run the order of allocations is unknown, or the run allocates nothing. Therefore IO addresses
 * and bounce slots are inputs of the model (tests/golden/kernel/README.md, "What is given and what must
 * come out").
 */
import {
  type BouncingDevice,
  type IommuDomain,
  type IovaAllocator,
  SLOT_BYTES,
  type SwiotlbPool,
} from "@dmalab/runtime";
import type { InnerLine } from "../inner_record.ts";
import type { GroupCount } from "../group_result.ts";
import { type CaptureCase, ruleOf } from "./kernel_data.ts";
import type { CapturedMachine } from "./kernel_machine.ts";
import type { KernelReplay } from "./kernel_replay.ts";

/** Maps and completes each request before the next, at its recorded addresses. */
export function replayInCapturedOrder(
  host: CapturedMachine,
  replay: KernelReplay,
  cases: readonly CaptureCase[],
  add: GroupCount["add"],
): void {
  const { domain } = host.dev;
  const addresses = domain === null ? null : new GivenAddresses(domain);
  const slots = new GivenSlots(host.machine.swiotlb);
  const parked = parkedBehind(cases);
  host.pools.small.allowOverlap();
  host.pools.large.allowOverlap();
  for (const [index, captured] of cases.entries()) {
    addresses?.expect(captured);
    slots.expect(captured);
    replay.map(captured);
    const { difference } = replay.complete(captured);
    if (!parked.has(index)) replay.aside(() => domain?.flushQueue?.drain());
    add(captured.id, difference, ruleOf(difference));
  }
}

/** The lines of one operation inside some calls, in order. */
function linesInside(calls: CaptureCase["map"] | undefined, op: string): readonly InnerLine[] {
  return (calls ?? []).flatMap(({ inner = [] }) => inner.filter((line) => line.op === op));
}

/**
 * Indices of the requests after which the flush timer must not run. The record does not show when
 * the timer ran. But if the release of a later request frees a range, the range was still in the
 * queue until that release.
 */
function parkedBehind(cases: readonly CaptureCase[]): ReadonlySet<number> {
  const parked = new Set<number>();
  /** For each range, the last request that got it. */
  const owners = new Map<number, number>();
  for (const [index, { map, unmap }] of cases.entries()) {
    for (const { iova } of linesInside(map, "iova_alloc")) owners.set(iova as number, index);
    for (const { iova } of linesInside(unmap, "iova_free_late")) {
      for (let owner = owners.get(iova as number) ?? index; owner < index; owner++) {
        parked.add(owner);
      }
    }
  }
  return parked;
}

/** A captured allocation. */
interface Given {
  readonly pfn: number;
  readonly limitPfn: number;
  readonly source: IovaAllocator["lastSource"];
}

/** Replaces the IOVA allocator by the captured allocations. Freed ranges are dropped. */
class GivenAddresses {
  /** The remaining allocations of the current request, the next one first. */
  #coming: Given[] = [];

  constructor(private readonly domain: IommuDomain) {
    const { iova } = domain;
    iova.allocFast = (_cpu, _pfns, limitPfn) => {
      const next = this.#coming[0];
      // The captures have no line for a failed attempt to allocate below a limit.
      if (next === undefined || next.limitPfn !== limitPfn) return 0;
      this.#coming.shift();
      iova.lastSource = next.source;
      return next.pfn;
    };
    iova.freeFast = () => {};
  }

  /** Sets the allocations of the next request. */
  expect({ map }: CaptureCase): void {
    this.#coming = linesInside(map, "iova_alloc").map(({ iova, limit_pfn, source }) => ({
      pfn: (iova as number) / this.domain.granuleBytes,
      limitPfn: limit_pfn as number,
      source: source === "cache" ? "rcache" : "tree",
    }));
  }
}

/**
 * Makes the bounce pool use the captured slots. The address of each buffer's data is an input. A
 * buffer may begin with further slots, so that its data has the same low address bits as the
 * original memory. These slots are compared.
 */
class GivenSlots {
  /** Addresses of the remaining buffers of the current request, the next one first. */
  #coming: number[] = [];

  constructor(private readonly pool: SwiotlbPool) {
    const search = (
      _cpu: number,
      dev: BouncingDevice,
      orig: number,
      _totalBytes: number,
      slots: number,
      allocAlignMask: number,
    ): number => {
      const tlb = this.#coming.shift();
      if (tlb === undefined) return -1;
      const padSlots = Math.floor(pool.padBytes(dev, orig, allocAlignMask) / SLOT_BYTES);
      const first = Math.floor((tlb - pool.basePhys) / SLOT_BYTES) - padSlots;
      return first < 0 || first + slots > pool.slots ? -1 : first;
    };
    Reflect.set(pool, "search", search);
  }

  /** Sets the slots of the next request. */
  expect({ map }: CaptureCase): void {
    this.#coming = linesInside(map, "swiotlb_map_single").map(({ tlb }) => tlb as number);
  }
}
