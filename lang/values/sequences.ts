/**
 * Sequences of operations for properties: `forall ops in sequence(0..=20, { op: [map, unmap], n:
 * 0..8 })`.
 *
 * A step is made from a template. A list is a choice of one of its items, and a range is a choice
 * of one of its numbers. For a record, a choice is made for each entry. Any other value is
 * constant. From a list of records, a record is chosen first, so that each operation can have its
 * own arguments.
 */
import { freeze } from "./changes.ts";
import { ListValue, Quantity, RangeValue, RecordValue, type Value } from "./value.ts";

export type StepTemplate =
  | { readonly kind: "constant"; readonly value: Value }
  | { readonly kind: "number"; readonly range: RangeValue }
  | { readonly kind: "choice"; readonly items: readonly StepTemplate[] }
  | {
    readonly kind: "record";
    readonly entries: readonly (readonly [key: string, template: StepTemplate])[];
  };

/** The possible sequences: their lengths, both ends included, and their steps. */
export interface SequenceChoices {
  readonly shortest: number;
  readonly longest: number;
  readonly step: StepTemplate;
}

/** Limit of steps, beyond which a case would be too long to read. */
const MAX_STEPS = 1000;

/** The choices that the arguments of `sequence()` describe, or an error message. */
export function sequenceChoices(length: Value, of: Value): SequenceChoices | string {
  if (!(length instanceof RangeValue) || length.kind !== "int") {
    return "The length of a sequence is a range of ints, as in `0..=20`";
  }
  const { end, first } = length;
  if (first < 0 || end <= first || end > MAX_STEPS + 1) {
    return `A sequence has 0 to ${MAX_STEPS} steps`;
  }
  const step = templateOf(of);
  if (isEmpty(step)) return "There is nothing to choose from: a list or range in it is empty";
  return { shortest: first, longest: end - 1, step };
}

function templateOf(value: Value): StepTemplate {
  if (value instanceof RangeValue) return { kind: "number", range: value };
  if (value instanceof ListValue) return { kind: "choice", items: value.items.map(itemTemplate) };
  if (value instanceof RecordValue) {
    const entries = [...value.entries].map(([key, entry]) => [key, templateOf(entry)] as const);
    return { kind: "record", entries };
  }
  return { kind: "constant", value };
}

/**
 * The template of an item of a list. If the item is a record, it is itself a template; any other
 * item is constant.
 */
function itemTemplate(item: Value): StepTemplate {
  return item instanceof RecordValue ? templateOf(item) : { kind: "constant", value: item };
}

function isEmpty(template: StepTemplate): boolean {
  switch (template.kind) {
    case "constant":
      return false;
    case "number":
      return template.range.end <= template.range.first;
    case "choice":
      return template.items.length === 0 || template.items.some(isEmpty);
    case "record":
      return template.entries.some(([, entry]) => isEmpty(entry));
  }
}

export function numberOf({ kind }: RangeValue, number: number): Value {
  return kind === "int" ? number : new Quantity(kind, number);
}

/** Makes one step; `below` makes each choice. */
export function madeStep(template: StepTemplate, below: (limit: number) => number): Value {
  switch (template.kind) {
    case "constant":
      return template.value;
    case "number": {
      const { range } = template;
      return numberOf(range, range.first + below(range.end - range.first));
    }
    case "choice":
      return madeStep(template.items[below(template.items.length)]!, below);
    case "record":
      return new RecordValue(
        new Map(template.entries.map(([key, entry]) => [key, madeStep(entry, below)])),
        "script",
      );
  }
}

export function caseSequence(steps: readonly Value[]): ListValue {
  return freeze(new ListValue(steps)) as ListValue;
}

/**
 * The sequences that are one step shorter. The sequence without the last step comes first, because
 * the failure may depend on the earlier steps.
 */
export function shorterSequences(
  sequence: ListValue,
  { shortest }: SequenceChoices,
): readonly ListValue[] {
  const { items } = sequence;
  if (items.length <= shortest) return [];
  return items.map((_, index) => caseSequence(items.toSpliced(items.length - 1 - index, 1)));
}
