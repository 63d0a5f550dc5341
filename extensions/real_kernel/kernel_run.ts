/** `dmalab kernel run`: scenarios on the model and on a real kernel, compared request by request. */
import { host, readGuestSource, withInterrupts } from "@dmalab/cli";
import { type ExitCode, FAILED, HELD, WRONG } from "@dmalab/cli/exit_code";
import { refuse, type Screen } from "@dmalab/cli/extend";
import { makeNamedFolder, withTempFolder } from "@dmalab/cli/files";
import { openFile } from "@dmalab/cli/scenario";
import { loadProgram } from "@dmalab/lang";
import {
  countMistakes,
  printable,
  printableJson,
  renderDiagnostics,
} from "@dmalab/lang/diagnostics";
import { isNamed, type NameMatch, type Program, type TestEntry } from "@dmalab/lang/run";
import type { LabConfig } from "@dmalab/devices";
import { DEFAULT_LIMITS } from "@dmalab/lang/values";
import { KERNEL_NAMES, type KernelProfile } from "@dmalab/runtime/kernels";
import { type Accelerator, bootGuest, type BootResult } from "./boot/boot_guest.ts";
import { compareTest, memoryOf, type TestComparison } from "./compare/compare_test_runs.ts";
import { type KernelSide, kernelSide } from "./compare/kernel_side.ts";
import { type LimitDifference, limitDifferences } from "./compare/compare_limits.ts";
import { nearestRelease } from "./compare/model_release.ts";
import { guestProgram } from "./image/guest_program.ts";
import { type KernelFiles, readKernelFiles } from "./image/kernel_files.ts";
import { guestMemoryBytes, type QemuMachine, qemuMachine } from "./machine/qemu_machine.ts";
import { guestPlan, LOG_FILE } from "./plan/guest_plan.ts";
import { Islands } from "./plan/islands.ts";
import { type RecordedTest, recordTest } from "./plan/scenario_run.ts";
import { type GuestReport, readGuestReport } from "./trace/guest_report.ts";
import { runJson, runText } from "./result_text.ts";

export interface KernelRunOptions {
  readonly kernel: string;
  readonly modules: readonly string[];
  readonly matches: readonly NameMatch[];
  /**
   * The model's release: `scenario` takes that of the machine block, and the nearest where it names
   * none; `nearest` the nearest to the kernel.
   */
  readonly release: KernelProfile | "scenario" | "nearest";
  readonly accelerator: Accelerator | "auto";
  /** A folder that keeps the files of each boot; null for a temporary one. */
  readonly keep: string | null;
  readonly timeoutMs: number;
  readonly json: boolean;
}

/** Pages of one buffer that direct I/O looks up together. */
const MAX_LOOKUP_BYTES = 256 * 4096;

/** A test with its verdict. */
export interface TestVerdict {
  readonly file: string;
  readonly test: TestEntry;
  readonly result:
    | TestComparison & {
      /** Another modelled release that does what the kernel did; null where none does, or none is needed. */
      readonly asRelease: KernelProfile | null;
    }
    | { readonly verdict: "not run"; readonly reasons: readonly string[] };
}

/** Facts of a boot, for the report. */
export interface BootFacts {
  readonly changes: readonly string[];
  readonly refusedProbes: readonly string[];
  readonly problems: readonly string[];
  readonly domains: readonly string[];
  readonly limits: readonly LimitDifference[];
}

export interface KernelRunReport {
  readonly release: string;
  readonly profile: KernelProfile;
  readonly isSameSeries: boolean;
  readonly accelerator: Accelerator;
  readonly boots: readonly BootFacts[];
  readonly failures: readonly FailedBoot[];
  readonly verdicts: readonly TestVerdict[];
}

/** A boot that gave nothing. */
export interface FailedBoot {
  /** Why, as a sentence. */
  readonly problem: string;
  /** Last lines of the guest. */
  readonly console: readonly string[];
}

/** A test that a guest can repeat. */
interface PlannedTest {
  readonly scenario: LoadedScenario;
  readonly recorded: RecordedTest;
  readonly machine: QemuMachine;
}

interface LoadedScenario {
  readonly path: string;
  readonly program: Program;
}

export async function runKernel(
  paths: readonly string[],
  options: KernelRunOptions,
  screen: Screen,
): Promise<ExitCode> {
  return await withInterrupts(async (watch) => {
    const abort = new AbortController();
    watch.listen();
    const timer = setInterval(() => {
      if (watch.interrupted()) abort.abort();
    }, 100);
    try {
      return await runAll(paths, options, screen, abort.signal);
    } finally {
      clearInterval(timer);
    }
  });
}

