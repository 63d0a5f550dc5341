/** Tries places of a sweep on behalf of a test that runs in another thread. */
import { spanPlace } from "../source.ts";
import { DEFAULT_LIMITS } from "../values/limits.ts";
import { type HostWatch, RunWatch } from "../vm/run_watch.ts";
import { sweepIncidents } from "../vm/sweeps.ts";
import type { PlaceFigures, PlacesRequest } from "../vm/place_help.ts";
import type { Program } from "./program.ts";
import { ChildRunStarter, NO_OUTPUT } from "./replay_run.ts";
import type { RunNames } from "./report.ts";
import type { RunOptions } from "./run_options.ts";

/** Options of the test's run. */
export interface TrialOptions extends Pick<RunOptions, "lenient" | "limits" | "seed"> {
  readonly watch: HostWatch;
  /** Limit of the host's memory for this thread, in bytes. */
  readonly hostBytes: number;
}

export class PlaceTrials {
  readonly #runs: ChildRunStarter;

  /** @throws {Error} If the program has no such test. */
  constructor(
    program: Program,
    names: RunNames,
    readonly request: PlacesRequest,
    { hostBytes, lenient, limits = DEFAULT_LIMITS, seed, watch }: TrialOptions,
  ) {
    const test = program.tests.find(({ combination, name, span }) =>
      name === names.name && combination === names.combination && spanPlace(span) === names.place
    );
    if (test === undefined) throw new Error(`No test "${names.name}"`);
    const { args, config, functionIndex, variant } = test;
    const options = {
      ...{ lenient, limits, seed },
      output: NO_OUTPUT,
      record: true,
      attributeDefects: false,
      // The test's own thread adds up the time.
      watch: new RunWatch(watch, { timeMs: Infinity, memoryBytes: hostBytes }),
    };
    const start = { functionIndex, args };
    this.#runs = new ChildRunStarter(program, config, [variant], options, start);
  }

  /** The figures of a place; null if anything went wrong. */
  try(index: number): Omit<PlaceFigures, "processorMs"> | null {
    const { choicePoint, memoryBytes, places, resolved, steps, usual, word } = this.request;
    const child = this.#runs.replay({
      choices: [{ choicePoint, taken: places[index]! }],
      resolvedChoices: new Map(resolved.map((each) => [each, null])),
      steps,
      memoryBytes,
      emitsOutput: false,
      quirks: null,
    });
    const { branches, failure } = child;
    const isRight = failure === null && branches.arrived &&
      branches.branch!.watch.leaks().length === 0 && sweepIncidents(child, usual, word).size === 0;
    if (isRight) this.#runs.drop(child);
    return isRight
      ? {
        steps: Math.max(0, steps - child.steps),
        assertions: branches.ownAssertions,
        reached: child.reached,
      }
      : null;
  }
}
