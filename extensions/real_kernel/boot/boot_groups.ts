/** Boots a kernel once for each machine, and reads what the guest reported. */
import { host, makeNamedFolder, withTempFolder } from "@dmalab/cli";
import type { Screen } from "@dmalab/cli/extend";
import { clip } from "@dmalab/lang/text";
import { type KernelFiles, noDriver, NVME_DRIVER } from "../image/kernel_files.ts";
import {
  CAPTURE_LATENCY_NS,
  guestMemoryBytes,
  type QemuMachine,
  qemuMachine,
  sharedMachine,
} from "../machine/qemu_machine.ts";
import {
  type GuestPlan,
  guestPlan,
  LOG_FILE,
  type PlannedDisks,
  PROBES_FILE,
} from "../plan/guest_plan.ts";
import { Islands } from "../plan/islands.ts";
import type { PlannedTest } from "../plan/planned_tests.ts";
import type { ProbingCommand } from "../plan/probed_functions.ts";
import { memoryOf } from "../plan/scenario_run.ts";
import { type GuestReport, missedHits, readGuestReport } from "../trace/guest_report.ts";
import { acceleratedBoot, type AskedAccelerator, firstAccelerator } from "./accelerated_boot.ts";
import { type Accelerator, bootGuest, type BootResult } from "./boot_guest.ts";
import { type AskedBoot, recordsProblem } from "./records_problem.ts";

/** What a boot observes. */
export interface Observation {
  /** The command: `run` and `capture` arm different probes. */
  readonly command: ProbingCommand;
  /** Latency of a disk's commands; null for the default. */
  readonly latencyNs: number | null;
}

export interface GroupsOptions {
  readonly kernel: KernelFiles;
  /** The guest's program. */
  readonly program: Uint8Array<ArrayBuffer>;
  /** `auto` selects KVM if it boots the kernel, else emulation. */
  readonly accelerator: AskedAccelerator;
  /** A folder that keeps the files of each boot; null for a temporary one. */
  readonly keep: string | null;
  readonly timeoutMs: number;
  readonly observation: Observation;
}

/** A boot that completed. */
export interface BootedGroup {
  readonly tests: readonly PlannedTest[];
  readonly machine: QemuMachine;
  readonly plan: GuestPlan;
  readonly islands: Islands;
  readonly report: GuestReport;
  /** QEMU's trace of the controller. */
  readonly controllerLog: string;
  /** Controllers of the guest's disks that belong to other machines. */
  readonly otherControllers: readonly string[];
}

/** A boot that completed, with the machines of the guest. */
interface BootedGuest {
  readonly report: GuestReport;
  readonly groups: readonly BootedGroup[];
}

/** Tests of one guest, by machines. */
export type SharedTests = readonly (readonly PlannedTest[])[];

/** A boot without results. */
export interface FailedBoot {
  readonly tests: readonly PlannedTest[];
  /** Why the boot failed, as a sentence. */
  readonly problem: string;
  /** Last lines of the guest's console or kernel log. */
  readonly console: readonly string[];
}

export interface GroupsResult {
  readonly accelerator: Accelerator;
  readonly booted: readonly BootedGroup[];
  readonly failures: readonly FailedBoot[];
}

/** @param signal Ends the running boot; further boots are not started. */
export async function bootGroups(
  guests: readonly SharedTests[],
  options: GroupsOptions,
  screen: Pick<Screen, "err">,
  signal: AbortSignal,
): Promise<GroupsResult> {
  const { kernel, keep } = options;
  const isAuto = options.accelerator === "auto";
  let accelerator = firstAccelerator(options.accelerator, kernel.architecture);
  const booted: BootedGroup[] = [];
  const failures: FailedBoot[] = [];
  for (const [index, groups] of guests.entries()) {
    screen.err(`booting ${kernel.release} (${index + 1} of ${guests.length})\n`);
    const boot = (accelerator: Accelerator, latencyNs = options.observation.latencyNs) => {
      const work = (folder: string) =>
        bootOne(groups, { ...options, latencyNs }, accelerator, folder, signal);
      return keep === null ? withTempFolder(work) : work(keptFolder(keep, index + 1));
    };
    const how = { accelerator, isAuto };
    const first = await acceleratedBoot(how, boot, problemOf, screen, signal);
    accelerator = first.accelerator;
    const result = options.observation.latencyNs === null
      ? await againIfMissed<BootedGuest, FailedBoot>(
        first.result,
        () => boot(accelerator, CAPTURE_LATENCY_NS),
        screen,
      )
      : first.result;
    if ("problem" in result) {
      failures.push(result);
      if (signal.aborted) break;
    } else booted.push(...result.groups);
  }
  return { accelerator, booted, failures };
}

function problemOf(result: BootedGuest | FailedBoot): string | null {
  return "problem" in result ? result.problem : null;
}

/**
 * Boots a second time if probes missed hits.
 *
 * @param boot Boots with a disk so slow that completions arrive after the handlers of probes have
 *   returned.
 * @returns The second boot; the first boot if the second one failed.
 */
export async function againIfMissed<
  Booted extends { readonly report: Pick<GuestReport, "files"> },
  Failed extends { readonly problem: string },
>(
  first: Booted | Failed,
  boot: () => Promise<Booted | Failed>,
  screen: Pick<Screen, "err">,
): Promise<Booted | Failed> {
  if ("problem" in first || !hasMissed(first.report)) return first;
  screen.err("probes missed hits: once more, with a slower disk\n");
  const again = await boot();
  return "problem" in again ? first : again;
}

