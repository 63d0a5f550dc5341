/** Lists: fields and methods. */
import {
  CHARACTER_BYTES,
  COMPARE_STEPS,
  FORMAT_STEPS,
  ITEM_BYTES,
  LIST_BYTES,
  NEW_ITEM_BYTES,
} from "../../values/limits.ts";
import { insertItem, removeItem } from "../../values/changes.ts";
import { valuesEqual } from "../../values/equality.ts";
import { arithmetic, compare } from "../../values/operators.ts";
import { KindError, ScriptError } from "../../values/script_error.ts";
import {
  type Closure,
  type ListValue,
  Quantity,
  type RangeValue,
  Ratio,
  RecordValue,
  type Value,
} from "../../values/value.ts";
import { clip, tableLines } from "../../text/columns.ts";
import { formatInSentence, formatStart, formatValue } from "../../render/value_text.ts";
import type { ExecutionContext } from "../../values/execution_context.ts";
import { toInt } from "../arguments.ts";
import type { HandleType, MethodSpec } from "../../values/spec.ts";
import { fieldsOf } from "../describe/fields.ts";
import { optional, param } from "../describe/parameters.ts";
import { methodsOf } from "../describe/builtin.ts";

/**
 * Checks an index into a list of the machine, or an index that is a method's argument: it must be
 * in 0 … length - 1.
 */
export function checkedIndex(index: Value, length: number, what: string): number {
  const position = toInt(index, `an index of ${what}`, Number.MIN_SAFE_INTEGER);
  if (position >= 0 && position < length) return position;
  throw new ScriptError(
    "E0915",
    `Index ${position} is outside ${what} of length ${length}`,
    length === 0 ? "it is empty" : `indexes go from 0 to ${length - 1}`,
  );
}

/** The first index and the end index of a slice, both within `length`. */
export function checkedSlice(range: RangeValue, length: number, what: string) {
  const { first, end } = range;
  if (first >= 0 && first <= end && end <= length) return { first, end };
  throw new ScriptError(
    "E0915",
    `Slice ${formatValue(range)} is outside ${what} of length ${length}`,
  );
}

const FUNCTION = {
  ...param.function("function", "Called with each item."),
  calledWith: "item",
} as const;

const method = methodsOf<ListValue>("script");

/** A test that calls a function of the script for each of `count` items. */
export function holds(count: number, test: Closure, context: ExecutionContext) {
  return (item: Value): boolean => {
    const answer = context.call(test, [item]);
    if (typeof answer === "boolean") return answer;
    throw new KindError(
      `The function must say true or false for each of the ${count} items, not ${
        formatInSentence(answer, context)
      }`,
    );
  };
}

function sumOf(list: ListValue, context: ExecutionContext): Value {
  let sum: Value = 0;
  for (const item of list.items) {
    context.work(COMPARE_STEPS);
    sum = arithmetic("+", sum, item, (bytes) => context.chargeMemory(bytes));
  }
  return sum;
}

/** The smallest or largest item by an order; none for an empty list. */
function extreme(list: ListValue, order: "<" | ">", context: ExecutionContext): Value {
  let best: Value = null;
  for (const item of list.items) {
    context.work(COMPARE_STEPS);
    if (best === null || compare(order, item, best)) best = item;
  }
  return best;
}

