import { assert, assertEquals } from "@std/assert";
import { purityViolations } from "./tidy.ts";
import { readSources } from "./source_text.ts";

const planted = (text: string, path = "runtime/x.ts") => purityViolations([{ path, text }]);

Deno.test("c_drivers, instruments, lang, runtime and devices never touch the host", () => {
  const sources = readSources([
    "runtime",
    "devices",
    "lang",
    "recording",
    "extensions/topology",
  ]);
  assert(sources.length > 20, `Only ${sources.length} source files found`);
  assertEquals(purityViolations(sources), []);
});

Deno.test("purityViolations() sees each way to the host, with its place", () => {
  assertEquals(planted('const a = 1;\nDeno.readTextFileSync("x");'), [
    "runtime/x.ts:2 uses Deno: the host belongs to cli/",
  ]);
  for (
    const text of [
      "const r = Math.random();",
      "const r = Math\n  .random();",
      "const t = Date.now();",
      "const t = new Date();",
      "const t = performance.now();",
      "setTimeout(() => {}, 1);",
      'console.log("x");',
      "const { env } = Deno;",
      "crypto.getRandomValues(bytes);",
      "const page = await fetch(url);",
      "const text = `now ${Date.now()}`;",
    ]
  ) {
    assertEquals(planted(text).length, 1, text);
  }
});

Deno.test("purityViolations() knows a method called fetch from the host's function", () => {
  assertEquals(planted("class Port {\n  fetch(queue: number): number {}\n}\nport.fetch(1);"), []);
});

Deno.test("purityViolations() reads comments and strings as text", () => {
  assertEquals(planted("// Deno.readTextFile\n/* Math.random() */ const a = 'Deno.x';"), []);
  assertEquals(planted("const help = `console.log and Date.now()`;"), []);
});

Deno.test("purityViolations() leaves test files their freedom", () => {
  assertEquals(planted("performance.now();", "runtime/x_test.ts"), []);
});
