/** The lines with code in a driver in C, for a debugger that follows a run line by line. */
import type { SourceFile, Span } from "@dmalab/lang";
import type { CompiledCode } from "./compiled_code.ts";
import type { LineRow } from "./line_table.ts";
import { CheckedModule, type CLine } from "./checked_module.ts";
import { firstInstruction, OP } from "./wasm_code.ts";
import { ByteReader, type CodeSpan } from "./wasm_reader.ts";

/** The lines of a driver that have code, in code order. */
export class CLines {
  readonly all: readonly CLine[];
  readonly #marks: ReadonlyMap<CodeSpan, readonly CLine[]>;

  constructor(readonly code: CompiledCode) {
    const reader = new ByteReader(code.bytes.subarray(code.shape.codeAt));
    const marks = code.shape.bodies.map((body) => [body, marksIn(code, body, reader)] as const);
    this.#marks = new Map(marks);
    this.all = marks.flatMap(([, own]) => own);
  }

  /** Makes the module with a call at each line. */
  marked(): CheckedModule {
    return new CheckedModule(this.code, this.#marks);
  }
}

/** The beginnings of lines in a function; empty for a function of the support file or of a header. */
function marksIn(code: CompiledCode, body: CodeSpan, reader: ByteReader): readonly CLine[] {
  const first = firstInstruction(body, reader);
  const all = code.lines.rowsIn(body.start, body.end);
  const begun = new Set(all.filter(({ isStatement }) => isStatement).map(({ line }) => line));
  // If a line consists only of a call of a function without line information, the compiler does not
  // mark the line as a statement. Therefore the rows of such a line are used as well.
  const rows = all.filter(({ isStatement, line }) => isStatement || !begun.has(line));
  const [opening] = rows;
  const source = opening === undefined ? undefined : code.source(opening.file);
  if (opening === undefined || source === undefined) return [];
  const line = (of: SourceFile, number: number, address: number, isEntry: boolean): CLine => ({
    functionName: body.name,
    span: lineSpan(of, number),
    isEntry,
    address,
    body,
  });
  const marks: CLine[] = [line(source, opening.line, first, true)];
  let before: LineRow = opening;
  rows.forEach((row, index) => {
    if (row.file === before.file && row.line === before.line) return;
    const own = code.source(row.file);
    // If several lines have the same address, the code belongs to the last.
    if (own === undefined || rows[index + 1]?.address === row.address) return;
    before = row;
    const address = insideLoop(Math.max(first, row.address), rows[index + 1]?.address ?? 0, reader);
    marks.push(line(own, row.line, address, false));
  });
  return marks;
}

/**
 * The address at which a line begins. If a line begins with a loop, this is an address inside the
 * loop, because the line begins again in each iteration.
 */
function insideLoop(address: number, end: number, reader: ByteReader): number {
  let inside = address;
  for (reader.at = address; reader.at < end;) {
    const opcode = reader.byte();
    if (opcode !== OP.BLOCK && opcode !== OP.LOOP) break;
    reader.signed();
    if (opcode === OP.LOOP && reader.at < end) inside = reader.at;
  }
  return inside;
}

/** The span of a line without surrounding blanks. */
export function lineSpan(source: SourceFile, line: number): Span {
  const text = source.line(line);
  const start = (source.lineStarts[line - 1] ?? 0) + text.length - text.trimStart().length;
  return { source, start, end: start + Math.max(1, text.trim().length) };
}
