/**
 * Parses the instructions of compiled code, as far as clang generates them from C for this target.
 * Any other instruction is an error, so that no unchecked instruction runs.
 *
 * @see WebAssembly Core Specification, 5.4 (instructions)
 */
import type { ByteReader, CodeSpan } from "./wasm_reader.ts";

export const OP = {
  BLOCK: 0x02,
  LOOP: 0x03,
  IF: 0x04,
  ELSE: 0x05,
  END: 0x0b,
  BR_IF: 0x0d,
  BR_TABLE: 0x0e,
  CALL: 0x10,
  CALL_INDIRECT: 0x11,
  SELECT: 0x1b,
  LOCAL_GET: 0x20,
  LOCAL_SET: 0x21,
  LOCAL_TEE: 0x22,
  GLOBAL_SET: 0x24,
  I32_CONST: 0x41,
  I64_CONST: 0x42,
  I64_EXTEND_I32_U: 0xad,
  /** The opcodes of these two instructions have a second byte after the prefix 0xfc. */
  MEMORY_COPY: 0xfc0a,
  MEMORY_FILL: 0xfc0b,
} as const;
const LONG = 0xfc;
/** The functions of the support file for loads and stores, in the order of the opcodes. */
export const ACCESSES: readonly string[] = [
  ...["i32_load", "i64_load", "f32_load", "f64_load"],
  ...["i32_load8_s", "i32_load8_u", "i32_load16_s", "i32_load16_u"],
  ...["i64_load8_s", "i64_load8_u", "i64_load16_s", "i64_load16_u", "i64_load32_s", "i64_load32_u"],
  ...["i32_store", "i64_store", "f32_store", "f64_store"],
  ...["i32_store8", "i32_store16", "i64_store8", "i64_store16", "i64_store32"],
].map((name) => `dmalab_${name}`);
const FIRST_ACCESS = 0x28;
/** A bit of the alignment. If this bit is set, the number of a memory follows. */
const SEVERAL_MEMORIES = 64;

export interface Instruction {
  readonly opcode: number;
  readonly start: number;
  readonly end: number;
  /** For a load or a store, the support file's function that replaces it. */
  readonly access: string | null;
  /** The offset of a load or a store. */
  readonly offset: bigint;
  /**
   * For other instructions, the last number after the opcode; for a call, this is the function's
   * index.
   */
  readonly operand: number;
}

/** Thrown for code with an instruction that cannot be checked. */
export class UncheckedInstruction extends Error {
  constructor(readonly opcode: number, readonly at: number) {
    super(`instruction 0x${opcode.toString(16)}`);
  }
}

/** The offset of a function's first instruction. */
export function firstInstruction({ start }: CodeSpan, reader: ByteReader): number {
  reader.at = start;
  reader.many(() => [reader.unsigned(), reader.byte()]);
  return reader.at;
}

/** Parses the instruction at a reader's position. @throws {UncheckedInstruction} */
export function instructionIn(reader: ByteReader): Instruction {
  const start = reader.at;
  const first = reader.byte();
  const opcode = first === LONG ? LONG * 256 + reader.unsigned() : first;
  const access = ACCESSES[opcode - FIRST_ACCESS] ?? null;
  const refuse = () => new UncheckedInstruction(opcode, start);
  let operand = 0;
  let offset = 0n;
  if (access !== null) {
    if (reader.unsigned() >= SEVERAL_MEMORIES) throw refuse();
    offset = reader.wide();
  } else {
    const read = operandsOf(opcode);
    if (read === null) throw refuse();
    operand = read(reader);
  }
  return { opcode, start, end: reader.at, access, offset, operand };
}

type ReadOperands = (reader: ByteReader) => number;

const NONE: ReadOperands = () => 0;
const ONE: ReadOperands = (reader) => reader.unsigned();
const TWO: ReadOperands = (reader) => (reader.unsigned(), reader.unsigned());
const SIGNED: ReadOperands = (reader) => reader.signed();
const TABLE: ReadOperands = (reader) => (reader.many(() => reader.unsigned()), reader.unsigned());

