/**
 * How long calls take and who calls them, where both ends of a call are traced: by a kprobe, whose
 * line has `(dma_map_phys+0x0/0x120)`, and a kretprobe, whose line has
 * `(nvme_map_data+0x8c/0x210 <- dma_map_phys)`.
 */
import { PowersOfTwo } from "./powers_of_two.ts";

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

/** All calls of one function. */
class CallTime {
  readonly ns = new PowersOfTwo();
  readonly callers = new Map<string, number>();
}

export class CallTimes {
  readonly functions = new Map<string, CallTime>();
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
    let time = this.functions.get(name);
    if (time === undefined) this.functions.set(name, time = new CallTime());
    time.ns.add(Math.max(0, seconds - call.seconds) * NS_PER_S, [call.line, line]);
    time.callers.set(caller, (time.callers.get(caller) ?? 0) + 1);
  }
}
