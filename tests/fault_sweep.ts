/** Repeats an attempt on fresh machines, once for each place at which it can fail. */
import {
  ArmedInjection,
  INJECTION_POINTS,
  type InjectionHit,
  type InjectionPointName,
  type Leak,
  type Machine,
  ResourceTracker,
} from "@dmalab/runtime";

/**
 * An attempt to observe, and its machine. All work that comes before the observed work has already
 * been done on the machine.
 */
export interface Attempt<R> {
  readonly machine: Machine;
  /**
   * Does the observed work, and undoes it also after a failure. @returns The result that a caller
   * of the work gets.
   */
  run(): R;
}

/** The result with a failure at one place. */
export interface SweepResult<R> {
  readonly point: InjectionPointName;
  /** Which hit of the injection point failed, counted from 1. */
  readonly nth: number;
  readonly outcome: R;
  readonly leaks: readonly Leak[];
}

/** The run without a failure, and one for each place. */
export interface Sweep<R> {
  readonly clean: { readonly outcome: R; readonly leaks: readonly Leak[] };
  readonly faults: readonly SweepResult<R>[];
}

/** @param prepare Builds the same machine in the same state each time. */
export function sweep<R>(prepare: () => Attempt<R>): Sweep<R> {
  const first = prepare();
  const counter = first.machine.countHits();
  const clean = watched(first);
  first.machine.stopCountingFaults(counter);
  return { clean, faults: counter.places.map((place) => withFault(prepare(), place)) };
}

function withFault<R>(attempt: Attempt<R>, { nth, point }: InjectionHit): SweepResult<R> {
  const fault = new ArmedInjection(point, nth, nth);
  attempt.machine.armInjection(fault);
  const result = watched(attempt);
  attempt.machine.disarmFault(fault);
  if (fault.fired !== 1) throw new Error(`${INJECTION_POINTS[point]!.name} was not passed again`);
  return { point: INJECTION_POINTS[point]!.name as InjectionPointName, nth, ...result };
}

function watched<R>({ machine, run }: Attempt<R>): { outcome: R; leaks: readonly Leak[] } {
  const held = new ResourceTracker(machine);
  const outcome = run();
  held.stop();
  return { outcome, leaks: held.leaks() };
}
