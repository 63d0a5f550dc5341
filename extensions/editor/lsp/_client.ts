/** A client of a language server in this process, for tests. */
import { PassThrough } from "node:stream";
import * as Lsp from "vscode-languageserver-protocol/node";
import { Server } from "./server.ts";

export const URI = "file:///nowhere/main.dma";

/** Starts a server and a client that collects the published diagnostics. */
export async function withClient(
  use: (client: Client, published: Published) => Promise<void>,
): Promise<void> {
  const [toServer, toClient] = [new PassThrough(), new PassThrough()];
  const served = new Server(toServer, toClient).serve();
  const client = Lsp.createProtocolConnection(
    new Lsp.StreamMessageReader(toClient),
    new Lsp.StreamMessageWriter(toServer),
  );
  const published = new Published();
  client.onNotification(Lsp.PublishDiagnosticsNotification.type, (each) => published.take(each));
  client.listen();
  await client.sendRequest(Lsp.InitializeRequest.type, {
    processId: null,
    rootUri: null,
    capabilities: {
      textDocument: { inlayHint: {} },
      workspace: { inlayHint: { refreshSupport: true } },
    },
  });
  try {
    await use(client, published);
    await client.sendRequest(Lsp.ShutdownRequest.type);
    await client.sendNotification(Lsp.ExitNotification.type);
    await served;
  } finally {
    client.dispose();
  }
}

export type Client = ReturnType<typeof Lsp.createProtocolConnection>;

class Published {
  readonly #known = new Map<string, Lsp.PublishDiagnosticsParams>();
  readonly #wanted = new Map<string, (found: readonly Lsp.Diagnostic[]) => void>();

  take(params: Lsp.PublishDiagnosticsParams): void {
    const key = `${params.uri} ${params.version ?? ""}`;
    this.#known.set(key, params);
    this.#wanted.get(key)?.(params.diagnostics);
  }

  /** The diagnostics of a version of a text, as soon as the server publishes them. */
  of(uri: string, version: number | "" = ""): Promise<readonly Lsp.Diagnostic[]> {
    const key = `${uri} ${version}`;
    const known = this.#known.get(key);
    if (known !== undefined) return Promise.resolve(known.diagnostics);
    return new Promise((resolve) => this.#wanted.set(key, resolve));
  }
}

/** Changes the text that is opened by default. */
export async function change(
  client: Client,
  version: number,
  content: Lsp.TextDocumentContentChangeEvent,
): Promise<void> {
  await client.sendNotification(Lsp.DidChangeTextDocumentNotification.type, {
    textDocument: { uri: URI, version },
    contentChanges: [content],
  });
}

export async function open(client: Client, text: string, uri = URI): Promise<void> {
  await client.sendNotification(Lsp.DidOpenTextDocumentNotification.type, {
    textDocument: { uri, languageId: "dma", version: 1, text },
  });
}
