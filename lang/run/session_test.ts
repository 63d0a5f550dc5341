import { assertEquals } from "@std/assert";
import { DEFAULT_LIMITS } from "../values/limits.ts";
import { Session } from "../session.ts";
import type { InputResult } from "./session_types.ts";
import { diagnosticLines, memoryLoader } from "../testing/test_support.ts";

const MACHINE = "machine { iommu { mode = strict }\n pci { root_port rp { nvme ssd { } } } }";

function session(
  files: Readonly<Record<string, string>> = {},
): { session: Session; lines: string[] } {
  const lines: string[] = [];
  return {
    session: new Session({ loader: memoryLoader(files), onLine: (line) => lines.push(line) }),
    lines,
  };
}

const texts = ({ values }: InputResult) => values.map(({ text }) => text);

Deno.test("a session asks for more when a text is incomplete", () => {
  const { session: s } = session();
  assertEquals(s.feed("fn f(x) {").incomplete, true);
  assertEquals(s.feed("fn f(x) {\n return x * 2\n}").incomplete, false);
  assertEquals(texts(s.feed("f(21)")), ["42"]);
});

Deno.test("a session with an error does nothing, and stays as it was", () => {
  const { session: s } = session();
  s.feed("let a = 1");
  const { diagnostics } = s.feed("let b = 2\nlet c = bb");
  assertEquals(diagnosticLines(diagnostics), ["E0301 2:9 Nothing is called `bb`"]);
  assertEquals(s.summary().variables.map(({ name }) => name), ["a"]);
  assertEquals(s.summary().moves, 1);
});

Deno.test("a block of `compare` has copies of a session's variables, and cannot assign to them", () => {
  const { session: s } = session();
  s.feed("let n = 1");
  const { diagnostics } = s.feed("let r = compare { iommu.mode = [strict, lazy] } { n = n + 5 }");
  assertEquals(diagnosticLines(diagnostics), [
    "E0308 1:51 Cannot assign to a variable of the enclosing code",
  ]);
  s.feed("repeat 2 { n += 1 }");
  assertEquals(texts(s.feed("n")), ["3"]);
});

Deno.test("lambdas of a session see its variables as they are now, functions do not see them", () => {
  const { session: s } = session();
  s.feed("let n = 1\nlet f = x => x + n");
  s.feed("n = 10");
  assertEquals(texts(s.feed("f(1)")), ["11"]);
  assertEquals(diagnosticLines(s.feed("fn g() { return n }").diagnostics), [
    "E0301 1:17 Nothing is called `n`",
  ]);
});

Deno.test("a session declares consts, functions and machines, and may do so again", () => {
  const { session: s } = session();
  s.feed("const c = 2\nfn f() { return c }");
  assertEquals(texts(s.feed("f()")), ["2"]);
  s.feed("const c = 3\nfn f() { return c * 100 }");
  assertEquals(texts(s.feed("f()")), ["300"]);
  s.feed("let a = 1");
  assertEquals(s.feed(MACHINE).newMachine, true);
  assertEquals(s.summary().variables, [], "what held things of the old machine is gone");
  assertEquals(texts(s.feed("[f(), iommu.mode]")), ["[300, strict]"]);
});

Deno.test("a session goes back by doing again what was done before, to the very same events", () => {
  const { lines, session: s } = session();
  s.feed(`${MACHINE}\nlet buf = alloc_pages(1)`);
  s.feed("let io = ssd.submit(read, lba: 0, into: buf)");
  s.step(1);
  const here = JSON.stringify(s.machine.recorder.events);
  const { nowNs, seq } = s.summary();
  s.feed("print 1\nwait io");
  assertEquals(s.back(1), 1);
  assertEquals(JSON.stringify(s.machine.recorder.events), here);
  assertEquals([s.summary().seq, s.summary().nowNs], [seq, nowNs]);
  assertEquals(lines, ["1"], "going back says nothing again");
  assertEquals(texts(s.feed("wait io\nio.done")), ["true"]);
  assertEquals(s.back(100), 4);
  assertEquals(s.summary().seq, 0);
});

Deno.test("an input that fails keeps what it did before, and doing it again fails the same way", () => {
  const { session: s } = session();
  const { failure, values } = s.feed("let a = 1\na + 1\nassert a == 2\na = 5");
  assertEquals(values.map(({ text }) => text), ["2"]);
  assertEquals(failure?.code, "E0901");
  assertEquals(failure?.place, "input 1:3:8");
  assertEquals(texts(s.feed("a")), ["1"]);
  s.back(1);
  assertEquals(texts(s.feed("a")), ["1"]);
});

Deno.test("a session uses files, and runs the tests it is given at once", () => {
  const { session: s } = session({ "lib.dma": "fn three() { return 3 }" });
  s.feed('use "lib.dma"');
  assertEquals(texts(s.feed("three()")), ["3"]);
  const { tests } = s.feed(
    'test "three" { assert three() == 3 }\ntest "four" { assert three() == 4 }',
  );
  assertEquals(tests.map(({ name, outcome }) => [name, outcome]), [
    ["three", "passed"],
    ["four", "failed"],
  ]);
});

Deno.test("each input of a session has the limits of a test", () => {
  const s = new Session({ loader: memoryLoader(), limits: { ...DEFAULT_LIMITS, steps: 10_000 } });
  for (let input = 0; input < 5; input++) {
    assertEquals(s.feed("let n = 0\nwhile n < 500 { n += 1 }").failure, null);
  }
  assertEquals(s.feed("while true { }").failure?.kind, "limit");
  assertEquals(texts(s.feed("1")), ["1"]);
});

Deno.test("a memory that is full is no reason not to show what a variable is", () => {
  const s = new Session({
    loader: memoryLoader({}),
    limits: { ...DEFAULT_LIMITS, memoryBytes: 2 ** 20 },
    onLine: () => {},
  });
  s.feed("let small = [1, 2]\nlet kept = []");
  const { failure } = s.feed('for i in 0..1_000_000 { kept.push("{i}") }');
  assertEquals(failure?.kind, "limit");
  const { diagnostics, undone, values } = s.feed("small");
  assertEquals([diagnostics, undone, values.map(({ text }) => text)], [[], false, ["[1, 2]"]]);
  const { text } = s.summary().variables.find(({ name }) => name === "kept")!;
  assertEquals(text.startsWith('["0", "1", "2", '), true);
});
