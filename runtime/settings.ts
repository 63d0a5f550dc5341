/**
 * Settings as rows: the spelling of a key in scripts, its values, its default, and a sentence that
 * describes it.
 *
 * Everything else is derived from the rows: the types of configurations, their defaults, the check
 * of values from scripts and callers, the language's `machine` block, help, and the tables of
 * language.md.
 */
import {
  type Bytes,
  isPowerOfTwo,
  type Nanoseconds,
  PAGE_SIZE_BYTES,
  type PhysAddr,
} from "./address.ts";

/**
 * A number, for example a size in bytes or a duration in nanoseconds. Both `min` and `max` are
 * permitted values.
 */
export interface NumberShape {
  /** What kind of number. */
  readonly kind: "int" | "size" | "duration" | "phys";
  /** The least. */
  readonly min: number;
  /** The most. */
  readonly max: number;
  /** True if only powers of two are permitted. */
  readonly powerOfTwo?: boolean;
  /** The values must be multiples of this number. */
  readonly multipleOf?: number;
  /** The value that `none` means, if `none` is permitted; this value need not be in the range. */
  readonly none?: 0 | null;
}

/** The kinds of values that a key can have. */
export type SettingType =
  | NumberShape
  | { readonly kind: "bool" }
  | {
    readonly kind: "string";
    readonly choices: readonly string[];
    /** Other spellings, each with the choice that it means. */
    readonly aliases: Readonly<Record<string, string>>;
    /** The choices nearest to an unknown text, for types where comparing letters is not enough. */
    readonly nearest?: (text: string) => readonly string[];
  }
  | { readonly kind: "word"; readonly choices: readonly string[] }
  | {
    readonly kind: "words";
    readonly choices: readonly string[];
    /** Words that may replace a list. */
    readonly orWords?: readonly string[];
    /** `none` may replace a list: the value is then null. */
    readonly orNone?: boolean;
  }
  | {
    readonly kind: "text";
    /** A description of the text, with an example. */
    readonly form: string;
    /** True if upper-case letters are not converted to lower case. */
    readonly keepsCase?: true;
    accepts(text: string): boolean;
  }
  | { readonly kind: "sizes"; readonly item: NumberShape }
  | { readonly kind: "ranges" }
  | { readonly kind: "dma_ranges" }
  /** Nanoseconds until an answer: `at_once`, `late(50us)`; null for `never`. */
  | { readonly kind: "answer_delay"; readonly late: NumberShape };

/** A type of setting that also carries the TypeScript type of its values. */
export type ShapeOf<T> = SettingType & {
  /** Never set: carries the type only. */
  readonly valueType?: T;
};

/** One key. */
export interface Setting<T = unknown> {
  /** The key's spelling in scripts. */
  readonly key: string;
  /** Its values. */
  readonly shape: SettingType;
  /** Its default. */
  readonly default: T;
  /** A text for the default, where the value itself is not clear. */
  readonly defaultText?: string;
  /** One sentence for help. */
  readonly doc: string;
}

/** A key that has no property when it is omitted. */
export interface OptionalSetting<T = unknown> {
  /** The key's spelling in scripts. */
  readonly key: string;
  /** Its values. */
  readonly shape: ShapeOf<T>;
  /** The meaning of omitting the key; null when the key is required. */
  readonly leftOut: string | null;
  /** One sentence for help. */
  readonly doc: string;
}

/** Any key, with or without a default. */
export type AnySetting = Setting | OptionalSetting;

/**
 * Keys by the names of their properties.
 * @internal
 */
export type SettingRows = Readonly<Record<string, AnySetting>>;

/** @internal */
export type ValueOf<S> = S extends Setting<infer T> ? T
  : S extends OptionalSetting<infer T> ? T
  : never;
/** @internal */
export type OptionalOf<R> = {
  [P in keyof R]: R[P] extends Setting ? never : P;
}[keyof R];

/** The configuration that the rows describe, with the defaults of missing keys. */
export type SettingsOf<R extends SettingRows> =
  & { readonly [P in Exclude<keyof R, OptionalOf<R>>]: ValueOf<R[P]> }
  & { readonly [P in OptionalOf<R>]?: ValueOf<R[P]> };

/** Values for any of the rows' keys. */
export type PartialSettings<R extends SettingRows> = { readonly [P in keyof R]?: ValueOf<R[P]> };

/**
 * A key with a default. A default of null, which scripts cannot write, means that the default
 * depends on something else.
 */
export function setting<T>(
  key: string,
  shape: ShapeOf<T>,
  fallback: NoInfer<T>,
  text: { readonly doc: string },
): Setting<T>;
/** A key with a default that is described in words. */
export function setting<T>(
  key: string,
  shape: ShapeOf<T>,
  fallback: null,
  text: { readonly doc: string; readonly defaultText: string },
): Setting<T | null>;
export function setting(
  key: string,
  shape: SettingType,
  fallback: unknown,
  text: { readonly doc: string; readonly defaultText?: string },
): Setting {
  return { key, shape, default: fallback, ...text };
}

/** A key that may be omitted, and then has no value. */
export function optional<T>(
  key: string,
  shape: ShapeOf<T>,
  text: { readonly doc: string; readonly leftOut: string },
): OptionalSetting<T> {
  return { key, shape, ...text };
}

