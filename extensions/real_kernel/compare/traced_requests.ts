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
import {
  REQUEST_PROBE,
  type Step,
  STEP_KINDS,
  type StepKind,
  stepRow,
  type StepValue,
} from "./steps.ts";

/** Text that the plan writes to the trace before each system call. */
export const IO_MARK = "dmalab-io";

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
  /** Ranges of device addresses that the request owns: the first byte, and the end (exclusive). */
  readonly ranges: { dma: number; end: number }[];
  /** Addresses of mapped scatterlists: an unmap names the list. */
  readonly lists: Set<string>;
  isComplete: boolean;
  /** Whether the driver refused the request after mapping it: it then has no completion. */
  isRefused: boolean;
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
  if (probe !== null) KIND_OF_PROBE.set(probe.name, kind);
  if (returnProbe !== null) KIND_OF_RETURN_PROBE.set(returnProbe.name, kind);
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
  /** Calls that have not returned, by task and context, outermost first. */
  readonly #open = new Map<TraceContext, OpenStep[]>();
  /**
   * Descriptors that were freed in each context: they belong to the request that completes next in
   * this context.
   */
  readonly #freed = new Map<TraceContext, Placed<GuestEvent>[]>();
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
    else if (name === REQUEST_PROBE.name) this.#heads.set(event.context, event);
    else this.#step(event);
  }

  #begin(event: GuestEvent): void {
    const { fields } = event;
    const { text } = fields;
    const controller = /^(\w+): /.exec(text)?.[1] ?? "";
    const queue = Number(fields.get("qid") ?? 0);
    const disk = this.diskOf(controller);
    if (queue === 0 || disk === null || this.#io < 0) {
      this.#mapping.delete(event.context);
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
      isComplete: false,
      isRefused: false,
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
    // If the task's previous request was unmapped without a completion, the driver refused it.
    const before = this.#mapping.get(event.context);
    if (before !== undefined && before.unmapped.length > 0) before.isRefused = true;
    this.#forgetTry(request);
    this.requests.push(request);
    this.#mapping.set(event.context, request);
    this.#open.delete(event.context);
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
    if (index >= 0) this.requests.splice(index, 1);
  }

  #complete(event: GuestEvent): void {
    const queue = Number(event.fields.get("qid") ?? 0);
    const cid = Number(event.fields.get("cmdid") ?? 0);
    const request = this.requests.findLast((each) =>
      each.queue === queue && each.cid === cid && !each.isComplete && !each.isRefused
    );
    if (request === undefined) return;
    request.isComplete = true;
    for (const { it: freed, order } of this.#freed.get(event.context) ?? []) {
      const step = { kind: "dma_pool_free", values: valuesOf("dma_pool_free", freed) } as const;
      request.unmapped.push({ order, it: step });
      request.told.push({ order, it: lineOf(freed) });
    }
    this.#freed.delete(event.context);
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
    if (kind === "dma_pool_free") {
      this.#freed.getOrInsertComputed(context, () => []).push(this.#placed(event));
      return;
    }
    const request = this.#requestOf(kind, event);
    const values = valuesOf(kind, event);
    const step = isHidden || request === null ? null : { kind, values };
    const list = (step: Step) => {
      if (UNDOING.has(kind)) request?.unmapped.push(this.#placed(step));
      else request?.map.push(step);
    };
    if (step !== null) {
      if (row.isPlacedAtReturn !== true) list(step);
      request!.told.push(this.#placed(lineOf(event)));
      if (kind === "dma_map_sgtable") request!.lists.add(event.fields.get("list") ?? "");
    }
    if (row.returnProbe !== null) open.push({ kind, list, step });
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
    const owns = (dma: number, sizeBytes: number) =>
      request?.ranges.push({ dma, end: dma + sizeBytes });
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
      default:
        if (fields.has("ret")) values.ret = Number(fields.get("ret"));
    }
  }

  #placed<T>(it: T): Placed<T> {
    return { order: this.#order, it };
  }

  /**
   * The request that a step belongs to; null if the step belongs to none of the compared requests.
   */
  #requestOf(kind: StepKind, event: GuestEvent): OpenRequest | null {
    const mapping = event.context.isInterrupt ? null : this.#mapping.get(event.context) ?? null;
    if (!UNDOING.has(kind)) return mapping;
    const unfinished = this.requests.filter(({ isComplete, isRefused }) =>
      !isComplete && !isRefused
    );
    if (kind === "dma_unmap_sg") {
      const list = event.fields.get("list") ?? "";
      return unfinished.find(({ lists }) => lists.has(list)) ?? null;
    }
    const dma = undoneAddress(kind, event);
    // A range that no unfinished request owns belongs to none of them, even if there is only one: the
    // flush queue's timer frees ranges of earlier requests.
    const owner = unfinished.find(({ ranges }) =>
      ranges.some((range) => range.dma <= dma && dma < range.end)
    );
    return owner ?? null;
  }
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
