/**
 * Code that notes the operands of instructions that compare or compute. The search of a device's
 * answers finds the values of registers among these operands.
 */
import { type Instruction, OP } from "./wasm_code.ts";
import { constant, unsigned } from "./wasm_numbers.ts";
import type { ByteReader, CodeSpan } from "./wasm_reader.ts";

const I32 = 0x7f;
const I64 = 0x7e;
/** Number of locals of each type that are added to a function. */
const ADDED = 2;

/** How an instruction takes its operands: their number and their type. */
type Operands = readonly [count: 1 | 2, type: typeof I32 | typeof I64];

/** Ranges of opcodes, with the operands that are noted. */
const NOTED: readonly (readonly [first: number, last: number, operands: Operands])[] = [
  // if, br_if, br_table, select: the condition, which is on the top of the stack
  [OP.IF, OP.IF, [1, I32]],
  [OP.BR_IF, OP.BR_TABLE, [1, I32]],
  [OP.SELECT, OP.SELECT, [1, I32]],
  // i32.eqz, then i32.eq to i32.ge_u
  [0x45, 0x45, [1, I32]],
  [0x46, 0x4f, [2, I32]],
  // i64.eqz, then i64.eq to i64.ge_u
  [0x50, 0x50, [1, I64]],
  [0x51, 0x5a, [2, I64]],
  // i32.add, sub, mul; i32.and to i32.rotr
  [0x6a, 0x6c, [2, I32]],
  [0x71, 0x78, [2, I32]],
  // i64.and to i64.rotr. Adding 64 bits is computing an address, in most cases.
  [0x83, 0x8a, [2, I64]],
];
const COMPARISONS = { first: 0x45, last: 0x5a } as const;
const CONDITIONS: ReadonlySet<number> = new Set([OP.IF, OP.BR_IF, OP.SELECT]);

function operandsOf(opcode: number): Operands | null {
  return NOTED.find(([first, last]) => opcode >= first && opcode <= last)?.[2] ?? null;
}

/** The notes of one function. */
export class NotedOperands {
  /** The changed number of the groups of locals: its bytes, and the end of the bytes that it replaces. */
  readonly count: { readonly bytes: readonly number[]; readonly to: number };
  /** The groups of locals that are added after the other ones. */
  readonly locals: readonly number[] = [ADDED, I32, ADDED, I64];
  /** Index of the first added local. */
  readonly #first: number;
  #before = 0;

  /** @param note Index of the function that stores a note. */
  constructor(body: CodeSpan, reader: ByteReader, private readonly note: number) {
    reader.at = body.start;
    const groups = reader.unsigned();
    this.count = { bytes: unsigned(groups + 2), to: reader.at };
    let locals = body.parameters.length;
    for (let group = 0; group < groups; group++) {
      locals += reader.unsigned();
      reader.byte();
    }
    this.#first = locals;
  }

  /** The code before an instruction. It leaves the stack unchanged. */
  before({ opcode, start }: Instruction): readonly number[] {
    const previous = this.#before;
    this.#before = opcode;
    const operands = operandsOf(opcode);
    // The comparison that makes a condition has been noted.
    const isKnown = CONDITIONS.has(opcode) && previous >= COMPARISONS.first &&
      previous <= COMPARISONS.last;
    if (operands === null || isKnown) return [];
    const [count, type] = operands;
    const one = unsigned(this.#first + (type === I32 ? 0 : ADDED));
    const other = unsigned(this.#first + (type === I32 ? 1 : ADDED + 1));
    const extended = type === I32 ? [OP.I64_EXTEND_I32_U] : [];
    const get = (local: readonly number[]) => [OP.LOCAL_GET, ...local, ...extended];
    return [
      ...count === 1
        ? [OP.LOCAL_TEE, ...one]
        : [OP.LOCAL_SET, ...other, OP.LOCAL_TEE, ...one, OP.LOCAL_GET, ...other],
      ...get(one),
      ...count === 1 ? [OP.I64_CONST, 0] : get(other),
      ...constant(start),
      OP.CALL,
      ...unsigned(this.note),
    ];
  }
}
