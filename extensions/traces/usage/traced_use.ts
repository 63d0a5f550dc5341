/** What a trace maps: for each device, for each request, and what calls cost. */
import { formatCount } from "@dmalab/lang/text";
import { readFlush } from "../line/flush_event.ts";
import type { TraceLine } from "../line/trace_line.ts";
import { isMappingStep, type ScriptedCall } from "../script/recorder.ts";
import { BlockRequests } from "./block_requests.ts";
import { CallTimes } from "./call_times.ts";
import { DeviceUses } from "./device_use.ts";
import { RequestUse } from "./request_use.ts";

/** Requests that are kept of a trace: of more the first ones. */
const MAX_REQUESTS = 1 << 17;
/** A line of a stack, as the kernel or perf prints it. */
const FRAME = /^\s*(?:=> |[0-9a-f]{8,16} )([\w.]+)/;
/** Functions between a driver's call and the event. */
const INNER = /^_*(?:trace|perf|bpf|ftrace|dma_|iommu_dma|swiotlb|blk_dma|blk_rq_dma)/;

export class TracedUse {
  readonly devices = new DeviceUses();
  readonly calls = new CallTimes();
  readonly block = new BlockRequests((request) => this.#keep(request));
  readonly #open = new Map<string, RequestUse>();
  readonly #requests: RequestUse[] = [];

  /** Takes a step of the ledger. */
  take(step: ScriptedCall, seconds: number): void {
    this.devices.take(step, seconds);
    if (step.op === "request") {
      const { blocks, lba, name, verb } = step.command;
      const key = blocks === 0 ? verb : `${verb} lba ${lba}, ${formatCount(blocks, "block")}`;
      const request = new RequestUse(key, step.line, seconds);
      if (this.#keep(request)) this.#open.set(name, request);
    } else if (step.op === "completion") {
      const request = this.#open.get(step.name);
      if (request !== undefined) request.tookSeconds = seconds - request.seconds;
    } else if (isMappingStep(step) && (step.op === "map" || step.op === "range")) {
      const { mapping } = step;
      const request = this.#open.get(mapping.request ?? "");
      if (request !== undefined) {
        request.add(mapping, step.op === "range" ? step.linksBytes.length : 0);
      } else if (step.op === "map" && mapping.request === null) this.block.map(mapping);
    }
  }

  /** A line of an event, before its steps are taken. */
  event(line: TraceLine, number: number): void {
    const { event, payload, pid, seconds } = line;
    this.devices.begin();
    this.block.line(line, number);
    if (event === "qi_submit") {
      const flush = readFlush(payload);
      if (flush !== null) this.devices.flush(flush, { line: number, seconds });
    } else this.calls.take(payload, pid, seconds, number);
  }

  /** Another line: of the last event's stack, it may be. */
  other(text: string): void {
    const name = FRAME.exec(text)?.[1];
    if (name !== undefined && !INNER.test(name)) this.devices.calledBy(name);
  }

  end(): void {
    this.devices.end();
    this.block.end();
  }

  /** Requests with data, in the order of their setups. */
  get requests(): readonly RequestUse[] {
    return this.#requests.filter(({ isMapped }) => isMapped).sort((a, b) => a.line - b.line);
  }

  #keep(request: RequestUse): boolean {
    return this.#requests.length < MAX_REQUESTS && this.#requests.push(request) > 0;
  }
}
