/** Whether the records of a boot are whole: of incomplete records nothing is called the same. */
import { formatCount } from "@dmalab/lang/text";
import type { IommuMode } from "@dmalab/runtime";
import { COMPARED_LIMITS } from "../compare/compare_limits.ts";
import type { QemuMachine } from "../machine/qemu_machine.ts";
import { IO_MARK, TRACE_FILE } from "../plan/guest_plan.ts";
import { countedEvents, type GuestReport } from "../trace/guest_report.ts";
import { readGuestEvents } from "../trace/trace_events.ts";

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
  /** Number of islands of pages; their numbers begin with 0. */
  readonly islands: number;
  readonly machine: Pick<QemuMachine, "config" | "disks">;
  /** Mode of the IOMMU for each disk of a guest with several machines; null for one machine. */
  readonly modes: readonly IommuMode[] | null;
}

const PAGE_BYTES = 4096;

/** @returns The problem as a sentence; null for records that are whole. */
export function recordsProblem(
  { controllerLog, report }: BootRecords,
  asked: AskedBoot,
): string | null {
  const { release } = asked;
  if (report.release !== release) {
    return `The guest runs ${report.release}, and the kernel's file is of ${release}`;
  }
  const [repeated] = report.repeated;
  if (repeated !== undefined) return `The guest reported "${repeated}" more than once`;
  return disksProblem(report, asked) ?? callsProblem(report, asked) ??
    traceProblem(report.files.get(TRACE_FILE) ?? null, asked.calls) ??
    (controllerLog === null ? "QEMU's log of the controller is too long" : null);
}

const TRANSLATED = ["DMA", "DMA-FQ", "identity"];
/** Types of the domain of a disk's group, by the machine's setting: the kernel may choose another one. */
const DOMAINS: Readonly<Record<IommuMode, readonly string[]>> = {
  off: ["none"],
  passthrough: TRANSLATED,
  strict: TRANSLATED,
  lazy: TRANSLATED,
};
/** Types of domains that the guest gave to groups. */
const GIVEN_DOMAINS: Readonly<Record<IommuMode, readonly string[]>> = {
  off: ["none"],
  passthrough: ["identity"],
  strict: ["DMA"],
  lazy: ["DMA-FQ"],
};

function disksProblem(
  { disks: reported }: GuestReport,
  { machine: { config, disks }, modes }: AskedBoot,
): string | null {
  const unknown = [...reported.keys()].find((index) => disks[index] === undefined);
  if (unknown !== undefined) {
    return `The guest reported disk ${unknown}, and the machine has ${
      formatCount(disks.length, "disk")
    }`;
  }
  for (const [index, { name }] of disks.entries()) {
    const disk = reported.get(index);
    if (disk === undefined) return `The guest reported no disk ${index}, which is ${name}`;
    const { address, domain, limits } = disk;
    const domains = modes === null ? DOMAINS[config.iommu.mode] : GIVEN_DOMAINS[modes[index]!];
    if (!/^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/.test(address)) {
      return `The guest reported no address of ${name}`;
    }
    if (!domains.includes(domain)) {
      return `The guest reported the domain "${domain}" of ${name}, and not ${
        domains.join(" or ")
      }`;
    }
    const missing = COMPARED_LIMITS.find((limit) => !/^\d{1,15}$/.test(limits.get(limit) ?? ""));
    if (missing !== undefined) return `The guest reported no limit ${missing} of ${name}`;
  }
  return null;
}

function callsProblem(
  { islands, results }: GuestReport,
  { calls, islands: asked }: AskedBoot,
): string | null {
  const numbers = (count: number) => Array.from({ length: count }, (_, number) => number);
  const isPlaced = (phys: number | undefined) =>
    phys !== undefined && Number.isSafeInteger(phys) && phys > 0 && phys % PAGE_BYTES === 0;
  const unplaced = numbers(asked).filter((island) => !isPlaced(islands.get(island)));
  if (unplaced.length > 0) {
    return `The guest reported no place of ${unplaced.length} of ${
      formatCount(asked, "piece")
    } of memory`;
  }
  const missing = numbers(calls).filter((call) => !Number.isSafeInteger(results.get(call)));
  if (missing.length > 0) {
    return `The guest reported no result of ${missing.length} of ${formatCount(calls, "call")}`;
  }
  const known = new Set(numbers(calls));
  const more = [...results.keys()].find((call) => !known.has(call));
  return more === undefined ? null : `The guest reported a result of call ${more}, of ${calls}`;
}

function traceProblem(trace: string | null, calls: number): string | null {
  if (trace === null) return "The guest reported no trace";
  const counted = countedEvents(trace);
  if (counted === null) {
    return "The guest's trace has no head, which says whether events were lost";
  }
  if (counted.kept !== counted.written) {
    return "The trace lost events: its buffer is too small for this test";
  }
  const events = readGuestEvents(trace);
  if (events.length !== counted.kept) {
    return `The guest's trace has ${formatCount(events.length, "event")}, and its head says ${
      formatCount(counted.kept, "event")
    }`;
  }
  const back = events.findIndex(({ seconds }, at) => at > 0 && seconds < events[at - 1]!.seconds);
  if (back >= 0) return `The times of the guest's trace go back at event ${back + 1}`;
  const marks = events.flatMap(({ fields, name }) => {
    const [word, call] = name === "tracing_mark_write" ? fields.text.split(" ") : [];
    return word === IO_MARK ? [Number(call)] : [];
  });
  const isMarked = marks.length === calls && marks.every((call, at) => call === at);
  return isMarked ? null : "The guest's trace does not have the begin of each call, in their order";
}
