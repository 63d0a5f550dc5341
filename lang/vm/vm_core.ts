/**
 * What the VM is made of beside its instructions: frames, calls, errors and fuel.
 *
 * A frame is a stretch of the one stack: parameters, captured values, locals, then operands.
 */
import type { Lab } from "../../devices/lab.ts";
import type { MachineEvent } from "../../runtime/events.ts";
import type { EventRecorder } from "../../runtime/recorder.ts";
import type { Registry } from "../values/registry.ts";
import type { FunctionSpec, MethodSpec } from "../values/spec.ts";
import type { Run } from "../values/run.ts";
import type { World } from "../values/world.ts";
import { groupThousands } from "../text/numbers.ts";
import { isInside, type Span } from "../source.ts";
import { convertArguments } from "../values/call_arguments.ts";
import { type Binding, bindShape } from "./call_shape.ts";
import type { CallShape, Code, OutcomeInfo } from "./code.ts";
import type { Walk } from "./collections.ts";
import { type Failure, ScriptFailure } from "./failure.ts";
import { type CallerPlace, describeFailure, raisedPlaces } from "./failure_report.ts";
import { hostLimit } from "./host_limits.ts";
import { type Limits, NATIVE_DEPTH } from "../values/limits.ts";
import { Members } from "./members.ts";
import { attempt, wrongCount } from "./mistakes.ts";
import { describeValue } from "../values/operators.ts";
import type { Raised } from "../values/raised_error.ts";
import { settleOutcome } from "./outcome.ts";
import type { RunWatch } from "./run_watch.ts";
import { LimitError, ScriptError } from "../values/script_error.ts";
import { Closure, RecordValue, type Value, Word } from "../values/value.ts";

/** How a run of the VM came to its end, or to a pause. */
export type VmState = "done" | "paused" | "yielded" | "branched" | "failed";

/** Instructions between two looks at the limits. */
const SLICE_STEPS = 20_000;

/** Calls of builtins between two looks at the clock: one of them may take a tenth of a second. */
const WATCHED_CALLS = 16;

/** Frames hold three numbers each: where to return to, the caller's frame, the function. */
export const FRAME_NUMBERS = 3;

/**
 * Where a frame returns to that was called by no instruction: by the runner, or, so much less, by a
 * builtin in the instruction of that number.
 */
export const TO_NATIVE = -1;

/** Something that takes kernel errors: `try`, or an expected outcome. */
export interface Handler {
  readonly pc: number;
  readonly sp: number;
  readonly fp: number;
  readonly depth: number;
  readonly cpu: number;
  /** Null for `try`. */
  readonly outcome: OutcomeInfo | null;
  /** How many faults and reports there were before. */
  readonly incidents: number;
  /** How many scopes were open. */
  readonly scopes: number;
}

/** Something that holds for a block and ends with it: a point that fails, an invariant. */
export interface RunScope {
  leave(): void;
}

/** A run that was to do one branch only has come to the end of it. */
export class BranchEnded extends Error {}

/** A kernel error on its way to somebody who takes it. */
export class Raising extends Error {
  constructor(readonly raised: Raised, readonly span: Span, readonly callers: CallerPlace[]) {
    super(raised.what);
  }
}

/** Where the lines of a run go; shared by all its tests, because the limit is. */
export interface Output {
  write(line: string): void;
}

export abstract class VmCore implements Run {
  readonly code: Code;
  readonly registry: Registry;
  readonly world: World;
  readonly limits: Limits;
  /** Consts, names of the machine and a session's variables. */
  readonly globals: (Value | undefined)[] = [];
  /** Statements that expected something, and how often one was checked. */
  readonly reached = new Set<number>();
  assertions = 0;
  /** Faults and reports that a statement expected. */
  readonly expectedIncidents = new Set<MachineEvent>();
  /** How often events happened in the turns that a budget is about, for `Count`. */
  budgetCount: (eventName: string) => Value = () => 0;
  /** Looked at now and then; null where nobody has a clock. */
  watch: RunWatch | null = null;
  /** What the last run gave back. */
  result: Value = null;
  /** Why it failed. */
  failure: Failure | null = null;

