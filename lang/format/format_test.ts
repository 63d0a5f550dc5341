import { assert, assertEquals } from "@std/assert";
import { SourceFile } from "../source.ts";
import { parse } from "../syntax/parse.ts";
import { SAMPLES } from "../syntax/testing_samples.ts";
import { formatSource } from "./format.ts";
import { LINE_WIDTH } from "./line_width.ts";
import { sameTree } from "./format.ts";

function format(text: string): string {
  const formatted = formatSource(new SourceFile("test.dma", text));
  assert(formatted.ok, "the text has errors");
  return formatted.text;
}

/** A statement that is formatted alone, without the line end. */
const line = (text: string) => format(text).trimEnd();

Deno.test("blanks stand where the style wants them", () => {
  assertEquals(line("let  x=a+ -b*( c-d )"), "let x = a + -b * (c - d)");
  assertEquals(line("f( a ,[ 1,2, ] , b:1 )"), "f(a, [1, 2], b: 1)");
  assertEquals(line("let r={a:1 , b : 2}"), "let r = { a: 1, b: 2 }");
  assertEquals(line("let y = xs [ 0 .. 4 ] . length"), "let y = xs[0..4].length");
  assertEquals(line("let z = - -1"), "let z = - -1");
  assertEquals(line("let f=(a,b)=>not a"), "let f = (a, b) => not a");
  assertEquals(line("if(a){ }"), "if (a) { }");
  assertEquals(line("x+=1"), "x += 1");
});

Deno.test("a variable with the name of another word is called and indexed as any other", () => {
  assertEquals(format("let faults = [1]\nprint faults [0]"), "let faults = [1]\nprint faults[0]\n");
  assertEquals(
    format("let warns = n => n\nprint warns (1)"),
    "let warns = n => n\nprint warns(1)\n",
  );
  assertEquals(line("print [1, 2]"), "print [1, 2]");
});

Deno.test("the comma before a message stands as any other", () => {
  assertEquals(line('assert 1==1 ,"x"'), 'assert 1 == 1, "x"');
});

Deno.test("an event pattern keeps its suffixes close", () => {
  assertEquals(
    line("expect events [a.b +,( c , d )* | e {2 , 3}, ...,x.* ? ,! y(n : 1)] in r"),
    "expect events [ a.b+, (c, d)* | e{2,3}, ..., x.*?, !y(n: 1) ] in r",
  );
});

Deno.test("a block on one line stays there when it fits, and statements get lines of their own", () => {
  assertEquals(line("if x { a(); b() }"), "if x { a(); b() }");
  assertEquals(line("a(); b()"), "a()\nb()");
  assertEquals(line("if x {\na(); b() }"), "if x {\n  a()\n  b()\n}");
  assertEquals(line("if x { a() } else {\nb() }"), "if x {\n  a()\n} else {\n  b()\n}");
});

Deno.test("separators that separate nothing go, also at the head of a block", () => {
  assertEquals(line("if x {; a()\n b() }"), "if x {\n  a()\n  b()\n}");
  assertEquals(line("if x {;;a(); ;b();}"), "if x { a(); b() }");
  assertEquals(line("if x { ;; }"), "if x { }");
});

Deno.test("a bracket that the author breaks open stays open, with the lines in it", () => {
  assertEquals(line("let x = [\n1, 2,\n3]"), "let x = [\n  1, 2,\n  3,\n]");
  assertEquals(line("let x = [1,\n2]"), "let x = [1, 2]");
});

Deno.test("rows of a table stand in columns", () => {
  assertEquals(
    line("let x = [\n[1, 200, 3],\n[10, 2, 300],\n]"),
    "let x = [\n  [1,  200, 3],\n  [10, 2,   300],\n]",
  );
});

Deno.test("comments in a count of a pattern stay", () => {
  const text = (count: string) => `test "a" { expect events [ c${count} ] in r }`;
  for (const count of ["{2 # a\n}", "{ # a\n2}", "{2, # a\n3}", "{2,\n# a\n3}"]) {
    assertEquals(format(text(count)).match(/# a/g)?.length, 1, count);
  }
  assertEquals(format(text("{ 2 , 3 }")), text("{2,3}") + "\n");
});

Deno.test("a register of a device may be laid out in any way", () => {
  const text = (on: string) =>
    `machine { pci { root_port r { endpoint e { bar = 4KiB\n${on} } } } }`;
  assertEquals(
    format(text("on  write 8B+8B{}")),
    format(text("on write (8B + 8B) {\n }")).replace(/[()]/g, ""),
  );
  assertEquals(
    format(text("on  read bar  2   8B+8B{return 1}")).split("\n").at(-6)?.trim(),
    "on read bar 2 8B + 8B { return 1 }",
  );
});

Deno.test("the comment of a separator that separates nothing stays", () => {
  assertEquals(format(";##;()"), "##;()\n");
  assertEquals(format("; # one\n; # two\na()"), "# one\n# two\na()\n");
  assertEquals(format("if x { ; # one\n }"), "if x {\n  # one\n}\n");
});

Deno.test("comments on both sides of a comma stay two", () => {
  assertEquals(line("f(a # one\n, # two\nb)"), "f(\n  a,  # one\n  # two\n  b,\n)");
  assertEquals(line("f( # none\n)"), "f(  # none\n)");
});

Deno.test("comments behind lines that follow each other stand in one column", () => {
  assertEquals(line("a()    # one\nbcd()# two"), "a()    # one\nbcd()  # two");
});

Deno.test("a comment may hold any character", () => {
  const text = "a()  # \0 one\nbb()  # \0\u0001 two\n";
  assertEquals(format(text), "a()   # \0 one\nbb()  # \0\u0001 two\n");
});

Deno.test("a file with mistakes is not formatted, and its mistakes are given", () => {
  const formatted = formatSource(new SourceFile("test.dma", "let x = \n"));
  assert(!formatted.ok);
  assertEquals(formatted.diagnostics.map(({ code }) => code), ["E0202"]);
});

Deno.test("line ends of every kind become one kind, and the last line has one", () => {
  assertEquals(format("a()\r\nb()\rc()"), "a()\nb()\nc()\n");
  assertEquals(format(""), "");
  assertEquals(format("\n\n# only this\n\n"), "# only this\n");
});

Deno.test("the samples of the language keep their trees, and are formatted once for all", () => {
  for (const sample of SAMPLES) {
    const text = format(sample.text);
    assert(sameTree(parse(sample).file, parse(new SourceFile("x.dma", text)).file), sample.name);
    assertEquals(format(text), text, sample.name);
    for (const each of text.split("\n")) {
      if (!each.includes("#") && !each.includes('"')) assert(each.length <= LINE_WIDTH, each);
    }
  }
});

Deno.test("trees that differ in anything but places are different", () => {
  const tree = (text: string) => parse(new SourceFile("x.dma", text)).file;
  assert(sameTree(tree("f(1 + 2)"), tree("f( 1+2 )")));
  assert(!sameTree(tree("f(1 + 2)"), tree("f(1 + 3)")));
  assert(!sameTree(tree("f(1 + 2)"), tree("f(1 - 2)")));
  assert(!sameTree(tree("f(a)"), tree("f(a: a)")));
});
