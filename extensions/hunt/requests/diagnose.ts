/** Diagnoses a found case: the defect switch that causes it, and the rule that applied. */
import type { MachineEvent } from "@dmalab/runtime";
import type { Kernel, KernelConfig, QuirkName, QuirkSet } from "@dmalab/runtime/kernels";
import { causingDefects, withoutDefects } from "@dmalab/lang/values";
import { CaseRun, runCase } from "./case_run.ts";
import type { HuntCase, HuntRelease } from "./hunt_case.ts";
import type { Violation } from "./violation.ts";

/**
 * The switches that cause a case to fail: without them, the case passes.
 *
 * @returns Lists of switches. Each list has one switch if one switch is enough, and two if two are
 *   needed together. Empty if neither one switch nor two switches are enough.
 */
export function causingDefectsOf(
  each: HuntCase,
  release: HuntRelease,
): readonly (readonly QuirkName[])[] {
  return causingDefects(release.quirks, (off) => runCase(each, without(release, off)) === null, 2);
}

/** A release without some of its defects. */
export function without(release: HuntRelease, quirks: readonly QuirkName[]): HuntRelease {
  return { ...release, quirks: withoutDefects(release.quirks, quirks) };
}

/** The violation in each step of a case, regardless of earlier violations. */
export function violationsOf(
  each: HuntCase,
  release: HuntRelease,
  watch: KernelConfig["watch"] = null,
): readonly (Violation | null)[] {
  const run = new CaseRun(each.machine, release, undefined, undefined, watch);
  return each.steps.map((step) => run.step(step));
}

/** A defect that shows only together with others, and the first step in which it does. */
export interface HiddenDefect {
  readonly name: QuirkName;
  readonly step: number;
}

/**
 * Looks for a defect that is hidden by the known ones: with only the known defects a step passes,
 * and with this defect as well the step fails.
 * @param known Switches that were found before.
 */
export function hiddenDefect(
  each: HuntCase,
  release: HuntRelease,
  known: QuirkSet,
): HiddenDefect | null {
  const asked = new AskedRules();
  const before = violationsOf(each, { ...release, quirks: known }, asked.watch);
  for (const name of release.quirks) {
    // If the run did not read a switch, the switch cannot change the run. There is an exception: in
    // a run without any switch, audits are stricter, so the first switch may change it although the
    // run did not read the switch.
    if (known.has(name) || (known.size > 0 && !asked.has(name))) continue;
    const after = violationsOf(each, { ...release, quirks: new Set([...known, name]) });
    const step = after.findIndex((violation, index) =>
      violation !== null && before[index] === null
    );
    if (step >= 0) return { name, step };
  }
  return null;
}

/** The last rule that decided anything in a case, such as `nvme.2.1.C`; or null. */
export function lastRule(each: HuntCase, release: HuntRelease): string | null {
  const run = new CaseRun(each.machine, release);
  let rule: string | null = null;
  run.machine.events.listen(({ why }: MachineEvent) => {
    if (why !== null) rule = why.rule;
  });
  for (const step of each.steps) run.step(step);
  return rule;
}

/** The switches, other than `name`, that are also needed for the last step of a case to fail. */
export function neededBy(
  each: HuntCase,
  release: HuntRelease,
  name: QuirkName,
): readonly QuirkName[] {
  return [...release.quirks].filter((other) =>
    other !== name && violationsOf(each, without(release, [other])).at(-1) === null
  );
}

/** The statuses of the requests in a case's last step. */
export function endsOf(each: HuntCase, release: HuntRelease): readonly (string | null)[] {
  const run = new CaseRun(each.machine, release);
  for (const step of each.steps) run.step(step);
  return run.ends;
}

/**
 * The part of a violation that is equal in all violations of the same mistake: everything except
 * the numbers.
 */
export function signatureOf(
  { kind, text }: Pick<Violation, "text"> & { readonly kind: string },
): string {
  return `${kind}: ${text.replace(/0x[0-9a-f_]+/g, "0x…").replace(/\d+/g, "…")}`;
}

/** Records which rows of the table of behaviours a run reads. Other rows cannot affect the run. */
export class AskedRules {
  readonly #names = new Set<string>();

  /** Wraps a kernel so that each row is recorded when it is read. */
  readonly watch = (kernel: Kernel): Kernel => {
    const noting = {};
    for (const [name, value] of Object.entries(kernel)) {
      Object.defineProperty(noting, name, {
        enumerable: true,
        get: () => {
          this.#names.add(name);
          return value;
        },
      });
    }
    return noting as Kernel;
  };

  /** Whether a switch was read. */
  has(name: QuirkName): boolean {
    return this.#names.has(name);
  }
}
