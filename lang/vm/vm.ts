/**
 * The machine that runs compiled scripts: a program counter, an operand stack and fuel, which is a
 * number of instructions.
 *
 * It can stop between any two instructions and continue later; limits, stepping and benchmarks need
 * this. The interpreter loop is in `loop.ts`. This file has frames and fuel. The other abilities of
 * a run are in separate parts, which use only the VM's `Control` interface.
 *
 * A frame is a part of the one stack: parameters, captured values, local variables, then operands.
 */
import { PICTURE_COLUMNS } from "../text/columns.ts";
import type { IncidentEvent } from "../values/incident.ts";
import type { Lab } from "@dmalab/devices";
import type { EventRecorder, HostBudget } from "@dmalab/runtime";
import type { Registry } from "../values/registry.ts";
import type { Output, Preemption, ShowStatement } from "../values/execution_context.ts";
import type { LabMachine } from "../values/lab_machine.ts";
import type { Span } from "../source.ts";
import { Activities } from "./activities.ts";
import { Branches } from "./branches.ts";
import { enterAgain, spanAt } from "./call_stack.ts";
import { Calls } from "./calls.ts";
import type { CallShape, Code, OutcomeInfo } from "./code.ts";
import type { Walk } from "./collections.ts";
import {
  type Handler,
  type RunScope,
  SideEffectRefused,
  type StatementListener,
  StatementOver,
} from "./control.ts";
import { Errors } from "./errors.ts";
import { type Failure, ScriptFailure } from "./failure.ts";
import { ReachableValues } from "./reachable_values.ts";
import { CALL_BYTES, type Limits, NATIVE_DEPTH, SLOT_BYTES, STEP_BYTES } from "../values/limits.ts";
import { Invariants } from "./invariants.ts";
import { FRAME_NUMBERS, loop, TO_NATIVE, type VmState } from "./loop.ts";
import { DefectProbes } from "./defect_probes.ts";
import { Members } from "./members.ts";
import { tooDeep, tooDeepInside, tooManySteps, tooMuchMemory, wrongCount } from "./vm_errors.ts";
import { separated } from "../values/changes.ts";
import { describeValue } from "../values/operators.ts";
import { type Question, questionLines } from "../values/question.ts";
import type { RunObserver } from "../values/run_observer.ts";
import type { CallValue } from "./outcome.ts";
import { Races } from "./races.ts";
import type { RunWatch } from "./run_watch.ts";
import { Removals } from "./removals.ts";
import { Sweeps } from "./sweeps.ts";
import { type LimitError, ScriptError } from "../values/script_error.ts";
import { Closure, type Value } from "../values/value.ts";
import { VmDebugHooks } from "./debug_hooks.ts";
import type { DebugHooks } from "../values/execution_context.ts";

/** Number of instructions between two checks of the limits. */
const SLICE_STEPS = 20_000;

export class Vm {
  readonly code: Code;
  readonly registry: Registry;
  readonly machine: LabMachine;
  readonly limits: Limits;
  /** The values of constants, of names of the machine, and of a session's variables. */
  readonly globals: (Value | undefined)[] = [];
  readonly reached = new Set<number>();
  assertions = 0;
  readonly expectedIncidents = new Set<IncidentEvent>();
  budgetCount: (eventName: string) => Value = () => 0;
  watch: RunWatch | null = null;
  observer: RunObserver | null = null;
  /** Called for each statement that starts. */
  marks: StatementListener | null = null;
  readonly following: DebugHooks = new VmDebugHooks(this);
  looking = false;
  /** The result of the last run. */
  result: Value = null;
  /** Why the last run failed. */
  failure: Failure | null = null;

  readonly activities: Activities = new Activities(this);
  readonly branches: Branches = new Branches(this);
  readonly calls: Calls;
  readonly invariants: Invariants = new Invariants(this);
  readonly races: Races = new Races(this, this.branches);
  readonly looks: DefectProbes = new DefectProbes(this, this.branches);
  readonly sweeps: Sweeps = new Sweeps(this, this.branches);
  readonly removals: Removals = new Removals(this);

