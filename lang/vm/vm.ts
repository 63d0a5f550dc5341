/**
 * The machine that runs compiled scripts: a program counter, an operand stack and fuel.
 *
 * It can stop between any two instructions and go on later, which is what limits, stepping and
 * benchmarks need. Ints are plain numbers on the stack; everything rarer than arithmetic, jumps and
 * calls is done in a module of its own, so that the loop stays small enough for the host's
 * optimizing compiler. The opcodes stand here and not in a file of their own because only a
 * `const enum` of the same module becomes the literal `case` labels of a jump table.
 */
import type { Lab } from "../../devices/lab.ts";
import type { MachineEvent } from "../../runtime/events.ts";
import type { EventRecorder } from "../../runtime/recorder.ts";
import type { Registry } from "../builtins/registry.ts";
import type { FunctionSpec, MethodSpec } from "../builtins/spec.ts";
import { formatValue } from "../render/value_text.ts";
import type { Run } from "../run/run.ts";
import type { World } from "../run/world.ts";
import type { Span } from "../source.ts";
import { convertArguments } from "./arguments.ts";
import { type Binding, bindShape } from "./call_shape.ts";
import type { CallShape, Code, FunctionCode, OutcomeInfo } from "./code.ts";
import { indexValue, iterationItems, patternMatches, type Walk } from "./collections.ts";
import { valuesEqual } from "./equality.ts";
import { checkEvents } from "./expected_events.ts";
import { failedAssertion } from "./failed_assertion.ts";
import { ExpectationError, type Failure, ScriptFailure } from "./failure.ts";
import { type CallerPlace, describeFailure } from "./failure_report.ts";
import { ACTIVITY_STEPS, BUILTIN_STEPS, type Limits, NATIVE_DEPTH } from "./limits.ts";
import { fieldOf, methodOf } from "./members.ts";
import {
  arithmetic,
  bitwise,
  cast,
  compare,
  describeValue,
  divideExactly,
  INTEGER_LIMIT,
  makeRange,
  negate,
} from "./operators.ts";
import { type Raised, settleOutcome } from "./outcome.ts";
import { outputLines } from "./output.ts";
import { LimitError, ScriptError } from "./script_error.ts";
import {
  Closure,
  ListValue,
  Quantity,
  RangeValue,
  RecordValue,
  type Value,
  Word,
} from "./value.ts";
import { isDone } from "./waiting.ts";

/** Instructions. What stands in brackets follows the opcode as operands. */
export const enum Op {
  /** [int] */
  PushInt,
  /** [constant] */
  PushConstant,
  PushNone,
  PushTrue,
  PushFalse,
  Pop,
  /** [count] Drops operands when a `break` leaves an expression that is half done. */
  Discard,
  /** [slot] */
  LoadLocal,
  /** [slot] */
  StoreLocal,
  /** [global] */
  LoadGlobal,
  /** [global] */
  StoreGlobal,
  Add,
  Subtract,
  Multiply,
  Divide,
  Modulo,
  /** [int] */
  AddInt,
  /** [slot, int] */
  IncrementLocal,
  Negate,
  BitOr,
  BitAnd,
  ShiftLeft,
  ShiftRight,
  Equal,
  NotEqual,
  Less,
  LessEqual,
  Greater,
  GreaterEqual,
  Not,
  CheckBool,
  /** [target] */
  Jump,
  /** [target] */
  JumpIfFalse,
  /** [target] For `and`: keeps the operand when it jumps. */
  JumpIfFalseKeep,
  /** [target] For `or`: keeps the operand when it jumps. */
  JumpIfTrueKeep,
  /** [target] */
  JumpUnlessLess,
  /** [target] */
  JumpUnlessLessEqual,
  /** [target] */
  JumpUnlessGreater,
  /** [target] */
  JumpUnlessGreaterEqual,
  /** [target] */
  JumpUnlessEqual,
  /** [target] */
  JumpIfEqual,
  /** [slot] Takes what is to be walked; uses two slots. */
  ForStart,
  /** [slot, variable, target] Jumps when there is no more. */
  ForNext,
  /** [slot] Takes a count; uses two slots, walked by `ForNext`. */
  RepeatStart,
  /** Takes subject and pattern of a `match` arm. */
  MatchTest,
  /** [count] */
  MakeList,
  /** [record keys] */
  MakeRecord,
  /** [1 for `..=`] */
  MakeRange,
  /** [function, captured] */
  MakeClosure,
  /** [parts] */
  Interpolate,
  /** [1 for `as dma`] */
  Cast,
  Index,
  /** [name, field site] */
  Field,
  /** [function, arguments] */
  Call,
  /** [shape] */
  CallValue,
  /** [builtin, shape] */
  CallBuiltin,
  /** [shape] */
  CallMethod,
  Return,
  /** [site] The statement that the events to come belong to. */
  Site,
  /** [slot, count] */
  ForgetParts,
  /** [slot] */
  RecordPart,
  /** [assertion, target] Takes the condition; jumps to the target when it holds. */
  Assert,
  /** [assertion] Takes the message, if there is one, and fails. */
  AssertFailed,
  /** [target] */
  TryStart,
  TryEnd,
  /** [outcome, target] */
  OutcomeStart,
  OutcomeEnd,
  /** Ends handlers when a `break`, `continue` or `return` leaves their blocks. [count] */
  DropHandlers,
  /** [pattern] Takes the values of the pattern's fields and the subject. */
  ExpectEvents,
  StepEvents,
  StepActivity,
  Wait,
  Advance,
  /** [slot] Takes the CPU; the slot keeps the one before. */
  EnterCpu,
  /** [slot] */
  LeaveCpu,
  /** [slot] Uses two slots. */
  TraceStart,
  /** [slot] */
  TraceEnd,
  Print,
  Show,
  Explain,
  /** Hands control back, as a bench does before each turn of its loop. */
  Yield,
  /** [name] How often an event happened in the turns a budget is about. */
  Count,
}

