import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { failureOf, onlyOutcome, printed, program } from "../testing/test_support.ts";
import { TestMachine } from "../run/test_machine.ts";
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

Deno.test("loops inside each other keep their own places, in functions that call themselves too", () => {
  const text = `
    fn walk(depth) {
      let sum = 0
      for x in [1, 2] {
        for y in [10, 20] { sum += x * y }
        if depth > 0 { sum += walk(depth - 1) }
      }
      return sum
    }
    print walk(2)`;
  assertEquals(printed(text), [`${90 + 2 * (90 + 2 * 90)}`]);
});

Deno.test("repeat runs its block a number of times", () => {
  assertEquals(printed("let n = 0\nrepeat 5 { n += 2 }\nrepeat 0 { n = 99 }\nprint n"), ["10"]);
  assertEquals(
    failureOf("let n = 0 - 1\nrepeat n { }"),
    "E0913 `repeat` takes a number that is not negative, not the int -1",
  );
});

Deno.test("match takes the first arm that fits: literal, constant, range, none, `_`", () => {
  const text = `
    const four = 4
    fn name(x) {
      match x {
        1 => return "one"
        four => return "four"
        5..10 => return "some"
        strict => return "word"
        "s" => return "string"
        none => return "none"
        _ => { return "other" }
      }
    }
    print [name(1), name(4), name(5), name(9), name(10), name("s"), name(strict), name(none)]`;
  assertEquals(printed(text), [
    '["one", "four", "some", "some", "other", "string", "word", "none"]',
  ]);
  assertEquals(printed("match 7 { 1 => print 1 }"), [], "no arm, nothing happens");
  assertEquals(printed("match 8KiB { 4KiB..16KiB => print 1 }"), ["1"]);
  assertEquals(printed("match none { none => print 1 }"), ["1"]);
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

/** Hides from the checker what a value is: kinds of parameters are not known before the run. */
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

Deno.test("functions call each other and themselves, and return none without a value", () => {
  const text = `
    fn even(n) { if n == 0 { return true }
      return odd(n - 1) }
    fn odd(n) { if n == 0 { return false }
      return even(n - 1) }
    fn nothing() { }
    print even(10)
    print nothing()`;
  assertEquals(printed(text), ["true", "none"]);
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

Deno.test("values of different kinds are never silently equal", () => {
  assertEquals(printed("print [1 == 1, 4KiB == 4096, none == 1, strict == strict]"), [
    "[true, true, false, true]",
  ]);
  assertEquals(
    failureOf("let l = [0x1000 as phys, 0x1000 as dma]\nprint l[0] == l[1]"),
    "E0913 Cannot compare a physical address (phys) with a device address (dma)",
  );
  assertEquals(
    failureOf(
      "machine { pci { root_port rp { nvme ssd { } } } }\nlet l = [ssd, 1]\nprint l[0] == l[1]",
    ),
    "E0913 Cannot compare an nvme with an int",
  );
  assertEquals(printed("print [1, [2KiB]] == [1, [2KiB]]\nprint { a: 1 } == { a: 2 }"), [
    "true",
    "false",
  ]);
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

Deno.test("closures, parts of lists and what `try` gives count as memory as well", () => {
  const limits = { ...DEFAULT_LIMITS, memoryBytes: 1_000_000 };
  const stopped = (text: string) => failureOf(text, { limits })?.slice(0, 5);
  assertEquals(stopped("let f = x => x\nwhile true { let g = f; f = x => g(x) }"), "E0802");
  assertEquals(stopped("let r = none\nwhile true { r = try r }"), "E0802");
  assertEquals(
    stopped(
      "let a = [1]\nlet l = []\nrepeat 9 { a = a + a }\nwhile true { l = [l, a.slice(0..500)] }",
    ),
    "E0802",
  );
  assertEquals(stopped("let r = { a: 1 }\nwhile true { r = { a: r } }"), "E0802");
});

Deno.test("what a script lets go of does not count against the limit of memory", () => {
  const limits = { ...DEFAULT_LIMITS, memoryBytes: 1_000_000 };
  const passes = (text: string) => assertEquals(failureOf(text, { limits }), null);
  passes("let a = [1]\nrepeat 9 { a = a + a }\nrepeat 10_000 { let b = a.slice(0..500) }");
  passes('let s = ""\nfor i in 0..10_000 { s = "{i}: {s}"\n if s.length > 1000 { s = "" } }');
  // What is held meanwhile: by variables, by closures, by the list that is walked.
  const upTo = "fn upto(n) { let l = [0]\n while l.length < n { l = l + l }\n " +
    "return l.slice(0..n) }\n";
  passes(
    `${upTo}let kept = upto(1000).map(i => [i, [i]])\nlet f = x => kept[x][1][0]\n` +
      "for pair in upto(100).map(i => [i, [i, i]]) { for i in 0..1000 { let x = [i, pair] } }\n" +
      "assert f(999) == 0",
  );
  assertEquals(
    failureOf(`${upTo}let l = upto(12_000).map(i => [i, i])`, { limits })?.slice(0, 5),
    "E0802",
    "what a builtin is making is held",
  );
  // Texts that are held many times are counted once.
  passes(
    `${upTo}let t = "x"\nrepeat 10 { t = t + t }\nlet l = upto(1000).map(i => t)\n` +
      "for i in 0..100_000 { let x = [i] }\nassert l.length == 1000",
  );
});

Deno.test("work inside one instruction counts as steps", () => {
  const limits = { ...DEFAULT_LIMITS, steps: 200_000 };
  const stopped = (text: string) => failureOf(text, { limits })?.slice(0, 5) ?? null;
  const shared = "let s = []\nlet t = []\nrepeat 40 { s = [s, s]\n t = [t, t] }\n";
  assertEquals(stopped(shared), null);
  for (const use of ["s == t", "[s].contains(t)", "{ a: s } == { a: t }"]) {
    assertEquals(stopped(`${shared}print ${use}`), "E0801", use);
  }
  for (const use of ["print s", 'let x = "{s}"', "show { a: s }", "let x = [s].join()"]) {
    assertEquals(stopped(`${shared}${use}`), "E0801", use);
  }
  const long = "let l = [0]\nrepeat 14 { l = l + l }\nlet m = l + [].slice(0..0)\n";
  assertEquals(stopped(long), null);
  for (const use of ["l == m", "l.contains(1)", "l.sorted()", "l.max()", "l.sum()"]) {
    assertEquals(stopped(`${long}repeat 20 { let x = ${use} }`), "E0801", use);
  }
  const text = 'let t = "ab"\nrepeat 16 { t = t + t }\nlet u = t + ""\n';
  assertEquals(stopped(text), null);
  for (const use of ["t == u", 't.contains("c")', 't.split("ab")', 't + "c"', '"{t}"']) {
    assertEquals(stopped(`${text}repeat 40 { let x = ${use} }`), "E0801", use);
  }
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

Deno.test("values that are too deep, or that the host cannot hold, are limits and no bug", () => {
  assertEquals(
    failureOf('let l = []\nrepeat 999 { l = [l] }\nprint "{l}".length'),
    null,
  );
  assertEquals(
    failureOf("let l = []\nrepeat 1000 { l = [l] }\nprint l"),
    "E0803 Values are nested more than 1_000 deep",
  );
  assertEquals(
    failureOf("let l = []\nlet m = []\nrepeat 999 { l = [l]\n m = [m] }\nassert l == m"),
    null,
  );
  assertEquals(
    failureOf("let l = []\nlet m = []\nrepeat 1000 { l = [l]\n m = [m] }\nprint l == m"),
    "E0803 Values are nested more than 1_000 deep",
  );
  const limits = { ...DEFAULT_LIMITS, memoryBytes: 2 ** 40 };
  assertEquals(
    failureOf('let s = "x"\nrepeat 40 { s = s + s }', { limits }),
    "E0802 A single value takes more memory than the host can allocate",
  );
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

Deno.test("the VM stops after any number of instructions and goes on as if it had not", () => {
  const text = `
    fn fib(n) { if n < 2 { return n }
      return fib(n - 1) + fib(n - 2) }
    let sum = 0
    for x in [fib(7), fib(8)].map(y => y * 2) { sum += x }
    print "sum {sum}"`;
  const whole = printed(text);
  const compiled = program(text);
  for (const slice of [1, 2, 3, 7, 100]) {
    const lines: string[] = [];
    const machine = new TestMachine(compiled, compiled.machine.config, {
      record: true,
      limits: DEFAULT_LIMITS,
      output: { write: (line) => lines.push(line) },
    });
    machine.vm.start(compiled.main!);
    let pauses = 0;
    while (machine.vm.resume(slice) === "paused") pauses++;
    assertEquals(machine.vm.failure, null);
    assertEquals(lines, whole);
    assert(pauses > 2, `${pauses} pauses`);
  }
});

Deno.test("too many steps are reported at the statement that was running", () => {
  const text = 'fn other() { return 1 }\ntest "t" {\n  print other()\n  while true { }\n}';
  const { failure } = onlyOutcome(text, { limits: { ...DEFAULT_LIMITS, steps: 100_000 } });
  assertEquals([failure!.code, failure!.place], ["E0801", "t.dma:4:9"]);
});