  readonly members: Members;
  readonly stack: (Value | undefined)[] = [];
  /** The return address, the caller's frame and the function of each active call. */
  readonly frames: Int32Array;
  readonly handlers: Handler[] = [];
  readonly scopes: RunScope[] = [];
  broken: Error | null = null;
  depth = 0;
  deepest = 1;
  pc = 0;
  sp = 0;
  fp = 0;
  /** Steps left until the limit. */
  steps: number;
  /**
   * The values, other than ranges of ints, over which `for` iterates. The index is the loop's slot.
   */
  readonly walks: (Walk | undefined)[] = [];
  readonly charge = (bytes: number): void => this.chargeMemory(bytes);

  readonly #budget: HostBudget;
  readonly #held: ReachableValues;
  readonly #errors: Errors = new Errors(this);
  readonly #output: Output;
  /** Number of scopes that were open before the current function was started. */
  #scopesBefore = 0;
  /** Steps until the next pause. */
  #pauseSteps = Infinity;
  #nativeDepth = 0;

  constructor(
    code: Code,
    registry: Registry,
    machine: LabMachine,
    limits: Limits,
    output: Output,
  ) {
    this.code = code;
    this.registry = registry;
    this.machine = machine;
    this.limits = limits;
    this.members = new Members(registry.types);
    this.calls = new Calls(this, this.stack, this.members);
    this.#output = output;
    this.steps = limits.steps;
    this.#budget = machine.budget;
    const look = () => this.#look();
    this.#budget.onLook = look;
    this.#held = new ReachableValues(this.#budget, this);
    this.frames = new Int32Array(FRAME_NUMBERS * (limits.depth + 2));
  }

  // Below: the interface of the run for builtins.
  get lab(): Lab {
    return this.machine.lab;
  }

  get columns(): number {
    return this.#output.columns ?? PICTURE_COLUMNS;
  }

  get recorder(): EventRecorder {
    return this.machine.recorder;
  }