/** How a run of the VM came to its end, or to a pause. */
export type VmState = "done" | "paused" | "yielded" | "failed";

/** Instructions between two looks at the limits. */
const SLICE_STEPS = 20_000;

/** Frames hold three numbers each: where to return to, the caller's frame, the function. */
const FRAME_NUMBERS = 3;

/** Where a frame returns to that was called by a builtin and not by an instruction. */
const TO_NATIVE = -1;

/** Something that takes kernel errors: `try`, or an expected outcome. */
interface Handler {
  readonly pc: number;
  readonly sp: number;
  readonly fp: number;
  readonly depth: number;
  readonly cpu: number;
  /** Null for `try`. */
  readonly outcome: OutcomeInfo | null;
  /** How many faults and reports there were before. */
  readonly incidents: number;
}

/** A kernel error on its way to somebody who takes it. */
class Raising extends Error {
  constructor(readonly raised: Raised, readonly span: Span, readonly callers: CallerPlace[]) {
    super(raised.what);
  }
}

/** Where the lines of a run go; shared by all its tests, because the limit is. */
export interface Output {
  write(line: string): void;
}

export class Vm implements Run {
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
  /** What the last run gave back. */
  result: Value = null;
  /** Why it failed. */
  failure: Failure | null = null;

  readonly #output: Output;
  readonly #stack: (Value | undefined)[] = [];
  readonly #frames: Int32Array;
  readonly #handlers: Handler[] = [];
  readonly #bindings: (Binding | undefined)[] = [];
  readonly #boundTo: (FunctionSpec | MethodSpec | undefined)[] = [];
  #depth = 0;
  #pc = 0;
  #sp = 0;
  #fp = 0;
  #steps: number;
  /** Steps until the next pause. */
  #budget = Infinity;
  #memory: number;
  #nativeDepth = 0;

  constructor(code: Code, registry: Registry, world: World, limits: Limits, output: Output) {
    this.code = code;
    this.registry = registry;
    this.world = world;
    this.limits = limits;
    this.#output = output;
    this.#steps = limits.steps;
    this.#memory = limits.memoryBytes;
    this.#frames = new Int32Array(FRAME_NUMBERS * (limits.depth + 2));
  }

  // What builtins see of the run.

  get lab(): Lab {
    return this.world.lab;
  }

  get recorder(): EventRecorder {
    return this.world.recorder;
  }

  call(closure: Closure, args: readonly Value[]): Value {
    if (this.#nativeDepth >= NATIVE_DEPTH) throw this.#tooDeep();
    const code = this.code.functions[closure.functionIndex]!;
    if (args.length !== code.parameters.length) throw wrongCount(code, args.length);
    const pc = this.#pc;
    const sp = this.#sp;
    const fp = this.#fp;
    const depth = this.#depth;
    const handlers = this.#handlers.length;
    this.#reserve(sp + args.length);
    for (let index = 0; index < args.length; index++) this.#stack[sp + index] = args[index];
    this.#sp = sp + args.length;
    this.#enter(closure.functionIndex, args.length, TO_NATIVE);
    this.#bindCaptured(closure);
    this.#nativeDepth++;
    try {
      this.#execute(depth);
      return this.result;
    } finally {
      this.#nativeDepth--;
      this.#handlers.length = handlers;
      this.#depth = depth;
      this.#pc = pc;
      this.#sp = sp;
      this.#fp = fp;
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
        `The script's values take more than ${this.limits.memoryBytes} bytes`,
        "`--max-memory` sets the limit",
      );
    }
  }

  siteSpan(site: number): Span | null {
    return this.code.sites[site - 1] ?? null;
  }

  // What the runner does with the VM.

  /** Prepares a call of a function; `resume` runs it. */
  start(functionIndex: number, args: readonly Value[] = []): void {
    this.#depth = 0;
    this.#handlers.length = 0;
    this.#reserve(args.length);
    for (let index = 0; index < args.length; index++) this.#stack[index] = args[index];
    this.#sp = args.length;
    this.failure = null;
    this.#enter(functionIndex, args.length, TO_NATIVE);
  }

  /**
   * Runs until the function returns, hands control back by `Yield`, or has done `steps`
   * instructions; in the last two cases a further call goes on where it stopped.
   */
  resume(steps: number = Infinity): VmState {
    this.#budget = steps;
    try {
      return this.#execute(0);
    } catch (error) {
      this.failure = error instanceof ScriptFailure ? error.failure : this.#describe(error);
      return "failed";
    }
  }

