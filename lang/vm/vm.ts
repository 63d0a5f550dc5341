/**
 * The machine that runs compiled scripts: a program counter, an operand stack and fuel.
 *
 * It can stop between any two instructions and go on later, which is what limits, stepping and
 * benchmarks need. Ints are plain numbers on the stack; everything rarer than arithmetic, jumps and
 * calls is done in a module of its own, so that the loop stays small enough for the host's
 * optimizing compiler. The opcodes stand here and not in a file of their own because only a
 * `const enum` of the same module becomes the literal `case` labels of a jump table.
 */
import { formatValue } from "../render/value_text.ts";
import { indexValue, iterationItems, patternMatches } from "./collections.ts";
import { valuesEqual } from "./equality.ts";
import { failedAssertion } from "./failed_assertion.ts";
import { BUILTIN_STEPS } from "./limits.ts";
import { attempt, wantedBool, wantedCount } from "./mistakes.ts";
import {
  arithmetic,
  bitwise,
  cast,
  compare,
  divideExactly,
  INTEGER_LIMIT,
  makeRange,
  negate,
} from "./operators.ts";
import { Closure, ListValue, RangeValue, RecordValue, type Value } from "./value.ts";
import { FRAME_NUMBERS, TO_NATIVE, type VmState } from "./vm_core.ts";
import { type RaceEntry, VmRaces } from "./vm_races.ts";

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
  /** [name] */
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
  /** [count] Ends handlers when a `break`, `continue` or `return` leaves their blocks. */
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
  /** [info] Takes the occurrences that fail, if there are any named. */
  FailStart,
  /** [info] */
  FailEachStart,
  FailEachEnd,
  /** [count] */
  LeaveScope,
  /** [branches, target] A table of jumps follows, one for each block. */
  Fork,
  BranchEnd,
  /** [info, target] A table of jumps follows, one for each block. */
  RaceStart,
  /** [point] A statement of a race begins: another block may go on instead. */
  RacePoint,
  RaceEnd,
  /** [info] Takes the block. */
  Compare,
  /** [info] Takes the condition. */
  InvariantStart,
  /** [name] How often an event happened in the turns a budget is about. */
  Count,
}

/** Words of a `Jump`. */
const JUMP_WORDS = 2;

