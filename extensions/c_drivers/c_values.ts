/** Values of C with their types, read lazily from a driver's memory. */
import { itHas, nearestNames } from "@dmalab/lang/diagnostics";
import { formatAddress } from "@dmalab/lang/text";
import { type NativePart, type NativeValue, ScriptError } from "@dmalab/lang/values";
import { AT, type DebugEntry, type Located, TAG } from "./wasm/debug_info.ts";

/** A driver's memory, as a debugger reads it. */
export interface ReadableMemory {
  /** A number of at most 8 bytes; null if the driver may not read it. */
  bitsAt(at: number, sizeBytes: number): bigint | null;
  /** Why the bytes are unreadable: `at 0x10: a null pointer`; null if they are readable. */
  problemAt(at: number, sizeBytes: number): string | null;
  /** A zero-terminated text. */
  textAt(at: number, mostBytes: number): string;
  /** The physical address for a C address; negative if unknown. */
  physOf(at: number): number;
  /** The name of the function at a pointer; "" for none. */
  functionAt(pointer: number): string;
}

const POINTER_BYTES = 8;
/** Limit of a chain of typedefs and qualifiers, because assembler can write a circular chain. */
const MAX_NAMES = 100;
const ENCODING = { BOOLEAN: 2, FLOAT: 4, SIGNED: 5, SIGNED_CHAR: 6, UNSIGNED_CHAR: 8 } as const;
const QUALIFIERS: Readonly<Record<number, string>> = {
  [TAG.CONST]: "const",
  [TAG.VOLATILE]: "volatile",
  [TAG.RESTRICT]: "",
  [TAG.ATOMIC]: "_Atomic",
};
const TAGGED: Readonly<Record<number, string>> = {
  [TAG.STRUCTURE]: "struct",
  [TAG.UNION]: "union",
  [TAG.ENUMERATION]: "enum",
};
/** Number types that are printed as addresses. */
const ADDRESSES = /^(?:dma_addr_t|phys_addr_t|resource_size_t)$/;

interface Member {
  readonly name: string;
  readonly type: DebugType;
  readonly offset: number;
  readonly bits: BitField | null;
}

/** The bits of a bit-field, counted from the lowest bit of its bytes. */
interface BitField {
  readonly from: number;
  readonly count: number;
}

export class DebugType {
  /** The type of number literals in an expression. */
  static readonly INT = new DebugType(null, [], "int");
  /**
   * The type without typedefs and without qualifiers such as `const`; null for `void`, and for a plain
   * number.
   */
  readonly plain: DebugEntry | null;
  /** Number of elements in each dimension of an array. */
  readonly #dimensions: readonly number[];

  /** @param givenName The name of a type without a debug entry. */
  constructor(
    readonly entry: DebugEntry | null,
    dimensions: readonly number[] = [],
    readonly givenName: string = "void",
  ) {
    let plain = entry;
    for (let names = 0; names < MAX_NAMES; names++) {
      if (plain === null || plain.tag !== TAG.TYPEDEF && !(plain.tag in QUALIFIERS)) break;
      plain = plain.type;
    }
    const isDeclared = plain !== null && plain.get(AT.DECLARATION) !== undefined;
    this.plain = isDeclared ? plain!.info.definitionOf(plain!) ?? plain : plain;
    this.#dimensions = dimensions.length > 0 || plain?.tag !== TAG.ARRAY
      ? dimensions
      : plain.children.filter(({ tag }) => tag === TAG.SUBRANGE).map((range) => {
        const bound = range.number(AT.UPPER_BOUND);
        return range.number(AT.COUNT) ?? (bound === undefined ? 0 : bound + 1);
      });
  }

  get isArray(): boolean {
    return this.#dimensions.length > 0;
  }

  get isStruct(): boolean {
    return this.plain?.tag === TAG.STRUCTURE || this.plain?.tag === TAG.UNION;
  }

  get isPointer(): boolean {
    return !this.isArray && this.plain?.tag === TAG.POINTER;
  }

  get isFunction(): boolean {
    return this.plain?.tag === TAG.SUBROUTINE;
  }

  /** The type's name as written in C. */
  get name(): string {
    if (this.isArray) {
      const { plain } = this;
      const lengths = this.#dimensions.map((count) => `[${count === 0 ? "" : count}]`).join("");
      return `${nameOf(plain!.type)}${lengths}`;
    }
    return this === DebugType.INT ? this.givenName : nameOf(this.entry);
  }