function skip(count: number): ReadOperands {
  return (reader) => reader.at += count;
}

/**
 * Operands of instructions other than loads and stores. An entry has the first and the last opcode
 * of a range, and how the operands of this range are parsed.
 */
const OPERANDS: readonly (readonly [first: number, last: number, read: ReadOperands])[] = [
  // unreachable, nop
  [0x00, 0x01, NONE],
  // block, loop, if: a type
  [0x02, 0x04, SIGNED],
  // else
  [0x05, 0x05, NONE],
  // end
  [0x0b, 0x0b, NONE],
  // br, br_if
  [0x0c, 0x0d, ONE],
  [0x0e, 0x0e, TABLE],
  // return
  [0x0f, 0x0f, NONE],
  // call, call_indirect
  [0x10, 0x10, ONE],
  [0x11, 0x11, TWO],
  // drop, select
  [0x1a, 0x1b, NONE],
  [0x1c, 0x1c, (reader) => (reader.many(() => reader.byte()), 0)],
  // local.get, local.set, local.tee, global.get, global.set
  [0x20, 0x24, ONE],
  // memory.size, memory.grow
  [0x3f, 0x40, ONE],
  // i32.const, i64.const, f32.const, f64.const
  [0x41, 0x42, SIGNED],
  [0x43, 0x43, skip(4)],
  [0x44, 0x44, skip(8)],
  // Comparing, computing, converting.
  [0x45, 0xc4, NONE],
  // i32.trunc_sat_f32_s and its like
  [0xfc00, 0xfc07, NONE],
  // memory.copy, memory.fill
  [OP.MEMORY_COPY, OP.MEMORY_COPY, TWO],
  [OP.MEMORY_FILL, OP.MEMORY_FILL, ONE],
];

function operandsOf(opcode: number): ReadOperands | null {
  return OPERANDS.find(([first, last]) => opcode >= first && opcode <= last)?.[2] ?? null;
}

/** The range of a loop's code. */
interface Loop {
  readonly from: number;
  to: number;
}

/**
 * The places at which a function's code sets its locals, and the function's loops. They are needed because a
 * local may contain different variables one after another.
 */
export class LocalSets {
  /** End offsets of the instructions that set a local, by the local's number. */
  readonly #sets = new Map<number, number[]>();
  readonly #loops: Loop[] = [];

  constructor(body: CodeSpan, reader: ByteReader) {
    const open: (Loop | null)[] = [];
    for (firstInstruction(body, reader); reader.at < body.end;) {
      const { end, opcode, operand, start } = instructionIn(reader);
      if (opcode === OP.LOCAL_SET || opcode === OP.LOCAL_TEE) {
        const ends = this.#sets.getOrInsertComputed(operand, () => []);
        ends.push(end);
      } else if (opcode === OP.BLOCK || opcode === OP.IF) open.push(null);
      else if (opcode === OP.LOOP) {
        const loop = { from: start, to: body.end };
        this.#loops.push(loop);
        open.push(loop);
      } else if (opcode === OP.END) {
        const loop = open.pop();
        if (loop != null) loop.to = end;
      }
    }
  }

  /**
   * Whether a local may already contain a value other than the variable's.
   *
   * @param from The offset from which the local contains the variable.
   * @param own The offsets at which the local is set to values of this variable.
   */
  isOverwritten(local: number, from: number, address: number, own: ReadonlySet<number>): boolean {
    // In a loop that begins at `from` or later, an earlier iteration of the loop may have
    // overwritten the local.
    const around = this.#loops.filter((loop) =>
      loop.from >= from && address > loop.from && address < loop.to
    );
    return this.#sets.get(local)?.some((end) =>
      !own.has(end) &&
      (end > from && end <= address || around.some((loop) => end > loop.from && end <= loop.to))
    ) ?? false;
  }
}
