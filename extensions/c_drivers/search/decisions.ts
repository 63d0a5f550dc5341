/**
 * Finds which values of registers decide comparisons. A value that was read is found again among the
 * operands that the driver's code notes. What the code computes from it is followed, so that the
 * value that decides a comparison in the other way can be computed backwards.
 */
import type { CompiledCode } from "../wasm/compiled_code.ts";
import { OP } from "../wasm/wasm_code.ts";
import { ByteReader } from "../wasm/wasm_reader.ts";
import type { Note, SearchedDevice, TriedAccess } from "./searched_device.ts";

const LARGEST = 2 ** 32 - 1;
/** Values below this one occur everywhere. They belong to a read only for the next few notes. */
const COMMON = 0x100;
const NOTES_NEAR = 6;
/** Values from this one on are found again if only a byte or a half of them is used. */
const DISTINCT = 0x1_0000;
/** Largest number of reads to which one operand can belong. */
const MOST_ORIGINS = 2;
/** Largest number of cases of a `switch` that are tried. */
const MOST_CASES = 24;
/** Largest number of computations that are followed. */
const MOST_STEPS = 12;

/** Instructions that compute, by their opcodes for 32 and 64 bits. */
const COMPUTES: ReadonlyMap<number, Operation> = new Map<number, Operation>([
  [0x6a, "add"],
  [0x6b, "sub"],
  [0x6c, "mul"],
  ...[0x71, 0x83].flatMap((first) =>
    (["and", "or", "xor", "shl", "shr_s", "shr_u", "rotl", "rotr"] as const)
      .map((name, index) => [first + index, name] as const)
  ),
]);
const COMPARES = ["eq", "ne", "lt", "lt", "gt", "gt", "le", "le", "ge", "ge"] as const;
const SIGNED = [false, false, true, false, true, false, true, false, true, false];
/** Computations that leave the two halves of 64 bits apart. */
const BITWISE: ReadonlySet<Operation | undefined> = new Set(["and", "or", "xor"]);
const EQZ: ReadonlySet<number> = new Set([0x45, 0x50]);
const CONDITIONS: ReadonlySet<number> = new Set([OP.IF, OP.BR_IF, OP.SELECT]);

type Operation =
  | "add"
  | "sub"
  | "mul"
  | "and"
  | "or"
  | "xor"
  | "shl"
  | "shr_s"
  | "shr_u"
  | "rotl"
  | "rotr"
  | "swap";
type Comparison = (typeof COMPARES)[number];

/** A computation with a value of a register. */
interface Computed {
  readonly operation: Operation;
  readonly other: number;
  /** Whether the value is the right operand. */
  readonly isRight: boolean;
  /** The value before the computation. */
  readonly before: number;
}

/** A read to which a value belongs, and what was computed from it. */
interface Origin {
  readonly access: number;
  readonly computed: readonly Computed[];
  /** Number of the note that had it last. */
  readonly note: number;
}

/** A value of a read with which the driver's code decides otherwise. */
export interface Wanted {
  /** Index of the read among the accesses. */
  readonly access: number;
  readonly value: number;
  /** Address of the instruction that decides. */
  readonly at: number;
  /** What the value was compared with; null for a test of bits. */
  readonly compared: number | null;
}

/** The values that would have decided a try otherwise, beginning with its last comparison. */
export function wantedValues(
  { accesses, notes }: Pick<SearchedDevice, "accesses" | "notes">,
  code: CompiledCode,
): readonly Wanted[] {
  return new DataFlow(accesses, code).wanted(notes);
}

/** Numbers with which a try compared a value, the latest first. */
export function comparedWith(
  value: number,
  notes: readonly Note[],
  code: CompiledCode,
): readonly number[] {
  const others = notes.toReversed().filter(({ at }) =>
    COMPARES[comparisonOf(code.bytes[code.shape.codeAt + at]!)] !== undefined
  ).flatMap(({ one, other }) => one === value ? [other] : other === value ? [one] : []);
  return [...new Set(others)];
}

