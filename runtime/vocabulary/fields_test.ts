import { assertEquals } from "@std/assert";
import { BOOL, described, either, fieldText, optional, word } from "./fields.ts";

Deno.test("a field is described by the words that it holds, by their titles where they are more than nine", () => {
  const words = (title: string, count: number) =>
    word(title, Object.fromEntries(Array.from({ length: count }, (_, at) => [title + at, ""])));
  assertEquals(fieldText(BOOL), "bool");
  assertEquals(fieldText(words("a", 9)), "word: a0, a1, a2, a3, a4, a5, a6, a7, a8");
  const many = either(words("a word", 5), words("another", 5));
  assertEquals(
    fieldText(optional(described(many, "which"))),
    "word or none: a word or another; which",
  );
});
