/** What a trace maps: for each device, for each request, and what calls cost. */
import { formatCount } from "@dmalab/lang/text";
import { readFlush } from "../line/flush_event.ts";
import type { TraceLine } from "../line/trace_line.ts";
import { isMappingStep, type ScriptedCall } from "../script/recorder.ts";
import { DeviceUses } from "./device_use.ts";
import { RequestUse } from "./request_use.ts";
import { PowersOfTwo } from "./powers_of_two.ts";
import type { TracedMapping } from "../ledger/traced_mapping.ts";

const NS_PER_S = 1e9;
const ENTRY = /^\(([\w.]+)\+0x0(?:\/0x[0-9a-f]+)?(?: \[\w+\])?\)/;
const RETURN = /^\(([\w.]+)\S*(?: \[\w+\])? <- ([\w.]+)\)/;
/** Tasks with a call under way: what never returns in the trace is forgotten. */
const MAX_TASKS = 1 << 12;
const MAX_DEPTH = 64;

interface Call {
  readonly name: string;
  readonly seconds: number;
  readonly line: number;
}

const newTime = () => ({ ns: new PowersOfTwo(), callers: new Map<string, number>() });

/**
 * How long calls take and who calls them, where both ends of a call are traced: by a kprobe, whose
 * line has `(dma_map_phys+0x0/0x120)`, and a kretprobe, whose line has
 * `(nvme_map_data+0x8c/0x210 <- dma_map_phys)`.
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

  /** A call that an interrupt made returns before the one that it interrupted. */
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

// Requests of the block layer, and the mappings that belong to them where no line of NVMe says so.
// A mapping belongs to a request when their bytes are the same: of its task between the last issue
// and this one, as NVMe drivers map, or between issue and completion, as SCSI does. What fits several
// requests is tied to none.
// @see rules/traces.md T.36, T.37

const ISSUE = /^(\d+,\d+) (\S+) (\d+) \(.*\) (\d+) \+ (\d+) /;
const COMPLETE = /^(\d+,\d+) (\S+) \(.*\) (\d+) \+ (\d+) /;
/** A command without blocks has this sector at its completion. */
const NO_SECTOR = "18446744073709551615";
/** Requests under way, and maps of a task that wait for their request; of more the oldest go. */
const MAX_OPEN = 1 << 12;

interface OpenRequest {
  readonly use: RequestUse;
  readonly bytes: number;
  /** `8,16 R`, and the sector, which a command without blocks loses. */
  readonly name: string;
  readonly sector: string;
}

class BlockRequests {
  /** Requests with data that no mapping could be tied to. */
  untied = 0;
  #open: OpenRequest[] = [];
  /** Of each task: what it has mapped since its last line of the block layer. */
  readonly #maps = new Map<number, TracedMapping[]>();
  readonly #setups = new Set<number>();

  constructor(private readonly sink: (request: RequestUse) => void) {}

  /** A mapping that is for no command of NVMe. */
  map(mapping: TracedMapping): void {
    if (mapping.kind === "alloc") return;
    const fits = this.#open.filter(({ bytes, use }) => bytes - use.bytes === mapping.sizeBytes);
    if (fits.length === 1) {
      fits[0]!.use.add(mapping, 0);
      return;
    }
    const maps = this.#maps.getOrInsertComputed(mapping.pid, () => []);
    if (maps.push(mapping) > MAX_OPEN) maps.shift();
  }

  line({ event, payload, pid, seconds }: TraceLine, number: number): void {
    if (event === "nvme_setup_cmd") this.#setups.add(pid);
    else if (event === "block_rq_issue") this.#issue(payload, pid, seconds, number);
    else if (event === "block_rq_complete") this.#complete(payload, seconds);
  }

  /** All has been read: what is still under way may be tied to its mappings. */
  end(): void {
    for (const request of this.#open.splice(0)) this.#close(request);
  }

  #issue(payload: string, pid: number, seconds: number, number: number): void {
    const maps = this.#maps.get(pid) ?? [];
    this.#maps.delete(pid);
    const match = ISSUE.exec(payload);
    // A command of NVMe has its mappings by its own lines.
    if (this.#setups.delete(pid) || match === null) return;
    const [, disk, what, length, sector, sectors] = match;
    const bytes = Number(length);
    if (bytes === 0) return;
    const blocks = Number(sectors);
    const at = blocks === 0
      ? `${formatCount(bytes, "byte")}`
      : `sector ${sector}, ${formatCount(blocks, "sector")}`;
    const use = new RequestUse(`${disk} ${what} ${at}`, number, seconds);
    const own = maps.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) === bytes ? maps : [];
    for (const mapping of own) use.add(mapping, 0);
    this.#open.push({ use, bytes, name: `${disk} ${what}`, sector: sector! });
    if (this.#open.length > MAX_OPEN) this.#close(this.#open.shift()!);
  }

  #complete(payload: string, seconds: number): void {
    const match = COMPLETE.exec(payload);
    if (match === null) return;
    const [, disk, what, sector] = match;
    const name = `${disk} ${what}`;
    const index = this.#open.findIndex((request) =>
      request.name === name && (sector === NO_SECTOR || request.sector === sector)
    );
    if (index < 0) return;
    const [request] = this.#open.splice(index, 1);
    request!.use.tookSeconds = seconds - request!.use.seconds;
    this.#close(request!);
  }

  #close({ bytes, use }: OpenRequest): void {
    if (use.bytes === bytes) this.sink(use);
    else this.untied++;
  }
}
