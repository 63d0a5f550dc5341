/**
 * Instructions that are rare, or so expensive that one more function call does not matter.
 *
 * They are not part of the loop, which has to be small for the host's optimizing compiler. In this
 * file, the registers are properties: the loop stores its registers in them before it calls a rare
 * instruction.
 */
import type { Span } from "../source.ts";
import { formatInSentence, formatValue } from "../render/value_text.ts";
import { type ChangeBy, changeField, changeIndex, copyWith } from "./changes.ts";
import { patternMatches } from "./collections.ts";
import { failedAssertion } from "./failed_assertion.ts";
import { CLOSURE_BYTES, ITEM_BYTES, RECORD_BYTES } from "../values/limits.ts";
import { attempt, noArm } from "./vm_errors.ts";
import { requireAllEvents } from "../values/kept_events.ts";
import { cast, makeRange } from "../values/operators.ts";
import { AttemptValue, Closure, type Value } from "../values/value.ts";
import type { Activities } from "./activities.ts";
import type { Branches } from "./branches.ts";
import type { Code, OutcomeInfo } from "./code.ts";
import { BranchEnded, type Control } from "./control.ts";
import { expectEvents } from "./expected_events.ts";
import type { Invariants } from "./invariants.ts";
import type { DefectProbes } from "./defect_probes.ts";
import type { Members } from "./members.ts";
import type { CallValue } from "./outcome.ts";
import { outputLines } from "./output.ts";
import type { RaceEntry, Races } from "./races.ts";
import type { Sweeps } from "./sweeps.ts";

/**
 * Opcodes of the rare instructions; the loop's instructions have other numbers. Names in brackets
 * are the operands that follow an instruction.
 */
export const enum RareOp {
  /** Pops subject and pattern of a `match` arm. */
  MatchTest = 128,
  /** [1 for `..=`] */
  MakeRange,
  /** [function, captured] */
  MakeClosure,
  /** [parts] */
  Interpolate,
  /** [1 for `as dma`, 0 for `as phys`] */
  Cast,
  /** [assertion] Pops the message, if there is one, and fails. */
  AssertFailed,
  /** [target] */
  TryStart,
  TryEnd,
  /** [outcome, target] */
  OutcomeStart,
  OutcomeEnd,
  /** [count] Removes handlers when a `break`, `continue` or `return` leaves their blocks. */
  DropHandlers,
  /** [pattern] Pops the values of the pattern's fields and the subject. */
  ExpectEvents,
  StepEvents,
  /**
   * [inside] Pops a condition, to evaluate after every event (`inside`), or only between
   * activities.
   */
  StepUntil,
  Wait,
  Advance,
  /** [slot] Pops the CPU; saves the previous one in the slot. */
  EnterCpu,
  /** [slot] */
  LeaveCpu,
  /** [slot] Saves the event number and the time in this slot and the next one. */
  TraceStart,
  /** [slot] */
  TraceEnd,
  Print,
  Show,
  Explain,
  ExplainField,
  /** [info] Pops the occurrences that fail, if the statement names any. */
  FailStart,
  /** [info] */
  FailEachStart,
  FailEachEnd,
  /** [expectation] Marks the expectation as reached. */
  Reached,
  /** [expectation] Marks the expectation as reached unless the value on the stack is a failure. */
  ReachedByValue,
  /** [count] */
  LeaveScope,
  /** [branches, target] A table with a jump for each block follows. */
  Fork,
  BranchEnd,
  /** [info, target] A table with a jump for each block follows. */
  RaceStart,
  /** [point] A statement of a race begins: another block may run instead. */
  RacePoint,
  RaceEnd,
  /** [info] Pops the block. */
  Compare,
  /** [info] Pops the condition. */
  InvariantStart,
  /** Pops the subject of a `match` without a fitting arm, and fails. */
  NoArm,
  /** [name, how] Pops a record and the value of its entry. */
  ChangeField,
  /** [how] Pops a list or record, an index and the value. */
  ChangeIndex,
  /** [record keys] Pops a record and the new values of its copy. */
  CopyWith,
  /** [name] Pushes how often an event happened in the turns that a budget covers. */
  Count,
}