  call(closure: Closure, args: readonly Value[]): Value {
    if (this.#nativeDepth >= NATIVE_DEPTH) throw tooDeepInside();
    const code = this.code.functions[closure.functionIndex]!;
    if (args.length !== code.parameters.length) throw wrongCount(code, args.length);
    const pc = this.pc;
    const sp = this.sp;
    const fp = this.fp;
    const depth = this.depth;
    const handlers = this.handlers.length;
    this.#reserve(sp + args.length);
    for (let index = 0; index < args.length; index++) this.stack[sp + index] = args[index];
    this.sp = sp + args.length;
    this.enter(closure.functionIndex, args.length, TO_NATIVE - 1 - pc);
    this.#bindCaptured(closure);
    this.#nativeDepth++;
    try {
      this.#execute(depth);
      return this.result;
    } finally {
      this.#nativeDepth--;
      this.handlers.length = handlers;
      this.depth = depth;
      this.pc = pc;
      this.sp = sp;
      this.fp = fp;
    }
  }

  print(line: string, shown?: ShowStatement): void {
    if (!this.looking) this.#output.write(line, shown);
  }

  ask(question: Question): void {
    const { ask } = this.#output;
    if (ask === undefined) questionLines(question).forEach((line) => this.print(line));
    else if (!this.looking) ask(question);
  }

  work(steps: number): void {
    this.#budget.work(steps);
  }

  chargeMemory(bytes: number): void {
    const budget = this.#budget;
    if (!budget.fits(bytes)) throw tooMuchMemory(this.limits);
    budget.valueBytes += bytes;
    budget.work(bytes / STEP_BYTES);
  }

  holdMemory(bytes: number): void {
    const budget = this.#budget;
    if (!budget.fits(bytes)) throw tooMuchMemory(this.limits);
    budget.heldBytes += bytes;
    budget.work(bytes / STEP_BYTES);
  }

  keepWhile<T>(items: readonly Value[], make: () => T): T {
    return this.#held.keepWhile(items, make);
  }

  requireChange(): void {
    if (this.looking) throw new SideEffectRefused("A list or a record");
    this.invariants.requireChange();
  }

  get preemption(): Preemption | null {
    if (this.races.isRunning) return this.races;
    return this.removals.isActing ? this.removals : null;
  }

  // Below: the interface of the run for its parts.

  runPending(): void {
    this.activities.runAll();
  }

  runBetween(pc: number, fp: number): void {
    const before = { pc: this.pc, sp: this.sp, fp: this.fp, depth: this.depth };
    enterAgain(this, pc, fp);
    try {
      this.#execute(before.depth);
    } catch (error) {
      if (!(error instanceof StatementOver)) throw this.#errors.ended(error);
    } finally {
      Object.assign(this, before);
    }
  }

  atRest(): void {
    const { broken } = this;
    if (broken !== null) {
      this.broken = null;
      throw broken;
    }
    if (this.removals.isOpen) this.removals.atRest();
  }

  expecting(expectation: number): void {
    this.assertions++;
    this.reached.add(expectation);
  }

  jump(pc: number): void {
    this.pc = pc;
  }

  /** Notes that a statement starts. @returns True to pause before it does anything. */
  mark(statement: number, floor: number): boolean {
    if (this.marks === null || this.looking) return false;
    return this.following.started(statement) && floor === 0;
  }

  push(value: Value): void {
    this.stack[this.sp++] = value;
  }

  siteSpan = (site: number): Span | null => this.code.sites[site - 1]?.span ?? null;

  siteOf = (span: Span): number => this.code.siteOf(span);

  get debugHooks(): DebugHooks | null {
    return this.marks === null ? null : this.following;
  }

  siteCall = (site: number): Span | null => this.code.sites[site - 1]?.call ?? null;

  // Below: the runner's interface to the VM.

  /** Prepares a call of a function; `resume` runs it. */
  start(functionIndex: number, args: readonly Value[] = []): void {
    this.depth = 0;
    this.handlers.length = 0;
    this.#reserve(args.length);
    for (let index = 0; index < args.length; index++) this.stack[index] = args[index];
    this.sp = args.length;
    this.failure = null;
    this.#scopesBefore = this.scopes.length;
    this.enter(functionIndex, args.length, TO_NATIVE);
  }

  /** Runs a function to its end. @returns The failure; null without one. */
  run(functionIndex: number, args: readonly Value[] = []): Failure | null {
    this.start(functionIndex, args);
    this.resume();
    return this.failure;
  }

  /**
   * Runs until the function returns, a `Yield` is executed, or `steps` instructions are done. In
   * the last two cases, another call of this method continues the run at that point.
   */
  resume(steps: number = Infinity): VmState {
    this.#pauseSteps = steps;
    try {
      const state = this.#execute(0);
      if (state === "done") this.atRest();
      return state;
    } catch (error) {
      const ended = this.#errors.ended(error);
      if (!(ended instanceof ScriptFailure)) {
        for (const scope of this.scopes) scope.branchEnded?.();
        return "branched";
      }
      this.races.leaveAll();
      this.failure = ended.failure;
      // Leave the scopes that the function opened.
      this.leaveScopes(this.scopes.length - this.#scopesBefore);
      return "failed";
    } finally {
      this.countWork();
      this.branches.branch?.watch.stop();
    }
  }

  /** Enters a block at its beginning; `resume` runs it. */
  startBlock(block: Closure): void {
    this.start(block.functionIndex);
    this.#bindCaptured(separated(block));
    this.branches.begin();
  }

  /** Makes the full limit of steps available again, as before each turn of a bench. */
  refillSteps(): void {
    this.countWork();
    this.steps = this.limits.steps;
  }

  /** The place of the next instruction in the source. */
  get span(): Span {
    return spanAt(this.code, this.pc);
  }

  #reserve(length: number): void {
    while (this.stack.length < length) this.stack.push(undefined);
  }

  /** Enters a function with its arguments on top of the stack. */
  enter(functionIndex: number, count: number, returnPc: number): void {
    if (this.depth >= this.limits.depth) throw tooDeep(this.limits);
    const code = this.code.functions[functionIndex]!;
    const frame = FRAME_NUMBERS * this.depth++;
    this.frames[frame] = returnPc;
    this.frames[frame + 1] = this.fp;
    this.frames[frame + 2] = functionIndex;
    const fp = this.sp - count;
    const length = fp + code.slots + code.operands;
    // The outermost function is not charged: it starts, however full the memory is.
    if (this.depth > 1) this.#chargeCall(length);
    this.#reserve(length);
    this.fp = fp;
    this.sp = fp + code.slots;
    this.pc = code.entry;
  }

  /** Charges the host memory of a call that goes deeper than all calls before. */
  #chargeCall(length: number): void {
    const slots = Math.max(0, length - this.stack.length);
    const calls = Math.max(0, this.depth - this.deepest);
    this.deepest += calls;
    if (slots + calls > 0) this.chargeMemory(SLOT_BYTES * slots + CALL_BYTES * calls);
  }

