/**
 * Tells a stretch of events in the words of the captured data: calls with what happened inside.
 *
 * The captures were made with probes on kernel functions, so their words differ from ours in a few
 * places: a range's tear-down inside `dma_iova_destroy` has a line of its own, and the map-sync of a
 * single mapping has none. Everything compared comes from events; nothing is looked up elsewhere.
 */
import type { DmaIovaState } from "../../runtime/dma/iova_state.ts";
import { ERRNO, type ErrnoName } from "../../runtime/errno.ts";
import type { FieldValue } from "../../runtime/event_vocabulary.ts";
import type { MachineEvent } from "../../runtime/events.ts";
import type { Json } from "./difference.ts";
import type { CaptureCall } from "./kernel_data.ts";

/** Every captured machine used pages of 4 KiB. */
const GRANULE_BYTES = 4096;

type Fields = Readonly<Record<string, FieldValue>>;
type Inner = { readonly op: string; readonly [field: string]: Json };

/** Calls of the DMA layer that the captures record. */
const RECORDED_CALLS = new Set([
  "dma_map_phys",
  "dma_unmap_phys",
  "dma_iova_try_alloc",
  "dma_iova_link",
  "dma_iova_sync",
  "dma_iova_destroy",
  "dma_iova_free",
  "dma_pool_alloc",
  "dma_pool_free",
]);

const DIRECTION_NUMBERS: Readonly<Record<string, number>> = {
  bidirectional: 0,
  to_device: 1,
  from_device: 2,
};

interface OpenCall {
  readonly name: string;
  readonly arguments: Fields;
  readonly inner: Inner[];
  /** Size of the coherent allocation under way inside the call. */
  coherentBytes: number;
}

/**
 * The recorded calls of a stretch of events, in the order in which they returned.
 *
 * @param state The request's IOVA state, which the captures print with the calls that use it.
 */
export function capturedCalls(
  events: readonly MachineEvent[],
  state: DmaIovaState,
): CaptureCall[] {
  const calls: CaptureCall[] = [];
  let open: OpenCall | null = null;
  for (const event of events) {
    const fields = event.fields as Fields;
    const [side, api] = splitName(event.name);
    if (side === null) {
      if (open !== null) open.inner.push(...innerOperations(event.name, fields, open));
    } else if (RECORDED_CALLS.has(api)) {
      if (side === "call") open = { name: api, arguments: fields, inner: [], coherentBytes: 0 };
      else if (open !== null) {
        calls.push(closeCall(open, fields, state));
        open = null;
      }
    } else if (api === "dma_alloc_coherent") {
      // A coherent allocation is one line inside the call that needed it.
      if (open === null) continue;
      if (side === "call") open.coherentBytes = fields.size as number;
      else {open.inner.push({
          op: "dma_alloc",
          dma: fields.result as number,
          size: open.coherentBytes,
        });}
    }
  }
  return calls;
}

function splitName(name: string): [side: "call" | "ret" | null, api: string] {
  if (name.startsWith("call.")) return ["call", name.slice("call.".length)];
  if (name.startsWith("ret.")) return ["ret", name.slice("ret.".length)];
  return [null, name];
}

function closeCall(open: OpenCall, result: Fields, state: DmaIovaState): CaptureCall {
  const { name } = open;
  const inner = name === "dma_iova_destroy" ? withUnlink(open, state) : open.inner;
  const body = describeCall(open, result, state);
  return inner.length === 0 ? { call: name, ...body } : { call: name, ...body, inner };
}

/** The captures had a probe where `dma_iova_destroy` begins to clear what is linked. */
function withUnlink(open: OpenCall, state: DmaIovaState): Inner[] {
  if (!open.inner.some(({ op }) => op === "iommu_unmap")) return open.inner;
  const size = open.arguments.mapped_len as number;
  return [{ op: "iova_unlink", addr: state.addr, offset: 0, size }, ...open.inner];
}

