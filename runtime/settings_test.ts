import { assertEquals } from "@std/assert";
import { KIB } from "./address.ts";
import {
  answerDelay,
  BOOL,
  defaultsOf,
  duration,
  int,
  numberProblem,
  optional,
  PHYS,
  RANGES,
  required,
  setting,
  type SettingType,
  size,
  sizes,
  wantedInstead,
  word,
} from "./settings.ts";

const ROWS = {
  count: setting("count", int(1, 4), 2, { doc: "How many." }),
  limitBytes: setting("limit", size(8 * KIB, 64 * KIB, { powerOfTwo: true, none: null }), null, {
    doc: ".",
  }),
  lentBytes: setting("lent", size(KIB, 64 * KIB, { multipleOf: KIB, none: 0 }), 0, { doc: "." }),
  areas: setting("areas", int(1, 8), null, { doc: ".", defaultText: "from cpus" }),
  place: optional("at", PHYS, {
    leftOut: "anywhere",
    doc: ".",
  }),
};

Deno.test("defaultsOf() has a property for each key with a default, null where null is one", () => {
  assertEquals(defaultsOf(ROWS), { count: 2, limitBytes: null, lentBytes: 0, areas: null });
});

Deno.test("wantedInstead() takes what a row describes, `none` and the default, and nothing else", () => {
  const any = (shape: SettingType) => required("x", shape, ".");
  const cases = [
    [ROWS.count, 4, null],
    [ROWS.count, 5, "anything from 1 to 4"],
    [ROWS.count, 1.5, "anything from 1 to 4"],
    [ROWS.count, NaN, "anything from 1 to 4"],
    [ROWS.count, null, "a number"],
    [ROWS.limitBytes, null, null],
    [ROWS.limitBytes, 16 * KIB, null],
    [ROWS.limitBytes, 12 * KIB, "a power of two"],
    [ROWS.limitBytes, 0, "anything from 8192 to 65536"],
    [ROWS.lentBytes, 0, null],
    [ROWS.lentBytes, 1500, "a multiple of 1024"],
    [ROWS.areas, null, null],
    [ROWS.place, 0, null],
    [any(BOOL), 0, "true or false"],
    [any(answerDelay()), 0, null],
    [any(answerDelay()), null, null],
    [any(answerDelay()), -1, "anything from 1 to 1000000000000"],
    [any(answerDelay()), true, "a number or null"],
    [any(duration(5)), 4, "anything from 5 to 1000000000000"],
    [any(word("a", "b")), "c", "one of a, b"],
    [any(sizes(KIB, 4 * KIB)), [KIB, 3 * KIB], "a power of two"],
    [any(sizes(KIB, 4 * KIB)), KIB, "a list"],
    [any(RANGES), [], null],
    [any(RANGES), 5, "a list"],
    [any({ kind: "words", choices: ["a"], orWords: ["unknown"], orNone: true }), "unknown", null],
    [any({ kind: "words", choices: ["a"] }), null, "one of a"],
    [any({ kind: "words", choices: ["a"] }), ["a", "b"], "one of a"],
    [any({ kind: "text", form: "an x", accepts: (text) => text === "x" }), "y", "an x"],
  ] as const;
  for (const [row, value, wanted] of cases) {
    assertEquals(wantedInstead(row, value), wanted, `${row.key} ${value}`);
  }
});

Deno.test("what is wrong with a number is one thing, the first of them", () => {
  const shape = { kind: "int", min: 4, max: 64, multipleOf: 4, powerOfTwo: true } as const;
  assertEquals(
    [3, NaN, 65, 4.5, 12, 8].map((value) => numberProblem(shape, value)),
    ["too small", "too small", "too large", "not a whole number", "not a power of two", null],
  );
  assertEquals(
    numberProblem({ kind: "int", min: 4, max: 64, multipleOf: 4 }, 13),
    "not a multiple",
  );
});
