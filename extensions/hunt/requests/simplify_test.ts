import { assertEquals } from "@std/assert";
import type { HuntCase, HuntIo, HuntMachine, HuntStep, PieceRun } from "./hunt_case.ts";
import { simplify } from "./hunt.ts";

const MACHINE = { mode: "off", given: null } as unknown as HuntMachine;

function run(count: number, sizeBytes = 4096): PieceRun {
  return { count, sizeBytes, offsetBytes: 0, touching: false, high: false };
}

function io(...runs: PieceRun[]): HuntIo {
  return { op: "read", peer: false, runs, metadata: null };
}

function step(...ios: HuntIo[]): HuntStep {
  return { ios, plugged: true, fault: { point: "dma_map_phys", nth: 1 } };
}

function simplest(steps: readonly HuntStep[], fails: (each: HuntCase) => boolean) {
  return simplify({ machine: MACHINE, steps }, fails).steps;
}

Deno.test("what a case fails without is left out: steps, requests, runs, faults, plugs", () => {
  const steps = [step(io(run(1))), step(io(run(2)), io(run(3), run(7))), step(io(run(9)))];
  const pieces = (each: HuntCase) =>
    each.steps.flatMap(({ ios }) => ios).flatMap(({ runs }) => runs).map(({ count }) => count);
  assertEquals(simplest(steps, (each) => pieces(each).includes(7)), [
    { ios: [io(run(7))], plugged: false, fault: null },
  ]);
});

Deno.test("a threshold of pieces is found exactly, in one run", () => {
  const total = ({ steps }: HuntCase) =>
    steps.flatMap(({ ios }) => ios).flatMap(({ runs }) => runs)
      .reduce((sum, { count }) => sum + count, 0);
  const [only] = simplest([step(io(run(20), run(11), run(9)))], (each) => total(each) >= 34);
  assertEquals(only!.ios[0]!.runs, [run(34, 512)]);
});

Deno.test("a case of which every part is needed stays as it is", () => {
  const steps = [step(io(run(1)))];
  assertEquals(simplest(steps, (each) => each.steps[0] === steps[0]), steps);
});