async function runAll(
  paths: readonly string[],
  options: KernelRunOptions,
  screen: Screen,
  signal: AbortSignal,
): Promise<ExitCode> {
  const kernel = await readKernelFiles(options.kernel, options.modules);
  if ("problem" in kernel) return refuse(kernel.problem, screen);
  const model = nearestRelease(kernel.release);
  if (model === null) {
    return refuse(`"${printable(kernel.release)}" is no release of Linux`, screen);
  }
  const program = await guestProgram(readGuestSource());
  if ("problem" in program) return refuse(program.problem, screen);
  const scenarios: LoadedScenario[] = [];
  for (const path of paths) {
    const loaded = await loadScenario(path);
    if (typeof loaded === "string") return refuse(loaded, screen);
    scenarios.push(loaded);
  }
  const { notRun, planned } = planTests(scenarios, options, model.profile);
  if (planned.length + notRun.length === 0) {
    return refuse("there is no test in these files, or none that is named", screen);
  }
  const isAuto = options.accelerator === "auto";
  let accelerator: Accelerator = options.accelerator === "auto"
    ? (hasKvm() ? "kvm" : "tcg")
    : options.accelerator;
  const verdicts = [...notRun];
  const boots: BootFacts[] = [];
  const failures: FailedBoot[] = [];
  const groups = sameMachines(planned);
  for (const [index, tests] of groups.entries()) {
    screen.err(`booting ${kernel.release} (${index + 1} of ${groups.length})\n`);
    const work = (folder: string) =>
      bootTests(tests, kernel, program, { ...options, accelerator, folder, signal });
    const boot = () =>
      options.keep === null ? withTempFolder(work) : work(keptFolder(options.keep, index + 1));
    let booted = await boot();
    if ("problem" in booted && isAuto && accelerator === "kvm" && !signal.aborted) {
      screen.err(`KVM does not boot it (${printable(booted.problem)}): going on by emulation\n`);
      accelerator = "tcg";
      booted = await boot();
    }
    if ("problem" in booted) {
      failures.push(booted);
      verdicts.push(...tests.map((test) => notRunFor(test, [booted.problem])));
      if (signal.aborted) break;
    } else {
      verdicts.push(...booted.verdicts);
      boots.push(booted.facts);
    }
  }
  const report: KernelRunReport = {
    ...model,
    release: kernel.release,
    accelerator,
    boots,
    failures,
    verdicts: paths.flatMap((path) => verdicts.filter(({ file }) => file === path)),
  };
  screen.out(options.json ? `${printableJson(runJson(report))}\n` : runText(report));
  return exitCodeOf(report);
}

/** Runs each test on the model, and sorts out those that a guest cannot repeat. */
function planTests(
  scenarios: readonly LoadedScenario[],
  { matches, release }: KernelRunOptions,
  nearest: KernelProfile,
): { readonly planned: readonly PlannedTest[]; readonly notRun: readonly TestVerdict[] } {
  const planned: PlannedTest[] = [];
  const notRun: TestVerdict[] = [];
  for (const scenario of scenarios) {
    for (const test of scenario.program.tests) {
      if (test.kind === "bench" || !isNamed(test, matches)) continue;
      const config = onRelease(test, scenario.program, release, nearest);
      const machine = qemuMachine(config, guestMemoryBytes(0, 0));
      const recorded = recordTest(scenario.program, test, machine.config, DEFAULT_LIMITS);
      const plan = { scenario, recorded, machine };
      const reasons = test.skip
        ? ["the scenario skips it"]
        : [...machine.missing, ...recorded.blockers, ...cutReasons(recorded)];
      if (reasons.length === 0) planned.push(plan);
      else notRun.push(notRunFor(plan, reasons));
    }
  }
  return { planned, notRun };
}

function notRunFor(
  { recorded: { test }, scenario: { path } }: PlannedTest,
  reasons: readonly string[],
): TestVerdict {
  return { file: path, test, result: { verdict: "not run", reasons } };
}

/** Tests by their machines: those on one machine share a boot. */
function sameMachines(planned: readonly PlannedTest[]): readonly (readonly PlannedTest[])[] {
  const groups = Map.groupBy(
    planned,
    ({ machine: { append, args, disks, nvmeParameters } }) =>
      JSON.stringify([append, args, nvmeParameters, disks.map(({ queue }) => [...queue])]),
  );
  return [...groups.values()];
}

/** What direct I/O makes several vectors of, where the scenario's bio has one. @see rules/block.md 1.4 */
function cutReasons(recorded: RecordedTest): string[] {
  const islands = new Islands(memoryOf([recorded]));
  const vecs = [...memoryOf([recorded])];
  return [
    ...vecs.some((vec) => islands.isCut(vec))
      ? ["a contiguous piece of memory across huge pages (2 MiB)"]
      : [],
    ...vecs.some(({ sizeBytes }) => sizeBytes > MAX_LOOKUP_BYTES)
      ? ["a contiguous piece of more than 1 MiB: direct I/O looks up 256 pages at a time"]
      : [],
  ];
}

/** A test that was not run is no success: without any that ran, or with a boot that failed, the code is 2. */
function exitCodeOf({ boots, failures, verdicts }: KernelRunReport): ExitCode {
  const has = (verdict: string) => verdicts.some(({ result }) => result.verdict === verdict);
  if (has("differs") || boots.some(({ limits }) => limits.length > 0)) return FAILED;
  return has("same") && failures.length === 0 ? HELD : WRONG;
}

