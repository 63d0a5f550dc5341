import { TempFolder } from "@dmalab/tools";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { PassThrough } from "node:stream";
import * as Lsp from "vscode-languageserver-protocol/node";
import { change, open, URI, withClient } from "./_client.ts";
import { Server } from "./server.ts";

const TEXT = `machine { pci { root_port rp0 { nvme ssd { depth = 32 } } } }

# Twice as many.
fn double(count) {
  return count * 2
}

test "pages" {
  let page = alloc_pages(double(1))
  assert page.size == 8KiB
}
`;

const textDocument = { uri: URI };

/** The position of the first character of a word in the text, or `more` characters after it. */
function at(word: string, more = 0): Lsp.TextDocumentPositionParams {
  const lines = TEXT.slice(0, TEXT.indexOf(word) + more).split("\n");
  return {
    textDocument,
    position: { line: lines.length - 1, character: lines.at(-1)!.length },
  };
}

Deno.test("the language server resolves what it completes, and leaves out declarations", () =>
  withClient(async (client) => {
    await open(client, TEXT);
    const items = await client.sendRequest(Lsp.CompletionRequest.type, at("page.size", 7));
    const item = (items as Lsp.CompletionItem[]).find(({ label }) => label === "size")!;
    const resolved = await client.sendRequest(Lsp.CompletionResolveRequest.type, item);
    assertEquals(resolved.documentation, "Its length.");
    const places = await client.sendRequest(Lsp.ReferencesRequest.type, {
      ...at("double"),
      context: { includeDeclaration: false },
    });
    assertEquals(places!.map(({ range }) => range.start.line), [8]);
  }));

Deno.test("the language server says what it would rename, and why it does not", () =>
  withClient(async (client) => {
    await open(client, TEXT);
    assertEquals(await client.sendRequest(Lsp.PrepareRenameRequest.type, at("double")), {
      start: { line: 3, character: 3 },
      end: { line: 3, character: 9 },
    });
    await assertRejects(
      () => client.sendRequest(Lsp.PrepareRenameRequest.type, at("alloc_pages")),
      Error,
      "belongs to the language",
    );
    await assertRejects(
      () => client.sendRequest(Lsp.RenameRequest.type, { ...at("double"), newName: "let" }),
      Error,
      "cannot be a name",
    );
  }));

Deno.test("the language server formats the lines that have changed, of the range that is asked for", () =>
  withClient(async (client) => {
    await open(client, TEXT);
    const options = { tabSize: 2, insertSpaces: true };
    const edits = { textDocument, options };
    assertEquals(await client.sendRequest(Lsp.DocumentFormattingRequest.type, edits), []);
    const word = { start: { line: 4, character: 2 }, end: { line: 4, character: 9 } };
    await change(client, 2, { range: word, text: "return   " });
    const [edit] = (await client.sendRequest(Lsp.DocumentFormattingRequest.type, edits))!;
    assertEquals(edit!.newText, "  return count * 2\n");
    const above = { start: { line: 0, character: 0 }, end: { line: 1, character: 0 } };
    assertEquals(
      await client.sendRequest(Lsp.DocumentRangeFormattingRequest.type, { ...edits, range: above }),
      [],
    );
  }));

Deno.test("the language server publishes what is wrong with each version of a text", () =>
  withClient(async (client, published) => {
    await open(client, "let x = 1\nlet x = 2\nprint x\n");
    const [wrong] = await published.of(URI, 1);
    assertEquals(wrong!.code, "E0302");
    assertEquals(wrong!.range.start, { line: 1, character: 4 });
    const [related] = wrong!.relatedInformation!;
    assertEquals(related!.location, {
      uri: URI,
      range: { start: { line: 0, character: 4 }, end: { line: 0, character: 5 } },
    });
    assertMatch(String(wrong!.message), /\nhint: to assign to it/);
    const word = { start: { line: 1, character: 0 }, end: { line: 1, character: 4 } };
    await change(client, 2, { range: word, text: "" });
    assertEquals(await published.of(URI, 2), []);
    await client.sendNotification(Lsp.DidCloseTextDocumentNotification.type, { textDocument });
    assertEquals(await published.of(URI), []);
    assertEquals(await client.sendRequest(Lsp.HoverRequest.type, at("double")), null);
  }));

