/**
 * The compiled code in the form in which it runs. Each load, each store, each copy, and each move
 * of the stack pointer is replaced by a call of the support file, which checks the access first.
 * Each block of code begins with a call that counts the block. Therefore the number of blocks that
 * run is limited, whatever code the compiler emits for the driver's text.
 *
 * For a debugger that follows a run line by line, there is also a call at the beginning of each
 * line. For the search of a device's answers, there is a call before each instruction that compares
 * or computes (`noted_operands.ts`). A call that leaves the operand stack unchanged may be inserted between any two
 * instructions. No other code must be changed for it, because WebAssembly branches refer to the
 * ends of blocks, not to offsets.
 *
 * @see WebAssembly Core Specification, 5.4 (instructions), 5.5.13 (code section)
 */
import type { NativeLine } from "@dmalab/lang/values";
import { LOCALS_AT, MAX_LOCALS } from "../c_addresses.ts";
import type { CompiledCode } from "./compiled_code.ts";
import { localsAt } from "./debug_info.ts";
import { NotedOperands } from "./noted_operands.ts";
import { constant, unsigned, wide } from "./wasm_numbers.ts";
import { ACCESSES, firstInstruction, type Instruction, instructionIn, OP } from "./wasm_code.ts";
import {
  ByteReader,
  type CodeSpan,
  type ModuleShape,
  SECTION,
  VALUE_TYPES,
  type ValueType,
} from "./wasm_reader.ts";

/**
 * Functions of the support file to which calls are inserted. The functions for loads and stores are not in
 * this table.
 */
const CHECK = {
  BLOCK: "dmalab_block",
  COPY: "dmalab_memory_copy",
  FILL: "dmalab_memory_fill",
  STACK: "dmalab_move_stack",
  LINE: "dmalab_reached",
  CALLS: "dmalab_calls",
  SAVES_CALL: "dmalab_saves_call",
  RESTORES_CALL: "dmalab_restores_call",
  NOTE: "dmalab_note",
} as const;
const STACK_POINTER = "__stack_pointer";
/** How to store a local of each type: the store instruction, and its alignment. */
const STORES: Readonly<Record<ValueType, readonly [opcode: number, alignment: number]>> = {
  i32: [0x36, 2],
  i64: [0x37, 3],
  f32: [0x38, 2],
  f64: [0x39, 3],
};
const BLOCK_STARTS: ReadonlySet<number> = new Set([OP.LOOP, OP.IF, OP.ELSE, OP.END, OP.BR_IF]);

export interface CLine extends NativeLine {
  /** Whether this is the beginning of the function. */
  readonly isEntry: boolean;
  /** The address of the line's beginning in the compiler's output. */
  readonly address: number;
  readonly body: CodeSpan;
}

/** A line of code, for which a call reports that the run has reached the line. */
export interface MarkedLine {
  readonly line: CLine;
  /** Indexes of the locals that the call stores first, in this order. */
  readonly locals: readonly number[];
}

/**
 * A change of the code: bytes that replace a part of the code, or bytes that are inserted (`from`
 * equals `to`).
 */
interface Edit {
  readonly from: number;
  readonly to: number;
  readonly bytes: readonly number[];
  /** The original address with which this code is attributed to a line. */
  was: number;
}

/** A contiguous part of the changed code. */
interface Part {
  /** The part's offset in the compiler's output. */
  readonly was: number;
  readonly bytes: Uint8Array | readonly number[];
  /** Whether the part was inserted. All of an inserted part has the same original offset. */
  readonly isNew: boolean;
}

/** The changed code, with the mapping from its offsets to the original ones. */
export class CheckedModule {
  readonly module: WebAssembly.Module;
  /** Lines by the number that the inserted call passes. */
  readonly lines: readonly MarkedLine[];
  /** Original addresses of blocks, by the number that the inserted call passes. */
  readonly blocks: readonly number[];
  /** Parts, sorted by their offset in the changed module. */
  readonly #parts: readonly (Part & { readonly now: number })[];