  protected readonly members: Members;
  readonly #output: Output;
  protected readonly stack: (Value | undefined)[] = [];
  /** Where to return to, the caller's frame and the function of each running call. */
  protected readonly frames: Int32Array;
  protected readonly handlers: Handler[] = [];
  protected readonly scopes: RunScope[] = [];
  /** How many of them were open before the function that runs. */
  #scopesBefore = 0;
  /** An invariant that an event broke; thrown as soon as the machine is at rest. */
  protected broken: Error | null = null;
  readonly #bindings: (Binding | undefined)[] = [];
  readonly #boundTo: (FunctionSpec | MethodSpec | undefined)[] = [];
  protected depth = 0;
  protected pc = 0;
  protected sp = 0;
  protected fp = 0;
  /** Steps left until the limit. */
  protected steps: number;
  /** Steps until the next pause. */
  #budget = Infinity;
  #memory: number;
  #nativeDepth = 0;
  #builtinCalls = 0;
  /** What lists and strings that operators make cost. */
  protected readonly charge = (bytes: number) => this.chargeMemory(bytes);
  /** What `for` walks, where it is no range of ints, by the slot of the loop. */
  protected readonly walks: (Walk | undefined)[] = [];

  constructor(code: Code, registry: Registry, world: World, limits: Limits, output: Output) {
    this.code = code;
    this.registry = registry;
    this.world = world;
    this.limits = limits;
    this.members = new Members(registry.types);
    this.#output = output;
    this.steps = limits.steps;
    this.#memory = limits.memoryBytes;
    this.frames = new Int32Array(FRAME_NUMBERS * (limits.depth + 2));
  }

  // What builtins see of the run.

  get lab(): Lab {
    return this.world.lab;
  }

  get recorder(): EventRecorder {
    return this.world.recorder;
  }

