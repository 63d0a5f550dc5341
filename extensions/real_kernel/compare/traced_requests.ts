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
import {
  type AttributedEvent,
  attributedEvents,
  type GuestRequest,
  type Mutable,
} from "../trace/attributed_events.ts";
import { type GuestEvent, physOfPage } from "../trace/trace_events.ts";
import { namesNoRange } from "../trace/attributed_events.ts";
import type { RequestRecord } from "./request_record.ts";
import { type Step, STEP_KINDS, type StepKind, stepRow, type StepValue } from "./steps.ts";

/** Event with the block layer's facts about a request. */
const REQUEST_PROBE = "request";
const PAGE_BYTES = 4096;

export interface TracedRequest extends RequestRecord {
  /** Number of the io to which the request belongs: the last io that began before it. */
  readonly io: number;
  /** The request's lines of the trace, for the report. */
  readonly lines: readonly string[];
}

interface OpenRequest extends Mutable<TracedRequest> {
  readonly queue: number;
  readonly cid: number;
  readonly map: Step[];
  readonly unmap: Step[];
  readonly lines: string[];
  readonly isComplete: boolean;
}

/** A step of a call that has not returned. */
interface OpenStep {
  readonly kind: StepKind;
  readonly values: Record<string, StepValue>;
}

const KIND_OF_PROBE = new Map<string, StepKind>();
for (const kind of STEP_KINDS) {
  const { probe, tracepoint } = stepRow(kind);
  if (probe !== null) KIND_OF_PROBE.set(probe, kind);
  if (tracepoint !== undefined) KIND_OF_PROBE.set(tracepoint.split("/")[1]!, kind);
}

/** @param diskOf Returns the scenario's disk for the controller's name in the guest: `nvme0`. */
export function tracedRequests(
  events: readonly GuestEvent[],
  commands: readonly LoggedCommand[],
  diskOf: (controller: string) => string | null,
): TracedRequest[] {
  const reader = new StepReader(diskOf);
  for (const event of attributedEvents(events, "run")) reader.push(event);
  const requests = [...reader.requests.values()];
  const sent = requests.filter(({ isComplete }) => isComplete);
  for (const [request, device] of pairCommands(sent, commands)) request.device = device;
  return requests;
}

class StepReader {
  /** Requests of the scenario's disks, of each the last try. */
  readonly requests = new Map<GuestRequest, OpenRequest>();
  /** The block layer's facts about the request that each task is setting up. */
  readonly #heads = new Map<TraceContext, GuestEvent>();
  /** Steps of calls that have not returned, by the events of their entries. */
  readonly #open = new Map<AttributedEvent, OpenStep>();

  constructor(private readonly diskOf: (controller: string) => string | null) {}

  push(attributed: AttributedEvent): void {
    const { event, mapping, owner } = attributed;
    if (event.name === REQUEST_PROBE) this.#heads.set(event.context, event);
    else if (event.name === "nvme_setup_cmd") this.#begin(event, mapping);
    else if (event.name === "nvme_complete_rq") this.#openOf(owner)?.lines.push(lineOf(event));
    else if (attributed.entry !== null) this.#finish(attributed, attributed.entry);
    else this.#step(attributed);
  }