export class Vm extends VmRaces {
  /** The first statement of each block of a race; those without any have none. */
  #entries(info: number, table: number): readonly (RaceEntry | null)[] {
    const { instructions: code, races } = this.code;
    return Array.from({ length: races[info]!.blocks }, (_, block) => {
      const entry = code[table + JUMP_WORDS * block + 1]!;
      return code[entry] === Op.RacePoint ? { point: code[entry + 1]!, pc: entry + 2 } : null;
    });
  }

  protected override loop(floor: number): VmState {
    const { constants, functions, instructions: code } = this.code;
    const { globals } = this;
    const stack = this.stack;
    const { stream } = this.world;
    let pc = this.pc;
    let sp = this.sp;
    let fp = this.fp;
    let fuel = 0;
    try {
      for (;;) {
        if (--fuel < 0) {
          this.steps += fuel + 1;
          // A limit is reported at the instruction that is next, not at the one before it.
          pc++;
          fuel = this.refuel(floor);
          pc--;
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
            stack[sp - 1] = arithmetic("+", left, right, this.charge);
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
            stack[sp - 1] = arithmetic("-", left, right, this.charge);
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
            stack[sp - 1] = arithmetic("*", left, right, this.charge);
            break;
          }
          case Op.Divide: {
            const right = stack[--sp]!;
            const left = stack[sp - 1]!;
            stack[sp - 1] = typeof left === "number" && typeof right === "number" && right !== 0
              ? divideExactly(left, right)
              : arithmetic("/", left, right, this.charge);
            break;
          }
          case Op.Modulo: {
            const right = stack[--sp]!;
            const left = stack[sp - 1]!;
            if (typeof left === "number" && typeof right === "number" && right !== 0) {
              // The host divides 32-bit integers many times faster than doubles.
              stack[sp - 1] = (left | 0) === left && (right | 0) === right && left >= 0
                ? (left | 0) % (right | 0)
                : left % right + 0;
              break;
            }
            stack[sp - 1] = arithmetic("%", left, right, this.charge);
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
            stack[sp - 1] = arithmetic("+", left, right, this.charge);
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
            stack[slot] = arithmetic("+", left, right, this.charge);
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
              this.sp = sp;
              this.fp = fp;
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
              this.sp = sp;
              this.fp = fp;
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
              this.walks[slot] = iterationItems(value);
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
              const walk = this.walks[slot]!;
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
            this.sp = sp;
            this.fp = fp;
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
            this.sp = sp;
            this.fp = fp;
            let text = "";
            for (let at = sp - count; at < sp; at++) {
              const part = formatValue(stack[at]!, this);
              this.chargeMemory(2 * part.length);
              text += part;
            }
            sp -= count;
            stack[sp++] = text;
            break;
          }
          case Op.Cast:
            stack[sp - 1] = cast(stack[sp - 1]!, code[pc++] === 1 ? "dma" : "phys");
            break;
          case Op.Index: {
            const index = stack[--sp]!;
            this.sp = sp;
            this.fp = fp;
            stack[sp - 1] = indexValue(stack[sp - 1]!, index, this);
            break;
          }
          case Op.Field: {
            this.sp = sp;
            this.fp = fp;
            const name = this.code.names[code[pc++]!]!;
            stack[sp - 1] = this.members.field(stack[sp - 1]!, name, this);
            break;
          }
          case Op.Call: {
            const index = code[pc++]!;
            const count = code[pc++]!;
            this.sp = sp;
            this.fp = fp;
            this.enter(index, count, pc);
            pc = this.pc;
            sp = this.sp;
            fp = this.fp;
            break;
          }
          case Op.CallValue: {
            const shape = this.code.shapes[code[pc++]!]!;
            this.sp = sp;
            this.fp = fp;
            this.callClosure(shape, pc);
            pc = this.pc;
            sp = this.sp;
            fp = this.fp;
            break;
          }
          case Op.CallBuiltin: {
            const builtin = code[pc++]!;
            const index = code[pc++]!;
            const shape = this.code.shapes[index]!;
            this.sp = sp;
            this.fp = fp;
            fuel -= BUILTIN_STEPS;
            const first = sp - shape.positional - shape.named.length;
            stack[first] = this.callBuiltin(builtin, index, first);
            sp = first + 1;
            break;
          }
          case Op.CallMethod: {
            const index = code[pc++]!;
            const shape = this.code.shapes[index]!;
            this.sp = sp;
            this.fp = fp;
            fuel -= BUILTIN_STEPS;
            const first = sp - shape.positional - shape.named.length - 1;
            if (this.entryClosure(shape, first)) {
              // An entry of a record that holds a function is called like one.
              this.callClosure(shape, pc);
              pc = this.pc;
              sp = this.sp;
              fp = this.fp;
              break;
            }
            stack[first] = this.callMethod(index, first);
            sp = first + 1;
            break;
          }
          case Op.Return: {
            const value = stack[sp - 1]!;
            const frame = FRAME_NUMBERS * --this.depth;
            const returnPc = this.frames[frame]!;
            sp = fp;
            fp = this.frames[frame + 1]!;
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
            if (info.expectation !== null) this.expecting(info.expectation);
            if (value) pc = target;
            break;
          }
          case Op.AssertFailed: {
            const info = this.code.assertions[code[pc++]!]!;
            this.sp = sp;
            this.fp = fp;
            const message = info.hasMessage ? formatValue(stack[--sp]!, this) : null;
            throw failedAssertion(info, (slot) => stack[fp + slot], message, this);
          }
          case Op.TryStart:
            this.sp = sp;
            this.fp = fp;
            this.handle(null, code[pc++]!);
            break;
          case Op.TryEnd:
            this.handlers.pop();
            stack[sp - 1] = attempt(true, stack[sp - 1]!, null, this.world.recorder.events.length);
            break;
          case Op.OutcomeStart: {
            const info = this.code.outcomes[code[pc++]!]!;
            this.expecting(info.expectation);
            this.sp = sp;
            this.fp = fp;
            this.handle(info, code[pc++]!);
            break;
          }
          case Op.OutcomeEnd: {
            this.sp = sp;
            this.fp = fp;
            const { incidents, outcome } = this.handlers.pop()!;
            // The value of the one call is still on the stack; a block leaves none.
            const value = outcome!.oneCall ? stack[--sp]! : null;
            const text = value === null ? null : formatValue(value, this);
            this.settle(outcome!, incidents, null, text, stream.site);
            break;
          }
          case Op.DropHandlers:
            this.handlers.length -= code[pc++]!;
            break;
          case Op.ExpectEvents: {
            const pattern = code[pc++]!;
            const { expectation, matcher } = this.code.patterns[pattern]!;
            const subject = stack[--sp]!;
            const first = sp - matcher.values;
            this.expecting(expectation);
            this.sp = sp;
            this.fp = fp;
            this.expectEvents(pattern, first, subject);
            sp = first;
            break;
          }
          case Op.StepEvents:
            this.sp = --sp;
            this.fp = fp;
            this.stepEvents(stack[sp]!);
            break;
          case Op.StepActivity:
            this.sp = sp;
            this.fp = fp;
            this.stepActivity();
            break;
          case Op.Wait:
            this.sp = --sp;
            this.fp = fp;
            this.wait(stack[sp]!);
            break;
          case Op.Advance:
            this.sp = --sp;
            this.fp = fp;
            this.advance(stack[sp]!);
            break;
          case Op.EnterCpu:
            stack[fp + code[pc++]!] = stream.cpu;
            this.enterCpu(stack[--sp]!);
            break;
          case Op.LeaveCpu:
            stream.cpu = stack[fp + code[pc++]!] as number;
            break;
          case Op.TraceStart: {
            const slot = fp + code[pc++]!;
            this.startTrace();
            stack[slot] = stream.seq;
            stack[slot + 1] = this.world.nowNs();
            break;
          }
          case Op.TraceEnd: {
            const slot = fp + code[pc++]!;
            stack[sp++] = this.endTrace(stack[slot]!, stack[slot + 1]!);
            break;
          }
          case Op.Print:
          case Op.Show:
          case Op.Explain: {
            const op = code[pc - 1];
            const verb = op === Op.Print ? "print" : op === Op.Show ? "show" : "explain";
            this.sp = --sp;
            this.fp = fp;
            this.output(verb, stack[sp]!);
            break;
          }
          case Op.Yield:
            return "yielded";
          case Op.FailStart: {
            const info = this.code.fails[code[pc++]!]!;
            const nth = info.hasNth ? stack[--sp]! : null;
            this.sp = sp;
            this.fp = fp;
            this.startFail(info, nth);
            break;
          }
          case Op.FailEachStart:
            this.sp = sp;
            this.fp = fp;
            this.startFailEach(this.code.failEachs[code[pc++]!]!);
            break;
          case Op.FailEachEnd:
            this.sp = sp;
            this.fp = fp;
            this.endFailEach();
            break;
          case Op.LeaveScope:
            this.leaveScopes(code[pc++]!);
            break;
          case Op.Fork: {
            const branches = code[pc++]!;
            const target = code[pc++]!;
            this.sp = sp;
            this.fp = fp;
            const taken = this.fork(branches);
            if (typeof taken === "number") pc += JUMP_WORDS * taken;
            else {
              stack[sp++] = taken;
              pc = target;
            }
            break;
          }
          case Op.BranchEnd:
            this.endBranch();
            break;
          case Op.RaceStart: {
            const info = code[pc++]!;
            const target = code[pc++]!;
            this.sp = sp;
            this.fp = fp;
            const entered = this.startRace(info, target, this.#entries(info, pc));
            if (typeof entered === "number" && entered >= 0) pc = entered;
            else {
              // Blocks without statements are at their end at once.
              stack[sp++] = typeof entered === "number" ? null : entered;
              pc = target;
            }
            break;
          }
          case Op.RacePoint: {
            const point = code[pc++]!;
            pc = this.atRacePoint(point, pc);
            break;
          }
          case Op.RaceEnd: {
            pc = this.endRaceBlock();
            if (pc < 0) {
              pc = -pc;
              stack[sp++] = null;
            }
            break;
          }
          case Op.Compare: {
            const info = this.code.comparisons[code[pc++]!]!;
            this.sp = sp;
            this.fp = fp;
            stack[sp - 1] = this.compare(info, stack[sp - 1]!);
            break;
          }
          case Op.InvariantStart: {
            const info = this.code.invariants[code[pc++]!]!;
            this.sp = --sp;
            this.fp = fp;
            this.startInvariant(info, stack[sp]!);
            break;
          }
          case Op.Count:
            stack[sp++] = this.budgetCount(this.code.names[code[pc++]!]!);
            break;
          default:
            throw new Error(`Unknown instruction ${code[pc - 1]} at ${pc - 1}`);
        }
      }
    } finally {
      this.steps += Math.max(0, fuel);
      this.pc = pc;
      this.sp = sp;
      this.fp = fp;
    }
  }
}
