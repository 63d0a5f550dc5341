/**
 * The loop that executes instructions.
 *
 * Ints are plain numbers on the stack. Only arithmetic, jumps, calls and other frequent
 * instructions are in the loop; the rest is in `rare_ops.ts`, so that the loop stays small enough
 * for the host's optimizing compiler. The opcodes are defined in this module, and not in a separate
 * file, because only a `const enum` of the same module becomes the literal `case` labels of a jump
 * table.
 */
import { indexValue, iterationItems } from "./collections.ts";
import { valuesEqual } from "../values/equality.ts";
import {
  BUILTIN_STEPS,
  ENTRY_BYTES,
  ITEM_BYTES,
  LIST_BYTES,
  RECORD_BYTES,
} from "../values/limits.ts";
import { wantedBool, wantedCount } from "./vm_errors.ts";
import {
  arithmetic,
  bitwise,
  compare,
  divideExactly,
  INTEGER_LIMIT,
  negate,
} from "../values/operators.ts";
import { ListValue, RangeValue, RecordValue, type Value } from "../values/value.ts";
import { entryClosure } from "./call_shape.ts";
import { rare, type RareOp } from "./rare_ops.ts";
import type { Vm } from "./vm.ts";

/** Why a run of the VM ended or paused. */
export type VmState = "done" | "paused" | "yielded" | "branched" | "failed";

/** Frames are three numbers each: the return address, the caller's frame, the function. */
export const FRAME_NUMBERS = 3;

/**
 * Return address of a frame that the runner entered. If a builtin entered the frame, the return
 * address is `TO_NATIVE - 1` minus the number of the builtin's instruction.
 */
export const TO_NATIVE = -1;

/** Instructions. Names in brackets follow the opcode as operands. */
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
  /** [slot] Pops the value to iterate; uses two slots. */
  ForStart,
  /** [slot, variable, target] Jumps when there are no more items. */
  ForNext,
  /** [slot] Pops a count; uses two slots, which `ForNext` advances. */
  RepeatStart,
  /** [count] */
  MakeList,
  /** [record keys] */
  MakeRecord,
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
  /** [site] Sets the site of the events that follow. */
  Site,
  /** [slot, count] */
  ForgetParts,
  /** [slot] */
  RecordPart,
  /** [assertion, target] Pops the condition; jumps to the target if it is true. */
  Assert,
  /** Hands control back, as a bench does before each turn of its loop. */
  Yield,
  /**
   * [statement] A statement starts, in code that is compiled with marks. It does not count as a
   * step.
   */
  Mark,
}

