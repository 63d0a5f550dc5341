/**
 * Any request on any machine, held to the property of the hunt: with no defect switched on it does
 * what it should, and with those of a release it does wrong only what a named switch explains.
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  CaseRun,
  causingDefectsOf,
  hitPoints,
  HUNT_MACHINES,
  huntCases,
  type HuntStep,
} from "@dmalab/hunt/requests";
import { MIB } from "@dmalab/runtime";
import { type KernelProfile, KERNELS, type QuirkName } from "@dmalab/runtime/kernels";

/** 2048 pieces of 512 bytes, and some that are longer. */
const MAX_BYTES = 2 * MIB;

/** One request of up to 2048 pieces, none of which need be alike. */
const LONG_REQUEST: fc.Arbitrary<HuntStep> = fc.record({
  op: fc.constantFrom("read" as const, "write" as const),
  runs: fc.array(
    fc.record({
      count: fc.integer({ min: 1, max: 2048 }),
      sizeBytes: fc.constantFrom(512, 512, 1024, 4096, 516, 8704),
      offsetBytes: fc.constantFrom(0, 512, 2048, 4, 4092),
      touching: fc.boolean(),
      high: fc.boolean(),
    }),
    { minLength: 1, maxLength: 3 },
  ),
  metadata: fc.option(fc.record({
    pieces: fc.integer({ min: 1, max: 4 }),
    offsetBytes: fc.constantFrom(0, 64, 4032),
    touching: fc.boolean(),
    sizeBytes: fc.constant(null),
  })),
}).map(({ metadata, op, runs }) => ({
  ios: [{ op, peer: false, runs, metadata }],
  plugged: false,
  fault: null,
}));

/** Any bio moves its bytes, and nothing stays mapped. */
export function testLongRequests(kernel: KernelProfile, count: number): void {
  Deno.test(`${kernel} without defects moves the right bytes of any bio of 1 to 2048 segments, and nothing stays (block.md 1.3, nvme.md 2)`, () => {
    let segments = 0;
    fc.assert(
      fc.property(HUNT_MACHINES, LONG_REQUEST, (machine, step) => {
        const run = new CaseRun(machine, { kernel, quirks: new Set() }, MAX_BYTES);
        assertEquals(run.step(step), null);
        assertEquals(run.machine.iommu.liveMappings, 0);
        assertEquals(run.machine.swiotlb.usedSlots, 0);
        segments += step.ios[0]!.runs.reduce((sum, { count }) => sum + count, 0);
      }),
      { numRuns: count, seed: 1 },
    );
    assert(segments > 300 * count, `${segments} segments`);
  });
}

/** Random requests fail only as a switch of the release explains. */
export function testOwnDefects(kernel: KernelProfile, count: number): void {
  Deno.test(`${kernel} with its own defects fails only as a named switch explains (defects.md)`, () => {
    const release = { kernel, quirks: KERNELS[kernel].quirks };
    const cases = fc.sample(huntCases(hitPoints(release)), { seed: 3, numRuns: count });
    const named = new Map<string, number>();
    let steps = 0;
    for (const { machine, steps: asked } of cases) {
      const run = new CaseRun(machine, release);
      for (const [index, step] of asked.entries()) {
        steps++;
        const violation = run.step(step);
        if (violation === null) continue;
        // What it failed of may lie in an earlier step: all of them belong to the case.
        const [switches] = causingDefectsOf({ machine, steps: asked.slice(0, index + 1) }, release);
        assert(switches !== undefined, `no switch explains: ${violation.kind} ${violation.text}`);
        const name = switches.join(" and ");
        named.set(name, (named.get(name) ?? 0) + 1);
        break;
      }
    }
    assert(steps > 5 * count, `${steps} steps`);
    const seen = [...named.keys()].flatMap((name) => name.split(" and "));
    assertEquals(seen.filter((name) => !release.quirks.has(name as QuirkName)), []);
    if (kernel === "6.12.117") assertEquals(seen, []);
    else {
      assert(seen.length >= 4, seen.join(", "));
      assert(seen.includes("mptr_first_vector_only") && seen.includes("stale_iova_state_p2p"));
      assertEquals(seen.includes("gap_bit_lost_on_split"), kernel === "7.2.6");
    }
  });
}
