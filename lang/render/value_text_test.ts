import { assertEquals } from "@std/assert";
import {
  BytesValue,
  Closure,
  EnumValue,
  ListValue,
  Quantity,
  RangeValue,
  Ratio,
  RecordValue,
} from "../values/value.ts";
import { formatValue } from "./value_text.ts";

Deno.test("formatValue() writes values as literals of the language", () => {
  assertEquals(formatValue(42), "42");
  assertEquals(formatValue(true), "true");
  assertEquals(formatValue(null), "none");
  assertEquals(formatValue("text"), "text");
  assertEquals(formatValue(new Quantity("size", 131072)), "128KiB");
  assertEquals(formatValue(new Quantity("dma", 0xffff_f000)), "0xffff_f000");
  assertEquals(formatValue(new Quantity("duration", 1200)), "1.2us");
  assertEquals(formatValue(new Ratio(0.5)), "0.5");
  assertEquals(formatValue(new EnumValue("strict")), "strict");
  assertEquals(formatValue(new RangeValue(0, 8, "int")), "0..8");
  assertEquals(formatValue(new RangeValue(0, 4096, "size")), "0B..4KiB");
  assertEquals(formatValue(new BytesValue(new Uint8Array([1, 255]))), 'bytes"01 ff"');
  assertEquals(formatValue(new Closure(0, [], "double")), "fn double");
});

Deno.test("formatValue() quotes strings inside lists and records", () => {
  assertEquals(formatValue(new ListValue(["a", 1])), '["a", 1]');
  assertEquals(formatValue(new RecordValue(new Map([["key", "a"]]))), '{ key: "a" }');
  assertEquals(formatValue(new RecordValue(new Map())), "{}");
  // The text is written as in a script: `{` is escaped because it begins an inserted expression,
  // and \u0007 of JSON is not used because the language does not have that escape.
  assertEquals(formatValue(new ListValue(["a{\x07\n"])), '["a\\{\\u{7}\\n"]');
});

Deno.test("formatValue() counts what a long list does not show", () => {
  const long = formatValue(new ListValue(Array.from({ length: 20 }, (_, index) => index)));
  assertEquals(long.endsWith("15, … 4 more]"), true);
  const bytes = formatValue(new BytesValue(new Uint8Array(4096)));
  assertEquals(bytes.endsWith('…" (4KiB)'), true);
});
