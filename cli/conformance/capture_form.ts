/**
 * Tells a stretch of events in the words of the captured data: calls with what happened inside.
 *
 * The captures were made with probes on kernel functions, so their words differ from ours in a few
 * places: a range's tear-down inside `dma_iova_destroy` has a line of its own, and the map-sync of a
 * single mapping has none. Everything compared comes from events; nothing is looked up elsewhere.
 */
import type { DmaIovaState } from "../../runtime/dma/iova_state.ts";
import type { MachineEvent } from "../../runtime/events.ts";
import {
  attributeBits,
  directionName,
  directionNumber,
  errnoOf,
  type Fields,
} from "./capture_words.ts";
import { type Inner, InnerOperations } from "./captured_inner.ts";
import type { Json } from "./difference.ts";
import type { CaptureCall, Extent } from "./kernel_data.ts";

/** Calls of the DMA layer that the captures record, with the name they print. */
const RECORDED_CALLS: Readonly<Record<string, string>> = {
  dma_map_phys: "dma_map_phys",
  dma_unmap_phys: "dma_unmap_phys",
  dma_map_page: "dma_map_page",
  dma_unmap_page: "dma_unmap_page",
  dma_map_sg: "dma_map_sg",
  // The probe sat below both functions.
  dma_map_sgtable: "dma_map_sg",
  dma_unmap_sg: "dma_unmap_sg",
  dma_iova_try_alloc: "dma_iova_try_alloc",
  dma_iova_link: "dma_iova_link",
  dma_iova_sync: "dma_iova_sync",
  dma_iova_destroy: "dma_iova_destroy",
  dma_iova_free: "dma_iova_free",
  dma_pool_alloc: "dma_pool_alloc",
  dma_pool_free: "dma_pool_free",
};

interface OpenCall {
  readonly name: string;
  readonly given: Fields;
  readonly inner: InnerOperations;
  /** Mappings made so far: `[device address, length]`. */
  readonly mapped: Extent[];
  /** Size of the coherent allocation under way inside the call. */
  coherentBytes: number;
}

/** What the captures tell of a request's DMA calls. */
export interface CapturedCalls {
  /** In the order in which they returned. */
  readonly calls: readonly CaptureCall[];
  /** What a scatterlist was mapped to; null when there was none. */
  readonly listOutputs: readonly Extent[] | null;
}

/**
 * The recorded calls of a stretch of events.
 *
 * @param state The request's IOVA state, which the captures print with the calls that use it.
 * @param logsDeferral Whether the captured kernel told of ranges that wait for a flush.
 */
export function capturedCalls(
  events: readonly MachineEvent[],
  state: DmaIovaState,
  logsDeferral: boolean,
): CapturedCalls {
  const calls: CaptureCall[] = [];
  let listOutputs: readonly Extent[] | null = null;
  let open: OpenCall | null = null;
  for (const event of events) {
    const fields = event.fields as Fields;
    const [side, api] = splitName(event.name);
    if (side === null) {
      if (open === null) continue;
      if (api === "dma.map") open.mapped.push([fields.dma as number, fields.size_bytes as number]);
      open.inner.add(api, fields);
      continue;
    }
    const name = RECORDED_CALLS[api];
    if (name !== undefined) {
      if (side === "call") {
        const inner = new InnerOperations(name, fields, state, logsDeferral);
        open = { name, given: fields, inner, mapped: [], coherentBytes: 0 };
      } else if (open !== null) {
        if (name === "dma_map_sg") listOutputs = open.mapped;
        calls.push(closeCall(open, fields, state));
        open = null;
      }
    } else if (api === "dma_alloc_coherent" && open !== null) {
      if (side === "call") open.coherentBytes = fields.size as number;
      else open.inner.addCoherent(fields.result as number, open.coherentBytes);
    }
  }
  return { calls, listOutputs };
}

function splitName(name: string): [side: "call" | "ret" | null, api: string] {
  if (name.startsWith("call.")) return ["call", name.slice("call.".length)];
  if (name.startsWith("ret.")) return ["ret", name.slice("ret.".length)];
  return [null, name];
}

function closeCall(open: OpenCall, result: Fields, state: DmaIovaState): CaptureCall {
  const { name } = open;
  const inner = name === "dma_iova_destroy" ? withUnlink(open, state) : open.inner.list;
  const body = describeCall(open, result, state);
  return inner.length === 0 ? { call: name, ...body } : { call: name, ...body, inner };
}

/** The captures had a probe where `dma_iova_destroy` begins to clear what is linked. */
function withUnlink({ inner: { list }, given }: OpenCall, state: DmaIovaState): Inner[] {
  if (!list.some(({ op }) => op === "iommu_unmap")) return list;
  const size = given.mapped_len as number;
  return [{ op: "iova_unlink", addr: state.addr, offset: 0, size }, ...list];
}

/** A call's arguments and results in the captures' words. */
function describeCall(open: OpenCall, result: Fields, state: DmaIovaState): Record<string, Json> {
  const { given } = open;
  const number = (field: string) => given[field] as number;
  switch (open.name) {
    case "dma_map_phys":
    case "dma_map_page":
      return {
        dir: directionName(given.dir),
        phys: open.name === "dma_map_page" ? number("page") + number("offset") : number("phys"),
        size: number("size"),
        dma: result.result as number,
      };
    case "dma_unmap_phys":
    case "dma_unmap_page":
      return { dir: directionName(given.dir), dma: number("dma"), size: number("size") };
    case "dma_map_sg":
      return {
        nents: number("nents"),
        dir: directionNumber(given.dir),
        attrs: attributeBits(given.attrs as readonly string[]),
        ret: result.error === null ? open.mapped.length : errnoOf(result),
      };
    case "dma_unmap_sg":
      return {
        nents: number("nents"),
        dir: directionNumber(given.dir),
        attrs: attributeBits(given.attrs as readonly string[]),
      };
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
