/**
 * Parses a WebAssembly module: the signatures of its functions, and the start of its code.
 *
 * @see WebAssembly Core Specification, 5.5 (modules)
 */
import { addAll } from "@dmalab/runtime/basics";

/** Numbers of sections. */
export const SECTION = {
  CUSTOM: 0,
  TYPE: 1,
  IMPORT: 2,
  FUNCTION: 3,
  MEMORY: 5,
  EXPORT: 7,
  CODE: 10,
  DATA: 11,
} as const;
/**
 * Numbers of the subsections of the section "name" with the names of functions and of data
 * segments.
 */
const FUNCTION_NAMES = 1;
const SEGMENT_NAMES = 9;
/** The linker's name for read-only data. */
const READ_ONLY = ".rodata";
const HEADER_BYTES = 8;
const EXTERNAL = { FUNCTION: 0, TABLE: 1, MEMORY: 2, GLOBAL: 3 } as const;
const HAS_MAXIMUM = 1;
export const VALUE_TYPES: Readonly<Record<number, ValueType>> = {
  0x7f: "i32",
  0x7e: "i64",
  0x7d: "f32",
  0x7c: "f64",
};

export type ValueType = "i32" | "i64" | "f32" | "f64";

/** The types of a function's parameters and result. */
interface FunctionType {
  readonly parameters: readonly ValueType[];
  readonly result: ValueType | null;
}

/** An exported function. */
export interface WasmSignature extends FunctionType {
  /** The function's index in the module. */
  readonly index: number;
}

/** An imported function. */
export interface ImportedFunction extends WasmSignature {
  readonly module: string;
  readonly name: string;
  /** The linker's name for the function, by which the code calls it. */
  readonly symbol: string;
}

/** The code of a function: offset of its first byte, and offset after its last byte. */
export interface CodeSpan {
  /** Index of the function in the module. */
  readonly index: number;
  readonly parameters: readonly ValueType[];
  /** The function's name in the source; empty if unknown. */
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/** Static data, by its start and end address. */
interface DataSpan {
  readonly start: number;
  readonly end: number;
}

export interface ModuleShape {
  /** Functions by their export names. */
  readonly functions: ReadonlyMap<string, WasmSignature>;
  /** Indexes of global variables by their export names. */
  readonly globals: ReadonlyMap<string, number>;
  readonly imports: readonly ImportedFunction[];
  /** Custom sections by name: `.debug_line`, `.debug_info` and more. */
  readonly custom: ReadonlyMap<string, Uint8Array>;
  /** Offset of the code section's content: offsets in line tables are relative to it. */
  readonly codeAt: number;
  /**
   * Offset of the first byte of the code section, including its header. `codeTo` is the offset
   * after the section's last byte.
   */
  readonly codeFrom: number;
  readonly codeTo: number;
  /** The code of each function, with offsets relative to `codeAt`. */
  readonly bodies: readonly CodeSpan[];
  /** Number of memory bytes for the driver's stack and data. */
  readonly staticBytes: number;
  /** Data that the driver may only read. */
  readonly constants: readonly DataSpan[];
}

/** Reads variable-length numbers, bytes and names. */
export class ByteReader {
  constructor(readonly bytes: Uint8Array, public at = 0) {}

  get isAtEnd(): boolean {
    return this.at >= this.bytes.length;
  }

  byte(): number {
    return this.bytes[this.at++] ?? 0;
  }

  u16(): number {
    return this.byte() + this.byte() * 2 ** 8;
  }

  u32(): number {
    return this.u16() + this.u16() * 2 ** 16;
  }

  u64(): number {
    return this.u32() + this.u32() * 2 ** 32;
  }

  unsigned(): number {
    let value = 0;
    for (let unit = 1;; unit *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) return value;
    }
  }

  /** Reads a variable-length number without loss of precision. */
  wide(): bigint {
    let value = 0n;
    for (let shift = 0n;; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }

  signed(): number {
    let value = 0;
    for (let unit = 1;; unit *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) return (byte & 0x40) === 0 ? value : value - unit * 128;
    }
  }

  name(): string {
    const length = this.unsigned();
    this.at += length;
    return new TextDecoder().decode(this.bytes.subarray(this.at - length, this.at));
  }

  /** A zero-terminated text. */
  text(): string {
    const zero = this.bytes.indexOf(0, this.at);
    const end = zero < 0 ? this.bytes.length : zero;
    const text = new TextDecoder().decode(this.bytes.subarray(this.at, end));
    this.at = end + 1;
    return text;
  }

  many<T>(read: () => T): T[] {
    return Array.from({ length: this.unsigned() }, read);
  }
}

