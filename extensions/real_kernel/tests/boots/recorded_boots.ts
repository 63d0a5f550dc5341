/**
 * Boots of real kernels that were recorded once, compared with the model without QEMU.
 *
 * `edges.dma` was run by `kernel run --release nearest --keep` on Debian's kernels in QEMU 7.2.22, by
 * emulation. Each boot is one machine of the scenario: `RELEASE.NUMBER.report.txt.gz` is the guest's
 * report (`report.bin`), and `RELEASE.NUMBER.controller.txt.gz` QEMU's log (`qemu.log`).
 */
import type { BootedGroup } from "../../boot/boot_groups.ts";
import { type LimitDifference, limitDifferences } from "../../compare/compare_limits.ts";
import { compareTest } from "../../compare/compare_test_runs.ts";
import { kernelSide } from "../../compare/kernel_side.ts";
import { nearestRelease } from "../../compare/model_release.ts";
import { qemuProgram } from "../../machine/qemu_program.ts";
import { guestPlan } from "../../plan/guest_plan.ts";
import { Islands } from "../../plan/islands.ts";
import { loadScenarios, planTests, sameMachines } from "../../plan/planned_tests.ts";
import { memoryOf } from "../../plan/scenario_run.ts";
import { readGuestReport } from "../../trace/guest_report.ts";
import type { KernelProfile } from "@dmalab/runtime/kernels";
import { readGoldenText } from "@dmalab/tests";

const FOLDER = new URL("./", import.meta.url);
const SCENARIO = new URL("edges.dma", FOLDER).pathname;
const QEMU = qemuProgram("7.2.22", "");
const REPORT = /^(.+)\.(\d+)\.report\.txt\.gz$/;

export interface RecordedBoot {
  /** Debian's release of the kernel: `6.12.117`. */
  readonly release: string;
  /** Number of the machine among those of the scenario, from 1. */
  readonly number: number;
}

export interface ReplayedTest {
  /** The boot, and the test with its combination: `6.12.117.2 lists and pools [iommu.mode = strict]`. */
  readonly name: string;
  /** Number of requests that were compared; 0 for a test that differs. */
  readonly requests: number;
  /** The first difference with its rule, or why nothing is proved; null for a test that is the same. */
  readonly difference: string | null;
}

/** All recorded boots, sorted by release and number. */
export function recordedBoots(): readonly RecordedBoot[] {
  return [...Deno.readDirSync(FOLDER)].flatMap(({ name }) => {
    const [, release, number] = REPORT.exec(name) ?? [];
    return release === undefined ? [] : [{ release, number: Number(number) }];
  }).sort((one, other) => one.release.localeCompare(other.release) || one.number - other.number);
}

/** Changes of a boot's records. */
export interface RecordChanges {
  readonly report?: (text: string) => string;
  readonly controllerLog?: (text: string) => string;
}

/** A recorded boot, as `kernel run` has it after the guest has ended, and the model's release. */
export async function bootedGroup(
  { number, release }: RecordedBoot,
  changes: RecordChanges = {},
): Promise<{ readonly booted: BootedGroup; readonly profile: KernelProfile }> {
  const scenarios = await loadScenarios([SCENARIO]);
  if (typeof scenarios === "string") throw new Error(scenarios);
  const { profile } = nearestRelease(release)!;
  const { planned } = planTests(scenarios, {
    matches: [],
    release: "nearest",
    nearest: profile,
    qemu: QEMU,
  });
  const tests = sameMachines(planned)[number - 1]!;
  const [{ machine }] = tests as [(typeof tests)[number]];
  const recorded = tests.map((test) => test.recorded);
  const islands = new Islands(memoryOf(recorded));
  const file = (kind: string) =>
    readGoldenText(new URL(`${release}.${number}.${kind}.txt.gz`, FOLDER).pathname);
  const { controllerLog = asIs, report = asIs } = changes;
  return {
    profile,
    booted: {
      tests,
      machine,
      islands,
      plan: guestPlan(machine, [], recorded, islands, "run"),
      report: readGuestReport(report(await file("report"))),
      controllerLog: controllerLog(await file("controller")),
      otherControllers: [],
    },
  };
}

const asIs = (text: string) => text;

/** Compares the tests of a boot, and the limits of its disks, with the model. */
export async function replayBoot(boot: RecordedBoot): Promise<ReplayedTest[]> {
  const { booted: { controllerLog, islands, machine, plan, report, tests } } = await bootedGroup(
    boot,
  );
  const side = kernelSide(report, controllerLog, machine, islands);
  const recorded = tests.map((test) => test.recorded);
  const limits: LimitDifference[] = [...report.disks].flatMap(([index, { limits: ofKernel }]) => {
    const { name } = machine.disks[index]!;
    return limitDifferences(name, recorded[0]!.limits.get(name)!, ofKernel);
  });
  const number = `${boot.release}.${boot.number}`;
  return [
    ...recorded.map((test): ReplayedTest => {
      const name = `${number} ${test.test.name}`;
      const result = compareTest(test, plan.ioOf.get(test)!, side);
      if (result.verdict === "same") {
        return { name, requests: result.counts.requests, difference: null };
      }
      const difference = result.verdict === "not run"
        ? result.reasons.join("; ")
        : `${result.difference.text} (${result.difference.rule})`;
      return { name, requests: 0, difference };
    }),
    ...limits.map(({ limit, ofKernel, ofModel }): ReplayedTest => ({
      name: `${number} limits`,
      requests: 0,
      difference: `limit ${limit}: ${ofKernel}, and ${ofModel} on the model`,
    })),
  ];
}
