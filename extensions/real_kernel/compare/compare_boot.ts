/** Compares the tests of one boot with the model. */
import type { RunnableTest } from "@dmalab/lang/run";
import { DEFAULT_LIMITS } from "@dmalab/lang/values";
import { KERNEL_NAMES, type KernelProfile } from "@dmalab/runtime/kernels";
import type { BootedGroup } from "../boot/boot_groups.ts";
import type { PlannedTest } from "../plan/planned_tests.ts";
import { LOG_FILE, PROBES_FILE } from "../plan/guest_plan.ts";
import { type GuestReport, missedHits } from "../trace/guest_report.ts";
import { formatCount } from "@dmalab/lang/text";
import { recordTest } from "../plan/scenario_run.ts";
import { type LimitDifference, limitDifferences } from "./compare_limits.ts";
import { compareTest, type TestComparison } from "./compare_test_runs.ts";
import { judgeAssertions, type JudgedAssertions } from "./judged_assertions.ts";
import { type KernelSide, kernelSide } from "./kernel_side.ts";

interface Judged {
  /**
   * Another modelled release that behaves like the kernel in this test. Null if no release does, or
   * if the test has no difference.
   */
  readonly asRelease: KernelProfile | null;
  readonly assertions: JudgedAssertions;
}

/** A test with its verdict. */
export interface TestVerdict {
  readonly file: string;
  readonly test: RunnableTest;
  readonly result:
    | Exclude<TestComparison, { readonly verdict: "not run" }> & Judged
    /**
     * The kernel's requests equal the model's, but an assertion has another result than on the
     * model.
     */
    | { readonly verdict: "differs"; readonly difference: null } & Judged
    | { readonly verdict: "not run"; readonly reasons: readonly string[] };
  /**
   * Why the test proves nothing although it was booted, or is no success although the kernel does the
   * same: its boot's records are incomplete, or it fails on the model. Null for any other test.
   */
  readonly problem: string | null;
}

/** Facts about a boot, for the report. */
export interface BootFacts {
  readonly changes: readonly string[];
  readonly refusedProbes: readonly string[];
  readonly problems: readonly string[];
  readonly domains: readonly string[];
  readonly limits: readonly LimitDifference[];
}

/** @param nearest The modelled release that is closest to the kernel. */
export function compareBoot(
  booted: BootedGroup,
  nearest: KernelProfile,
): { readonly verdicts: readonly TestVerdict[]; readonly facts: BootFacts } {
  const { controllerLog, islands, machine, otherControllers, plan, report, tests } = booted;
  const side = kernelSide(report, controllerLog, machine, islands, otherControllers);
  const verdicts = tests.map((planned): TestVerdict => {
    const { recorded, scenario } = planned;
    const ios = plan.ioOf.get(recorded)!;
    const result = compareTest(recorded, ios, side);
    const about = { file: scenario.path, test: recorded.test };
    if (result.verdict === "not run") {
      return { ...about, result, problem: result.reasons.join("; ") };
    }
    const asRelease = result.verdict === "same" ? null : releaseLike(planned, ios, side, nearest);
    const assertions = judgeAssertions(scenario.program, recorded, ios, side);
    const judged = { asRelease, assertions };
    const { failure } = recorded.outcome;
    return {
      ...about,
      problem: failure === null ? null : `it fails on the model: ${failure.message}`,
      result: result.verdict === "same" && assertions.differs.length > 0
        ? { verdict: "differs", difference: null, ...judged }
        : { ...result, ...judged },
    };
  });
  return {
    verdicts,
    facts: {
      changes: machine.changes,
      refusedProbes: report.refusedProbes,
      problems: [...report.problems, ...missedProblems(report), ...iommuFaults(report)],
      limits: limitsOf(booted),
      domains: [...report.disks.values()].map(({ domain }) => domain),
    },
  };
}

/**
 * Warnings about probes that missed hits. After a missed hit a request lacks a step, which can look
 * like a difference.
 */
function missedProblems({ files }: GuestReport): string[] {
  const missed = missedHits(files.get(PROBES_FILE) ?? "");
  return [...missed].map(([name, count]) =>
    `the kernel missed ${formatCount(count, "hit")} of the probe ${name}`
  );
}

const IOMMU_FAULT = /\b(?:DMAR: .*\bfault\b|AMD-Vi: Event logged|arm-smmu.*event).*/i;

/** IOMMU faults in the kernel's log: the comparison of requests does not include them. */
function iommuFaults({ files }: GuestReport): string[] {
  const lines = (files.get(LOG_FILE) ?? "").split("\n");
  return lines.flatMap((line) => IOMMU_FAULT.exec(line)?.[0] ?? []);
}

/** Queue limits that differ between the model and the guest. */
function limitsOf({ machine: { disks }, report, tests }: BootedGroup): LimitDifference[] {
  const [{ recorded: { limits } }] = tests as [PlannedTest];
  return [...report.disks].flatMap(([index, { limits: sysfs }]) => {
    const { name } = disks[index]!;
    return limitDifferences(name, limits.get(name)!, sysfs);
  });
}

/**
 * Another modelled release that behaves like the kernel in a test. The nearest release is tried first,
 * then all others from the newest on.
 */
function releaseLike(
  { recorded: { config, test }, scenario: { program } }: PlannedTest,
  ios: readonly number[],
  side: KernelSide,
  nearest: KernelProfile,
): KernelProfile | null {
  for (const kernel of new Set([nearest, ...KERNEL_NAMES.toReversed()])) {
    if (kernel === config.kernel) continue;
    const recorded = recordTest(program, test, { ...config, kernel }, DEFAULT_LIMITS);
    if (recorded.submissions.length !== ios.length) continue;
    if (compareTest(recorded, ios, side).verdict === "same") return kernel;
  }
  return null;
}
