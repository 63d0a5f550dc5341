/** Runs a bench: counts what one turn of its loop costs, and times it by a clock that is given. */
import { spanPlace } from "../source.ts";
import type { Failure } from "../vm/failure.ts";
import { RunWatch } from "../vm/run_watch.ts";
import type { Vm } from "../vm/vm.ts";
import { Ratio, type Value } from "../values/value.ts";
import type { Leftover } from "@dmalab/runtime/leaks";
import type { Program } from "./program.ts";
import type { TestEntry } from "./test_entry.ts";
import {
  describeIncident,
  DISPLAYED_INCIDENTS,
  findingKey,
  foundIncidents,
  judgeEnd,
} from "./incidents.ts";
import type { BenchIncident, BenchOutcome } from "./report.ts";
import { type RunOptions, type SharedOptions, sharedOptions } from "./run_options.ts";
import { reportFailure } from "./tally.ts";
import { startMachine, TestMachine } from "./test_machine.ts";

/** Options of a bench. */
export interface BenchOptions extends RunOptions {
  /** Iterations before the counted ones, so that caches are as in the middle of a long run. */
  readonly warmup?: number;
  /** Counted iterations. The counts depend on nothing else, not on the clock. */
  readonly iterations?: number;
  /** A clock in milliseconds; without one no time is measured. */
  readonly clock?: () => number;
  /** Uncounted iterations follow until this much time was measured. */
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
  #incidents: readonly BenchIncident[] = [];
  /** What each counted turn has left. */
  #leaks: readonly Leftover[] = [];
  /** When the counted iterations began. */
  #startMs = 0;

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
      latenciesNs: Object.fromEntries(
        Object.entries(config.latenciesNs).filter(([, ns]) => ns !== 0),
      ),
      counts: this.#counts,
      timed: this.#timed,
      incidents: this.#incidents,
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
    this.#count(machine);
    this.#failure ??= judgeEnd(machine.vm, this.#leaks);
    this.#incidents = this.#incidentsOf(machine.vm);
    if (this.#failure !== null) return;
    const { clock } = this.options;
    if (clock !== undefined && !this.#time(machine, clock)) return;
    this.#checkBudgets(machine);
  }

  /** Counts what the iterations do, which depends on the program and the seed alone. */
  #count(machine: TestMachine): void {
    // The setup ends where the first turn is about to begin.
    if (!this.#go(machine)) return;
    if (!this.#turns(machine, this.options.warmup ?? DEFAULT_WARMUP)) return;
    const { eventNames } = this.program.registry;
    const before = eventNames.map((name) => machine.machine.count(name));
    const held = leftCounts(machine);
    const startNs = machine.machine.nowNs();
    this.#startMs = this.options.clock?.() ?? 0;
    if (!this.#turns(machine, this.#iterations)) return;
    this.#virtualNs = machine.machine.nowNs() - startNs;
    eventNames.forEach((name, index) => {
      const count = machine.machine.count(name) - before[index]!;
      if (count > 0) this.#counts[name] = count;
    });
    // What the setup has made stays, and a ring that fills up is full after the warm-up.
    this.#leaks = machine.machine.leftovers().filter((leak) =>
      leak.more + 1 - (held.get(findingKey(leak)) ?? 0) >= this.#iterations
    );
  }

  /** Goes on until enough time was measured. */
  #time(machine: TestMachine, clock: () => number): boolean {
    const wantedMs = this.options.minTimeMs ?? DEFAULT_MIN_TIME_MS;
    let turns = this.#iterations;
    let wallMs = clock() - this.#startMs;
    while (wallMs < wantedMs) {
      if (!this.#turns(machine, BATCH)) return false;
      turns += BATCH;
      wallMs = clock() - this.#startMs;
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

  /** What it did not expect so far, once for each statement and class. */
  #incidentsOf(vm: Vm): BenchIncident[] {
    const found = [
      ...foundIncidents(vm),
      ...this.#leaks.map((finding) => ({ finding, context: vm, where: null })),
    ];
    const groups = [...Map.groupBy(found, ({ finding }) => findingKey(finding)).values()];
    return groups.slice(0, DISPLAYED_INCIDENTS).map((group) => ({
      incident: {
        ...describeIncident(group[0]!, null, this.#shared.style),
        isFailure: group[0]!.finding === this.#failure?.finding,
      },
      times: group.length,
    }));
  }

  #checkBudgets(machine: TestMachine): void {
    for (const { functionIndex, perIteration, span } of this.bench.budgets) {
      const turns = perIteration ? this.#iterations : 1;
      const counted = (name: string) => (this.#counts[name] ?? 0) / turns;
      const budgetCount = (name: string) => numberValue(counted(name));
      machine.vm.budgetCount = budgetCount;
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
            ? "The budget is exceeded"
            : `The budget is exceeded: ${used.join(", ")}`,
        },
        parts: [],
        notes: [],
      };
      return;
    }
  }
}

/** How much each statement has left so far. */
function leftCounts({ machine }: TestMachine): ReadonlyMap<string, number> {
  return new Map(machine.leftovers().map((leak) => [findingKey(leak), leak.more + 1]));
}

function numberValue(count: number): Value {
  return Number.isInteger(count) ? count : new Ratio(count);
}
