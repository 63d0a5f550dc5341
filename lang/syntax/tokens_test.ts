import { assertEquals } from "@std/assert";
import { type IToken, Lexer } from "chevrotain";
import { DmaParser } from "./rules/dma_parser.ts";
import { HARD_WORDS, SOFT_WORDS } from "./language_words.ts";
import { SAMPLES } from "./testing_samples.ts";
import { isA, LEXED, Name, tokenize } from "./tokens.ts";

const images = (text: string) => tokenize(text).map((token) => token.image);
const types = (text: string) => tokenize(text).map((token) => token.tokenType.name);

Deno.test("Chevrotain's lexer has nothing against the types, and finds the same tokens", () => {
  const lexer = new Lexer(LEXED);
  assertEquals(lexer.lexerDefinitionErrors, []);
  const shown = (tokens: readonly IToken[]) =>
    tokens.map(({ image, startOffset, tokenType }) => [tokenType.name, startOffset, image]);
  for (const { name, text } of SAMPLES) {
    assertEquals(shown(tokenize(text)), shown(lexer.tokenize(text).tokens), name);
  }
});

Deno.test("the grammar passes Chevrotain's own checks: nothing is ambiguous or unreachable", () => {
  new DmaParser({ validate: true });
});

Deno.test("tokenize() takes a keyword with something behind it for a name", () => {
  for (const word of [...HARD_WORDS, ...SOFT_WORDS]) {
    assertEquals(types(`${word}_sg`), ["Identifier"], word);
    assertEquals(types(`${word}1`), ["Identifier"], word);
    assertEquals(types(`_${word}`), ["Identifier"], word);
  }
  assertEquals(types("for fork form"), ["For", "Identifier", "Identifier"]);
  assertEquals(SOFT_WORDS.filter((word) => !isA(tokenize(word)[0], Name)), []);
});

Deno.test("tokenize() keeps ranges, ratios and fields apart", () => {
  assertEquals(images("0..4"), ["0", "..", "4"]);
  assertEquals(images("1..=4"), ["1", "..=", "4"]);
  assertEquals(images("1.5..2.5"), ["1.5", "..", "2.5"]);
  assertEquals(images("4.x"), ["4", ".", "x"]);
  assertEquals(images("[a, ...]"), ["[", "a", ",", "...", "]"]);
  assertEquals(images("4KiB"), ["4KiB"]);
  assertEquals(images("0b12"), ["0b12"]);
});

Deno.test("tokenize() knows every kind of line end and drops comments and blanks", () => {
  assertEquals(images("a\r\nb\rc\nd"), ["a", "\r\n", "b", "\r", "c", "\n", "d"]);
  assertEquals(images("\ufeff#!/usr/bin/env deno\na # b\n"), ["\n", "a", "\n"]);
});

Deno.test("tokenize() takes prefixed bytes for one token and `bytes` for a name", () => {
  assertEquals(types('bytes"de ad" bytes'), ["Bytes", "Identifier"]);
});

Deno.test("tokenize() gives every character a place", () => {
  const tokens = tokenize("é§ 5µs\u0000 €", 10);
  assertEquals(tokens.map(({ startOffset, endOffset }) => [startOffset, endOffset]), [
    [10, 11],
    [13, 15],
    [16, 16],
    [18, 18],
  ]);
});