class DataFlow {
  readonly #origins = new Map<number, Origin[]>();
  readonly #content: Uint8Array;
  readonly #found: Wanted[] = [];
  /** Distinct values of the last reads. */
  readonly #recent: number[] = [];
  #entered = -1;

  constructor(readonly accesses: readonly TriedAccess[], code: CompiledCode) {
    this.#content = code.bytes.subarray(code.shape.codeAt, code.shape.codeTo);
  }

  wanted(notes: readonly Note[]): readonly Wanted[] {
    notes.forEach((note, index) => {
      this.#enterReads(note.access, index);
      this.#follow(note, index);
    });
    return this.#found.reverse();
  }

  #enterReads(upTo: number, note: number): void {
    while (this.#entered < upTo) {
      const access = ++this.#entered;
      const { isWrite, sizeBytes, value } = this.accesses[access]!;
      if (isWrite) continue;
      this.#add(value, { access, computed: [], note });
      // The code may extend the sign of a byte or a half.
      const most = 2 ** (8 * sizeBytes);
      if (sizeBytes < 4 && value >= most / 2) {
        this.#add((value - most) >>> 0, { access, computed: [], note });
      }
      this.#recent.push(access);
      if (this.#recent.length > 4) this.#recent.shift();
    }
  }

  #add(value: number, origin: Origin): void {
    const known = this.#origins.getOrInsertComputed(value, () => []);
    known.push(origin);
    if (known.length > MOST_ORIGINS * 4) known.shift();
  }

  #originsOf(value: number, note: number): readonly Origin[] {
    const known = this.#origins.get(value) ?? [];
    const near = value < COMMON || value === LARGEST
      ? known.filter((origin) => note - origin.note <= NOTES_NEAR)
      : known;
    if (near.length > 0) return near.slice(-MOST_ORIGINS);
    return value === 0 ? [] : this.#partsOf(value, note);
  }

  /** Reads of which a value is a byte, a half, or the bytes in the other order. */
  #partsOf(value: number, note: number): readonly Origin[] {
    for (const access of this.#recent.toReversed()) {
      const { value: whole } = this.accesses[access]!;
      if (whole < DISTINCT || whole === LARGEST) continue;
      const step = (operation: Operation, before: number, other: number): Computed => ({
        operation,
        before,
        other,
        isRight: false,
      });
      if (swapped(whole) === value) {
        return [{ access, note, computed: [step("swap", whole, 0)] }];
      }
      for (const [mask, shifts] of [[0xff, [0, 8, 16, 24]], [0xffff, [0, 16]]] as const) {
        const shift = shifts.find((each) => (whole >>> each & mask) === value);
        if (shift === undefined) continue;
        const computed = [step("shr_u", whole, shift), step("and", whole >>> shift, mask)];
        return [{ access, note, computed }];
      }
    }
    return [];
  }

  #follow(note: Note, index: number): void {
    const opcode = this.#content[note.at]!;
    const { half, one, other } = note;
    const operation = COMPUTES.get(opcode);
    if (half !== null && !(isEquality(opcode) || BITWISE.has(operation))) return;
    if (operation !== undefined) return this.#compute(operation, note, index);
    if (EQZ.has(opcode) || CONDITIONS.has(opcode)) {
      for (const origin of this.#originsOf(one, index)) {
        this.#want(note, origin, one === 0 ? bitsOf(origin) : [0], null);
      }
    } else if (opcode === OP.BR_TABLE) {
      const reader = new ByteReader(this.#content, note.at + 1);
      const cases = Math.min(reader.unsigned(), MOST_CASES);
      const values = Array.from({ length: cases + 1 }, (_, each) => each);
      for (const origin of this.#originsOf(one, index)) this.#want(note, origin, values, null);
    } else {
      const position = comparisonOf(opcode);
      const [name, isSigned] = [COMPARES[position], SIGNED[position]!];
      if (name === undefined) return;
      for (const origin of this.#originsOf(one, index)) {
        this.#want(note, origin, targets(name, one, other, isSigned), other);
      }
      for (const origin of this.#originsOf(other, index)) {
        this.#want(note, origin, targets(MIRRORED[name] ?? name, other, one, isSigned), one);
      }
    }
  }

  #compute(operation: Operation, { at, one, other }: Note, note: number): void {
    const result = compute(operation, one, other);
    const step = (isRight: boolean, origin: Origin): Origin => ({
      access: origin.access,
      note,
      computed: [...origin.computed, {
        operation,
        isRight,
        other: isRight ? one : other,
        before: isRight ? other : one,
      }],
    });
    const made = [
      ...this.#originsOf(one, note).map((origin) => step(false, origin)),
      ...this.#originsOf(other, note).map((origin) => step(true, origin)),
    ].filter(({ computed }) => computed.length <= MOST_STEPS);
    for (const origin of made) {
      this.#add(result, origin);
      // The code may use the bits without a comparison that is noted.
      if (operation === "and") {
        this.#want({ at }, origin, result === 0 ? bitsOf(origin) : [0], null);
      }
    }
  }

  #want(
    { at }: Pick<Note, "at">,
    { access, computed }: Origin,
    values: readonly number[],
    compared: number | null,
  ): void {
    const { plain, sizeBytes } = this.accesses[access]!;
    const steps = onPlain(computed, plain);
    const most = 2 ** (8 * sizeBytes);
    // The list is reversed at the end.
    for (const target of values.toReversed()) {
      const value = backwards(steps, target >>> 0);
      if (value === null) continue;
      const isNegative = value >= 2 ** 32 - most / 2;
      if (value < most || isNegative) {
        this.#found.push({ access, value: value % most, at, compared });
      }
    }
  }
}

