/** The known defects that cause a run's failure and its findings. */
import { MACHINE_STEPS } from "../values/limits.ts";
import {
  ATTRIBUTION_STEPS,
  attributionText,
  causingDefects,
  withoutDefects,
} from "../values/causing_defects.ts";
import type { QuirkName, QuirkSet } from "@dmalab/runtime/kernels";
import type { TestLeak } from "@dmalab/runtime";
import type { Failure } from "../vm/failure.ts";
import { findingKey, type RunFinding } from "../values/incident.ts";
import { unexpectedIncidents } from "./incidents.ts";
import type { TestMachine } from "./test_machine.ts";

export interface TestRunResult {
  /** Null when the run passed. */
  readonly failure: Failure | null;
  /** Null when no machine could be built. */
  readonly machine: TestMachine | null;
  /** Its leaks. */
  readonly leaks: readonly TestLeak[];
}

/** The result of a run on a machine without one of the defects. */
interface ProbeResult {
  readonly failure: Failure | null;
  readonly findings: ReadonlySet<string>;
  /** Whether a statement caused events in that run, and did not itself fail. */
  readonly passed: (site: number) => boolean;
}

/** Repeats a run on demand: once for each defect, without that defect. */
export class DefectAttribution {
  readonly #quirks: QuirkSet;
  readonly #tried = new Map<QuirkName, ProbeResult | null>();
  #steps = ATTRIBUTION_STEPS;

  /**
   * @param replay Repeats the run with these defects and at most `steps` steps, without output.
   * @param release Called with each repeated run when only its events are still read.
   */
  constructor(
    readonly result: TestRunResult,
    readonly replay: (quirks: QuirkSet, steps: number) => TestRunResult,
    readonly release: (result: TestRunResult) => void,
  ) {
    this.#quirks = result.machine?.machine.lab.machine.quirks ?? new Set();
  }

  /** ``fixed by `quirks = [not x]` ``; none when no single defect causes the failure. */
  ofFailure(): readonly string[] {
    const { failure } = this.result;
    if (failure?.kind !== "failed") return [];
    if (failure.remedies !== undefined) return failure.remedies;
    const whole = attributionText(
      causingDefects(this.#quirks, ([off]) => this.#without(off!)?.failure === null),
    );
    return whole === null ? [] : [whole];
  }

  /**
   * The defects that cause a fault, a report or a leak, as text. A test that expects the effect of
   * a defect fails without that defect. Therefore a leak is attributed to a defect even if the test
   * fails without that defect, provided that the leaking statement ran in this test and left
   * nothing.
   */
  ofFinding(finding: RunFinding): string | null {
    const key = findingKey(finding);
    const isLeak = !("name" in finding);
    return attributionText(causingDefects(this.#quirks, ([off]) => {
      const tried = this.#without(off!);
      if (tried === null || tried.findings.has(key)) return false;
      if (tried.failure === null) return true;
      return isLeak && finding.site !== null && tried.passed(finding.site);
    }));
  }

  /** The result of the run without the defect `off`; null when no steps are left for such a run. */
  #without(off: QuirkName): ProbeResult | null {
    const known = this.#tried.get(off);
    if (known !== undefined) return known;
    const steps = this.#steps -= MACHINE_STEPS;
    const tried = steps <= 0 ? null : this.#try(off, steps);
    this.#tried.set(off, tried);
    return tried;
  }

  #try(off: QuirkName, steps: number): ProbeResult | null {
    const result = this.replay(withoutDefects(this.#quirks, [off]), steps);
    const { failure, leaks, machine } = result;
    if (machine === null) return null;
    this.#steps = Math.max(0, machine.vm.steps);
    if (failure !== null && failure.kind !== "failed") return null;
    const { races, sweeps } = machine.vm;
    const findings = [
      ...unexpectedIncidents(machine.vm),
      ...races.incidents.map(({ finding }) => finding),
      ...sweeps.incidents.map(({ event }) => event),
      ...leaks,
    ];
    this.release(result);
    const { vm, machine: world } = machine;
    const failed = failure?.diagnostic.span ?? null;
    return {
      failure,
      findings: new Set(findings.map(findingKey)),
      passed(of) {
        const span = vm.siteSpan(of);
        const isFailed = failed?.source === span?.source && failed !== null && span !== null &&
          failed.start < span.end && span.start < failed.end;
        return !isFailed && world.recorder.events.some(({ site }) => site === of);
      },
    };
  }
}