Deno.test("the language server offers quick fixes, and links to the rules that comments cite", () =>
  withClient(async (client, published) => {
    await open(client, "# Rows of dma.3.3, not dma.99.\nlet size = 4KiB\nprint size + siez\n");
    const [wrong] = await published.of(URI, 1);
    const actions = await client.sendRequest(Lsp.CodeActionRequest.type, {
      textDocument,
      range: wrong!.range,
      context: { diagnostics: [...await published.of(URI, 1)] },
    });
    const [action] = actions as Lsp.CodeAction[];
    assertEquals(action!.title, "Replace `siez` with `size`");
    assertEquals(action!.diagnostics, [wrong!]);
    assertEquals(action!.edit!.changes![URI]!.map(({ newText }) => newText), ["size"]);
    const [link, ...more] =
      (await client.sendRequest(Lsp.DocumentLinkRequest.type, { textDocument }))!;
    assertEquals(more, []);
    assertMatch(link!.target!, /docs\/rules\/dma\.md#L\d+$/);
    const hover = await client.sendRequest(Lsp.HoverRequest.type, {
      textDocument,
      position: link!.range.start,
    });
    assertMatch((hover!.contents as Lsp.MarkupContent).value, /link\(phys, offset, size/);
  }));

Deno.test("values of the last run stand behind its statements, and stay where the text did not change", () =>
  withClient(async (client) => {
    const refreshed = new Promise<void>((resolve) =>
      client.onRequest(Lsp.InlayHintRefreshRequest.type, () => resolve())
    );
    const range = { start: { line: 0, character: 0 }, end: { line: 99, character: 0 } };
    const shown = async () => {
      const hints = await client.sendRequest(Lsp.InlayHintRequest.type, { textDocument, range });
      return hints!.map(({ label, position: { line } }) => `${line} ${label}`);
    };
    const text = TEXT.replace("8KiB", "12KiB");
    await open(client, text);
    await refreshed;
    const page = "buffer of 8KiB at 0x4000_0000";
    assertEquals(await shown(), [`8 = ${page}`, "9 page.size = 8KiB"]);
    const line = { line: 9, character: 0 };
    await change(client, 2, { range: { start: line, end: line }, text: "  # )\n" });
    assertEquals(await shown(), [`8 = ${page}`, "10 page.size = 8KiB"]);
    await change(client, 3, { text: text.replace("double(1)", "double(2)") });
    assertEquals(await shown(), ["9 page.size = 8KiB"]);
  }));

Deno.test("a library's names are found and renamed in what uses it", async () => {
  using folder = new TempFolder({
    "package.json": "{}",
    "lib.dma": "fn double(n) { return 2 * n }\n",
    "user.dma": 'use "lib.dma"\nprint double(2)\n',
    "other.dma": "fn double(n) { return 3 * n }\nprint double(1)\n",
  });
  const uri = (name: string) => `file://${folder.path}/${name}`;
  await withClient(async (client) => {
    await open(client, 'use "lib.dma"\nprint double(4)\n', uri("open.dma"));
    const place = {
      textDocument: { uri: uri("open.dma") },
      position: { line: 1, character: 7 },
    };
    const found = await client.sendRequest(Lsp.ReferencesRequest.type, {
      ...place,
      context: { includeDeclaration: true },
    });
    const names = found!.map(({ uri }) => uri.slice(uri.lastIndexOf("/") + 1)).sort();
    assertEquals(names, ["lib.dma", "open.dma", "user.dma"]);
    const { changes } = (await client.sendRequest(Lsp.RenameRequest.type, {
      ...place,
      newName: "twice",
    }))!;
    assertEquals(Object.keys(changes!).sort(), [
      uri("lib.dma"),
      uri("open.dma"),
      uri("user.dma"),
    ]);
    const definition = await client.sendRequest(Lsp.DefinitionRequest.type, place);
    assertEquals((definition as Lsp.Location).uri, uri("lib.dma"));
  });
});

/**
 * The server's output for an input that ends at once, and the server's reason for dropping the
 * client.
 */
async function answered(input: string): Promise<{ problem: string | null; output: string }> {
  const [toServer, toClient] = [new PassThrough(), new PassThrough()];
  const served = new Server(toServer, toClient).serve();
  let output = "";
  toClient.on("data", (bytes) => output += bytes);
  toServer.end(input);
  const problem = await served;
  return { problem, output };
}

function frame(message: object): string {
  const body = JSON.stringify({ jsonrpc: "2.0", ...message });
  return `Content-Length: ${body.length}\r\n\r\n${body}`;
}

Deno.test("what a client asks before it closes its end is answered, half a message is not", async () => {
  const asked = frame({ id: 1, method: "shutdown" }) +
    frame({
      method: "textDocument/didOpen",
      params: { textDocument: { uri: URI, languageId: "dma", version: 1, text: TEXT } },
    }) + frame({ id: 2, method: "textDocument/hover", params: at("double(1)") });
  for (const half of ["", frame({ id: 3, method: "shutdown" }).slice(0, -1)]) {
    const { output, problem } = await answered(asked + half);
    assertEquals(problem, null);
    assertEquals([...output.matchAll(/"id":(\d)/g)].map(([, id]) => id), ["1", "2"]);
    assertMatch(output, /Twice as many/);
  }
});

Deno.test("a text without a file has no files to lead to, and a device is not read", () =>
  withClient(async (client) => {
    const uri = "untitled:Untitled-1";
    await open(client, 'use "lib.dma"\n', uri);
    const position = { line: 0, character: 6 };
    const ask = (uri: string) =>
      client.sendRequest(Lsp.DefinitionRequest.type, { textDocument: { uri }, position });
    assertEquals(await ask(uri), null);
    assertEquals(await ask("file:///dev/zero"), null);
  }));

Deno.test("a client whose messages cannot be read is dropped with the reason", async () => {
  const problemOf = async (input: string) => (await answered(input)).problem;
  assertMatch((await problemOf("GET / HTTP/1.1\r\n"))!, /^"GET .* is not a header/);
  assertMatch((await problemOf("Content-Length: 99999999999\r\n\r\n"))!, /is too long/);
  const noJson = await problemOf("Content-Length: 5\r\n\r\nhello");
  assertEquals(noJson, "A message is not a JSON object");
});

/** The number of answers by error code, and of successful ones under "result". */
function answersOf(output: string): Record<string, number> {
  const codes: Record<string, number> = {};
  for (const [, result, code] of output.matchAll(/"id":\d+,"(result|error":\{"code":(-\d+))/g)) {
    codes[code ?? result!] = (codes[code ?? result!] ?? 0) + 1;
  }
  return codes;
}

const OPENED = frame({
  method: "textDocument/didOpen",
  params: { textDocument: { uri: URI, languageId: "dma", version: 1, text: TEXT } },
});

Deno.test("requests that the client cancels while they wait are not worked out", async () => {
  const ids = Array.from({ length: 400 }, (_, index) => index + 1);
  const asked = ids.map((id) =>
    frame({ id, method: "textDocument/hover", params: at("double(1)") })
  );
  const cancelled = ids.map((id) => frame({ method: "$/cancelRequest", params: { id } }));
  const { output } = await answered(OPENED + asked.join("") + cancelled.join(""));
  const { "-32800": dropped = 0, result = 0 } = answersOf(output);
  assertEquals(dropped + result, ids.length);
  assert(dropped >= 390, `${dropped} were dropped`);
});

Deno.test("of many edits that wait, the last one is answered and checked", async () => {
  const start = { line: 0, character: 0 };
  const edits = Array.from({ length: 100 }, (_, index) =>
    frame({
      method: "textDocument/didChange",
      params: {
        textDocument: { uri: URI, version: index + 2 },
        contentChanges: [{ range: { start, end: start }, text: "\n" }],
      },
    }) + frame({ id: index, method: "textDocument/documentSymbol", params: { textDocument } }));
  const completion = frame({ id: 999, method: "textDocument/completion", params: at("page.size") });
  const { output } = await answered(OPENED + completion + edits.join(""));
  const { "-32801": askedAgain = 0, result = 0 } = answersOf(output);
  assertEquals(askedAgain + result, edits.length + 1);
  assert(askedAgain >= 95, `${askedAgain} were asked again`);
  assertMatch(output, /"id":999,"result"/, "what was asked once is answered");
  const last = output.slice(output.lastIndexOf('"id":99,'));
  assertMatch(last, /"name":"double".*?"line":103/);
});

Deno.test("JSON that is no message, however deeply nested, does not end the answers", async () => {
  const deep = "[".repeat(200_000) + "]".repeat(200_000);
  const bodies = [
    deep,
    `{"jsonrpc":"2.0","id":${deep},"method":"shutdown"}`,
    '{"jsonrpc":"2.0","method":"$/cancelRequest"}',
    `{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":${deep}}}`,
    `{"jsonrpc":"2.0","id":null,"error":${deep}}`,
  ];
  for (const body of bodies) {
    const { output, problem } = await answered(
      `Content-Length: ${body.length}\r\n\r\n${body}${frame({ id: 2, method: "shutdown" })}`,
    );
    assertMatch(output, /"id":null,"error":\{"code":-32600/, body.slice(0, 60));
    assertMatch(output, /"id":2,"result":null/, body.slice(0, 60));
    assertEquals(problem, null);
  }
});

Deno.test("the language server ends with the process of its client", async () => {
  const editor = new Deno.Command(Deno.execPath(), {
    args: ["eval", "setTimeout(() => {}, 600_000)"],
  }).spawn();
  const toServer = new PassThrough();
  const served = new Server(toServer, new PassThrough()).serve();
  toServer.write(frame({
    id: 1,
    method: "initialize",
    params: { processId: editor.pid, capabilities: {} },
  }));
  await new Promise((resolve) => setTimeout(resolve, 50));
  editor.kill("SIGKILL");
  await editor.status;
  assertEquals(await served, null);
});

/** URIs without a path on this host: another host, broken escapes, another scheme, no scheme. */
const STRANGE_URIS = [
  ...["file://host/a.dma", "file:///a%zz.dma", "file:///a%2Fb.dma", "file:///a\0b.dma"],
  ...["file:a b", "untitled:x", ""],
];

Deno.test("a document whose URI names no file of this host is checked like any other", () =>
  withClient(async (client, published) => {
    const position = { line: 0, character: 3 };
    for (const uri of STRANGE_URIS) {
      await open(client, "fn f() { }\nassert g()\n", uri);
      assertEquals((await published.of(uri, 1)).map(({ code }) => code), ["E0303"], uri);
      const closed = { textDocument: { uri: `${uri}2` }, position };
      assertEquals(await client.sendRequest(Lsp.HoverRequest.type, closed), null, uri);
    }
  }));

Deno.test("references without a context are all references", () =>
  withClient(async (client) => {
    await open(client, TEXT);
    const places = await client.sendRequest("textDocument/references", at("double")) as unknown[];
    assertEquals(places.length, 2);
  }));