  get count(): number {
    return this.#dimensions[0] ?? 0;
  }

  /** The type of an array's elements, or of a pointer's target. */
  get element(): DebugType {
    const { plain } = this;
    const rest = this.#dimensions.slice(1);
    return rest.length > 0 ? new DebugType(this.entry, rest) : new DebugType(plain!.type);
  }

  get sizeBytes(): number {
    if (this.isArray) return this.count * this.element.sizeBytes;
    if (this.isPointer) return POINTER_BYTES;
    return this.plain?.number(AT.BYTE_SIZE) ?? (this === DebugType.INT ? POINTER_BYTES : 0);
  }

  get isSigned(): boolean {
    const encoding = this.plain?.number(AT.ENCODING);
    return this === DebugType.INT || encoding === ENCODING.SIGNED ||
      encoding === ENCODING.SIGNED_CHAR;
  }

  get encoding(): number | undefined {
    return this.plain?.number(AT.ENCODING);
  }

  /** The members, including those of anonymous structures and unions. */
  get members(): readonly Member[] {
    return this.isStruct ? membersOf(this.plain!, 0) : [];
  }
}

function nameOf(entry: DebugEntry | null): string {
  if (entry === null) return "void";
  const { name, tag, type } = entry;
  if (tag === TAG.POINTER) {
    const to = nameOf(type);
    return `${to}${to.endsWith("*") ? "" : " "}*`;
  }
  if (tag === TAG.SUBROUTINE) return "function";
  if (tag === TAG.ARRAY) return new DebugType(entry).name;
  const qualifier = QUALIFIERS[tag];
  if (qualifier !== undefined) {
    const of = nameOf(type);
    return of.endsWith("*") ? `${of}${qualifier}` : `${qualifier} ${of}`.trim();
  }
  const tagged = TAGGED[tag];
  return tagged === undefined ? name : `${tagged} ${name}`.trim();
}

function membersOf(of: DebugEntry, base: number): readonly Member[] {
  return of.children.filter(({ tag }) => tag === TAG.MEMBER).flatMap((member) => {
    const type = new DebugType(member.type);
    const bitsAt = member.number(AT.DATA_BIT_OFFSET);
    const count = member.number(AT.BIT_SIZE);
    let offset = base + (member.number(AT.MEMBER_LOCATION) ?? 0);
    let bits: BitField | null = null;
    if (count !== undefined) {
      const bitOffset = bitsAt ??
        8 * type.sizeBytes - (member.number(AT.BIT_OFFSET) ?? 0) - count;
      // The storage unit of the bit-field, aligned like its type.
      const unit = 8 * type.sizeBytes;
      offset += Math.floor(bitOffset / unit) * type.sizeBytes;
      bits = { from: bitOffset % unit, count };
    }
    if (member.name === "" && type.isStruct) return membersOf(type.plain!, offset);
    return [{ name: member.name, type, offset, bits }];
  });
}

/** The location of a value, or the reason why it has none. */
export type CSource = Located | { readonly missing: string };

/**
 * Largest number of members and elements that a text shows; `SHOWN_DEPTH`: how many levels deep.
 */
const SHOWN_PARTS = 8;
const SHOWN_DEPTH = 2;
const SHOWN_TEXT_BYTES = 80;

export class CValue implements NativeValue {
  /**
   * @param expression The expression that gives the value.
   * @param truth Whether the value is that of a condition.
   */
  constructor(
    readonly memory: ReadableMemory,
    readonly type: DebugType,
    readonly expression: string,
    readonly source: CSource,
    readonly bitField: BitField | null = null,
    readonly truth: boolean | null = null,
  ) {}

  get kind(): string {
    return this.type.name;
  }

  /** The address of the value; null if it is not in memory. */
  get at(): number | null {
    return "at" in this.source ? this.source.at : null;
  }

  /** Why the value cannot be read; null if it can. */
  get problem(): string | null {
    const { source, type } = this;
    if ("missing" in source) return source.missing;
    if (!("at" in source) || type.isStruct || type.isArray) return null;
    const problem = this.memory.problemAt(source.at, Math.max(1, type.sizeBytes));
    return problem === null ? null : `it is ${problem}`;
  }

