/** Collects the code of a program: instructions of finished functions, and the tables they use. */
import type { FunctionSpec } from "../values/spec.ts";
import { CodeTables, type FunctionCode } from "../vm/code.ts";
import type { Value } from "../values/value.ts";
import type { FunctionBuilder } from "./function_builder.ts";

export class CodeBuilder extends CodeTables {
  #length = 0;
  readonly #constantIndexes = new Map<Value, number>();
  readonly #nameIndexes = new Map<string, number>();
  readonly #builtinIndexes = new Map<FunctionSpec, number>();

  /** The index of a constant; equal numbers, strings and words share one. */
  constant(value: Value): number {
    let index = this.#constantIndexes.get(value);
    if (index === undefined) {
      index = this.constants.push(value) - 1;
      this.#constantIndexes.set(value, index);
    }
    return index;
  }

  nameIndex(name: string): number {
    let index = this.#nameIndexes.get(name);
    if (index === undefined) {
      index = this.names.push(name) - 1;
      this.#nameIndexes.set(name, index);
    }
    return index;
  }

  builtin(spec: FunctionSpec): number {
    let index = this.#builtinIndexes.get(spec);
    if (index === undefined) {
      index = this.builtins.push(spec) - 1;
      this.#builtinIndexes.set(spec, index);
    }
    return index;
  }

  /** Makes room for a function, so that calls to it can be compiled before it is. */
  reserveFunction(placeholder: FunctionCode): number {
    return this.functions.push(placeholder) - 1;
  }

  /** Appends a finished function's instructions. */
  finish(index: number, builder: FunctionBuilder): void {
    const entry = this.#length;
    const count = builder.words.length;
    this.#grow(entry + count);
    this.instructions.set(builder.words, entry);
    for (const place of builder.jumps) this.instructions[entry + place]! += entry;
    for (let at = 0; at < count; at++) {
      this.spanIndexes[entry + at] = builder.spanIndexes[at]!;
    }
    this.#length += count;
    this.functions[index] = {
      ...this.functions[index]!,
      entry,
      slots: builder.slots,
      operands: builder.operands,
      expectations: builder.expectations,
    };
  }

  #grow(length: number): void {
    if (length <= this.instructions.length) return;
    const capacity = Math.max(length, 2 * this.instructions.length);
    const instructions = new Int32Array(capacity);
    const spanIndexes = new Int32Array(capacity);
    instructions.set(this.instructions);
    spanIndexes.set(this.spanIndexes);
    this.instructions = instructions;
    this.spanIndexes = spanIndexes;
  }
}
