/** A captured case, and what the model made of it, in one form to compare. */
import type { DmaAddr, MachineEvent } from "@dmalab/runtime";
import type { Json } from "../difference.ts";
import type { CaptureCall, CaptureCase } from "./kernel_data.ts";

/** Calls that walk a request's pieces one by one. */
const ITERATOR_STARTS = "call.blk_rq_dma_map_iter_start";

/** Everything of a case that must come out. */
export function expectedForm(captured: CaptureCase): Record<string, Json> {
  const { command, config, device, iter, kernel, limits, map, request, sg, unmap = [] } = captured;
  return {
    kernel,
    config: config as Json,
    limits: { ...limits },
    map: map.map(comparable),
    sg: sg?.mapped ?? null,
    command,
    iter: iter ?? null,
    unmap: unmap.map(comparable),
    accesses: device?.accesses ?? null,
    status: captured.status ?? null,
    queue_status: captured.queue_status ?? null,
    user_errno: captured.user_errno ?? null,
    // Not recorded for every request that was walked.
    ...(request.segments === undefined ? {} : { segments: request.segments }),
  };
}

/** A call without what says nothing: an empty `inner`, attributes of 0. */
export function comparable(call: CaptureCall): Json {
  const { inner = [], attrs = 0, ...rest } = call;
  const body: Record<string, Json | undefined> = rest;
  if (inner.length > 0) body.inner = inner;
  if (attrs !== 0) body.attrs = attrs;
  return body as Json;
}

/** What the DMA iterator's calls gave, as the captures print it; null where it was not asked. */
export function iteratorResults(events: readonly MachineEvent[]): Json {
  if (!events.some(({ name }) => name === ITERATOR_STARTS)) return null;
  const results: Json[] = [];
  let last: readonly [DmaAddr, number] = [0 as DmaAddr, 0];
  let coalesced: readonly [DmaAddr, number] | null = null;
  for (const event of events) {
    const fields = event.fields as Readonly<Record<string, unknown>>;
    if (event.name === ITERATOR_STARTS) coalesced = null;
    else if (event.name === "block.segment") {
      last = [fields.dma as DmaAddr, fields.size_bytes as number];
      coalesced = coalesced === null ? last : [coalesced[0], coalesced[1] + last[1]];
    } else if (event.name === "ret.blk_rq_dma_map_iter_start") {
      const [addr, length] = coalesced ?? last;
      results.push(fields.result === true ? ["istart", 1, addr, length] : ["istart", 0]);
    } else if (event.name === "ret.blk_rq_dma_map_iter_next") {
      results.push(fields.result === true ? ["inext", 1, ...last] : ["inext", 0]);
    }
  }
  return results;
}