  /**
   * The bits of the value, read as a number of the value's type.
   * @throws {ScriptError} If the value is no number.
   */
  get bits(): bigint {
    const { bitField, problem, source, type } = this;
    if (problem !== null) {
      throw new ScriptError("E0919", `Cannot read \`${this.expression}\`: ${problem}`);
    }
    if (type.isArray && "at" in source) return BigInt(source.at);
    const size = Math.min(type.sizeBytes, POINTER_BYTES);
    const all = "at" in source
      ? this.memory.bitsAt(source.at, size) ?? 0n
      : "bits" in source
      ? source.bits
      : 0n;
    const count = bitField?.count ?? 8 * size;
    const own = bitField === null ? all : all >> BigInt(bitField.from);
    return type.isSigned ? BigInt.asIntN(count, own) : BigInt.asUintN(count, own);
  }

  get value(): boolean | number | null {
    if (this.truth !== null) return this.truth;
    if (this.type.isStruct || this.problem !== null) return null;
    const { bits, type: { encoding } } = this;
    if (encoding === ENCODING.BOOLEAN) return bits !== 0n;
    const number = Number(bits);
    return encoding !== ENCODING.FLOAT && Number.isSafeInteger(number) ? number : null;
  }

  get text(): string {
    return this.#textAt(0);
  }

