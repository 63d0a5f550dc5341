/** Runs a bench: counts what one turn of its loop costs, and times it by a clock that is given. */
import { spanPlace } from "../source.ts";
import type { Failure } from "../vm/failure.ts";
import { RunWatch } from "../vm/run_watch.ts";
import { Ratio, type Value } from "../values/value.ts";
import type { Program, TestEntry } from "./program.ts";
import type { BenchOutcome } from "./report.ts";
import { type RunOptions, type SharedOptions, sharedOptions } from "./run_options.ts";
import { reportFailure } from "./tally.ts";
import { startMachine, TestMachine } from "./test_machine.ts";

/** What may be said about a bench. */
export interface BenchOptions extends RunOptions {
  /** Turns before the ones that count, so that caches are as in the middle of a long run. */
  readonly warmup?: number;
  /** Turns that are counted. The counts depend on nothing else: not on the clock. */
  readonly iterations?: number;
  /** A clock in milliseconds; without one nothing is timed. */
  readonly clock?: () => number;
  /** Turns go on, uncounted, until this much time was measured. */
  readonly minTimeMs?: number;
}

const DEFAULT_WARMUP = 100;
const DEFAULT_ITERATIONS = 1000;
const DEFAULT_MIN_TIME_MS = 200;

/** Turns between two looks at the clock. */
const BATCH = 64;

/** Runs one bench on one machine. */
export function runBench(
  program: Program,
  bench: TestEntry,
  options: BenchOptions = {},
): BenchOutcome {
  return new BenchRun(program, bench, options).outcome();
}

class BenchRun {
  readonly #shared: SharedOptions;
  readonly #iterations: number;
  #virtualNs = 0;
  #counts: Record<string, number> = {};
  #timed: BenchOutcome["timed"] = null;
  #failure: Failure | null = null;

  constructor(
    readonly program: Program,
    readonly bench: TestEntry,
    readonly options: BenchOptions,
  ) {
    this.#shared = sharedOptions(options);
    this.#iterations = options.iterations ?? DEFAULT_ITERATIONS;
  }

  outcome(): BenchOutcome {
    const { combination, config, name, settings, skip, span } = this.bench;
    if (!skip) this.#run();
    const failed = this.#failure === null ? "passed" : "failed";
    return {
      name,
      combination,
      settings,
      place: spanPlace(span),
      outcome: skip ? "skipped" : failed,
      failure: this.#failure === null ? null : reportFailure(this.#failure, this.#shared.style),
      seed: this.#shared.machine.seed ?? config.seed,
      iterations: skip ? 0 : this.#iterations,
      virtualNs: this.#virtualNs,
      pricesNs: Object.fromEntries(Object.entries(config.pricesNs).filter(([, ns]) => ns !== 0)),
      counts: this.#counts,
      timed: this.#timed,
    };
  }

  #run(): void {
    const { config, functionIndex, usesEvents } = this.bench;
    const { machine: common, watch } = this.#shared;
    const runWatch = watch && new RunWatch(watch, common.limits);
    const options = { ...common, record: usesEvents, watch: runWatch };
    const machine = startMachine(this.program, config, options, this.bench.span);
    this.#failure = machine instanceof TestMachine ? machine.failure : machine;
    if (!(machine instanceof TestMachine) || machine.failure !== null) return;
    machine.vm.start(functionIndex);
    // The setup ends where the first turn is about to begin.
    if (!this.#go(machine)) return;
    if (!this.#turns(machine, this.options.warmup ?? DEFAULT_WARMUP)) return;
    const { eventNames } = this.program.registry;
    const before = eventNames.map((name) => machine.world.count(name));
    const startNs = machine.world.nowNs();
    const { clock } = this.options;
    const startMs = clock?.() ?? 0;
    if (!this.#turns(machine, this.#iterations)) return;
    this.#virtualNs = machine.world.nowNs() - startNs;
    eventNames.forEach((name, index) => {
      const count = machine.world.count(name) - before[index]!;
      if (count > 0) this.#counts[name] = count;
    });
    if (clock !== undefined && !this.#time(machine, clock, startMs)) return;
    this.#checkBudgets(machine);
  }

  /** Goes on until enough time was measured. */
  #time(machine: TestMachine, clock: () => number, startMs: number): boolean {
    const wantedMs = this.options.minTimeMs ?? DEFAULT_MIN_TIME_MS;
    let turns = this.#iterations;
    let wallMs = clock() - startMs;
    while (wallMs < wantedMs) {
      if (!this.#turns(machine, BATCH)) return false;
      turns += BATCH;
      wallMs = clock() - startMs;
    }
    this.#timed = { iterations: turns, wallMs };
    return true;
  }

  #turns(machine: TestMachine, count: number): boolean {
    for (let turn = 0; turn < count; turn++) if (!this.#go(machine)) return false;
    return true;
  }

  /** Runs to the start of the next turn. Each turn has the limits of a test. */
  #go(machine: TestMachine): boolean {
    machine.vm.refillSteps();
    if (machine.vm.resume() !== "failed") return true;
    this.#failure = machine.vm.failure;
    return false;
  }

  #checkBudgets(machine: TestMachine): void {
    for (const { functionIndex, perIteration, span } of this.bench.budgets) {
      const turns = perIteration ? this.#iterations : 1;
      const counted = (name: string) => (this.#counts[name] ?? 0) / turns;
      machine.vm.budgetCount = (name) => numberValue(counted(name));
      const failure = machine.run(functionIndex);
      if (failure !== null) {
        this.#failure = failure;
        return;
      }
      if (machine.vm.result === true) continue;
      const used = Object.keys(this.#counts)
        .filter((name) => span.source.text.slice(span.start, span.end).includes(name))
        .map((name) => `${name} ${counted(name)}${perIteration ? " per iteration" : ""}`);
      this.#failure = {
        kind: "failed",
        diagnostic: {
          code: "E0909",
          severity: "error",
          span,
          message: used.length === 0
            ? "The budget does not hold"
            : `The budget does not hold: ${used.join(", ")}`,
        },
        parts: [],
        notes: [],
      };
      return;
    }
  }
}

function numberValue(count: number): Value {
  return Number.isInteger(count) ? count : new Ratio(count);
}