  /** Copies a closure's captured values behind the parameters of the frame just entered. */
  #bindCaptured(closure: Closure): void {
    const first = this.fp + this.code.functions[closure.functionIndex]!.parameters.length;
    const { captured } = closure;
    for (let index = 0; index < captured.length; index++) {
      this.stack[first + index] = captured[index];
    }
  }

  settle(info: OutcomeInfo, incidentsBefore: number, value: CallValue | null): void {
    this.#errors.settle(info, incidentsBefore, value);
  }

  // Calls.

  /** Enters the closure that lies below its own arguments on the stack. */
  enterClosure(shape: CallShape, returnPc: number): void {
    const count = shape.positional;
    const first = this.sp - count - shape.named.length;
    const callee = this.stack[first - 1]!;
    if (!(callee instanceof Closure)) {
      throw new ScriptError("E0916", `Cannot call ${describeValue(callee)}`);
    }
    const code = this.code.functions[callee.functionIndex]!;
    if (shape.named.length > 0) {
      throw new ScriptError("E0917", "A lambda takes its arguments by position, not by name");
    }
    if (count !== code.parameters.length) throw wrongCount(code, count);
    // The frame begins in the slot of the callee, so that returning drops it too.
    this.stack.copyWithin(first - 1, first, this.sp);
    this.sp--;
    this.enter(callee.functionIndex, count, returnPc);
    this.#bindCaptured(callee);
  }

  // Fuel.

  tooManySteps(): LimitError {
    return tooManySteps(this.limits);
  }

  /** Checks the limits. @returns More fuel for the loop; 0 to pause. */
  refuel(floor: number): number {
    const pauseSteps = floor === 0 ? this.#pauseSteps : Infinity;
    if (pauseSteps <= 0) return 0;
    this.countWork();
    this.watch?.check();
    if (this.steps <= 0) throw this.tooManySteps();
    const fuel = Math.min(SLICE_STEPS, this.steps, pauseSteps);
    this.steps -= fuel;
    if (floor === 0) this.#pauseSteps -= fuel;
    return fuel;
  }

  countWork(): void {
    this.steps -= Math.ceil(this.#budget.takeWork());
  }

  /**
   * Checks the limits in the middle of a long instruction. The unused fuel of the current slice is
   * not known at this point.
   */
  #look(): void {
    this.countWork();
    this.watch?.check();
    if (this.steps < -SLICE_STEPS) throw this.tooManySteps();
  }

  /**
   * Runs until the frame above `floor` returns, and recovers from errors that a handler catches.
   */
  #execute(floor: number): VmState {
    for (;;) {
      try {
        return loop(this, floor);
      } catch (error) {
        this.#errors.recover(error, floor);
      }
    }
  }

  leaveScopes(count: number): void {
    for (let left = count; left > 0; left--) this.scopes.pop()!.leave();
  }

  handle(outcome: OutcomeInfo | null, pc: number): void {
    const { depth, fp, scopes: { length: scopes }, sp, machine: { incidents, stream } } = this;
    const { cpu } = stream.context;
    this.handlers.push({ pc, sp, fp, depth, cpu, outcome, incidents: incidents.length, scopes });
  }
}

/**
 * Calls `ask`. During the call, all actions that would change something are refused.
 *
 * @param steps Limit of the steps of `ask`; the run's own steps are not changed.
 * @throws {SideEffectRefused} When `ask` tries to change something.
 */
export function evaluateWithoutEffects<T>(vm: Vm, steps: number, ask: () => T): T {
  const { steps: left, machine: { stream } } = vm;
  const { context: { site }, seq } = stream;
  vm.looking = true;
  vm.steps = steps;
  try {
    const answer = ask();
    if (stream.seq !== seq) throw new SideEffectRefused("The machine");
    return answer;
  } finally {
    vm.countWork();
    vm.looking = false;
    vm.steps = left;
    stream.context.site = site;
  }
}
