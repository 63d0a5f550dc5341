/** The features that an editor requests for a cursor or a text, through the protocol. */
import { assert, assertEquals } from "@std/assert";
import * as Lsp from "vscode-languageserver-protocol/node";
import { TextDocument } from "vscode-languageserver-textdocument";
import { DISK } from "@dmalab/lang/testing";
import { TOKEN_TYPES } from "@dmalab/lang/editor";
import { each } from "./_marked_client.ts";

each("completion offers what can stand at the cursor", [
  ["let payload = 1\nlet b = payl‸", "payload"],
  ['# 😀\nlet payload = "😀"\nprint "😀" + payl‸', "payload"],
  ["let payload = 1\r\nprint payl‸\r\n", "payload"],
  ['test "t" {\n\tlet inner_one = 1\n\tprint inner_o‸\n}', "inner_one"],
  ["let ring = { head: 1, tail: 2 }\nprint ring.ta‸", "tail"],
  ["fn double(n) { return n }\nprint doub‸", "double"],
  ["machine { iommu { mode = pass‸ } }", "passthrough"],
  ["machine { iommu { caching‸", "caching_mode"],
  [`${DISK}test "t" { for page in [alloc_pages(1)] { page.siz‸ } }`, "size"],
  [`${DISK}const depth_max = 4\ntest "t" { assert depth_m‸ == 4`, "depth_max"],
], async (client, { position, textDocument }, expected, text) => {
  const found = await client.sendRequest(Lsp.CompletionRequest.type, { textDocument, position });
  const items = Array.isArray(found) ? found : found!.items;
  assert(items.some(({ label }) => label === expected), text);
});

each("hover describes what stands at the cursor", [
  ["let si‸ze = 4KiB", "let size: a size"],
  ["const max = 4\r\nprint m‸ax\r\n", "const max = 4"],
  [
    "# Twice.\nfn double(n) { return 2 * n }\nprint dou‸ble(2)",
    "```dma\nfn double(n)\n```\n```text\nTwice.\n```",
  ],
  ['# 😀\nlet s = 4KiB\nprint "😀 {s‸}"', "let s: a size"],
  ["let page = alloc_‸pages(1)", "alloc_pages("],
  ["\tlet page = alloc_pages(1, contig‸uous: true)", "contiguous: a bool"],
  ["let page = alloc_pages(1)\nprint page.ph‸ys", "Physical address of the first byte"],
  ["machine { iommu { mo‸de = strict } }", "machine key iommu.mode"],
  [
    "machine { pci { root_port rp0 { nvme ssd { queu‸es = 2 } } } }",
    "default 1)\n```\n```text\nQueues for reads and writes.",
  ],
  [`${DISK}test "t" { wait ss‸d.flush() }`, "ssd: an nvme"],
  ['test "t" { assert tr‸ue', "The true value."],
], async (client, { position, textDocument }, expected, text) => {
  const found = await client.sendRequest(Lsp.HoverRequest.type, { textDocument, position });
  assert((found!.contents as Lsp.MarkupContent).value.includes(expected), text);
});

each<readonly [label: string, active: string] | null>("signature help names the parameter", [
  ["alloc_pages(‸", ["alloc_pages(", "n"]],
  ["alloc_pages(1, contiguous: ‸)", ["alloc_pages(", "contiguous:?"]],
  ["\talloc_pages(1, order: ‸", ["alloc_pages(", "order:?"]],
  [`${DISK}test "t" { ssd.read(‸) }`, ["ssd.read(", "lba?"]],
  [`${DISK}test "t" {\r\n  ssd.submit(read, ‸`, ["ssd.submit(", "lba?"]],
  ["fn add(one, two) { return one + two }\nprint add(1, ‸)", ["add(one, two)", "two"]],
  ['fn add(one) { return one }\nprint "😀" + add(‸)', ["add(one)", "one"]],
  ["let l = [1]\nl.map(‸", ["l.map(", "function"]],
  ["print (1 + ‸", null],
  ["nothing_known(‸", null],
], async (client, { position, textDocument }, expected, text) => {
  const at = { textDocument, position };
  const found = await client.sendRequest(Lsp.SignatureHelpRequest.type, at);
  const [signature] = found?.signatures ?? [];
  const active = signature?.parameters?.[signature.activeParameter ?? found?.activeParameter ?? 0];
  assertEquals(signature?.label.startsWith(expected?.[0] ?? "") ?? null, expected && true, text);
  if (expected !== null) assertEquals(active?.label, expected[1], text);
});

each("definition leads to where a name is declared", [
  ["let «size» = 1\nprint si‸ze", null],
  ["const «max» = 4\r\nprint m‸ax", null],
  ["print dou‸ble(1)\nfn «double»(n) { return n }", null],
  ["fn f(«n») { return ‸n }", null],
  [DISK.replace("ssd", "«ssd»") + 'test "t" { wait s‸sd.flush() }', null],
  ["for «i» in 0..2 { print ‸i }", null],
  ["let «x» = 1\n‸x = 2", null],
  ['# 😀\nlet «s» = "😀"\nprint "😀 {s‸}"', null],
  ['test "t" {\n\tlet «a» = 1\n\tassert ‸a == 1\n}', null],
  ["let «a» = )\nprint a‸\n}", null],
], async (client, { position, ranges, textDocument }, _, text) => {
  const found = await client.sendRequest(Lsp.DefinitionRequest.type, { textDocument, position });
  const [place] = [found].flat();
  const range = place !== null && place !== undefined && "range" in place ? place.range : null;
  assertEquals(range, ranges[0], text);
});

