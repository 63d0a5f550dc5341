/**
 * Replays a captured run without a history: requests go in the order of their numbers, each mapped
 * and completed before the next.
 *
 * Such a run has an unknown order of decisions, or no allocation. IO addresses and bounce slots are
 * given to the model (tests/golden/kernel/README.md, "What is given and what must come out").
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

/** Maps and completes each request before the next, at the addresses it had. */
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
 * Behind which requests, by index, the flush timer did not run. When it ran is not recorded; but the
 * range of a request that a later one's release lets go was still parked then.
 */
function parkedBehind(cases: readonly CaptureCase[]): ReadonlySet<number> {
  const parked = new Set<number>();
  /** The last request that was given a range. */
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

/** An allocation as a capture has it. */
interface Given {
  readonly pfn: number;
  readonly limitPfn: number;
  readonly source: IovaAllocator["lastSource"];
}

/** IOVAs as they were captured. A freed range goes nowhere. */
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
  expect({ map }: CaptureCase): void {
    this.#coming = linesInside(map, "iova_alloc").map(({ iova, limit_pfn, source }) => ({
      pfn: (iova as number) / this.domain.granuleBytes,
      limitPfn: limit_pfn as number,
      source: source === "cache" ? "rcache" : "tree",
    }));
  }
}

/**
 * Bounce slots as they were captured: where the data of each buffer begins. The slots before it,
 * which keep its low address bits, must come out.
 */
class GivenSlots {
  /** Addresses of the buffers of the request under way, the next one first. */
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

  /** Sets the answers for the next request. */
  expect({ map }: CaptureCase): void {
    this.#coming = linesInside(map, "swiotlb_map_single").map(({ tlb }) => tlb as number);
  }
}
