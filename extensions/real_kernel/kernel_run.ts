/** `dmalab kernel run`: scenarios on the model and on a real kernel, compared request by request. */
import { readGuestSource, withInterrupts, writeNamed } from "@dmalab/cli";
import { type ExitCode, FAILED, HELD, worseExitCode, WRONG } from "@dmalab/cli/exit_code";
import { refuse, type Screen } from "@dmalab/cli/extend";
import { printable, printableJson } from "@dmalab/lang/diagnostics";
import type { NameMatch } from "@dmalab/lang/run";
import type { KernelProfile } from "@dmalab/runtime/kernels";
import type { AskedAccelerator } from "./boot/accelerated_boot.ts";
import type { Accelerator } from "./boot/boot_guest.ts";
import {
  bootGroups,
  type FailedBoot,
  type GroupsResult,
  type Observation,
} from "./boot/boot_groups.ts";
import { type BootFacts, compareBoot, type TestVerdict } from "./compare/compare_boot.ts";
import { type ModelRelease, nearestRelease } from "./compare/model_release.ts";
import { guestProgram } from "./image/guest_program.ts";
import { driverProblem, type KernelFiles, readKernelFiles } from "./image/kernel_files.ts";
import { type QemuProgram, readQemu } from "./machine/qemu_program.ts";
import {
  asksForVtd,
  loadScenarios,
  type PlannedTest,
  planTests,
  type RefusedTest,
  type ReleaseChoice,
  sameGuests,
  sameMachines,
} from "./plan/planned_tests.ts";
import { runJson, runText } from "./result_text.ts";

export interface KernelRunOptions {
  readonly kernel: string;
  readonly modules: readonly string[];
  readonly matches: readonly NameMatch[];
  readonly release: ReleaseChoice;
  readonly accelerator: AskedAccelerator;
  /** A folder that keeps the files of each boot; null for a temporary one. */
  readonly keep: string | null;
  readonly timeoutMs: number;
  /** A file for the results as an HTML page; null for none. */
  readonly page: string | null;
  readonly json: boolean;
}

const COMPARED: Observation = { command: "run", latencyNs: null };

export interface KernelRunReport {
  readonly release: string;
  readonly profile: KernelProfile;
  readonly isSameSeries: boolean;
  readonly accelerator: Accelerator;
  /** The version of QEMU. */
  readonly qemu: string;
  readonly boots: readonly BootFacts[];
  readonly failures: readonly FailedBoot[];
  readonly verdicts: readonly TestVerdict[];
}

/** The results of all boots of a command. */
export interface KernelBoots extends GroupsResult {
  readonly kernel: KernelFiles;
  readonly model: ModelRelease;
  readonly qemu: QemuProgram;
  readonly refused: readonly RefusedTest[];
}

export async function runKernel(
  paths: readonly string[],
  options: KernelRunOptions,
  screen: Screen,
): Promise<ExitCode> {
  return await withAbort((signal) => runAndCompare(paths, options, screen, signal));
}

async function runAndCompare(
  paths: readonly string[],
  options: KernelRunOptions,
  screen: Screen,
  signal: AbortSignal,
): Promise<ExitCode> {
  const boots = await bootScenarios(paths, options, COMPARED, screen, signal);
  if (typeof boots === "string") return refuse(boots, screen);
  const { accelerator, failures, kernel, model, refused } = boots;
  const compared = boots.booted.map((each) => compareBoot(each, boots.model.profile));
  const verdicts = [
    ...refused.map(({ reasons, scenario, test }) => notRun(scenario.path, test, reasons)),
    ...failures.flatMap(({ problem, tests }) =>
      tests.map(({ recorded, scenario }) => notRun(scenario.path, recorded.test, [problem]))
    ),
    ...compared.flatMap(({ verdicts }) => verdicts),
  ];
  const report: KernelRunReport = {
    ...model,
    release: kernel.release,
    accelerator,
    qemu: boots.qemu.version,
    boots: compared.map(({ facts }) => facts),
    failures,
    verdicts: paths.flatMap((path) => verdicts.filter(({ file }) => file === path)),
  };
  screen.out(options.json ? `${printableJson(runJson(report))}\n` : runText(report));
  const exitCode = exitCodeOf(report);
  if (options.page === null) return exitCode;
  const { runPage } = await import("./result_page.ts");
  const isWritten = writeNamed(options.page, runPage(report), screen);
  return isWritten ? exitCode : worseExitCode(exitCode, WRONG);
}

