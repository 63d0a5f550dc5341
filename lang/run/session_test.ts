import { assert, assertEquals } from "@std/assert";
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

Deno.test("a session shows the values of expressions and keeps its variables", () => {
  const { session: s } = session();
  assertEquals(texts(s.feed("1 + 2")), ["3"]);
  s.feed("let a = 4KiB");
  assertEquals(texts(s.feed('a * 2\n"text"')), ["8KiB", '"text"']);
  s.feed("a = a + 1");
  assertEquals(texts(s.feed("a")), ["4097B"]);
  s.feed("let a = none");
  assertEquals(texts(s.feed("a")), ["none"]);
  assertEquals(s.summary().variables, [
    { name: "_", kind: "a size", text: "4097B" },
    { name: "a", kind: "none", text: "none" },
  ]);
});

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

Deno.test("a session steps its machine and tells what happened", () => {
  const { session: s } = session();
  s.feed(`${MACHINE}\nlet buf = alloc_pages(1)`);
  const { events } = s.feed("let io = ssd.submit(read, lba: 0, into: buf)");
  assertEquals(events.length, 0);
  assertEquals(s.summary().pendingActivities, 1);
  assert(s.step(1).some(({ name }) => name === "nvme.submit"));
  assertEquals(texts(s.feed("io.done")), ["false"]);
  s.step(1000);
  assertEquals(texts(s.feed("io.done")), ["true"]);
  assertEquals(s.summary().pendingActivities, 0);
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

Deno.test("a name of a session whose value was not come to means what it meant before", () => {
  const { session: s } = session();
  s.feed("let a = 1");
  assert(s.feed("let a = 1 / 0\nlet b = 2").failure !== null);
  assertEquals(texts(s.feed("a")), ["1"]);
  assertEquals(diagnosticLines(s.feed("b").diagnostics), ["E0301 1:1 Nothing is called `b`"]);
  assert(s.feed("let c = 3\nlet d = 1 / 0").failure !== null);
  assertEquals(s.summary().variables.map(({ name }) => name), ["a", "_", "c"]);
  // A const of which later inputs know nothing; each new machine works the others out.
  s.feed("const limit = 4");
  assert(s.feed("const limit = [1][2]\nfn twice() { return limit }").failure !== null);
  assertEquals(texts(s.feed("limit")), ["4"]);
  assertEquals(s.feed("machine { cpus = 2 }\nprint limit").failure, null);
  assertEquals(s.feed('print "{twice()}"').failure, null);
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

Deno.test("an input that is interrupted, or takes too long, is undone", () => {
  let looks = 0;
  let now = 0;
  let ends = true;
  const watch = {
    nowMs: () => now++,
    interrupted: () => ends && looks++ > 2,
  };
  const s = new Session({
    loader: memoryLoader({}),
    limits: { ...DEFAULT_LIMITS, timeMs: 20 },
    watch,
  });
  s.feed(MACHINE);
  s.feed("let i = 1");
  const mapping = "let m = dma_map_phys(ssd, 0x10_0000, 4KiB, to_device)";
  const ended = s.feed(`${mapping}\nwhile true { i += 1 }`);
  assertEquals([ended.failure?.code, ended.undone], ["E0807", true]);
  assertEquals(s.summary().seq, 0);
  ends = false;
  assertEquals(texts(s.feed("i")), ["1"]);
  const late = s.feed("while true { i += 1 }");
  assertEquals([late.failure?.code, late.undone], ["E0806", true]);
  assertEquals(texts(s.feed("i")), ["1"]);
  // A limit that counts is reached at the same place each time, and nothing is undone.
  const failed = s.feed("i = 5\nassert i == 6");
  assertEquals([failed.failure?.code, failed.undone], ["E0901", false]);
  assertEquals(texts(s.feed("i")), ["5"]);
});

Deno.test("a session whose memory is full takes another input, which fails for itself", () => {
  const s = new Session({
    loader: memoryLoader({}),
    limits: { ...DEFAULT_LIMITS, memoryBytes: 2 ** 20 },
  });
  const full = s.feed("let held = []\nwhile true { held.push(0) }");
  assertEquals(full.failure?.code, "E0802");
  // Its outermost code has more variables than any before it.
  const names = Array.from({ length: 40 }, (_, index) => `if true { let v${index} = ${index}`).join(
    "\n",
  );
  const next = s.feed(`${names}${"\n}".repeat(40)}`);
  assertEquals([next.diagnostics.filter(({ severity }) => severity === "error"), next.undone], [
    [],
    false,
  ]);
  assertEquals([null, "E0802"].includes(next.failure?.code ?? null), true);
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
