/**
 * The machine that runs compiled scripts: a program counter, an operand stack and fuel.
 *
 * It can stop between any two instructions and go on later, which is what limits, stepping and
 * benchmarks need. Ints are plain numbers on the stack; everything rarer than arithmetic, jumps and
 * calls is done in a module of its own, so that the loop stays small enough for the host's
 * optimizing compiler. The opcodes stand here and not in a file of their own because only a
 * `const enum` of the same module becomes the literal `case` labels of a jump table.
 */
import type { RaisedError, Registry } from "../builtins/registry.ts";
import type { FunctionSpec, MethodSpec } from "../builtins/spec.ts";
import type { Lab } from "../../devices/lab.ts";
import type { EventRecorder } from "../../runtime/recorder.ts";
import type { MachineEvent } from "../../runtime/events.ts";
import type { Run } from "../run/run.ts";
import type { World } from "../run/world.ts";
import type { Span } from "../source.ts";
import { convertArguments } from "./arguments.ts";
import { bindShape } from "./call_shape.ts";
import type { CallShape, Code, OutcomeInfo } from "./code.ts";
import { valuesEqual } from "./equality.ts";
import { checkEvents } from "./expected_events.ts";
import { ExpectationError, ScriptFailure } from "./failure.ts";
import { describeFailure } from "./failure_report.ts";
import { failedAssertion } from "./failed_assertion.ts";
import { indexValue, iterationItems, patternMatches } from "./collections.ts";
import { ACTIVITY_STEPS, BUILTIN_STEPS, type Limits, NATIVE_DEPTH } from "./limits.ts";
import { fieldOf, type Member, methodOf } from "./members.ts";
import {
  arithmetic,
  bitwise,
  cast,
  compare,
  describeValue,
  divideExactly,
  divisionByZero,
  INTEGER_LIMIT,
  makeRange,
  negate,
  overflow,
} from "./operators.ts";
import { acceptedAnyway, settleOutcome } from "./outcome.ts";
import { outputLines } from "./output.ts";
import { LimitError, ScriptError } from "./script_error.ts";
import { isDone } from "./waiting.ts";
import { formatValue } from "../render/value_text.ts";
import { Closure, ListValue, RecordValue, type Value, Word } from "./value.ts";

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
  /** [assertion] Jumps over the message, if there is one, when the condition holds. */
  Assert,
  /** [assertion] Fails it. */
  AssertFailed,
  /** [target] */
  TryStart,
  TryEnd,
  /** [outcome, target] */
  OutcomeStart,
  OutcomeEnd,
  /** [1 when the call's value is on the stack, outcome] */
  ExpectEvents,
  StepEvents,
  StepActivity,
  Wait,
  Advance,
  /** [slot] */
  EnterCpu,
  /** [slot] */
  LeaveCpu,
  /** [slot] */
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
