/** Reads the value of one machine key, in the form that the key's row of the schema requires. */
import {
  MAX_BYTES,
  type NumberProblem,
  numberProblem,
  type NumberShape,
  PAGE_SIZE_BYTES,
  pages,
  PHYS,
} from "@dmalab/runtime";
import type { EvaluateConstant } from "../values/machine_variant.ts";
import type { DiagnosticBag } from "../diagnostics/diagnostic.ts";
import { type Hint, nearNames } from "../diagnostics/suggest.ts";
import { formatAddress, formatDuration, formatSize, groupThousands } from "../text/numbers.ts";
import { formatValue } from "../render/value_text.ts";
import type { Span } from "../source.ts";
import type { Argument, Expression } from "../syntax/tree/ast.ts";
import {
  EnumValue,
  ListValue,
  Quantity,
  type QuantityType,
  RangeValue,
  Ratio,
  RecordValue,
  type Value,
} from "../values/value.ts";
import { isQuirkName, QUIRK_NAMES, type QuirkName } from "@dmalab/runtime/kernels";
import type { SettingSpec, ValueShape } from "./schema.ts";

/** A range of addresses, end exclusive. */
export interface SettingAddressRange {
  readonly start: number;
  readonly end: number;
}

/** A part of memory, and its address on a device's bus. */
export interface BusRange {
  readonly cpuPhys: number;
  readonly dma: number;
  readonly sizeBytes: number;
}

/** The switches of a `quirks` list. */
export interface QuirkChanges {
  /** True when the list begins with `none`. */
  readonly clear: boolean;
  readonly add: readonly QuirkName[];
  readonly remove: readonly QuirkName[];
}

/** A value in the configuration: sizes in bytes, durations in nanoseconds, words by name. */
export type SettingValue =
  | number
  | boolean
  | string
  | null
  | readonly string[]
  | readonly number[]
  | readonly SettingAddressRange[]
  | readonly BusRange[]
  | QuirkChanges;

/** The required keys of an entry of `ranges`. */
const BUS_RANGE_KEYS: readonly string[] = ["cpu", "dma", "size"];

const LAST_PHYS = MAX_BYTES - 1;
/** The shape of the size in a bus range: whole pages. */
const BUS_RANGE_SIZE = pages(PAGE_SIZE_BYTES, LAST_PHYS);

/** An address; a negative number gets a sign. */
function formatPlace(value: number): string {
  return value < 0 ? `-${formatAddress(-value)}` : formatAddress(value);
}

const FORMATS: Readonly<Record<NumberShape["kind"], (value: number) => string>> = {
  int: groupThousands,
  size: formatSize,
  duration: formatDuration,
  phys: formatPlace,
};

/** The name of a shape in messages, with an example. */
const WANTED: Readonly<Record<ValueShape["kind"], string>> = {
  int: "a plain number",
  size: "a size such as 64KiB",
  duration: "a duration such as 300ns",
  phys: "a physical address such as 0x10_0000 or 1MiB",
  bool: "true or false",
  string: "a string",
  word: "a word",
  words: "a list of words",
  sizes: "a list of sizes such as [4KiB, 2MiB]",
  ranges: "a list of ranges such as [0xfee0_0000..0xfef0_0000]",
  dma_ranges: "a list of records such as [{ cpu: 0x8000_0000, dma: 0, size: 1GiB }]",
  quirks: "a list of switches such as [none, gap_bit_lost_on_split]",
  text: "a text",
  answer_delay: "at_once, late(50us) or never",
};

const QUANTITY_NAMES: Readonly<Record<QuantityType, string>> = {
  size: "a size",
  duration: "a duration",
  phys: "a physical address",
  dma: "a DMA address",
  virt: "an address of a process",
};

/** What kind of value this is, for messages. */
function kindOf(value: Value): string {
  if (value === null) return "none";
  if (typeof value === "number") return "a plain number";
  if (typeof value === "boolean") return "true or false";
  if (typeof value === "string") return "a string";
  if (value instanceof Quantity) return QUANTITY_NAMES[value.kind];
  if (value instanceof EnumValue) return "a word";
  if (value instanceof ListValue) return "a list";
  if (value instanceof RangeValue) return "a range";
  if (value instanceof RecordValue) return "a record";
  if (value instanceof Ratio) return "a ratio";
  return "something else";
}

type ListShape = Extract<ValueShape, { kind: "words" | "sizes" | "ranges" | "dma_ranges" }>;
type ListItem = string | number | SettingAddressRange | BusRange;

function isListShape(shape: ValueShape): shape is ListShape {
  const { kind } = shape;
  return kind === "words" || kind === "sizes" || kind === "ranges" || kind === "dma_ranges";
}

