import { assertEquals } from "@std/assert";
import { PrintedScreen } from "./engine.ts";

Deno.test("a short text is shown whole, of a long one the first 30,000 and the last 10,000 characters", () => {
  const short = new PrintedScreen();
  for (const text of ["a".repeat(29_999), "bc", "d".repeat(9_999)]) short.data(text);
  assertEquals(short.shown, `${"a".repeat(29_999)}bc${"d".repeat(9_999)}`);
  const long = new PrintedScreen();
  long.data("a".repeat(30_000) + "b".repeat(7));
  for (let part = 0; part < 100; part++) long.data("c".repeat(1_000));
  const end = "c".repeat(10_000);
  assertEquals(long.shown, `${"a".repeat(30_000)}\n… 90007 more characters …\n${end}`);
});
