/** Does something again and again on fresh machines, once for each place where it can fail. */
import {
  ArmedInjection,
  INJECTION_POINTS,
  type InjectionHit,
  type InjectionPointName,
  type Leak,
  type Machine,
  ResourceTracker,
} from "@dmalab/runtime";

/** The work: first the part that is not observed, then the observed part. */
export interface Attempt<R> {
  readonly machine: Machine;
  /** Does it, and undoes it whatever happens; gives what a caller gets. */
  run(): R;
}

/** The result when one place failed. */
export interface SweepResult<R> {
  readonly point: InjectionPointName;
  /** Which passing of the point it was, from 1. */
  readonly nth: number;
  readonly outcome: R;
  readonly leaks: readonly Leak[];
}

/** The run without a fault, and one for each place. */
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