const METHODS: readonly MethodSpec<ListValue>[] = [
  method({
    name: "map",
    pure: true,
    parameters: [FUNCTION],
    result: "list",
    gives: "mapped",
    doc: "The list of the function's results for each item.",
    example: `assert [1, 2, 3].map(x => x * x) == [1, 4, 9]`,
    run(context, list, [change]) {
      context.chargeMemory(LIST_BYTES + NEW_ITEM_BYTES * list.items.length);
      const items = list.walked();
      const made: Value[] = [];
      return context.keepWhile(made, () => {
        for (const item of items) made.push(context.call(change, [item]));
        return made;
      });
    },
  }),
  method({
    name: "filter",
    pure: true,
    parameters: [FUNCTION],
    result: "list",
    gives: "items",
    doc: "The items for which the function returns true.",
    example: `assert [1, 2, 3].filter(x => x > 1) == [2, 3]`,
    run(context, list, [test]) {
      context.chargeMemory(LIST_BYTES + ITEM_BYTES * list.items.length);
      return list.walked().filter(holds(list.items.length, test, context));
    },
  }),
  method({
    name: "any",
    pure: true,
    parameters: [FUNCTION],
    result: "bool",
    doc: "True if the function returns true for at least one item.",
    example: `assert [1, 2, 3].any(x => x == 2)`,
    run: (context, list, [test]) => list.walked().some(holds(list.items.length, test, context)),
  }),
  method({
    name: "all",
    pure: true,
    parameters: [FUNCTION],
    result: "bool",
    doc: "True if the function returns true for every item.",
    example: `assert [1, 2, 3].all(x => x > 0)`,
    run: (context, list, [test]) => list.walked().every(holds(list.items.length, test, context)),
  }),
  method({
    name: "sum",
    pure: true,
    result: "any",
    gives: "sum",
    doc: "All items added up; 0 for an empty list.",
    example: `assert [4KiB, 8KiB].sum() == 12KiB`,
    run: (context, list) => sumOf(list, context),
  }),
  method({
    name: "max",
    pure: true,
    result: "any",
    gives: "item",
    doc: "The largest item; none for an empty list.",
    example: `assert [1, 3, 2].max() == 3`,
    run: (context, list) => extreme(list, ">", context),
  }),
  method({
    name: "min",
    pure: true,
    result: "any",
    gives: "item",
    doc: "The smallest item; none for an empty list.",
    example: `assert [4KiB, 512B].min() == 512B`,
    run: (context, list) => extreme(list, "<", context),
  }),
  method({
    name: "contains",
    pure: true,
    parameters: [param.any("value", "What is looked for.")],
    result: "bool",
    doc: "True when an item equals the value.",
    example: `assert [to_device, from_device].contains(to_device)`,
    run: (context, list, [wanted]) => list.items.some((item) => valuesEqual(item, wanted, context)),
  }),
  method({
    name: "slice",
    pure: true,
    parameters: [param.range("range", "Positions, end excluded.")],
    result: "list",
    gives: "items",
    doc: "The items at a range of positions.",
    example: `assert [1, 2, 3, 4].slice(1..3) == [2, 3]`,
    run(context, list, [range]) {
      const { first, end } = checkedSlice(range, list.items.length, "a list");
      context.chargeMemory(LIST_BYTES + ITEM_BYTES * (end - first));
      return list.items.slice(first, end);
    },
  }),
  method({
    name: "sorted",
    pure: true,
    result: "list",
    gives: "items",
    doc: "The numbers of the list, smallest first.",
    example: `assert [3, 1, 2].sorted() == [1, 2, 3]`,
    run(context, list) {
      context.chargeMemory(LIST_BYTES + ITEM_BYTES * list.items.length);
      return list.items.toSorted((a, b) => {
        context.work(2 * COMPARE_STEPS);
        return compare("<", a, b) ? -1 : compare(">", a, b) ? 1 : 0;
      });
    },
  }),
  method({
    name: "join",
    pure: true,
    parameters: [optional(param.string("separator", 'Default ", ".'), ", ")],
    result: "string",
    doc: "The items as text, with the separator between them.",
    example: `assert [1, 2].join(" and ") == "1 and 2"`,
    run(context, list, [separator]) {
      context.chargeMemory(
        (CHARACTER_BYTES * separator.length + NEW_ITEM_BYTES) * list.items.length,
      );
      let text = "";
      for (const [index, item] of list.items.entries()) {
        text += index === 0 ? formatValue(item, context) : separator + formatValue(item, context);
      }
      return text;
    },
  }),
  method({
    name: "push",
    parameters: [param.any("value", "The value to append.")],
    changes: "items",
    doc: "Appends a value, in place.",
    example: `let l = [1, 2]\nl.push(3)\nassert l == [1, 2, 3]`,
    run: (context, list, [value]) => insertItem(list, list.items.length, value, context),
  }),
  method({
    name: "pop",
    result: "any",
    gives: "item",
    changes: "items",
    doc: "Removes the last item and returns it; an error if the list is empty.",
    example: `let l = [1, 2]\nassert l.pop() == 2 and l == [1]`,
    run(context, list) {
      if (list.items.length > 0) return removeItem(list, list.items.length - 1, context);
      throw new ScriptError("E0915", "There is nothing to `pop`: the list is empty");
    },
  }),
  method({
    name: "insert",
    parameters: [
      param.int("index", "Its position, at most the list's length."),
      param.any("value", "The value to insert."),
    ],
    changes: "items",
    doc: "Inserts a value before the item at a position, in place.",
    example: `let l = [1, 3]\nl.insert(1, 2)\nassert l == [1, 2, 3]`,
    run(context, list, [index, value]) {
      insertItem(list, checkedIndex(index, list.items.length + 1, "a list"), value, context);
    },
  }),
  method({
    name: "remove",
    parameters: [param.int("index", "The position of the item.")],
    result: "any",
    gives: "item",
    changes: "items",
    doc: "Removes the item at a position and returns it.",
    example: `let l = [7, 8, 9]\nassert l.remove(0) == 7 and l == [8, 9]`,
    run: (context, list, [index]) =>
      removeItem(list, checkedIndex(index, list.items.length, "a list"), context),
  }),
  method({
    name: "copy",
    pure: true,
    result: "list",
    gives: "items",
    doc: "A shallow copy: lists and records in it are shared.",
    example: `let l = [1, 2]\nlet other = l.copy()\nother.push(3)\nassert l == [1, 2]`,
    run(context, list) {
      context.chargeMemory(LIST_BYTES + ITEM_BYTES * list.items.length);
      return list.items.slice();
    },
  }),
];