  /** Gives back the steps and the memory of the limits, as before each turn of a bench. */
  refillLimits(): void {
    this.#steps = this.limits.steps;
    this.#memory = this.limits.memoryBytes;
  }

  /** Where the next instruction stands in the source. */
  get span(): Span {
    return this.#spanAt(this.#pc);
  }

  // Frames.

  #reserve(length: number): void {
    const stack = this.#stack;
    while (stack.length < length) stack.push(undefined);
  }

  /** Enters a function whose arguments are the top of the stack. */
  #enter(functionIndex: number, count: number, returnPc: number): void {
    if (this.#depth >= this.limits.depth) throw this.#tooDeep();
    const code = this.code.functions[functionIndex]!;
    const frame = FRAME_NUMBERS * this.#depth++;
    this.#frames[frame] = returnPc;
    this.#frames[frame + 1] = this.#fp;
    this.#frames[frame + 2] = functionIndex;
    const fp = this.#sp - count;
    this.#reserve(fp + code.slots + code.operands);
    this.#fp = fp;
    this.#sp = fp + code.slots;
    this.#pc = code.entry;
  }

  /** Puts a closure's captured values behind the parameters of the frame just entered. */
  #bindCaptured(closure: Closure): void {
    const first = this.#fp + this.code.functions[closure.functionIndex]!.parameters.length;
    const { captured } = closure;
    for (let index = 0; index < captured.length; index++) {
      this.#stack[first + index] = captured[index];
    }
  }

  #tooDeep(): LimitError {
    return new LimitError(
      "E0803",
      `Calls are nested more than ${this.limits.depth} deep`,
      "a function that calls itself must come to an end",
    );
  }

  // Errors.

  #spanAt(pc: number): Span {
    const { spanIndexes, spans } = this.code;
    return spans[spanIndexes[Math.max(0, pc - 1)]!]!;
  }

  #callers(): CallerPlace[] {
    const callers: CallerPlace[] = [];
    for (let depth = this.#depth - 1; depth >= 0; depth--) {
      const frame = FRAME_NUMBERS * depth;
      const returnPc = this.#frames[frame]!;
      if (returnPc === TO_NATIVE) continue;
      callers.push({
        span: this.#spanAt(returnPc),
        callee: this.code.functions[this.#frames[frame + 2]!]!.name,
      });
    }
    return callers;
  }

  #describe(error: unknown): Failure {
    const { recorder } = this.world;
    return describeFailure(error, {
      span: error instanceof Raising ? error.span : this.#spanAt(this.#pc),
      callers: error instanceof Raising ? error.callers : this.#callers(),
      raised: error instanceof Raising ? error.raised : null,
      events: recorder.events,
    });
  }

  /** Gives a kernel error to the handler that takes it; throws everything else. */
  #recover(error: unknown, floor: number): void {
    if (error instanceof ScriptFailure) throw error;
    let raising: Raising;
    if (error instanceof Raising) {
      raising = error;
    } else {
      const known = this.registry.classifyError(error);
      if (known === null) throw new ScriptFailure(this.#describe(error));
      if (known.kind === "memory_limit") {
        throw new ScriptFailure(this.#describe(new LimitError("E0802", known.what)));
      }
      raising = new Raising(known, this.#spanAt(this.#pc), this.#callers());
    }
    const handler = this.#handlers.at(-1);
    if (handler === undefined || handler.depth <= floor) throw raising;
    this.#handlers.pop();
    const site = this.world.stream.site;
    this.#depth = handler.depth;
    this.#fp = handler.fp;
    this.#sp = handler.sp;
    this.world.stream.cpu = handler.cpu;
    if (handler.outcome === null) {
      const { errno } = raising.raised;
      const word = this.registry.words.get(errno) ?? new Word(errno);
      this.#stack[this.#sp++] = attempt(false, null, word);
    } else {
      this.#settle(handler.outcome, handler.incidents, raising.raised, null, site);
    }
    this.#pc = handler.pc;
  }

  #settle(
    info: OutcomeInfo,
    incidentsBefore: number,
    raised: Raised | null,
    value: string | null,
    site: number | null,
  ): void {
    const incidents = this.world.incidents.slice(incidentsBefore);
    let expected: readonly MachineEvent[];
    try {
      expected = settleOutcome(info, { raised, value, incidents, site });
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
    for (let at = 0; at < places.length; at++) args[places[at]!] = this.#stack[first + at];
    return convertArguments(callee, args);
  }

  #callBuiltin(builtin: number, index: number, first: number): Value {
    const spec = this.code.builtins[builtin]!;
    return spec.run(this, this.#arguments(index, this.code.shapes[index]!, spec, first));
  }

  /** Calls a method; the receiver stands before the arguments. */
  #callMethod(index: number, first: number): Value {
    const shape = this.code.shapes[index]!;
    const { method, target } = methodOf(this.#stack[first]!, shape.name, this.registry.types);
    return method.run(this, target, this.#arguments(index, shape, method, first + 1));
  }

  // Statements that move the machine.

  #runActivity(): boolean {
    this.#steps -= ACTIVITY_STEPS;
    if (this.#steps < 0) throw this.#tooManySteps();
    return this.world.runNextActivity();
  }

  #stepEvents(count: Value): void {
    if (typeof count !== "number" || count < 0) throw wantedCount("step", count);
    const { stream } = this.world;
    const target = stream.seq + count;
    while (stream.seq < target && this.#runActivity());
  }

  #wait(subject: Value): void {
    while (!isDone(subject, this)) {
      if (!this.#runActivity()) {
        throw new ExpectationError(
          "E0907",
          `Nothing is left to do, and ${formatValue(subject, this)} is not done`,
          { hint: NOTHING_LEFT },
        );
      }
    }
  }

  #advance(duration: Value): void {
    const durationNs = duration instanceof Quantity && duration.kind === "duration"
      ? duration.value
      : duration;
    if (typeof durationNs !== "number" || durationNs < 0) {
      throw new ScriptError("E0913", `Cannot advance time by ${describeValue(duration)}`);
    }
    this.world.advance(durationNs);
  }

  #enterCpu(cpu: Value): void {
    if (typeof cpu !== "number" || cpu < 0 || cpu >= this.world.cpus) {
      throw new ScriptError(
        "E0919",
        `There is no CPU ${typeof cpu === "number" ? cpu : describeValue(cpu)}`,
        `the machine has ${this.world.cpus}, counted from 0; \`cpus = …\` in the machine block`,
      );
    }
    this.world.stream.cpu = cpu;
  }

  #expectEvents(pattern: number, first: number, subject: Value): void {
    const info = this.code.patterns[pattern]!;
    const events = this.registry.eventsOf(subject, this);
    if (events === null) {
      throw new ScriptError(
        "E0913",
        `Cannot ask ${describeValue(subject)} for its events`,
        "`expect events … in` takes an io, a request, a trace or a device",
      );
    }
    const values: Value[] = [];
    for (let at = first; at < this.#sp; at++) values.push(this.#stack[at]!);
    checkEvents(info, events, values, this);
  }

  #endTrace(seq: Value, startNs: Value): Value {
    const { recorder } = this.world;
    const events = recorder.after(seq as number);
    return this.registry.traceValue(events, this.world.nowNs() - (startNs as number));
  }

  #tooManySteps(): LimitError {
    return new LimitError(
      "E0801",
      `The script ran for more than ${this.limits.steps} steps`,
      "`--max-steps` sets the limit",
    );
  }

  /** More fuel for the loop; 0 to pause. */
  #refuel(floor: number): number {
    const budget = floor === 0 ? this.#budget : Infinity;
    if (budget <= 0) return 0;
    if (this.#steps <= 0) throw this.#tooManySteps();
    const fuel = Math.min(SLICE_STEPS, this.#steps, budget);
    this.#steps -= fuel;
    if (floor === 0) this.#budget -= fuel;
    return fuel;
  }

  /** Runs until the frame above `floor` returns. */
  #execute(floor: number): VmState {
    for (;;) {
      try {
        return this.#loop(floor);
      } catch (error) {
        this.#recover(error, floor);
      }
    }
  }

  #loop(floor: number): VmState {
    const { constants, functions, instructions: code } = this.code;
    const { globals } = this;
    const stack = this.#stack;
    const { stream } = this.world;
    let pc = this.#pc;
    let sp = this.#sp;
    let fp = this.#fp;
    let fuel = 0;
    try {
      for (;;) {
        if (--fuel < 0) {
          this.#steps += fuel + 1;
          fuel = this.#refuel(floor);
          if (fuel === 0) return "paused";
          fuel--;
        }
        switch (code[pc++]!) {
          case Op.PushInt:
            stack[sp++] = code[pc++]!;
            break;
          case Op.PushConstant:
            stack[sp++] = constants[code[pc++]!];
            break;
          case Op.PushNone:
            stack[sp++] = null;
            break;
          case Op.PushTrue:
            stack[sp++] = true;
            break;
          case Op.PushFalse:
            stack[sp++] = false;
            break;
          case Op.Pop:
            sp--;
            break;
          case Op.Discard:
            sp -= code[pc++]!;
            break;
          case Op.LoadLocal:
            stack[sp++] = stack[fp + code[pc++]!];
            break;
          case Op.StoreLocal:
            stack[fp + code[pc++]!] = stack[--sp];
            break;
          case Op.LoadGlobal:
            stack[sp++] = globals[code[pc++]!];
            break;
          case Op.StoreGlobal:
            globals[code[pc++]!] = stack[--sp];
            break;
          case Op.Add: {
            const right = stack[--sp]!;
            const left = stack[sp - 1]!;
            if (typeof left === "number" && typeof right === "number") {
              const result = left + right;
              if (result <= INTEGER_LIMIT && result >= -INTEGER_LIMIT) {
                stack[sp - 1] = result;
                break;
              }
            }
            stack[sp - 1] = arithmetic("+", left, right, this.#charge);
            break;
          }
          case Op.Subtract: {
            const right = stack[--sp]!;
            const left = stack[sp - 1]!;
            if (typeof left === "number" && typeof right === "number") {
              const result = left - right;
              if (result <= INTEGER_LIMIT && result >= -INTEGER_LIMIT) {
                stack[sp - 1] = result;
                break;
              }
            }
            stack[sp - 1] = arithmetic("-", left, right, this.#charge);
            break;
          }
          case Op.Multiply: {
            const right = stack[--sp]!;
            const left = stack[sp - 1]!;
            if (typeof left === "number" && typeof right === "number") {
              const result = left * right + 0;
              if (result <= INTEGER_LIMIT && result >= -INTEGER_LIMIT) {
                stack[sp - 1] = result;
                break;
              }
            }
            stack[sp - 1] = arithmetic("*", left, right, this.#charge);
            break;
          }
          case Op.Divide: {
            const right = stack[--sp]!;
            const left = stack[sp - 1]!;
            stack[sp - 1] = typeof left === "number" && typeof right === "number" && right !== 0
              ? divideExactly(left, right)
              : arithmetic("/", left, right, this.#charge);
            break;
          }
          case Op.Modulo: {
            const right = stack[--sp]!;
            const left = stack[sp - 1]!;
            stack[sp - 1] = typeof left === "number" && typeof right === "number" && right !== 0
              ? left % right + 0
              : arithmetic("%", left, right, this.#charge);
            break;
          }
          case Op.AddInt: {
            const right = code[pc++]!;
            const left = stack[sp - 1]!;
            if (typeof left === "number") {
              const result = left + right;
              if (result <= INTEGER_LIMIT && result >= -INTEGER_LIMIT) {
                stack[sp - 1] = result;
                break;
              }
            }
            stack[sp - 1] = arithmetic("+", left, right, this.#charge);
            break;
          }
          case Op.IncrementLocal: {
            const slot = fp + code[pc++]!;
            const right = code[pc++]!;
            const left = stack[slot]!;
            if (typeof left === "number") {
              const result = left + right;
              if (result <= INTEGER_LIMIT && result >= -INTEGER_LIMIT) {
                stack[slot] = result;
                break;
              }
            }
            stack[slot] = arithmetic("+", left, right, this.#charge);
            break;
          }
          case Op.Negate:
            stack[sp - 1] = negate(stack[sp - 1]!);
            break;
          case Op.BitOr: {
            const right = stack[--sp]!;
            const left = stack[sp - 1]!;
            if (
              typeof left === "number" && typeof right === "number" &&
              (left | 0) === left && (right | 0) === right && left >= 0 && right >= 0
            ) {
              stack[sp - 1] = left | right;
              break;
            }
            stack[sp - 1] = bitwise("|", left, right);
            break;
          }
          case Op.BitAnd: {
            const right = stack[--sp]!;
            const left = stack[sp - 1]!;
            if (
              typeof left === "number" && typeof right === "number" &&
              (left | 0) === left && (right | 0) === right && left >= 0 && right >= 0
            ) {
              stack[sp - 1] = left & right;
              break;
            }
            stack[sp - 1] = bitwise("&", left, right);
            break;
          }
          case Op.ShiftLeft: {
            const right = stack[--sp]!;
            const left = stack[sp - 1]!;

            stack[sp - 1] = bitwise("<<", left, right);
            break;
          }
          case Op.ShiftRight: {
            const right = stack[--sp]!;
            const left = stack[sp - 1]!;

            stack[sp - 1] = bitwise(">>", left, right);
            break;
          }
          case Op.Equal:
          case Op.NotEqual: {
            const right = stack[--sp]!;
            const left = stack[sp - 1]!;
            let same: boolean;
            if (typeof left === "number" && typeof right === "number") {
              same = left === right;
            } else {
              this.#sp = sp;
              this.#fp = fp;
              same = valuesEqual(left, right, this);
            }
            stack[sp - 1] = same === (code[pc - 1] === Op.Equal);
            break;
          }
          case Op.Less: {
            const right = stack[--sp]!;
            const left = stack[sp - 1]!;
            stack[sp - 1] = typeof left === "number" && typeof right === "number"
              ? left < right
              : compare("<", left, right);
            break;
          }
          case Op.LessEqual: {
            const right = stack[--sp]!;
            const left = stack[sp - 1]!;
            stack[sp - 1] = typeof left === "number" && typeof right === "number"
              ? left <= right
              : compare("<=", left, right);
            break;
          }
          case Op.Greater: {
            const right = stack[--sp]!;
            const left = stack[sp - 1]!;
            stack[sp - 1] = typeof left === "number" && typeof right === "number"
              ? left > right
              : compare(">", left, right);
            break;
          }
          case Op.GreaterEqual: {
            const right = stack[--sp]!;
            const left = stack[sp - 1]!;
            stack[sp - 1] = typeof left === "number" && typeof right === "number"
              ? left >= right
              : compare(">=", left, right);
            break;
          }
          case Op.Not: {
            const value = stack[sp - 1]!;
            if (typeof value !== "boolean") throw wantedBool("`not`", value);
            stack[sp - 1] = !value;
            break;
          }
          case Op.CheckBool: {
            const value = stack[sp - 1]!;
            if (typeof value !== "boolean") throw wantedBool("`and` and `or`", value);
            break;
          }
          case Op.Jump:
            pc = code[pc]!;
            break;
          case Op.JumpIfFalse: {
            const value = stack[--sp]!;
            if (value === true) pc++;
            else if (value === false) pc = code[pc]!;
            else throw wantedBool("A condition", value);
            break;
          }
          case Op.JumpIfFalseKeep: {
            const value = stack[sp - 1]!;
            if (value === true) {
              sp--;
              pc++;
            } else if (value === false) pc = code[pc]!;
            else throw wantedBool("`and`", value);
            break;
          }
          case Op.JumpIfTrueKeep: {
            const value = stack[sp - 1]!;
            if (value === false) {
              sp--;
              pc++;
            } else if (value === true) pc = code[pc]!;
            else throw wantedBool("`or`", value);
            break;
          }
          case Op.JumpUnlessLess: {
            const right = stack[--sp]!;
            const left = stack[--sp]!;
            const target = code[pc++]!;
            const holds = typeof left === "number" && typeof right === "number"
              ? left < right
              : compare("<", left, right);
            if (!holds) pc = target;
            break;
          }
          case Op.JumpUnlessLessEqual: {
            const right = stack[--sp]!;
            const left = stack[--sp]!;
            const target = code[pc++]!;
            const holds = typeof left === "number" && typeof right === "number"
              ? left <= right
              : compare("<=", left, right);
            if (!holds) pc = target;
            break;
          }
          case Op.JumpUnlessGreater: {
            const right = stack[--sp]!;
            const left = stack[--sp]!;
            const target = code[pc++]!;
            const holds = typeof left === "number" && typeof right === "number"
              ? left > right
              : compare(">", left, right);
            if (!holds) pc = target;
            break;
          }
          case Op.JumpUnlessGreaterEqual: {
            const right = stack[--sp]!;
            const left = stack[--sp]!;
            const target = code[pc++]!;
            const holds = typeof left === "number" && typeof right === "number"
              ? left >= right
              : compare(">=", left, right);
            if (!holds) pc = target;
            break;
          }
          case Op.JumpUnlessEqual:
          case Op.JumpIfEqual: {
            const right = stack[--sp]!;
            const left = stack[--sp]!;
            const wanted = code[pc - 1] === Op.JumpIfEqual;
            const target = code[pc++]!;
            let same: boolean;
            if (typeof left === "number" && typeof right === "number") {
              same = left === right;
            } else {
              this.#sp = sp;
              this.#fp = fp;
              same = valuesEqual(left, right, this);
            }
            if (same === wanted) pc = target;
            break;
          }
          case Op.ForStart: {
            const slot = fp + code[pc++]!;
            const value = stack[--sp]!;
            if (value instanceof RangeValue && value.kind === "int") {
              stack[slot] = value.end;
              stack[slot + 1] = value.first;
            } else {
              this.#walks[slot] = iterationItems(value);
              stack[slot] = null;
              stack[slot + 1] = 0;
            }
            break;
          }
          case Op.ForNext: {
            const slot = fp + code[pc++]!;
            const variable = code[pc++]!;
            const target = code[pc++]!;
            const end = stack[slot];
            const at = stack[slot + 1] as number;
            if (typeof end === "number") {
              if (at >= end) {
                pc = target;
                break;
              }
              stack[fp + variable] = at;
            } else {
              const walk = this.#walks[slot]!;
              if (at >= walk.length) {
                pc = target;
                break;
              }
              stack[fp + variable] = walk.at(at);
            }
            stack[slot + 1] = at + 1;
            break;
          }
          case Op.RepeatStart: {
            const slot = fp + code[pc++]!;
            const count = stack[--sp]!;
            if (typeof count !== "number" || count < 0) throw wantedCount("repeat", count);
            stack[slot] = count;
            stack[slot + 1] = 0;
            break;
          }
          case Op.MatchTest: {
            const pattern = stack[--sp]!;
            this.#sp = sp;
            this.#fp = fp;
            stack[sp - 1] = patternMatches(stack[sp - 1]!, pattern, this);
            break;
          }
          case Op.MakeList: {
            const count = code[pc++]!;
            sp -= count;
            this.chargeMemory(16 + 8 * count);
            stack[sp] = new ListValue(stack.slice(sp, sp + count) as Value[]);
            sp++;
            break;
          }
          case Op.MakeRecord: {
            const keys = this.code.recordKeys[code[pc++]!]!;
            sp -= keys.length;
            this.chargeMemory(16 + 32 * keys.length);
            const entries = new Map<string, Value>();
            for (let at = 0; at < keys.length; at++) entries.set(keys[at]!, stack[sp + at]!);
            stack[sp++] = new RecordValue(entries);
            break;
          }
          case Op.MakeRange: {
            const last = stack[--sp]!;
            stack[sp - 1] = makeRange(stack[sp - 1]!, last, code[pc++] === 1);
            break;
          }
          case Op.MakeClosure: {
            const index = code[pc++]!;
            const count = code[pc++]!;
            sp -= count;
            const captured = stack.slice(sp, sp + count) as Value[];
            stack[sp++] = new Closure(index, captured, functions[index]!.name);
            break;
          }
          case Op.Interpolate: {
            const count = code[pc++]!;
            this.#sp = sp;
            this.#fp = fp;
            let text = "";
            for (let at = sp - count; at < sp; at++) text += formatValue(stack[at]!, this);
            this.chargeMemory(2 * text.length);
            sp -= count;
            stack[sp++] = text;
            break;
          }
          case Op.Cast:
            stack[sp - 1] = cast(stack[sp - 1]!, code[pc++] === 1 ? "dma" : "phys");
            break;
          case Op.Index: {
            const index = stack[--sp]!;
            this.#sp = sp;
            this.#fp = fp;
            stack[sp - 1] = indexValue(stack[sp - 1]!, index, this);
            break;
          }
          case Op.Field: {
            this.#sp = sp;
            this.#fp = fp;
            const name = this.code.names[code[pc++]!]!;
            stack[sp - 1] = fieldOf(stack[sp - 1]!, name, this, this.registry.types);
            break;
          }
          case Op.Call: {
            const index = code[pc++]!;
            const count = code[pc++]!;
            this.#sp = sp;
            this.#fp = fp;
            this.#enter(index, count, pc);
            pc = this.#pc;
            sp = this.#sp;
            fp = this.#fp;
            break;
          }
          case Op.CallValue: {
            const shape = this.code.shapes[code[pc++]!]!;
            this.#sp = sp;
            this.#fp = fp;
            this.#callClosure(shape, pc);
            pc = this.#pc;
            sp = this.#sp;
            fp = this.#fp;
            break;
          }
          case Op.CallBuiltin: {
            const builtin = code[pc++]!;
            const index = code[pc++]!;
            const shape = this.code.shapes[index]!;
            this.#sp = sp;
            this.#fp = fp;
            fuel -= BUILTIN_STEPS;
            const first = sp - shape.positional - shape.named.length;
            stack[first] = this.#callBuiltin(builtin, index, first);
            sp = first + 1;
            break;
          }
          case Op.CallMethod: {
            const index = code[pc++]!;
            const shape = this.code.shapes[index]!;
            this.#sp = sp;
            this.#fp = fp;
            fuel -= BUILTIN_STEPS;
            const first = sp - shape.positional - shape.named.length - 1;
            if (this.#entryClosure(shape, first)) {
              // An entry of a record that holds a function is called like one.
              this.#callClosure(shape, pc);
              pc = this.#pc;
              sp = this.#sp;
              fp = this.#fp;
              break;
            }
            stack[first] = this.#callMethod(index, first);
            sp = first + 1;
            break;
          }
          case Op.Return: {
            const value = stack[sp - 1]!;
            const frame = FRAME_NUMBERS * --this.#depth;
            const returnPc = this.#frames[frame]!;
            sp = fp;
            fp = this.#frames[frame + 1]!;
            if (returnPc === TO_NATIVE) {
              this.result = value;
              return "done";
            }
            pc = returnPc;
            stack[sp++] = value;
            break;
          }
          case Op.Site:
            stream.site = code[pc++]!;
            break;
          case Op.ForgetParts: {
            const slot = fp + code[pc++]!;
            const count = code[pc++]!;
            for (let at = 0; at < count; at++) stack[slot + at] = undefined;
            break;
          }
          case Op.RecordPart:
            stack[fp + code[pc++]!] = stack[sp - 1];
            break;
          case Op.Assert: {
            const info = this.code.assertions[code[pc++]!]!;
            const target = code[pc++]!;
            const value = stack[--sp]!;
            if (typeof value !== "boolean") throw wantedBool("`assert`", value);
            this.#expecting(info.expectation);
            if (value) pc = target;
            break;
          }
          case Op.AssertFailed: {
            const info = this.code.assertions[code[pc++]!]!;
            this.#sp = sp;
            this.#fp = fp;
            const message = info.hasMessage ? formatValue(stack[--sp]!, this) : null;
            throw failedAssertion(info, (slot) => stack[fp + slot], message, this);
          }
          case Op.TryStart:
            this.#sp = sp;
            this.#fp = fp;
            this.#handle(null, code[pc++]!);
            break;
          case Op.TryEnd:
            this.#handlers.pop();
            stack[sp - 1] = attempt(true, stack[sp - 1]!, null);
            break;
          case Op.OutcomeStart: {
            const info = this.code.outcomes[code[pc++]!]!;
            this.#expecting(info.expectation);
            this.#sp = sp;
            this.#fp = fp;
            this.#handle(info, code[pc++]!);
            break;
          }
          case Op.OutcomeEnd: {
            this.#sp = sp;
            this.#fp = fp;
            const { incidents, outcome } = this.#handlers.pop()!;
            // The value of the one call is still on the stack; a block leaves none.
            const value = outcome!.oneCall ? stack[--sp]! : null;
            const text = value === null ? null : formatValue(value, this);
            this.#settle(outcome!, incidents, null, text, stream.site);
            break;
          }
          case Op.DropHandlers:
            this.#handlers.length -= code[pc++]!;
            break;
          case Op.ExpectEvents: {
            const pattern = code[pc++]!;
            const { expectation, matcher } = this.code.patterns[pattern]!;
            const subject = stack[--sp]!;
            const first = sp - matcher.values;
            this.#expecting(expectation);
            this.#sp = sp;
            this.#fp = fp;
            this.#expectEvents(pattern, first, subject);
            sp = first;
            break;
          }
          case Op.StepEvents:
            this.#sp = --sp;
            this.#fp = fp;
            this.#stepEvents(stack[sp]!);
            break;
          case Op.StepActivity:
            this.#sp = sp;
            this.#fp = fp;
            if (!this.#runActivity()) {
              throw new ExpectationError(
                "E0907",
                "Nothing is left to do, and the condition does not hold",
                { hint: NOTHING_LEFT },
              );
            }
            break;
          case Op.Wait:
            this.#sp = --sp;
            this.#fp = fp;
            this.#wait(stack[sp]!);
            break;
          case Op.Advance:
            this.#sp = --sp;
            this.#fp = fp;
            this.#advance(stack[sp]!);
            break;
          case Op.EnterCpu:
            stack[fp + code[pc++]!] = stream.cpu;
            this.#enterCpu(stack[--sp]!);
            break;
          case Op.LeaveCpu:
            stream.cpu = stack[fp + code[pc++]!] as number;
            break;
          case Op.TraceStart: {
            const slot = fp + code[pc++]!;
            stack[slot] = stream.seq;
            stack[slot + 1] = this.world.nowNs();
            break;
          }
          case Op.TraceEnd: {
            const slot = fp + code[pc++]!;
            stack[sp++] = this.#endTrace(stack[slot]!, stack[slot + 1]!);
            break;
          }
          case Op.Print:
          case Op.Show:
          case Op.Explain: {
            const op = code[pc - 1];
            const verb = op === Op.Print ? "print" : op === Op.Show ? "show" : "explain";
            this.#sp = --sp;
            this.#fp = fp;
            for (const line of outputLines(verb, stack[sp]!, this, this.registry.types)) {
              this.print(line);
            }
            break;
          }
          case Op.Yield:
            return "yielded";
          case Op.Count:
            stack[sp++] = this.budgetCount(this.code.names[code[pc++]!]!);
            break;
          default:
            throw new Error(`Unknown instruction ${code[pc - 1]} at ${pc - 1}`);
        }
      }
    } finally {
      this.#steps += Math.max(0, fuel);
      this.#pc = pc;
      this.#sp = sp;
      this.#fp = fp;
    }
  }

  /** What lists and strings that operators make cost. */
  readonly #charge = (bytes: number) => this.chargeMemory(bytes);
  /** What `for` walks, where it is no range of ints, by the slot of the loop. */
  readonly #walks: (Walk | undefined)[] = [];

  #expecting(expectation: number): void {
    this.assertions++;
    this.reached.add(expectation);
  }

  #handle(outcome: OutcomeInfo | null, pc: number): void {
    this.#handlers.push({
      pc,
      sp: this.#sp,
      fp: this.#fp,
      depth: this.#depth,
      cpu: this.world.stream.cpu,
      outcome,
      incidents: this.world.incidents.length,
    });
  }

  /** Enters the closure that stands below its arguments. */
  #callClosure(shape: CallShape, returnPc: number): void {
    const count = shape.positional;
    const first = this.#sp - count - shape.named.length;
    const callee = this.#stack[first - 1]!;
    if (!(callee instanceof Closure)) {
      throw new ScriptError("E0916", `Cannot call ${describeValue(callee)}`);
    }
    const code = this.code.functions[callee.functionIndex]!;
    if (shape.named.length > 0) {
      throw new ScriptError("E0917", "A lambda takes its arguments by position, not by name");
    }
    if (count !== code.parameters.length) throw wrongCount(code, count);
    // The frame begins where the callee stood, so that returning drops it too.
    this.#stack.copyWithin(first - 1, first, this.#sp);
    this.#sp--;
    this.#enter(callee.functionIndex, count, returnPc);
    this.#bindCaptured(callee);
  }

  /** Puts a record's entry in the place of the record when it is a function to be called. */
  #entryClosure(shape: CallShape, first: number): boolean {
    const receiver = this.#stack[first];
    if (!(receiver instanceof RecordValue)) return false;
    const entry = receiver.entries.get(shape.name);
    if (!(entry instanceof Closure)) return false;
    this.#stack[first] = entry;
    return true;
  }
}

const NOTHING_LEFT = "timers fire when time moves: `advance 10ms`";

/** The value of `try`. */
function attempt(ok: boolean, value: Value, error: Value): RecordValue {
  return new RecordValue(new Map<string, Value>([["ok", ok], ["value", value], ["error", error]]));
}

function wantedBool(what: string, value: Value): ScriptError {
  return new ScriptError("E0913", `${what} takes true or false, not ${describeValue(value)}`);
}

function wantedCount(what: string, value: Value): ScriptError {
  return new ScriptError(
    "E0913",
    `\`${what}\` takes a number that is not negative, not ${describeValue(value)}`,
  );
}

function wrongCount(code: FunctionCode, count: number): ScriptError {
  const what = code.name === "" ? "The lambda" : `\`${code.name}\``;
  const wanted = code.parameters.length;
  return new ScriptError(
    "E0917",
    `${what} takes ${wanted} ${wanted === 1 ? "argument" : "arguments"}, but got ${count}`,
  );
}