/** Position of a comparison in `COMPARES`, by its opcode for 32 or 64 bits. */
function comparisonOf(opcode: number): number {
  return opcode >= 0x51 ? opcode - 0x51 : opcode - 0x46;
}

function isEquality(opcode: number): boolean {
  const name = COMPARES[comparisonOf(opcode)];
  return name === "eq" || name === "ne";
}

/**
 * How far an instruction that compares is from equality: the number of different bits. Null for an
 * instruction that does not test for equality.
 */
export function distanceOf({ at, one, other }: Note, code: CompiledCode): number | null {
  const opcode = code.bytes[code.shape.codeAt + at]!;
  if (isEquality(opcode)) return bitCount(one ^ other);
  return EQZ.has(opcode) || CONDITIONS.has(opcode) ? bitCount(one) : null;
}

function bitCount(word: number): number {
  let count = 0;
  for (let left = word >>> 0; left !== 0; left = (left & (left - 1)) >>> 0) count++;
  return count;
}

const MIRRORED: Partial<Record<Comparison, Comparison>> = {
  lt: "gt",
  gt: "lt",
  le: "ge",
  ge: "le",
};

function holds(name: Comparison, one: number, other: number, isSigned: boolean): boolean {
  const [a, b] = isSigned ? [one | 0, other | 0] : [one, other];
  switch (name) {
    case "eq":
      return a === b;
    case "ne":
      return a !== b;
    case "lt":
      return a < b;
    case "gt":
      return a > b;
    case "le":
      return a <= b;
    case "ge":
      return a >= b;
  }
}

/** Values of the left operand with which a comparison has the other result. */
function targets(
  name: Comparison,
  one: number,
  other: number,
  isSigned: boolean,
): readonly number[] {
  const isTrue = holds(name, one, other, isSigned);
  const most = isSigned ? 2 ** 31 - 1 : LARGEST;
  const [up, down] = [other + 1, other - 1];
  const tried = name === "eq" || name === "ne"
    ? [other, other ^ 1, up, 0]
    : [other, up, down, most, 0, 1];
  return [...new Set(tried.map((value) => value >>> 0))]
    .filter((value) => holds(name, value, other, isSigned) !== isTrue);
}

