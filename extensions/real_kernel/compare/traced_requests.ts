/**
 * Reads the requests of a real kernel, step by step, from the guest's trace and the controller's
 * log.
 */
import {
  deviceAddress,
  deviceAddressOfPage,
  type LoggedCommand,
  pairCommands,
  type TraceContext,
} from "@dmalab/traces";
import { type GuestEvent, physOfPage } from "../trace/trace_events.ts";
import type { RequestRecord } from "./request_record.ts";
import { type Step, STEP_KINDS, type StepKind, stepRow, type StepValue } from "./steps.ts";

/** Text that the plan writes to the trace before each system call. */
export const IO_MARK = "dmalab-io";

/** Event with the block layer's facts about a request. */
const REQUEST_PROBE = "request";
const PAGE_BYTES = 4096;

export interface TracedRequest extends RequestRecord {
  /** Number of the io to which the request belongs: the last io that began before it. */
  readonly io: number;
  /** The request's lines of the trace, for the report. */
  readonly lines: readonly string[];
}

/** A step or a line, with the number of its event in the trace. */
interface Placed<T> {
  /** Index of the event in the trace. */
  readonly order: number;
  readonly it: T;
}

interface OpenRequest extends TracedRequest {
  readonly queue: number;
  readonly cid: number;
  readonly map: Step[];
  readonly unmapped: Placed<Step>[];
  readonly told: Placed<string>[];
  readonly command: { side: LoggedCommand | null; status: number | null };
  /** Ranges of device addresses that the request owns. */
  ranges: readonly OwnedRange[];
  /** Kernel addresses of mapped scatterlists: an unmap names the list. */
  readonly lists: Set<string>;
  /** Kernel addresses of blocks of descriptors: a free names the block. */
  readonly descriptors: Set<string>;
  isComplete: boolean;
  /** Whether a mapping was undone in the context that maps the request. */
  isUndone: boolean;
}

interface OwnedRange {
  readonly dma: number;
  /** Exclusive. */
  readonly end: number;
}

/** A step that undoes a mapping at an address that several requests own. */
interface WaitingStep {
  readonly event: GuestEvent;
  readonly step: Step;
  readonly owners: readonly OpenRequest[];
}

/** A call that has not returned. */
interface OpenStep {
  readonly kind: StepKind;
  /** The call's step; null if the call is not compared. */
  readonly step: { readonly kind: StepKind; readonly values: Record<string, StepValue> } | null;
  /** Adds the step to the request's steps, before or after the submission. */
  readonly list: (step: Step) => void;
}

const KIND_OF_PROBE = new Map<string, StepKind>();
const KIND_OF_RETURN_PROBE = new Map<string, StepKind>();
for (const kind of STEP_KINDS) {
  const { probe, returnProbe, tracepoint } = stepRow(kind);
  if (probe !== null) KIND_OF_PROBE.set(probe, kind);
  if (returnProbe !== null) KIND_OF_RETURN_PROBE.set(returnProbe, kind);
  if (tracepoint !== undefined) KIND_OF_PROBE.set(tracepoint.split("/")[1]!, kind);
}

/** Steps that undo a mapping: they belong to the request that mapped the address. */
const UNDOING: ReadonlySet<StepKind> = new Set<StepKind>([
  "dma_iova_destroy",
  "dma_unmap",
  "dma_unmap_sg",
  "iova_free",
  "iommu_unmap",
  "iotlb_range",
  "dma_pool_free",
]);

/** @param diskOf Returns the scenario's disk for the controller's name in the guest: `nvme0`. */
export function tracedRequests(
  events: readonly GuestEvent[],
  commands: readonly LoggedCommand[],
  diskOf: (controller: string) => string | null,
): TracedRequest[] {
  const reader = new RequestReader(diskOf);
  for (const event of events) reader.push(event);
  const sent = reader.requests.filter(({ isComplete }) => isComplete);
  for (const [{ command }, side] of pairCommands(sent, commands)) command.side = side;
  return reader.requests;
}

