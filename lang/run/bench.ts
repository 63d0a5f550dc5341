/**
 * Runs a bench: counts the costs of the loop's iterations on one machine, but does not measure host
 * time.
 */
import { groupBy } from "@dmalab/runtime/basics";
import { GOES_ON } from "../compile/compile_program.ts";
import { readCountKey } from "../check/names/bench_names.ts";
import {
  BENCH_FIGURES,
  type BenchTally,
  figureEach,
  figureNamed,
  figureTotal,
} from "../bench/figures.ts";
import { summariseLatencies } from "../bench/distribution.ts";
import { formatValue } from "../render/value_text.ts";
import { spanPlace, spanText } from "../source.ts";
import { findingKey } from "../values/incident.ts";
import { failed, type Failure } from "../vm/failure.ts";
import { RunWatch } from "../vm/run_watch.ts";
import type { Vm } from "../vm/vm.ts";
import { Quantity, Ratio, type Value } from "../values/value.ts";
import type { EventListener, TestLeak } from "@dmalab/runtime";
import type { Program } from "./program.ts";
import type { TestEntry } from "./test_entry.ts";
import { describeIncident, DISPLAYED_INCIDENTS, foundIncidents, judgeEnd } from "./incidents.ts";
import type { BenchIncident, BenchOutcome, BenchReport, BusyTime } from "./report.ts";
import { type RunOptions, type SharedOptions, sharedOptions } from "./run_options.ts";
import { reportFailure } from "./tally.ts";
import { startMachine, TestMachine } from "./test_machine.ts";
import { judgeExpectations } from "./bench_expectations.ts";
import { axisOf } from "./bench_cells.ts";
import type { LabMachine } from "../values/lab_machine.ts";

/** When a request began, and when its latest event happened. */
interface RequestTimes {
  readonly startNs: number;
  endNs: number;
  isComplete: boolean;
}

/** The initial sums of the event fields that contain amounts. */
const NO_SUMS = { entries: 0, iotlbMisses: 0, copiedBytes: 0, memoryBytes: 0, treeAllocs: 0 };

/** Listens to a machine from the counter's creation until `stop`. */
class TurnCounter {
  /** How long each CPU and each device worked in the counted turns; empty before the end. */
  busy: readonly BusyTime[] = [];
  readonly #before: Float64Array;
  readonly #busyBefore: ReadonlyMap<string, number>;
  readonly #startNs: number;
  #turnNs: number;
  readonly #turnsNs: number[] = [];
  readonly #requests = new Map<number, RequestTimes>();
  readonly #sums = { ...NO_SUMS };
  readonly #stopListening: () => void;

  constructor(readonly machine: LabMachine) {
    this.#before = machine.stream.counts.slice();
    this.#busyBefore = machine.busyNs();
    this.#startNs = this.#turnNs = machine.nowNs();
    this.#stopListening = machine.listen(this.#heard);
  }

  turnEnded(): void {
    const nowNs = this.machine.nowNs();
    this.#turnsNs.push(nowNs - this.#turnNs);
    this.#turnNs = nowNs;
  }

