/**
 * Features of the language server, tested through the protocol: positions in texts with tabs, with
 * line ends of two characters and with letters outside the basic plane, and texts with errors.
 */
import { assert, assertEquals } from "@std/assert";
import * as Lsp from "vscode-languageserver-protocol/node";
import { DISK } from "@dmalab/lang/testing";
import { withClient } from "./_client.ts";
import { each, opened } from "./_marked_client.ts";

const NOWHERE = { start: { line: 0, character: 0 }, end: { line: 0, character: 0 } };

const byPlace = (a: Lsp.Range, b: Lsp.Range) =>
  a.start.line - b.start.line || a.start.character - b.start.character;

each("the places of a name are highlighted, and are its references", [
  ["let «size‸» = 1\nprint «size»", null],
  ['# 😀\nlet «s‸» = "😀"\nprint "😀 {«s»}"', null],
  ["let «a‸» = 1\r\nprint «a»\r\n", null],
  ['test "t" {\n\tlet «a» = 1\n\tassert «‸a» == 1\n}', null],
  ["fn «dou‸ble»(n) { return 2 * n }\nprint «double»(1)", null],
  ["for «n» in 0..4 { print «n‸» }", null],
  ["print [1].map(«n» => «n‸» + 1)", null],
  ["let «a‸» = )\nprint «a»\n}", null],
  ['test "{«c».size}" for «c» in [{ size: 1 }] { assert «‸c».size == 1 }', null],
  ["print 1 ‸+ 2", null],
], async (client, { position, ranges, textDocument }, _, text) => {
  const at = { textDocument, position };
  const marks = await client.sendRequest(Lsp.DocumentHighlightRequest.type, at);
  assertEquals(marks!.map(({ range }) => range).sort(byPlace), ranges.sort(byPlace), text);
  const context = { includeDeclaration: true };
  const places = await client.sendRequest(Lsp.ReferencesRequest.type, { ...at, context });
  assertEquals(places!.map(({ range }) => range).sort(byPlace), ranges, text);
});

Deno.test("what is wrong is published for its place, with the places that belong to it", () =>
  withClient(async (client, published) => {
    const cases: readonly (readonly [string, string, number])[] = [
      ["let x = 1\nlet «x» = 2\nprint x", "E0302", 1],
      ["print «siez»", "E0301", 0],
      ["# 😀\nprint «siez»", "E0301", 0],
      ['print "😀" + «siez»', "E0301", 0],
      ["print 1\r\nprint «siez»\r\n", "E0301", 0],
      ["fn f(a, «a») { return a }\nprint f(1, 2)", "E0302", 1],
      ["\tlet = «)»", "E0204", 0],
      ["let size = 1\nprint «page»", "E0307", 0],
      ["machine { iommu { «mod» = strict } }", "E0501", 0],
      ["print alloc_pages(1, «contigous»: true)", "E0305", 0],
      ["fn «f»() { }\nfn g() { return 1 }\nprint g()", "W0301", 0],
    ];
    for (const [number, [text, code, related]] of cases.entries()) {
      const { ranges, textDocument } = await opened(client, text, number);
      const found = await published.of(textDocument.uri, 1);
      const wrong = found.map((each) => [each.code, each.range, each.relatedInformation!.length]);
      assertEquals(wrong, [[code, ranges[0], related]], text);
    }
  }));

each("a selection grows from the word to what is around it", [
  ["print si‸ze", ["size", "print size"]],
  ["print 1 + ‸size", ["size", "1 + size"]],
  ["print f(1, ‸size)", ["size", "f(1, size)"]],
  ['# 😀\nprint "😀" + si‸ze', ["size", '"😀" + size']],
  ["print 1\r\nprint [si‸ze]\r\n", ["size", "[size]"]],
  ['test "t" {\n\tprint si‸ze\n}', ["size", "print size"]],
  ["let si‸ze = 1", ["size", "let size = 1"]],
  ["machine { iommu { mode = str‸ict } }", ["strict", "mode = strict"]],
  ["print a.b‸.c", ["a.b", "a.b.c"]],
  ["print 1\nlet = )‸", []],
], async (client, { position, textDocument, textOf }, expected, text) => {
  const [first] = (await client.sendRequest(Lsp.SelectionRangeRequest.type, {
    textDocument,
    positions: [position],
  }))!;
  const grown: string[] = [];
  for (let each: Lsp.SelectionRange | undefined = first; each !== undefined; each = each.parent) {
    grown.push(textOf(each.range));
  }
  const isThere = expected.every((each, index) => grown.indexOf(each) >= index);
  assert(isThere && grown.every((each, index) => each.includes(grown[index - 1] ?? "")), text);
});

