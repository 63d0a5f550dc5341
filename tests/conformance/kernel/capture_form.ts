/**
 * Converts a sequence of events to the form of the captured data: calls with the operations inside
 * them.
 *
 * The captures were made with probes on kernel functions. Therefore their lines differ from our
 * events in two places: the unlink inside `dma_iova_destroy` has a separate line, and the map-sync
 * of a single mapping has no line. All compared data comes from events.
 */
import type { MachineEvent } from "@dmalab/runtime";
import {
  attributeBits,
  attributeNames,
  directionName,
  directionNumber,
  errnoOf,
  type Fields,
  type InnerLine,
  InnerRecord,
  renamed,
  SYNCED,
  UNMAPPED,
} from "../inner_record.ts";
import type { Json } from "../difference.ts";
import type { CaptureCall, DataExtent, Probes } from "./kernel_data.ts";

/** Every captured machine used pages of 4 KiB. */
const GRANULE_BYTES = 4096;

type Body = Record<string, Json>;

/** Recorded calls of the DMA layer; each function returns the arguments and results in the captures' form. */
const RECORDED_CALLS: Readonly<
  Record<string, (open: OpenCall, result: Fields, ranges: LinkedRange[]) => Body>
> = {
  dma_map_phys: ({ given }, result) => mappedBody(given, given.phys as number, result),
  dma_map_page: ({ given }, result) =>
    mappedBody(given, (given.page as number) + (given.offset as number), result),
  dma_unmap_phys: unmappedBody,
  dma_unmap_page: unmappedBody,
  dma_map_sg: ({ given, mapped }, result) => {
    const ret = result.error === null ? mapped.length : errnoOf(result);
    return { nents: given.nents as number, ...flagsOf(given), ret };
  },
  dma_unmap_sg: ({ given }) => ({ nents: given.nents as number, ...flagsOf(given) }),
  dma_iova_try_alloc: describeReservation,
  dma_iova_link: ({ given }, result) => {
    const piece = renamed(given, { phys: "phys", offset: "offset", size: "size" });
    return { ...piece, ...flagsOf(given), ret: errnoOf(result) };
  },
  dma_iova_sync: ({ given }, result) => {
    return { ...renamed(given, { offset: "offset", size: "size" }), ret: errnoOf(result) };
  },
  dma_iova_destroy: ({ given, inner: { lines } }, _, ranges) => {
    const { addr, bounced, sizeBytes } = rangeEnded(lines, ranges);
    const mapped = given.mapped_len as number;
    const bounces = bounced ? { uses_bounce: true } : {};
    return { addr, state_size: sizeBytes, ...bounces, mapped, ...flagsOf(given) };
  },
  dma_iova_free: () => ({}),
  dma_pool_alloc: ({ given }, { result }) => poolBody(given, result as number),
  dma_pool_free: ({ given }) => poolBody(given, given.dma as number),
};

/**
 * Calls with a line that was written at their entry. The lines of all other calls were written at
 * their return.
 */
const LOGGED_AT_ENTRY: ReadonlySet<string> = new Set([
  "dma_unmap_sg",
  "dma_iova_destroy",
  "dma_pool_free",
]);

interface OpenCall {
  readonly name: string;
  readonly given: Fields;
  readonly inner: InnerOperations;
  /** Mappings made so far: `[device address, length]`. */
  readonly mapped: DataExtent[];
  /** Size of the coherent allocation that is in progress inside the call. */
  coherentBytes: number;
}

/** A request's DMA calls, in the form of the captured data. */
export interface CapturedCalls {
  /** Calls in the order in which they returned. */
  readonly calls: readonly CaptureCall[];
  /** The mapped addresses of a scatterlist; null without one. */
  readonly listOutputs: readonly DataExtent[] | null;
}

/**
 * Converts events to recorded calls.
 *
 * @param ranges The ranges that the request has reserved so far. The captures print a range with
 *   each call that uses the range. If a call of these events reserves a range, the range is added
 *   to this list.
 * @param probes Which lines the record contains.
 */
