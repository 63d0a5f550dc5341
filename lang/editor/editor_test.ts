import { assert, assertEquals } from "@std/assert";
import type { Span } from "../source.ts";
import { DISK, marked, withMarks } from "./_marked.ts";
import { completeAt } from "./completion.ts";
import { fixesIn, formatEdits } from "./format_edits.ts";
import { hoverAt } from "./hover.ts";
import { foldsOf, outlineOf, surroundings } from "./outline.ts";
import { definitionAt, edited, referencesAt, renameAt } from "./rename.ts";
import { semanticTokens } from "./semantic_tokens.ts";
import { signatureAt } from "./signature.ts";

/** A text with marks, and the expected result. */
type Case<E> = readonly [text: string, expected: E];

function each<E>(name: string, cases: readonly Case<E>[], check: (...it: Case<E>) => void): void {
  Deno.test(name, () => {
    for (const [text, expected] of cases) check(text, expected);
  });
}

each<readonly string[]>("completion offers what can stand at the cursor", [
  ["let payload = 1\nlet b = payl‸", ["payload"]],
  [`${DISK}test "t" {\n  let page = alloc_pages(1)\n  page.phy‸\n}`, ["phys"]],
  [`${DISK}test "t" {\n  ssd.media(lba: 0, bytes: 4KiB).len‸\n}`, ["length"]],
  [`${DISK}test "t" {\n  let io = ssd.read(lba: 0)\n  io.requests[0].iova.si‸`, ["size"]],
  ["let ring = { head: 1, tail: 2 }\nprint ring.ta‸", ["tail"]],
  ["fn double(number) {\n  return numb‸\n}", ["number"]],
  ["fn double(n) { return n }\nprint doubl‸", ["double", "double_free"]],
  ["machine { iommu { mode = pass‸ } }", ["passthrough"]],
  ["machine { iommu { caching‸", ["caching_mode"]],
  ["print alloc_pages(1, contig‸)", ["contiguous:"]],
  ["print buffer(si‸", ["size:", "simple_prp", "simple_sgl", "single", "size"]],
  [`${DISK}test "t" { for page in [alloc_pages(1)] { page.siz‸ } }`, ["size"]],
  [`${DISK}const depth_max = 4\ntest "t" { assert depth_m‸ == 4`, ["depth_max"]],
  ["let a = [1, 2].map(item_of => item_‸)", ["item_of"]],
  ["# a comment with alloc_p‸", []],
  ['test "one" { let inner = 1 }\ntest "two" { print inne‸ }', []],
], (text, expected) => {
  const { analysis, cursor } = marked(text);
  assertEquals(completeAt(analysis, cursor).all.map(({ text }) => text), expected, text);
});

each<string | null>("hover describes what stands at the cursor", [
  ["let si‸ze = 4KiB", "let size: a size"],
  ["const max = 4\nprint m‸ax", "const max = 4"],
  ["# Twice.\nfn double(n) { return 2 * n }\nprint dou‸ble(2)", "fn double(n)"],
  ["let page = alloc_‸pages(1)", "alloc_pages(n, contiguous:?, order:?, region:?) → a buffer"],
  ["let page = alloc_pages(1, contig‸uous: true)", "contiguous: a bool"],
  [
    "let page = alloc_pages(1)\nprint page.ph‸ys",
    "buffer.phys, a physical address (phys): Physical address of the first byte.",
  ],
  ["machine { iommu { mo‸de = strict } }", null],
  ["machine { iommu { mode = str‸ict } }", null],
  ["mach‸ine { }", "machine { key = value  block { … } }"],
  [`${DISK}test "t" { wait ss‸d.flush() }`, "ssd: an nvme"],
  [`${DISK}test "t" with { iommu.mo‸de = lazy } { }`, null],
  ["let r = { head: 4KiB }\nprint r.he‸ad", ".head: a size"],
  ['test "t" { assert tr‸ue }', "The true value."],
  ["let x = (1 +‸ ", null],
], (text, expected) => {
  const { analysis, cursor } = marked(text);
  const lines = hoverAt(analysis, cursor)?.lines;
  if (text.includes("mode = str‸") || text.includes("mo‸de")) {
    assert(lines?.[0]?.startsWith("machine key iommu.mode"), text);
  } else assertEquals(lines?.[0] ?? null, expected, text);
});

