import { assert, assertEquals } from "@std/assert";
import { spanText } from "../source.ts";
import { blockText, expressionOf, parseText, places, sexpr, statementsOf } from "./testing.ts";

const parsed = (text: string) => sexpr(expressionOf(text));
const first = (text: string) => statementsOf(text)[0]!;

Deno.test("binary operators group to the left", () => {
  assertEquals(parsed("a - b - c"), "(- (- a b) c)");
  assertEquals(parsed("a / b * c % d"), "(% (* (/ a b) c) d)");
  assertEquals(parsed("a or b or c"), "(or (or a b) c)");
  assertEquals(parsed("a == b and c == d"), "(and (== a b) (== c d))");
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
