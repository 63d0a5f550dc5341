/**
 * What is read of a WebAssembly module's own bytes: what its functions take, and where its code begins.
 *
 * @see WebAssembly Core Specification, 5.5 (modules)
 */

const SECTION = { TYPE: 1, IMPORT: 2, FUNCTION: 3, MEMORY: 5, EXPORT: 7, CODE: 10 } as const;
const HEADER_BYTES = 8;
const EXTERNAL = { FUNCTION: 0, TABLE: 1, MEMORY: 2, GLOBAL: 3 } as const;
const HAS_MAXIMUM = 1;
const VALUE_TYPES: Readonly<Record<number, ValueType>> = {
  0x7f: "i32",
  0x7e: "i64",
  0x7d: "f32",
  0x7c: "f64",
};

export type ValueType = "i32" | "i64" | "f32" | "f64";

/** What a function takes and gives. */
export interface Signature {
  readonly parameters: readonly ValueType[];
  readonly result: ValueType | null;
}

/** From its first byte to the one behind its last. */
export interface CodeSpan {
  readonly start: number;
  readonly end: number;
}

/** What is known of a module. */
export interface ModuleShape {
  /** Functions by the names they are exported under. */
  readonly functions: ReadonlyMap<string, Signature>;
  /** Offset of the code section's content: line tables count from there. */
  readonly codeAt: number;
  /** Where the code of each function lies, from there. */
  readonly bodies: readonly CodeSpan[];
  /** Bytes of memory that its stack and its data take. */
  readonly staticBytes: number;
}

/** Reads numbers of variable length, bytes and names. */
export class ByteReader {
  at = 0;

  constructor(readonly bytes: Uint8Array) {}

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

  /** A text that ends with a zero. */
  text(): string {
    const end = this.bytes.indexOf(0, this.at);
    const text = new TextDecoder().decode(this.bytes.subarray(this.at, end));
    this.at = end + 1;
    return text;
  }

  many<T>(read: () => T): T[] {
    return Array.from({ length: this.unsigned() }, read);
  }
}

/** Reads the shape of a module that the compiler has made. */
export function shapeOf(bytes: Uint8Array): ModuleShape {
  const reader = new ByteReader(bytes);
  reader.at = HEADER_BYTES;
  let types: Signature[] = [];
  const functions: (Signature | undefined)[] = [];
  const exported = new Map<string, Signature>();
  let codeAt = 0;
  let bodies: readonly CodeSpan[] = [];
  let staticBytes = 0;
  while (!reader.isAtEnd) {
    const section = reader.byte();
    const length = reader.unsigned();
    const end = reader.at + length;
    if (section === SECTION.TYPE) types = reader.many(() => signatureIn(reader));
    else if (section === SECTION.IMPORT) {
      reader.many(() => {
        reader.name();
        reader.name();
        const kind = reader.byte();
        if (kind === EXTERNAL.FUNCTION) functions.push(types[reader.unsigned()]);
        else if (kind === EXTERNAL.MEMORY) staticBytes = memoryIn(reader);
        else if (kind === EXTERNAL.GLOBAL) reader.at += 2;
      });
    } else if (section === SECTION.FUNCTION) {
      functions.push(...reader.many(() => types[reader.unsigned()]));
    } else if (section === SECTION.EXPORT) {
      reader.many(() => {
        const name = reader.name();
        const kind = reader.byte();
        const signature = functions[reader.unsigned()];
        if (kind === EXTERNAL.FUNCTION && signature !== undefined) exported.set(name, signature);
      });
    } else if (section === SECTION.CODE) {
      codeAt = reader.at;
      bodies = reader.many(() => bodyIn(reader, codeAt));
    }
    reader.at = end;
  }
  return { functions: exported, codeAt, bodies, staticBytes };
}

function bodyIn(reader: ByteReader, codeAt: number): CodeSpan {
  const sizeBytes = reader.unsigned();
  const start = reader.at - codeAt;
  reader.at += sizeBytes;
  return { start, end: start + sizeBytes };
}

function signatureIn(reader: ByteReader): Signature {
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
