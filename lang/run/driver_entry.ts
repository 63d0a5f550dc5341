/** The contents of a `driver` declaration: the functions, and the arguments for `dmalab hunt`. */
import { formatCount } from "../text/numbers.ts";
import type { Type } from "../values/spec.ts";
import { ListValue, RangeValue, type Value } from "../values/value.ts";
import type { Registry } from "../values/registry.ts";
import type { FunctionBinding, Resolution } from "../check/names/bindings.ts";
import { ConstantEvaluator } from "../compile/constant_value.ts";
import type { FileScope } from "../check/names/file_scope.ts";
import type { ValueShape } from "../machine/schema.ts";
import { SettingReader, type SettingValue } from "../machine/setting_value.ts";
import type { DiagnosticBag } from "../diagnostics/diagnostic.ts";
import { type Hint, nearNames } from "../diagnostics/suggest.ts";
import type { Span } from "../source.ts";
import type { DriverDeclaration, Expression, PathEntry } from "../syntax/tree/ast.ts";

/** The directions in which a driver's device may move data. */
const DRIVER_DIRECTIONS = ["to_device", "from_device", "bidirectional"] as const;

export type DriverDirection = typeof DRIVER_DIRECTIONS[number];

export interface DriverFunction<F = number> {
  readonly name: string;
  /** The function's number in the code; before compilation, its binding. */
  readonly function: F;
  /** Whether the function has the direction as its last parameter. */
  readonly takesDirection: boolean;
}

/** A driver that is marked for the hunt. */
export interface DriverEntry<F = number> {
  readonly name: string;
  /** `map(buf)` or `map(buf, dir)`: returns the handle for `unmap`; false or none on failure. */
  readonly map: DriverFunction<F>;
  /** `unmap(buf, handle)` or `unmap(buf, handle, dir)`. */
  readonly unmap: DriverFunction<F>;
  /**
   * `takes(buf)`: returns false for a buffer that is never passed to the driver. Null if all
   * buffers are passed to it.
   */
  readonly takes: DriverFunction<F> | null;
  /** The name of the device that the memory is mapped for. */
  readonly device: string;
  /** The bounds of the number of pieces in a buffer, both included. */
  readonly pieces: { readonly first: number; readonly last: number };
  /** Possible lengths of a piece, in bytes. */
  readonly sizesBytes: readonly number[];
  /** Possible offsets of a piece in its page, in bytes. */
  readonly offsetsBytes: readonly number[];
  readonly dirs: readonly DriverDirection[];
}

/** The keys of a `driver`, each with the values it takes; docs/hunt.md explains them. */
export const DRIVER_KEYS = {
  map: "a function",
  unmap: "a function",
  takes: "a function",
  device: "a device",
  pieces: "an int or a range",
  sizes: "a list of sizes",
  offsets: "a list of sizes",
  dirs: "a list of directions",
} as const;

type DriverKey = keyof typeof DRIVER_KEYS;

/** Upper limit of the pieces in one buffer of a hunt. */
const MAX_PIECES = 64;
/** Upper limit of a piece's length. */
const MAX_BYTES = 2 ** 21;
const PAGE_BYTES = 4096;

/** For each of four keys, the form of one value of the key. */
const PIECES: ValueShape = { kind: "int", min: 1, max: MAX_PIECES };
const SIZE: ValueShape = { kind: "size", min: 1, max: MAX_BYTES };
const OFFSET: ValueShape = { kind: "size", min: 0, max: PAGE_BYTES - 1 };
const DIRECTION: ValueShape = { kind: "word", choices: DRIVER_DIRECTIONS };

/** The results of the checker that are needed to read a declaration. */
export interface DriverContext {
  readonly scope: FileScope;
  readonly resolution: Resolution;
  readonly registry: Registry;
  readonly bag: DiagnosticBag;
}

/** Reads a declaration; null after reporting an error to the bag. */
export function readDriver(
  declaration: DriverDeclaration,
  context: DriverContext,
): DriverEntry<FunctionBinding> | null {
  return new DriverReader(declaration, context).read();
}

class DriverReader {
  readonly #entries: ReadonlyMap<string, PathEntry>;
  readonly #constants: ConstantEvaluator;
  readonly #settings: SettingReader;
  #wrong = false;