/** The largest errno of Linux. */
const MAX_ERRNO = 4095;
/** Words of a `Jump`. */
const JUMP_WORDS = 2;

/** The VM's interface for rare instructions: its registers, and its parts for larger operations. */
export interface RareVm extends Control {
  pc: number;
  sp: number;
  fp: number;
  /** The source span of the next instruction. */
  readonly span: Span;
  readonly stack: (Value | undefined)[];
  readonly activities: Activities;
  readonly branches: Branches;
  readonly invariants: Invariants;
  readonly looks: DefectProbes;
  readonly members: Members;
  readonly races: Races;
  readonly sweeps: Sweeps;
  /** How often events happened in the turns that a budget covers, for `Count`. */
  readonly budgetCount: (eventName: string) => Value;
  /**
   * Installs a handler of kernel errors. The handler continues at `pc`. A null outcome is `try`.
   */
  handle(outcome: OutcomeInfo | null, pc: number): void;
  /** Called at the end of the block or call of an expected outcome. */
  settle(outcome: OutcomeInfo, incidentsBefore: number, value: CallValue | null): void;
  /** Ends the innermost scopes. */
  leaveScopes(count: number): void;
}

/** Executes one instruction; the program counter is behind its opcode. */
export function rare(vm: RareVm, op: RareOp): void {
  const { activities, code: program, stack } = vm;
  const { instructions: code } = program;
  const { stream } = vm.machine;
  switch (op) {
    case RareOp.MatchTest: {
      const pattern = stack[--vm.sp]!;
      stack[vm.sp - 1] = patternMatches(stack[vm.sp - 1]!, pattern, vm);
      break;
    }
    case RareOp.MakeRange: {
      const last = stack[--vm.sp]!;
      stack[vm.sp - 1] = makeRange(stack[vm.sp - 1]!, last, code[vm.pc++] === 1);
      break;
    }
    case RareOp.MakeClosure: {
      const index = code[vm.pc++]!;
      const count = code[vm.pc++]!;
      vm.sp -= count;
      vm.chargeMemory(CLOSURE_BYTES + ITEM_BYTES * count);
      const captured = stack.slice(vm.sp, vm.sp + count) as Value[];
      stack[vm.sp++] = new Closure(index, captured, program.functions[index]!.name);
      break;
    }
    case RareOp.Interpolate: {
      const count = code[vm.pc++]!;
      let text = "";
      for (let at = vm.sp - count; at < vm.sp; at++) {
        text += formatValue(stack[at]!, vm);
      }
      vm.sp -= count;
      stack[vm.sp++] = text;
      break;
    }
    case RareOp.Cast:
      stack[vm.sp - 1] = cast(stack[vm.sp - 1]!, code[vm.pc++] === 1 ? "dma" : "phys");
      break;
    case RareOp.AssertFailed: {
      const info = program.assertions[code[vm.pc++]!]!;
      const message = info.hasMessage ? formatInSentence(stack[--vm.sp]!, vm) : null;
      const error = failedAssertion(info, (slot) => stack[vm.fp + slot], message, vm);
      if (vm.observer?.failed(error) === true) break;
      throw error;
    }
    case RareOp.TryStart:
      vm.handle(null, code[vm.pc++]!);
      break;
    case RareOp.TryEnd:
      vm.handlers.pop();
      vm.chargeMemory(RECORD_BYTES);
      stack[vm.sp - 1] = attempt(
        true,
        stack[vm.sp - 1]!,
        null,
        vm.machine.recorder.count,
      );
      break;
    case RareOp.OutcomeStart: {
      const info = program.outcomes[code[vm.pc++]!]!;
      vm.expecting(info.expectation);
      vm.handle(info, code[vm.pc++]!);
      break;
    }
    case RareOp.OutcomeEnd: {
      const { incidents, outcome } = vm.handlers.pop()!;
      // The value of a single call is still on the stack; a block leaves none.
      const value = outcome!.oneCall ? stack[--vm.sp]! : null;
      vm.settle(
        outcome!,
        incidents,
        value === null ? null : {
          text: formatInSentence(value, vm),
          deviceStatus: vm.registry.deviceStatusOf(value),
        },
      );
      break;
    }
    case RareOp.DropHandlers:
      vm.handlers.length -= code[vm.pc++]!;
      break;
    case RareOp.ExpectEvents: {
      const pattern = program.patterns[code[vm.pc++]!]!;
      const subject = stack[--vm.sp]!;
      const first = vm.sp - pattern.matcher.values;
      vm.expecting(pattern.expectation);
      expectEvents(pattern, stack.slice(first, vm.sp) as Value[], subject, vm);
      vm.sp = first;
      break;
    }
    case RareOp.StepEvents:
      activities.stepEvents(stack[--vm.sp]!);
      break;
    case RareOp.StepUntil:
      activities.stepUntil(stack[--vm.sp]!, code[vm.pc++] === 1);
      break;
    case RareOp.Wait:
      activities.wait(stack[--vm.sp]!);
      break;
    case RareOp.Advance:
      activities.advance(stack[--vm.sp]!);
      break;
    case RareOp.EnterCpu:
      stack[vm.fp + code[vm.pc++]!] = stream.context.cpu;
      activities.enterCpu(stack[--vm.sp]!);
      break;
    case RareOp.LeaveCpu:
      stream.context.cpu = stack[vm.fp + code[vm.pc++]!] as number;
      break;
    case RareOp.TraceStart: {
      const slot = vm.fp + code[vm.pc++]!;
      // A bench keeps events only on request; a trace requests them.
      vm.recorder.start();
      stack[slot] = stream.seq;
      stack[slot + 1] = vm.machine.nowNs();
      break;
    }
    case RareOp.TraceEnd: {
      const slot = vm.fp + code[vm.pc++]!;
      requireAllEvents(vm.recorder);
      const spanNs = vm.machine.nowNs() - (stack[slot + 1] as number);
      stack[vm.sp++] = vm.registry.traceValue(
        vm.recorder.after(stack[slot] as number),
        spanNs,
      );
      break;
    }
    case RareOp.Print:
    case RareOp.Show: {
      const [verb, shown] = op === RareOp.Print
        ? ["print", undefined] as const
        : ["show", { span: vm.span }] as const;
      const value = stack[--vm.sp]!;
      for (const line of outputLines(verb, value, vm, vm.registry.types)) vm.print(line, shown);
      break;
    }
    case RareOp.Explain: {
      const value = stack[--vm.sp]!;
      vm.looks.arrive(value);
      for (const line of outputLines("explain", value, vm, vm.registry.types)) vm.print(line);
      for (const line of vm.looks.causingDefects(value)) vm.print(line);
      break;
    }
    case RareOp.ExplainField: {
      const name = vm.code.names[code[vm.pc++]!]!;
      const object = stack[--vm.sp]!;
      const lines = vm.members.explainField(object, name, vm) ??
        outputLines("explain", vm.members.field(object, name, vm), vm, vm.registry.types);
      for (const line of lines) vm.print(line);
      break;
    }
    case RareOp.FailStart: {
      const info = program.fails[code[vm.pc++]!]!;
      const nth = info.hasNth ? stack[--vm.sp]! : null;
      vm.sweeps.start(info, nth);
      break;
    }
    case RareOp.FailEachStart: {
      const info = program.failEachs[code[vm.pc++]!]!;
      vm.sweeps.startEach(info, info.hasMeanwhile ? stack[--vm.sp] as Closure : null);
      break;
    }
    case RareOp.FailEachEnd:
      vm.sweeps.endEach();
      break;
    case RareOp.Reached:
      vm.reached.add(code[vm.pc++]!);
      break;
    case RareOp.ReachedByValue: {
      const expectation = code[vm.pc++]!;
      if (!isFailure(stack[vm.sp - 1]!)) vm.reached.add(expectation);
      break;
    }
    case RareOp.LeaveScope:
      vm.leaveScopes(code[vm.pc++]!);
      break;
    case RareOp.Fork: {
      const branches = code[vm.pc++]!;
      const target = code[vm.pc++]!;
      const taken = vm.branches.fork(branches);
      if (typeof taken === "number") vm.pc += JUMP_WORDS * taken;
      else {
        stack[vm.sp++] = taken;
        vm.pc = target;
      }
      break;
    }
    case RareOp.BranchEnd:
      throw new BranchEnded();
    case RareOp.RaceStart: {
      const info = code[vm.pc++]!;
      const target = code[vm.pc++]!;
      vm.races.start(info, target, entriesOf(program, info, vm.pc));
      break;
    }
    case RareOp.RacePoint: {
      const point = code[vm.pc++]!;
      vm.races.comeTo({ point, pc: vm.pc });
      break;
    }
    case RareOp.RaceEnd:
      vm.races.comeTo(null);
      break;
    case RareOp.Compare: {
      const machines = program.comparisons[code[vm.pc++]!]!;
      stack[vm.sp - 1] = vm.branches.compare(machines, stack[vm.sp - 1]!);
      break;
    }
    case RareOp.InvariantStart: {
      const info = program.invariants[code[vm.pc++]!]!;
      vm.invariants.start(info, stack[--vm.sp]!);
      break;
    }
    case RareOp.NoArm:
      throw noArm(formatInSentence(stack[vm.sp - 1]!, vm));
    case RareOp.ChangeField: {
      const name = program.names[code[vm.pc++]!]!;
      const by = code[vm.pc++] as ChangeBy;
      vm.sp -= 2;
      changeField(stack[vm.sp]!, name, stack[vm.sp + 1]!, by, vm);
      break;
    }
    case RareOp.ChangeIndex:
      vm.sp -= 3;
      changeIndex(
        stack[vm.sp]!,
        stack[vm.sp + 1]!,
        stack[vm.sp + 2]!,
        code[vm.pc++] as ChangeBy,
        vm,
      );
      break;
    case RareOp.CopyWith: {
      const keys = program.recordKeys[code[vm.pc++]!]!;
      vm.sp -= keys.length;
      const values = stack.slice(vm.sp, vm.sp + keys.length) as Value[];
      stack[vm.sp - 1] = copyWith(stack[vm.sp - 1]!, keys, values, vm);
      break;
    }
    case RareOp.Count:
      stack[vm.sp++] = vm.budgetCount(program.names[code[vm.pc++]!]!);
      break;
    default:
      throw new Error(`Unknown instruction ${op satisfies never} at ${vm.pc - 1}`);
  }
}

/**
 * Whether a call's value is a failure: false, an errno of C, or the value of `try` for an error.
 */
function isFailure(value: Value): boolean {
  if (typeof value === "number") return value < 0 && value >= -MAX_ERRNO;
  return value === false || value instanceof AttemptValue && value.entries.get("ok") === false;
}

/** The first statement of each block of a race; null for an empty block. */
function entriesOf(
  { instructions: code, races }: Code,
  info: number,
  table: number,
): readonly (RaceEntry | null)[] {
  return Array.from({ length: races[info]!.blocks }, (_, block) => {
    const entry = code[table + JUMP_WORDS * block + 1]!;
    return code[entry] === RareOp.RacePoint ? { point: code[entry + 1]!, pc: entry + 2 } : null;
  });
}