class RequestReader {
  readonly requests: OpenRequest[] = [];
  #io = -1;
  /** The block layer's facts about the request that each task is setting up. */
  readonly #heads = new Map<TraceContext, GuestEvent>();
  /** The request that each task is mapping. */
  readonly #mapping = new Map<TraceContext, OpenRequest>();
  /** Requests that neither completed nor were refused by the driver. */
  readonly #unfinished = new Set<OpenRequest>();
  /** Calls that have not returned, by task and context, outermost first. */
  readonly #open = new Map<TraceContext, OpenStep[]>();
  /**
   * Steps of each context at addresses that several requests own, as requests of two domains can.
   * Such a step belongs to the request that completes next in its context, if that is an owner.
   */
  readonly #waiting = new Map<TraceContext, Placed<WaitingStep>[]>();
  /** Number of events so far. */
  #order = 0;

  constructor(private readonly diskOf: (controller: string) => string | null) {}

  push(event: GuestEvent): void {
    const { name } = event;
    this.#order++;
    if (name === "tracing_mark_write") {
      const mark = /^(\S+) (\d+)/.exec(event.fields.text);
      if (mark?.[1] === IO_MARK) this.#io = Number(mark[2]);
    } else if (name === "nvme_setup_cmd") this.#begin(event);
    else if (name === "nvme_complete_rq") this.#complete(event);
    else if (name === REQUEST_PROBE) this.#heads.set(event.context, event);
    else this.#step(event);
  }

  #begin(event: GuestEvent): void {
    const { fields } = event;
    const { text } = fields;
    const queue = Number(fields.get("qid") ?? 0);
    const disk = this.#diskOf(event);
    if (queue === 0 || disk === null || this.#io < 0) {
      this.#endMapping(event.context);
      return;
    }
    const [, op = "unknown", rest = ""] = /cmd=\(nvme_cmd_(\w+) ?(.*)\)/.exec(text) ?? [];
    const lba = /slba=(\d+)/.exec(rest)?.[1];
    // The length is one less than the number of blocks, as in the command.
    const length = /len=(\d+)/.exec(rest)?.[1];
    const head = this.#heads.get(event.context);
    const headNumber = (name: string) => {
      const text = head?.fields.get(name);
      return text === undefined ? null : Number(text);
    };
    this.#heads.delete(event.context);
    const cid = Number(fields.get("cmdid") ?? 0);
    const command = { side: null, status: null };
    const request: OpenRequest = {
      io: this.#io,
      disk,
      op: op === "dsm" ? "discard" : op,
      lba: lba === undefined ? null : Number(lba),
      blocks: lba === undefined || length === undefined ? null : Number(length) + 1,
      physSegments: headNumber("segments"),
      gapBit: headNumber("gap"),
      queue,
      cid,
      map: [],
      unmapped: [],
      told: [this.#placed(lineOf(event))],
      command,
      ranges: [],
      lists: new Set(),
      descriptors: new Set(),
      isComplete: false,
      isUndone: false,
      get unmap() {
        return inOrder(this.unmapped);
      },
      get lines() {
        return inOrder(this.told);
      },
      get device() {
        return command.side;
      },
      get status() {
        return command.status;
      },
    };
    this.#endMapping(event.context);
    this.#forgetTry(request);
    this.requests.push(request);
    this.#unfinished.add(request);
    this.#mapping.set(event.context, request);
    this.#open.delete(event.context);
  }

