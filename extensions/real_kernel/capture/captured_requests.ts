/**
 * Reads the requests of a boot, with all facts that golden data records, from the guest's trace and
 * QEMU's log.
 */
import { type LoggedCommand, pairCommands, type TraceContext } from "@dmalab/traces";
import {
  type AttributedEvent,
  attributedEvents,
  type GuestRequest,
  type Mutable,
} from "../trace/attributed_events.ts";
import { type GuestEvent, type GuestFields, physOfPage } from "../trace/trace_events.ts";
import { CallLog } from "./call_log.ts";
import {
  ENTERED_CALLS,
  type LineContext,
  OPERATIONS,
  poolRecord,
  RETURNED_CALLS,
  RETURNED_OPERATIONS,
} from "./call_lines.ts";
import {
  ARRAY_WORDS,
  ARRAYS,
  EVENT_WORDS,
  MAX_BIOS,
  PARTS,
  WORDS_PER_ENTRY,
  WORDS_PER_VEC,
} from "../plan/probed_functions.ts";
import type { CapturedValue } from "./captured_command.ts";

/** `[physical address, length]`. */
export type CapturedExtent = readonly [number, number];

/** A mapped entry of a scatterlist: its memory and its device addresses. */
export interface ListEntry {
  readonly memory: CapturedExtent;
  readonly mapped: CapturedExtent;
}

export interface CapturedRequest {
  /** The request was caused by a system call of an io; this is the number of the io. */
  readonly io: number;
  readonly queue: number;
  readonly bytes: number;
  readonly flags: number;
  readonly segments: number;
  readonly integritySegments: number;
  /**
   * The request's gap bit (see `RequestRecord`); null on a release without a gap bit in its
   * requests.
   */
  readonly gapBit: number | null;
  /** The memory of each bio; null if a bio could not be read completely. */
  readonly bios: readonly (readonly CapturedExtent[])[] | null;
  /**
   * Metadata of each bio. Empty for a request without metadata; null if not all of the metadata
   * could be read.
   */
  readonly metadata: readonly (readonly CapturedExtent[])[] | null;
  readonly map: CallLog;
  readonly unmap: CallLog;
  /** The scatterlist; null for a request without one. */
  readonly list: readonly ListEntry[] | null;
  /**
   * The command as it was in the driver's memory at the end of the request, eight words; null for a
   * request without a command.
   */
  readonly command: readonly bigint[] | null;
  /** Blocks of descriptors, by their device addresses. */
  readonly blocks: ReadonlyMap<number, readonly bigint[]>;
  /** Number of mapped entries of the scatterlist; null without a list. */
  readonly mappedEntries: number | null;
  /** Results of the block layer's iterator; empty on a release without one. */
  readonly iterator: readonly (readonly (string | number)[])[];
  readonly device: LoggedCommand | null;
  /** The NVMe status at the completion; null for a request without a completion. */
  readonly status: number | null;
  /** The driver's result for the block layer; 0 for a command that was sent. */
  readonly queueStatus: number;
}

interface OpenRequest extends Mutable<CapturedRequest> {
  /** Address of the kernel's `struct request`. */
  readonly pointer: string;
  readonly cid: number;
  readonly blocks: Map<number, bigint[]>;
  /** The events about the request's scatterlist, by part: they arrive in any order. */
  readonly listParts: Map<number, GuestFields>;
  readonly iterator: (readonly (string | number)[])[];
  isComplete: boolean;
}

/** Facts that arrive before the event of the request itself; their probes run in any order. */
interface Pending {
  head: GuestFields | null;
  readonly bios: Map<number, BioRead>;
  readonly metadata: Map<number, BioRead>;
}

interface BioRead {
  readonly fields: GuestFields;
  readonly words: bigint[];
}

/** The line for a page by which a pool grows; the page's address is filled in later. */
interface GrowthLine {
  readonly op: "dma_alloc";
  readonly size: number;
  dma: number;
  readonly [field: string]: CapturedValue;
}

/** The state of a task, or of the interrupts of a CPU. */
interface Context {
  request: OpenRequest | null;
  log: CallLog | null;
  pending: Pending;
  /** The block size of the pool of the current allocation. */
  poolBytes: number;
  /**
   * The coherent allocation by which the pool has just grown; null again once the line of the
   * allocated block is written.
   */
  growth: GrowthLine | null;
  source: "cache" | "tree";
}

const PAGE_BYTES = 4096;
const PAGE = 4096n;

type CaptureSettings = Pick<LineContext, "isLazy" | "flushesMaps"> & {
  /** Whether blocks of the disk have metadata. */
  readonly hasMetadata: boolean;
};

