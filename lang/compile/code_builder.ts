/** Collects the code of a program: instructions of finished functions, and the tables they use. */
import type { Span } from "../source.ts";
import { remembered } from "../values/remembered.ts";
import type { FunctionSpec } from "../values/spec.ts";
import { CodeTables, type FunctionRole } from "../vm/code.ts";
import type { Value } from "../values/value.ts";
import type { FunctionBuilder } from "./function_builder.ts";

export class CodeBuilder extends CodeTables {
  #length = 0;
  readonly #constantIndexes = new Map<Value, number>();
  readonly #nameIndexes = new Map<string, number>();
  readonly #builtinIndexes = new Map<FunctionSpec, number>();

  /** The index of a constant; equal numbers, strings and words share one index. */
  constant(value: Value): number {
    return remembered(this.#constantIndexes, value, () => this.constants.push(value) - 1);
  }

  nameIndex(name: string): number {
    return remembered(this.#nameIndexes, name, () => this.names.push(name) - 1);
  }

  builtin(spec: FunctionSpec): number {
    return remembered(this.#builtinIndexes, spec, () => this.builtins.push(spec) - 1);
  }

  /**
   * Reserves a function's number, so that calls to it can be compiled before the function is
   * compiled.
   */
  reserveFunction(
    role: FunctionRole,
    name: string,
    span: Span,
    parameters: readonly string[],
  ): number {
    const unknown = { entry: 0, slots: 0, operands: 0, expectations: [] };
    return this.functions.push({ role, name, span, parameters, ...unknown }) - 1;
  }

  finish(index: number, builder: FunctionBuilder): void {
    const entry = this.#length;
    const count = builder.words.length;
    this.#grow(entry + count);
    this.instructions.set(builder.words, entry);
    for (const place of builder.jumps) this.instructions[entry + place]! += entry;
    this.spanIndexes.set(builder.spanIndexes, entry);
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
    this.instructions = grown(this.instructions, capacity);
    this.spanIndexes = grown(this.spanIndexes, capacity);
  }
}

function grown(words: Int32Array, capacity: number): Int32Array {
  const larger = new Int32Array(capacity);
  larger.set(words);
  return larger;
}
