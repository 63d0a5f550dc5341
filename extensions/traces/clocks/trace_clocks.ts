/**
 * Aligns the clocks of the log files that belong to a trace with the clock of the trace.
 *
 * @see rules/traces.md T.43, T.61
 */
import { formatCount } from "@dmalab/lang/text";
import type { TiedClocks } from "../line/joined_events.ts";
import { type ClockOffset, exactOffset } from "./clock_offset.ts";
import type { QemuTie } from "./qemu_clock.ts";
import type { CheckResult, LogPass } from "../ledger/trace_check.ts";

/**
 * Clock offsets by kind of file. Null if there is no such file beside the trace, or if the offset
 * of its clock cannot be determined.
 */
export interface TraceClocks {
  readonly log: ClockOffset | null;
  readonly qemu: QemuTie | null;
}

export const UNTIED: TraceClocks = { log: null, qemu: null };

/**
 * The clock offsets found by a check of the trace with its log files. If no pair of lines gives the
 * offset of the log's clock, the kernel's message at boot is enough.
 */
export function clocksOf(log: LogPass, { classified: { boot, offset } }: CheckResult): TraceClocks {
  const atBoot = boot?.offsetSeconds ?? null;
  return {
    log: offset ?? (atBoot === null ? null : exactOffset(atBoot, "boot")),
    qemu: log.qemu.tie(),
  };
}

/** The offsets that convert the times of each file into times of the trace. */
export function tiedClocks({ log, qemu }: TraceClocks): TiedClocks {
  const offset = qemu?.offset ?? null;
  return {
    offsets: {
      "kernel text": 0,
      "trace-cmd report": 0,
      "perf script": 0,
      ...log === null ? {} : { "kernel log": log.seconds },
      ...offset === null ? {} : { "QEMU log": -offset.seconds },
    },
    emulatorLines: qemu?.setupSeconds ?? new Map(),
  };
}

/**
 * Describes each clock with a known offset, in one line of text: the offset, the basis of the
 * offset, and how certain the offset is.
 */
export function clockLines({ log, qemu }: TraceClocks): string[] {
  return [...log === null ? [] : [logLine(log)], ...qemu === null ? [] : [qemuLine(qemu)]];
}

function logLine({ pairs, seconds, source, spreadSeconds }: ClockOffset): string {
  const sources = {
    marks: `${formatCount(pairs, "mark")} of the collector`,
    calls: `${formatCount(pairs, "call")} that both have, ${spread(spreadSeconds)}${
      pairs < 3 ? ": from few pairs" : ""
    }`,
    boot: "the kernel's clock messages at boot",
    faults: "the faults themselves: by order only",
  };
  return `clock of the trace minus clock of the log: ${seconds.toFixed(6)} s, by ${
    sources[source]
  }`;
}

function qemuLine({ logged, offset, pairs, traced }: QemuTie): string {
  if (offset !== null) {
    return `clock of the emulator's log minus clock of the trace: ${
      offset.seconds.toFixed(6)
    } s at least, by ${formatCount(pairs, "command")} that both have, ${
      spread(offset.spreadSeconds)
    }`;
  }
  if (pairs > 0) {
    return `the emulator's log has no times (record with -msg timestamp=on): by order only, with ${
      formatCount(pairs, "command")
    } that both have`;
  }
  const why = traced === 0
    ? "the trace has no nvme_setup_cmd of an I/O queue (record nvme:*)"
    : logged === 0
    ? "it has no pci_nvme_io_cmd (record with -trace 'pci_nvme_*')"
    : `none of its ${formatCount(logged, "command")} has the queue, id, blocks and first address ` +
      `of one of the trace's ${traced}`;
  return `cannot align the emulator's log with the trace: ${why}`;
}

function spread(seconds: number): string {
  return `spread ${(seconds * 1000).toFixed(3)} ms`;
}