function keptFolder(keep: string, boot: number): string {
  const folder = `${keep}/boot-${boot}`;
  makeNamedFolder(folder);
  return folder;
}

/** Whether the host has KVM; whether it works for this kernel only a boot shows. */
function hasKvm(): boolean {
  try {
    host.statSync("/dev/kvm");
    return true;
  } catch {
    return false;
  }
}

async function loadScenario(path: string): Promise<LoadedScenario | string> {
  const opened = await openFile(path, null, null);
  if (typeof opened === "string") return opened;
  const { diagnostics, program } = loadProgram(opened.entry, opened.loader);
  if (program !== null) return { path, program };
  const problems = diagnostics.filter(({ severity }) => severity === "error");
  return `"${printable(path)}" has ${countMistakes(diagnostics, "error")} errors\n${
    renderDiagnostics(problems)
  }`;
}

/** The test's machine with the release that it is compared on. */
function onRelease(
  { config, axes }: TestEntry,
  { machine: { declaration } }: Program,
  release: KernelRunOptions["release"],
  nearest: KernelProfile,
): LabConfig {
  const isNamed = axes.some(({ key }) => key === "kernel") ||
    declaration?.entries.some((entry) => entry.kind === "Setting" && entry.key.text === "kernel");
  if (release === "scenario") return isNamed ? config : { ...config, kernel: nearest };
  return { ...config, kernel: release === "nearest" ? nearest : release };
}

interface GroupOptions extends KernelRunOptions {
  readonly accelerator: Accelerator;
  readonly folder: string;
  readonly signal: AbortSignal;
}

type GroupResult =
  | { readonly verdicts: readonly TestVerdict[]; readonly facts: BootFacts }
  | FailedBoot;

/** Boots once, repeats the tests, and compares each. */
async function bootTests(
  tests: readonly PlannedTest[],
  kernel: KernelFiles,
  program: Uint8Array<ArrayBuffer>,
  options: GroupOptions,
): Promise<GroupResult> {
  const [{ machine }] = tests as [PlannedTest];
  const recorded = tests.map(({ recorded }) => recorded);
  const islands = new Islands(memoryOf(recorded));
  const plan = guestPlan(machine, kernel.modules, recorded, islands);
  const sized = qemuMachine(
    recorded[0]!.config,
    guestMemoryBytes(plan.hugePages, machine.config.swiotlb.sizeBytes),
  );
  const booted = await bootGuest(kernel, program, sized, plan, options);
  const read = reportOf(booted);
  if ("problem" in read) return read;
  const { controllerLog, report } = read;
  const side = kernelSide(report, controllerLog, machine, islands);
  const verdicts = tests.map(({ recorded, scenario }): TestVerdict => {
    const { test } = recorded;
    const ios = plan.ioOf.get(recorded)!;
    const result = compareTest(recorded, ios, side);
    const asRelease = result.verdict === "same" ? null : releaseLike(scenario, recorded, ios, side);
    return { file: scenario.path, test, result: { ...result, asRelease } };
  });
  return {
    verdicts,
    facts: {
      changes: machine.changes,
      refusedProbes: report.refusedProbes,
      problems: report.problems,
      limits: limitsOf(machine, recorded[0]!, report),
      domains: [...report.disks.values()].map(({ domain }) => domain),
    },
  };
}

/** Queue limits that the model has otherwise. */
function limitsOf(
  { disks }: QemuMachine,
  { limits }: RecordedTest,
  report: GuestReport,
): LimitDifference[] {
  return [...report.disks].flatMap(([index, { limits: sysfs }]) => {
    const { name } = disks[index]!;
    return limitDifferences(name, limits.get(name)!, sysfs);
  });
}

/** What a boot gave, or why it is of no use. */
function reportOf(booted: BootResult):
  | { readonly report: GuestReport; readonly controllerLog: string }
  | FailedBoot {
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
    /^(?:missing|timeout|refused (?:module|open)|island)/.test(line)
  );
  if (first !== undefined) return { problem: `In the guest: ${first}`, console: logEnd(report) };
  if (!report.isComplete) {
    return { problem: "The guest's program ended before its plan", console };
  }
  return { report, controllerLog };
}

/** Last lines of the kernel's log. */
function logEnd({ files }: GuestReport): readonly string[] {
  return files.get(LOG_FILE)?.trim().split("\n").slice(-12) ?? [];
}

/** Another release of the model that does what the kernel did in a test. */
function releaseLike(
  { program }: LoadedScenario,
  { config, test }: RecordedTest,
  ios: readonly number[],
  side: KernelSide,
): KernelProfile | null {
  for (const kernel of KERNEL_NAMES.toReversed()) {
    if (kernel === config.kernel) continue;
    const recorded = recordTest(program, test, { ...config, kernel }, DEFAULT_LIMITS);
    if (recorded.submissions.length !== ios.length) continue;
    if (compareTest(recorded, ios, side).verdict === "same") return kernel;
  }
  return null;
}
