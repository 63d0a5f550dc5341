import { assertEquals } from "@std/assert";
import { changedLines, compareSnapshot, readSnapshot, snapshotText } from "./snapshots.ts";

const PRINTED = new Map([
  ["first [iommu.mode = lazy]", ["one", "", "== no name", "| no line"]],
  ["silent", []],
  ["last", ["  indented"]],
]);

Deno.test("a snapshot is read as it was written, whatever the tests print", () => {
  const read = readSnapshot(snapshotText(PRINTED));
  assertEquals([...read.keys()], ["first [iommu.mode = lazy]", "last"]);
  assertEquals(read.get("first [iommu.mode = lazy]"), PRINTED.get("first [iommu.mode = lazy]"));
  assertEquals(read.get("last"), ["  indented"]);
});

Deno.test("control characters in names and lines change nothing from one run to the next", () => {
  const odd = new Map([["two\nlines", ["\x1b[2J", "a\rb\u2028c"]]]);
  const text = snapshotText(odd);
  assertEquals(compareSnapshot("a.dma", text, odd, true), []);
  // deno-lint-ignore no-control-regex
  assertEquals(/[\x00-\x09\x0b-\x1f]/.test(text), false);
});

Deno.test("equal output is no problem, and neither is a file that prints nothing", () => {
  assertEquals(compareSnapshot("a.dma", snapshotText(PRINTED), PRINTED, true), []);
  assertEquals(compareSnapshot("a.dma", null, new Map([["silent", []]]), true), []);
});

Deno.test("what changed is shown with a little around it, old lines before new ones", () => {
  const lines = ["a", "b", "c", "d", "e", "f", "g"];
  const text = snapshotText(new Map([["t", lines]]));
  const [problem] = compareSnapshot("a.dma", text, new Map([["t", lines.with(3, "D")]]), true);
  assertEquals(problem, {
    place: "a.dma.snap: t",
    lines: ["  b", "  c", "- d", "+ D", "  e", "  f"],
  });
});

Deno.test("changes stand apart from each other, one that is left out alone, and of many the first", () => {
  const lines = Array.from({ length: 100 }, (_, at) => `line ${at}`);
  const apart = changedLines(lines, lines.with(90, "new").toSpliced(10, 1));
  assertEquals(apart, [
    ...["  line 8", "  line 9", "- line 10", "  line 11", "  line 12"],
    ...["  line 88", "  line 89", "- line 90", "+ new", "  line 91", "  line 92"],
  ]);
  assertEquals(changedLines(["a"], ["a", "b"]), ["  a", "+ b"]);
  assertEquals(changedLines(["a", "b"], ["b"]), ["- a", "  b"]);
  const all = changedLines(lines, lines.map((line) => `${line}!`));
  assertEquals([all.length, ...all.slice(14, 17), all.at(-1)], [
    32,
    ...["- line 14", "- …", "+ line 0!"],
    "+ …",
  ]);
  const many = changedLines(lines, lines.map((line, at) => at % 6 === 0 ? `${line}!` : line));
  assertEquals([many.length, many.at(-1)], [41, "  …"]);
});

Deno.test("a test that is gone is reported only when all tests ran", () => {
  const text = snapshotText(PRINTED);
  const some = new Map([["last", ["  indented"]]]);
  assertEquals(compareSnapshot("a.dma", text, some, false), []);
  assertEquals(compareSnapshot("a.dma", text, some, true).map(({ place }) => place), [
    "a.dma.snap: first [iommu.mode = lazy]",
  ]);
});

Deno.test("output without a snapshot asks for one", () => {
  const [problem] = compareSnapshot("a.dma", null, PRINTED, true);
  assertEquals(problem!.lines, ["there is no snapshot yet: write it with --snapshot update"]);
});