  constructor(readonly declaration: DriverDeclaration, readonly context: DriverContext) {
    this.#entries = new Map(
      declaration.entries.map((entry) => [entry.path.map(({ text }) => text).join("."), entry]),
    );
    this.#constants = new ConstantEvaluator(context.scope, context.bag);
    this.#settings = new SettingReader((each) => this.#constants.evaluate(each), context.bag);
  }

  read(): DriverEntry<FunctionBinding> | null {
    const { name } = this.declaration;
    for (const [key, entry] of this.#entries) {
      if (Object.hasOwn(DRIVER_KEYS, key)) continue;
      const keys = Object.keys(DRIVER_KEYS);
      this.#refuse(
        entry.path[0]?.span ?? entry.span,
        `A driver has no key \`${key}\``,
        nearNames(key, keys) ?? `it has ${keys.join(", ")}`,
      );
    }
    const map = this.#function("map", "map(buf)", 1);
    const unmap = this.#function("unmap", "unmap(buf, handle)", 2);
    const takes = this.#entries.has("takes") ? this.#function("takes", "takes(buf)", 1) : null;
    const device = this.#device();
    const pieces = this.#pieces();
    const sizesBytes = this.#list("sizes", SIZE, [PAGE_BYTES]);
    const offsetsBytes = this.#list("offsets", OFFSET, [0]);
    const dirs = this.#dirs(map !== null && map.takesDirection);
    if (this.#wrong || map === null || unmap === null || device === null) return null;
    const layout = { pieces, sizesBytes, offsetsBytes, dirs };
    return { name, map, unmap, takes, device, ...layout };
  }

  #refuse(span: Span, message: string, hint?: Hint): null {
    this.#wrong = true;
    this.context.bag.error("E0324", span, message, hint);
    return null;
  }

  /** @param plain The number of the function's parameters without the direction. */
  #function(
    key: "map" | "unmap" | "takes",
    form: string,
    plain: number,
  ): DriverFunction<FunctionBinding> | null {
    const { name, nameSpan } = this.declaration;
    const value = this.#entries.get(key)?.value;
    if (value === undefined) {
      return this.#refuse(nameSpan, `The driver "${name}" has no \`${key}\``, `\`${key} = NAME\``);
    }
    const binding = value.kind === "Name" ? this.context.resolution.names.get(value) : undefined;
    if (binding?.kind !== "function") {
      return this.#refuse(value.span, `\`${key}\` takes the name of a function, as in ${form}`);
    }
    const { name: { text }, parameters } = binding.declaration;
    const more = key === "takes" ? 0 : 1;
    const takesDirection = parameters.length === plain + 1;
    if (parameters.length < plain || parameters.length > plain + more) {
      const takesText = formatCount(parameters.length, "argument");
      const withDirection = more === 0 ? "" : ` or ${form.replace(")", ", dir)")}`;
      return this.#refuse(
        value.span,
        `\`${text}\` takes ${takesText}, but is called as ${form}${withDirection}`,
      );
    }
    return { name: text, function: binding, takesDirection };
  }

  #device(): string | null {
    const { registry, resolution, scope } = this.context;
    const names = [...scope.machineKinds].filter(([, type]) => isDevice(type, registry))
      .map(([name]) => name);
    const value = this.#entries.get("device")?.value;
    if (value === undefined) {
      const [only, other] = names;
      if (only !== undefined && other === undefined) return only;
      const { name, nameSpan } = this.declaration;
      return this.#refuse(
        nameSpan,
        only === undefined
          ? `The machine has no device that "${name}" could map memory for`
          : `The driver "${name}" does not name its device`,
        only === undefined ? undefined : `\`device = NAME\`: one of ${names.join(", ")}`,
      );
    }
    const binding = value.kind === "Name" ? resolution.names.get(value) : undefined;
    if (binding?.kind === "machine" && names.includes(binding.name)) return binding.name;
    return this.#refuse(value.span, "`device` takes a device of the machine");
  }

  #pieces(): DriverEntry["pieces"] {
    const value = this.#value("pieces");
    if (value === undefined) return { first: 1, last: 4 };
    const isRange = value instanceof RangeValue && value.kind === "int";
    const ends = isRange ? [value.first, value.end - 1] : [value];
    const [first = 1, last = first] = this.#read<number>("pieces", PIECES, ends);
    if (last < first) this.#refuseValue("pieces", `from 1 to ${MAX_PIECES}`);
    return { first, last };
  }

  #list<T extends SettingValue>(
    key: DriverKey,
    shape: ValueShape,
    usual: readonly T[],
  ): readonly T[] {
    const value = this.#value(key);
    if (value === undefined) return usual;
    const items = value instanceof ListValue ? value.items : [value];
    if (items.length === 0) this.#refuseValue(key);
    return [...new Set(this.#read<T>(key, shape, items))];
  }

  /** Converts the values of a key. Invalid values are reported. */
  #read<T extends SettingValue>(
    key: DriverKey,
    shape: ValueShape,
    values: readonly Value[],
  ): readonly T[] {
    const { span } = this.#entries.get(key)!.value;
    const name = `${key} of driver "${this.declaration.name}"`;
    const read = values.map((value) => this.#settings.convert(shape, { name, value, span }));
    if (read.includes(undefined)) this.#wrong = true;
    return read.filter((each) => each !== undefined) as readonly SettingValue[] as readonly T[];
  }

  #dirs(given: boolean): readonly DriverDirection[] {
    const dirs = this.#list("dirs", DIRECTION, given ? DRIVER_DIRECTIONS : ["to_device"]);
    if (!given && dirs.length > 1) {
      this.#refuse(
        this.#entries.get("dirs")!.value.span,
        "There are several directions, but `map` takes no direction",
        "give it a second parameter: `map(buf, dir)`",
      );
    }
    return DRIVER_DIRECTIONS.filter((dir) => dirs.includes(dir));
  }

  /**
   * The value of a key; undefined if the key is missing, or if its value is wrong (which is
   * reported).
   */
  #value(key: DriverKey): Value | undefined {
    const expression: Expression | undefined = this.#entries.get(key)?.value;
    if (expression === undefined) return undefined;
    const value = this.#constants.evaluate(expression);
    if (value === undefined) this.#wrong = true;
    return value;
  }

  #refuseValue(key: DriverKey, hint?: string): void {
    const { span } = this.#entries.get(key)!.value;
    this.#refuse(span, `\`${key}\` takes ${DRIVER_KEYS[key]}`, hint);
  }
}

function isDevice(kind: Type, registry: Registry): boolean {
  let type = registry.types.get(kind.slice(1));
  while (type !== undefined) {
    if (type.name === "device") return true;
    type = type.extends;
  }
  return false;
}