each("rename changes the places that name the same, and nothing else", [
  ["let «si‸ze» = 1\nprint «size»\n«size» = 2", "total"],
  ['# 😀\nlet «s‸» = "😀"\nprint "😀 {«s»}"', "sign"],
  ["let «a‸» = 1\r\nprint «a»\r\n", "b"],
  ['test "t" {\n\tlet «a» = 1\n\tassert «‸a» == 1\n}', "b"],
  ["fn «dou‸ble»(n) { return 2 * n }\nprint «double»(«double»(1))", "twofold"],
  ["fn double(«n») { return 2 * «‸n» }\nprint double(«n»: 4)", "number"],
  ["let «item‸» = 1\nlet l = [1].map(item => item + 1)\nprint [«item», l]", "other"],
  ["for «n» in 0..4 { print «n‸» }\nlet n = 1\nprint n", "index"],
  ['test "{«c».size}" for «c» in [{ size: 1 }] { assert «‸c».size == 1 }', "row"],
  ["let «x» = 1\nprint «x‸»\nlet = )", "y"],
], async (client, { position, textDocument }, newName, text) => {
  const at = { textDocument, position, newName };
  const found = await client.sendRequest(Lsp.RenameRequest.type, at);
  const plain = text.replaceAll(/[«»‸]/g, "");
  const document = TextDocument.create(textDocument.uri, "dma", 1, plain);
  const edits = found!.changes![textDocument.uri]!;
  const expected = text.replaceAll("‸", "").replaceAll(/«\w+»/g, newName);
  assertEquals(TextDocument.applyEdits(document, edits), expected, text);
});

each("a text has symbols, folds and tokens, broken or not", [
  ["const «a» = 1", ["a", "", "variable"]],
  ["fn «f»(n) {\n  return n\n}", ["f", "0-1", "function"]],
  ["«machine» { iommu { mode = strict } }", ["machine", "", "keyword"]],
  ['test "one" {\r\n  let «x» = 1\r\n  print x\r\n}', ["one", "0-2", "variable"]],
  ["# a\n# b\nlet «x» = 1", ["x", "0-1", "variable"]],
  ["let «x» = [\n\t1,\n\t2,\n]", ["x", "0-2", "variable"]],
  ['# 😀\nlet «s» = "😀"\n', ["s", "", "variable"]],
  ["print 1\nfn «g»(b) { return b }", ["g", "", "function"]],
  ['}\ntest "one" {\n  let «x» = 1\n}', ["one", "1-2", "variable"]],
  ["for «i» in 0..2 {\n  print i\n}", ["", "0-1", "variable"]],
  ["print [1].map(«x» => x)", ["", "", "parameter"]],
], async (client, { ranges, textDocument }, [names, folds, type], text) => {
  const asked = { textDocument };
  const symbols = await client.sendRequest(Lsp.DocumentSymbolRequest.type, asked);
  assertEquals(symbols!.map(({ name }) => name).join(), names, text);
  const found = await client.sendRequest(Lsp.FoldingRangeRequest.type, asked);
  const shown = found!.map(({ endLine, startLine }) => `${startLine}-${endLine}`).join(" ");
  assertEquals(shown, folds, text);
  const { data } = (await client.sendRequest(Lsp.SemanticTokensRequest.type, asked))!;
  let [line, character] = [0, 0];
  const types = new Map<string, string>();
  for (let at = 0; at < data.length; at += 5) {
    if (data[at] !== 0) character = 0;
    line += data[at]!;
    character += data[at + 1]!;
    types.set(`${line}:${character}`, TOKEN_TYPES[data[at + 3]!]!);
  }
  const { line: wantedLine, character: wanted } = ranges[0]!.start;
  assertEquals(types.get(`${wantedLine}:${wanted}`), type, text);
});

each("formatting changes the lines that differ", [
  ["print   1\n", "print 1\n"],
  ["print 1\n", "print 1\n"],
  ["print   1\nprint   2\n", "print 1\nprint 2\n"],
  ['test "t" {\nprint 1\n}\n', 'test "t" {\n  print 1\n}\n'],
  ['print   "😀"\n', 'print "😀"\n'],
  ["print 1", "print 1\n"],
  ["let = )\n", "let = )\n"],
  ["", ""],
  ["print 1\n\n\n\nprint 2\n", "print 1\n\nprint 2\n"],
  ["\tprint 1\n", "print 1\n"],
], async (client, { textDocument }, expected, text) => {
  const options = { tabSize: 2, insertSpaces: true };
  const asked = { textDocument, options };
  const edits = await client.sendRequest(Lsp.DocumentFormattingRequest.type, asked);
  const document = TextDocument.create(textDocument.uri, "dma", 1, text);
  assertEquals(TextDocument.applyEdits(document, edits ?? []), expected, text);
});