/** Parses the parts of a compiled module that are needed to check and run it. */
export function shapeOf(bytes: Uint8Array): ModuleShape {
  const reader = new ByteReader(bytes);
  reader.at = HEADER_BYTES;
  let types: FunctionType[] = [];
  const functions: (FunctionType | undefined)[] = [];
  const names = new Map<number, string>();
  const segmentNames = new Map<number, string>();
  let segments: readonly DataSpan[] = [];
  const exported = new Map<string, WasmSignature>();
  const globals = new Map<string, number>();
  const imports: Omit<ImportedFunction, "symbol">[] = [];
  const custom = new Map<string, Uint8Array>();
  let codeAt = 0;
  let codeFrom = 0;
  let codeTo = 0;
  let bodies: readonly Pick<CodeSpan, "start" | "end">[] = [];
  let staticBytes = 0;
  while (!reader.isAtEnd) {
    const from = reader.at;
    const section = reader.byte();
    const length = reader.unsigned();
    const end = reader.at + length;
    if (section === SECTION.TYPE) types = reader.many(() => signatureIn(reader));
    else if (section === SECTION.IMPORT) {
      staticBytes = importsIn(reader, types, imports);
      addAll(functions, imports);
    } else if (section === SECTION.FUNCTION) {
      addAll(functions, reader.many(() => types[reader.unsigned()]));
    } else if (section === SECTION.EXPORT) {
      reader.many(() => {
        const name = reader.name();
        const kind = reader.byte();
        const index = reader.unsigned();
        const type = functions[index];
        if (kind === EXTERNAL.FUNCTION && type !== undefined) {
          exported.set(name, { ...type, index });
        } else if (kind === EXTERNAL.GLOBAL) globals.set(name, index);
      });
    } else if (section === SECTION.CODE) {
      codeAt = reader.at;
      codeFrom = from;
      codeTo = end;
      bodies = reader.many(() => bodyIn(reader, codeAt));
    } else if (section === SECTION.DATA) segments = reader.many(() => segmentIn(reader));
    else if (section === SECTION.CUSTOM) {
      const name = reader.name();
      if (name === "name") namesIn(reader, end, names, segmentNames);
      else custom.set(name, bytes.subarray(reader.at, end));
    }
    reader.at = end;
  }
  const nameOf = (index: number) => names.get(index) ?? "";
  const named = bodies.map((body, position) => {
    const index = imports.length + position;
    return { ...body, index, parameters: functions[index]!.parameters, name: nameOf(index) };
  });
  return {
    functions: exported,
    globals,
    imports: imports.map((each) => ({ ...each, symbol: nameOf(each.index) })),
    custom,
    codeAt,
    codeFrom,
    codeTo,
    bodies: named,
    staticBytes,
    constants: segments.filter((_span, index) => segmentNames.get(index)?.startsWith(READ_ONLY)),
  };
}

/** @returns The least size of the memory in bytes. */
function importsIn(
  reader: ByteReader,
  types: readonly FunctionType[],
  imports: Omit<ImportedFunction, "symbol">[],
): number {
  let staticBytes = 0;
  reader.many(() => {
    const module = reader.name();
    const name = reader.name();
    const kind = reader.byte();
    if (kind === EXTERNAL.FUNCTION) {
      imports.push({ ...types[reader.unsigned()]!, module, name, index: imports.length });
    } else if (kind === EXTERNAL.MEMORY) staticBytes = memoryIn(reader);
    else if (kind === EXTERNAL.GLOBAL) reader.at += 2;
  });
  return staticBytes;
}

/** @see WebAssembly Core Specification, 7.4.1 (name section) */
function namesIn(
  reader: ByteReader,
  end: number,
  names: Map<number, string>,
  segmentNames: Map<number, string>,
): void {
  while (reader.at < end) {
    const part = reader.byte();
    const length = reader.unsigned();
    const next = reader.at + length;
    const into = part === FUNCTION_NAMES ? names : part === SEGMENT_NAMES ? segmentNames : null;
    if (into !== null) reader.many(() => into.set(reader.unsigned(), reader.name()));
    reader.at = next;
  }
}

/** The address range of a data segment; an empty range for a segment without a fixed address. */
function segmentIn(reader: ByteReader): DataSpan {
  const isPassive = reader.unsigned() !== 0;
  let start = 0;
  if (!isPassive) {
    reader.byte();
    start = reader.signed();
    reader.byte();
  }
  const sizeBytes = reader.unsigned();
  reader.at += sizeBytes;
  return { start, end: isPassive ? start : start + sizeBytes };
}

function bodyIn(reader: ByteReader, codeAt: number): Pick<CodeSpan, "start" | "end"> {
  const sizeBytes = reader.unsigned();
  const start = reader.at - codeAt;
  reader.at += sizeBytes;
  return { start, end: start + sizeBytes };
}

function signatureIn(reader: ByteReader): FunctionType {
  reader.byte();
  const types = () => reader.many(() => VALUE_TYPES[reader.byte()] ?? "i32");
  const parameters = types();
  return { parameters, result: types()[0] ?? null };
}

/** @returns The least size of the memory in bytes. */
function memoryIn(reader: ByteReader): number {
  const flags = reader.byte();
  const pages = reader.unsigned();
  if ((flags & HAS_MAXIMUM) !== 0) reader.unsigned();
  return pages * 2 ** 16;
}
