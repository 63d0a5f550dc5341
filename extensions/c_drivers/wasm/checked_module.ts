/**
 * The compiled code as it runs. Each load, store, copy and move of the stack pointer is a call of
 * the support file, which checks it first, and each block of code begins with a call that counts
 * it: whatever the text of the driver says to the compiler, its code is limited.
 *
 * A run that is followed line by line has a call more where each line begins. A call that leaves
 * the operands as they are may be put between any two instructions; branches of the format lead to
 * the ends of blocks, not to offsets, so that nothing else changes.
 *
 * @see WebAssembly Core Specification, 5.4 (instructions), 5.5.13 (code section)
 */
import type { NativeLine } from "@dmalab/lang/values";
import { LOCALS_AT, MAX_LOCALS } from "../c_addresses.ts";
import type { CCode } from "../c_code.ts";
import { localsAt } from "./debug_info.ts";
import { ACCESSES, firstInstruction, type Instruction, instructionIn, OP } from "./wasm_code.ts";
import {
  ByteReader,
  type CodeSpan,
  type ModuleShape,
  SECTION,
  VALUE_TYPES,
  type ValueType,
} from "./wasm_reader.ts";

/** Functions of the support file that code is changed into calls of, beside those of loads and stores. */
const CHECK = {
  BLOCK: "dmalab_block",
  COPY: "dmalab_memory_copy",
  FILL: "dmalab_memory_fill",
  STACK: "dmalab_move_stack",
  LINE: "dmalab_reached",
  CALLS: "dmalab_calls",
  SAVES_CALL: "dmalab_saves_call",
  RESTORES_CALL: "dmalab_restores_call",
} as const;
const STACK_POINTER = "__stack_pointer";
/** How a local of each type is stored: the instruction, and the alignment. */
const STORES: Readonly<Record<ValueType, readonly [opcode: number, alignment: number]>> = {
  i32: [0x36, 2],
  i64: [0x37, 3],
  f32: [0x38, 2],
  f64: [0x39, 3],
};
const BLOCK_STARTS: ReadonlySet<number> = new Set([OP.LOOP, OP.IF, OP.ELSE, OP.END, OP.BR_IF]);

export interface CLine extends NativeLine {
  /** The function begins with it. */
  readonly isEntry: boolean;
  /** Where it begins, by the offsets that the compiler knows. */
  readonly address: number;
  readonly body: CodeSpan;
}

/** A line of code that says when it is reached. */
export interface MarkedLine {
  readonly line: CLine;
  /** The locals of the compiled code that it stores first, one after the other. */
  readonly locals: readonly number[];
}

/** Bytes that replace some of the code, or that are inserted between two bytes of it. */
interface Edit {
  readonly from: number;
  readonly to: number;
  readonly bytes: readonly number[];
  /** The original address that gives it its place. */
  was: number;
}

/** A stretch of code. */
interface Part {
  /** The offset that the compiler knows for it. */
  readonly was: number;
  readonly bytes: Uint8Array | readonly number[];
  /** It was put in: all of it has one place. */
  readonly isNew: boolean;
}

/** Code with the places that its offsets had when it was compiled. */
export class CheckedModule {
  readonly module: WebAssembly.Module;
  /** By the numbers that the calls at lines give. */
  readonly lines: readonly MarkedLine[];
  /** Where blocks of code begin, by the numbers that their calls give. */
  readonly blocks: readonly number[];
  /** In order of where they begin in the module. */
  readonly #parts: readonly (Part & { readonly now: number })[];

  /**
   * @param marks Where lines begin, for a run that is followed.
   * @throws {UncheckedInstruction} Where code has an instruction that cannot be checked.
   */
  constructor(
    compiled: CCode,
    marks?: ReadonlyMap<CodeSpan, readonly CLine[]>,
  ) {
    const { bytes, shape } = compiled;
    const { codeAt, codeFrom, codeTo } = shape;
    const content = bytes.subarray(codeAt, codeTo);
    const editor = new Editor(compiled, content);
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

  /** The address that the compiler knows for an offset in the module. */
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

/** The changes in the code. */
class Editor {
  readonly blocks: number[] = [];
  readonly lines: MarkedLine[] = [];
  readonly #shape: ModuleShape;
  readonly #reader: ByteReader;
  /** Functions that are left as they are, because they do the checks. */
  readonly #checks = new Set<number>();
  readonly #stackPointer: number | undefined;

  constructor(private readonly compiled: CCode, code: Uint8Array) {
    const { shape } = compiled;
    this.#shape = shape;
    this.#reader = new ByteReader(code);
    this.#stackPointer = shape.globals.get(STACK_POINTER);
    for (const name of [...Object.values(CHECK), ...ACCESSES]) this.#checks.add(this.#index(name));
  }

  /** The changes in a function, in order. */
  edits(body: CodeSpan, marks: readonly CLine[]): readonly Edit[] {
    if (this.#checks.has(body.index)) return [];
    const edits: Edit[] = [];
    const insert = (at: number, number: number, check: string, first: readonly number[] = []) => {
      const bytes = [...first, ...constant(number), ...this.#call(check)];
      return edits.push({ from: at, to: at, bytes, was: at });
    };
    const marked = Map.groupBy(marks, ({ address }) => address);
    const reader = this.#reader;
    reader.at = firstInstruction(body, reader);
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
      // One that ends where the next ends: that one is counted.
      if (startsBlock && opcode !== OP.END && opcode !== OP.ELSE) {
        block = edits[insert(start, this.blocks.push(start) - 1, CHECK.BLOCK) - 1]!;
        startsBlock = false;
      }
      for (const line of marked.get(start) ?? []) {
        const stores = this.#stores(line);
        insert(start, this.lines.push(stores) - 1, CHECK.LINE, stores.bytes);
      }
      if (BLOCK_STARTS.has(opcode)) {
        // The code that prepares its first statement may have the line of the statement before.
        if (block !== null) {
          block.was = rows.find((at) => at >= block!.from && at < start) ?? block.was;
        }
        block = null;
        startsBlock = true;
      }
      const isCall = opcode === OP.CALL || opcode === OP.CALL_INDIRECT;
      if (isOwn && isCall) insert(start, start, CHECK.CALLS);
      // The driver may make other calls during this one.
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

  /** A call of a check without arguments, put in at an offset. */
  #callAt(at: number, check: string, was: number): Edit {
    return { from: at, to: at, bytes: this.#call(check), was };
  }

  /** Stores what a debugger sees of a function where a line begins. */
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

  /** The code in place of an instruction that is checked; null for any other. */
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

function constant(value: number): readonly number[] {
  return [OP.I32_CONST, ...wide(BigInt(value))];
}

function sizeOf(parts: readonly Part[]): number {
  return parts.reduce((sum, { bytes }) => sum + bytes.length, 0);
}

/** @see WebAssembly Core Specification, 5.2.2 (integers) */
function unsigned(value: number): readonly number[] {
  return value < 0x80 ? [value] : [value % 0x80 | 0x80, ...unsigned(Math.floor(value / 0x80))];
}

function wide(value: bigint): readonly number[] {
  if (value >= -0x40n && value < 0x40n) return [Number(value & 0x7fn)];
  return [Number(value & 0x7fn) | 0x80, ...wide(value >> 7n)];
}