  /**
   * @param marks The beginnings of lines, for a debugger.
   * @param isNoted Whether the code notes the operands of comparisons.
   * @throws {UncheckedInstruction} If the code has an instruction that cannot be checked.
   */
  constructor(
    compiled: CompiledCode,
    marks?: ReadonlyMap<CodeSpan, readonly CLine[]>,
    isNoted = false,
  ) {
    const { bytes, shape } = compiled;
    const { codeAt, codeFrom, codeTo } = shape;
    const content = bytes.subarray(codeAt, codeTo);
    const editor = new Editor(compiled, content, isNoted);
    const part = (was: number, to: number): Part => ({
      was,
      bytes: content.subarray(was, to),
      isNew: false,
    });
    const bodies = shape.bodies.map((body) => {
      const parts: Part[] = [];
      let from = body.start;
      for (const edit of editor.edits(body, marks?.get(body) ?? [])) {
        parts.push(part(from, edit.from), { was: edit.was, bytes: edit.bytes, isNew: true });
        from = edit.to;
      }
      return [...parts, part(from, body.end)];
    });
    const head = (text: Part["bytes"]): Part => ({ was: 0, bytes: text, isNew: true });
    const parts = [
      head(unsigned(bodies.length)),
      ...bodies.flatMap((body) => [head(unsigned(sizeOf(body))), ...body]),
    ];
    const all = [
      head(bytes.subarray(0, codeFrom)),
      head([SECTION.CODE, ...unsigned(sizeOf(parts))]),
      ...parts,
      head(bytes.subarray(codeTo)),
    ];
    const made = new Uint8Array(sizeOf(all));
    let now = 0;
    this.#parts = all.map((each) => {
      made.set(each.bytes, now);
      now += each.bytes.length;
      return { ...each, now: now - each.bytes.length };
    });
    this.blocks = editor.blocks;
    this.lines = editor.lines;
    this.module = new WebAssembly.Module(made);
  }

  /** The original address for an offset in the changed module. */
  addressOf(offset: number): number {
    let low = 0;
    let high = this.#parts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.#parts[middle]!.now <= offset) low = middle;
      else high = middle;
    }
    const { isNew, now, was } = this.#parts[low]!;
    return isNew ? was : was + offset - now;
  }
}

/** Determines the changes in the code. */
class Editor {
  readonly blocks: number[] = [];
  readonly lines: MarkedLine[] = [];
  readonly #shape: ModuleShape;
  readonly #reader: ByteReader;
  /** Functions that stay unchanged, because they do the checks. */
  readonly #checks = new Set<number>();
  readonly #stackPointer: number | undefined;

  constructor(
    private readonly compiled: CompiledCode,
    code: Uint8Array,
    private readonly isNoted: boolean,
  ) {
    const { shape } = compiled;
    this.#shape = shape;
    this.#reader = new ByteReader(code);
    this.#stackPointer = shape.globals.get(STACK_POINTER);
    for (const name of [...Object.values(CHECK), ...ACCESSES]) this.#checks.add(this.#index(name));
  }