  #begin(event: GuestEvent, request: GuestRequest | null): void {
    const head = this.#heads.get(event.context);
    this.#heads.delete(event.context);
    const disk = request === null || request.isSentAgain ? null : this.diskOf(request.controller);
    if (request === null || disk === null) return;
    const [, op = "unknown", rest = ""] = /cmd=\(nvme_cmd_(\w+) ?(.*)\)/.exec(event.fields.text) ??
      [];
    const lba = /slba=(\d+)/.exec(rest)?.[1];
    // The length is one less than the number of blocks, as in the command.
    const length = /len=(\d+)/.exec(rest)?.[1];
    const headNumber = (name: string) => {
      const text = head?.fields.get(name);
      return text === undefined ? null : Number(text);
    };
    // The list is finished: the request's end is known at its beginning.
    const { cid, completion, io, queue } = request;
    this.requests.set(request, {
      io,
      disk,
      op: op === "dsm" ? "discard" : op,
      lba: lba === undefined ? null : Number(lba),
      blocks: lba === undefined || length === undefined ? null : Number(length) + 1,
      physSegments: headNumber("segments"),
      gapBit: headNumber("gap"),
      queue,
      cid,
      map: [],
      unmap: [],
      lines: [lineOf(event)],
      isComplete: completion !== null,
      device: null,
      status: completion === null ? null : parseInt(completion.fields.get("status") ?? "0", 16),
    });
  }

  #openOf(request: GuestRequest | null): OpenRequest | null {
    return request === null ? null : this.requests.get(request) ?? null;
  }

  #step(attributed: AttributedEvent): void {
    const { event, mapping, owner } = attributed;
    const kind = KIND_OF_PROBE.get(event.name);
    if (kind === undefined || isHidden(kind, attributed)) return;
    const { isPlacedAtReturn, undoes } = stepRow(kind);
    const request = this.#openOf(undoes === true ? owner : mapping);
    if (request === null) return;
    request.lines.push(lineOf(event));
    const step = { kind, values: valuesOf(kind, event) };
    this.#open.set(attributed, step);
    if (undoes === true) request.unmap.push(step);
    else if (isPlacedAtReturn !== true) request.map.push(step);
  }

  /** Adds the result of a call to its step. */
  #finish({ event: { fields } }: AttributedEvent, entry: AttributedEvent): void {
    const step = this.#open.get(entry);
    if (step === undefined) return;
    this.#open.delete(entry);
    const { kind, values } = step;
    if (stepRow(kind).isPlacedAtReturn === true) this.#openOf(entry.mapping)?.map.push(step);
    if (kind === "dma_iova_try_alloc") values.ok = Number(fields.get("ok")) !== 0;
    else if (kind === "iova_alloc") values.dma = deviceAddressOfPage(fields.get("pfn"));
    else if (kind === "viommu_unmap") values.size = Number(fields.get("removed"));
    else if (kind === "dma_map") values.dma = deviceAddress(fields.get("dma"));
    else if (fields.has("ret")) values.ret = Number(fields.get("ret"));
  }
}

/** Whether a step is not compared, because of a call around it. */
function isHidden(kind: StepKind, { caller }: AttributedEvent): boolean {
  const { isCall } = stepRow(kind);
  for (let call = caller; call !== null; call = call.caller) {
    const around = KIND_OF_PROBE.get(call.event.name);
    if (around === undefined) continue;
    const row = stepRow(around);
    if (row.hidesInner === true || isCall === true && row.isCall === true) return true;
  }
  return false;
}

function lineOf({ fields: { text }, name, seconds }: GuestEvent): string {
  return `${seconds.toFixed(6)}: ${name}: ${text}`;
}

function valuesOf(kind: StepKind, { fields }: GuestEvent): Record<string, StepValue> {
  const { fields: wanted, result } = stepRow(kind);
  const values: Record<string, StepValue> = {};
  if (kind === "iommu_map" || kind === "iommu_unmap") {
    values.dma = deviceAddress(fields.get("iova"));
    values.size = Number(fields.get("size"));
    if (kind === "iommu_map") values.phys = Number(fields.get("paddr"));
    else values.unmapped = Number(fields.get("unmapped_size"));
    return values;
  }
  if (kind === "viommu_map") {
    const pages = Number(fields.get("pages"));
    return { dma: deviceAddress(fields.get("iova")), size: pages * Number(fields.get("page")) };
  }
  if (kind === "viommu_unmap") return { dma: deviceAddress(fields.get("iova")) };
  if (kind === "iommu_sync_map" || kind === "iotlb_map" || kind === "viommu_sync_map") {
    return { dma: deviceAddress(fields.get("iova")), size: Number(fields.get("size")) };
  }
  if (kind === "viommu_sync" && namesNoRange(fields)) return { dma: 0, size: 0 };
  if (kind === "iotlb_range" || kind === "viommu_sync") {
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
    // The probe has the last page frame that is allowed, the model the last address.
    if (kind === "iova_alloc") {
      values.limit = deviceAddressOfPage(fields.get("limit")) + PAGE_BYTES - 1;
    }
    if (kind === "iova_free") values.dma = deviceAddressOfPage(fields.get("pfn"));
  }
  return values;
}