each<readonly [string | null, string | null]>("signature help names the call and its parameter", [
  ["alloc_pages(‸", ["alloc_pages(", "n"]],
  ["alloc_pages(1, contiguous: ‸)", ["alloc_pages(", "contiguous:?"]],
  ["alloc_pages(1, order: ‸", ["alloc_pages(", "order:?"]],
  [`${DISK}test "t" { ssd.read(‸) }`, ["ssd.read(", "lba?"]],
  [`${DISK}test "t" { ssd.submit(read, ‸`, ["ssd.submit(", "lba?"]],
  ["fn add(first, second) { return first + second }\nprint add(1, ‸)", [
    "add(first, second)",
    "second",
  ]],
  ["fn add(first) { return first }\nprint add(1, ‸)", ["add(first)", null]],
  ["let l = [1]\nl.map(‸", ["l.map(", "function"]],
  ["print (1 + ‸", [null, null]],
  ["nothing_known(‸", [null, null]],
], (text, [label, active]) => {
  const { analysis, cursor } = marked(text);
  const found = signatureAt(analysis, cursor);
  assertEquals(
    label === null ? found : found?.label.startsWith(label),
    label === null ? null : true,
    text,
  );
  assertEquals(found?.parameters[found.active ?? -1]?.label ?? null, active, text);
});

const LIBRARY = { "lib.dma": "const pages = 4\nfn twice(n) { return 2 * n }\n" };

/** The marked ranges are all occurrences of one symbol; the cursor is in one of them. */
const SAME_NAMES: readonly Case<string>[] = [
  ["let «si‸ze» = 1\nprint «size»\n«size» = 2", "total"],
  ['let «size» = 1\nprint "{«si‸ze»} bytes"', "total"],
  ['const «max» = 4\ntest "t" { assert «m‸ax» == 4 }', "limit"],
  ["fn «dou‸ble»(n) { return 2 * n }\nprint «double»(«double»(1))", "twofold"],
  ["fn double(«n») { return 2 * «‸n» }\nprint double(«n»: 4)", "number"],
  ["let item = 1\nlet l = [1].map(«item» => «it‸em» + 1)\nprint [item, l]", "each"],
  ["let «item‸» = 1\nlet l = [1].map(item => item + 1)\nprint [«item», l]", "other"],
  ["for «n» in 0..4 { print «n‸» }\nlet n = 1\nprint n", "index"],
  ['test "a" { let x = 1\n  assert x == 1 }\ntest "b" { let «x» = 2\n  assert «‸x» == 2 }', "y"],
  ['test "{«c».size}" for «c» in [{ size: 1 }] { assert «‸c».size == 1 }', "row"],
  [
    'const all = [lazy]\ntest "{«c»}" for «c» in all with { iommu.mode = «c‸» } { assert «c» == lazy }',
    "row",
  ],
  ['property "p" forall «n» in 0..8 { assert «n» + «‸n» == 2 * «n» }', "number"],
  ["let «x» = 1\nprint «x‸»\nlet = )", "y"],
];

each("references are the places that name the same", SAME_NAMES, (text) => {
  const { analysis, cursor, ranges } = marked(text);
  const found = referencesAt(analysis, cursor);
  assertEquals(withMarks(analysis.source.text, found), withMarks(analysis.source.text, ranges));
});

each("rename changes these places and nothing else", SAME_NAMES, (text, name) => {
  const { analysis, cursor, loader } = marked(text);
  const renamed = renameAt(analysis, cursor, name, loader);
  assert(renamed.ok, text);
  const expected = text.replaceAll("‸", "").replaceAll(/«\w+»/g, name);
  assertEquals(edited(analysis.source, renamed.edits).text, expected);
});

each<string>("rename refuses what would mean something else", [
  ["let x‸ = 1\nlet y = 2\nprint [x, y]", "y"],
  ["let y = 1\nlet f = y => y + 0\nlet x‸ = 2\nprint [[1].map(a => a + x), f, y]", "a"],
  ["let x‸ = 1", "assert"],
  ["let x‸ = 1", "two words"],
  ["print alloc_‸pages(1)", "pages"],
  [`${DISK}test "t" { wait ss‸d.flush() }`, "disk"],
  ["print 1 +‸ 2", "x"],
  ["fn f‸(n) { return n }\nfn g(n) { return n }\nprint [f(1), g(1)]", "g"],
  ["let x‸ = 1\nprint [x, read]", "read"],
], (text, name) => {
  const { analysis, cursor, loader } = marked(text);
  const renamed = renameAt(analysis, cursor, name, loader);
  assertEquals(renamed.ok, false, text);
});

