/** The points that requests pass in a release: only there can anything fail. */
import fc, { type Arbitrary } from "fast-check";
import { INJECTION_POINTS, type InjectionPointName } from "@dmalab/runtime";
import { HUNT_MACHINES, huntCases } from "./arbitraries.ts";
import { CaseRun } from "./case_run.ts";
import type { HuntMachine, HuntRelease } from "./hunt_case.ts";

/** Machines on which is looked what is passed. */
const MACHINES = 30;

/** Runs some cases in which nothing fails, and notes what could. In the order of the points' numbers. */
export function hitPoints(
  release: HuntRelease,
  machines: Arbitrary<HuntMachine> = HUNT_MACHINES,
): readonly InjectionPointName[] {
  const passed = new Set<number>();
  for (
    const { machine, steps } of fc.sample(huntCases([], machines), { seed: 1, numRuns: MACHINES })
  ) {
    const run = new CaseRun(machine, release);
    const counter = run.machine.countHits();
    for (const step of steps) if (run.step(step) !== null) break;
    for (const { point } of counter.places) passed.add(point);
  }
  return INJECTION_POINTS.filter((_, point) => passed.has(point))
    .map(({ name }) => name as InjectionPointName);
}
