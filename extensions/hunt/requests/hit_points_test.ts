import { assertEquals } from "@std/assert";
import { INJECTION_POINTS } from "@dmalab/runtime";
import { type KernelProfile, KERNELS } from "@dmalab/runtime/kernels";
import { sampleCases } from "../cases/requests.ts";
import { CaseRun } from "./case_run.ts";
import { hitPoints } from "./hit_points.ts";

/** The injection points that drawn requests hit on this number of machines. */
function drawnPoints(kernel: KernelProfile, machines: number): ReadonlySet<string> {
  const release = { kernel, quirks: KERNELS[kernel].quirks };
  const passed = new Set<number>();
  for (const { machine, steps } of sampleCases([], 79, machines)) {
    const run = new CaseRun(machine, release);
    const counter = run.machine.countHits();
    for (const step of steps) if (run.step(step) !== null) break;
    for (const { point } of counter.places) passed.add(point);
  }
  return new Set(INJECTION_POINTS.filter((_, point) => passed.has(point)).map(({ name }) => name));
}

function checkReleases(releases: readonly KernelProfile[], machines: number): void {
  for (const kernel of releases) {
    const found: ReadonlySet<string> = new Set(
      hitPoints({ kernel, quirks: KERNELS[kernel].quirks }),
    );
    assertEquals([...drawnPoints(kernel, machines)].filter((name) => !found.has(name)), [], kernel);
    assertEquals(found.has("page_table.alloc"), true, kernel);
  }
}

Deno.test("a few requests pass every point that drawn requests pass", () => {
  checkReleases(["6.17.13", "7.2.6"], 20);
});

Deno.test("they do on every release (long)", () => {
  checkReleases(Object.keys(KERNELS) as KernelProfile[], 200);
});