function allOrNone(
  items: readonly (ListItem | undefined)[],
): SettingValue | undefined {
  return items.includes(undefined) ? undefined : items as readonly string[];
}

/** The number in a value of the required kind; a plain number is of any kind. */
function amountOf({ kind }: NumberShape, value: Value): number | undefined {
  if (typeof value === "number") return value;
  if (!(value instanceof Quantity)) return undefined;
  // For an address, a size is the distance from address 0: `at = 1MiB`.
  const fits = value.kind === kind || kind === "phys" && value.kind === "size";
  return fits ? value.value : undefined;
}

function numberHint(
  { kind, max, min }: NumberShape,
  problem: NumberProblem,
  value: number,
): string | undefined {
  const format = FORMATS[kind];
  switch (problem) {
    case "too small":
    case "too large":
      return `from ${format(min)} to ${format(max)}`;
    case "not a power of two": {
      const below = 2 ** Math.floor(Math.log2(value));
      return `the nearest ones are ${format(below)} and ${format(below * 2)}`;
    }
    case "not a whole number":
    case "not a multiple":
      return undefined;
  }
}

/** The value of a key. */
interface GivenValue {
  /** The name of the key in messages: `size of ram`. */
  readonly name: string;
  readonly value: Value;
  readonly span: Span;
}

export class SettingReader {
  constructor(readonly evaluate: EvaluateConstant, readonly bag: DiagnosticBag) {}

  /**
   * The value of a key; undefined if the value is wrong, after reporting that to the bag.
   *
   * @param name The name of the key in messages: `size of ram`.
   */
  read(spec: SettingSpec, name: string, expression: Expression): SettingValue | undefined {
    const { shape } = spec;
    if (shape.kind === "quirks" && expression.kind === "List") {
      return this.#readQuirkList(expression.items);
    }
    if (isListShape(shape) && expression.kind === "List") {
      // Each item is read separately, so that a mistake is shown at the item.
      return allOrNone(expression.items.map((item) => {
        const value = this.evaluate(item);
        return value === undefined
          ? undefined
          : this.#item(shape, { name, value, span: item.span });
      }));
    }
    if (shape.kind === "answer_delay") return this.#answerDelay(shape.late, name, expression);
    const isChoice = shape.kind === "word" || shape.kind === "string";
    const choices = isChoice && expression.kind === "Name"
      ? suggestOr(expression.name, choicesOf(shape), oneOf(choicesOf(shape)))
      : undefined;
    const value = this.evaluate(expression, choices);
    if (value === undefined) return undefined;
    return this.convert(shape, { name, value, span: expression.span });
  }

  /** Converts a value that is already evaluated to a setting's value. */
  convert(shape: ValueShape, given: GivenValue): SettingValue | undefined {
    const { name, span, value } = given;
    switch (shape.kind) {
      case "int":
      case "size":
      case "duration":
      case "phys":
        return this.#number(shape, given);
      case "bool":
        return typeof value === "boolean" ? value : this.#wrongKind(shape, given);
      case "string": {
        if (typeof value !== "string") {
          return this.#wrongKind(shape, given, oneOf(choicesOf(shape)));
        }
        const full = shape.aliases[value] ?? value;
        const hint = nearestText(shape, value) + oneOf(choicesOf(shape)) + aliasesText(shape);
        return this.#choice(name, full, choicesOf(shape), span, hint) ? full : undefined;
      }
      case "word":
        // `none` is the language's word for no value; here it may be one of the choices.
        if (value === null && shape.choices.includes("none")) return "none";
        if (!(value instanceof EnumValue)) {
          const isQuoted = typeof value === "string" && shape.choices.includes(value);
          const wanted = isQuoted ? `\`${value}\` without quotes` : oneOf(shape.choices);
          return this.#wrongKind(shape, given, wanted);
        }
        return this.#choice(name, value, shape.choices, span) ? value.name : undefined;
      case "text":
        if (typeof value !== "string") return this.#wrongKind(shape, given, shape.form);
        if (shape.accepts(value)) return shape.keepsCase ? value : value.toLowerCase();
        this.bag.error("E0508", span, `Cannot use "${value}" as ${name}`, shape.form);
        return undefined;
      case "words":
        if (value === null && shape.orNone) return null;
        if (value instanceof EnumValue && shape.orWords?.includes(value.name)) return value.name;
        return this.#items(shape, given);
      case "sizes":
      case "ranges":
      case "dma_ranges":
        return this.#items(shape, given);
      case "answer_delay":
        return this.#wrongKind(shape, given);
      case "quirks":
        if (!(value instanceof ListValue)) return this.#wrongKind(shape, given);
        return this.#readQuirkNames(value.items, span);
    }
  }

