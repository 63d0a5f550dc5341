/**
 * The compiler's debug information about functions, variables and types. The entries of a module
 * are read only when they are needed, because a kernel's headers describe thousands of structures.
 *
 * @see DWARF Debugging Information Format 4, 2 (general description), 7.5 (format)
 */
import type { LocalSets } from "./wasm_code.ts";
import { ByteReader, type CodeSpan } from "./wasm_reader.ts";

const VERSION = 4;
export const TAG = {
  ARRAY: 0x01,
  ENUMERATION: 0x04,
  PARAMETER: 0x05,
  BLOCK: 0x0b,
  MEMBER: 0x0d,
  POINTER: 0x0f,
  UNIT: 0x11,
  STRUCTURE: 0x13,
  SUBROUTINE: 0x15,
  TYPEDEF: 0x16,
  UNION: 0x17,
  SUBRANGE: 0x21,
  BASE: 0x24,
  CONST: 0x26,
  ENUMERATOR: 0x28,
  FUNCTION: 0x2e,
  VARIABLE: 0x34,
  VOLATILE: 0x35,
  RESTRICT: 0x37,
  ATOMIC: 0x47,
} as const;
export const AT = {
  LOCATION: 0x02,
  NAME: 0x03,
  BYTE_SIZE: 0x0b,
  BIT_OFFSET: 0x0c,
  BIT_SIZE: 0x0d,
  LOW_PC: 0x11,
  HIGH_PC: 0x12,
  CONST_VALUE: 0x1c,
  UPPER_BOUND: 0x2f,
  ABSTRACT_ORIGIN: 0x31,
  COUNT: 0x37,
  MEMBER_LOCATION: 0x38,
  DECLARATION: 0x3c,
  ENCODING: 0x3e,
  FRAME_BASE: 0x40,
  SPECIFICATION: 0x47,
  TYPE: 0x49,
  RANGES: 0x55,
  DATA_BIT_OFFSET: 0x6b,
} as const;
/** Names that come from macros of the lab or of a kernel's headers. */
const OF_MACROS = /^(?:dmalab_|__)/;
const FORM_ADDRESS = 0x01;
const LOCAL = 0;

type FormValue = number | bigint | string | Uint8Array;

interface Unit {
  readonly at: number;
  readonly end: number;
  readonly addressBytes: number;
  readonly abbreviations: ReadonlyMap<number, Abbreviation>;
}

interface Abbreviation {
  readonly tag: number;
  readonly hasChildren: boolean;
  /** Pairs of an attribute and its form. */
  readonly pairs: readonly (readonly [number, number])[];
}

/** Reads the bytes of an attribute, by its form. */
const FORMS: Readonly<Record<number, (reader: ByteReader, unit: Unit) => FormValue>> = {
  [FORM_ADDRESS]: (reader, { addressBytes }) => addressIn(reader, addressBytes),
  0x03: (reader) => bytesIn(reader, reader.u16()),
  0x04: (reader) => bytesIn(reader, reader.u32()),
  0x05: (reader) => reader.u16(),
  0x06: (reader) => reader.u32(),
  0x07: (reader) => BigInt(reader.u32()) + (BigInt(reader.u32()) << 32n),
  0x08: (reader) => reader.text(),
  0x09: (reader) => bytesIn(reader, reader.unsigned()),
  0x0a: (reader) => bytesIn(reader, reader.byte()),
  0x0b: (reader) => reader.byte(),
  0x0c: (reader) => reader.byte(),
  0x0d: (reader) => reader.signed(),
  0x0e: (reader) => reader.u32(),
  0x0f: (reader) => reader.wide(),
  0x10: (reader) => reader.u32(),
  0x11: (reader, { at }) => at + reader.byte(),
  0x12: (reader, { at }) => at + reader.u16(),
  0x13: (reader, { at }) => at + reader.u32(),
  0x14: (reader, { at }) => at + reader.u64(),
  0x15: (reader, { at }) => at + reader.unsigned(),
  0x17: (reader) => reader.u32(),
  0x18: (reader) => bytesIn(reader, reader.unsigned()),
  0x19: () => 1,
};
const STRING_OFFSET = 0x0e;