export const LIST: HandleType<ListValue> = {
  name: "list",
  doc: "Values in order. `list[i] = x`, `push` and `pop` change it in place, for every reference " +
    "to it; `+` joins two lists into a new one.",
  gone: {
    append: "write `.push(x)`",
    add: "write `.push(x)`",
    push_back: "write `.push(x)`",
    len: "write `.length`",
    size: "write `.length`",
    count: "write `.length`",
    forEach: "write `for x in list { … }`",
  },
  fields: fieldsOf<ListValue>((f) => ({
    length: f.int("How many items it has.", (list) => list.items.length),
    first: {
      ...f.any("The first item; none when the list is empty.", (list) => list.items[0] ?? null),
      gives: "item",
    },
    last: {
      ...f.any("The last item; none when the list is empty.", (list) => list.items.at(-1) ?? null),
      gives: "item",
    },
    sum: { ...f.any("All items added up; 0 for an empty list.", sumOf), gives: "sum" },
  })),
  methods: METHODS,
  format: (list, context) => formatValue(list, context),
  show: (list, context) => listLines(list, context, context.columns),
};

/** A list as a table of its records, or with a line for each item. */
export function listLines(
  { items }: ListValue,
  context: ExecutionContext,
  columns: number,
): Iterable<string> {
  if (items.length === 0) return ["[]"];
  return recordTable(items, context, columns) ?? numberedLines(items, context, columns);
}

/** Lines with an index and an item, generated on demand. */
function* numberedLines(
  items: readonly Value[],
  context: ExecutionContext,
  columns: number,
): Generator<string> {
  for (const [index, item] of items.entries()) {
    context.work(FORMAT_STEPS);
    yield clip(`${String(index).padStart(4)}  ${lineStart(item, context)}`, columns);
  }
}

/** The beginning of a value, cut so that it fits in a line. */
function lineStart(item: Value, context: ExecutionContext): string {
  return typeof item === "string"
    ? item.slice(0, context.columns)
    : formatStart(item, context, context.columns).text;
}

/**
 * Formats records, if all have the same keys, as a table. Returns null for other items, or if the
 * table is too wide.
 */
function recordTable(
  items: readonly Value[],
  context: ExecutionContext,
  columns: number,
): string[] | null {
  const [first] = items;
  if (!(first instanceof RecordValue) || first.entries.size === 0) return null;
  const keys = [...first.entries.keys()];
  const rows: string[][] = [];
  const isNumber = keys.map(() => true);
  for (const item of items) {
    if (!(item instanceof RecordValue) || item.entries.size !== keys.length) return null;
    if (!keys.every((key) => item.entries.has(key))) return null;
    context.chargeMemory(LIST_BYTES + NEW_ITEM_BYTES * keys.length);
    rows.push(keys.map((key, column) => {
      const value = item.entries.get(key)!;
      isNumber[column] &&= typeof value === "number" || value instanceof Quantity ||
        value instanceof Ratio;
      return formatValue(value, context);
    }));
  }
  const lines = tableLines(
    keys,
    rows,
    isNumber.map((is) => is ? "right" : "left"),
    columns,
  );
  return lines.some((line) => line.endsWith("…")) ? null : lines;
}