  /** Stops counting. @returns The counts. */
  stop(): BenchTally {
    this.#stopListening();
    const virtualNs = this.machine.nowNs() - this.#startNs;
    this.busy = [...this.machine.busyNs()].map(([name, ns]) => ({
      name,
      busyNs: ns - (this.#busyBefore.get(name) ?? 0),
    }));
    const requests = [...this.#requests.values()].filter(({ isComplete }) => isComplete);
    return {
      counts: Object.fromEntries(this.machine.stream.countsSince(this.#before)),
      ...this.#sums,
      virtualNs,
      latency: requests.length > 0
        ? summariseLatencies("request", requests.map(({ endNs, startNs }) => endNs - startNs))
        : summariseLatencies("iteration", this.#turnsNs),
    };
  }

  readonly #heard: EventListener = (event) => {
    if (event.request !== null) this.#request(event.request, event.at_ns, event.name);
    switch (event.name) {
      case "iommu.map":
      case "iommu.unmap":
        for (const [, count] of event.fields.leaves) this.#sums.entries += count;
        break;
      case "iommu.translate":
        if (event.fields.hit === "walk") this.#sums.iotlbMisses++;
        break;
      case "swiotlb.copy":
        this.#sums.copiedBytes += event.fields.size_bytes;
        break;
      case "mem.alloc":
        this.#sums.memoryBytes += event.fields.size_bytes;
        break;
      case "iova.alloc":
        if (event.fields.source !== "rcache") this.#sums.treeAllocs++;
        break;
      default:
        break;
    }
  };

  #request(request: number, atNs: number, name: string): void {
    const times = this.#requests.get(request);
    if (times === undefined) {
      this.#requests.set(request, { startNs: atNs, endNs: atNs, isComplete: false });
      return;
    }
    if (atNs > times.endNs) times.endNs = atNs;
    if (name === "nvme.complete") times.isComplete = true;
  }
}

/** Options of a bench. */
export interface BenchOptions extends RunOptions {
  /**
   * Iterations before the counted ones. They bring the caches into the state that they have in the
   * middle of a long run.
   */
  readonly warmup?: number;
  /** Counted iterations. The counts depend on this number and not on a clock. */
  readonly iterations?: number;
}

const DEFAULT_WARMUP = 100;

/**
 * Possible numbers of counted iterations. After each of these numbers, a loop stops if the events
 * up to the next number would exceed the limit.
 */
const ITERATIONS = [10, 20, 50, 100, 200, 500, 1000] as const;

/**
 * Maximum number of events of a loop without a count, so that even a bench with large loops ends in
 * time.
 */
const MAX_EVENTS = 100_000;
const MAX_WARMUP_EVENTS = MAX_EVENTS / 10;

const NOTHING_COUNTED: BenchTally = {
  counts: {},
  ...NO_SUMS,
  virtualNs: 0,
  latency: summariseLatencies("iteration", []),
};

/** Runs one bench on one machine. */
export function runBench(
  program: Program,
  bench: TestEntry,
  options: BenchOptions = {},
): BenchOutcome {
  return new BenchRun(program, bench, options).outcome();
}

/** The loop of a bench on a separate machine, run turn by turn. */
export class BenchLoop {
  /** Why the loop cannot continue; null while it can. */
  failure: Failure | null = null;
  /** Null if the machine could not be built. */
  readonly machine: TestMachine | null;
  #goesOn = true;

  /** Runs the setup, until just before the first turn. */
  constructor(program: Program, bench: TestEntry, shared: SharedOptions) {
    const { args, config, functionIndex, span, usesEvents } = bench;
    const { machine: common, watch } = shared;
    const runWatch = watch && new RunWatch(watch, common.limits);
    const options = { ...common, record: usesEvents, watch: runWatch };
    const machine = startMachine(program, config, options, span);
    this.machine = machine instanceof TestMachine ? machine : null;
    this.failure = machine instanceof TestMachine ? machine.failure : machine;
    if (this.failure !== null || this.machine === null) return;
    const { vm } = this.machine;
    const goesOn = (name: string) => name === GOES_ON && this.#goesOn;
    vm.budgetCount = goesOn;
    vm.start(functionIndex, args);
    this.turns(1);
  }

  /** Runs some turns, each with the limits of a test. False when a turn failed. */
  turns(count: number): boolean {
    const vm = this.machine!.vm;
    for (let turn = 0; turn < count; turn++) {
      vm.refillSteps();
      if (vm.resume() === "failed") {
        this.failure = vm.failure;
        return false;
      }
    }
    return true;
  }

  /** Runs the teardown, if there is one. */
  end({ declaration }: TestEntry): boolean {
    this.#goesOn = false;
    return declaration.kind !== "Bench" || declaration.teardown === null || this.turns(1);
  }
}

/**
 * Runs the setup of a bench, and stops before the first turn, so that the caller can measure the
 * time of the turns. `failure` is set if the bench cannot run.
 */
export function startBenchLoop(
  program: Program,
  bench: TestEntry,
  options: BenchOptions = {},
): BenchLoop {
  return new BenchLoop(program, bench, sharedOptions(options));
}

class BenchRun {
  readonly #shared: SharedOptions;
  #iterations = 0;
  #warmup = 0;
  #stopped: BenchOutcome["stopped"] = null;
  #tally = NOTHING_COUNTED;
  #busy: readonly BusyTime[] = [];
  #failure: Failure | null = null;
  #isOverBudget = false;
  #incidents: readonly BenchIncident[] = [];
  /** Resources that each counted turn left allocated. */
  #leaks: readonly TestLeak[] = [];

  constructor(
    readonly program: Program,
    readonly bench: TestEntry,
    readonly options: BenchOptions,
  ) {
    this.#shared = sharedOptions(options);
  }

  outcome(): BenchOutcome {
    const { axes, combination, config, declaration, name, skip, span } = this.bench;
    if (!skip) this.#run();
    const failed = this.#failure === null ? "passed" : "failed";
    return {
      name,
      combination,
      bench: declaration.name,
      axes,
      place: spanPlace(span),
      outcome: skip ? "skipped" : failed,
      failure: this.#failure === null ? null : reportFailure(this.#failure, this.#shared.style),
      isOverBudget: this.#isOverBudget,
      seed: this.#shared.machine.seed ?? config.seed,
      iterations: this.#iterations,
      warmup: this.#warmup,
      stopped: this.#stopped,
      latenciesNs: Object.fromEntries(
        Object.entries(config.latenciesNs).filter(([, ns]) => ns !== 0),
      ),
      busy: this.#busy,
      incidents: this.#incidents,
      ...this.#tally,
    };
  }

  #run(): void {
    const loop = new BenchLoop(this.program, this.bench, this.#shared);
    const { machine } = loop;
    if (machine !== null && loop.failure === null) this.#count(loop, machine);
    this.#failure = loop.failure;
    if (machine === null) return;
    this.#failure ??= judgeEnd(machine.vm, this.#leaks) ?? this.#judgeCounts();
    this.#incidents = this.#incidentsOf(machine.vm);
    if (this.#failure === null) this.#checkBudgets(machine);
  }

  /** Fails a bench with a loop that does nothing on the machine: its table would have no row. */
  #judgeCounts(): Failure | null {
    const { counts, latency: _latency, virtualNs, ...sums } = this.#tally;
    const numbers = [virtualNs, ...Object.values(counts), ...Object.values(sums)];
    if (numbers.some((number) => number !== 0)) return null;
    return failed({
      code: "E0928",
      span: this.bench.span,
      message: "The loop of this bench counts nothing: no event happens in it, and no time passes",
      hint: "map, allocate, submit or wait in `loop`",
    });
  }

  /** Counts what the iterations do, which depends on the program and the seed alone. */
  #count(loop: BenchLoop, { machine }: TestMachine): void {
    if (!this.#warmUp(loop, machine.stream)) return;
    const held = leftCounts(machine);
    const counter = new TurnCounter(machine);
    const ended = this.#countedTurns(loop, machine.stream, counter);
    this.#tally = counter.stop();
    this.#busy = counter.busy;
    if (!ended || !loop.end(this.bench)) return;
    // A resource is a leak if a statement left such a resource in each counted iteration. Resources
    // of the setup, and resources in a ring that is full after the warm-up, are therefore no leaks.
    this.#leaks = machine.leftovers().filter((leak) =>
      leak.more + 1 - (held.get(findingKey(leak)) ?? 0) >= this.#iterations
    );
  }

  #warmUp(loop: BenchLoop, stream: { readonly seq: number }): boolean {
    const turns = this.options.warmup ?? (this.bench.loopCount === null ? DEFAULT_WARMUP : 0);
    const lastSeq = stream.seq + MAX_WARMUP_EVENTS;
    while (this.#warmup < turns && (stream.seq < lastSeq || this.options.warmup !== undefined)) {
      if (!loop.turns(1)) return false;
      this.#warmup++;
    }
    return true;
  }

  #countedTurns(loop: BenchLoop, stream: { readonly seq: number }, counter: TurnCounter): boolean {
    const wanted = this.options.iterations ?? this.bench.loopCount;
    const startSeq = stream.seq;
    for (const [index, stop] of (wanted === null ? ITERATIONS : [wanted]).entries()) {
      for (; this.#iterations < stop; this.#iterations++) {
        if (!loop.turns(1)) return false;
        counter.turnEnded();
      }
      const next = ITERATIONS[index + 1];
      if (wanted !== null || next === undefined) break;
      if ((stream.seq - startSeq) * next > MAX_EVENTS * stop) {
        this.#stopped = "events";
        return true;
      }
    }
    this.#stopped = this.options.iterations === undefined && wanted !== null
      ? "loop count"
      : "iterations";
    return true;
  }