function bytesIn(reader: ByteReader, length: number): Uint8Array {
  reader.at += length;
  return reader.bytes.subarray(reader.at - length, reader.at);
}

function addressIn(reader: ByteReader, bytes: number): number {
  return bytes === 8 ? reader.u64() : reader.u32();
}

/** An entry: a function, a variable, a type, or a part of these. */
export class DebugEntry {
  #children: readonly DebugEntry[] | null = null;

  constructor(
    readonly info: DebugInfo,
    readonly unit: Unit,
    readonly tag: number,
    private readonly values: ReadonlyMap<number, FormValue>,
    /** Offset of the entry's first child; null if it has no children. */
    readonly childrenAt: number | null,
  ) {}

  /** An attribute of this entry, or else of the entry to which this entry refers as its origin. */
  get(attribute: number): FormValue | undefined {
    return this.values.get(attribute) ??
      (this.#referred(AT.ABSTRACT_ORIGIN) ?? this.#referred(AT.SPECIFICATION))?.get(attribute);
  }

  number(attribute: number): number | undefined {
    const value = this.get(attribute);
    return typeof value === "number" || typeof value === "bigint" ? Number(value) : undefined;
  }

  get name(): string {
    const name = this.get(AT.NAME);
    return typeof name === "string" ? name : "";
  }

  /** Null for `void`. */
  get type(): DebugEntry | null {
    const at = this.number(AT.TYPE);
    return at === undefined ? null : this.info.entryAt(at);
  }

  #referred(attribute: number): DebugEntry | undefined {
    const at = this.values.get(attribute);
    return typeof at === "number" ? this.info.entryAt(at) : undefined;
  }

  get children(): readonly DebugEntry[] {
    return this.#children ??= this.childrenAt === null
      ? []
      : this.info.childrenAt(this.childrenAt, this.unit);
  }

  /** Arguments and variables of a function that are visible at an address, the innermost last. */
  variablesAt(address: number): readonly DebugEntry[] {
    const own = this.children.filter(({ name, tag }) =>
      (tag === TAG.PARAMETER || tag === TAG.VARIABLE) && name !== "" && !OF_MACROS.test(name)
    );
    const blocks = this.children.filter((each) => each.tag === TAG.BLOCK && each.covers(address));
    return [
      ...own.filter(({ tag }) => tag === TAG.PARAMETER),
      ...own.filter(({ tag }) => tag === TAG.VARIABLE),
      ...blocks.flatMap((each) => each.variablesAt(address)),
    ];
  }

  /**
   * Whether the entry has code at an address. True for every address if the entry has no range, as
   * some blocks do.
   */
  covers(address: number): boolean {
    const ranges = this.number(AT.RANGES);
    if (ranges !== undefined) {
      return this.info.spansAt("ranges", ranges, this.unit).some((span) => isIn(span, address));
    }
    const low = this.number(AT.LOW_PC);
    return low === undefined ||
      address >= low && address < low + (this.number(AT.HIGH_PC) ?? 0);
  }

  /**
   * The location of a variable while code at an address runs: a location expression, or the reason
   * why the variable has no location. The compiler may name a local as the location although that
   * local already contains another value. In this case the location is "nowhere". A variable on the
   * stack keeps its location.
   *
   * @param of The variable's function.
   */
  locationAt(of: DebugEntry, address: number, sets: LocalSets): Uint8Array | "later" | "nowhere" {
    const location = this.get(AT.LOCATION);
    if (location instanceof Uint8Array) return location;
    if (typeof location !== "number") return "nowhere";
    const spans = this.info.spansAt("loc", location, this.unit);
    const base = of.get(AT.FRAME_BASE);
    const bases = base instanceof Uint8Array ? localsOf(base) : new Set<number>();
    const isOnStack = ({ expression, from }: SaidSpan) => {
      const locals = localsOf(expression);
      return from <= address && expression.at(-1) !== OP.STACK_VALUE &&
        locals.size > 0 && locals.isSubsetOf(bases);
    };
    const span = spans.find((each) => isIn(each, address)) ?? spans.find(isOnStack);
    if (span === undefined) return spans.every(({ from }) => from > address) ? "later" : "nowhere";
    const isGone = [...localsOf(span.expression)].some((local) => {
      const own = spans.filter(({ expression }) => localsOf(expression).has(local));
      return sets.isOverwritten(local, span.from, address, new Set(own.map(({ from }) => from)));
    });
    return isGone ? "nowhere" : span.expression;
  }
}

