import { assertEquals } from "@std/assert";
import { codesOf, errorsOf, load, printed, program, run } from "../testing/test_support.ts";

Deno.test("a file that is used twice is read once, and its names do not clash with themselves", () => {
  const files = {
    "a.dma": 'use "c.dma"\nfn a() { return c() }',
    "b.dma": 'use "c.dma"\nconst one = 1\nfn b() { return c() + one }',
    "c.dma": "fn c() { return 7 }",
  };
  const { lines } = run('use "a.dma"\nuse "b.dma"\nprint a() + b() + one', {}, files);
  assertEquals(lines, ["16"]);
});

Deno.test("files that use each other are refused", () => {
  const files = { "a.dma": 'use "b.dma"', "b.dma": 'use "a.dma"' };
  assertEquals(errorsOf('use "a.dma"', files), [
    "E0703 1:5 Circular `use`: a.dma → b.dma → a.dma",
  ]);
  assertEquals(errorsOf('use "t.dma"', { "t.dma": "" }), [
    "E0703 1:5 Circular `use`: t.dma → t.dma",
  ]);
});

Deno.test("a path of use must be relative and must exist", () => {
  assertEquals(errorsOf('use "gone.dma"'), ['E0701 1:5 There is no file "gone.dma"']);
  for (const path of ["/etc/passwd", "file:///x", "https://x.org/a.dma", "C:\\\\x"]) {
    assertEquals(errorsOf(`use "${path}"`).map((line) => line.slice(0, 9)), ["E0702 1:5"], path);
  }
});

Deno.test("errors of a used file are shown in that file, its statements are warned about", () => {
  const { diagnostics, program } = load('use "a.dma"', { "a.dma": "fn f() { return x }" });
  assertEquals(program, null);
  assertEquals(diagnostics.map(({ code, span }) => [code, span.source.name]), [["E0301", "a.dma"]]);
  assertEquals(codesOf('use "a.dma"', { "a.dma": "print 1" }), ["W0303"]);
  assertEquals(codesOf('use "a.dma"', { "a.dma": 'test "x" { }\nfn f() { }' }), []);
});

Deno.test("one machine a file, and none of two used files without an own one", () => {
  assertEquals(errorsOf("machine { cpus = 1 }\nmachine { cpus = 2 }").map((e) => e.slice(0, 9)), [
    "E0704 2:1",
  ]);
  const files = { "a.dma": "machine { cpus = 1 }", "b.dma": "machine { cpus = 2 }" };
  assertEquals(errorsOf('use "a.dma"\nuse "b.dma"', files).map((e) => e.slice(0, 5)), ["E0704"]);
  const own = 'use "a.dma"\nuse "b.dma"\nmachine { cpus = 3 }';
  assertEquals(program(own, files).machine.config.cpus, 3);
});

Deno.test("two used files that declare one name are refused", () => {
  const files = { "a.dma": "fn f() { }", "b.dma": "fn f() { }" };
  assertEquals(errorsOf('use "a.dma"\nuse "b.dma"', files), [
    "E0705 2:1 `f` is declared in two of the used files",
  ]);
});

Deno.test("a file with parse errors is never run", () => {
  assertEquals(load("let a = \nprint 1").program, null);
});

Deno.test("consts are worked out before anything else, in the order in which they need each other", () => {
  assertEquals(printed("const a = b + [3]\nconst b = [1, 2]\nprint a"), ["[1, 2, 3]"]);
});

Deno.test("a wrong key or value in with and matrix is reported once, however many combinations", () => {
  const bad = 'machine { cpus = 1 }\ntest "t" with { cpuz = 2 } matrix { seed = [1, 2, 3] } { }';
  assertEquals(errorsOf(bad).length, 1);
  assertEquals(errorsOf('test "t" matrix { cpus = 2 } { }'), [
    "E0318 1:26 `matrix` takes a list of values",
  ]);
  assertEquals(errorsOf('test "t" matrix { cpus = [] } { }'), [
    "E0318 1:26 The list is empty: nothing would run",
  ]);
  const many = "matrix { seed = [1,2,3,4,5,6,7,8,9,10,11] } ".repeat(3).replace(/seed/g, "seed");
  assertEquals(errorsOf(`test "t" ${many}{ }`).map((e) => e.slice(0, 5)), ["E0317"]);
});

Deno.test("forall takes ranges and lists that are known before there is a machine", () => {
  assertEquals(errorsOf('property "p" forall a in 0..3, b in [strict, lazy] { print [a, b] }'), []);
  assertEquals(errorsOf('property "p" forall a in 3..3 { print a }'), [
    "E0405 1:26 The list or range is empty",
  ]);
  assertEquals(errorsOf('property "p" forall a in 5 { print a }').map((e) => e.slice(0, 5)), [
    "E0405",
  ]);
});