export function capturedCalls(
  events: readonly MachineEvent[],
  ranges: LinkedRange[],
  probes: Probes,
): CapturedCalls {
  const calls: CaptureCall[] = [];
  let listOutputs: readonly DataExtent[] | null = null;
  let open: OpenCall | null = null;
  let orphans: InnerLine[] = [];
  for (const event of events) {
    const fields = event.fields as Fields;
    const [side, api] = splitName(event.name);
    if (side === null) {
      if (api === "p2p.route") {
        orphans.push({ op: "p2pdma_state", map_type: fields.map_type as Json });
      }
      if (open === null) continue;
      if (api === "dma.map") open.mapped.push([fields.dma as number, fields.size_bytes as number]);
      open.inner.add(api, fields);
      continue;
    }
    // The probe was in a function that dma_map_sgtable() and dma_map_sg() both call.
    const name = api === "dma_map_sgtable" ? "dma_map_sg" : api;
    if (Object.hasOwn(RECORDED_CALLS, name)) {
      if (side === "call") {
        const range = name === "dma_iova_link" ? ranges.at(-1) ?? null : null;
        const inner = new InnerOperations(name, fields, range, probes);
        inner.lines.push(...orphans);
        orphans = [];
        open = { name, given: fields, inner, mapped: [], coherentBytes: 0 };
      } else if (open !== null) {
        if (name === "dma_map_sg") listOutputs = open.mapped;
        const isNoCall = name === "dma_iova_try_alloc" && fields.result !== true &&
          !probes.failedReservations;
        if (!isNoCall) calls.push(closeCall(open, fields, ranges));
        open = null;
      }
    } else if (api === "dma_alloc_coherent" && open !== null) {
      if (side === "call") open.coherentBytes = fields.size as number;
      else open.inner.addCoherent(fields.result as number, open.coherentBytes);
    }
  }
  if (orphans.length > 0) calls.push({ call: "(other)", inner: orphans });
  return { calls: asLogged(calls), listOutputs };
}

/**
 * Moves operations to the calls under which the probes recorded them. If the line of a call was
 * written at the call's entry, and the line of the next call at the return of the next call, the
 * probes recorded the operations of the next call under the first call.
 */
function asLogged(calls: readonly CaptureCall[]): CaptureCall[] {
  const logged: CaptureCall[] = [];
  for (const call of calls) {
    const before = logged.at(-1);
    const taken = before !== undefined && LOGGED_AT_ENTRY.has(before.call) &&
      !LOGGED_AT_ENTRY.has(call.call) && call.inner !== undefined;
    if (!taken) {
      logged.push(call);
      continue;
    }
    const { inner, ...rest } = call;
    logged[logged.length - 1] = { ...before, inner: [...before.inner ?? [], ...inner!] };
    logged.push(rest as CaptureCall);
  }
  return logged;
}

function splitName(name: string): [side: "call" | "ret" | null, api: string] {
  if (name.startsWith("call.")) return ["call", name.slice("call.".length)];
  if (name.startsWith("ret.")) return ["ret", name.slice("ret.".length)];
  return [null, name];
}

function closeCall(open: OpenCall, result: Fields, ranges: LinkedRange[]): CaptureCall {
  const { name, inner: { lines } } = open;
  const body = RECORDED_CALLS[name]!(open, result, ranges);
  const inner = name === "dma_iova_destroy" ? withUnlink(lines, body) : lines;
  return inner.length === 0 ? { call: name, ...body } : { call: name, ...body, inner };
}

/**
 * The range that a call ends. The call clears the range's leaves, or frees the range's addresses.
 */
function rangeEnded(inner: readonly InnerLine[], ranges: readonly LinkedRange[]): LinkedRange {
  const start = inner.find(({ op }) => op === "iommu_unmap" || op === "iova_free")?.iova;
  const found = ranges.findLast(({ addr }) => addr - addr % GRANULE_BYTES === start);
  return found ?? { addr: 0, sizeBytes: 0, bounced: false };
}

/**
 * Adds a line that the captures have: one of their probes was where `dma_iova_destroy` begins to
 * unlink.
 */
function withUnlink(list: readonly InnerLine[], { addr, mapped }: Body): readonly InnerLine[] {
  if (!list.some(({ op }) => op === "iommu_unmap")) return list;
  return [{ op: "iova_unlink", addr: addr!, offset: 0, size: mapped! }, ...list];
}

/** The body of a reservation; adds the range to `ranges` if the reservation succeeded. */
function describeReservation(
  { given, inner: { lines: list } }: OpenCall,
  result: Fields,
  ranges: LinkedRange[],
): Body {
  const phys = given.phys as number;
  const size = given.size as number;
  const start = list.find(({ op }) => op === "iova_alloc")?.iova;
  if (result.result !== true || typeof start !== "number") {
    return { phys, size, ok: false, addr: null, state_size: null };
  }
  const addr = start + phys % GRANULE_BYTES;
  ranges.push({ addr, sizeBytes: size, bounced: false });
  return { phys, size, ok: true, addr, state_size: size };
}

function flagsOf({ attrs, dir }: Fields) {
  return { dir: directionNumber(dir), attrs: attributeBits(attrs) };
}

function mappedBody({ attrs, dir, size }: Fields, phys: number, { result }: Fields): Body {
  return {
    dir: directionName(dir),
    phys,
    size: size as number,
    dma: result as number,
    attrs: attributeNames(attrs),
  };
}

function unmappedBody({ given: { dir, dma, size } }: OpenCall): Body {
  return { dir: directionName(dir), dma: dma as number, size: size as number };
}

function poolBody({ pool, size_bytes }: Fields, dma: number): Body {
  return { pool: pool as string, psize: size_bytes as number, dma };
}

/** A range that a request reserved for linking, as it appears in the lines of its calls. */
export interface LinkedRange {
  readonly addr: number;
  readonly sizeBytes: number;
  bounced: boolean;
}

