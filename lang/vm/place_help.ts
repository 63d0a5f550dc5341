/** Places of a sweep that other threads try at the same time. */
import type { InjectionHitName } from "../values/simulated_machine.ts";
import type { SweepWord } from "./code.ts";

/** The places of one sweep of a test's own run, as plain data. */
export interface PlacesRequest {
  readonly word: SweepWord;
  /** The number of the sweep among the branchings of the run. */
  readonly choicePoint: number;
  /** Numbers of earlier sweeps, which are not tried again. */
  readonly resolved: readonly number[];
  readonly places: readonly InjectionHitName[];
  /** Incidents that the block causes without a failure, by name. */
  readonly usual: readonly string[];
  /** Limits of the run of each place. */
  readonly steps: number;
  readonly memoryBytes: number;
  /** Number of the program's expectations. */
  readonly expectations: number;
}

/** What a run adds to its parent. */
export interface PlaceFigures {
  readonly steps: number;
  readonly assertions: number;
  /** Expectations that the run reached, as indexes into `Code.expectations`. */
  readonly reached: Iterable<number>;
  readonly processorMs: number;
}

export interface PlaceHelp {
  /**
   * The figures of a place that went well in another thread. Null if this thread has to try the place: nobody
   * has begun it, it went wrong, or it takes too long.
   *
   * @param mostSteps Limit of the place's steps.
   * @param check Called now and then while this thread waits.
   */
  take(index: number, mostSteps: number, check: () => void): PlaceFigures | null;
  /** Ends the work of the other threads. */
  stop(): void;
}

/** Asks for help with the places of a sweep. */
export type HelpPlaces = (request: PlacesRequest) => PlaceHelp;
