/**
 * The events of a guest's trace, each with the request that it belongs to: `kernel run` and
 * `kernel capture` are two views of this list.
 *
 * An event that maps belongs to the request that its context has begun. An event that undoes a
 * mapping belongs to the request that owns the address, the scatterlist or the block of descriptors.
 * The flush queue's timer frees ranges of earlier requests, so what no unfinished request owns
 * belongs to none of them, even if there is only one.
 *
 * `kernel run` compares an event with its owner's. Golden data has each event inside of a call; so
 * `kernel capture` takes the owner of a call, and places what follows in it. Its probes name the
 * requests of most calls by address, and tell when the driver has queued a request: there a mapping
 * ends earlier than in `kernel run`.
 */
import { deviceAddress, deviceAddressOfPage, OwnedRanges, type TraceContext } from "@dmalab/traces";
import { IO_MARK } from "../plan/guest_plan.ts";
import { type ProbingCommand, RETURNED, returningProbes } from "../plan/probed_functions.ts";
import type { GuestEvent, GuestFields } from "./trace_events.ts";

/** A request, from its `nvme_setup_cmd` on. */
export interface GuestRequest {
  /** Number of the io to which the request belongs: the last io that began before it. */
  readonly io: number;
  /** The controller's name in the guest: `nvme0`. */
  readonly controller: string;
  readonly queue: number;
  readonly cid: number;
  /** The driver refused the request, and sent it again with the same number. */
  readonly isSentAgain: boolean;
  /** The request's `nvme_complete_rq`; null for a request that did not complete. */
  readonly completion: GuestEvent | null;
}

export interface AttributedEvent {
  readonly event: GuestEvent;
  /** The request that the event's context maps, an `nvme_setup_cmd` included; null for none. */
  readonly mapping: GuestRequest | null;
  /**
   * For an event that undoes a mapping, the request whose mapping it is; for `nvme_complete_rq`, the
   * completed request. Null for other events, and where the request is not known.
   */
  readonly owner: GuestRequest | null;
  /**
   * At the entry of a call and at an operation, the innermost call of the context that has not
   * returned; null outside of calls.
   */
  readonly caller: AttributedEvent | null;
  /** For the return of a call, its entry; null if the call began before the context's request. */
  readonly entry: AttributedEvent | null;
}

/** A type with properties that are filled in later. */
export type Mutable<T> = { -readonly [K in keyof T]: T[K] };

interface OpenRequest extends Mutable<GuestRequest> {
  /** First logical block as the event has it; with the number it tells a second try. */
  readonly lba: string | null;
  readonly ranges: Set<OwnedRange>;
  /** Its scatterlists and blocks of descriptors: an unmap names the list, and a free the block. */
  readonly pointers: Set<string>;
  /** Whether a mapping was undone in the context that maps the request. */
  isUndone: boolean;
}

interface OwnedRange {
  readonly dma: number;
  /** Exclusive. */
  readonly end: number;
  readonly request: OpenRequest;
}

type OpenEvent = Mutable<AttributedEvent> & { mapping: OpenRequest | null };

/** An event that undoes a mapping which several requests own. */
interface WaitingEvent {
  readonly attributed: OpenEvent;
  readonly owners: readonly OpenRequest[];
}

/**
 * What an event that undoes a mapping names: a scatterlist or a block of descriptors, or its first
 * device address, in bytes. `last`: nothing, it is about what the context undid last.
 */
type Undone = { readonly pointer: string } | { readonly dma: number } | "last";

/** Events that undo a mapping, by name. */
const UNDONE: ReadonlyMap<string, (fields: GuestFields) => Undone> = new Map([
  ["unmap_sg", (fields: GuestFields): Undone => ({ pointer: pointerOf(fields, "list") })],
  ["pool_free", (fields) => ({ pointer: pointerOf(fields, "vaddr") })],
  ["unmap_one", (fields) => ({ dma: deviceAddress(fields.get("dma")) })],
  ["destroy", (fields) => ({ dma: deviceAddress(fields.get("dma")) })],
  ["unmap", (fields) => ({ dma: deviceAddress(fields.get("iova")) })],
  ["gather", (fields) => ({ dma: deviceAddress(fields.get("start")) })],
  ["viommu_unmap", (fields) => ({ dma: deviceAddress(fields.get("iova")) })],
  [
    "viommu_sync",
    (fields) => namesNoRange(fields) ? "last" : { dma: deviceAddress(fields.get("start")) },
  ],
  ["free_iova", (fields) => ({ dma: deviceAddressOfPage(fields.get("pfn")) })],
]);

const PAGE_BYTES = 4096;
/** Ranges of requests that the trace does not complete are kept up to this number. */
const RANGE_LIMITS = { pages: 1 << 20, perPage: 1 << 10 };