/** Runs a command; Ctrl-C terminates its boots. */
export async function withAbort(
  work: (signal: AbortSignal) => Promise<ExitCode>,
): Promise<ExitCode> {
  return await withInterrupts(async (watch) => {
    const abort = new AbortController();
    watch.listen();
    const timer = setInterval(() => {
      if (watch.interrupted()) abort.abort();
    }, 100);
    try {
      return await work(abort.signal);
    } finally {
      clearInterval(timer);
    }
  });
}

/**
 * Reads a kernel and scenarios, and boots each machine once.
 *
 * @returns The boots. If nothing could be booted, the reason as a sentence.
 */
export async function bootScenarios(
  paths: readonly string[],
  options: KernelRunOptions,
  observation: Observation,
  screen: Screen,
  signal: AbortSignal,
): Promise<KernelBoots | string> {
  const kernel = await readKernelFiles(options.kernel, options.modules);
  if ("problem" in kernel) return kernel.problem;
  const model = nearestRelease(kernel.release);
  if (model === null) return `"${printable(kernel.release)}" is no release of Linux`;
  const problem = driverProblem(kernel);
  if (problem !== null) return problem;
  const program = await guestProgram(readGuestSource(), kernel.architecture);
  if ("problem" in program) return program.problem;
  const scenarios = await loadScenarios(paths);
  if (typeof scenarios === "string") return scenarios;
  const qemu = await readQemu(asksForVtd(scenarios), kernel.architecture);
  if (typeof qemu === "string") return qemu;
  const plan = planTests(scenarios, { ...options, qemu, nearest: model.profile });
  const { planned, refused } = withoutMissingDrivers(plan, kernel);
  if (planned.length + refused.length === 0) {
    return "there is no test in these files, or none that is named";
  }
  const machines = sameMachines(planned);
  // A capture is of one machine.
  const guests = observation.command === "capture"
    ? machines.map((group) => [group])
    : sameGuests(machines);
  const result = await bootGroups(
    guests,
    { ...options, kernel, program, observation },
    screen,
    signal,
  );
  return { ...result, kernel, model, qemu, refused };
}

/** Refuses the tests on machines with an IOMMU of which the kernel has no driver. */
function withoutMissingDrivers(
  { planned, refused }: ReturnType<typeof planTests>,
  kernel: KernelFiles,
): ReturnType<typeof planTests> {
  const problems = new Map<string, string | null>();
  const problemOf = ({ machine: { iommuModule } }: PlannedTest): string | null =>
    iommuModule === null ? null : problems.getOrInsertComputed(
      iommuModule,
      () =>
        driverProblem(kernel, {
          device: iommuModule.replaceAll("_", "-"),
          module: iommuModule,
          parameters: iommuModule,
        }),
    );
  const more = planned.flatMap((test): RefusedTest[] => {
    const problem = problemOf(test);
    const { recorded, scenario } = test;
    return problem === null ? [] : [{ scenario, test: recorded.test, reasons: [problem] }];
  });
  return {
    planned: planned.filter((test) => problemOf(test) === null),
    refused: [...refused, ...more],
  };
}

function notRun(
  file: string,
  test: TestVerdict["test"],
  reasons: readonly string[],
): TestVerdict {
  return { file, test, result: { verdict: "not run", reasons }, problem: null };
}

/**
 * The exit code: 1 if model and kernel differ, or a test fails on the model. Otherwise 2 if no test
 * ran, a boot failed, or its records prove nothing about a test: a test that was not run is no
 * success.
 */
function exitCodeOf({ boots, failures, verdicts }: KernelRunReport): ExitCode {
  const has = (verdict: string) => verdicts.some(({ result }) => result.verdict === verdict);
  const problems = verdicts.filter(({ problem }) => problem !== null);
  const isFailing = problems.some(({ result }) => result.verdict !== "not run");
  if (has("differs") || isFailing || boots.some(({ limits }) => limits.length > 0)) return FAILED;
  return has("same") && failures.length + problems.length === 0 ? HELD : WRONG;
}
