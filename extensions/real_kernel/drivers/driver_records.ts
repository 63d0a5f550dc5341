/** Whether the records of a driver's boot are whole, and which of its work was not done. */
import { formatCount } from "@dmalab/lang/text";
import { TRACE_FILE } from "../plan/guest_plan.ts";
import { countedEvents, type GuestReport } from "../trace/guest_report.ts";
import { enableFile, isOptional, type TracePhase } from "./trace_plan.ts";
import type { TraceMode } from "./trace_words.ts";
import { DEVICE_ADDRESS, DOMAIN_OF } from "./traced_devices.ts";

/** What a boot was asked for. */
export interface AskedTrace {
  /** The release of the kernel's file. */
  readonly release: string;
  readonly mode: TraceMode;
  /** Physical address where devices write for interrupts, if such writes are translated; else null. */
  readonly doorbellPhys: number | null;
  /** The module to unload; null for a built-in driver. */
  readonly driver: string | null;
  readonly phases: readonly TracePhase[];
}

/** Work of a boot, as sentences. */
export interface DriverWork {
  readonly done: readonly string[];
  /** With these, a boot without a finding is no success. */
  readonly notDone: readonly string[];
}

/** @returns Why nothing can be judged, as a sentence; null if the trace can be judged. */
export function traceProblem(report: GuestReport, asked: AskedTrace): string | null {
  const { bound, files, isComplete, problems, release, repeated } = report;
  if (release === null) {
    return "The guest's program did not run: the kernel has no initramfs, or no ivshmem device";
  }
  if (release !== asked.release) {
    return `The guest runs ${release}, and the kernel's file is of ${asked.release}`;
  }
  if (!isComplete) return "The guest's program ended before its plan";
  if (repeated.length > 0) return `The guest reported "${repeated[0]}" more than once`;
  if (problems.some((line) => line.includes(` ${enableFile("dma")} `))) {
    return "The kernel has no events dma:*, which are there since 6.12: nothing was judged";
  }
  const device = bound.get(DEVICE_ADDRESS);
  if (device === undefined) {
    return `No driver was bound to ${DEVICE_ADDRESS}: the kernel has none for it, or its probe failed`;
  }
  if (device.domain !== DOMAIN_OF[asked.mode]) {
    return `The domain of ${DEVICE_ADDRESS} is "${device.domain}", and not "${
      DOMAIN_OF[asked.mode]
    }", as ${asked.mode} asks for`;
  }
  const trace = files.get(TRACE_FILE);
  if (trace === undefined) return "The guest reported no trace";
  const counted = countedEvents(trace);
  if (counted === null) return "The guest's trace has no head, which says whether events were lost";
  if (counted.kept !== counted.written) {
    return `The trace lost ${
      formatCount(counted.written - counted.kept, "event")
    }: its buffer is too small for this work`;
  }
  return null;
}

/** Which of the work was done. */
export function workOf(report: GuestReport, { driver, phases }: AskedTrace): DriverWork {
  const { bound, ended, problems, results } = report;
  const done = [`bound to ${bound.get(DEVICE_ADDRESS)?.driver ?? "no driver"}`];
  const notDone = problems.filter((line) => !isOptional(line)).map((line) =>
    `in the guest: ${line}`
  );
  for (const { ios, least, name, work } of phases) {
    if (work === null) continue;
    if (ios.length === 0) {
      done.push(name);
      continue;
    }
    const values = ios.map((io) => results.get(io));
    const good = values.filter((value) => value !== undefined && value >= least).length;
    const sentence = `${name}: ${good} of ${formatCount(ios.length, "request")}`;
    if (good > 0) done.push(sentence);
    if (good === ios.length) continue;
    const bad = values.find((value) => value === undefined || value < least);
    notDone.push(
      `${sentence}; another one ${bad === undefined ? "has no result" : `failed with ${bad}`}`,
    );
  }
  if (ended.has(DEVICE_ADDRESS)) done.push("unbound");
  else notDone.push("unbound: what is left cannot be judged");
  if (driver === null) notDone.push("unloaded: the driver is built in");
  else if (ended.has(driver)) done.push(`module ${driver} unloaded`);
  else notDone.push(`module ${driver} unloaded`);
  return { done, notDone };
}
