import { assertEquals, assertThrows } from "@std/assert";
import { WordScanner } from "./word_scanner.ts";

const WORDS = ["dma", "dma-api", "mmu", "iommu", "qp 0x", "é-word", "[ 5"];

/** Texts of all words and some letters, in an order that a counter gives. */
function* texts(): Generator<string> {
  const parts = [...WORDS, "d", "dm", " ", "-", "i", "0", "ÿ"];
  for (let number = 0; number < parts.length ** 3; number++) {
    const at = (power: number) => parts[Math.floor(number / parts.length ** power) % parts.length]!;
    yield at(0) + at(1) + at(2);
  }
}

Deno.test("a scanner finds the words that a text has, as a search for each of them does", () => {
  const scanner = new WordScanner(WORDS);
  for (const text of texts()) {
    const expected = WORDS.flatMap((word, index) => text.includes(word) ? [index] : []);
    assertEquals(scanner.in(text), expected, text);
    assertEquals(scanner.hasAny(text), expected.length > 0, text);
  }
});

Deno.test("a scanner refuses a word that it could not find", () => {
  assertThrows(() => new WordScanner(["io"]), RangeError);
  assertThrows(() => new WordScanner(["DMAR"]), RangeError);
});
