/**
 * Mappings of a trace as slices of time, in Chrome's trace JSON. Each device is a process, and each
 * mapping is an async pair of events. A counter shows the number of live mappings; with a leak it
 * only rises.
 *
 * @see Trace Event Format, "Async Events", "Counter Events"
 */
import { ChromeJson, type WriteText } from "@dmalab/recording";
import { findingJson } from "../ledger/check_report.ts";
import type { TracedMapping, TraceFinding } from "../ledger/traced_mapping.ts";
import { isMappingStep, type ScriptedCall } from "../script/recorder.ts";

const US_PER_S = 1e6;
/** Used as the device of a two-step range that belongs to no known request. */
const NO_DEVICE = "two-step ranges";

interface DeviceProcess {
  readonly pid: number;
  live: number;
}

/** Converts the steps of a ledger into slices; every slice that begins also ends. */
export class MappingSlices {
  readonly #open = new Set<TracedMapping>();
  readonly #devices = new Map<string, DeviceProcess>();
  readonly #file: ChromeJson;

  constructor(write: WriteText) {
    this.#file = new ChromeJson(write);
  }

  /** @param seconds When the line of the step was written. */
  take(step: ScriptedCall, seconds: number): void {
    if (!isMappingStep(step)) return;
    const { mapping, line, op } = step;
    if (op === "map") {
      this.#open.add(mapping);
      this.#begin(mapping);
    } else if (op === "unmap" && this.#open.delete(mapping)) {
      this.#write("e", mapping, seconds, { line });
    } else if (op === "range") {
      // The ledger reports a two-step range only when the range is unmapped, so its slice is begun
      // here.
      this.#begin(mapping);
      this.#write("e", mapping, mapping.unmappedAt!.seconds, { line: mapping.unmappedAt!.line });
    }
  }

  /**
   * Ends the mappings that have no unmap line: mappings that are live at the end of the trace, and
   * mappings with a missing unmap line. Then ends the file.
   *
   * @param seconds The time of the last line.
   */
  finish(seconds: number): void {
    for (const mapping of this.#open) {
      this.#write("e", mapping, seconds, { end: "not in the trace" });
    }
    this.#open.clear();
    this.#file.end();
  }

  /** Adds a finding, or a fault of the log, as an instant event of its device. */
  mark(finding: TraceFinding, seconds: number): void {
    const { pid } = this.#process(finding.device ?? NO_DEVICE);
    const at = {
      name: finding.kind,
      cat: "finding",
      s: "p",
      pid,
      tid: 0,
      ts: microseconds(seconds),
    };
    this.#file.add({ ph: "i", ...at, args: findingJson(finding) });
  }

  #process(name: string): DeviceProcess {
    let device = this.#devices.get(name);
    if (device === undefined) {
      this.#devices.set(name, device = { pid: this.#devices.size + 1, live: 0 });
      this.#file.add({ ph: "M", name: "process_name", pid: device.pid, tid: 0, args: { name } });
    }
    return device;
  }

  #begin(mapping: TracedMapping): void {
    const { dir, kind, mappedAt, phys, request, sizeBytes, task } = mapping;
    this.#write("b", mapping, mappedAt.seconds, {
      mapping: kind,
      device: mapping.device?.name ?? NO_DEVICE,
      bytes: sizeBytes,
      dir,
      line: mappedAt.line,
      phys: phys === null ? null : `0x${phys.toString(16)}`,
      task: task === "" ? null : task,
      request,
    });
  }

  #write(ph: "b" | "e", mapping: TracedMapping, seconds: number, args: object): void {
    const device = this.#process(mapping.device?.name ?? NO_DEVICE);
    const { pid } = device;
    device.live += ph === "b" ? 1 : -1;
    const ts = microseconds(seconds);
    const { addr, kind, mappedAt: { cpu, line } } = mapping;
    const at = { name: `0x${addr.toString(16)}`, cat: kind, id: line, pid, tid: cpu, ts };
    this.#file.add({ ph, ...at, args });
    const { live } = device;
    this.#file.add({ ph: "C", name: "live mappings", pid, ts, args: { live } });
  }
}

/** Converts seconds to microseconds, rounded to the nanosecond. */
function microseconds(seconds: number): number {
  return Math.round(seconds * US_PER_S * 1000) / 1000;
}
