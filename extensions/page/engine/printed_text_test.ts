import { assertEquals } from "@std/assert";
import { PrintedText } from "./engine.ts";

Deno.test("a short text is shown whole, of a long one the first 30,000 and the last 10,000 characters", () => {
  const short = new PrintedText();
  for (const text of ["a".repeat(29_999), "bc", "d".repeat(9_999)]) short.add(text);
  assertEquals(short.shown, `${"a".repeat(29_999)}bc${"d".repeat(9_999)}`);
  const long = new PrintedText();
  long.add("a".repeat(30_000) + "b".repeat(7));
  for (let part = 0; part < 100; part++) long.add("c".repeat(1_000));
  const end = "c".repeat(10_000);
  assertEquals(long.shown, `${"a".repeat(30_000)}\n… 90007 more characters …\n${end}`);
});