  /** The changes in a function, sorted by offset. */
  edits(body: CodeSpan, marks: readonly CLine[]): readonly Edit[] {
    if (this.#checks.has(body.index)) return [];
    const edits: Edit[] = [];
    const insert = (at: number, number: number, check: string, first: readonly number[] = []) => {
      const bytes = [...first, ...constant(number), ...this.#call(check)];
      return edits.push({ from: at, to: at, bytes, was: at });
    };
    const marked = Map.groupBy(marks, ({ address }) => address);
    const reader = this.#reader;
    const noted = this.isNoted ? new NotedOperands(body, reader, this.#index(CHECK.NOTE)) : null;
    reader.at = firstInstruction(body, reader);
    if (noted !== null) {
      const { bytes, to } = noted.count;
      edits.push({ from: body.start, to, bytes, was: body.start });
      edits.push({ from: reader.at, to: reader.at, bytes: noted.locals, was: reader.at });
    }
    const { lines, ofTree } = this.compiled;
    const places = lines.rowsIn(body.start, body.end);
    const rows = places.map(({ address }) => address);
    const isOwn = ofTree !== null &&
      places.some(({ file }) => this.compiled.source(file) !== undefined);
    let block: Edit | null = null;
    let startsBlock = true;
    while (reader.at < body.end) {
      const instruction = instructionIn(reader);
      const { opcode, start } = instruction;
      // A block that ends at once is not counted; the following one is.
      if (startsBlock && opcode !== OP.END && opcode !== OP.ELSE) {
        block = edits[insert(start, this.blocks.push(start) - 1, CHECK.BLOCK) - 1]!;
        startsBlock = false;
      }
      for (const line of marked.get(start) ?? []) {
        const stores = this.#stores(line);
        insert(start, this.lines.push(stores) - 1, CHECK.LINE, stores.bytes);
      }
      if (BLOCK_STARTS.has(opcode)) {
        // A block may contain code before its first statement. The debug information may attribute
        // this code to the line of the statement before the block.
        if (block !== null) {
          block.was = rows.find((at) => at >= block!.from && at < start) ?? block.was;
        }
        block = null;
        startsBlock = true;
      }
      const noting = noted?.before(instruction) ?? [];
      if (noting.length > 0) edits.push({ from: start, to: start, bytes: noting, was: start });
      const isCall = opcode === OP.CALL || opcode === OP.CALL_INDIRECT;
      if (isOwn && isCall) insert(start, start, CHECK.CALLS);
      // While a library's call by pointer runs, the driver may make other calls. Therefore the
      // place of the running call is saved first.
      const comesBack = ofTree !== null && !isOwn && opcode === OP.CALL_INDIRECT;
      if (comesBack) edits.push(this.#callAt(start, CHECK.SAVES_CALL, start));
      const instead = this.#insteadOf(instruction);
      if (instead !== null) {
        edits.push({ from: start, to: instruction.end, bytes: instead, was: start });
      }
      if (comesBack) edits.push(this.#callAt(instruction.end, CHECK.RESTORES_CALL, start));
    }
    return edits;
  }

  /** A call of a check without arguments, inserted at an offset. */
  #callAt(at: number, check: string, was: number): Edit {
    return { from: at, to: at, bytes: this.#call(check), was };
  }

  /**
   * Code for a debugger, which runs at the beginning of a line. It stores the locals that contain
   * the function's variables.
   */
  #stores(line: CLine): MarkedLine & { readonly bytes: readonly number[] } {
    const { address, body } = line;
    const described = this.compiled.debugInfo.functionOf(body);
    const sets = this.compiled.localSets(body);
    const locals = described === null
      ? []
      : localsAt(described, address, sets).slice(0, MAX_LOCALS);
    const reader = this.#reader;
    const { at } = reader;
    reader.at = body.start;
    const types = [...body.parameters];
    for (const [count, type] of reader.many(() => [reader.unsigned(), reader.byte()] as const)) {
      for (let left = count; left > 0; left--) types.push(VALUE_TYPES[type] ?? "i32");
    }
    reader.at = at;
    const bytes = locals.flatMap((local, slot) => {
      const [opcode, alignment] = STORES[types[local] ?? "i32"];
      const to = BigInt(LOCALS_AT + 8 * slot);
      return [OP.I64_CONST, ...wide(to), OP.LOCAL_GET, ...unsigned(local), opcode, alignment, 0];
    });
    return { line, locals, bytes };
  }

  /** The code that replaces a checked instruction; null for any other instruction. */
  #insteadOf({ access, offset, opcode, operand }: Instruction): readonly number[] | null {
    if (access !== null) {
      return [OP.I64_CONST, ...wide(BigInt.asIntN(64, offset)), ...this.#call(access)];
    }
    if (opcode === OP.MEMORY_COPY) return this.#call(CHECK.COPY);
    if (opcode === OP.MEMORY_FILL) return this.#call(CHECK.FILL);
    const movesStack = opcode === OP.GLOBAL_SET && operand === this.#stackPointer;
    return movesStack ? this.#call(CHECK.STACK) : null;
  }

  #call(name: string): readonly number[] {
    return [OP.CALL, ...unsigned(this.#index(name))];
  }

  #index(name: string): number {
    return this.#shape.functions.get(name)!.index;
  }
}

function sizeOf(parts: readonly Part[]): number {
  return parts.reduce((sum, { bytes }) => sum + bytes.length, 0);
}