/**
 * Calls with a separate probe on bouncing. The probe is at the place where 7.2 allocates a bounce
 * buffer for a translated device.
 */
const SHOWS_IOMMU_BOUNCE: ReadonlySet<string> = new Set(["dma_map_phys", "dma_iova_link"]);

const MAPPED = { ...SYNCED, phys: "phys" };

/** The operations inside one call, collected event by event. */
class InnerOperations extends InnerRecord {
  /**
   * Whether this call has queued a range for flushing. If the call frees a range after that, the
   * freed range was queued before the call.
   */
  #parked = false;
  /** By an event's name, the function that adds the event's lines. */
  readonly #seen: Readonly<Record<string, (fields: Fields) => void>> = {
    "iova.alloc": (fields) => {
      const source = fields.source === "rcache" ? "cache" : "tree";
      const limit_pfn = Math.floor(fields.limit as number / GRANULE_BYTES);
      const taken = renamed(fields, { iova: "start", size: "size_bytes" });
      this.lines.push({ op: "iova_alloc", ...taken, source, limit_pfn });
    },
    "iova.free": ({ size_bytes, start, to }) =>
      this.#addFree(start as number, size_bytes as number, to === "flush_queue"),
    "iommu.map": (fields) => this.push({ op: "iommu_map", ...renamed(fields, MAPPED) }),
    // The probe showed how many bytes were mapped before the failure; these bytes were then
    // unmapped.
    "iommu.map_failed": ({ iova, phys, undone_bytes: size }) => {
      this.push({
        op: "iommu_map",
        iova: iova as number,
        phys: phys as number,
        size: size as number,
      });
      const unmapped = size as number;
      this.push({ op: "iommu_unmap", iova: iova as number, size: unmapped, unmapped });
    },
    "iommu.unmap": (fields) => this.push({ op: "iommu_unmap", ...renamed(fields, UNMAPPED) }),
    "iommu.sync_map": (fields) => {
      // Inside a single mapping the kernel's function is inlined, so that no probe saw it.
      if (this.api !== "dma_iova_sync") return;
      this.push({ op: "iommu_sync_map", ...renamed(fields, SYNCED) });
    },
    "iotlb.sync": (fields) => {
      if (this.probes.flushes) this.addFlush(fields, {}, {});
    },
    "viommu.request": ({ size_bytes: size, start: iova, type }) =>
      this.push({ op: `viommu_${type}`, iova: iova as number, size: size as number }),
    "viommu.wait": (fields) => this.#addWait(fields),
    "swiotlb.map": (fields) => this.#addBounce(fields),
    "swiotlb.unmap": (fields) => {
      const copies = !(fields.attrs as readonly string[]).includes("skip_cpu_sync");
      this.addRelease(fields, copies, { attrs: attributeBits(fields.attrs) });
    },
    "swiotlb.copy": (fields) => this.addCopy(fields),
  };

  /**
   * @param api The name of the call in the kernel.
   * @param given The arguments of the call.
   * @param range The range into which the call links; null for other calls.
   * @param probes Which lines the record contains.
   */
  constructor(
    private readonly api: string,
    private readonly given: Fields,
    private readonly range: LinkedRange | null,
    private readonly probes: Probes,
  ) {
    super();
  }

  /** Adds a coherent allocation, which is one line inside the call that needed it. */
  addCoherent(dma: number, sizeBytes: number): void {
    this.lines.push({ op: "dma_alloc", dma, size: sizeBytes });
  }

  /** Adds the lines of an event, if it has any. */
  add(name: string, fields: Fields): void {
    this.#seen[name]?.(fields);
  }

  #addFree(iova: number, size: number, deferred: boolean): void {
    if (deferred) {
      this.#parked = true;
      if (!this.probes.releases) return;
    } else if (this.#parked) {
      this.lines.push({ op: "iova_free_late", iova, size });
      return;
    }
    this.lines.push({ op: "iova_free", iova, size, deferred });
  }

  /** Adds the line of a wait for a virtio-iommu's host. A wait for a place in the queue has none. */
  #addWait({ reason, size_bytes, start }: Fields): void {
    const [from, size] = [start as number, size_bytes as number];
    if (reason === "map") this.push({ op: "viommu_sync_map", iova: from, size });
    else if (reason === "flush") this.push({ op: "iotlb_flush_all" });
    else if (reason === "unmap") {
      this.push({ op: "viommu_sync", start: from, end: size === 0 ? null : from + size - 1 });
    }
  }

  #addBounce(fields: Fields): void {
    const { range } = this;
    if (range !== null) range.bounced = true;
    const begin = (this.given.offset as number) - (this.given.phys as number);
    this.addBounce(fields, {
      linkedAt: range === null ? null : (phys) => range.addr + begin + phys,
      showsIommu: SHOWS_IOMMU_BOUNCE.has(this.api),
    }, {});
  }
}
