/**
 * Mappings as async pairs in the JSON that viewers of traces open: a process for each device, a pair
 * of `b` and `e` for each mapping, joined by `id`.
 *
 * @see Trace Event Format, "Async Events"
 */
import type { TracedMapping } from "../ledger/traced_mapping.ts";
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

  begin(mapping: TracedMapping, seconds: number): void {
    const { dir, kind, phys, request, sizeBytes, task } = mapping;
    const args = {
      device: deviceName(mapping),
      bytes: sizeBytes,
      dir,
      line: mapping.mappedAt.line,
      phys: phys === null ? null : `0x${phys.toString(16)}`,
      task: task === "" ? null : task,
      request,
    };
    this.#pair("b", mapping, seconds, { mapping: kind, ...args });
  }

  end(mapping: TracedMapping, seconds: number, end: SliceEnd): void {
    const args = end.how === "unmapped" ? { line: end.line } : { end: "not in the trace" };
    this.#pair("e", mapping, seconds, args);
  }

  finish(): void {
    this.#write('\n],"displayTimeUnit":"ns"}\n');
  }

  #pair(ph: "b" | "e", mapping: TracedMapping, seconds: number, args: object): void {
    const device = deviceName(mapping);
    let pid = this.#devices.get(device);
    if (pid === undefined) {
      this.#devices.set(device, pid = this.#devices.size + 1);
      this.#entry({ ph: "M", name: "process_name", pid, tid: 0, args: { name: device } });
    }
    this.#entry({
      ph,
      name: `0x${mapping.addr.toString(16)}`,
      cat: mapping.kind,
      id: mapping.mappedAt.line,
      pid,
      tid: mapping.mappedAt.cpu,
      ts: Math.round(seconds * US_PER_S * 1000) / 1000,
      args,
    });
  }

  #entry(entry: object): void {
    this.#write(`${this.#entries++ === 0 ? "" : ","}\n${JSON.stringify(entry)}`);
  }
}