/**
 * Whether a probe missed hits. A probe misses a hit if a completion interrupts the handler of
 * another probe. A request then lacks a step.
 */
function hasMissed({ files }: Pick<GuestReport, "files">): boolean {
  return missedHits(files.get(PROBES_FILE) ?? "").size > 0;
}

async function bootOne(
  groups: SharedTests,
  { keep, kernel, latencyNs, program, timeoutMs, observation }:
    & GroupsOptions
    & Pick<Observation, "latencyNs">,
  accelerator: Accelerator,
  folder: string,
  signal: AbortSignal,
): Promise<BootedGuest | FailedBoot> {
  const tests = groups.flat();
  const [{ machine, recorded: first }] = tests as [PlannedTest];
  const recorded = tests.map(({ recorded }) => recorded);
  const islands = new Islands(memoryOf(recorded));
  const latency = latencyNs ?? undefined;
  const shared = groups.length === 1 ? null : plannedDisks(groups);
  const plan = guestPlan(machine, kernel.modules, recorded, islands, observation.command, shared);
  const memoryBytes = guestMemoryBytes(plan.hugePages, machine.config.swiotlb.sizeBytes);
  const sized = shared === null
    ? qemuMachine(first.config, memoryBytes, latency, machine.qemu)
    : sharedMachine(groups.map(machineOf), memoryBytes, latency)!.machine;
  const options = { accelerator, folder, isKept: keep !== null, signal, timeoutMs };
  const calls = recorded.reduce((sum, { submissions }) => sum + submissions.length, 0);
  const asked = {
    calls,
    islands: islands.list.length,
    machine: shared === null ? machine : sized,
    modes: shared === null ? null : groups.map((tests) => machineOf(tests).config.iommu.mode),
    release: kernel.release,
  };
  const read = reportOf(await bootGuest(kernel, program, sized, plan, options), kernel, asked);
  if ("problem" in read) return { tests, ...read };
  const { controllerLog, report } = read;
  let firstDisk = 0;
  return {
    report,
    groups: groups.map((tests) => {
      const machine = machineOf(tests);
      const [own, others] = disksOf(report, firstDisk, firstDisk += machine.disks.length);
      return {
        tests,
        machine,
        plan,
        islands,
        report: { ...report, disks: own },
        controllerLog,
        otherControllers: others,
      };
    }),
  };
}

function machineOf(tests: readonly PlannedTest[]): QemuMachine {
  const [{ machine }] = tests as [PlannedTest];
  return machine;
}

/** The disks of a guest with several machines, each of which has one disk. */
function plannedDisks(groups: SharedTests): PlannedDisks {
  const { domains, machine: { disks } } = sharedMachine(groups.map(machineOf), 0)!;
  const diskOf = new Map(
    groups.flatMap((tests, disk) => tests.map(({ recorded }) => [recorded, disk] as const)),
  );
  return { disks, domains, diskOf };
}

/** The disks with numbers from `first` to below `end`, numbered from 0, and the controllers of others. */
function disksOf(
  { disks }: GuestReport,
  first: number,
  end: number,
): [own: GuestReport["disks"], others: readonly string[]] {
  const isOwn = (index: number) => index >= first && index < end;
  const list = [...disks];
  return [
    new Map(list.filter(([index]) => isOwn(index)).map(([index, disk]) => [index - first, disk])),
    list.filter(([index]) => !isOwn(index)).map(([, { controller }]) => controller),
  ];
}

/** The results of a boot, or the reason why they cannot be used. */
function reportOf(
  booted: BootResult,
  kernel: KernelFiles,
  asked: AskedBoot,
): Pick<BootedGroup, "report" | "controllerLog"> | Pick<FailedBoot, "problem" | "console"> {
  if (booted.report === null) return { problem: booted.problem, console: [] };
  const { console, controllerLog, problem } = booted;
  const report = readGuestReport(booted.report);
  if (problem !== null) return { problem, console };
  if (report.release === null) {
    return {
      problem: "The guest's program did not run: the kernel has no initramfs, or no ivshmem device",
      console,
    };
  }
  const [first] = report.problems.filter((line) =>
    /^(?:bad|missing|timeout|refused (?:module|open|domain)|island)/.test(line)
  );
  if (first !== undefined) return { problem: guestProblem(first, kernel), console: logEnd(report) };
  if (!report.isComplete) {
    return { problem: "The guest's program ended before its plan", console };
  }
  const incomplete = recordsProblem({ report, controllerLog }, asked);
  return incomplete === null
    ? { report, controllerLog: controllerLog! }
    : { problem: incomplete, console: [] };
}

const MAX_SHOWN_COLUMNS = 200;

/** @param line A line of the guest program's report: `missing PATH`. */
export function guestProblem(line: string, { modules }: Pick<KernelFiles, "modules">): string {
  return modules.length === 0 && /^missing .*\/nvme$/.test(line)
    ? noDriver(NVME_DRIVER)
    : `In the guest: ${clip(line, MAX_SHOWN_COLUMNS)}`;
}

/** Last lines of the kernel's log. */
function logEnd({ files }: GuestReport): readonly string[] {
  return files.get(LOG_FILE)?.trim().split("\n").slice(-12) ?? [];
}

export function keptFolder(keep: string, boot: number): string {
  const folder = `${keep}/boot-${boot}`;
  makeNamedFolder(folder);
  // The kept command line runs from any folder.
  return host.realPathSync(folder);
}
