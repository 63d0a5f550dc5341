import { assertEquals } from "@std/assert";
import { errorsOf } from "../../testing/test_support.ts";

const MACHINE =
  `machine { iommu { mode = strict } pci { root_port rp { nvme ssd { sgl = true } } } }\n`;

Deno.test("items of a list have a kind when all have the same one", () => {
  const mix = "A size and a duration cannot be combined by `+`";
  assertEquals(errorsOf("print [4KiB, 8KiB][0] + 1us"), [`E0401 1:23 ${mix}`]);
  assertEquals(errorsOf("let l = [4KiB]\nprint l.first + 1us"), [`E0401 2:15 ${mix}`]);
  assertEquals(errorsOf("const l = [4KiB]\nfor s in l { print s + 1us }"), [`E0401 2:22 ${mix}`]);
  assertEquals(errorsOf("let m = ([4KiB] + [8KiB]).max() + 1us"), [`E0401 1:33 ${mix}`]);
  assertEquals(errorsOf("print [1us].sum() + 4KiB"), [
    "E0401 1:19 A duration and a size cannot be combined by `+`",
  ]);
  assertEquals(errorsOf("print [4KiB, 1us][0] + 1us"), [], "they have none in common");
  assertEquals(errorsOf("let l = [4KiB]\nl = [1us]\nprint l[0] + 1us"), [], "it is given another");
});

Deno.test("a lambda that a list calls knows what it gets, and what it gives is known", () => {
  assertEquals(errorsOf("print [4KiB].map(s => s + 1us)"), [
    "E0401 1:25 A size and a duration cannot be combined by `+`",
  ]);
  assertEquals(errorsOf("print [1, 2].map(n => n * 4KiB).filter(s => s > 1us)"), [
    "E0401 1:47 A size and a duration cannot be compared",
  ]);
  assertEquals(errorsOf("print [[1], [2]].map(l => l.lenght)"), [
    "E0315 1:29 A list has no field `lenght`",
  ]);
});

Deno.test("what things of the machine list is known", () => {
  const read = `${MACHINE}let io = ssd.submit(read, lba: 0, into: alloc_pages(2))\n`;
  assertEquals(errorsOf(`${read}print io.requests[0].statu`), [
    "E0315 3:22 A request has no field `statu`",
  ]);
  assertEquals(errorsOf(`${read}for s in io.requests[0].segments { ssd.dma_read(s.phys, 8B) }`), [
    "E0402 3:49 `dma_read` takes a device address (dma) or a mapping as `dma`, but this is a physical address (phys)",
  ]);
  assertEquals(errorsOf(`${read}print events.filter(e => e.nme == "irq")`), [
    "E0315 3:28 An event has no field `nme`",
  ]);
  assertEquals(
    errorsOf(`${read}let f = fork { step } and { step }\nprint [f.first.calls, f.third]`),
    [
      "E0315 4:25 A record has no field `third`",
    ],
  );
});

Deno.test("a function that a method calls with items takes one, and says which are meant", () => {
  assertEquals(errorsOf("print [1, 2].map((a, b) => a)"), [
    "E0304 1:18 `map` calls its function with 1 argument, but this one takes 2",
  ]);
  assertEquals(errorsOf("print [1, 2].filter(n => n + 1)"), [
    "E0403 1:26 `filter` takes true or false, but this is an int",
  ]);
  assertEquals(errorsOf("print [1, 2].all(n => n > 1)"), []);
  assertEquals(errorsOf("print events.filter(e => e.cpu)"), [
    "E0403 1:26 `filter` takes true or false, but this is an int",
  ]);
});

Deno.test("what a function with one way out gives is known, and which entries can be called", () => {
  const sizes = "fn sizes() { return [4KiB, 8KiB] }\n";
  assertEquals(errorsOf(`${sizes}for size in sizes() { advance size }`), [
    "E0405 2:31 `advance` takes a duration, but this is a size",
  ]);
  assertEquals(
    errorsOf("fn f(n) { if n > 1 { return [1us] }\n return [4KiB] }\nprint f(1)[0] + 1us"),
    [],
  );
  assertEquals(errorsOf("let r = { f: x => x + 1 }\nprint [r.f(1), r.keys(), r.g(1)]"), [
    "E0315 2:28 A record has no method `g`",
  ]);
  assertEquals(errorsOf("wait [1, 2]"), ["E0405 1:6 Cannot wait for an int in a list"]);
});

Deno.test("a chain of ten thousand names ends", () => {
  const chain = Array.from({ length: 10_000 }, (_, n) => `let a${n + 1} = a${n}\n`).join("");
  assertEquals(errorsOf(`let a0 = [1]\n${chain}print a10000[0]`), []);
});

Deno.test("an entry whose name has run into the next word is an error where it is put in", () => {
  const text = "let rows = [1, 2].map(n => { at: n, sizemax: 4KiB })\n" +
    "print rows[0].size\nprint rows.map(row => row.size)";
  assertEquals(errorsOf(text), [
    "E0315 1:46 The entry is written as `sizemax` but read as `size`",
  ]);
});