/** A range of addresses, with its value in a list of the debug information. */
interface SaidSpan {
  readonly from: number;
  readonly to: number;
  readonly expression: Uint8Array;
}

function isIn({ from, to }: SaidSpan, address: number): boolean {
  return address >= from && address < to;
}

export class DebugInfo {
  readonly #units: Unit[] = [];
  readonly #entries = new Map<number, DebugEntry>();
  readonly #abbreviations = new Map<number, ReadonlyMap<number, Abbreviation>>();
  readonly #names = new Map<Unit, ReadonlyMap<string, DebugEntry>>();
  /** Functions by the address of their code. */
  #functions: ReadonlyMap<number, DebugEntry> | null = null;

  /** @param sections The module's custom sections by name. */
  constructor(private readonly sections: ReadonlyMap<string, Uint8Array>) {
    const reader = this.#reader("info");
    while (!reader.isAtEnd) {
      const at = reader.at;
      const end = reader.u32() + reader.at;
      if (reader.u16() === VERSION) {
        const abbreviations = this.#abbreviationsAt(reader.u32());
        this.#units.push({ at, end, addressBytes: reader.byte(), abbreviations });
      }
      reader.at = end;
    }
  }

  #reader(section: string, at = 0): ByteReader {
    return new ByteReader(this.sections.get(`.debug_${section}`) ?? new Uint8Array(), at);
  }

  #abbreviationsAt(at: number): ReadonlyMap<number, Abbreviation> {
    return this.#abbreviations.getOrInsertComputed(at, () => {
      const reader = this.#reader("abbrev", at);
      const found = new Map<number, Abbreviation>();
      for (let code = reader.unsigned(); code !== 0; code = reader.unsigned()) {
        const tag = reader.unsigned();
        const hasChildren = reader.byte() !== 0;
        const pairs: (readonly [number, number])[] = [];
        for (;;) {
          const pair = [reader.unsigned(), reader.unsigned()] as const;
          if (pair[0] === 0) break;
          pairs.push(pair);
        }
        // Abbreviations are untrusted, because assembler can write any. One with an unknown form is
        // left out, and an entry that uses it ends the list of entries.
        if (pairs.every(([, form]) => form in FORMS)) found.set(code, { tag, hasChildren, pairs });
      }
      return found;
    });
  }

  /** The top-level entries of each compilation unit. */
  get #tops(): readonly (readonly DebugEntry[])[] {
    // Skips the unit's header: length, version, offset of the abbreviation table, address size.
    return this.#units.map(({ at }) => this.entryAt(at + 11).children);
  }

  /** The function with a given code; null without an entry for it. */
  functionOf({ start }: CodeSpan): DebugEntry | null {
    this.#functions ??= new Map(
      this.#tops.flat().filter(({ tag }) => tag === TAG.FUNCTION)
        .map((entry) => [entry.number(AT.LOW_PC) ?? -1, entry]),
    );
    return this.#functions.get(start) ?? null;
  }

  /**
   * Global variables and enumerators that are visible in a function, by name. If several have the same
   * name, those of the function's own file are preferred.
   */
  namesFor({ unit }: DebugEntry): ReadonlyMap<string, DebugEntry> {
    return this.#names.getOrInsertComputed(unit, () => {
      const isOwn = (entry: DebugEntry) => entry.unit === unit;
      const all = this.#tops.flat();
      const variables = all.filter((entry) =>
        entry.tag === TAG.VARIABLE && entry.get(AT.LOCATION) !== undefined &&
        entry.name !== "" && !OF_MACROS.test(entry.name)
      );
      const enumerators = all.filter((each) => isOwn(each) && each.tag === TAG.ENUMERATION)
        .flatMap(({ children }) => children);
      const ordered = [...variables.filter((each) => !isOwn(each)), ...enumerators];
      return new Map(
        [...ordered, ...variables.filter(isOwn)].map((entry) => [entry.name, entry]),
      );
    });
  }

  /** The definition of a structure that is only declared in one file. */
  definitionOf(declared: DebugEntry): DebugEntry | null {
    return this.#tops.flat().find((each) =>
      each.tag === declared.tag && each.name === declared.name &&
      each.get(AT.DECLARATION) === undefined
    ) ?? null;
  }

  entryAt(at: number): DebugEntry {
    const unit = this.#units.find((each) => at >= each.at && at < each.end)!;
    const known = this.#entries.get(at);
    return known ?? this.#entryIn(this.#reader("info", at), unit)!;
  }

  childrenAt(at: number, unit: Unit): readonly DebugEntry[] {
    const reader = this.#reader("info", at);
    const children: DebugEntry[] = [];
    for (let child = this.#entryIn(reader, unit); child !== null;) {
      children.push(child);
      if (child.childrenAt !== null) this.#skipChildren(reader, unit);
      child = this.#entryIn(reader, unit);
    }
    return children;
  }

  /** The entry at a reader's position; null at the end of a list of children. */
  #entryIn(reader: ByteReader, unit: Unit): DebugEntry | null {
    const { at } = reader;
    const abbreviation = unit.abbreviations.get(reader.unsigned());
    if (abbreviation === undefined) return null;
    const { hasChildren, pairs, tag } = abbreviation;
    const values = new Map<number, FormValue>();
    for (const [attribute, form] of pairs) {
      const value = FORMS[form]!(reader, unit);
      values.set(
        attribute,
        form === STRING_OFFSET ? this.#reader("str", value as number).text() : value,
      );
    }
    const known = this.#entries.get(at);
    if (known !== undefined) return known;
    const entry = new DebugEntry(this, unit, tag, values, hasChildren ? reader.at : null);
    this.#entries.set(at, entry);
    return entry;
  }

  #skipChildren(reader: ByteReader, unit: Unit): void {
    for (let depth = 1; depth > 0;) {
      const abbreviation = unit.abbreviations.get(reader.unsigned());
      if (abbreviation === undefined) {
        depth--;
        continue;
      }
      for (const [, form] of abbreviation.pairs) FORMS[form]!(reader, unit);
      if (abbreviation.hasChildren) depth++;
    }
  }

  /** The rows of a list, each with its range of addresses. */
  spansAt(section: "loc" | "ranges", at: number, { addressBytes }: Unit): readonly SaidSpan[] {
    const reader = this.#reader(section, at);
    const baseMark = addressBytes === 8 ? 2 ** 64 : 2 ** 32 - 1;
    const spans: SaidSpan[] = [];
    // All files share one code section, so the base address is 0.
    let base = 0;
    while (!reader.isAtEnd) {
      const from = addressIn(reader, addressBytes);
      const to = addressIn(reader, addressBytes);
      if (from === 0 && to === 0) break;
      if (from >= baseMark) base = to;
      else {
        const expression = bytesIn(reader, section === "loc" ? reader.u16() : 0);
        spans.push({ from: base + from, to: base + to, expression });
      }
    }
    return spans;
  }
}

