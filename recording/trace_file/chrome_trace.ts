/**
 * Events as Chrome's trace JSON, which Perfetto and chrome://tracing open.
 *
 * In the trace, a machine is a process, and its CPUs and devices are threads. A kernel call is a
 * slice on its CPU's thread with the events inside it. A device's events are on the device's
 * thread. Requests and mappings are separate begin/end pairs, from their first event to their last
 * event.
 *
 * The viewers read times as microseconds and hide events at exactly the time of a slice, so each
 * event takes a microsecond. Virtual time itself is written only for a machine with `latencies`,
 * because only on such a machine time passes between events.
 */
import { formatEventText } from "@dmalab/lang/render";
import { displayName, type RunStart } from "@dmalab/lang/run";
import { eventEntry, isCall, isReturn, type MachineEvent } from "@dmalab/runtime";
import {
  placedFields,
  type SitePlaces,
  type TracedRunOutcome,
  type TraceWriter,
  type WriteText,
} from "./trace_writer.ts";
import { printableJson } from "@dmalab/lang/diagnostics";

class ChromeJson {
  #entries = 0;

  /** Writes the beginning of the file. */
  constructor(private readonly write: WriteText) {
    this.write('{"otherData":{"by":"dmalab"},"traceEvents":[');
  }

  add(entry: Readonly<Record<string, unknown>>): void {
    this.write(`${this.#entries++ === 0 ? "" : ","}\n${printableJson(entry, 0)}`);
  }

  end(): void {
    this.write('\n],"displayTimeUnit":"ns"}\n');
  }
}

/** The process, thread and time of an entry of the file. */
interface Point {
  readonly ts: number;
  readonly pid: number;
  readonly tid: number;
}

interface OpenRequest {
  readonly first: Point;
  last: Point;
}

/** A mapping not unmapped yet. */
interface OpenMapping {
  readonly id: string;
  readonly sizeBytes: number;
  readonly ts: number;
}

/** Devices' threads are numbered from here, CPUs' from 1. */
const FIRST_DEVICE_THREAD = 1000;
const NS_PER_US = 1000;

/** Writes one file: `{…, "traceEvents": […]}`, an entry a line. */
export class ChromeTraceWriter implements TraceWriter {
  #pid = 0;
  #lastTs = 0;
  #isTimed = false;
  #places: SitePlaces = () => null;
  readonly #threads = new Map<string, number>();
  readonly #requests = new Map<number, OpenRequest>();
  /** Open mappings by device, then by address: a device may map the same address twice. */
  readonly #mappings = new Map<string | null, Map<number, OpenMapping[]>>();

  readonly #file: ChromeJson;

  /** Writes the beginning of the file. */
  constructor(write: WriteText) {
    this.#file = new ChromeJson(write);
  }

  run(file: string, start: RunStart, places: SitePlaces): void {
    this.#endRequests();
    this.#pid++;
    this.#lastTs = 0;
    this.#places = places;
    this.#threads.clear();
    this.#mappings.clear();
    this.#isTimed = Object.values(start.machine.latenciesNs).some((ns) => ns > 0);
    const name = displayName(start);
    this.#name("process_name", 0, name === "" ? file : `${file}: ${name}`);
  }

  event(event: MachineEvent): void {
    const tid = event.device !== null && eventEntry(event.name)?.byDevice === true
      ? this.#thread(event.device, FIRST_DEVICE_THREAD + this.#threads.size)
      : this.#thread(`cpu ${event.cpu}`, 1 + event.cpu);
    const ts = this.#isTimed ? event.at_ns / NS_PER_US : event.seq;
    const point = { ts, pid: this.#pid, tid };
    this.#lastTs = Math.max(this.#lastTs, ts);
    if (event.request !== null) this.#noteRequest(event.request, point);
    this.#writeEvent(event, point);
    this.#writeMapping(event, point);
  }

  outcome({ failure, outcome }: TracedRunOutcome): void {
    if (failure === null) return;
    const point = { ts: this.#lastTs, pid: this.#pid, tid: 1 };
    const args = { message: failure.message, place: failure.place };
    this.#file.add({ ph: "i", s: "g", name: outcome, cat: "test", ...point, args });
  }

  end(): void {
    this.#endRequests();
    this.#file.end();
  }

  #writeEvent(event: MachineEvent, point: Point): void {
    if (isCall(event)) {
      const name = event.name.slice("call.".length);
      this.#file.add({ ph: "B", name, cat: "call", ...point, args: this.#args(event) });
    } else if (isReturn(event)) {
      this.#file.add({ ph: "E", ...point, args: this.#args(event) });
    } else {
      const cat = event.name.slice(0, event.name.indexOf("."));
      const args = this.#args(event);
      this.#file.add({ ph: "i", s: "t", name: event.name, cat, ...point, args });
    }
  }

  /**
   * A mapping extends from its `dma.map` to the `dma.unmap` that covers it. One unmap call may end
   * all the links of a range.
   */
  #writeMapping(event: MachineEvent, point: Point): void {
    if (event.name !== "dma.map" && event.name !== "dma.unmap") return;
    const { device, fields: { dma, size_bytes } } = event;
    const cat = "mapping";
    const name = `mapping of ${device}`;
    const open = this.#mappings.get(device) ?? new Map<number, OpenMapping[]>();
    this.#mappings.set(device, open);
    if (event.name === "dma.map") {
      const id = `${this.#pid}:${event.seq}`;
      const at = open.get(dma) ?? [];
      at.push({ id, sizeBytes: size_bytes, ts: point.ts });
      open.set(dma, at);
      this.#file.add({ ph: "b", cat, name, id, ...point });
      return;
    }
    const exact = open.get(dma)?.findIndex(({ sizeBytes }) => sizeBytes === size_bytes) ?? -1;
    const ended = exact >= 0
      ? open.get(dma)!.splice(exact, 1)
      : [...open].flatMap(([start, each]) =>
        start >= dma && start < dma + size_bytes ? each.splice(0) : []
      );
    for (const { id, ts } of ended) {
      this.#file.add({ ph: "e", cat, name, id, ...point, ts: Math.max(ts, point.ts) });
    }
  }

  #noteRequest(number: number, point: Point): void {
    const open = this.#requests.get(number);
    if (open === undefined) this.#requests.set(number, { first: point, last: point });
    // The latest time is kept, because a CPU with an earlier clock may work for the request after
    // this event.
    else if (point.ts >= open.last.ts) open.last = point;
  }

  #endRequests(): void {
    for (const [number, { first, last }] of this.#requests) {
      const pair = { cat: "request", name: `request ${number}`, id: `${this.#pid}:${number}` };
      this.#file.add({ ph: "b", ...pair, ...first });
      this.#file.add({ ph: "e", ...pair, ...last });
    }
    this.#requests.clear();
  }

  #args(event: MachineEvent): Readonly<Record<string, unknown>> {
    const { at_ns, fields, name, seq, site, why } = event;
    return {
      text: formatEventText(event),
      seq,
      at_ns,
      ...site === null ? {} : { site: this.#places(site) ?? undefined },
      ...why === null ? {} : { rule: why.rule },
      ...placedFields(name, fields, this.#places),
    };
  }

  /** The thread of a name; for a new thread, an entry with its name is written. */
  #thread(name: string, number: number): number {
    const known = this.#threads.get(name);
    if (known !== undefined) return known;
    this.#threads.set(name, number);
    this.#name("thread_name", number, name);
    return number;
  }

  #name(what: "process_name" | "thread_name", tid: number, name: string): void {
    this.#file.add({ ph: "M", name: what, pid: this.#pid, tid, args: { name } });
  }
}
