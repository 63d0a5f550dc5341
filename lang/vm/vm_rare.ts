/**
 * Instructions that are rare, or do so much that one more call does not count.
 *
 * They stand apart from the loop of `vm.ts`, which has to be small for the host's optimizing
 * compiler. Here the registers are properties: the loop puts its own into them before it calls.
 */
import { formatValue } from "../render/value_text.ts";
import { patternMatches } from "./collections.ts";
import { failedAssertion } from "./failed_assertion.ts";
import { CLOSURE_BYTES, ITEM_BYTES, RECORD_BYTES } from "../values/limits.ts";
import { attempt } from "./mistakes.ts";
import { cast, makeRange } from "../values/operators.ts";
import { Closure, type Value } from "../values/value.ts";
import { type RaceEntry, VmRaces } from "./vm_races.ts";

/** Instructions, with numbers that those of `vm.ts` do not have. What stands in brackets follows as operands. */
export const enum RareOp {
  /** Takes subject and pattern of a `match` arm. */
  MatchTest = 128,
  /** [1 for `..=`] */
  MakeRange,
  /** [function, captured] */
  MakeClosure,
  /** [parts] */
  Interpolate,
  /** [1 for `as dma`] */
  Cast,
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

export abstract class VmRare extends VmRaces {
  /** Does one instruction; the program counter stands behind its opcode. */
  protected rare(op: RareOp): void {
    const { functions, instructions: code } = this.code;
    const { stack } = this;
    const { stream } = this.world;
    switch (op) {
      case RareOp.MatchTest: {
        const pattern = stack[--this.sp]!;
        stack[this.sp - 1] = patternMatches(stack[this.sp - 1]!, pattern, this);
        break;
      }
      case RareOp.MakeRange: {
        const last = stack[--this.sp]!;
        stack[this.sp - 1] = makeRange(stack[this.sp - 1]!, last, code[this.pc++] === 1);
        break;
      }
      case RareOp.MakeClosure: {
        const index = code[this.pc++]!;
        const count = code[this.pc++]!;
        this.sp -= count;
        this.chargeMemory(CLOSURE_BYTES + ITEM_BYTES * count);
        const captured = stack.slice(this.sp, this.sp + count) as Value[];
        stack[this.sp++] = new Closure(index, captured, functions[index]!.name);
        break;
      }
      case RareOp.Interpolate: {
        const count = code[this.pc++]!;
        let text = "";
        for (let at = this.sp - count; at < this.sp; at++) {
          const part = formatValue(stack[at]!, this);
          this.chargeMemory(2 * part.length);
          text += part;
        }
        this.sp -= count;
        stack[this.sp++] = text;
        break;
      }
      case RareOp.Cast:
        stack[this.sp - 1] = cast(stack[this.sp - 1]!, code[this.pc++] === 1 ? "dma" : "phys");
        break;
      case RareOp.AssertFailed: {
        const info = this.code.assertions[code[this.pc++]!]!;
        const message = info.hasMessage ? formatValue(stack[--this.sp]!, this) : null;
        throw failedAssertion(info, (slot) => stack[this.fp + slot], message, this);
      }
      case RareOp.TryStart:
        this.handle(null, code[this.pc++]!);
        break;
      case RareOp.TryEnd:
        this.handlers.pop();
        this.chargeMemory(RECORD_BYTES);
        stack[this.sp - 1] = attempt(
          true,
          stack[this.sp - 1]!,
          null,
          this.world.recorder.events.length,
        );
        break;
      case RareOp.OutcomeStart: {
        const info = this.code.outcomes[code[this.pc++]!]!;
        this.expecting(info.expectation);
        this.handle(info, code[this.pc++]!);
        break;
      }
      case RareOp.OutcomeEnd: {
        const { incidents, outcome } = this.handlers.pop()!;
        // The value of the one call is still on the stack; a block leaves none.
        const value = outcome!.oneCall ? stack[--this.sp]! : null;
        const text = value === null ? null : formatValue(value, this);
        this.settle(outcome!, incidents, null, text, stream.site);
        break;
      }
      case RareOp.DropHandlers:
        this.handlers.length -= code[this.pc++]!;
        break;
      case RareOp.ExpectEvents: {
        const pattern = code[this.pc++]!;
        const { expectation, matcher } = this.code.patterns[pattern]!;
        const subject = stack[--this.sp]!;
        const first = this.sp - matcher.values;
        this.expecting(expectation);
        this.expectEvents(pattern, first, subject);
        this.sp = first;
        break;
      }
      case RareOp.StepEvents:
        this.sp--;
        this.stepEvents(stack[this.sp]!);
        break;
      case RareOp.StepActivity:
        this.stepActivity();
        break;
      case RareOp.Wait:
        this.sp--;
        this.wait(stack[this.sp]!);
        break;
      case RareOp.Advance:
        this.sp--;
        this.advance(stack[this.sp]!);
        break;
      case RareOp.EnterCpu:
        stack[this.fp + code[this.pc++]!] = stream.cpu;
        this.enterCpu(stack[--this.sp]!);
        break;
      case RareOp.LeaveCpu:
        stream.cpu = stack[this.fp + code[this.pc++]!] as number;
        break;
      case RareOp.TraceStart: {
        const slot = this.fp + code[this.pc++]!;
        this.startTrace();
        stack[slot] = stream.seq;
        stack[slot + 1] = this.world.nowNs();
        break;
      }
      case RareOp.TraceEnd: {
        const slot = this.fp + code[this.pc++]!;
        stack[this.sp++] = this.endTrace(stack[slot]!, stack[slot + 1]!);
        break;
      }
      case RareOp.Print:
      case RareOp.Show:
      case RareOp.Explain: {
        const op = code[this.pc - 1];
        const verb = op === RareOp.Print ? "print" : op === RareOp.Show ? "show" : "explain";
        this.sp--;
        this.output(verb, stack[this.sp]!);
        break;
      }
      case RareOp.FailStart: {
        const info = this.code.fails[code[this.pc++]!]!;
        const nth = info.hasNth ? stack[--this.sp]! : null;
        this.startFail(info, nth);
        break;
      }
      case RareOp.FailEachStart:
        this.startFailEach(this.code.failEachs[code[this.pc++]!]!);
        break;
      case RareOp.FailEachEnd:
        this.endFailEach();
        break;
      case RareOp.LeaveScope:
        this.leaveScopes(code[this.pc++]!);
        break;
      case RareOp.Fork: {
        const branches = code[this.pc++]!;
        const target = code[this.pc++]!;
        const taken = this.fork(branches);
        if (typeof taken === "number") this.pc += JUMP_WORDS * taken;
        else {
          stack[this.sp++] = taken;
          this.pc = target;
        }
        break;
      }
      case RareOp.BranchEnd:
        this.endBranch();
        break;
      case RareOp.RaceStart: {
        const info = code[this.pc++]!;
        const target = code[this.pc++]!;
        const entered = this.startRace(info, target, this.#entries(info, this.pc));
        if (typeof entered === "number" && entered >= 0) this.pc = entered;
        else {
          // Blocks without statements are at their end at once.
          stack[this.sp++] = typeof entered === "number" ? null : entered;
          this.pc = target;
        }
        break;
      }
      case RareOp.RacePoint: {
        const point = code[this.pc++]!;
        this.pc = this.atRacePoint(point, this.pc);
        break;
      }
      case RareOp.RaceEnd: {
        this.pc = this.endRaceBlock();
        if (this.pc < 0) {
          this.pc = -this.pc;
          stack[this.sp++] = null;
        }
        break;
      }
      case RareOp.Compare: {
        const info = this.code.comparisons[code[this.pc++]!]!;
        stack[this.sp - 1] = this.compare(info, stack[this.sp - 1]!);
        break;
      }
      case RareOp.InvariantStart: {
        const info = this.code.invariants[code[this.pc++]!]!;
        this.sp--;
        this.startInvariant(info, stack[this.sp]!);
        break;
      }
      case RareOp.Count:
        stack[this.sp++] = this.budgetCount(this.code.names[code[this.pc++]!]!);
        break;
      default:
        throw new Error(`Unknown instruction ${op} at ${this.pc - 1}`);
    }
  }

  /** The first statement of each block of a race; those without any have none. */
  #entries(info: number, table: number): readonly (RaceEntry | null)[] {
    const { instructions: code, races } = this.code;
    return Array.from({ length: races[info]!.blocks }, (_, block) => {
      const entry = code[table + JUMP_WORDS * block + 1]!;
      return code[entry] === RareOp.RacePoint ? { point: code[entry + 1]!, pc: entry + 2 } : null;
    });
  }
}
