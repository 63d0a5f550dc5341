import { assert, assertEquals } from "@std/assert";
import { spanPlace, spanText } from "../source.ts";
import {
  blockText,
  expressionOf,
  parseText,
  patternText,
  places,
  sexpr,
  statementsOf,
} from "./testing.ts";

const parsed = (text: string) => sexpr(expressionOf(text));
const first = (text: string) => statementsOf(text)[0]!;

Deno.test("operators bind as the language lists them, loosest first", () => {
  assertEquals(parsed("a or b and c"), "(or a (and b c))");
  assertEquals(parsed("a and not b == c"), "(and a (not (== b c)))");
  assertEquals(parsed("a == b .. c"), "(== a (.. b c))");
  assertEquals(parsed("a .. b | c"), "(.. a (| b c))");
  assertEquals(parsed("a | b & c"), "(| a (& b c))");
  assertEquals(parsed("a & b << c"), "(& a (<< b c))");
  assertEquals(parsed("a << b + c"), "(<< a (+ b c))");
  assertEquals(parsed("a + b * c"), "(+ a (* b c))");
  assertEquals(parsed("a * -b"), "(* a (- b))");
  assertEquals(parsed("-a * b"), "(* (- a) b)");
  assertEquals(parsed("-a as dma"), "(- (as a dma))");
  assertEquals(parsed("try f() + 1"), "(+ (try (call f)) 1)");
  assertEquals(parsed("a as dma.x"), "(. (as a dma) x)");
  assertEquals(parsed("not not a or b"), "(or (not (not a)) b)");
  assertEquals(parsed("not a < b and c"), "(and (not (< a b)) c)");
});

Deno.test("binary operators group to the left", () => {
  assertEquals(parsed("a - b - c"), "(- (- a b) c)");
  assertEquals(parsed("a / b * c % d"), "(% (* (/ a b) c) d)");
  assertEquals(parsed("a or b or c"), "(or (or a b) c)");
  assertEquals(parsed("a == b and c == d"), "(and (== a b) (== c d))");
});

Deno.test("calls, indexes, fields and casts follow a value", () => {
  assertEquals(
    parsed("ssd.submit(read, lba: 0, into: buf)[0].iova"),
    "(. (at (call (. ssd submit) read lba:0 into:buf) 0) iova)",
  );
  assertEquals(parsed("f()()"), "(call (call f))");
  assertEquals(
    parsed("buf.slice(0..4).bytes[1..=2]"),
    "(at (. (call (. buf slice) (.. 0 4)) bytes) (..= 1 2))",
  );
  assertEquals(parsed("f(r with { a: 1 }.b with {})"), "(call f (with (. (with r a:1) b) ))");
  assertEquals(parsed("if a { 1 } else if b { 2 } else { { c: 3 } }"), "(if a 1 (if b 2 {c:3}))");
  assertEquals(
    parsed("1 + match a { 0..4 => b, _ => -c }"),
    "(+ 1 (match a ((.. 0 4) b) (_ (- c))))",
  );
  assertEquals(parsed("f(a, b,)"), "(call f a b)");
});

Deno.test("literals have their values", () => {
  assertEquals(
    parsed('[1, 1.5, 4KiB, 10us, true, false, none, bytes"de ad"]'),
    "[1 1.5 4096B 10000ns true false none bytes:de,ad]",
  );
  assertEquals(parsed('"a{x + 1}b{ "'.replace("{ ", "\\{ ")), '"a{(+ x 1)}b{ "');
  assertEquals(parsed("{ a: 1, b: { c: [] } }"), "{a:1 b:{c:[]}}");
  assertEquals(parsed("{}"), "{}");
});

Deno.test("lambdas take one name or names in parentheses and one expression", () => {
  assertEquals(parsed("x => x + 1"), "(=> (x) (+ x 1))");
  assertEquals(parsed("(a, b) => a or b"), "(=> (a b) (or a b))");
  assertEquals(parsed("() => 4"), "(=> () 4)");
  assertEquals(parsed("x => y => x"), "(=> (x) (=> (y) x))");
  assertEquals(parsed("list.map(x => { a: x })"), "(call (. list map) (=> (x) {a:x}))");
  assertEquals(first("f = x => x").kind, "Assign");
});

Deno.test("blocks are values after trace, fork, race and compare", () => {
  assertEquals(parsed("fork { f() } and { g() } and { h() }"), "(fork {f()} {g()} {h()})");
  assertEquals(
    parsed('compare { kernel = ["6.12"], iommu.mode = [strict] } { f() }'),
    '(compare kernel=["6.12"] iommu mode=[strict] {f()})',
  );
});