/** Values that are not 0: all bits that a mask leaves, the lowest one and the highest one. */
function bitsOf({ computed }: Origin): readonly number[] {
  const last = computed.at(-1);
  const mask = last?.operation === "and" ? last.other : LARGEST;
  const lowest = (mask & -mask) >>> 0;
  const highest = mask === 0 ? 0 : 2 ** (31 - Math.clz32(mask));
  return [...new Set([mask, lowest, highest])].filter((value) => value !== 0);
}

function swapped(value: number): number {
  return ((value & 0xff) * 2 ** 24 + (value >>> 8 & 0xff) * 2 ** 16 +
    (value >>> 16 & 0xff) * 2 ** 8 + (value >>> 24));
}

function compute(operation: Operation, one: number, other: number): number {
  const shift = other & 31;
  switch (operation) {
    case "add":
      return one + other >>> 0;
    case "sub":
      return one - other >>> 0;
    case "mul":
      return Math.imul(one, other) >>> 0;
    case "and":
      return (one & other) >>> 0;
    case "or":
      return (one | other) >>> 0;
    case "xor":
      return (one ^ other) >>> 0;
    case "shl":
      return one << shift >>> 0;
    case "shr_s":
      return one >> shift >>> 0;
    case "shr_u":
      return one >>> shift;
    case "rotl":
      return (one << shift | one >>> (32 - shift) % 32) >>> 0;
    case "rotr":
      return (one >>> shift | one << (32 - shift) % 32) >>> 0;
    case "swap":
      return swapped(one);
  }
}

/** The same computations with another value of the register, whose bits are kept where they do not matter. */
function onPlain(computed: readonly Computed[], plain: number): readonly Computed[] {
  let value = plain;
  return computed.map((step) => {
    const { isRight, operation, other } = step;
    const before = value;
    value = isRight ? compute(operation, other, before) : compute(operation, before, other);
    return { ...step, before };
  });
}

/**
 * The value of a register that becomes a target, or comes closer to it. Null if no bit of the value
 * helps.
 */
function backwards(computed: readonly Computed[], target: number): number | null {
  const value = computed.reduceRight<number | null>(
    (result, step) => result === null ? null : undo(step, result),
    target,
  );
  if (value === null) return null;
  const now = forwards(computed, computed[0]?.before ?? value);
  const then = forwards(computed, value);
  return then === target || bitCount(then ^ target) < bitCount(now ^ target) ? value : null;
}

function forwards(computed: readonly Computed[], value: number): number {
  return computed.reduce(
    (before, { isRight, operation, other }) =>
      isRight ? compute(operation, other, before) : compute(operation, before, other),
    value,
  );
}

/** An operand with which a computation has a result, as far as there is one. */
function undo({ before, isRight, operation, other }: Computed, result: number): number | null {
  const shift = other & 31;
  switch (operation) {
    case "add":
      return result - other >>> 0;
    case "sub":
      return (isRight ? other - result : result + other) >>> 0;
    case "mul":
      return other !== 0 && result % other === 0 ? result / other : null;
    case "and":
      return (before & ~other | result & other) >>> 0;
    case "or":
      return result;
    case "xor":
      return (result ^ other) >>> 0;
    case "shl":
      return isRight ? null : (result >>> shift | before & ~(LARGEST >>> shift)) >>> 0;
    case "shr_u":
    case "shr_s":
      return isRight ? null : (result << shift | before & (2 ** shift - 1)) >>> 0;
    case "rotl":
      return isRight ? null : compute("rotr", result, other);
    case "rotr":
      return isRight ? null : compute("rotl", result, other);
    case "swap":
      return swapped(result);
  }
}
