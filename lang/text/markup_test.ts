import { assertEquals } from "@std/assert";
import { escapeMarkup } from "./markup.ts";

const ROWS: readonly (readonly [what: string, text: string, markup: string])[] = [
  ["the four characters of markup", `<a b="c"> & d`, "&lt;a b=&quot;c&quot;&gt; &amp; d"],
  ["a colour of a terminal", "a \x1b[31mred", "a ␛[31mred"],
  ["a line end and a tab, which stay", "a\n\tb", "a\n\tb"],
  ["a carriage return, which hides the line before it", "shown\rhidden", "shown␍hidden"],
  ["a null character and a bell", "\0\x07", "␀␇"],
  ["a delete and a control character of 8 bits", "\x7f\x9b", "␡\ufffd"],
  ["a change of the text's direction", "a\u202eb\u2066", "a\ufffdb\ufffd"],
  ["letters and pictures of other scripts", "ä 漢 😀", "ä 漢 😀"],
];

for (const [what, text, markup] of ROWS) {
  Deno.test(`markup has ${what}`, () => assertEquals(escapeMarkup(text), markup));
}