each<string | null>("definition leads to where a name is declared", [
  ["let «size» = 1\nprint si‸ze", null],
  ["const «max» = 4\nprint m‸ax", null],
  ["print dou‸ble(1)\nfn «double»(n) { return n }", null],
  ["fn f(«n») { return ‸n }", null],
  [DISK.replace("ssd", "«ssd»") + 'test "t" { wait s‸sd.flush() }', null],
  ["for «i» in 0..2 { print ‸i }", null],
  ["let «x» = 1\n‸x = 2", null],
  ['use "lib.dma"\nprint twi‸ce(1)', "lib.dma:2:4"],
  ['use "lib.dma"\nprint pag‸es', "lib.dma:1:7"],
  ['use "li‸b.dma"\nprint pages', "lib.dma:1:1"],
  ["print alloc_‸pages(1)", "none"],
], (text, place) => {
  const { analysis, cursor, ranges } = marked(text, LIBRARY);
  const found = definitionAt(analysis, cursor);
  const span = found !== null && "span" in found ? found.span : null;
  if (place === null) assertEquals(pick(span), ranges[0], text);
  else assertEquals(span === null ? "none" : placeOf(span), place, text);
});

const pick = (span: Span | null) => span && { start: span.start, end: span.end };

function placeOf({ source, start }: Span): string {
  const { line, column } = source.position(start);
  return `${source.name}:${line}:${column}`;
}

each<string>("the outline has what a file declares, broken or not", [
  ["const a = 1", "const a"],
  ["fn f(n) { return n }", "function f"],
  ['test "one" { }\ntest "two" { }', "test one, test two"],
  [DISK, "machine machine(block iommu, block pci(block root_port rp0(block nvme ssd)))"],
  ["let x = 1", "variable x"],
  ['property "p" forall n in 0..2 { }', "property p"],
  ['bench "b" { loop { print 1 } }', "bench b"],
  ['test "one" {\n  let = )\n}\nfn f() { }', "test one, function f"],
  ["fn f( { return 1 }\nconst b = 2", "const b"],
  ["", ""],
], (text, expected) => {
  const show = (entry: ReturnType<typeof outlineOf>[number]): string =>
    `${entry.kind} ${entry.name}` +
    (entry.children.length === 0 ? "" : `(${entry.children.map(show).join(", ")})`);
  const shown = outlineOf(marked(text).analysis).map(show).join(", ");
  if (text.startsWith("fn f( {")) assert(shown.endsWith(expected), shown);
  else assertEquals(shown, expected, text);
});

each<string>("blocks, brackets and comments of several lines fold", [
  ['test "t" {\n  print 1\n}', "1-2"],
  ['test "t" { print 1 }', ""],
  ["# a\n# b\nprint 1", "1-2c"],
  ["# a\nprint 1", ""],
  ["let l = [\n  1,\n  2,\n]", "1-3"],
  ["fn f() {\n  if true {\n    return 1\n  }\n  return 2\n}", "1-5 2-3"],
  ["print f(\n  1,\n)", "1-2"],
  ['test "t" {\n  print 1\n', ""],
  ['}\ntest "t" {\n  print 1\n}', "2-3"],
  ["print 1\n  # a\n  # b\n  # c", "2-4c"],
], (text, expected) => {
  const folds = foldsOf(marked(text).analysis);
  const shown = folds.map(({ first, isComment, last }) =>
    `${first}-${last}${isComment ? "c" : ""}`
  );
  assertEquals(shown.join(" "), expected, text);
});