/** @param commands The commands that the controller read. */
export function capturedRequests(
  events: readonly GuestEvent[],
  commands: readonly LoggedCommand[],
  settings: CaptureSettings,
): {
  readonly requests: readonly CapturedRequest[];
  /** First byte and end of the pool of bounce buffers; null where nothing was bounced. */
  readonly bouncePool: CapturedExtent | null;
} {
  const reader = new CaptureReader(settings);
  for (const event of attributedEvents(events, "capture")) reader.push(event);
  reader.nameBlocks();
  const all = [...reader.requests.values()];
  const sent = all.filter(({ isComplete }) => isComplete);
  for (const [request, command] of pairCommands(sent, commands)) request.device = command;
  for (const request of all) request.list = listOf(request.listParts);
  return {
    requests: all.filter(({ isComplete, queueStatus }) => isComplete || queueStatus !== 0),
    bouncePool: reader.bouncePool,
  };
}

class CaptureReader {
  bouncePool: CapturedExtent | null = null;
  readonly requests = new Map<GuestRequest, OpenRequest>();
  /** The newest request at each address of the kernel's memory. */
  readonly #byPointer = new Map<string, OpenRequest>();
  readonly #contexts = new Map<TraceContext, Context>();
  /** Lines of allocations with a still unknown device address, by the block's kernel address. */
  readonly #unnamed = new Map<string, { dma: CapturedValue }[]>();

  /** Device addresses of the pools' pages, by kernel page number; they are known from freed blocks. */
  readonly #poolPages = new Map<bigint, number>();

  constructor(private readonly settings: CaptureSettings) {}

  push(attributed: AttributedEvent): void {
    const { event, mapping, owner } = attributed;
    const { fields, name } = event;
    const context = this.#contexts.getOrInsertComputed(event.context, newContext);
    const bio = /^bio(\d)_(\d)$/.exec(name);
    if (bio !== null) {
      readBio(context.pending, Number(bio[1]), Number(bio[2]), fields);
      return;
    }
    const metadata = /^metadata(\d)$/.exec(name);
    if (metadata !== null) {
      const words = wordsOf(fields.get("w0")) ?? [];
      context.pending.metadata.set(Number(metadata[1]), { fields, words });
      return;
    }
    switch (name) {
      case "setup":
        context.pending.head = fields;
        return;
      case "nvme_setup_cmd":
        this.#begin(context, mapping);
        return;
      case "queue_ret":
        if (context.request !== null) context.request.queueStatus = Number(fields.get("status"));
        context.request = context.log = null;
        return;
      case "complete":
      case "unmap_data":
      case "unmap_metadata":
        this.#undo(context, fields);
        return;
      case "nvme_complete_rq":
        this.#complete(context, owner);
        return;
    }
    if (name === "unmap_one") this.#unmapOne(context, owner);
    this.#inside(context, attributed);
  }