/** A required key. */
export function required<T>(key: string, shape: ShapeOf<T>, doc: string): OptionalSetting<T> {
  return { key, shape, leftOut: null, doc };
}

/** End of the physical address space: 52 bits, as on real processors. */
export const MAX_BYTES: Bytes = 2 ** 52;
/** Longest duration of a single setting: a thousand seconds. */
const MAX_NS = 1e12;

/** True or false. */
export const BOOL: ShapeOf<boolean> = { kind: "bool" };
/** A physical address. */
export const PHYS: NumberShape & ShapeOf<PhysAddr> = { kind: "phys", min: 0, max: MAX_BYTES - 1 };
/** Ranges of addresses, ends exclusive. */
export const RANGES: ShapeOf<readonly { readonly start: number; readonly end: number }[]> = {
  kind: "ranges",
};

/** A whole number within bounds, both included. */
export function int<T extends number = number>(min: number, max: number): ShapeOf<T> {
  return { kind: "int", min, max };
}

/** A duration, in nanoseconds. */
export function duration(min = 0): ShapeOf<number> {
  return { kind: "duration", min, max: MAX_NS };
}

/** Time until an answer: 0 is `at_once`, null is `never`. */
export function answerDelay(): ShapeOf<Nanoseconds | null> {
  return { kind: "answer_delay", late: { kind: "duration", min: 1, max: MAX_NS } };
}

/**
 * @param more With `none: 0`, the size 0 may be written `none`. With `none: null`, `none` means no
 *   limit.
 */
/** A size in bytes, within bounds. */
export function size<N extends 0 | null = 0>(
  min: Bytes,
  max: Bytes,
  more: { readonly powerOfTwo?: boolean; readonly multipleOf?: Bytes; readonly none?: N } = {},
): NumberShape & ShapeOf<Bytes | N> {
  return { kind: "size", min, max, ...more };
}

/** A size in whole pages of 4 KiB. */
export function pages<N extends 0 | null = 0>(
  min: Bytes,
  max: Bytes,
  more: { readonly none?: N } = {},
): NumberShape & ShapeOf<Bytes | N> {
  return size(min, max, { multipleOf: PAGE_SIZE_BYTES, ...more });
}

/** A list of sizes, powers of two. */
export function sizes(min: Bytes, max: Bytes): ShapeOf<readonly Bytes[]> {
  return { kind: "sizes", item: { kind: "size", min, max, powerOfTwo: true } };
}

/** One of some words. */
export function word<const W extends string>(...choices: readonly W[]): ShapeOf<W> {
  return { kind: "word", choices };
}

/** The values of the rows when no key is set. */
export function defaultsOf<R extends SettingRows>(rows: R): SettingsOf<R> {
  const values: Record<string, unknown> = {};
  for (const property in rows) {
    const row = rows[property]!;
    if ("default" in row) values[property] = row.default;
  }
  return values as SettingsOf<R>;
}

/** Why a key does not permit a number. */
export type NumberProblem =
  | "too small"
  | "too large"
  | "not a whole number"
  | "not a power of two"
  | "not a multiple";

/** The reason why a shape does not permit a number, or null. */
export function numberProblem(shape: NumberShape, value: number): NumberProblem | null {
  const { min, max, multipleOf = 1 } = shape;
  if (!(value >= min)) return "too small";
  if (value > max) return "too large";
  if (!Number.isInteger(value)) return "not a whole number";
  if (shape.powerOfTwo && !isPowerOfTwo(value)) return "not a power of two";
  return value % multipleOf === 0 ? null : "not a multiple";
}

/** A description of the permitted values, or null when the value is permitted. */
export function wantedInstead(row: AnySetting, value: unknown): string | null {
  const { shape } = row;
  if ("default" in row && value === row.default) return null;
  const oneOf = (choices: readonly string[]) => `one of ${choices.join(", ")}`;
  switch (shape.kind) {
    case "int":
    case "size":
    case "duration":
    case "phys":
      if (shape.none !== undefined && value === shape.none) return null;
      return typeof value === "number" ? numberWanted(shape, value) : "a number";
    case "bool":
      return typeof value === "boolean" ? null : "true or false";
    case "string":
    case "word":
      return shape.choices.includes(value as string) ? null : oneOf(shape.choices);
    case "words":
      if (shape.orWords?.includes(value as string) || value === null && shape.orNone) return null;
      return Array.isArray(value) && value.every((each) => shape.choices.includes(each))
        ? null
        : oneOf(shape.choices);
    case "text":
      return typeof value === "string" && shape.accepts(value) ? null : shape.form;
    case "sizes": {
      if (!Array.isArray(value)) return "a list";
      const wanted = value.map((each) => numberWanted(shape.item, each));
      return wanted.find((each) => each !== null) ?? null;
    }
    case "ranges":
    case "dma_ranges":
      return Array.isArray(value) ? null : "a list";
    case "answer_delay":
      if (value === null || value === 0) return null;
      return typeof value === "number" ? numberWanted(shape.late, value) : "a number or null";
    default:
      return shape satisfies never;
  }
}

function numberWanted(shape: NumberShape, value: number): string | null {
  switch (numberProblem(shape, value)) {
    case null:
      return null;
    case "not a power of two":
      return "a power of two";
    case "not a multiple":
      return `a multiple of ${shape.multipleOf}`;
    default:
      return `anything from ${shape.min} to ${shape.max}`;
  }
}