Deno.test("spans cover what they name", () => {
  const text = "let x = (a + b) * f(c)\n  .field";
  const value = expressionOf(text.slice("let x = ".length));
  assertEquals(spanText(value.span), "(a + b) * f(c)\n  .field");
  assert(value.kind === "Binary");
  assertEquals(spanText(value.operatorSpan), "*");
  assertEquals(spanText(value.left.span), "(a + b)");
  assertEquals(spanText(value.right.span), "f(c)\n  .field");
  const inserted = expressionOf('"ab{cd + e}"');
  assert(inserted.kind === "String");
  const part = inserted.parts[1];
  assert(typeof part === "object");
  assertEquals(spanText(part.span), "cd + e");
  assertEquals(spanPlace(part.span), "test.dma:1:13");
});

Deno.test("statements have their parts", () => {
  const kinds = (text: string) => statementsOf(text).map(({ kind }) => kind);
  assertEquals(
    kinds(
      "let a = 1; a = 2; a += 3; if a { }; while a { }; for i in a { }; repeat 3 { }\n" +
        "match a { }; return; return 1; break; continue; assert a; step; wait a; advance 1ms\n" +
        "on cpu 1 { }; inject each { }; print a; show a; explain a; f(); f() fails EIO",
    ),
    "Let Assign Assign If While For Repeat Match Return Return Break Continue Assert Step Wait Advance OnCpu Fail Output Output Output Expression Expression"
      .split(" "),
  );
});

Deno.test("if keeps its branches in order", () => {
  const statement = first("if a { f() } else if b { g() } else { h() }");
  assert(statement.kind === "If");
  assertEquals(blockText(statement.then), "{f()}");
  const second = statement.otherwise;
  assert(second !== null && "kind" in second);
  assertEquals(sexpr(second.condition), "b");
  assertEquals(spanText(second.span), "if b { g() } else { h() }");
  assert(second.otherwise !== null && !("kind" in second.otherwise));
  assertEquals(blockText(second.otherwise), "{h()}");
});

Deno.test("match takes literals, constants, ranges and _", () => {
  const statement = first(
    'match x {\n 1 => f()\n -2 => g(), OK => { h() } 0..8 => f(); "a" => g()\n none => return 1, _ => h() }',
  );
  assert(statement.kind === "Match");
  assertEquals(
    statement.arms.map(({ pattern, body }) =>
      `${pattern === null ? "_" : sexpr(pattern)} ${blockText(body)}`
    ),
    [
      "1 {f()}",
      "(- 2) {g()}",
      "OK {h()}",
      "(.. 0 8) {f()}",
      '"a" {g()}',
      "none {return 1}",
      "_ {h()}",
    ],
  );
});

Deno.test("assert takes a string as its message, but not the next arm of a match", () => {
  const statement = first('assert a == b, "{a} is not {b}"');
  assert(statement.kind === "Assert" && statement.message !== null);
  assertEquals(sexpr(statement.message), '"{a} is not {b}"');
  const match = first('match x { 1 => assert a, "b" => assert c, "why" }');
  assert(match.kind === "Match");
  assertEquals(match.arms.map(({ body }) => blockText(body)), ["{assert a}", '{assert c, "why"}']);
});

Deno.test("step, fail and the expectations have their parts", () => {
  const until = first("step until req.done and x");
  assert(until.kind === "Step" && until.until !== null && until.count === null);
  assertEquals(sexpr(until.until), "(and (. req done) x)");
  const fail = first("inject dma_iova_link nth 3 with ENOMEM { f() }");
  assert(fail.kind === "Fail" && fail.nth !== null);
  assertEquals([fail.point?.text, sexpr(fail.nth), fail.error?.text], [
    "dma_iova_link",
    "3",
    "ENOMEM",
  ]);
  const each = first("inject each { f() }");
  assert(each.kind === "Fail" && each.point === null && each.error === null);
  const warns = first("f(x) warns unmap_size");
  assert(warns.kind === "Expression" && warns.expected !== null);
  assertEquals([warns.expected.outcome, warns.expected.code.text], ["warning", "unmap_size"]);
  const fault = first("expect fault not_present { f() }");
  assert(fault.kind === "ExpectOutcome");
  assertEquals([fault.expected.outcome, blockText(fault.body)], ["fault", "{f()}"]);
});

Deno.test("event patterns have names, gaps, groups, alternatives, suffixes and fields", () => {
  const statement = first(
    "expect events [\n  iova.alloc(size_bytes: 4KiB, dma: (a + b), n: -1), iommu.map+, (p, q)* | r?,\n" +
      "  ..., iommu.*{2}, dma_iova_link{2,3}, !iotlb.sync,\n] in req",
  );
  assert(statement.kind === "ExpectEvents");
  assertEquals(
    patternText(statement.pattern),
    "(iova.alloc(size_bytes: 4096B, dma: (+ a b), n: (- 1)), iommu.map{1,Infinity}, " +
      "<(p, q){0,Infinity} | r{0,1}>, ..., iommu.*{2,2}, dma_iova_link{2,3}, !iotlb.sync)",
  );
  assertEquals(sexpr(statement.subject), "req");
});

