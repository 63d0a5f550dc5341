/**
 * Mappings as async pairs in the JSON that viewers of traces open: a process for each device, a pair
 * of `b` and `e` for each mapping, joined by `id`.
 *
 * @see Trace Event Format, "Async Events"
 */
import type { Life } from "../ledger/life.ts";
import { deviceName, type SliceEnd, type SliceSink } from "./mapping_slices.ts";

const US_PER_S = 1e6;

export class ChromeSlices implements SliceSink {
  readonly #write: (text: string) => void;
  readonly #devices = new Map<string, number>();
  #entries = 0;

  constructor(write: (text: string) => void) {
    this.#write = write;
    this.#write('{"traceEvents":[');
  }

  begin(life: Life, seconds: number): void {
    const { dir, kind, phys, request, sizeBytes, task } = life;
    const args = {
      device: deviceName(life),
      bytes: sizeBytes,
      dir,
      line: life.born.line,
      phys: phys === null ? null : `0x${phys.toString(16)}`,
      task: task === "" ? null : task,
      request,
    };
    this.#pair("b", life, seconds, { mapping: kind, ...args });
  }

  end(life: Life, seconds: number, end: SliceEnd): void {
    const args = end.how === "unmapped" ? { line: end.line } : { end: "not in the trace" };
    this.#pair("e", life, seconds, args);
  }

  finish(): void {
    this.#write('\n],"displayTimeUnit":"ns"}\n');
  }

  #pair(ph: "b" | "e", life: Life, seconds: number, args: object): void {
    const device = deviceName(life);
    let pid = this.#devices.get(device);
    if (pid === undefined) {
      this.#devices.set(device, pid = this.#devices.size + 1);
      this.#entry({ ph: "M", name: "process_name", pid, tid: 0, args: { name: device } });
    }
    this.#entry({
      ph,
      name: `0x${life.addr.toString(16)}`,
      cat: life.kind,
      id: life.born.line,
      pid,
      tid: life.born.cpu,
      ts: Math.round(seconds * US_PER_S * 1000) / 1000,
      args,
    });
  }

  #entry(entry: object): void {
    this.#write(`${this.#entries++ === 0 ? "" : ","}\n${JSON.stringify(entry)}`);
  }
}
