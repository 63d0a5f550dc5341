/** Writes the plan that the guest's program executes: see `guest/init.c` for its directives. */
import type { BioVec } from "@dmalab/runtime";
import { STEP_KINDS, stepRow } from "../compare/steps.ts";
import type { ModuleFile } from "../image/kernel_files.ts";
import { ARCHITECTURES } from "../machine/architectures.ts";
import { IOMMU_MODULES, type QemuMachine } from "../machine/qemu_machine.ts";
import type { IslandPiece, Islands } from "./islands.ts";
import { probeDirectives, type ProbingCommand } from "./probed_functions.ts";
import type { RecordedTest } from "./scenario_run.ts";

const TRACING = "/sys/kernel/tracing";
const NVME_MODULE = "nvme";
/** Tracepoints in addition to those of the steps: the begin and end of a request. */
const REQUEST_EVENTS = ["nvme/nvme_setup_cmd", "nvme/nvme_complete_rq"];
/**
 * Size of the trace buffer in KiB. `least` and `most` are its limits. `call` is the room for the
 * events of a call, and `page` the room for the events of each page of the call's memory. Measured:
 * a page that is linked, mapped and bounced writes some 300 bytes. Allocating the buffer takes the
 * guest 7 ms for each MiB. A capture needs a multiple, `capture`: 8 MiB were too small for 1,270
 * requests of 7.2.12.
 */
const TRACE_KIB = { least: 1024, call: 16, page: 0.5, most: 32768, capture: 2 } as const;
/** Time after which the flush queue's timer (10 ms) has run. */
const FLUSHED_MS = 100;
const PAGES_PER_HUGE_PAGE = 512;
const PAGE_BYTES = 4096;

export interface GuestPlan {
  readonly text: string;
  /** Number of 2 MiB huge pages for all islands. */
  readonly hugePages: number;
  /** For each test, the numbers of its ios, in the order of its submissions. */
  readonly ioOf: ReadonlyMap<RecordedTest, readonly number[]>;
}

/** Text that the plan writes to the trace before each system call. */
export const IO_MARK = "dmalab-io";
/** Name of the trace among the report's files. */
export const TRACE_FILE = "trace";
/** Name of the list of probes with their hits, among the report's files. */
export const PROBES_FILE = "probes";
/** Name of the kernel's log, among the report's files. */
export const LOG_FILE = "log";

/** Disks of several machines in one guest. */
export interface PlannedDisks {
  readonly disks: QemuMachine["disks"];
  /** The addresses of ports, each with the type of its group's domain. */
  readonly domains: readonly { readonly port: string; readonly type: string | null }[];
  /** For each test, the number of its only disk. */
  readonly diskOf: ReadonlyMap<RecordedTest, number>;
}

/**
 * @param command Selects the probes of the group `lab`.
 * @param shared The disks of a guest with several machines; null for one machine.
 */
export function guestPlan(
  machine: QemuMachine,
  modules: readonly ModuleFile[],
  tests: readonly RecordedTest[],
  islands: Islands,
  command: ProbingCommand = "run",
  shared: PlannedDisks | null = null,
): GuestPlan {
  const disks = shared?.disks ?? machine.disks;
  const lines = boundDisks(machine, modules, disks, shared);
  islands.list.forEach(({ pages }, index) => lines.push(`island ${index} ${pages}`));
  lines.push(`write ${TRACING}/buffer_size_kb ${traceKib(tests, command)}`);
  lines.push(...tracing(machine, command));
  const ioOf = new Map<RecordedTest, number[]>();
  let io = 0;
  for (const test of tests) {
    const first = io;
    ioOf.set(test, test.submissions.map((_, index) => first + index));
    const waited = new Set<number>();
    const wait = (index: number) => {
      if (waited.has(index)) return;
      waited.add(index);
      lines.push(`wait ${first + index}`);
    };
    for (const { disk, ended, submission } of test.submissions) {
      for (const index of ended) wait(index);
      const number = shared?.diskOf.get(test) ?? disks.findIndex(({ name }) => name === disk);
      lines.push(`write ${TRACING}/trace_marker ${IO_MARK} ${io}`);
      lines.push(ioLine(io, number, submission, islands));
      io++;
    }
    test.submissions.forEach((_, index) => wait(index));
  }
  lines.push(`write ${TRACING}/tracing_on 0`);
  lines.push(
    `cat ${TRACE_FILE} ${TRACING}/trace`,
    `cat ${PROBES_FILE} ${TRACING}/kprobe_profile`,
    `dmesg ${LOG_FILE}`,
  );
  // At power off a virtio-iommu is reset before the disk's driver has ended: its commands time out. A
  // lazy kernel also has to flush before: a flush waits for the reset device without end.
  if (machine.iommuModule !== null) {
    lines.push(
      ...disks.map((_, index) => `close ${index}`),
      "controllers unbind",
      `pause ${FLUSHED_MS}`,
    );
  }
  const pages = islands.list.reduce((sum, { pages }) => sum + pages + 1, 0);
  const largest = Math.max(0, ...islands.list.map(({ pages }) => pages));
  // Spare huge pages. An island larger than a huge page needs several contiguous huge pages. For
  // such an island, spare memory of twice its size is allocated.
  const spare = largest > PAGES_PER_HUGE_PAGE ? Math.ceil(2 * largest / PAGES_PER_HUGE_PAGE) : 1;
  return {
    text: lines.map((line) => `${line}\n`).join(""),
    hugePages: Math.ceil(pages / PAGES_PER_HUGE_PAGE) + spare,
    ioOf,
  };
}