  /**
   * Metadata is unmapped before the kernel calls the function that names the request, and several
   * requests may be unmapped in turn. Therefore the owner of the device address is the request.
   */
  #unmapOne(context: Context, owner: GuestRequest | null): void {
    const request = owner === null ? undefined : this.requests.get(owner);
    if (request === undefined) return;
    context.request = request;
    context.log = request.unmap;
  }

  #begin(context: Context, begun: GuestRequest | null): void {
    const { pending: { bios, head, metadata } } = context;
    context.pending = newPending();
    context.request = context.log = null;
    if (begun === null || head === null) return;
    const { cid, io, queue } = begun;
    const gap = head.get("gap");
    const integritySegments = Number(head.get("integrity"));
    const bioExtents = biosOf(bios);
    const request: OpenRequest = {
      io,
      pointer: head.get("req")!,
      queue,
      cid,
      bytes: Number(head.get("bytes")),
      flags: Number(head.get("flags")),
      segments: Number(head.get("segments")),
      integritySegments,
      gapBit: gap === undefined ? null : Number(gap),
      bios: bioExtents,
      // 6.1.192 counts 0 metadata segments also for requests with metadata.
      // Without metadata the pointer to it may be any number.
      metadata: !this.settings.hasMetadata || bioExtents === null ||
          integritySegments === 0 && metadata.size === 0
        ? []
        : metadataOf(metadata, bioExtents.length),
      map: new CallLog(),
      unmap: new CallLog(),
      list: null,
      command: null,
      blocks: new Map(),
      listParts: new Map(),
      iterator: [],
      device: null,
      status: null,
      queueStatus: 0,
      mappedEntries: null,
      isComplete: false,
    };
    this.requests.set(begun, request);
    this.#byPointer.set(request.pointer, request);
    context.request = request;
    context.log = request.map;
  }

  /**
   * Handles the beginning of a request's unmapping. The unmapping begins after the command was sent,
   * or when the driver refuses the request.
   */
  #undo(context: Context, fields: GuestFields): void {
    for (const which of ["a", "b"]) {
      const request = this.#byPointer.get(fields.get(which) ?? "");
      if (request === undefined || request.isComplete) continue;
      context.request = request;
      context.log = request.unmap;
      request.command = wordsOf(fields.get(`sqe${which}`));
      return;
    }
    context.request = context.log = null;
  }

  #complete(context: Context, completed: GuestRequest | null): void {
    context.request = context.log = null;
    const request = completed === null ? undefined : this.requests.get(completed);
    if (request === undefined) return;
    request.isComplete = true;
    request.status = parseInt(completed!.completion!.fields.get("status") ?? "0", 16);
  }

  /** Handles a call or an operation of the context's current request. */
  #inside(context: Context, { entry, event }: AttributedEvent): void {
    const { request } = context;
    if (context.log === null || request === null) return;
    const { fields, name } = event;
    // In this case the driver has refused the request after mapping it, and now unmaps it.
    if (name === "unmap_sg" && context.log === request.map) context.log = request.unmap;
    const { log } = context;
    const about = {
      ...this.settings,
      source: context.source,
      mappedEntries: request.mappedEntries,
      log,
    };
    const given = entry?.event.fields ?? null;
    const call = RETURNED_CALLS.get(name);
    const result = RETURNED_OPERATIONS.get(name);
    if (call !== undefined) {
      if (given !== null) log.returned(call(given, event, about));
    } else if (result !== undefined) {
      const line = given === null ? null : result(given, fields, about);
      if (line !== null) log.inner(line);
    } else if (ENTERED_CALLS.has(name)) log.entered(ENTERED_CALLS.get(name)!(fields));
    else if (OPERATIONS.has(name)) {
      const line = OPERATIONS.get(name)!(event, about);
      if (line !== null) log.inner(line);
    } else this.#around(context, log, request, event);
  }

  /** Handles events with further facts about a request. */
  #around(
    context: Context,
    log: CallLog,
    request: OpenRequest,
    { fields, name }: GuestEvent,
  ): void {
    const part = /^(list|block)_(\d)$/.exec(name);
    if (part !== null) {
      const number = Number(part[2]);
      if (part[1] === "list") request.listParts.set(number, fields);
      else this.#freed(log, request, number, fields);
      return;
    }
    switch (name) {
      case "iter_start":
      case "iter_next": {
        const step = name === "iter_start" ? "istart" : "inext";
        const given = [Number(fields.get("addr")), Number(fields.get("size"))];
        request.iterator.push(Number(fields.get("ok")) === 0 ? [step, 0] : [step, 1, ...given]);
        break;
      }
      case "alloc_iova":
        context.source = "cache";
        break;
      case "tree":
        context.source = "tree";
        break;
      case "bounce_map":
        this.bouncePool = [Number(fields.get("start")), Number(fields.get("end"))];
        break;
      case "map_sg_ret":
        request.mappedEntries = Number(fields.get("ret"));
        break;
      case "pool_of_alloc":
        context.poolBytes = Number(fields.get("size"));
        context.growth = null;
        break;
      case "coherent":
        context.growth = { op: "dma_alloc", dma: 0, size: Number(fields.get("size")) };
        break;
      case "coherent_ret":
        if (context.growth !== null) log.inner(context.growth);
        break;
      case "pool_alloc_ret":
        this.#allocated(context, log, fields);
        break;
    }
  }

  /** Adds the line of an allocated block. The block's device address becomes known when it is freed. */
  #allocated(context: Context, log: CallLog, fields: GuestFields): void {
    const call = { call: "dma_pool_alloc", ...poolRecord(context.poolBytes), dma: 0 };
    log.returned(call);
    const vaddr = fields.get("vaddr") ?? "";
    const lines: { dma: CapturedValue }[] = [call];
    if (context.growth !== null) lines.push(context.growth);
    this.#unnamed.set(vaddr, lines);
    context.growth = null;
  }

  /**
   * Fills in the device addresses of blocks that were never freed. The addresses follow from freed
   * blocks in the same pages.
   */
  nameBlocks(): void {
    for (const [vaddr, lines] of this.#unnamed) {
      const page = this.#poolPages.get(BigInt(vaddr) / PAGE);
      if (page === undefined) continue;
      const [call, growth] = lines;
      call!.dma = page + Number(BigInt(vaddr) % PAGE);
      if (growth !== undefined) growth.dma = page;
    }
  }

  #freed(
    log: CallLog,
    request: OpenRequest,
    part: number,
    fields: GuestFields,
  ): void {
    const dma = Number(fields.get("dma"));
    const words = request.blocks.getOrInsertComputed(dma, () => []);
    arraysOf(fields).forEach((word, at) => words[part * EVENT_WORDS + at] = word);
    if (part !== 0) return;
    log.entered({ call: "dma_pool_free", ...poolRecord(Number(fields.get("size"))), dma });
    const vaddr = fields.get("vaddr") ?? "";
    this.#poolPages.set(BigInt(vaddr) / PAGE, dma - dma % PAGE_BYTES);
    const [call, growth] = this.#unnamed.get(vaddr) ?? [];
    if (call !== undefined) call.dma = dma;
    // If the pool grew by a page, `dma` is the address of one of the page's blocks.
    if (growth !== undefined) growth.dma = dma - dma % PAGE_BYTES;
    this.#unnamed.delete(vaddr);
  }
}