  /**
   * `at_once`, `never`, `late(50us)`: the words have no value elsewhere, so they are not evaluated.
   */
  #answerDelay(late: NumberShape, name: string, expression: Expression): number | null | undefined {
    const word = expression.kind === "Call" ? expression.callee : expression;
    const text = word.kind === "Name" ? word.name : null;
    if (expression.kind !== "Call") {
      if (text === "at_once") return 0;
      if (text === "never") return null;
    } else if (text === "late" && expression.arguments.length === 1) {
      const [{ value: delay }] = expression.arguments as readonly [Argument];
      const value = this.evaluate(delay);
      const time = { name: `the time of ${name}`, value: value!, span: delay.span };
      return value === undefined ? undefined : this.#number(late, time);
    }
    this.bag.error(
      "E0502",
      expression.span,
      `Cannot use this as ${name}`,
      `write ${WANTED.answer_delay}`,
    );
    return undefined;
  }

  #items(shape: ListShape, given: GivenValue): SettingValue | undefined {
    if (!(given.value instanceof ListValue)) return this.#wrongKind(shape, given);
    return allOrNone(given.value.items.map((value) => this.#item(shape, { ...given, value })));
  }

  #number(shape: NumberShape, given: GivenValue): number | null | undefined {
    const { name, span, value } = given;
    if (value === null && shape.none !== undefined) return shape.none;
    const amount = amountOf(shape, value);
    if (amount === undefined) return this.#wrongKind(shape, given);
    const problem = numberProblem(shape, amount);
    if (problem === null) return amount;
    const format = FORMATS[shape.kind];
    const multiple = problem === "not a multiple" ? ` of ${format(shape.multipleOf!)}` : "";
    this.bag.error(
      "E0503",
      span,
      `Cannot use ${format(amount)} as ${name}: it is ${problem}${multiple}`,
      numberHint(shape, problem, amount),
    );
    return undefined;
  }

  #choice(
    name: string,
    value: EnumValue | string,
    choices: readonly string[],
    span: Span,
    hint: string = oneOf(choices),
  ): boolean {
    const text = value instanceof EnumValue ? value.name : `"${value}"`;
    if (choices.includes(text)) return true;
    this.bag.error(
      "E0508",
      span,
      `Cannot use ${text} as ${name}`,
      value instanceof EnumValue ? suggestOr(text, choices, hint) : hint,
    );
    return false;
  }

  #item(shape: ListShape, given: GivenValue): ListItem | undefined {
    const { name, span, value } = given;
    const part = { ...given, name: `part of ${name}` };
    switch (shape.kind) {
      case "words":
        if (!(value instanceof EnumValue)) {
          return this.#wrongKind(shape, part, oneOf(shape.choices));
        }
        return this.#choice(name, value, shape.choices, span) ? value.name : undefined;
      case "sizes":
        return this.#number(shape.item, given) ?? undefined;
      case "ranges":
        if (!(value instanceof RangeValue)) return this.#wrongKind(shape, part);
        if (value.first >= value.end) {
          this.bag.error("E0503", span, `The range ${formatValue(value)} of ${name} is empty`);
          return undefined;
        }
        return this.#number(PHYS, { name: `a ${part.name}`, value: value.first, span }) ===
            undefined
          ? undefined
          : { start: value.first, end: value.end };
      case "dma_ranges":
        if (!(value instanceof RecordValue)) return this.#wrongKind(shape, part);
        return this.#busRange(shape, value, given);
    }
  }

  #busRange(
    shape: ListShape,
    { entries }: RecordValue,
    { name, span }: GivenValue,
  ): BusRange | undefined {
    const keys = [...entries.keys()];
    const unknown = keys.find((key) => !BUS_RANGE_KEYS.includes(key));
    const missing = BUS_RANGE_KEYS.find((key) => !keys.includes(key));
    if (unknown !== undefined || missing !== undefined) {
      const what = unknown === undefined ? `lacks \`${missing}\`` : `has no key \`${unknown}\``;
      this.bag.error("E0502", span, `A part of ${name} ${what}`, `write ${WANTED.dma_ranges}`);
      return undefined;
    }
    const part = (key: string) => ({ name: `${key} of ${name}`, value: entries.get(key)!, span });
    const cpu = this.#number(PHYS, part("cpu"));
    const dma = this.#busAddress(shape, part("dma"));
    const size = this.#number(BUS_RANGE_SIZE, part("size"));
    if (typeof cpu !== "number" || dma === undefined || typeof size !== "number") return undefined;
    for (const start of [cpu, dma]) {
      if (start % PAGE_SIZE_BYTES === 0 && start + size - 1 <= LAST_PHYS) continue;
      this.bag.error(
        "E0503",
        span,
        `A part of ${name} cannot start at ${formatAddress(start)}`,
        "parts start at a page, and end below 2^52",
      );
      return undefined;
    }
    return { cpuPhys: cpu, dma, sizeBytes: size };
  }

  #busAddress(shape: ListShape, given: GivenValue): number | undefined {
    const { value } = given;
    const amount = value instanceof Quantity && value.kind === "dma" ? value.value : value;
    if (
      amountOf(PHYS, amount) !== undefined && !(value instanceof Quantity && value.kind === "phys")
    ) {
      return this.#number(PHYS, { ...given, value: amount }) ?? undefined;
    }
    return this.#wrongKind(shape, given, "a device address such as 0x4000_0000");
  }

  #wrongKind(
    shape: ValueShape,
    { name, span, value }: GivenValue,
    wanted: string = WANTED[shape.kind],
  ): undefined {
    const shown = value === null ? "none" : `${kindOf(value)} (${formatValue(value, null, true)})`;
    const orNone = shape.kind === "size" && shape.none !== undefined ? ", or none" : "";
    this.bag.error("E0502", span, `Cannot use ${shown} as ${name}`, `write ${wanted}${orNone}`);
    return undefined;
  }

  // A list literal is read from its syntax, without evaluation. There are two reasons: the names of
  // switches have no value elsewhere, and an expression cannot have a value such as `not x`.
  #readQuirkList(items: readonly Expression[]): QuirkChanges | undefined {
    const changes = { clear: false, add: [] as QuirkName[], remove: [] as QuirkName[] };
    let sound = true;
    items.forEach((item, index) => {
      if (item.kind === "None") {
        if (index === 0) changes.clear = true;
        else {
          sound = false;
          this.bag.error(
            "E0513",
            item.span,
            "Cannot clear the profile's switches after others were named",
            "write `none` as the first item",
          );
        }
        return;
      }
      const removes = item.kind === "Unary" && item.operator === "not";
      const named = removes ? item.operand : item;
      const name = named.kind === "Name" ? named.name : null;
      if (name === null || !this.#knownQuirk(name, named.span)) {
        sound = false;
        if (name === null) {
          this.bag.error("E0513", item.span, "Not a defect switch", `write ${WANTED.quirks}`);
        }
      } else (removes ? changes.remove : changes.add).push(name);
    });
    return sound ? changes : undefined;
  }

  #readQuirkNames(items: readonly Value[], span: Span): QuirkChanges | undefined {
    const clear = items[0] === null;
    const names = (clear ? items.slice(1) : items).map((item) =>
      item instanceof EnumValue ? item.name : formatValue(item)
    );
    return names.every((name): name is QuirkName => this.#knownQuirk(name, span))
      ? { clear, add: names, remove: [] }
      : undefined;
  }

  #knownQuirk(name: string, span: Span): name is QuirkName {
    if (isQuirkName(name)) return true;
    this.bag.error(
      "E0513",
      span,
      `There is no defect switch "${name}"`,
      suggestOr(name, QUIRK_NAMES, "`dmalab explain quirks` lists them"),
    );
    return false;
  }
}

/** The possible values of a word or text, in the syntax of scripts. */
function choicesOf(
  { choices, kind }: Extract<ValueShape, { kind: "word" | "string" }>,
): readonly string[] {
  return kind === "word" ? choices : choices.map((text) => `"${text}"`);
}

/** "one of a, b, c". */
export function oneOf(choices: readonly string[]): string {
  return `one of ${choices.join(", ")}`;
}

/** `did you mean x?`, or another hint if no candidate is similar. */
export function suggestOr(name: string, candidates: readonly string[], otherwise: string): Hint {
  return nearNames(name, candidates) ?? otherwise;
}

type StringShape = Extract<ValueShape, { readonly kind: "string" }>;

/** The choices most similar to an invalid text; empty if no choice is similar. */
function nearestText({ nearest }: StringShape, text: string): string {
  const names = nearest?.(text) ?? [];
  return names.length === 0 ? "" : `nearest: ${names.map((name) => `"${name}"`).join(" and ")}; `;
}

/** Other spellings, each with its meaning. */
function aliasesText({ aliases }: StringShape): string {
  const words = Object.entries(aliases).map(([alias, full]) => `"${alias}" is ${full}`);
  return words.length === 0 ? "" : `; short names: ${words.join(", ")}`;
}