/** The locals of the compiled code that contain a function's variables at an address. */
export function localsAt(of: DebugEntry, address: number, sets: LocalSets): readonly number[] {
  const base = of.get(AT.FRAME_BASE);
  const locations = of.variablesAt(address).map((each) => each.locationAt(of, address, sets));
  const locals = [base, ...locations]
    .flatMap((each) => each instanceof Uint8Array ? [...localsOf(each)] : []);
  return [...new Set(locals)];
}

/** The locals that occur in an expression. */
function localsOf(expression: Uint8Array): ReadonlySet<number> {
  const locals = new Set<number>();
  evaluateLocation(expression, {
    local: (index) => {
      locals.add(index);
      return 0n;
    },
    frameBase: () => 0n,
    load: () => 0n,
  });
  return locals;
}

/** The address to which the locations of a function's stack variables are relative. */
export function frameBase(of: DebugEntry, scope: LocationScope): bigint | null {
  const base = of.get(AT.FRAME_BASE);
  const located = base instanceof Uint8Array ? evaluateLocation(base, scope) : null;
  return located !== null && "bits" in located ? located.bits : null;
}

/** The inputs for evaluating a location expression. */
export interface LocationScope {
  /** The value of a local of the compiled code; null if it is unknown. */
  local(index: number): bigint | null;
  frameBase(): bigint | null;
  /** Reads eight bytes of memory. */
  load(at: bigint): bigint | null;
}