Deno.test("tests, properties and benches have names, modifiers and bodies", () => {
  const test = first(
    'skip test "a \\{b}" with { iommu.mode = lazy, ssd.mdts = none } matrix { cpus = [1, 2] } { f() }',
  );
  assert(test.kind === "Test");
  assertEquals([test.name, test.skip, blockText(test.body)], ["a {b}", true, "{f()}"]);
  assertEquals(
    test.modifiers.map(({ kind, entries }) =>
      [
        kind,
        ...entries.map(({ path, value }) =>
          `${path.map((name) => name.text).join(".")}=${sexpr(value)}`
        ),
      ].join(" ")
    ),
    ["With iommu.mode=lazy ssd.mdts=none", "Matrix cpus=[1 2]"],
  );
  const property = first('property "p" forall a in 1..=4, b in [1, 2] { f() }');
  assert(property.kind === "Property");
  assertEquals(property.forall.map(({ name, values }) => `${name.text} ${sexpr(values)}`), [
    "a (..= 1 4)",
    "b [1 2]",
  ]);
  const bench = first(
    'bench "b" {\n setup { f() }\n loop { g() }\n budget iotlb.sync <= 2 per iteration\n budget x == 0\n}',
  );
  assert(bench.kind === "Bench" && bench.setup !== null);
  assertEquals([blockText(bench.setup), blockText(bench.loop)], ["{f()}", "{g()}"]);
  assertEquals(
    bench.budgets.map(({ condition, perIteration }) => `${sexpr(condition)} ${perIteration}`),
    ["(<= (. iotlb sync) 2) true", "(== x 0) false"],
  );
});

Deno.test("machine blocks nest, and their keys may be names of events", () => {
  const machine = first(
    'machine {\n kernel = "7.2"\n latencies { iotlb.sync = 300ns }\n pci { root_port rp0 { nvme ssd { queues = 2 } } }\n}',
  );
  assert(machine.kind === "Machine");
  const [kernel, latencies, pci] = machine.entries;
  assert(kernel?.kind === "Setting" && latencies?.kind === "Block" && pci?.kind === "Block");
  assertEquals([kernel.key.text, sexpr(kernel.value)], ["kernel", '"7.2"']);
  assertEquals(latencies.entries.map((entry) => entry.kind === "Setting" && entry.key.text), [
    "iotlb.sync",
  ]);
  const port = pci.entries[0];
  assert(port?.kind === "Block");
  assertEquals([port.keyword.text, port.name?.text], ["root_port", "rp0"]);
});

Deno.test("const, fn and use are declarations of the top level", () => {
  assertEquals(
    statementsOf('use "lib/x.dma"\nconst a = 1\nfn f(x, y) { }').map(({ kind }) => kind),
    ["Use", "Const", "Function"],
  );
  for (const text of ["const a = 1", "fn f() { }", 'test "a" { }', 'use "a"', "machine { }"]) {
    assertEquals(places(parseText(`if x {\n  ${text}\n}`).diagnostics), ["E0213 2:3"], text);
  }
});

Deno.test("the REPL takes any expression, at its top level", () => {
  assertEquals(places(parseText("1 + 2", { mode: "repl" }).diagnostics), []);
  assertEquals(places(parseText("x", { mode: "repl" }).diagnostics), []);
  assertEquals(places(parseText("1 + 2").diagnostics), ["E0207 1:1"]);
  assertEquals(places(parseText("if x { y }", { mode: "repl" }).diagnostics), ["E0207 1:8"]);
});

Deno.test("an error at the very end of the input means that more is to come", () => {
  const open = [
    "f(",
    "f(a,",
    "f(a",
    "f(a\n",
    "if x {",
    "if x {\n  f()",
    "let x =",
    "let x = 1 +\n",
    "let",
    'test "x"',
    "fork { f() }",
    "fork { f() } and",
    "[1,",
    "match x {\n 1 =>",
    "f() fails",
    "expect events [ a, b",
    "if x { } else",
    'bench "x" {',
    "let r = {",
  ];
  for (const text of open) assert(parseText(text, { mode: "repl" }).incomplete, text);
  const closed = [
    "",
    "# a",
    "f()",
    "x +",
    "4K",
    "f(4K,",
    'print "abc',
    "let x = = 4 + f(",
    "f(a, b\ng(c)",
    "}",
    "let x = 3)",
  ].filter((text) => text !== "x +");
  for (const text of closed) assert(!parseText(text, { mode: "repl" }).incomplete, text);
});