/** Loads the modules, binds the controllers and opens the disks. */
function boundDisks(
  machine: QemuMachine,
  modules: readonly ModuleFile[],
  disks: QemuMachine["disks"],
  shared: PlannedDisks | null,
): string[] {
  const lines: string[] = ["write /sys/bus/pci/drivers_autoprobe 0"];
  for (const { name } of modulesFor(machine, modules)) {
    const parameters = name === NVME_MODULE ? machine.nvmeParameters : [];
    lines.push(["module", modulePath(name), ...parameters].join(" "));
  }
  for (const { port, type } of shared?.domains ?? []) {
    if (type !== null) lines.push(`domain ${type} ${port}`);
  }
  lines.push("write /sys/bus/pci/drivers_autoprobe 1", "controllers");
  disks.forEach(({ name, queue }, index) => {
    lines.push(`disk ${index} ${name}`);
    for (const [key, value] of queue) lines.push(`queue ${index} ${key} ${value}`);
    lines.push(`limits ${index}`);
  });
  return lines;
}

/** The modules without drivers of IOMMUs that the machine does not have. */
function modulesFor(
  { iommuModule }: QemuMachine,
  modules: readonly ModuleFile[],
): readonly ModuleFile[] {
  return modules.filter(({ name }) => name === iommuModule || !IOMMU_MODULES.includes(name));
}

/** Size of the trace's buffer. An overflow is reported, and an incomplete trace is not compared. */
function traceKib(tests: readonly RecordedTest[], command: ProbingCommand): number {
  const calls = tests.flatMap(({ submissions }) => submissions);
  const vecs = calls.flatMap(({ submission }) => submission.vecs);
  const pages = vecs.reduce((sum, { sizeBytes }) => sum + sizeBytes / PAGE_BYTES, 0);
  const { call, capture, least, most, page } = TRACE_KIB;
  const wanted = least + calls.length * call + pages * page;
  return Math.min(most, Math.ceil(command === "capture" ? capture * wanted : wanted));
}

/** Path of a module in the initramfs. */
export function modulePath(name: string): string {
  return `/modules/${name}.ko`;
}

/**
 * Arms the probes of all steps. If the kernel lacks a function, it refuses the probe on that
 * function; the report lists the refusal.
 */
function tracing(
  { config: { iommu: { model } }, qemu: { architecture } }: QemuMachine,
  command: ProbingCommand,
): string[] {
  const tracepoints = STEP_KINDS.flatMap((kind) => stepRow(kind).tracepoint ?? []);
  return [
    ...tracepoints.map(enable),
    ...probeDirectives(command, model, ARCHITECTURES[architecture].probes),
    ...REQUEST_EVENTS.map(enable),
    enable("lab"),
  ];
}

function enable(event: string): string {
  return `write ${TRACING}/events/${event}/enable 1`;
}

function ioLine(
  io: number,
  disk: number,
  { command, metadata, op, sector, sizeBytes, vecs }:
    RecordedTest["submissions"][number]["submission"],
  islands: Islands,
): string {
  const piecesOf = (list: readonly BioVec[]) =>
    list.map((vec) => pieceText(islands.pieceOf(vec))).join(",") || "-";
  const pieces = piecesOf(vecs);
  if (command === null) return `io ${io} ${disk} ${op} ${sector * 512} ${sizeBytes} ${pieces}`;
  const dwords = [10, 11, 12, 13, 14, 15].map((dword) => command.dwords?.[dword] ?? 0);
  const nsid = command.nsid ?? 1;
  return `command ${io} ${disk} ${command.opcode} ${nsid} ${dwords.join(" ")} ${pieces} ${
    piecesOf(metadata)
  }`;
}

function pieceText({ island, offsetBytes, sizeBytes }: IslandPiece): string {
  return `${island}:${offsetBytes}:${sizeBytes}`;
}