/** @param command The command whose probes wrote the events. */
export function attributedEvents(
  events: readonly GuestEvent[],
  command: ProbingCommand,
): readonly AttributedEvent[] {
  const reader = new Attribution(returningProbes(command));
  return events.map((event) => reader.push(event));
}

class Attribution {
  #io = -1;
  /** The newest request of each number. */
  readonly #byNumber = new Map<string, OpenRequest>();
  /** The request that each context is mapping. */
  readonly #mapping = new Map<TraceContext, OpenRequest>();
  /** Requests that neither completed nor were refused by the driver. */
  readonly #unfinished = new Set<OpenRequest>();
  readonly #ranges = new OwnedRanges<OwnedRange>(RANGE_LIMITS);
  #mostRangePages = 0;
  /** The unfinished requests that own a scatterlist or a block of descriptors. */
  readonly #byPointer = new Map<string, Set<OpenRequest>>();
  /** Calls of each context that have not returned, outermost first. */
  readonly #calls = new Map<TraceContext, AttributedEvent[]>();
  /**
   * Events of each context at addresses that several requests own, as requests of two domains can.
   * Such an event belongs to the request that completes next in its context, if that is an owner.
   */
  readonly #waiting = new Map<TraceContext, WaitingEvent[]>();

  /** The owners of what each context undid last. */
  readonly #lastOwners = new Map<TraceContext, readonly OpenRequest[]>();

  constructor(private readonly returning: ReadonlySet<string>) {}

  push(event: GuestEvent): AttributedEvent {
    const { context, name } = event;
    const undone = UNDONE.get(name);
    const attributed: OpenEvent = {
      event,
      mapping: this.#mapping.get(context) ?? null,
      owner: null,
      caller: this.#calls.get(context)?.at(-1) ?? null,
      entry: null,
    };
    if (name === "tracing_mark_write") this.#mark(event);
    else if (name === "nvme_setup_cmd") attributed.mapping = this.#begin(event);
    else if (name === "nvme_complete_rq") attributed.owner = this.#complete(event);
    else if (name === "queue_ret") this.#endMapping(context);
    else if (undone !== undefined) this.#undo(attributed, undone(event.fields));
    if (name.endsWith(RETURNED)) this.#return(attributed);
    else if (this.returning.has(name)) {
      this.#calls.getOrInsertComputed(context, () => []).push(attributed);
    }
    return attributed;
  }

