/** Whether the records of a boot are whole: of incomplete records nothing is called the same. */
import { formatCount } from "@dmalab/lang/text";
import type { QemuMachine } from "../machine/qemu_machine.ts";
import { TRACE_FILE } from "../plan/guest_plan.ts";
import { type GuestReport, hasLostEvents, isWholeTrace } from "../trace/guest_report.ts";

export interface BootRecords {
  readonly report: GuestReport;
  /** QEMU's trace of the controller; null for a log that is too long to be read. */
  readonly controllerLog: string | null;
}

/** What a boot was asked for. */
export interface AskedBoot {
  /** The release of the kernel's file. */
  readonly release: string;
  /** Number of system calls of the plan; their numbers begin with 0. */
  readonly calls: number;
  readonly machine: Pick<QemuMachine, "disks">;
}

/** @returns The problem as a sentence; null for records that are whole. */
export function recordsProblem(
  { controllerLog, report }: BootRecords,
  { calls, machine: { disks }, release }: AskedBoot,
): string | null {
  if (report.release !== release) {
    return `The guest runs ${report.release}, and the kernel's file is of ${release}`;
  }
  const unknown = [...report.disks.keys()].find((index) => disks[index] === undefined);
  if (unknown !== undefined) {
    return `The guest reported disk ${unknown}, and the machine has ${
      formatCount(disks.length, "disk")
    }`;
  }
  const missing = Array.from({ length: calls }, (_, call) => call).filter((call) =>
    !Number.isSafeInteger(report.results.get(call))
  );
  if (missing.length > 0) {
    return `The guest reported no result of ${missing.length} of ${formatCount(calls, "call")}`;
  }
  const trace = report.files.get(TRACE_FILE);
  if (trace === undefined) return "The guest reported no trace";
  if (!isWholeTrace(trace)) {
    return "The guest's trace has no head, which says whether events were lost";
  }
  if (hasLostEvents(trace)) {
    return "The trace lost events: its buffer is too small for this test";
  }
  return controllerLog === null ? "QEMU's log of the controller is too long" : null;
}
