/** Inputs for which `deno task script fuzz` found errors, each with its present result. */
import { assertEquals } from "@std/assert";
import { judge } from "./judge.ts";
import { LoadError, parse } from "@dmalab/lang/syntax";
import { loadProgram, SourceFile } from "@dmalab/lang";

/** Texts of the errors, such as `E0301 4 nothing … (hint)`, each with the lines of its notes. */
function errorsOf(text: string): string[] {
  const { diagnostics } = loadProgram(new SourceFile("found.dma", text), {
    load: () => new LoadError("not_found", "no such file"),
  });
  const lineOf = (span: { source: SourceFile; start: number }) =>
    span.source.position(span.start).line;
  return diagnostics.filter(({ severity }) => severity === "error").map((diagnostic) => {
    const { code, related = [], span } = diagnostic;
    return [code, lineOf(span), ...related.map((other) => `note ${lineOf(other.span)}`)].join(" ");
  });
}

const MACHINE =
  "machine {\n  iommu { mode = strict }\n  pci { root_port rp0 { nvme ssd { } } }\n}\n";

Deno.test("a bracket that is missing in one row of a table is missed in that row", () => {
  const table = (row: string) => `assert f() == [\n  [1, 2, 3],\n  ${row}\n  [7, 8, 9],\n]\n`;
  assertEquals(errorsOf(table("[4, 5, 6,")), ["E0303 1", "E0203 3"]);
  assertEquals(errorsOf(table("[ [4, 5, 6],")), ["E0303 1", "E0203 3"]);
  assertEquals(errorsOf(`let r = {\n  a: f( (1),\n  b: 2,\n}\n`), ["E0203 2"]);
});

Deno.test("a bracket that closes nothing shows where its statement begins", () => {
  assertEquals(errorsOf("let table = f(\n  1,\n  2,\n))\n"), ["E0303 1", "E0204 4 note 1"]);
  assertEquals(errorsOf("let table = table + {\n  a: 1,\n  b: 2,\n}]\n"), ["E0204 4 note 1"]);
});

Deno.test("braces that are taken for a record cost three errors at most, however long they are", () => {
  const lines = Array.from({ length: 9 }, (_, index) => `  dma_iova_free(ssd, s${index})\n`).join(
    "",
  );
  const text = `test "t" {\n  let ways = { fork\n${lines}  } and {\n${lines}  }\n}\n`;
  const errors = errorsOf(text);
  assertEquals(errors.length <= 3 && errors[0]?.endsWith(" 2"), true, errors.join(", "));
});

Deno.test("mistakes in declarations of their own are all reported", () => {
  assertEquals(errorsOf("let =\nlet =\nlet =\nlet =\nlet =\n").length, 5);
  // After too many errors the rest of the text is not read. The declaration in which the last error
  // lies must still have a value.
  assertEquals(judge("let a(%\n".repeat(51), false).verdict, "refused");
});

Deno.test("a `let` without its word is one mistake, however often the name is used", () => {
  const uses = "  print page\n".repeat(5);
  assertEquals(
    errorsOf(`${MACHINE}test "t" {\n  buf = alloc_pages(1)\n${uses.replaceAll("page", "buf")}}\n`),
    [
      "E0301 6",
    ],
  );
});

Deno.test("while the machine is wrong what it declares is not reported as missing", () => {
  const text = `${
    MACHINE.replace("root_port rp0", "rootport rp0")
  }test "t" { show ssd; ssd.flush() }\n`;
  assertEquals(errorsOf(text), ["E0501 3"]);
});

Deno.test("a value of the wrong kind is one mistake, and the note says where it comes from", () => {
  const text = `${MACHINE}test "t" {\n  let state = (4KiB)\n  dma_iova_free(ssd, state)\n` +
    "  dma_iova_sync(ssd, state, 0, 4KiB)\n  print state.addr\n}\n";
  assertEquals(errorsOf(text), ["E0408 6 note 7 note 8"]);
});

Deno.test("a text over two lines is one mistake", () => {
  assertEquals(errorsOf('print "one\n  two"\nprint 3\n'), ["E0102 1"]);
});

