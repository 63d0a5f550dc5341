/**
 * The calls of the page-wise DMA map with their events; `hmm_dma_map.ts` is what they do.
 *
 * @see rules/hmm-rdma-vfio.md chapter 1
 */
import { type Bytes, DMA_MAPPING_ERROR, type DmaAddr } from "../address.ts";
import { type Call, callOf } from "../dma/calls/call_events.ts";
import type { DmaDevice } from "../dma/device/device.ts";
import { addressingLimited } from "../dma/calls/mapping_queries.ts";
import type { PeerMemo } from "../dma/paths/scatterlist_peer.ts";
import { errnoName } from "../errno.ts";
import type { EventFields, KernelCall } from "../event_vocabulary.ts";
import type { Why } from "../events.ts";
import { requireFeature } from "../kernels/kernels.ts";
import type { Machine } from "../machine.ts";
import {
  type HmmDmaMap,
  hmmDmaMapAlloc as alloc,
  hmmDmaMapFree as free,
  hmmDmaMapPfn as mapPfn,
  hmmDmaUnmapPfn as unmapPfn,
} from "./hmm_dma_map.ts";
import { flagWords } from "./hmm_pfn_list.ts";

const ALLOC = callOf("hmm_dma_map_alloc");
const FREE = callOf("hmm_dma_map_free");
const MAP = callOf("hmm_dma_map_pfn");
const UNMAP = callOf("hmm_dma_unmap_pfn");

/** Runs a call between its two events, as work for a device. */
function during<C extends KernelCall, T>(
  machine: Machine,
  dev: DmaDevice | null,
  call: Call<C>,
  args: EventFields<`call.${C}`>,
  act: () => T,
  outcome: (result: T) => readonly [EventFields<`ret.${C}`>, Why],
): T {
  requireFeature(machine, "hmm_dma_map", call.api);
  const { events } = machine;
  const outer = events.context.enterDevice(dev?.name ?? null);
  try {
    if (events.tick(call.call)) events.emit(call.call, args);
    const result = act();
    if (events.tick(call.ret)) events.emit(call.ret, ...outcome(result));
    return result;
  } finally {
    events.context.leaveDevice(outer);
  }
}

/**
 * A map for a list of pages, with nothing mapped.
 * @returns A map, or a negative errno.
 * @see rules/hmm-rdma-vfio.md 1.2
 */
export function hmmDmaMapAlloc(
  machine: Machine,
  dev: DmaDevice | null,
  pages: number,
  entrySizeBytes: Bytes,
): HmmDmaMap | number {
  return during(
    machine,
    dev,
    ALLOC,
    { dev: dev?.name ?? null, pages, size: entrySizeBytes },
    () => alloc(machine, dev, pages, entrySizeBytes),
    (made) => {
      const failed = typeof made === "number";
      return [
        failed ? { result: made, error: errnoName(made) } : { result: 0, error: null },
        {
          rule: ALLOC.rule,
          inputs: {
            mode: failed ? null : made.mode,
            range: failed ? 0 : made.firstDma,
            needs_sync: dev === null || !dev.skipSync,
            addressing_limited: dev !== null && addressingLimited(machine, dev),
            memory_bytes: failed ? 0 : made.memoryBytes,
          },
        },
      ];
    },
  );
}

/** Gives the range and the lists back. @see rules/hmm-rdma-vfio.md 1.2 (free) */
export function hmmDmaMapFree(machine: Machine, dev: DmaDevice | null, map: HmmDmaMap): void {
  const why = { rule: FREE.rule, inputs: { mode: map.mode } };
  during(
    machine,
    dev,
    FREE,
    { dev: dev?.name ?? null },
    () => free(machine, dev, map),
    () => [{ result: null, error: null }, why],
  );
}

/**
 * Makes one entry reachable.
 * @returns Its address for the device, or `DMA_MAPPING_ERROR`.
 * @see rules/hmm-rdma-vfio.md 1.3
 */
export function hmmDmaMapPfn(
  machine: Machine,
  dev: DmaDevice,
  map: HmmDmaMap,
  index: number,
  memo: PeerMemo | null,
): DmaAddr {
  return during(
    machine,
    dev,
    MAP,
    { dev: dev.name, index },
    () => mapPfn(machine, dev, map, index, memo),
    ({ dma, why }) => [
      dma === DMA_MAPPING_ERROR ? { result: null, error: "ENOMEM" } : { result: dma, error: null },
      why,
    ],
  ).dma;
}

/**
 * Ends one entry's mapping.
 * @returns False for an entry that is not valid, or not mapped.
 * @see rules/hmm-rdma-vfio.md 1.4
 */
export function hmmDmaUnmapPfn(
  machine: Machine,
  dev: DmaDevice,
  map: HmmDmaMap,
  index: number,
): boolean {
  const flags = flagWords(map.pfns.flags(index));
  return during(
    machine,
    dev,
    UNMAP,
    { dev: dev.name, index },
    () => unmapPfn(machine, dev, map, index),
    (result) => [
      { result, error: null },
      { rule: UNMAP.rule, inputs: { index, flags, mode: map.mode, range: map.firstDma } },
    ],
  );
}
