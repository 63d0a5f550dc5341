/**
 * Maps an offset in a module to a line of C.
 *
 * @see DWARF Debugging Information Format 4, 6.2 (line number information)
 */
import { countBefore } from "@dmalab/runtime/basics";
import { ByteReader } from "./wasm_reader.ts";

const VERSION = 4;
/**
 * Limit of rows, above the number in any compiler's output. The table is untrusted, since assembler
 * can write any table.
 */
const MAX_ROWS = 2 ** 20;
const OP = {
  COPY: 1,
  ADVANCE_PC: 2,
  ADVANCE_LINE: 3,
  SET_FILE: 4,
  SET_COLUMN: 5,
  NEGATE_STATEMENT: 6,
  CONST_ADD_PC: 8,
  FIXED_ADVANCE_PC: 9,
} as const;
const EXTENDED = { END_SEQUENCE: 1, SET_ADDRESS: 2 } as const;
const LAST_OPCODE = 255;

/** A line and column in a source. */
export interface CompiledLine {
  readonly file: string;
  readonly line: number;
  /** Column, from 1; 0 if unknown. */
  readonly column: number;
}

/** The line of the code that begins at an address. */
export interface LineRow extends CompiledLine {
  readonly address: number;
  /** Whether the compiler marks the address as the beginning of a statement. */
  readonly isStatement: boolean;
}

interface Row extends LineRow {
  readonly isEnd: boolean;
}

interface Header {
  /** The initial value of the statement flag, until a row changes it. */
  readonly areStatements: boolean;
  readonly files: readonly string[];
  readonly unit: number;
  readonly lineBase: number;
  readonly lineRange: number;
  readonly opcodeBase: number;
  readonly lengths: readonly number[];
}

export class LineTable {
  readonly #rows: readonly Row[];

  /** @param section The section `.debug_line`. */
  constructor(section: Uint8Array) {
    const reader = new ByteReader(section);
    const rows: Row[] = [];
    while (!reader.isAtEnd) {
      const length = reader.u32();
      const end = Math.min(reader.at + length, section.length);
      if (reader.u16() === VERSION) readProgram(reader, end, rows);
      reader.at = end;
    }
    this.#rows = rows.sort((a, b) => a.address - b.address || Number(b.isEnd) - Number(a.isEnd));
  }

  /** The rows for a range of code. */
  rowsIn(start: number, end: number): readonly LineRow[] {
    return this.#rows.slice(this.#countBefore(start), this.#countBefore(end))
      .filter((row) => row.line > 0 && !row.isEnd);
  }

  /** The line at an address in the code section; null if unknown. */
  find(address: number): CompiledLine | null {
    // Code that is attributed to no line (line 0) counts for the line before it.
    for (let at = this.#countBefore(address + 1) - 1; at >= 0; at--) {
      const row = this.#rows[at]!;
      if (row.isEnd) return null;
      if (row.line > 0) return row;
    }
    return null;
  }

  /** Number of rows that begin before an address. */
  #countBefore(address: number): number {
    return countBefore(this.#rows.length, (index) => this.#rows[index]!.address < address);
  }
}

function headerIn(reader: ByteReader): Header {
  const length = reader.u32();
  const end = reader.at + length;
  const unit = reader.byte();
  reader.byte();
  const areStatements = reader.byte() !== 0;
  const base = reader.byte();
  const lineRange = reader.byte();
  const opcodeBase = reader.byte();
  const lengths = Array.from({ length: opcodeBase - 1 }, () => reader.byte());
  const folders: string[] = [""];
  for (let folder = reader.text(); folder !== ""; folder = reader.text()) folders.push(folder);
  const files: string[] = [""];
  for (let name = reader.text(); name !== ""; name = reader.text()) {
    const folder = folders[reader.unsigned()] ?? "";
    reader.unsigned();
    reader.unsigned();
    files.push(folder === "" ? name : `${folder}/${name}`);
  }
  reader.at = end;
  const lineBase = base < 128 ? base : base - 256;
  return { areStatements, files, unit, lineBase, lineRange, opcodeBase, lengths };
}

function readProgram(reader: ByteReader, end: number, rows: Row[]): void {
  const { areStatements, files, lengths, lineBase, lineRange, opcodeBase, unit } = headerIn(reader);
  const start = { address: 0, file: 1, line: 1, column: 0, isStatement: areStatements };
  let state = { ...start };
  const add = (isEnd: boolean) => {
    const { file, ...known } = state;
    rows.push({ ...known, file: files[file] ?? "", isEnd });
  };
  while (reader.at < end && rows.length < MAX_ROWS) {
    const opcode = reader.byte();
    if (opcode >= opcodeBase) {
      const adjusted = opcode - opcodeBase;
      state.address += Math.floor(adjusted / lineRange) * unit;
      state.line += lineBase + adjusted % lineRange;
      add(false);
    } else if (opcode === 0) {
      const length = reader.unsigned();
      const next = reader.at + length;
      const extended = reader.byte();
      if (extended === EXTENDED.END_SEQUENCE) {
        add(true);
        state = { ...start };
      } else if (extended === EXTENDED.SET_ADDRESS) {
        state.address = length === 5 ? reader.u32() : reader.u64();
      }
      reader.at = next;
    } else if (opcode === OP.COPY) add(false);
    else if (opcode === OP.ADVANCE_PC) state.address += reader.unsigned() * unit;
    else if (opcode === OP.ADVANCE_LINE) state.line += reader.signed();
    else if (opcode === OP.SET_FILE) state.file = reader.unsigned();
    else if (opcode === OP.SET_COLUMN) state.column = reader.unsigned();
    else if (opcode === OP.CONST_ADD_PC) {
      state.address += Math.floor((LAST_OPCODE - opcodeBase) / lineRange) * unit;
    } else if (opcode === OP.FIXED_ADVANCE_PC) state.address += reader.u16();
    else if (opcode === OP.NEGATE_STATEMENT) state.isStatement = !state.isStatement;
    else {
      for (let left = lengths[opcode - 1] ?? 0; left > 0; left--) reader.unsigned();
    }
  }
}