function newPending(): Pending {
  return { head: null, bios: new Map(), metadata: new Map() };
}

function newContext(): Context {
  return {
    request: null,
    log: null,
    pending: newPending(),
    poolBytes: 0,
    growth: null,
    source: "cache",
  };
}

function readBio(
  { bios }: Pending,
  index: number,
  part: number,
  fields: GuestFields,
): void {
  const read = bios.getOrInsertComputed(index, () => ({ fields, words: [] }));
  arraysOf(fields).forEach((word, at) => read.words[part * EVENT_WORDS + at] = word);
}

/** The words of an event's arrays, one after the other. */
function arraysOf(fields: GuestFields): bigint[] {
  return Array.from({ length: ARRAYS }, (_, index) => index)
    .flatMap((index) => wordsOf(fields.get(`w${index}`)) ?? Array(ARRAY_WORDS).fill(0n));
}

/** The words of an array; null if the kernel could not read them. */
function wordsOf(text: string | undefined): bigint[] | null {
  if (text === undefined || !text.startsWith("0x")) return null;
  return text.split(",").map((word) => BigInt(word));
}

/**
 * Memory of all bios of a request; null if the request has more bios or vectors than the probes
 * read.
 */
function biosOf(bios: ReadonlyMap<number, BioRead>): CapturedExtent[][] | null {
  const lists: CapturedExtent[][] = [];
  for (let index = 0; index < MAX_BIOS; index++) {
    const read = bios.get(index);
    if (read === undefined) break;
    const vecs = vecsOf(read);
    if (vecs === null) return null;
    lists.push(vecs);
    if (Number(read.fields.get("next")) === 0) return lists;
  }
  return null;
}

/** The metadata of each bio; null if it was not read completely. */
function metadataOf(
  reads: ReadonlyMap<number, BioRead>,
  bioCount: number,
): CapturedExtent[][] | null {
  const lists: CapturedExtent[][] = [];
  for (let index = 0; index < bioCount; index++) {
    const read = reads.get(index);
    const vecs = read === undefined ? null : vecsOf(read);
    if (vecs === null) return null;
    lists.push(vecs);
  }
  return lists;
}

/**
 * The memory of a bio, beginning at the position of the bio's iterator. After a split this position
 * is inside a vector. Returns null if not all vectors were read.
 */
function vecsOf({ fields, words }: BioRead): CapturedExtent[] | null {
  let left = Number(fields.get("size"));
  let done = Number(fields.get("done"));
  const vecs: CapturedExtent[] = [];
  for (let index = Number(fields.get("index")); left > 0; index++) {
    const [page, place] = [words[WORDS_PER_VEC * index], words[WORDS_PER_VEC * index + 1]];
    if (page === undefined || place === undefined || page === 0n) return null;
    const [length, offset] = [Number(place & 0xffff_ffffn), Number(place >> 32n)];
    const size = Math.min(left, length - done);
    if (size <= 0) return null;
    vecs.push([physOfPage(`0x${page.toString(16)}`) + offset + done, size]);
    left -= size;
    done = 0;
  }
  return vecs;
}

/** The mapped scatterlist; null for a request without one. */
function listOf(parts: OpenRequest["listParts"]): readonly ListEntry[] | null {
  if (parts.size === 0) return null;
  return PARTS.flatMap((part) => {
    const fields = parts.get(part);
    return fields === undefined ? [] : listEntries(fields, part);
  });
}

function listEntries(fields: GuestFields, part: number): ListEntry[] {
  const words = arraysOf(fields);
  const room = EVENT_WORDS / WORDS_PER_ENTRY;
  const count = Math.min(room, Number(fields.get("nents")) - part * room);
  return Array.from({ length: Math.max(0, count) }, (_, index): ListEntry => {
    const [link, place, dma, size] = words.slice(WORDS_PER_ENTRY * index) as [
      bigint,
      bigint,
      bigint,
      bigint,
    ];
    const phys = physOfPage(`0x${(link & ~3n).toString(16)}`) + Number(place & 0xffff_ffffn);
    return {
      memory: [phys, Number(place >> 32n)],
      mapped: [Number(dma), Number(size & 0xffff_ffffn)],
    };
  });
}