  call(closure: Closure, args: readonly Value[]): Value {
    if (this.#nativeDepth >= NATIVE_DEPTH) throw this.#tooDeepInside();
    const code = this.code.functions[closure.functionIndex]!;
    if (args.length !== code.parameters.length) throw wrongCount(code, args.length);
    const pc = this.pc;
    const sp = this.sp;
    const fp = this.fp;
    const depth = this.depth;
    const handlers = this.handlers.length;
    this.reserve(sp + args.length);
    for (let index = 0; index < args.length; index++) this.stack[sp + index] = args[index];
    this.sp = sp + args.length;
    this.enter(closure.functionIndex, args.length, TO_NATIVE - 1 - pc);
    this.bindCaptured(closure);
    this.#nativeDepth++;
    try {
      this.execute(depth);
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

  print(line: string): void {
    this.#output.write(line);
  }

  chargeMemory(bytes: number): void {
    this.#memory -= bytes;
    if (this.#memory < 0) {
      throw new LimitError(
        "E0802",
        `The script's values take more than ${groupThousands(this.limits.memoryBytes)} bytes`,
        memoryHint(this.limits),
      );
    }
  }

  siteSpan(site: number): Span | null {
    return this.code.sites[site - 1] ?? null;
  }

  // What the runner does with the VM.

  /** Prepares a call of a function; `resume` runs it. */
  start(functionIndex: number, args: readonly Value[] = []): void {
    this.depth = 0;
    this.handlers.length = 0;
    this.reserve(args.length);
    for (let index = 0; index < args.length; index++) this.stack[index] = args[index];
    this.sp = args.length;
    this.failure = null;
    this.#scopesBefore = this.scopes.length;
    this.enter(functionIndex, args.length, TO_NATIVE);
  }

  /**
   * Runs until the function returns, hands control back by `Yield`, or has done `steps`
   * instructions; in the last two cases a further call goes on where it stopped.
   */
  resume(steps: number = Infinity): VmState {
    this.#budget = steps;
    try {
      return this.execute(0);
    } catch (error) {
      if (error instanceof BranchEnded || error instanceof Raising && this.endsBranch(error)) {
        return "branched";
      }
      this.fail(error);
      return "failed";
    }
  }

  /** Steps left until the limit. */
  get stepsLeft(): number {
    return this.steps;
  }

  /** The run has failed; scopes that it opened are left. */
  protected fail(error: unknown): void {
    this.failure = error instanceof ScriptFailure ? error.failure : this.#describe(error);
    this.leaveScopes(this.scopes.length - this.#scopesBefore);
  }

  /** True when an error that nobody takes ends a branch, and not the run. */
  protected endsBranch(_raising: Raising): boolean {
    return false;
  }

  /** Gives back the steps and the memory of the limits, as before each turn of a bench. */
  refillLimits(): void {
    this.steps = this.limits.steps;
    this.#memory = this.limits.memoryBytes;
  }

  /** Where the next instruction stands in the source. */
  get span(): Span {
    return this.#spanAt(this.pc);
  }

  // Frames.

  protected reserve(length: number): void {
    const stack = this.stack;
    while (stack.length < length) stack.push(undefined);
  }

  /** Enters a function whose arguments are the top of the stack. */
  protected enter(functionIndex: number, count: number, returnPc: number): void {
    if (this.depth >= this.limits.depth) throw this.#tooDeep();
    const code = this.code.functions[functionIndex]!;
    const frame = FRAME_NUMBERS * this.depth++;
    this.frames[frame] = returnPc;
    this.frames[frame + 1] = this.fp;
    this.frames[frame + 2] = functionIndex;
    const fp = this.sp - count;
    this.reserve(fp + code.slots + code.operands);
    this.fp = fp;
    this.sp = fp + code.slots;
    this.pc = code.entry;
  }

  /** Puts a closure's captured values behind the parameters of the frame just entered. */
  protected bindCaptured(closure: Closure): void {
    const first = this.fp + this.code.functions[closure.functionIndex]!.parameters.length;
    const { captured } = closure;
    for (let index = 0; index < captured.length; index++) {
      this.stack[first + index] = captured[index];
    }
  }

  #tooDeep(): LimitError {
    return new LimitError(
      "E0803",
      `Calls are nested more than ${this.limits.depth} deep`,
      "a function that calls itself must come to an end; " +
        `\`--max-depth ${2 * this.limits.depth}\` allows twice as many`,
    );
  }

  /** Each call of the script by a builtin takes a part of the host's own stack. */
  #tooDeepInside(): LimitError {
    return new LimitError(
      "E0803",
      `Builtins that call the script, as \`map\` does, are nested more than ${NATIVE_DEPTH} deep`,
      "no option allows more: a loop with `for` has no such limit",
    );
  }

  // Errors.

  #spanAt(pc: number): Span {
    const { spanIndexes, spans } = this.code;
    return spans[spanIndexes[Math.max(0, pc - 1)]!]!;
  }

  #callers(): CallerPlace[] {
    const callers: CallerPlace[] = [];
    for (let depth = this.depth - 1; depth >= 0; depth--) {
      const frame = FRAME_NUMBERS * depth;
      const returnPc = this.frames[frame]!;
      if (returnPc === TO_NATIVE) continue;
      const isNative = returnPc < TO_NATIVE;
      const span = this.#spanAt(isNative ? TO_NATIVE - 1 - returnPc : returnPc);
      // A lambda that stands in the very call that calls it is seen there.
      if (isNative && isInside(callers.at(-1)?.span ?? this.#spanAt(this.pc), span)) continue;
      callers.push({ span, callee: this.code.functions[this.frames[frame + 2]!]!.name });
    }
    return callers;
  }

  #describe(error: unknown): Failure {
    const { recorder } = this.world;
    return describeFailure(error, {
      span: error instanceof Raising ? error.span : this.#spanAt(this.pc),
      callers: error instanceof Raising ? error.callers : this.#callers(),
      raised: error instanceof Raising ? error.raised : null,
      events: recorder.events,
    });
  }

  /** Gives a kernel error to the handler that takes it; throws everything else. */
  #recover(error: unknown, floor: number): void {
    if (error instanceof ScriptFailure || error instanceof BranchEnded) throw error;
    let raising: Raising;
    if (error instanceof Raising) {
      raising = error;
    } else {
      const known = this.registry.classifyError(error);
      if (known === null) {
        throw new ScriptFailure(this.#describe(hostLimit(error) ?? error));
      }
      if (known.kind === "memory_limit") {
        throw new ScriptFailure(
          this.#describe(new LimitError("E0802", known.what, memoryHint(this.limits))),
        );
      }
      raising = new Raising(known, this.#spanAt(this.pc), this.#callers());
    }
    const handler = this.handlers.at(-1);
    if (handler === undefined || handler.depth <= floor) throw raising;
    this.handlers.pop();
    this.handlerTaken();
    const site = this.world.stream.site;
    this.depth = handler.depth;
    this.fp = handler.fp;
    this.sp = handler.sp;
    this.world.stream.cpu = handler.cpu;
    this.leaveScopes(this.scopes.length - handler.scopes);
    if (handler.outcome === null) {
      const { errno } = raising.raised;
      const word = this.registry.words.get(errno) ?? new Word(errno);
      this.stack[this.sp++] = attempt(false, null, word, this.world.recorder.events.length);
    } else {
      this.settle(handler.outcome, handler.incidents, raising, null, site);
    }
    this.pc = handler.pc;
  }

  /** A handler was taken off to take an error. */
  protected handlerTaken(): void {}

  protected settle(
    info: OutcomeInfo,
    incidentsBefore: number,
    raising: Raising | null,
    value: string | null,
    site: number | null,
  ): void {
    const incidents = this.world.incidents.slice(incidentsBefore);
    const raised = raising?.raised ?? null;
    let expected: readonly MachineEvent[];
    try {
      const raisedAt = raising === null
        ? []
        : raisedPlaces(raising, raising.callers.length - this.#callers().length);
      expected = settleOutcome(info, { raised, raisedAt, value, incidents, site });
    } catch (error) {
      throw new ScriptFailure(this.#describe(error));
    }
    for (const event of expected) this.expectedIncidents.add(event);
  }

  // Calls.

  /** Where a shape's arguments go for this callee; worked out once for each place of a call. */
  #bind(index: number, shape: CallShape, callee: FunctionSpec | MethodSpec): Binding {
    if (this.#boundTo[index] === callee) return this.#bindings[index]!;
    const binding = bindShape(callee, shape);
    this.#boundTo[index] = callee;
    this.#bindings[index] = binding;
    return binding;
  }

  /** Takes a call's arguments off the stack, in the order of the callee's parameters. */
  #arguments(index: number, shape: CallShape, callee: FunctionSpec | MethodSpec, first: number) {
    const { length, places } = this.#bind(index, shape, callee);
    const args: (Value | undefined)[] = new Array(length).fill(undefined);
    for (let at = 0; at < places.length; at++) args[places[at]!] = this.stack[first + at];
    return convertArguments(callee, args);
  }

  protected callBuiltin(builtin: number, index: number, first: number): Value {
    if (++this.#builtinCalls % WATCHED_CALLS === 0) this.watch?.check();
    const spec = this.code.builtins[builtin]!;
    const value = spec.run(this, this.#arguments(index, this.code.shapes[index]!, spec, first));
    if (this.broken !== null) this.throwBroken();
    return value;
  }

  /** Calls a method; the receiver stands before the arguments. */
  protected callMethod(index: number, first: number): Value {
    if (++this.#builtinCalls % WATCHED_CALLS === 0) this.watch?.check();
    const shape = this.code.shapes[index]!;
    const { method, target } = this.members.method(this.stack[first]!, shape.name);
    const value = method.run(this, target, this.#arguments(index, shape, method, first + 1));
    if (this.broken !== null) this.throwBroken();
    return value;
  }

  /** The machine is between two jobs: a broken invariant can end the run without harm. */
  protected throwBroken(): void {
    const { broken } = this;
    this.broken = null;
    if (broken !== null) throw broken;
  }

  // Fuel.

  protected tooManySteps(): LimitError {
    return new LimitError(
      "E0801",
      `The script ran for more than ${groupThousands(this.limits.steps)} steps`,
      `it may never end; \`--max-steps ${
        groupThousands(2 * this.limits.steps)
      }\` allows twice as many`,
    );
  }

  /** More fuel for the loop; 0 to pause. */
  protected refuel(floor: number): number {
    const budget = floor === 0 ? this.#budget : Infinity;
    if (budget <= 0) return 0;
    this.watch?.check();
    if (this.steps <= 0) throw this.tooManySteps();
    const fuel = Math.min(SLICE_STEPS, this.steps, budget);
    this.steps -= fuel;
    if (floor === 0) this.#budget -= fuel;
    return fuel;
  }

  /** Does instructions until the frame above `floor` returns, or there is a reason to stop. */
  protected abstract loop(floor: number): VmState;

  /** Runs until the frame above `floor` returns. */
  protected execute(floor: number): VmState {
    for (;;) {
      try {
        return this.loop(floor);
      } catch (error) {
        this.#recover(error, floor);
      }
    }
  }

  /** Ends the innermost scopes. */
  protected leaveScopes(count: number): void {
    for (let left = count; left > 0; left--) this.scopes.pop()!.leave();
  }

  protected handle(outcome: OutcomeInfo | null, pc: number): void {
    this.handlers.push({
      pc,
      sp: this.sp,
      fp: this.fp,
      depth: this.depth,
      cpu: this.world.stream.cpu,
      outcome,
      incidents: this.world.incidents.length,
      scopes: this.scopes.length,
    });
  }

  /** Enters the closure that stands below its arguments. */
  protected callClosure(shape: CallShape, returnPc: number): void {
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
    // The frame begins where the callee stood, so that returning drops it too.
    this.stack.copyWithin(first - 1, first, this.sp);
    this.sp--;
    this.enter(callee.functionIndex, count, returnPc);
    this.bindCaptured(callee);
  }

  /** Puts a record's entry in the place of the record when it is a function to be called. */
  protected entryClosure(shape: CallShape, first: number): boolean {
    const receiver = this.stack[first];
    if (!(receiver instanceof RecordValue)) return false;
    const entry = receiver.entries.get(shape.name);
    if (!(entry instanceof Closure)) return false;
    this.stack[first] = entry;
    return true;
  }
}

function memoryHint({ memoryBytes }: Limits): string {
  return `\`--max-memory ${groupThousands(2 * memoryBytes)}\` allows twice as much`;
}
