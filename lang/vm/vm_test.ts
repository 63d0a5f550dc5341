import { assertEquals, assertStringIncludes } from "@std/assert";
import { failureOf, onlyOutcome, printed } from "../testing/test_support.ts";
import { DEFAULT_LIMITS } from "../values/limits.ts";

Deno.test("let, = and += bind and assign, each block with its own names", () => {
  assertEquals(
    printed("let a = 1\na = a + 2\na += 4\nif true { let a = 100\n a += 1 }\nprint a"),
    ["7"],
  );
});

Deno.test("if, else if and else choose one block", () => {
  const text = "fn f(n) { if n < 0 { return 1 } else if n == 0 { return 2 } else { return 3 } }\n";
  assertEquals(printed(`${text}print [f(-5), f(0), f(9)]`), ["[1, 2, 3]"]);
});

Deno.test("while stops when its condition is false; break and continue leave and repeat it", () => {
  const text = `
    let i = 0
    let seen = []
    while true {
      i += 1
      if i == 2 { continue }
      if i > 4 { break }
      seen += [i]
    }
    print seen`;
  assertEquals(printed(text), ["[1, 3, 4]"]);
});

Deno.test("for walks ranges, lists and bytes; the end of `..` is excluded, of `..=` not", () => {
  assertEquals(printed("for i in 0..3 { print i }"), ["0", "1", "2"]);
  assertEquals(printed("for i in 1..=2 { print i }"), ["1", "2"]);
  assertEquals(printed("for i in 3..1 { print i }"), []);
  assertEquals(printed('for x in [1, "a", 2KiB] { print x }'), ["1", "a", "2KiB"]);
  assertEquals(printed('for b in bytes"00 ff" { print b }'), ["0", "255"]);
  assertEquals(printed("for s in 0B..2B { print s }"), ["0B", "1B"]);
});

Deno.test("repeat runs its block a number of times", () => {
  assertEquals(printed("let n = 0\nrepeat 5 { n += 2 }\nrepeat 0 { n = 99 }\nprint n"), ["10"]);
  assertEquals(
    failureOf("let n = 0 - 1\nrepeat n { }"),
    "E0913 `repeat` takes a number that is not negative, not the int -1",
  );
});

Deno.test("`and` and `or` do not look at the right side when the left one decides", () => {
  const text = 'fn say(x) { print "asked"\n return x }\n';
  assertEquals(printed(`${text}print false and say(true)`), ["false"]);
  assertEquals(printed(`${text}print true or say(true)`), ["true"]);
  assertEquals(printed(`${text}print true and say(false)`), ["asked", "false"]);
  assertEquals(printed(`${text}if not (false or say(false)) { print 1 }`), ["asked", "1"]);
});

Deno.test("virtual time is exact to 2^53 and never goes on rounded", () => {
  assertEquals(
    failureOf("advance 9007199254740991ns\nassert now() == 9007199254740991ns\nadvance 1ns"),
    "E0913 Cannot advance time by the duration 1ns: it ends after 2^53 - 1 ns",
  );
});

/** Hides a value's kind from the checker: kinds of parameters are not known before the run. */
const ANY = "fn any(value) { return value }\n";

Deno.test("conditions take true and false only", () => {
  assertEquals(
    failureOf(`${ANY}if any(1) { }`),
    "E0913 A condition takes true or false, not the int 1",
  );
  assertEquals(
    failureOf(`${ANY}assert any(none)`),
    "E0913 `assert` takes true or false, not none",
  );
});

Deno.test("arguments may be named, in any order, and are evaluated as written", () => {
  const text = `
    fn tell(x) { print "arg {x}"
      return x }
    fn minus(left, right) { return left - right }
    print minus(right: tell(1), left: tell(10))`;
  assertEquals(printed(text), ["arg 1", "arg 10", "9"]);
});

Deno.test("lambdas take the values around them when they are made", () => {
  assertEquals(printed("let n = 1\nlet f = x => x + n\nn = 5\nprint f(10)"), ["11"]);
  assertEquals(printed("let add = (a, b) => a + b\nprint add(2, 3)"), ["5"]);
  const nested = "let a = 1\nlet f = x => (y => (z => a + x + y + z))\nprint f(10)(100)(1000)";
  assertEquals(printed(nested), ["1111"]);
  const loop = "let fs = []\nfor i in 0..3 { fs += [() => i * i] }\nprint fs.map(f => f())";
  assertEquals(printed(loop), ["[0, 1, 4]"]);
});

Deno.test("an entry of a record that holds a function is called like a method", () => {
  assertEquals(printed("let r = { base: 10, add: x => x + 1 }\nprint r.add(r.base)"), ["11"]);
});

