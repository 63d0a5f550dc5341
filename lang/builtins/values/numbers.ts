/** Numbers with and without a unit, and their few fields. */
import type { ExecutionContext } from "../../values/execution_context.ts";
import { LIST_BYTES, NEW_ITEM_BYTES } from "../../values/limits.ts";
import { groupThousands } from "../../text/numbers.ts";
import { formatQuantity, formatValue } from "../../render/value_text.ts";
import type { EnumValue, Quantity, RangeValue, Value } from "../../values/value.ts";
import { size } from "../arguments.ts";
import { explainError } from "../explain/error_story.ts";
import { peerAnswerStory } from "../explain/peer_answer.ts";
import type { HandleType } from "../../values/spec.ts";
import { numberIn } from "../../values/operators.ts";
import { numberOf } from "../../values/sequences.ts";
import { holds } from "./list.ts";
import { fieldsOf } from "../describe/fields.ts";
import { param } from "../describe/parameters.ts";
import { methodsOf } from "../describe/builtin.ts";

export const INT: HandleType<number> = {
  name: "int",
  doc: "A whole number, exact to 2^53. It converts to the kind that its place requires.",
  fields: () => [],
  format: (value) => String(value),
  show: (value) => {
    const sign = value < 0 ? "-" : "";
    return [`${groupThousands(value)} = ${sign}0x${Math.abs(value).toString(16)}`];
  },
};

export const SIZE: HandleType<Quantity> = {
  name: "size",
  doc: "A number of bytes: 512B, 4KiB, 1MiB, 8GiB, 1TiB.",
  fields: fieldsOf<Quantity>((f) => ({
    bytes: f.int("The number of bytes.", (value) => value.value),
    pages: f.int(
      "How many of the machine's pages it takes, rounded up.",
      (value, context) => Math.ceil(value.value / context.lab.machine.config.pageSizeBytes),
    ),
  })),
  format: formatQuantity,
  show: (value) => [`${formatQuantity(value)} = ${groupThousands(value.value)} bytes`],
};

export const DURATION: HandleType<Quantity> = {
  name: "duration",
  doc: "A span of virtual time: 10ns, 5us, 10ms, 1s.",
  fields: fieldsOf<Quantity>((f) => ({
    ns: f.int("The number of nanoseconds.", (value) => value.value),
  })),
  format: formatQuantity,
};

const method = methodsOf<RangeValue>("script");

/** The numbers of a range, as many as the memory limit allows. */
function* numbersOf(range: RangeValue, context: ExecutionContext): Generator<Value> {
  const { end, first } = range;
  context.chargeMemory(LIST_BYTES + NEW_ITEM_BYTES * Math.max(0, end - first));
  for (let number = first; number < end; number++) yield numberOf(range, number);
}

const FUNCTION = {
  ...param.function("function", "Called with each number."),
  calledWith: "item",
} as const;

export const RANGE: HandleType<RangeValue> = {
  name: "range",
  doc: "Numbers from the first up to, not including, the end.",
  fields: fieldsOf<RangeValue>((f) => ({
    first: f.any("The first number.", (range) => numberOf(range, range.first)),
    end: f.any(
      "The first number after the range.",
      (range) => numberOf(range, range.end),
    ),
    length: f.any("How many numbers it has; for addresses the size.", (range) => {
      const length = Math.max(0, range.end - range.first);
      return range.kind === "int" ? length : size(length);
    }),
  })),
  methods: [
    method({
      name: "map",
      pure: true,
      parameters: [FUNCTION],
      result: "list",
      gives: "mapped",
      doc: "The list of the function's results for each number.",
      example: `assert (0..4).map(n => n * n) == [0, 1, 4, 9]`,
      run: (context, range, [change]) =>
        Array.from(numbersOf(range, context), (number) => context.call(change, [number])),
    }),
    method({
      name: "filter",
      pure: true,
      parameters: [FUNCTION],
      result: "list",
      gives: "items",
      doc: "The numbers for which the function returns true.",
      example: `assert (0..6).filter(n => n % 2 == 0) == [0, 2, 4]`,
      run: (context, range, [test]) =>
        [...numbersOf(range, context)].filter(holds(range.end - range.first, test, context)),
    }),
    method({
      name: "contains",
      pure: true,
      parameters: [
        param.of(
          "value",
          ["int", "size", "duration", "phys", "dma"],
          "The number looked for.",
          (value) => value,
        ),
      ],
      result: "bool",
      doc: "True when the number lies in the range.",
      example: `assert (0..8).contains(7)\nassert not (0..8).contains(8)`,
      run(_run, range, [value]) {
        const number = numberIn(value as number | Quantity);
        return number >= range.first && number < range.end;
      },
    }),
  ],
  format: (range) => formatValue(range),
};

export const WORD: HandleType<EnumValue> = {
  name: "word",
  doc: "A named constant, such as strict, to_device or EINVAL.",
  fields: fieldsOf<EnumValue>((f) => ({
    name: f.string("Its name as a string.", (value) => value.name),
  })),
  format: (value) => value.name,
  explain: (value, context) =>
    peerAnswerStory(value.name, context) ?? explainError(value.name, context),
};