  #diskOf({ fields }: GuestEvent): string | null {
    return this.diskOf(/^(\w+): /.exec(fields.text)?.[1] ?? "");
  }

  /**
   * Ends the mapping of a context's request, because the context begins another one. If the context
   * has undone it without a completion, the driver refused it.
   */
  #endMapping(context: TraceContext): void {
    const before = this.#mapping.get(context);
    if (before?.isUndone === true) this.#unfinished.delete(before);
    this.#mapping.delete(context);
    this.#waiting.delete(context);
  }

  /**
   * Drops the earlier try of a request. A request that the driver refused is sent again with the
   * same number, and only the last try counts.
   */
  #forgetTry({ cid, disk, lba, queue }: OpenRequest): void {
    const index = this.requests.findLastIndex((each) =>
      !each.isComplete && each.disk === disk && each.queue === queue && each.cid === cid &&
      each.lba === lba
    );
    if (index < 0) return;
    const [earlier] = this.requests.splice(index, 1) as [OpenRequest];
    this.#unfinished.delete(earlier);
  }

  #complete(event: GuestEvent): void {
    const queue = Number(event.fields.get("qid") ?? 0);
    const cid = Number(event.fields.get("cmdid") ?? 0);
    const disk = this.#diskOf(event);
    const waiting = this.#waiting.get(event.context) ?? [];
    this.#waiting.delete(event.context);
    const request = [...this.#unfinished].findLast((each) =>
      each.disk === disk && each.queue === queue && each.cid === cid
    );
    if (request === undefined) return;
    request.isComplete = true;
    this.#unfinished.delete(request);
    for (const { it, order } of waiting) {
      if (it.owners.includes(request)) undo(request, it, order);
    }
    request.command.status = parseInt(event.fields.get("status") ?? "0", 16);
    request.told.push(this.#placed(lineOf(event)));
    for (const [context, mapping] of this.#mapping) {
      if (mapping === request) this.#mapping.delete(context);
    }
  }

  #step(event: GuestEvent): void {
    const context = event.context;
    const open = this.#open.getOrInsertComputed(context, () => []);
    const returned = KIND_OF_RETURN_PROBE.get(event.name);
    if (returned !== undefined) {
      const index = open.findLastIndex(({ kind }) => kind === returned);
      if (index < 0) return;
      const [{ list, step }] = open.splice(index) as [OpenStep];
      if (step === null) return;
      if (stepRow(returned).isPlacedAtReturn === true) list(step);
      this.#finish(returned, step, event, context);
      return;
    }
    const kind = KIND_OF_PROBE.get(event.name);
    if (kind === undefined) return;
    const row = stepRow(kind);
    const isHidden = open.some(({ kind }) => stepRow(kind).hidesInner === true) ||
      row.isCall === true && open.some(({ kind }) => stepRow(kind).isCall === true);
    const values = valuesOf(kind, event);
    if (UNDOING.has(kind)) {
      if (!isHidden) this.#undo(event, { kind, values });
      return;
    }
    const request = this.#mapping.get(context) ?? null;
    const step = isHidden || request === null ? null : { kind, values };
    const list = (step: Step) => request?.map.push(step);
    if (step !== null) {
      if (row.isPlacedAtReturn !== true) list(step);
      request!.told.push(this.#placed(lineOf(event)));
      if (kind === "dma_map_sgtable") request!.lists.add(event.fields.get("list") ?? "");
    }
    if (row.returnProbe !== null) open.push({ kind, list, step });
  }

  /** Adds a step that undoes a mapping to the request that owns the mapping, if one is known. */
  #undo(event: GuestEvent, step: Step): void {
    const { context } = event;
    // A range that no unfinished request owns belongs to none of them, even if there is only one: the
    // flush queue's timer frees ranges of earlier requests.
    const owners = this.#ownersOf(step.kind, event);
    const waiting = { event, step, owners };
    if (owners.length > 1) {
      this.#waiting.getOrInsertComputed(context, () => []).push(this.#placed(waiting));
      return;
    }
    const [owner] = owners;
    if (owner === undefined) return;
    undo(owner, waiting, this.#order);
    if (this.#mapping.get(context) === owner) owner.isUndone = true;
  }

  /** Adds the result of a call to its step, and the new mapping to the request. */
  #finish(
    kind: StepKind,
    step: { readonly values: Record<string, StepValue> },
    { fields }: GuestEvent,
    context: TraceContext,
  ): void {
    const { values } = step;
    const request = this.#mapping.get(context);
    const owns = (dma: number, sizeBytes: number) => {
      if (request !== undefined) {
        request.ranges = [...request.ranges, { dma, end: dma + sizeBytes }];
      }
    };
    switch (kind) {
      case "dma_iova_try_alloc":
        values.ok = Number(fields.get("ok")) !== 0;
        break;
      case "iova_alloc": {
        const dma = deviceAddressOfPage(fields.get("pfn"));
        values.dma = dma;
        owns(dma, values.size as number);
        break;
      }
      case "dma_map": {
        const dma = deviceAddress(fields.get("dma"));
        values.dma = dma;
        owns(dma, values.size as number);
        break;
      }
      case "dma_pool_alloc":
        request?.descriptors.add(fields.get("vaddr") ?? "");
        break;
      default:
        if (fields.has("ret")) values.ret = Number(fields.get("ret"));
    }
  }

  #placed<T>(it: T): Placed<T> {
    return { order: this.#order, it };
  }

  /** The unfinished requests that own what a step undoes. */
  #ownersOf(kind: StepKind, event: GuestEvent): readonly OpenRequest[] {
    const owners = (owns: (request: OpenRequest) => boolean) => [...this.#unfinished].filter(owns);
    if (kind === "dma_unmap_sg") {
      const list = event.fields.get("list") ?? "";
      return owners(({ lists }) => lists.has(list));
    }
    if (kind === "dma_pool_free") {
      const block = event.fields.get("vaddr") ?? "";
      return owners(({ descriptors }) => descriptors.has(block));
    }
    const dma = undoneAddress(kind, event);
    return owners(({ ranges }) => ranges.some((range) => isIn(range, dma)));
  }
}

