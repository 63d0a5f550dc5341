/**
 * Changes of lists and records in place: by their methods and by `place = value`.
 *
 * A list or record is one object, however many names refer to it. Values of a script may change;
 * consts and results of the machine never do. No value can contain itself. Therefore code that
 * traverses, prints or compares values terminates.
 */
import { deeper } from "./depth.ts";
import { describeValue } from "./operators.ts";
import { COMPARE_STEPS, ENTRY_BYTES, ITEM_BYTES, STEP_BYTES } from "./limits.ts";
import type { ExecutionContext } from "./execution_context.ts";
import { ScriptError } from "./script_error.ts";
import { Closure, ListValue, RecordValue, type Value } from "./value.ts";

/** How a script changes the bytes of a buffer, which are memory. */
export const BUFFER_CHANGES =
  'the CPU writes memory: `poke(b.phys + 3, bytes"02")`, or all of it: `b.fill(0x02)`';

/** The parts of the run that a change uses. */
export type ChangingRun = Pick<ExecutionContext, "chargeMemory" | "requireChange" | "work">;

/**
 * @throws {ScriptError} E0931 if the value is a const or a result of the machine; E0924 in an
 *   invariant.
 */
function requireChangeable(value: ListValue | RecordValue, run: ChangingRun): void {
  run.requireChange();
  if (value.maker === "script") return;
  const what = value instanceof ListValue ? "list" : "record";
  throw new ScriptError(
    "E0931",
    value.maker === "const"
      ? `This ${what} belongs to a \`const\`, which is read-only`
      : `This ${what} is a snapshot that the machine returned: a change of it would not change the machine`,
    "`.copy()` makes one that can be changed",
  );
}

function itemsToChange(list: ListValue, run: ChangingRun): Value[] {
  requireChangeable(list, run);
  return list.changing((items) => run.chargeMemory(ITEM_BYTES * items));
}

function entriesToChange(record: RecordValue, run: ChangingRun): Map<string, Value> {
  requireChangeable(record, run);
  return record.entries as Map<string, Value>;
}

/** The steps for moving items of a list by one place. */
function movedSteps(items: number): number {
  return items * ITEM_BYTES / STEP_BYTES;
}

/** Inserts a value at the end of a list, or before the item at a position. */
export function insertItem(list: ListValue, at: number, value: Value, run: ChangingRun): void {
  const items = itemsToChange(list, run);
  refuseCircle(list, value, run);
  run.chargeMemory(ITEM_BYTES);
  if (at === items.length) items.push(value);
  else {
    run.work(movedSteps(items.length - at));
    items.splice(at, 0, value);
  }
}

export function removeItem(list: ListValue, at: number, run: ChangingRun): Value {
  const items = itemsToChange(list, run);
  run.work(movedSteps(items.length - at));
  return at === items.length - 1 ? items.pop()! : items.splice(at, 1)[0]!;
}

/** Replaces an item of a list. */
export function setItem(list: ListValue, at: number, value: Value, run: ChangingRun): void {
  const items = itemsToChange(list, run);
  refuseCircle(list, value, run);
  items[at] = value;
}

/** Sets an entry of a record; a new entry comes last. */
export function setEntry(
  record: RecordValue,
  key: string,
  value: Value,
  run: ChangingRun,
): void {
  const entries = entriesToChange(record, run);
  refuseCircle(record, value, run);
  if (!entries.has(key)) run.chargeMemory(ENTRY_BYTES);
  entries.set(key, value);
}

export function removeEntry(record: RecordValue, key: string, run: ChangingRun): Value {
  const entries = entriesToChange(record, run);
  const value = entries.get(key) ?? null;
  entries.delete(key);
  return value;
}

/** @throws {ScriptError} E0932 when the value is the list or record itself, or contains it. */
function refuseCircle(
  holder: ListValue | RecordValue,
  value: Value,
  run: ChangingRun,
): void {
  if (!hasParts(value) || !holds(value, holder, run)) return;
  const what = holder instanceof ListValue ? "list" : "record";
  throw new ScriptError(
    "E0932",
    value === holder
      ? `The ${what} would contain itself`
      : `The ${what} would contain itself, through ${describeValue(value)}`,
    "insert a `.copy()`, or refer to it by an index",
  );
}

type WithParts = ListValue | RecordValue | Closure;

function hasParts(value: Value): value is WithParts {
  return value instanceof ListValue || value instanceof RecordValue || value instanceof Closure;
}

/** The contents of a value: items, entries, or captured variables. */
export function partsOf(value: Value): Iterable<Value> {
  if (value instanceof ListValue) return value.items;
  if (value instanceof RecordValue) return value.entries.values();
  return value instanceof Closure ? value.captured : [];
}

/** Whether a value is the wanted value itself, or contains it at any depth. */
function holds(value: WithParts, wanted: Value, run: ChangingRun): boolean {
  const seen = new Set<WithParts>([value]);
  for (const each of seen) {
    if (each === wanted) return true;
    // Iterating a Set also visits the items that are added meanwhile.
    for (const part of partsOf(each)) {
      run.work(COMPARE_STEPS);
      if (hasParts(part)) seen.add(part);
    }
  }
  return false;
}

/** Makes a value, and all lists and records in it, unchangeable. */
export function freeze(value: Value): Value {
  if (!hasParts(value)) return value;
  const seen = new Set<WithParts>([value]);
  for (const each of seen) {
    if (!(each instanceof Closure)) each.maker = "const";
    for (const part of partsOf(each)) if (hasParts(part)) seen.add(part);
  }
  return value;
}

/**
 * Number of lists, records and functions in a value as the value is printed: a part that occurs at
 * several places counts at each place.
 */
export function shownParts(value: Value, known: Map<Value, number> = new Map()): number {
  if (!hasParts(value)) return 0;
  let count = known.get(value);
  if (count === undefined) {
    count = 1;
    for (const part of partsOf(value)) count += shownParts(part, known);
    known.set(value, count);
  }
  return count;
}

/**
 * A closure for a separate machine, with copies of the lists and records that it captures. Parts
 * that are shared stay shared in the copies.
 */
export function separated(closure: Closure): Closure {
  return copyOf(closure, new Map(), 0) as Closure;
}

function copyOf(value: Value, known: Map<WithParts, WithParts>, depth: number): Value {
  if (!hasParts(value)) return value;
  const found = known.get(value);
  if (found !== undefined) return found;
  const copy = emptyCopy(value);
  known.set(value, copy);
  const inside = deeper(depth);
  fill(copy, value, (part) => copyOf(part, known, inside));
  return copy;
}

function emptyCopy(value: WithParts): WithParts {
  if (value instanceof ListValue) return new ListValue([], value.maker);
  return value instanceof RecordValue
    ? value.emptied()
    : new Closure(value.functionIndex, [], value.name);
}

function fill(copy: WithParts, value: WithParts, copied: (part: Value) => Value): void {
  if (copy instanceof RecordValue) {
    const entries = copy.entries as Map<string, Value>;
    for (const [key, part] of (value as RecordValue).entries) entries.set(key, copied(part));
  } else {
    const parts = (copy instanceof ListValue ? copy.items : copy.captured) as Value[];
    for (const part of partsOf(value)) parts.push(copied(part));
  }
}
