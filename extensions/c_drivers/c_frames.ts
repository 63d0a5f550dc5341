/**
 * Tracks the calls of C functions that have not returned, and the variables of each call, for a
 * debugger that follows a run line by line.
 *
 * Each function has a frame on the stack of C, which grows downwards. If a line starts with the stack
 * pointer above a frame, the call of that frame has returned. Variables that the compiled code keeps
 * in WebAssembly locals are stored whenever a line starts, and kept for each call.
 */
import type { DebugHooks, NativeFrame, NativePart, NativeValue } from "@dmalab/lang/values";
import type { CCode } from "./c_code.ts";
import type { CMemory } from "./c_memory.ts";
import { evaluateC, namesInC } from "./c_expression.ts";
import { CValue, DebugType, type ReadableMemory, unknownName } from "./c_values.ts";
import type { CLine, MarkedLine } from "./wasm/checked_module.ts";
import {
  AT,
  type DebugEntry,
  evaluateLocation,
  frameBase,
  type LocationScope,
  TAG,
} from "./wasm/debug_info.ts";
import { MAX_LOCALS } from "./c_addresses.ts";

/** The data that all frames of a driver share. */
export interface FramesOf {
  readonly lines: readonly MarkedLine[];
  readonly code: CCode;
  readonly memory: CMemory;
  readonly readable: ReadableMemory;
}

/** A call that has not returned. */
class CFrame implements NativeFrame {
  stackAt = 0;
  #line = 0;
  /** Values of the compiled code's locals at the beginning of the line: two words for each. */
  readonly #words = new Int32Array(2 * MAX_LOCALS);

  constructor(readonly of: FramesOf) {}

  /** Notes that a line of the function starts. */
  reached(line: number): void {
    const { lines, memory: { localWords } } = this.of;
    this.#line = line;
    const count = 2 * lines[line]!.locals.length;
    for (let index = 0; index < count; index++) this.#words[index] = localWords[index]!;
  }

  get #at(): CLine {
    return this.of.lines[this.#line]!.line;
  }

  get #function(): DebugEntry | null {
    return this.of.code.debugInfo.functionOf(this.#at.body);
  }

  get #scope(): LocationScope {
    const { lines, readable } = this.of;
    const { locals } = lines[this.#line]!;
    const scope: LocationScope = {
      local: (index) => {
        const slot = locals.indexOf(index);
        if (slot < 0) return null;
        const low = BigInt(this.#words[2 * slot]! >>> 0);
        return (BigInt(this.#words[2 * slot + 1]! >>> 0) << 32n) + low;
      },
      frameBase: () => {
        const of = this.#function;
        return of === null ? null : frameBase(of, scope) ?? BigInt(this.stackAt);
      },
      load: (at) => readable.bitsAt(Number(at), 8),
    };
    return scope;
  }

  variables(scope: "locals" | "globals"): readonly NativePart[] {
    const of = this.#function;
    if (of === null) return [];
    const all = scope === "locals"
      ? of.variablesAt(this.#at.address)
      : [...this.of.code.debugInfo.namesFor(of).values()]
        .filter(({ tag, unit }) => tag === TAG.VARIABLE && unit === of.unit);
    // If two variables have the same name, the inner one is shown.
    return [...new Map(all.map((entry) => [entry.name, entry])).values()].map((entry) => ({
      name: entry.name,
      expression: entry.name,
      value: this.#valueOf(entry, of),
    }));
  }

  #valueOf(entry: DebugEntry, of: DebugEntry): CValue {
    const { readable } = this.of;
    const type = new DebugType(entry.type);
    const constant = entry.get(AT.CONST_VALUE);
    if (typeof constant === "number" || typeof constant === "bigint") {
      return new CValue(readable, type, entry.name, { bits: BigInt(constant) });
    }
    const { address, body } = this.#at;
    const location = entry.locationAt(of, address, this.of.code.localSets(body));
    const missing = location === "later" ? "it has no value yet" : "it is optimised out here";
    const located = typeof location === "string" ? null : evaluateLocation(location, this.#scope);
    return new CValue(readable, type, entry.name, located ?? { missing });
  }

  #named(name: string): CValue | null {
    const of = this.#function;
    if (of === null) return null;
    const found = of.variablesAt(this.#at.address).findLast((each) => each.name === name) ??
      this.of.code.debugInfo.namesFor(of).get(name);
    if (found?.tag !== TAG.ENUMERATOR) return found === undefined ? null : this.#valueOf(found, of);
    const bits = BigInt(found.number(AT.CONST_VALUE) ?? 0);
    return new CValue(this.of.readable, DebugType.INT, name, { bits });
  }

  evaluate(expression: string, isNative: boolean): NativeValue | null {
    if (this.#function === null) return null;
    const { isForm, names } = namesInC(expression);
    if (!isNative && !isForm && names.every((name) => this.#named(name) === null)) return null;
    return evaluateC(expression, this.of.readable, (name) => {
      const value = this.#named(name);
      if (value !== null) return value;
      const { functionName } = this.#at;
      const known = [...this.variables("locals"), ...this.variables("globals")];
      throw unknownName(
        `\`${name}\` is no name that ${functionName}() sees here`,
        name,
        known.map((each) => each.name),
      );
    });
  }
}

export class CFrames {
  /** The debugger's number of each line, by the line's number in the code. */
  readonly #numbers: readonly number[];
  /** The calls, the innermost last; frames at indexes from `#count` on are reused. */
  readonly #frames: CFrame[] = [];
  #count = 0;
  /** Whether the innermost call has just begun, and has not allocated its stack frame yet. */
  #isOpening = false;
  /**
   * Number of frames below the current call into C, whether the script or the kernel made that
   * call.
   */
  #below = 0;

  constructor(private readonly of: FramesOf, readonly debugHooks: DebugHooks) {
    this.#numbers = of.lines.map(({ line }) => debugHooks.numberOf(line));
  }

  /** Notes a call into C. @returns The value to pass to `leave`. */
  enter(): number {
    const below = this.#below;
    this.#below = this.#count;
    this.#isOpening = false;
    return below;
  }

  /** Ends the call into C that `enter` noted, after a return or an error. */
  leave(below: number): void {
    this.#return(this.#below);
    this.debugHooks.returned();
    this.#below = below;
    this.#isOpening = false;
  }

  /** Notes that all calls but the first `count` have returned. */
  #return(count: number): void {
    this.debugHooks.nativeFrames.length -= this.#count - count;
    this.#count = count;
  }

  /** Notes that a line starts. @param stackAt The stack pointer. */
  reached(line: number, stackAt: number): void {
    const frames = this.#frames;
    const { isEntry } = this.of.lines[line]!.line;
    let count = this.#count;
    if (!isEntry && this.#isOpening) frames[count - 1]!.stackAt = stackAt;
    while (count > this.#below && frames[count - 1]!.stackAt < stackAt) count--;
    this.#return(count);
    if (isEntry) {
      const frame = frames[count] ??= new CFrame(this.of);
      // The function's own stack frame will be below this address; its size is not known yet.
      frame.stackAt = stackAt - 1;
      this.debugHooks.nativeFrames.push(frame);
      this.#count++;
    }
    this.#isOpening = isEntry;
    frames[this.#count - 1]?.reached(line);
    this.debugHooks.started(this.#numbers[line]!);
  }
}