/** Does instructions until the frame above `floor` returns, or there is a reason to stop. */
export function loop(vm: Vm, floor: number): VmState {
  const { constants, instructions: code } = vm.code;
  const { globals, stack } = vm;
  const { stream } = vm.machine;
  let pc = vm.pc;
  let sp = vm.sp;
  let fp = vm.fp;
  let fuel = 0;
  try {
    for (;;) {
      if (--fuel < 0) {
        vm.steps += fuel + 1;
        // `pc` is increased here so that a limit is reported at the next instruction. Otherwise the
        // limit would be reported at the previous instruction.
        pc++;
        fuel = vm.refuel(floor);
        pc--;
        if (fuel === 0) return "paused";
        fuel--;
      }
      const op = code[pc++]! as Op | RareOp;
      switch (op) {
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
          stack[sp - 1] = arithmetic("+", left, right, vm.charge);
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
          stack[sp - 1] = arithmetic("-", left, right, vm.charge);
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
          stack[sp - 1] = arithmetic("*", left, right, vm.charge);
          break;
        }
        case Op.Divide: {
          const right = stack[--sp]!;
          const left = stack[sp - 1]!;
          stack[sp - 1] = typeof left === "number" && typeof right === "number" && right !== 0
            ? divideExactly(left, right)
            : arithmetic("/", left, right, vm.charge);
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
          stack[sp - 1] = arithmetic("%", left, right, vm.charge);
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
          stack[sp - 1] = arithmetic("+", left, right, vm.charge);
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
          stack[slot] = arithmetic("+", left, right, vm.charge);
          break;
        }
        case Op.Negate:
          stack[sp - 1] = negate(stack[sp - 1]!);
          break;
        case Op.BitOr:
        case Op.BitAnd: {
          const right = stack[--sp]!;
          const left = stack[sp - 1]!;
          if (
            typeof left === "number" && typeof right === "number" &&
            (left | 0) === left && (right | 0) === right && left >= 0 && right >= 0
          ) {
            stack[sp - 1] = op === Op.BitOr ? left | right : left & right;
            break;
          }
          stack[sp - 1] = bitwise(op === Op.BitOr ? "|" : "&", left, right);
          break;
        }
        case Op.ShiftLeft:
        case Op.ShiftRight: {
          const right = stack[--sp]!;
          stack[sp - 1] = bitwise(op === Op.ShiftLeft ? "<<" : ">>", stack[sp - 1]!, right);
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
            vm.sp = sp;
            vm.fp = fp;
            same = valuesEqual(left, right, vm);
          }
          stack[sp - 1] = same === (op === Op.Equal);
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
        case Op.JumpIfFalseKeep:
        case Op.JumpIfTrueKeep: {
          const value = stack[sp - 1]!;
          const wanted = op === Op.JumpIfTrueKeep;
          if (typeof value !== "boolean") throw wantedBool(wanted ? "`or`" : "`and`", value);
          if (value === wanted) pc = code[pc]!;
          else {
            sp--;
            pc++;
          }
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
          const wanted = op === Op.JumpIfEqual;
          const target = code[pc++]!;
          let same: boolean;
          if (typeof left === "number" && typeof right === "number") {
            same = left === right;
          } else {
            vm.sp = sp;
            vm.fp = fp;
            same = valuesEqual(left, right, vm);
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
            vm.walks[slot] = iterationItems(value);
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
            const walk = vm.walks[slot]!;
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
        case Op.MakeList: {
          const count = code[pc++]!;
          sp -= count;
          vm.chargeMemory(LIST_BYTES + ITEM_BYTES * count);
          stack[sp] = new ListValue(stack.slice(sp, sp + count) as Value[], "script");
          sp++;
          break;
        }
        case Op.MakeRecord: {
          const keys = vm.code.recordKeys[code[pc++]!]!;
          sp -= keys.length;
          vm.chargeMemory(RECORD_BYTES + ENTRY_BYTES * keys.length);
          const entries = new Map<string, Value>();
          for (let at = 0; at < keys.length; at++) entries.set(keys[at]!, stack[sp + at]!);
          stack[sp++] = new RecordValue(entries, "script");
          break;
        }
        case Op.Index: {
          const index = stack[--sp]!;
          vm.sp = sp;
          vm.fp = fp;
          stack[sp - 1] = indexValue(stack[sp - 1]!, index, vm);
          break;
        }
        case Op.Field: {
          vm.sp = sp;
          vm.fp = fp;
          const name = vm.code.names[code[pc++]!]!;
          vm.pc = pc;
          stack[sp - 1] = vm.members.field(stack[sp - 1]!, name, vm);
          break;
        }
        case Op.Call: {
          const index = code[pc++]!;
          const count = code[pc++]!;
          vm.sp = sp;
          vm.fp = fp;
          vm.enter(index, count, pc);
          pc = vm.pc;
          sp = vm.sp;
          fp = vm.fp;
          break;
        }
        case Op.CallValue: {
          const shape = vm.code.shapes[code[pc++]!]!;
          vm.sp = sp;
          vm.fp = fp;
          vm.enterClosure(shape, pc);
          pc = vm.pc;
          sp = vm.sp;
          fp = vm.fp;
          break;
        }
        case Op.CallBuiltin: {
          const builtin = code[pc++]!;
          const index = code[pc++]!;
          const shape = vm.code.shapes[index]!;
          vm.sp = sp;
          vm.fp = fp;
          fuel -= BUILTIN_STEPS;
          const first = sp - shape.positional - shape.named.length;
          vm.pc = pc;
          stack[first] = vm.calls.builtin(builtin, index, first);
          sp = first + 1;
          break;
        }
        case Op.CallMethod: {
          const index = code[pc++]!;
          const shape = vm.code.shapes[index]!;
          vm.sp = sp;
          vm.fp = fp;
          fuel -= BUILTIN_STEPS;
          const first = sp - shape.positional - shape.named.length - 1;
          if (entryClosure(stack, shape, first)) {
            // A function in an entry of a record is called like a method.
            vm.enterClosure(shape, pc);
            pc = vm.pc;
            sp = vm.sp;
            fp = vm.fp;
            break;
          }
          vm.pc = pc;
          stack[first] = vm.calls.method(index, first);
          sp = first + 1;
          break;
        }
        case Op.Return: {
          const value = stack[sp - 1]!;
          const frame = FRAME_NUMBERS * --vm.depth;
          const returnPc = vm.frames[frame]!;
          sp = fp;
          fp = vm.frames[frame + 1]!;
          if (returnPc <= TO_NATIVE) {
            vm.result = value;
            return "done";
          }
          pc = returnPc;
          stack[sp++] = value;
          break;
        }
        case Op.Site:
          stream.context.site = code[pc++]!;
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
          const info = vm.code.assertions[code[pc++]!]!;
          const target = code[pc++]!;
          const value = stack[--sp]!;
          if (typeof value !== "boolean") throw wantedBool("`assert`", value);
          if (info.expectation !== null) vm.expecting(info.expectation);
          if (value) pc = target;
          break;
        }
        case Op.Yield:
          return "yielded";
        case Op.Mark: {
          const statement = code[pc++]!;
          fuel++;
          vm.pc = pc;
          vm.sp = sp;
          vm.fp = fp;
          if (vm.mark(statement, floor)) return "paused";
          break;
        }
        default:
          vm.pc = pc;
          vm.sp = sp;
          vm.fp = fp;
          rare(vm, op);
          pc = vm.pc;
          sp = vm.sp;
          fp = vm.fp;
          break;
      }
    }
  } finally {
    vm.steps += Math.max(0, fuel);
    vm.pc = pc;
    vm.sp = sp;
    vm.fp = fp;
  }
}
