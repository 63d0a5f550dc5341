import { assert, assertEquals } from "@std/assert";
import { sampleCases } from "../cases/requests.ts";
import { AskedRules } from "./diagnose.ts";
import { CaseRun } from "./case_run.ts";
import type { HuntCase } from "./hunt_case.ts";
import { hitPoints } from "./hit_points.ts";
import { type KernelConfig, KERNELS, type QuirkName } from "@dmalab/runtime/kernels";

const KERNEL = "7.2.6";
const KNOWN: readonly QuirkName[] = ["stale_iova_state_p2p"];

/** The whole result of a run, as text: the violation in each step, and the number of each event. */
function runOf(each: HuntCase, quirks: readonly QuirkName[], watch: KernelConfig["watch"]): string {
  const release = { kernel: KERNEL, quirks: new Set(quirks) } as const;
  const run = new CaseRun(each.machine, release, undefined, undefined, watch);
  const ends = each.steps.map((step) => [run.step(step), run.ends]);
  return JSON.stringify([ends, [...run.machine.events.counts], run.machine.clock.nowNs]);
}

/** @returns How many switches were read in a number of runs, and how many were not. */
function compare(machines: number): { asked: number; unasked: number } {
  const points = hitPoints({ kernel: KERNEL, quirks: KERNELS[KERNEL].quirks });
  const counted = { asked: 0, unasked: 0 };
  for (const each of sampleCases(points, 33, machines)) {
    const watch = new AskedRules();
    const before = runOf(each, KNOWN, watch.watch);
    assertEquals(runOf(each, KNOWN, null), before, "A watch changes the run");
    for (const name of KERNELS[KERNEL].quirks) {
      if (KNOWN.includes(name)) continue;
      if (watch.has(name)) counted.asked++;
      else {
        counted.unasked++;
        assertEquals(runOf(each, [...KNOWN, name], null), before, name);
      }
    }
  }
  return counted;
}

Deno.test("a switch that a run did not ask for changes nothing in the run", () => {
  const { asked, unasked } = compare(6);
  assert(asked > 6 && unasked > 12, `${asked} asked for, ${unasked} not`);
});

Deno.test("that holds on a hundred machines (long)", () => {
  const { asked, unasked } = compare(120);
  assert(asked > 120 && unasked > 240, `${asked} asked for, ${unasked} not`);
});
