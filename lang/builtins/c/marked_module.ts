/**
 * A driver's code with a call of its own where each line begins, for those who follow a run line by
 * line: what nobody follows has none of these calls, and no second compiler makes them.
 *
 * A call leaves nothing behind and takes nothing, so that it may stand between any two instructions;
 * branches of the format lead to the ends of blocks, not to offsets, so that nothing else changes.
 *
 * @see WebAssembly Core Specification, 5.4 (instructions), 5.5.13 (code section)
 */
import type { SourceFile, Span } from "../../source.ts";
import type { ForeignLine } from "../../values/run.ts";
import type { LineRow, LineTable } from "./line_table.ts";
import { ByteReader, type CodeSpan, type ModuleShape, SECTION } from "./wasm_reader.ts";

const OP = { BLOCK: 0x02, LOOP: 0x03, CALL: 0x10, I32_CONST: 0x41 } as const;
/** What the support file has for it. */
const REACHED = "dmalab_reached";

/** What the compiler gave. */
interface CompiledCode {
  readonly bytes: Uint8Array;
  readonly shape: ModuleShape;
  readonly lines: LineTable;
  /** A source by the name that the compiler has for it. */
  source(name: string): SourceFile | undefined;
}

/** Code that runs: as the compiler gave it, or with calls where lines begin. */
export interface RunnableCode {
  readonly module: WebAssembly.Module;
  /** The address that the compiler knows for an offset in the module. */
  addressOf(offset: number): number;
}

/** A line of a function of C. */
export interface CLine extends ForeignLine {
  /** The function begins with it. */
  readonly isEntry: boolean;
}

/** Where a line begins, by the offsets that the compiler knows. */
interface Mark {
  readonly address: number;
  readonly line: CLine;
}

/** The lines of a driver that have code, in the order of the code. */
export class CLines {
  readonly all: readonly CLine[];
  readonly #marks: ReadonlyMap<CodeSpan, readonly Mark[]>;

  constructor(readonly code: CompiledCode) {
    const reader = new ByteReader(code.bytes.subarray(code.shape.codeAt));
    const marks = code.shape.bodies.map((body) => [body, marksIn(code, body, reader)] as const);
    this.#marks = new Map(marks);
    this.all = marks.flatMap(([, own]) => own.map(({ line }) => line));
  }

  /** Makes the module with the calls in it. */
  marked(): MarkedModule {
    return new MarkedModule(this.code, this.#marks);
  }
}

/** Where lines begin in a function; in one of the support file or of a header nowhere. */
function marksIn(code: CompiledCode, body: CodeSpan, reader: ByteReader): readonly Mark[] {
  const first = afterLocals(body, reader);
  const rows = code.lines.rowsIn(body.start, body.end).filter(({ isStatement }) => isStatement);
  const [opening] = rows;
  const source = opening === undefined ? undefined : code.source(opening.file);
  if (opening === undefined || source === undefined) return [];
  const line = (of: SourceFile, number: number, isEntry: boolean): CLine => ({
    functionName: body.name,
    span: lineSpan(of, number),
    isEntry,
  });
  const marks: Mark[] = [{ address: first, line: line(source, opening.line, true) }];
  let before: LineRow = opening;
  rows.forEach((row, index) => {
    if (row.file === before.file && row.line === before.line) return;
    const own = code.source(row.file);
    // Of several lines at one place the last is the one that the code is of.
    if (own === undefined || rows[index + 1]?.address === row.address) return;
    before = row;
    const address = insideLoop(Math.max(first, row.address), rows[index + 1]?.address ?? 0, reader);
    marks.push({ address, line: line(own, row.line, false) });
  });
  return marks;
}

/** Where the first instruction of a function stands. */
function afterLocals({ start }: CodeSpan, reader: ByteReader): number {
  reader.at = start;
  reader.many(() => [reader.unsigned(), reader.byte()]);
  return reader.at;
}

/** A line that begins with a loop begins anew with each of its turns. */
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

/** A line without the space around it. */
export function lineSpan(source: SourceFile, line: number): Span {
  const text = source.line(line);
  const start = (source.lineStarts[line - 1] ?? 0) + text.length - text.trimStart().length;
  return { source, start, end: start + Math.max(1, text.trim().length) };
}

/** A stretch of code. */
interface Part {
  /** The offset that the compiler knows for it. */
  readonly was: number;
  readonly bytes: Uint8Array;
  /** It is a call that was put in: all of it stands where the code behind it stood. */
  readonly isCall: boolean;
}

/** The code with the calls in it. */
export class MarkedModule implements RunnableCode {
  readonly module: WebAssembly.Module;
  /** By the numbers that the calls give. */
  readonly lines: readonly CLine[];
  /** In order of where they begin in the module. */
  readonly #parts: readonly (Part & { readonly now: number })[];

  constructor({ bytes, shape }: CompiledCode, marks: ReadonlyMap<CodeSpan, readonly Mark[]>) {
    const { codeAt, codeFrom, codeTo } = shape;
    const content = bytes.subarray(codeAt, codeTo);
    const { index: callee } = shape.functions.get(REACHED)!;
    const lines: CLine[] = [];
    const part = (was: number, end: number): Part => ({
      was,
      bytes: content.subarray(was, end),
      isCall: false,
    });
    const bodies = [...marks].map(([{ end, start }, own]) => {
      const parts: Part[] = [];
      let from = start;
      for (const { address, line } of own) {
        const number = lines.push(line) - 1;
        const call = [OP.I32_CONST, ...signed(number), OP.CALL, ...unsigned(callee)];
        parts.push(part(from, address));
        parts.push({ was: address, bytes: Uint8Array.from(call), isCall: true });
        from = address;
      }
      return [...parts, part(from, end)];
    });
    const head = (text: readonly number[]): Part => ({
      was: 0,
      bytes: Uint8Array.from(text),
      isCall: true,
    });
    const parts = [
      head(unsigned(bodies.length)),
      ...bodies.flatMap((body) => [head(unsigned(sizeOf(body))), ...body]),
    ];
    const before = [
      { ...head([]), bytes: bytes.subarray(0, codeFrom) },
      head([SECTION.CODE, ...unsigned(sizeOf(parts))]),
    ];
    const all = [...before, ...parts, { ...head([]), bytes: bytes.subarray(codeTo) }];
    const made = new Uint8Array(sizeOf(all));
    let now = 0;
    this.#parts = all.map((each) => {
      made.set(each.bytes, now);
      now += each.bytes.length;
      return { ...each, now: now - each.bytes.length };
    });
    this.lines = lines;
    this.module = new WebAssembly.Module(made);
  }

  addressOf(offset: number): number {
    const { isCall, now, was } = this.#parts.findLast((each) => each.now <= offset)!;
    return isCall ? was : was + offset - now;
  }
}

function sizeOf(parts: readonly Part[]): number {
  return parts.reduce((sum, { bytes }) => sum + bytes.length, 0);
}

/** @see WebAssembly Core Specification, 5.2.2 (integers) */
function unsigned(value: number): readonly number[] {
  return value < 0x80 ? [value] : [value & 0x7f | 0x80, ...unsigned(value >>> 7)];
}

function signed(value: number): readonly number[] {
  return value < 0x40 ? [value] : [value & 0x7f | 0x80, ...signed(value >>> 7)];
}
