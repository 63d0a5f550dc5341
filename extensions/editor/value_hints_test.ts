import { assertEquals } from "@std/assert";
import { loadForDebugging } from "@dmalab/lang";
import { recordRun, runsOf } from "@dmalab/recording";
import { DISK, marked } from "@dmalab/lang/testing";
import { valueHints } from "./lsp/values.ts";

const CASES: readonly (readonly [text: string, expected: string])[] = [
  ["let a = 2 + 3\nprint a", "1 = 5"],
  ["let a = 1\na += 4\nprint a", "1 = 1, 2 = 5"],
  ["for n in 0..4 {\n  let twice = 2 * n\n  print twice\n}", "2 = 6"],
  ["let sum = 0\nfor n in 0..4 {\n  sum += n\n}\nprint sum", "1 = 0, 3 = 6"],
  ["fn f(n) {\n  let m = n + 1\n  return m\n}\nprint f(1) + f(4)", "2 = 5"],
  ["let a = [1, 2]\nassert a.length == 3", "1 = [1, 2], 2 a.length = 2"],
  ["let a = 2\nassert a == 2\nassert a == 0x2\nassert a < 3", "1 = 2, 4 a = 2"],
  ["if true {\n  let a = 1\n}\nlet a = 2\nprint a", "4 = 2"],
  ["fn f() {\n  let x = 7\n}\nfn g(x) {\n  print x\n}\nf()\ng(3)", ""],
  [
    `${DISK}test "t" {\n  let b = alloc_pages(1)\n  assert b.size > 0B\n}`,
    "3 = buffer of 4KiB at 0x4000_0000, 4 b.size = 4KiB",
  ],
  [`${DISK}assert alloc_pages(1).size < 1B`, ""],
  ["let a = 1", ""],
];

Deno.test("the values of the last turn stand behind variables and assertions", () => {
  for (const [text, expected] of CASES) {
    const { analysis: { file, source }, loader } = marked(text);
    const { program } = loadForDebugging(source, loader);
    const hints = runsOf(program!).flatMap((run) => valueHints(recordRun(program!, run), file));
    const shown = hints.map(({ span, text }) => `${source.position(span.start).line} ${text}`);
    assertEquals(shown.join(", "), expected, text);
  }
});