Deno.test("records, lists, strings and bytes have their parts", () => {
  assertEquals(printed('let r = { a: { b: [1, 2] } }\nprint r.a.b[1]\nprint r["a"].b[0]'), [
    "2",
    "1",
  ]);
  assertEquals(printed('print "abc"[1]\nprint bytes"0a 0b"[1]\nprint [1, 2] + [3]'), [
    "b",
    "11",
    "[1, 2, 3]",
  ]);
  assertEquals(failureOf("print [1][3]"), "E0915 Index 3 is outside the list of length 1");
  assertEquals(failureOf(`${ANY}print any({ a: 1 }).b`), "E0914 A record has no field `b`");
});

Deno.test("a string's braces hold expressions of any kind", () => {
  assertEquals(
    printed('let n = 3\nprint "{n} pages are {n * 4KiB}, \\{n} in {10us} at {0x1000 as dma}"'),
    ["3 pages are 12KiB, {n} in 10us at 0x1000"],
  );
});

Deno.test("arithmetic that leaves the exact range stops the script at its place", () => {
  assertEquals(
    failureOf("let x = 9_007_199_254_740_991\nx += 1"),
    "E0911 Integer result is not exact: it lies outside -(2^53 - 1) … 2^53 - 1",
  );
  assertEquals(failureOf("let z = 0\nprint 1 / z"), "E0912 The right side of `/` is zero");
});

Deno.test("a script that never ends is stopped by the limit of its steps", () => {
  const limits = { ...DEFAULT_LIMITS, steps: 10_000 };
  assertEquals(
    failureOf("while true { }", { limits }),
    "E0801 The script exceeded its limit of 10_000 steps",
  );
  assertEquals(failureOf("let n = 0\nfor i in 0..1000 { n += 1 }", { limits }), null);
  assertEquals(
    failureOf("let l = [1]\nlet n = 0\nwhile l.map(x => x).length == 1 { n += 1 }", { limits }),
    "E0801 The script exceeded its limit of 10_000 steps",
    "what builtins call counts as well",
  );
});

Deno.test("calls nested too deeply are stopped, by functions and by builtins that call back", () => {
  const limits = { ...DEFAULT_LIMITS, depth: 50 };
  assertEquals(
    failureOf("fn f(n) { return f(n + 1) }\nlet x = f(0)", { limits }),
    "E0803 Calls are nested more than 50 deep",
  );
  assertEquals(
    failureOf("fn f(l) { return l.map(x => f(l)) }\nlet x = f([1])"),
    "E0803 Builtins that call the script, as `map` does, are nested more than 100 deep",
  );
});

Deno.test("values that grow without end are stopped by the limit of memory", () => {
  const limits = { ...DEFAULT_LIMITS, memoryBytes: 1_000_000 };
  assertEquals(
    failureOf('let s = "x"\nwhile true { s = "{s}{s}" }', { limits }),
    "E0802 The script's values take more than 1_000_000 bytes",
  );
  assertEquals(
    failureOf("let l = [1]\nwhile true { l = l + l }", { limits }),
    "E0802 The script's values take more than 1_000_000 bytes",
  );
});

Deno.test("a failure shows of values that share parts no more than it has room for", () => {
  const limits = { ...DEFAULT_LIMITS, steps: 5_000_000 };
  const shared = "let s = []\nlet t = []\nrepeat 40 { s = [s, s]\n t = [t, t] }\n";
  const { code, lines } = onlyOutcome(`${shared}assert [1, s] == [2, t]`, { limits }).failure!;
  assertEquals(code, "E0901");
  assertStringIncludes(lines.join("\n"), "[0]: 1 is not 2");
  assertEquals(Math.max(...lines.map(({ length }) => length)) < 300, true);
  const wait = failureOf(`${shared}wait [s, s].map(x => x)`, { limits });
  assertEquals(wait?.slice(0, 5), "E0801", "each of 2^41 is asked whether it is done");
});

Deno.test("output is stopped after its limit of lines", () => {
  const limits = { ...DEFAULT_LIMITS, outputLines: 3 };
  assertEquals(
    failureOf("for i in 0..9 { print i }", { limits }),
    "E0804 The script wrote more than 3 lines",
  );
});

Deno.test("try gives a value with .ok, .value and .error", () => {
  const text = `
    machine { pci { root_port rp { endpoint dev { } } } }
    let good = try (1 + 1)
    print "{good.ok} {good.value} {good.error}"
    let bad = try dma_set_mask(dev, 16)
    print "{bad.ok} {bad.value} {bad.error == EIO}"`;
  assertEquals(printed(text), ["true 2 none", "false none true"]);
});

Deno.test("too many steps are reported at the statement that was running", () => {
  const text = 'fn other() { return 1 }\ntest "t" {\n  print other()\n  while true { }\n}';
  const { failure } = onlyOutcome(text, { limits: { ...DEFAULT_LIMITS, steps: 100_000 } });
  assertEquals([failure!.code, failure!.place], ["E0801", "t.dma:4:9"]);
});