  #textAt(depth: number): string {
    const { problem, truth, type } = this;
    if (truth !== null) return String(truth);
    if (problem !== null) return `(${problem})`;
    const shows = (value: NativeValue) => (value as CValue).#textAt(depth + 1);
    if (type.isArray) {
      if (type.element.sizeBytes === 1 && type.element.encoding === ENCODING.SIGNED_CHAR) {
        return this.#string(type.count);
      }
      if (depth >= SHOWN_DEPTH) return "[…]";
      const shown = this.parts(0, SHOWN_PARTS).map(({ value }) => shows(value));
      return `[${shown.join(", ")}${type.count > SHOWN_PARTS ? `, … ${type.count} in all` : ""}]`;
    }
    if (type.isStruct) {
      if (type.plain!.get(AT.DECLARATION) !== undefined) {
        return "(its members are not declared here)";
      }
      if (depth >= SHOWN_DEPTH) return "{…}";
      const { length } = type.members;
      const shown = this.parts(0, SHOWN_PARTS).map(({ name, value }) => `${name} ${shows(value)}`);
      return `{${shown.join(", ")}${length > SHOWN_PARTS ? `, … ${length} members` : ""}}`;
    }
    if (!type.isPointer) return this.#numberText();
    const target = depth === 0 ? this.#target : null;
    const text = this.#pointerText();
    return target?.type.isStruct === true ? `${text} → ${target.#textAt(1)}` : text;
  }

  #string(mostBytes: number): string {
    return JSON.stringify(this.memory.textAt(this.at!, mostBytes));
  }

  #pointerText(): string {
    const { bits, memory, type: { element } } = this;
    if (bits === 0n) return "NULL";
    if (element.isFunction) return memory.functionAt(Number(bits)) || addressText(bits);
    const text = addressText(bits);
    const problem = memory.problemAt(Number(bits), 1);
    if (problem !== null) return `${text} (${problem.replace(/^at 0x\S+, /, "")})`;
    return element.encoding === ENCODING.SIGNED_CHAR
      ? `${text} ${JSON.stringify(memory.textAt(Number(bits), SHOWN_TEXT_BYTES))}`
      : text;
  }

  #numberText(): string {
    const { bits, type } = this;
    const { encoding, name, plain } = type;
    if (plain?.tag === TAG.ENUMERATION) {
      const named = plain.children.find((each) =>
        BigInt(each.number(AT.CONST_VALUE) ?? 0) === bits
      );
      return named === undefined ? String(bits) : named.name;
    }
    if (encoding === ENCODING.BOOLEAN) return String(bits !== 0n);
    if (encoding === ENCODING.FLOAT) {
      const view = new DataView(new ArrayBuffer(8));
      view.setBigUint64(0, BigInt.asUintN(64, bits), true);
      return String(type.sizeBytes === 4 ? view.getFloat32(0, true) : view.getFloat64(0, true));
    }
    const isAddress = ADDRESSES.test(name) || !type.isSigned && bits >= 2n ** 32n;
    return isAddress ? addressText(bits) : String(bits);
  }

  get partCount(): number {
    const { type } = this;
    if ("missing" in this.source) return 0;
    if (type.isArray) return type.count;
    if (type.isStruct) return type.members.length;
    return this.#target === null ? 0 : this.#target.type.isStruct ? this.#target.partCount : 1;
  }

  /** A pointer's target; null if it cannot be read. */
  get #target(): CValue | null {
    const { problem, type } = this;
    if (!type.isPointer || problem !== null) return null;
    const { element } = type;
    const at = Number(this.bits);
    if (element.sizeBytes === 0 || this.memory.problemAt(at, 1) !== null) return null;
    return this.target();
  }

  get isList(): boolean {
    return this.type.isArray;
  }

  get phys(): number | null {
    const at = this.type.isPointer && this.problem === null ? Number(this.bits) : this.at;
    const phys = at === null ? -1 : this.memory.physOf(at);
    return phys < 0 ? null : phys;
  }

  parts(first: number, count: number): readonly NativePart[] {
    const { type } = this;
    if (type.isArray) {
      const length = Math.max(0, Math.min(count, type.count - first));
      return Array.from({ length }, (_, index) => {
        const value = this.element(first + index);
        return { name: String(first + index), expression: value.expression, value };
      });
    }
    if (type.isStruct) {
      return type.members.slice(first, first + count).map((member) => {
        const value = this.#member(member);
        return { name: member.name, expression: value.expression, value };
      });
    }
    const target = this.#target;
    if (target === null) return [];
    if (target.type.isStruct) return target.parts(first, count);
    return [{ name: target.expression, expression: target.expression, value: target }]
      .slice(first, first + count);
  }

  /** A pointer's target. @throws {ScriptError} */
  target(): CValue {
    const { memory, type } = this;
    if (!type.isPointer && !type.isArray) throw this.#isNot("a pointer");
    const { element } = type;
    return new CValue(memory, element, `*${wrapped(this.expression)}`, { at: Number(this.bits) });
  }

  /** An element of an array, or the object at an index from a pointer. @throws {ScriptError} */
  element(index: number): CValue {
    const { memory, source, type } = this;
    if (!type.isPointer && !type.isArray) throw this.#isNot("an array or a pointer");
    const { element } = type;
    const expression = `${wrapped(this.expression)}[${index}]`;
    if (type.isArray && "missing" in source) return new CValue(memory, element, expression, source);
    if (element.sizeBytes === 0) throw this.#isNot("a pointer to something with a size");
    return new CValue(memory, element, expression, {
      at: Number(this.bits) + index * element.sizeBytes,
    });
  }

  /** A member of a structure. @throws {ScriptError} If there is no member of that name. */
  member(name: string): CValue {
    const { type } = this;
    if (!type.isStruct) throw this.#isNot("a structure");
    const { members } = type;
    const found = members.find((each) => each.name === name);
    if (found !== undefined) return this.#member(found);
    throw unknownName(
      `${type.name} has no member \`${name}\``,
      name,
      members.map((each) => each.name),
    );
  }

  #member({ bits, name, offset, type }: Member): CValue {
    const { expression, memory, source } = this;
    // Written as usual in C: `p->x` for `(*p).x`.
    const pointer = /^\*(.+)$/.exec(expression)?.[1];
    const whole = pointer === undefined ? `${wrapped(expression)}.` : `${pointer}->`;
    const within: CSource = "at" in source
      ? { at: source.at + offset }
      : "bits" in source
      ? { bits: source.bits >> BigInt(8 * offset) }
      : source;
    return new CValue(memory, type, `${whole}${name}`, within, bits);
  }

  #isNot(what: string): ScriptError {
    return new ScriptError("E0919", `\`${this.expression}\` is not ${what}, but ${this.type.name}`);
  }
}

/** @param names The existing names. */
export function unknownName(message: string, name: string, names: readonly string[]): ScriptError {
  const [near] = nearestNames(name, names);
  return new ScriptError(
    "E0919",
    message,
    near === undefined ? itHas(names) : `did you mean \`${near}\`?`,
  );
}

/** The expression in parentheses, if a suffix would otherwise bind to a part of it. */
function wrapped(expression: string): string {
  return /^[\w.[\]]+(?:->[\w.[\]]+)*$/.test(expression) ? expression : `(${expression})`;
}

function addressText(bits: bigint): string {
  const unsigned = BigInt.asUintN(64, bits);
  return unsigned <= BigInt(Number.MAX_SAFE_INTEGER)
    ? formatAddress(Number(unsigned))
    : `0x${unsigned.toString(16)}`;
}
