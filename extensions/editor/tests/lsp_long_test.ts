/** The language server over its streams, in a separate process, and renaming over all examples. */
import { assert, assertEquals } from "@std/assert";
import { Readable, Writable } from "node:stream";
import * as Lsp from "vscode-languageserver-protocol/node";
import { TextDocument } from "vscode-languageserver-textdocument";
import {
  analyse,
  type Analysis,
  completeAt,
  edited,
  fixesIn,
  foldsOf,
  hoverAt,
  isOwnName,
  outlineOf,
  placesOf,
  renameAt,
  semanticTokens,
  signatureAt,
  surroundings,
} from "@dmalab/lang/editor";
import { loadText, SourceFile } from "@dmalab/lang";
import { BUG_CODE } from "@dmalab/lang/diagnostics";
import { memoryFiles } from "@dmalab/lang/syntax";
import { programWords, scenariosBelow } from "@dmalab/tests";
import { Choices } from "@dmalab/hunt";

const FIRST = "examples/start/01-first-look.dma";
const EDITS = 10_000;
/** Number of edits between two rounds of requests. */
const ASKED_EVERY = 100;
const MAX_LENGTH = 12_000;
const PIECES = [
  "{",
  "}",
  "(",
  ")",
  '"',
  "\n",
  "#",
  ".",
  "let x = ",
  "ssd.",
  'test "t" {\n',
  "1",
  " ",
];

/** A random change of a text: inserts a piece or removes some characters. */
function change(text: string, choices: Choices) {
  const start = choices.below(text.length + 1);
  const isLong = text.length > MAX_LENGTH;
  const length = isLong || choices.oneIn(2) ? choices.below(isLong ? 400 : 8) : 0;
  const end = Math.min(text.length, start + length);
  return { start, end, text: length > 0 ? "" : PIECES[choices.below(PIECES.length)]! };
}