/** A call's arguments and results in the captures' words. */
function describeCall(open: OpenCall, result: Fields, state: DmaIovaState): Record<string, Json> {
  const given = open.arguments;
  const number = (field: string) => given[field] as number;
  switch (open.name) {
    case "dma_map_phys":
      return {
        dir: directionName(given.dir),
        phys: number("phys"),
        size: number("size"),
        dma: result.result as number,
      };
    case "dma_unmap_phys":
      return { dir: directionName(given.dir), dma: number("dma"), size: number("size") };
    case "dma_iova_try_alloc": {
      const ok = result.result === true;
      return {
        phys: number("phys"),
        size: number("size"),
        ok,
        addr: ok ? state.addr : null,
        state_size: ok ? state.sizeBytes : null,
      };
    }
    case "dma_iova_link":
      return {
        phys: number("phys"),
        offset: number("offset"),
        size: number("size"),
        dir: directionNumber(given.dir),
        ret: errnoOf(result),
      };
    case "dma_iova_sync":
      return { offset: number("offset"), size: number("size"), ret: errnoOf(result) };
    case "dma_iova_destroy":
      return {
        addr: state.addr,
        state_size: state.sizeBytes,
        ...(state.bounced ? { uses_bounce: true } : {}),
        mapped: number("mapped_len"),
        dir: directionNumber(given.dir),
        attrs: 0,
      };
    case "dma_pool_alloc":
      return {
        pool: given.pool as string,
        psize: number("size_bytes"),
        dma: result.result as number,
      };
    case "dma_pool_free":
      return { pool: given.pool as string, psize: number("size_bytes"), dma: number("dma") };
    default:
      return {};
  }
}

/** One thing that happened inside a call: none where the captures had no probe, two where they had two. */
function innerOperations(name: string, fields: Fields, open: OpenCall): Inner[] {
  if (name === "iotlb.sync" && fields.kind === "all") {
    return [{ op: "iotlb_flush_all" }, { op: "iotlb_flush_range", start: 0, end: null }];
  }
  if (name === "iova.free" && fields.to !== "flush_queue" && open.inner.some(isDeferred)) {
    return [{
      op: "iova_free_late",
      iova: fields.start as number,
      size: fields.size_bytes as number,
    }];
  }
  const one = innerOperation(name, fields, open);
  return one === null ? [] : [one];
}

/** A range was parked inside this call; what is given back after that was parked before. */
function isDeferred(inner: Inner): boolean {
  return inner.op === "iova_free" && inner.deferred === true;
}

function innerOperation(name: string, fields: Fields, open: OpenCall): Inner | null {
  const number = (field: string) => fields[field] as number;
  switch (name) {
    case "iova.alloc":
      return {
        op: "iova_alloc",
        size: number("size_bytes"),
        iova: number("start"),
        source: fields.source === "rcache" ? "cache" : "tree",
        limit_pfn: Math.floor(number("limit") / GRANULE_BYTES),
      };
    case "iova.free":
      return {
        op: "iova_free",
        iova: number("start"),
        size: number("size_bytes"),
        deferred: fields.to === "flush_queue",
      };
    case "iommu.map":
      return {
        op: "iommu_map",
        iova: number("iova"),
        phys: number("phys"),
        size: number("size_bytes"),
      };
    case "iommu.unmap":
      return {
        op: "iommu_unmap",
        iova: number("iova"),
        size: number("size_bytes"),
        unmapped: number("unmapped_bytes"),
      };
    case "iommu.sync_map":
      // Inside a single mapping the kernel's call is inlined, and no probe saw it.
      return open.name === "dma_iova_sync"
        ? { op: "iommu_sync_map", iova: number("iova"), size: number("size_bytes") }
        : null;
    case "iotlb.sync":
      return flushOperation(fields);
    case "swiotlb.map":
      return {
        op: "swiotlb_map_single",
        orig: number("orig_phys"),
        size: number("size_bytes"),
        tlb: number("tlb_phys"),
      };
    case "swiotlb.unmap":
      return { op: "swiotlb_unmap_single", tlb: number("tlb_phys"), size: number("size_bytes") };
    case "swiotlb.copy":
      return {
        op: "swiotlb_bounce",
        tlb: number("tlb_phys"),
        size: number("size_bytes"),
        dir: fields.direction === "in" ? 1 : 2,
      };
    default:
      return null;
  }
}

function flushOperation(fields: Fields): Inner {
  const start = fields.start as number;
  const op = fields.kind === "map" ? "iotlb_flush_np" : "iotlb_flush_range";
  return { op, start, end: start + (fields.size_bytes as number) - 1 };
}

const DIRECTION_NAMES: Readonly<Record<string, string>> = {
  bidirectional: "BIDIRECTIONAL",
  to_device: "TO_DEVICE",
  from_device: "FROM_DEVICE",
};

function directionName(word: FieldValue | undefined): string {
  return DIRECTION_NAMES[word as string] ?? String(word);
}

function directionNumber(word: FieldValue | undefined): number {
  return DIRECTION_NUMBERS[word as string] ?? -1;
}

/** The negative errno a call returned, or 0. */
function errnoOf(result: Fields): number {
  return result.error === null ? 0 : -ERRNO[result.error as ErrnoName];
}