/** The address of a variable in memory, or its value if it is not in memory. */
export type Located = { readonly at: number } | { readonly bits: bigint };

const OP = {
  ADDRESS: 0x03,
  DEREFERENCE: 0x06,
  PLUS_CONSTANT: 0x23,
  LITERAL: 0x30,
  LAST_LITERAL: 0x4f,
  FRAME_BASE: 0x91,
  STACK_VALUE: 0x9f,
  WASM: 0xed,
} as const;
const CONSTANTS: Readonly<Record<number, (reader: ByteReader) => bigint>> = {
  [OP.ADDRESS]: (reader) => BigInt(reader.u64()),
  0x08: (reader) => BigInt(reader.byte()),
  0x09: (reader) => BigInt.asIntN(8, BigInt(reader.byte())),
  0x0a: (reader) => BigInt(reader.u16()),
  0x0b: (reader) => BigInt.asIntN(16, BigInt(reader.u16())),
  0x0c: (reader) => BigInt(reader.u32()),
  0x0d: (reader) => BigInt.asIntN(32, BigInt(reader.u32())),
  0x10: (reader) => reader.wide(),
  0x11: (reader) => BigInt(reader.signed()),
};
const BINARY: Readonly<Record<number, (one: bigint, other: bigint) => bigint>> = {
  0x1a: (one, other) => one & other,
  0x1c: (one, other) => one - other,
  0x1e: (one, other) => one * other,
  0x21: (one, other) => one | other,
  0x22: (one, other) => one + other,
  0x24: (one, other) => one << (other & 63n),
  0x25: (one, other) => BigInt.asUintN(64, one) >> (other & 63n),
  0x26: (one, other) => BigInt.asIntN(64, one) >> (other & 63n),
  0x27: (one, other) => one ^ other,
};

/**
 * Evaluates a location expression.
 * @returns Null if the expression contains an unknown or unsupported operation, such as a value in
 *   pieces.
 */
export function evaluateLocation(expression: Uint8Array, scope: LocationScope): Located | null {
  const reader = new ByteReader(expression);
  const stack: bigint[] = [];
  let isValue = false;
  while (!reader.isAtEnd) {
    const op = reader.byte();
    let value: bigint | null = null;
    if (op === OP.STACK_VALUE) {
      isValue = true;
      continue;
    } else if (op >= OP.LITERAL && op <= OP.LAST_LITERAL) value = BigInt(op - OP.LITERAL);
    else if (CONSTANTS[op] !== undefined) value = CONSTANTS[op](reader);
    else if (op === OP.WASM) {
      const kind = reader.byte();
      const index = reader.unsigned();
      if (kind === LOCAL) value = scope.local(index);
    } else if (op === OP.FRAME_BASE) {
      const offset = BigInt(reader.signed());
      const base = scope.frameBase();
      value = base === null ? null : base + offset;
    } else if (op === OP.PLUS_CONSTANT) value = (stack.pop() ?? 0n) + reader.wide();
    else if (op === OP.DEREFERENCE) value = scope.load(stack.pop() ?? 0n);
    else if (BINARY[op] !== undefined) {
      const other = stack.pop() ?? 0n;
      value = BINARY[op](stack.pop() ?? 0n, other);
    }
    if (value === null) return null;
    stack.push(value);
  }
  const last = stack.at(-1);
  if (last === undefined) return null;
  return isValue ? { bits: last } : { at: Number(BigInt.asUintN(64, last)) };
}