async function startServer() {
  // With a small young generation the memory of the process shows how much the server retains.
  const [command, ...args] = programWords(
    "-R",
    "--allow-env",
    "--v8-flags=--max-semi-space-size=2",
  );
  const child = new Deno.Command(command, {
    args: [...args, "lsp"],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const client = Lsp.createProtocolConnection(
    new Lsp.StreamMessageReader(Readable.fromWeb(child.stdout as never)),
    new Lsp.StreamMessageWriter(Writable.fromWeb(child.stdin as never)),
  );
  const published = new Map<string, readonly Lsp.Diagnostic[]>();
  client.onNotification(
    Lsp.PublishDiagnosticsNotification.type,
    ({ diagnostics, uri, version }) => void published.set(`${uri} ${version}`, diagnostics),
  );
  client.listen();
  await client.sendRequest(Lsp.InitializeRequest.type, {
    processId: null,
    rootUri: null,
    capabilities: { textDocument: { inlayHint: {} } },
  });
  return { child, client, published };
}

type Client = Awaited<ReturnType<typeof startServer>>["client"];

/** The server's answers about a text. */
async function stateOf(client: Client, uri: string) {
  const textDocument = { uri };
  return {
    symbols: await client.sendRequest(Lsp.DocumentSymbolRequest.type, { textDocument }),
    folds: await client.sendRequest(Lsp.FoldingRangeRequest.type, { textDocument }),
    tokens: await client.sendRequest(Lsp.SemanticTokensRequest.type, { textDocument }),
  };
}

function open(client: Client, uri: string, text: string): Promise<void> {
  return client.sendNotification(Lsp.DidOpenTextDocumentNotification.type, {
    textDocument: { uri, languageId: "dma", version: 0, text },
  });
}

/** The resident memory of a process. */
function residentBytes(pid: number): number {
  // `cat` is needed because Deno reads files of other processes only with all permissions.
  const { stdout } = new Deno.Command("cat", { args: [`/proc/${pid}/statm`] }).outputSync();
  const [, pages] = new TextDecoder().decode(stdout).split(" ");
  return Number(pages) * 4096;
}

Deno.test("10,000 random edits leave the server's state equal to a fresh one, and memory flat", async () => {
  const { child, client, published } = await startServer();
  const choices = new Choices(7);
  const uri = "file:///nowhere/edited.dma";
  const document = TextDocument.create(uri, "dma", 0, Deno.readTextFileSync(FIRST));
  await open(client, uri, document.getText());
  const quarters = [Infinity, Infinity, Infinity, Infinity];
  for (let version = 1; version <= EDITS; version++) {
    const { end, start, text } = change(document.getText(), choices);
    const range = { start: document.positionAt(start), end: document.positionAt(end) };
    const contentChanges = [{ range, text }];
    TextDocument.update(document, contentChanges, version);
    await client.sendNotification(Lsp.DidChangeTextDocumentNotification.type, {
      textDocument: { uri, version },
      contentChanges,
    });
    if (version % ASKED_EVERY === 0) {
      await client.sendNotification(Lsp.DidSaveTextDocumentNotification.type, {
        textDocument: { uri },
      });
      await stateOf(client, uri);
      // Garbage collection makes the size of the heap vary. Therefore the minimum in each quarter
      // is used: it shows how much memory the server retains.
      const quarter = Math.ceil(version / EDITS * 4) - 1;
      quarters[quarter] = Math.min(quarters[quarter]!, residentBytes(child.pid));
    }
  }
  const [, second, , last] = quarters;
  const fresh = "file:///nowhere/fresh.dma";
  await open(client, fresh, document.getText());
  assertEquals(await stateOf(client, uri), await stateOf(client, fresh));
  const wrong = async (key: string) => {
    while (!published.has(key)) await new Promise((resolve) => setTimeout(resolve, 10));
    return published.get(key)!.map(({ relatedInformation: _, ...each }) => each);
  };
  assertEquals(await wrong(`${uri} ${EDITS}`), await wrong(`${fresh} 0`));
  assert(last! < 1.3 * second!, `least of each quarter of the edits: ${quarters} bytes`);
  client.end();
  client.dispose();
  await child.stdin.close().catch(() => {});
  const { code } = await child.status;
  assertEquals(code, 0, "it ends with its input");
});

Deno.test("whatever the text, every question has an answer", () => {
  const choices = new Choices(11);
  for (const path of scenariosBelow("examples")) {
    let text = Deno.readTextFileSync(path).slice(0, 3000);
    for (let round = 0; round < 8; round++) {
      for (let edit = 0; edit < 3; edit++) {
        const { end, start, text: piece } = change(text, choices);
        text = text.slice(0, start) + piece + text.slice(end);
      }
      askEverything(analyse(new SourceFile(path, text), memoryFiles()), choices);
    }
  }
});

function askEverything(analysis: Analysis, choices: Choices): void {
  const bug = analysis.diagnostics.find(({ code }) => code === BUG_CODE);
  assertEquals(bug, undefined, `${bug?.message}\n${analysis.source.text}`);
  const offset = choices.below(analysis.source.text.length + 1);
  completeAt(analysis, offset);
  hoverAt(analysis, offset);
  signatureAt(analysis, offset);
  surroundings(analysis, offset);
  fixesIn(analysis, 0, analysis.source.text.length);
  outlineOf(analysis);
  foldsOf(analysis);
  semanticTokens(analysis);
}

/** The new name keeps a leading `_`, which marks a name that is unused on purpose. */
function newName(name: string, number: number): string {
  return `${name.startsWith("_") ? "_" : ""}renamed_${number}`;
}

Deno.test("renaming all that an example declares leaves its compiled code as it was", () => {
  let renamed = 0;
  for (const path of scenariosBelow("examples")) {
    const text = Deno.readTextFileSync(path);
    const before = loadText(text).program;
    // Scenarios that read other files have a separate test.
    if (before === null) continue;
    const analysis = analyse(new SourceFile("scenario.dma", text), memoryFiles());
    const symbols = new Set(
      analysis.occurrences.map(({ symbol }) => symbol).filter((symbol) => isOwnName(symbol)),
    );
    const edits = [...symbols].flatMap((symbol, number) =>
      placesOf(analysis, symbol).map((span) => ({ span, text: newName(symbol.name, number) }))
    );
    const { diagnostics, program } = loadText(edited(analysis.source, edits).text);
    assertEquals(diagnostics.map(({ code }) => code), [], path);
    assertEquals(program!.code.instructions, before.code.instructions, path);
    assertEquals(program!.code.constants, before.code.constants, path);
    renamed += symbols.size;
    const [first] = [...symbols].filter(({ declaration }) => declaration !== null);
    const result = first &&
      renameAt(analysis, first.declaration!.start, newName(first.name, 0), memoryFiles());
    assert(result === undefined || result.ok, `${path}: ${JSON.stringify(result)}`);
  }
  assert(renamed > 500, `${renamed} names`);
});