  /** The unexpected incidents so far, once for each statement and class. */
  #incidentsOf(vm: Vm): BenchIncident[] {
    const found = [
      ...foundIncidents(vm),
      ...this.#leaks.map((finding) => ({ finding, context: vm, where: null })),
    ];
    const groups = [...groupBy(found, ({ finding }) => findingKey(finding)).values()];
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
      const counted = (name: string) =>
        perIteration
          ? figureEach(name, this.#tally, this.#iterations)
          : figureTotal(name, this.#tally);
      const figure = (key: string) => figureValue(key, counted(readCountKey(key).figure));
      machine.vm.budgetCount = figure;
      const failure = machine.vm.run(functionIndex);
      if (failure !== null) {
        this.#failure = failure;
        return;
      }
      if (machine.vm.result === true) continue;
      const named: readonly string[] = spanText(span).match(/[A-Za-z_][\w.]*/g) ?? [];
      const used = [...BENCH_FIGURES.map(({ name }) => name), ...Object.keys(this.#tally.counts)]
        .filter((name) => named.includes(name))
        .map((name) => {
          const value = formatValue(figureValue(name, counted(name)));
          return `${name} ${value}${perIteration ? " per iteration" : ""}`;
        });
      this.#isOverBudget = true;
      const over = used.length === 0 ? "" : `: ${used.join(", ")}`;
      this.#failure = failed({ code: "E0909", span, message: `The budget is exceeded${over}` });
      return;
    }
  }
}

/** The number of resources that each statement has left so far. */
function leftCounts(machine: TestMachine["machine"]): ReadonlyMap<string, number> {
  return new Map(machine.leftovers().map((leak) => [findingKey(leak), leak.more + 1]));
}

/** A figure as a value of the language: a size, a duration, or a number. */
export function figureValue(key: string, value: number): Value {
  const unit = figureNamed(readCountKey(key).figure)?.unit ?? "count";
  if (unit === "count") return Number.isInteger(value) ? value : new Ratio(value);
  return new Quantity(unit === "ns" ? "duration" : "size", value);
}

/** Runs all benches of a program, each cell on a separate machine, until a bench is interrupted. */
export function runBenches(program: Program, options: BenchOptions = {}): readonly BenchReport[] {
  const outcomes: BenchOutcome[] = [];
  for (const cell of program.tests) {
    if (options.watch?.interrupted()) break;
    if (cell.kind === "bench") outcomes.push(runBench(program, cell, options));
  }
  return benchReports(program, outcomes, options);
}

/**
 * Assigns cells that ran together to their benches, and judges the expectations of the benches.
 *
 * @param outcomes Results of `runBench` for cells of this program, in the order of `program.tests`.
 */
export function benchReports(
  program: Program,
  outcomes: readonly BenchOutcome[],
  options: RunOptions = {},
): readonly BenchReport[] {
  const benches = program.tests.filter(({ kind }) => kind === "bench");
  const byPlace = groupBy(benches, ({ span }) => spanPlace(span));
  return [...byPlace].flatMap(([place, entries]) => {
    const cells = outcomes.filter((outcome) => outcome.place === place);
    if (cells.length === 0) return [];
    const { baseline, budgets, declaration } = entries[0]!;
    const key = baseline === null ? null : axisOf(entries.map(({ axes }) => axes), baseline);
    return {
      name: declaration.name,
      place,
      baseline: key === null ? null : { key, value: baseline! },
      cells,
      budgets: budgets.length,
      expectations: judgeExpectations(program, entries, cells, options),
    };
  });
}