  #mark({ fields }: GuestEvent): void {
    const mark = /^(\S+) (\d+)/.exec(fields.text);
    if (mark?.[1] === IO_MARK) this.#io = Number(mark[2]);
  }

  #begin({ context, fields }: GuestEvent): OpenRequest | null {
    this.#endMapping(context);
    this.#calls.delete(context);
    const number = numberOf(fields);
    // Queue 0 is the controller's own.
    if (number.queue === 0 || this.#io < 0) return null;
    const request: OpenRequest = {
      io: this.#io,
      ...number,
      lba: /slba=(\d+)/.exec(fields.text)?.[1] ?? null,
      isSentAgain: false,
      completion: null,
      ranges: new Set(),
      pointers: new Set(),
      isUndone: false,
    };
    this.#forgetTry(request);
    this.#byNumber.set(keyOf(number), request);
    this.#unfinished.add(request);
    this.#mapping.set(context, request);
    return request;
  }

  /**
   * Ends the mapping of a context's request. If the context has undone it without a completion, the
   * driver refused it.
   */
  #endMapping(context: TraceContext): void {
    const before = this.#mapping.get(context);
    if (before?.isUndone === true) this.#finish(before);
    this.#mapping.delete(context);
    this.#waiting.delete(context);
  }

  /** A request that the driver refused is sent again with the same number. */
  #forgetTry(request: OpenRequest): void {
    const earlier = this.#byNumber.get(keyOf(request));
    if (earlier?.completion !== null || earlier.lba !== request.lba) return;
    earlier.isSentAgain = true;
    this.#finish(earlier);
  }

  #finish(request: OpenRequest): void {
    this.#unfinished.delete(request);
    for (const range of request.ranges) this.#ranges.delete(range.dma, range);
    for (const pointer of request.pointers) this.#disown(request, pointer);
  }

  #complete(event: GuestEvent): OpenRequest | null {
    const { context, fields } = event;
    const waiting = this.#waiting.get(context) ?? [];
    this.#waiting.delete(context);
    const request = this.#byNumber.get(keyOf(numberOf(fields)));
    if (request === undefined || !this.#unfinished.has(request)) return null;
    request.completion = event;
    for (const { attributed, owners } of waiting) {
      if (owners.includes(request)) attributed.owner = request;
    }
    this.#finish(request);
    for (const [context, mapping] of this.#mapping) {
      if (mapping === request) this.#mapping.delete(context);
    }
    return request;
  }

  #undo(attributed: OpenEvent, undone: Undone): void {
    const { context } = attributed.event;
    const owners = undone === "last" ? this.#lastOwners.get(context) ?? [] : this.#ownersOf(undone);
    this.#lastOwners.set(context, owners);
    if (owners.length > 1) {
      this.#waiting.getOrInsertComputed(context, () => []).push({ attributed, owners });
      return;
    }
    const [owner] = owners;
    if (owner === undefined) return;
    attributed.owner = owner;
    if (attributed.mapping === owner) owner.isUndone = true;
    if (undone === "last") return;
    // What is freed can be another request's before this one completes.
    if ("pointer" in undone) this.#disown(owner, undone.pointer);
    else if (attributed.event.name === "free_iova") this.#release(owner, undone.dma);
  }

  #release(owner: OpenRequest, dma: number): void {
    for (const range of owner.ranges) {
      if (!isIn(range, dma)) continue;
      owner.ranges.delete(range);
      this.#ranges.delete(range.dma, range);
    }
  }

  /** The unfinished requests that own what an event undoes. */
  #ownersOf(undone: Exclude<Undone, "last">): readonly OpenRequest[] {
    if ("pointer" in undone) return [...this.#byPointer.get(undone.pointer) ?? []];
    const holds = (range: OwnedRange) => isIn(range, undone.dma);
    const ranges = this.#ranges.holders(undone.dma, this.#mostRangePages, holds);
    return [...new Set(ranges.map(({ request }) => request))];
  }

  /** Pairs a return with its entry, and adds a new mapping to the request that its call began for. */
  #return(attributed: OpenEvent): void {
    const { context, fields, name } = attributed.event;
    const calls = this.#calls.get(context) ?? [];
    const index = calls.findLastIndex(({ event }) => `${event.name}${RETURNED}` === name);
    attributed.caller = calls[index - 1] ?? null;
    if (index < 0) return;
    const [entry] = calls.splice(index) as [AttributedEvent];
    attributed.entry = entry;
    const request = attributed.mapping;
    if (request === null) return;
    const given = entry.event.fields;
    switch (name) {
      case "alloc_iova_ret": {
        const dma = deviceAddressOfPage(fields.get("pfn"));
        // A failed allocation returns 0.
        if (dma !== 0) this.#own(request, dma, Number(given.get("pages")) * PAGE_BYTES);
        break;
      }
      case "map_one_ret":
        this.#own(request, deviceAddress(fields.get("dma")), Number(given.get("size")));
        break;
      case "map_sgtable_ret":
        this.#ownPointer(request, pointerOf(given, "list"));
        break;
      case "pool_alloc_ret":
        this.#ownPointer(request, pointerOf(fields, "vaddr"));
        break;
    }
  }

  #own(request: OpenRequest, dma: number, sizeBytes: number): void {
    const range: OwnedRange = { dma, end: dma + sizeBytes, request };
    request.ranges.add(range);
    this.#ranges.add(dma, range);
    this.#mostRangePages = Math.max(this.#mostRangePages, Math.ceil(sizeBytes / PAGE_BYTES));
  }

  #ownPointer(request: OpenRequest, pointer: string): void {
    request.pointers.add(pointer);
    this.#byPointer.getOrInsertComputed(pointer, () => new Set()).add(request);
  }

  #disown(request: OpenRequest, pointer: string): void {
    request.pointers.delete(pointer);
    const owners = this.#byPointer.get(pointer);
    owners?.delete(request);
    if (owners?.size === 0) this.#byPointer.delete(pointer);
  }
}

/** @param name The field with the kernel's address. */
function pointerOf(fields: GuestFields, name: "list" | "vaddr"): string {
  return `${name} ${fields.get(name) ?? ""}`;
}

/** Whether the range that an `iotlb_sync` gathered is empty: its end is before its start. */
export function namesNoRange(fields: GuestFields): boolean {
  return BigInt(fields.get("end") ?? "0") < BigInt(fields.get("start") ?? "0");
}

function isIn(range: OwnedRange, dma: number): boolean {
  return range.dma <= dma && dma < range.end;
}

type RequestNumber = Pick<GuestRequest, "cid" | "controller" | "queue">;

function numberOf(fields: GuestFields): RequestNumber {
  return {
    controller: /^(\w+): /.exec(fields.text)?.[1] ?? "",
    queue: Number(fields.get("qid") ?? 0),
    cid: Number(fields.get("cmdid") ?? 0),
  };
}

function keyOf({ cid, controller, queue }: RequestNumber): string {
  return `${controller} ${queue} ${cid}`;
}