/** @param order Place of the step's event in the trace. */
function undo(request: OpenRequest, { event, step }: WaitingStep, order: number): void {
  request.unmapped.push({ order, it: step });
  request.told.push({ order, it: lineOf(event) });
  // What is freed can be another request's before this one completes.
  if (step.kind === "dma_unmap_sg") request.lists.delete(event.fields.get("list") ?? "");
  else if (step.kind === "dma_pool_free") {
    request.descriptors.delete(event.fields.get("vaddr") ?? "");
  } else if (step.kind === "iova_free") {
    const dma = undoneAddress(step.kind, event);
    request.ranges = request.ranges.filter((range) => !isIn(range, dma));
  }
}

function isIn(range: OwnedRange, dma: number): boolean {
  return range.dma <= dma && dma < range.end;
}

function inOrder<T>(placed: readonly Placed<T>[]): readonly T[] {
  return placed.toSorted((one, other) => one.order - other.order).map(({ it }) => it);
}

function lineOf({ fields: { text }, name, seconds }: GuestEvent): string {
  return `${seconds.toFixed(6)}: ${name}: ${text}`;
}

function hexOf(text: string | undefined): number {
  return text === undefined ? NaN : Number(text);
}

function undoneAddress(kind: StepKind, { fields }: GuestEvent): number {
  if (kind === "iova_free") return deviceAddressOfPage(fields.get("pfn"));
  if (kind === "iommu_unmap") return deviceAddress(fields.get("iova"));
  if (kind === "iotlb_range") return deviceAddress(fields.get("start"));
  return deviceAddress(fields.get("dma"));
}

function valuesOf(kind: StepKind, { fields }: GuestEvent): Record<string, StepValue> {
  const { fields: wanted, result } = stepRow(kind);
  const values: Record<string, StepValue> = {};
  if (kind === "iommu_map" || kind === "iommu_unmap") {
    values.dma = deviceAddress(fields.get("iova"));
    values.size = Number(fields.get("size"));
    if (kind === "iommu_map") values.phys = hexOf(fields.get("paddr"));
    else values.unmapped = Number(fields.get("unmapped_size"));
    return values;
  }
  if (kind === "iommu_sync_map" || kind === "iotlb_map") {
    return { dma: deviceAddress(fields.get("iova")), size: Number(fields.get("size")) };
  }
  if (kind === "iotlb_range") {
    const dma = deviceAddress(fields.get("start"));
    return { dma, size: deviceAddress(fields.get("end")) + 1 - dma };
  }
  if (kind === "bounce") {
    return { phys: parseInt(fields.get("dev_addr") ?? "", 16), size: Number(fields.get("size")) };
  }
  for (const name of Object.keys(wanted)) {
    if (name === result?.[0]) continue;
    const given = fields.get(name);
    if (given === undefined) continue;
    values[name] = wanted[name] === "dma" ? deviceAddress(given) : Number(given);
  }
  const page = fields.get("page");
  if (kind === "dma_map" && page !== undefined) {
    values.phys = physOfPage(page) + Number(fields.get("offset"));
  }
  if (kind === "iova_alloc" || kind === "iova_free") {
    values.size = Number(fields.get("pages")) * PAGE_BYTES;
    if (kind === "iova_free") values.dma = deviceAddressOfPage(fields.get("pfn"));
  }
  return values;
}