each<string>("semantic tokens say what names are", [
  ["let size = 1", "let:keyword size:variable"],
  ["fn f(n) { return n }", "fn:keyword f:function n:parameter return:keyword n:parameter"],
  ["print alloc_pages(1).size", "print:keyword alloc_pages:function size:property"],
  ["let print = 1\nassert print == 1", "let:keyword print:variable assert:keyword print:variable"],
  [
    "let r = { test: 1 }\nr.test = 2",
    "let:keyword r:variable test:property r:variable test:property",
  ],
  ["print [OK, read]", "print:keyword OK:enumMember read:enumMember"],
  ["machine { iommu { mode = strict } }", "machine:keyword iommu:struct mode:property"],
  ["print alloc_pages(1, order: 2)", "print:keyword alloc_pages:function order:parameter"],
  ["let l = [1].map(x => x)", "let:keyword l:variable map:method x:parameter x:parameter"],
  ["wait = )\nprint 1", "print:keyword"],
], (text, expected) => {
  const { source } = marked(text).analysis;
  const shown = semanticTokens(marked(text).analysis).map(({ end, start, type }) =>
    `${source.text.slice(start, end)}:${type}`
  );
  if (text.startsWith("wait")) assert(shown.join(" ").endsWith(expected), shown.join(" "));
  else assertEquals(shown.join(" "), expected, text);
});

each<string | null>("formatting changes the lines that differ, and those of a range only", [
  ["print   1\n", "print 1\n"],
  ["print 1\n", "print 1\n"],
  ["print   1\nprint   2\n", "print 1\nprint 2\n"],
  ["«print   1\n»print 3\nprint   2\n", "print 1\nprint 3\nprint   2\n"],
  ["print   1\nprint 3\n«print   2\n»", "print   1\nprint 3\nprint 2\n"],
  ['test "t" {\nprint 1\n}\n', 'test "t" {\n  print 1\n}\n'],
  ["print 1", "print 1\n"],
  ["let = )\n", null],
  ["", ""],
  ["print 1\n\n\n\nprint 2\n", "print 1\n\nprint 2\n"],
], (text, expected) => {
  const { analysis: { source }, ranges: [range] } = marked(text);
  const lines = range && {
    first: source.position(range.start).line,
    last: source.position(range.end - 1).line,
  };
  const edits = formatEdits(source, lines);
  assertEquals(edits === null ? null : edited(source, edits).text, expected, text);
});

Deno.test("a selection grows from a name to the file", () => {
  const { analysis, cursor } = marked('test "t" { print 1 + siz‸e }');
  const texts = surroundings(analysis, cursor).map(({ end, start }) =>
    analysis.source.text.slice(start, end)
  );
  assertEquals(texts.at(-1), "size");
  assertEquals(texts.at(-2), "1 + size");
  assertEquals(texts[0], analysis.source.text);
  assert(texts.every((text, index) => index === 0 || texts[index - 1]!.includes(text)));
});

each<string | null>("quick fixes put right what the checker knows how to", [
  ["let size = 4KiB\nprint siz‸", "let size = 4KiB\nprint size"],
  ["prit‸ 1", "print 1"],
  ["let a = true &&‸ false\nassert not a", "let a = true and false\nassert not a"],
  ["let page = alloc_pages(1)\nprint page.siz‸", "let page = alloc_pages(1)\nprint page.size"],
  ["print alloc_pages(1, contigous‸: true)", "print alloc_pages(1, contiguous: true)"],
  ["machine { iommu { mode = strit‸ } }", "machine { iommu { mode = strict } }"],
  ["machine { iommu { mod‸e_ = strict } }", "machine { iommu { mode = strict } }"],
  ["print 'text'‸", 'print "text"'],
  ["//‸ a comment\nprint 1", "# a comment\nprint 1"],
  ["x‸ = 1\nprint 2", null],
  ['test "t" { let x‸ = 1 }', 'test "t" { let _x = 1 }'],
  ['test "t" { alloc_pages(1) fails ENOMEN‸ }', 'test "t" { alloc_pages(1) fails ENOMEM }'],
  ["let size = 4 KiB‸\nprint size", "let size = 4KiB\nprint size"],
  ["expect events [ iommu.mapp‸ ] in events", "expect events [ iommu.map ] in events"],
  ["let siz‸e = 1\nprint size", null],
], (text, expected) => {
  const { analysis, cursor } = marked(text);
  const [first] = fixesIn(analysis, cursor, cursor);
  const fixed = first === undefined ? null : edited(analysis.source, [first.fix]).text;
  assertEquals(fixed, expected, `${text}: ${first?.title}`);
});
