/** Numbers with and without a unit: the few fields they have. */
import { groupThousands } from "../../text/numbers.ts";
import { formatQuantity, formatValue } from "../../render/value_text.ts";
import { Quantity, RangeValue, Word } from "../../values/value.ts";
import { size } from "../arguments.ts";
import { explainError } from "../explain/error_story.ts";
import { peerAnswerStory } from "../explain/peer_answer.ts";
import type { TypeSpec } from "../../values/spec.ts";
import { rangeContains, rangeItem, rangeValue } from "./list.ts";
import { fieldsOf } from "../describe/fields.ts";
import { param } from "../describe/parameters.ts";
import { methodsOf } from "../describe/builtin.ts";

export const INT: TypeSpec<number> = {
  name: "int",
  doc: "A whole number, exact to 2^53. It takes the kind that is wanted.",
  fields: () => [],
  methods: [],
  format: (value) => String(value),
  show: (value) => [`${groupThousands(value)} = 0x${value.toString(16)}`],
};

export const SIZE: TypeSpec<Quantity> = {
  name: "size",
  doc: "A number of bytes: 512B, 4KiB, 1MiB, 8GiB, 1TiB.",
  fields: fieldsOf<Quantity>((f) => ({
    bytes: f.int("The number of bytes.", (value) => value.value),
    pages: f.int(
      "How many of the machine's pages it takes, the last one perhaps in part.",
      (value, run) => Math.ceil(value.value / run.lab.machine.config.pageSizeBytes),
    ),
  })),
  methods: [],
  format: formatQuantity,
  show: (value) => [`${formatQuantity(value)} = ${groupThousands(value.value)} bytes`],
};

export const DURATION: TypeSpec<Quantity> = {
  name: "duration",
  doc: "A stretch of virtual time: 10ns, 5us, 10ms, 1s.",
  fields: fieldsOf<Quantity>((f) => ({
    ns: f.int("The number of nanoseconds.", (value) => value.value),
  })),
  methods: [],
  format: formatQuantity,
};

const method = methodsOf<RangeValue>();

export const RANGE: TypeSpec<RangeValue> = {
  name: "range",
  doc: "Numbers from the first up to, not including, the end.",
  fields: fieldsOf<RangeValue>((f) => ({
    first: f.any("The first number.", (range) => rangeItem(range, 0)),
    end: f.any(
      "The first number behind the range.",
      (range) => rangeValue(range, range.end),
    ),
    length: f.any("How many numbers it has; for addresses the size.", (range) => {
      const length = Math.max(0, range.end - range.first);
      return range.kind === "int" ? length : size(length);
    }),
  })),
  methods: [
    method({
      name: "contains",
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
      run: (_run, range, [value]) => rangeContains(range, value),
    }),
  ],
  format: (range) => formatValue(range),
  index: (range, index) => rangeItem(range, index as number),
};

export const WORD: TypeSpec<Word> = {
  name: "word",
  doc: "A named constant, such as strict, to_device or EINVAL.",
  fields: fieldsOf<Word>((f) => ({
    name: f.string("Its name as a string.", (value) => value.name),
  })),
  methods: [],
  format: (value) => value.name,
  explain: (value, run) => peerAnswerStory(value.name, run) ?? explainError(value.name, run),
};