each("rules that comments cite are links, and say what they are", [
  ["# By «dma.3.3».", null],
  ["# «dma.3.3», «nvme.2.1» and dma.99", null],
  ["print 1  # «block.1.6»", null],
  ["# 😀 «dma.3.3»", null],
  ["print 1\r\n# «dma.3.3»\r\n", null],
  ["\t# «traces.T.45»", null],
  ['print "dma.3.3"', null],
  ["let dma = { a: 1 }\nprint dma.a", null],
  ["let = )\n# «p2p.9.4»\n}", null],
  ["# dma_map.3.3 and xdma.3.3 are none", null],
], async (client, { ranges, textDocument }, _, text) => {
  const links = await client.sendRequest(Lsp.DocumentLinkRequest.type, { textDocument });
  assertEquals(links!.map(({ range }) => range), ranges, text);
  for (const range of ranges) {
    const hover = await client.sendRequest(Lsp.HoverRequest.type, {
      textDocument,
      position: range.start,
    });
    assertEquals(hover!.range, range);
    assert((hover!.contents as Lsp.MarkupContent).value.length > 20, text);
  }
});

each("each test and property has its lenses", [
  ['test "a" { }', null],
  ['test "a" { }\ntest "b" { }', null],
  ['property "p" forall n in 0..2 { }', null],
  ['bench "b" { loop { print 1 } }', null],
  ['\ttest "a" { }', null],
  ['# 😀\r\ntest "a" { }\r\n', null],
  ['test "a" {\n  let = )\n}\ntest "b" { }', null],
  ["fn f() { }", null],
  ["", null],
  [`${DISK}test "{n}" for n in [1, 2] { }`, null],
], async (client, { textDocument, textOf }, _, text) => {
  const lenses = await client.sendRequest(Lsp.CodeLensRequest.type, { textDocument });
  const lines = text.split("\n");
  const wanted = lines.flatMap((line, index) => /^\s*(?:test|property) /.test(line) ? [index] : []);
  const verbs = wanted.flatMap(() => ["Run", "Debug", "Report"]);
  assertEquals(lenses!.map(({ command }) => command!.title), verbs, text);
  const commands = verbs.map((verb) => `dmalab.${verb.toLowerCase()}`);
  assertEquals(lenses!.map(({ command }) => command!.command), commands, text);
  for (const [index, { command, range }] of lenses!.entries()) {
    const line = wanted[Math.floor(index / 3)]!;
    assertEquals(command!.arguments, [textDocument.uri, line + 1], text);
    assert(lines[line]!.includes(textOf(range)), text);
  }
});

Deno.test("values of the last run stand where the statements end", () =>
  withClient(async (client) => {
    const cases = [
      "let a = 2 + 3«»\nprint a",
      "# 😀\nlet a = 2 + 3«»\nprint a",
      'let a = "😀"«»\nprint a',
      "let a = 2 + 3«»\r\nprint a\r\n",
      'test "t" {\n\tlet a = 2«»\n\tprint a\n}',
      "let a = [\n  1,\n  2,\n]«»\nprint a",
      "let a = [1]«»\nassert a.length == 2«»",
      `${DISK}test "t" {\n  let b = alloc_pages(1)«»\n  print b\n}`,
      'test "t" matrix { iommu.mode = [lazy, strict] } {\n  let a = 1«»\n  print a\n}',
      "print 1",
    ];
    for (const [number, text] of cases.entries()) {
      const refreshed = new Promise<void>((resolve) =>
        client.onRequest(Lsp.InlayHintRefreshRequest.type, () => resolve())
      );
      const { ranges, textDocument } = await opened(client, text, number);
      await refreshed;
      const range = { ...NOWHERE, end: { line: 99, character: 0 } };
      const hints = await client.sendRequest(Lsp.InlayHintRequest.type, { textDocument, range });
      assertEquals(hints!.map(({ position }) => position), ranges.map(({ end }) => end), text);
    }
  }));
