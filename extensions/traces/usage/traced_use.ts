/**
 * Collects the mappings of a trace, for each device and for each request. Also collects the duration
 * of calls.
 */
import { formatCount } from "@dmalab/lang/text";
import { BOUNCE_EVENT } from "../line/bounce_event.ts";
import { readFlush } from "../line/flush_event.ts";
import type { TraceLine } from "../line/trace_line.ts";
import { isMappingStep, type NvmeCommand, type ScriptedCall } from "../script/recorder.ts";
import { BounceUses } from "./bounce_use.ts";
import { DeviceUses } from "./device_use.ts";
import { RequestUse } from "./request_use.ts";
import { PowersOfTwo } from "./powers_of_two.ts";
import { BlockRequests } from "./block_requests.ts";

const NS_PER_S = 1e9;
const ENTRY = /^\(([\w.]+)\+0x0(?:\/0x[0-9a-f]+)?(?: \[\w+\])?\)/;
const RETURN = /^\(([\w.]+)\S*(?: \[\w+\])? <- ([\w.]+)\)/;
/**
 * The largest number of tasks with a call in progress. If there are more, calls that never return
 * within the trace are dropped.
 */
const MAX_TASKS = 1 << 12;
const MAX_DEPTH = 64;

interface Call {
  readonly name: string;
  readonly seconds: number;
  readonly line: number;
}

const newTime = () => ({ ns: new PowersOfTwo(), callers: new Map<string, number>() });

/**
 * How long calls take and which functions make them. Both ends of a call must be traced: the
 * beginning by a kprobe, with `(dma_map_phys+0x0/0x120)` in its line, and the end by a kretprobe,
 * with `(nvme_map_data+0x8c/0x210 <- dma_map_phys)` in its line.
 */
class CallTimes {
  readonly functions = new Map<string, ReturnType<typeof newTime>>();
  readonly #open = new Map<number, Call[]>();

  take(payload: string, pid: number, seconds: number, line: number): void {
    if (!payload.startsWith("(")) return;
    const name = ENTRY.exec(payload)?.[1];
    if (name !== undefined) this.#enter(pid, { name, seconds, line });
    else {
      const match = RETURN.exec(payload);
      if (match !== null) this.#leave(pid, match[2]!, match[1]!, seconds, line);
    }
  }

  #enter(pid: number, call: Call): void {
    const open = this.#open.get(pid);
    if (open === undefined) {
      if (this.#open.size === MAX_TASKS) this.#open.clear();
      this.#open.set(pid, [call]);
    } else if (open.push(call) > MAX_DEPTH) open.shift();
  }

  /** Ends a call. A call made by an interrupt returns before the call that it interrupted. */
  #leave(pid: number, name: string, caller: string, seconds: number, line: number): void {
    const open = this.#open.get(pid) ?? [];
    const index = open.findLastIndex((call) => call.name === name);
    const call = open[index];
    if (call === undefined) return;
    open.splice(index);
    if (open.length === 0) this.#open.delete(pid);
    const time = this.functions.getOrInsertComputed(name, newTime);
    time.ns.add(Math.max(0, seconds - call.seconds) * NS_PER_S, [call.line, line]);
    time.callers.set(caller, (time.callers.get(caller) ?? 0) + 1);
  }
}

/** Largest number of requests of a trace that are kept; later ones are dropped. */
const MAX_REQUESTS = 1 << 17;
/** A line of a stack, in the form of the kernel or perf. */
const FRAME = /^\s*(?:=> |[0-9a-f]{8,16} )([\w.]+)/;
/** Functions that are on the stack between a driver's call and the event. */
const INNER = /^_*(?:trace|perf|bpf|ftrace|dma_|iommu_dma|swiotlb|blk_dma|blk_rq_dma)/;

/**
 * The key of a command's request. It is computed at the end of the trace, because the setup line
 * may lack the number of blocks, which only the later issue line then gives.
 */
function keyOf({ blocks, lba, verb }: NvmeCommand): string {
  if (blocks === null) return `${verb} of unknown blocks`;
  return blocks === 0 ? verb : `${verb} lba ${lba}, ${formatCount(blocks, "block")}`;
}

export class TracedUse {
  readonly devices = new DeviceUses();
  readonly bounces = new BounceUses();
  readonly calls = new CallTimes();
  readonly block = new BlockRequests((request) => this.#keep(request));
  readonly #open = new Map<string, RequestUse>();
  readonly #requests: RequestUse[] = [];

  take(step: ScriptedCall, seconds: number): void {
    this.devices.take(step, seconds);
    if (step.op === "request") {
      const { command } = step;
      const request = new RequestUse(() => keyOf(command), step.line, seconds);
      if (this.#keep(request)) this.#open.set(command.name, request);
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

  /** Reads an event line; called before the ledger reports its steps. */
  event(line: TraceLine, number: number): void {
    const { event, pid, seconds } = line;
    this.devices.begin();
    this.block.line(line, number);
    if (event === "qi_submit") {
      const flush = readFlush(line.payload);
      if (flush !== null) this.devices.flush(flush, { line: number, seconds });
    } else if (event === BOUNCE_EVENT) this.bounces.take(line.fields, number);
    else this.calls.take(line.payload, pid, seconds, number);
  }

  /** Reads another line, which may be part of the last event's stack. */
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