Deno.test("an operator between words is one mistake, not one of its argument too", () => {
  const text = `${MACHINE}test "t" {\n` +
    "  dma_map_phys(ssd, 0x10_0000, 4KiB, to_device | from_device)\n}\n";
  assertEquals(errorsOf(text), ["E0401 6"]);
});

Deno.test("at the prompt, too, a pair of brackets stays a pair when one inside it is open", () => {
  // This text was parsed for ever: the parser returned to a place where it had been.
  const text = 'x } { y {s tl; show [[  ( + 0b101).sum(), trace { , into:)) }.count(""irq"), ' +
    "-e1 / 512B]][0]\n  } }\n   latencies { iotlb_sync = 300ns";
  for (const start of ["", '" 0" with { iommu} { if 1Mhy']) {
    const { diagnostics } = parse(new SourceFile("x.dma", start + text), { mode: "repl" });
    assertEquals(diagnostics.length > 0, true);
  }
});

Deno.test("a list goes on in its own brackets only, and never at a later place of the same depth", () => {
  // The parser did not end on this text: the token at which it wanted to continue was in a block of
  // a later statement.
  const text = 'test "c" {\n  repeat 1 {\nshow [f(5, g(x) {\nlet parts = []\n' +
    "for n in 0..32 {a: false )][0]\n}\n}\n";
  assertEquals(errorsOf(text), ["E0203 3", "E0205 3", "E0204 5", "E0204 5"]);
});

Deno.test("a function without a body that follows an operator is reported where it stands", () => {
  // The report's span ended before its beginning: the end was at the beginning of the text.
  for (const text of ["={B\nl=+x=>}", "={0\nl=+x=>assert()}"]) {
    const { diagnostics } = parse(new SourceFile("x.dma", text), { mode: "file" });
    const spans = diagnostics.map(({ span }) => text.slice(span.start, span.end));
    assertEquals(spans.at(-1), "x=>");
  }
});

Deno.test("what a repetition skips to its end ends at the end of the text", () => {
  const text = "return f(a: [\n  { a: 1, b: 4 }, { a: 2, b: 4 }e),\n]    )";
  assertEquals(errorsOf(text), ["E0303 1", "E0204 2"]);
});

Deno.test("a mistake costs no more because there are hundreds of them", () => {
  const inTest = (lines: number, line: (index: number) => string) =>
    `test "t" {\n${Array.from({ length: lines }, (_, index) => `  ${line(index)}\n`).join("")}}\n`;
  const texts = [
    // For the next three texts, the checker compared each use of a name with all names, and
    // examined each function again at each call.
    inTest(100, () => "show nonexistent_1"),
    inTest(800, (index) => `show nonexistent${index}`),
    inTest(800, (index) => `dma_map_fo${index}(1)`),
    // At each error the parser searched all active rules for a token to insert, although it never
    // inserts that token.
    inTest(40, (index) => `fn scatter${index}) {`),
    inTest(100, () => `r${"[".repeat(63)}eturn state`),
    inTest(1600, (index) => `let unused${index} 11`),
    // Each error about a statement was compared with all earlier ones.
    inTest(3000, () => "re"),
    // At each bracket, the search for the beginning of the statement was repeated.
    inTest(300, () => `dma_iova_destroy(${"]".repeat(64)}nic, dir)`),
  ];
  for (const text of texts) assertEquals(judge(text, false).problem, "");
});

Deno.test("an event's name is no place to assign to", () => {
  // The assignment was compiled as if it assigned to an entry of an object. That object does not
  // exist.
  const text = 'test "t" {\n  call.dma_map_phys = 0\n  iotlb.sync += 1\n}\n';
  assertEquals(errorsOf(text), ["E0308 2", "E0308 3"]);
});

Deno.test("an operator before an assignment is a mistake", () => {
  // The parser dropped the first operator silently: `= a = 2` was read as `a = 2`, and `dmalab fmt`
  // could not write it.
  assertEquals(errorsOf('test "t" {\n  let a = 1\n  = a = 2\n  show a\n}\n'), ["E0207 3"]);
});

Deno.test("a fork of more blocks than have names is answered when a field of it is asked for, too", () => {
  const blocks = Array(5).fill("{ advance 1us }").join(" and ");
  const errors = ["E0322 1", "E0315 2 note 1"];
  assertEquals(errorsOf(`let one = fork ${blocks}\nprint one.wrong\n`), errors);
});
