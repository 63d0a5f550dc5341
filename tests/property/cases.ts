/**
 * Random requests on random machines, with every check on at once: the checks of the hunt (bytes,
 * statuses, the device's accesses and the lists that it reads, the checker, leaks, the audit), and
 * a recording's tables compared with the machine. The same case is also run a second time without a
 * recording, and must give the same result.
 *
 * Each failure must be explained by one of the named switches of the machine's kernel release;
 * without defects nothing fails.
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  CaseRun,
  causingDefectsOf,
  hitPoints,
  type HuntCase,
  huntCases,
  type HuntRelease,
  type HuntStep,
  MAX_BYTES,
  type Violation,
} from "@dmalab/hunt";
import { MIB } from "@dmalab/runtime";
import { KERNEL_NAMES, KERNELS, type QuirkName } from "@dmalab/runtime/kernels";
import { Watch } from "../recording/watched_machine.ts";

/** Enough for 2048 pieces of 512 bytes, even if some pieces are longer than 512 bytes. */
const LONG_BYTES = 2 * MIB;

/** One request of up to 2048 pieces of different sizes. */
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

/**
 * Violations that leave the machine's memory intact. The machine's tables are compared even after
 * such a violation.
 */
const HARMLESS: readonly Violation["kind"][] = ["left", "report", "status"];

export class Tried {
  cases = 0;
  steps = 0;
  segments = 0;
  events = 0;
  /** Number of moments at which every table was compared with the machine. */
  looks = 0;
  /** Number of rows of these tables that were compared with the machines. */
  rows = 0;
  /** Defects that explained failures. */
  readonly defects = new Set<QuirkName>();

  /**
   * Runs a case to its end.
   *
   * @param mostBytes A request that is longer than this size is cut to it.
   * @throws {Error} At the first failure that no defect explains; the message contains the case.
   */
  try(each: HuntCase, release: HuntRelease, mostBytes: number = MAX_BYTES): void {
    try {
      this.#try(each, release, mostBytes);
    } catch (error) {
      const what = JSON.stringify({ kernel: release.kernel, ...each });
      throw new Error(`${(error as Error).message}\nin the case ${what}`, { cause: error });
    }
  }

  #try({ machine, steps }: HuntCase, release: HuntRelease, mostBytes: number): void {
    const watch = new Watch();
    const run = new CaseRun(machine, release, mostBytes, (lab) => watch.attach(lab));
    const again = new CaseRun(machine, release, mostBytes);
    this.cases++;
    let spoils = false;
    for (const [index, step] of steps.entries()) {
      const violation = run.step(step);
      assertEquals(again.step(step), violation, `step ${index} does something else when repeated`);
      assertEquals(stateOf(again), stateOf(run), `step ${index} ends otherwise when repeated`);
      this.steps++;
      for (const { runs } of step.ios) for (const { count } of runs) this.segments += count;
      if (violation !== null) {
        this.#explain({ machine, steps: steps.slice(0, index + 1) }, release, violation);
        spoils = !HARMLESS.includes(violation.kind);
        break;
      }
      if (watch.difference !== null) throw watch.difference;
    }
    for (const watched of watch.watched) {
      if (!spoils) watch.end(watched);
      this.events += watched.recording.log.count;
    }
    this.looks += watch.looks;
    this.rows += watch.rows;
  }

  /**
   * Finds the defect that explains a failure. An earlier step may have caused the failure, so all
   * steps up to the failed step are searched.
   */
  #explain(each: HuntCase, release: HuntRelease, { kind, text }: Violation): void {
    const [switches] = causingDefectsOf(each, release);
    assert(switches !== undefined, `no switch explains: ${kind} ${text}`);
    for (const name of switches) this.defects.add(name);
  }
}

function stateOf({ ends, machine: { clock, iommu, swiotlb } }: CaseRun) {
  return { ends, nowNs: clock.nowNs, mappings: iommu.liveMappings, slots: swiotlb.usedSlots };
}

/**
 * Tries random cases on every release: first with the release's own defects, then without any
 * defects. Each case without defects ends with a long request.
 *
 * @param each Called after each case.
 */
export function tryCases(
  count: number,
  seed: number,
  each: (tried: Tried) => void = () => {},
): Tried {
  const tried = new Tried();
  for (const [index, kernel] of KERNEL_NAMES.entries()) {
    const share = Math.floor((count * (index + 1)) / KERNEL_NAMES.length) -
      Math.floor((count * index) / KERNEL_NAMES.length);
    const own = { kernel, quirks: KERNELS[kernel].quirks };
    const drawn = { seed: seed + index, numRuns: share };
    for (const given of fc.sample(huntCases(hitPoints(own)), drawn)) {
      tried.try(given, own);
      each(tried);
    }
    const none = { kernel, quirks: new Set<QuirkName>() };
    const long = fc.tuple(huntCases(hitPoints(none)), LONG_REQUEST)
      .map(([{ machine, steps }, last]) => ({ machine, steps: [...steps, last] }));
    for (const given of fc.sample(long, drawn)) {
      tried.try(given, none, LONG_BYTES);
      each(tried);
    }
  }
  return tried;
}
