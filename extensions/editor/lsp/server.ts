/**
 * The language server: a client's documents, and the requests about them.
 *
 * This folder computes nothing itself: `lang/editor/` computes each answer, and this folder
 * converts the answer to the protocol's form.
 */
import process from "node:process";
import * as Lsp from "vscode-languageserver-protocol/node";
import * as answers from "./answers.ts";
import { outlineOf, TOKEN_MODIFIERS, TOKEN_TYPES } from "@dmalab/lang/editor";
import { VERSION } from "@dmalab/cli/extend";
import { FrameError } from "../message_frames.ts";
import { Documents, rangeOf, type Understood } from "./documents.ts";
import { CANCELLED, Inbox, type Input } from "./inbox.ts";
import { ruleLinks } from "./rules.ts";
import { prepareRename, references, rename } from "./renaming.ts";
import { RecordedValues } from "./values.ts";

/** Commands that the editor extension runs; arguments are the file's URI and the test's line. */
const COMMANDS = [
  { title: "Run", command: "dmalab.run" },
  { title: "Debug", command: "dmalab.debug" },
  { title: "Report", command: "dmalab.report" },
] as const;

function lenses({ analysis, uri }: Understood): Lsp.CodeLens[] {
  return outlineOf(analysis).flatMap(({ kind, nameSpan }) => {
    if (kind !== "test" && kind !== "property") return [];
    const range = rangeOf(nameSpan);
    return COMMANDS.map((command) => ({
      range,
      command: { ...command, arguments: [uri, range.start.line + 1] },
    }));
  });
}

type Output = ConstructorParameters<typeof Lsp.StreamMessageWriter>[0];

/** How long a text must stay unchanged before it is checked, in milliseconds. */
const QUIET_MS = 25;
/** Time between two checks whether the client's process is running. */
const CLIENT_CHECK_MS = 1000;

const CAPABILITIES: Lsp.ServerCapabilities = {
  textDocumentSync: { openClose: true, change: Lsp.TextDocumentSyncKind.Incremental, save: true },
  completionProvider: { resolveProvider: true, triggerCharacters: [".", "(", '"'] },
  hoverProvider: true,
  signatureHelpProvider: { triggerCharacters: ["(", ","] },
  definitionProvider: true,
  referencesProvider: true,
  documentHighlightProvider: true,
  documentSymbolProvider: true,
  foldingRangeProvider: true,
  selectionRangeProvider: true,
  renameProvider: { prepareProvider: true },
  documentFormattingProvider: true,
  documentRangeFormattingProvider: true,
  codeActionProvider: { codeActionKinds: ["quickfix"] },
  codeLensProvider: {},
  documentLinkProvider: {},
  inlayHintProvider: true,
  semanticTokensProvider: {
    legend: { tokenTypes: [...TOKEN_TYPES], tokenModifiers: [...TOKEN_MODIFIERS] },
    full: true,
  },
};

export class Server {
  readonly #documents = new Documents();
  readonly #connection: Lsp.ProtocolConnection;
  /** The timer after which open texts are checked; restarted at each change. */
  #quiet: ReturnType<typeof setTimeout> | undefined;
  /** The timer that checks whether the client's process is running. */
  #client: ReturnType<typeof setInterval> | undefined;
  readonly #inbox: Inbox;
  readonly #values = new RecordedValues();
  /** Texts that were opened or saved, and not recorded since. */
  readonly #unrecorded = new Set<string>();
  /** The end of the last recording: recordings run one after another. */
  #recording = Promise.resolve();
  /** Whether the client has disconnected: then recordings end. */
  #isOver = false;
  /**
   * `#showsValues`: whether the client shows values. `#asksAgain`: whether the client requests
   * values again when it is notified of new ones.
   */
  #showsValues = false;
  #asksAgain = false;
  #problem: string | null = null;
  #end: () => void = () => {};

  constructor(input: Input, output: Output) {
    const writer = new Lsp.StreamMessageWriter(output);
    const inbox = this.#inbox = new Inbox(input, () => {
      void this.#send(() =>
        writer.write({ jsonrpc: "2.0", id: null, error: NO_MESSAGE.toJson() } as Lsp.Message)
      );
    });
    inbox.onError((error) => {
      this.#problem ??= error instanceof FrameError
        ? error.message
        : "A message is not a JSON object";
    });
    // The end of the input does not end the server at once: earlier requests are answered.
    writer.onClose(() => this.#end());
    this.#connection = Lsp.createProtocolConnection(inbox, writer, undefined, {
      // Messages are handled one after another, so that the end comes after all answers.
      maxParallelism: 1,
      connectionStrategy: {
        cancelUndispatched: (message) => inbox.droppedAnswer(message as Lsp.RequestMessage),
      },
      messageStrategy: {
        handleMessage(message, next) {
          inbox.take(message);
          return next(message);
        },
      },
    });
    this.#hearDocuments();
    this.#answerAboutPlaces();
    this.#answerAboutTexts();
  }

  /** Serves the client until it disconnects. @returns Why it was dropped; null if it disconnected. */
  serve(): Promise<string | null> {
    return new Promise((resolve) => {
      this.#end = () => {
        this.#isOver = true;
        clearTimeout(this.#quiet);
        clearInterval(this.#client);
        this.#values.forgetAll();
        this.#connection.dispose();
        void this.#recording.then(() => resolve(this.#problem));
      };
      // Also called if the client was dropped, or cannot be written to any more.
      this.#connection.onError(this.#end);
      this.#connection.listen();
    });
  }

  #hearDocuments(): void {
    const connection = this.#connection;
    connection.onRequest(Lsp.InitializeRequest.type, ({ capabilities, processId }) => {
      this.#watchClient(processId);
      this.#showsValues = capabilities.textDocument?.inlayHint !== undefined;
      this.#asksAgain = capabilities.workspace?.inlayHint?.refreshSupport === true;
      return { capabilities: CAPABILITIES, serverInfo: { name: "dmalab", version: VERSION } };
    });
    connection.onRequest(Lsp.ShutdownRequest.type, () => {});
    connection.onNotification(Lsp.ExitNotification.type, () => this.#end());
    connection.onNotification(Lsp.DidOpenTextDocumentNotification.type, ({ textDocument }) => {
      this.#documents.open(textDocument.uri, textDocument.version, textDocument.text);
      this.#unrecorded.add(textDocument.uri);
      this.#checkSoon();
    });
    connection.onNotification(Lsp.DidSaveTextDocumentNotification.type, ({ textDocument }) => {
      this.#unrecorded.add(textDocument.uri);
      this.#checkSoon();
    });
    connection.onNotification(
      Lsp.DidChangeTextDocumentNotification.type,
      ({ contentChanges, textDocument: { uri, version } }) => {
        this.#documents.change(uri, version, contentChanges);
        this.#checkSoon();
      },
    );
    connection.onNotification(Lsp.DidCloseTextDocumentNotification.type, ({ textDocument }) => {
      this.#documents.close(textDocument.uri);
      this.#values.forget(textDocument.uri);
      void this.#publish(textDocument.uri, []);
      this.#checkSoon();
    });
    connection.onNotification(Lsp.DidChangeWatchedFilesNotification.type, () => {
      this.#documents.forget();
      this.#checkSoon();
    });
  }

  #answerAboutPlaces(): void {
    const connection = this.#connection;
    const at = <P extends Lsp.TextDocumentPositionParams, R>(
      answer: (of: Understood, position: Lsp.Position) => R,
    ) =>
    ({ position, textDocument }: P, token: Lsp.CancellationToken) =>
      this.#ask(textDocument, token, (of) => answer(of, position));
    connection.onRequest(Lsp.CompletionRequest.type, async (asked, token) => {
      const items = await at(answers.completion)(asked, token);
      return items?.map((item) => ({ ...item, data: asked })) ?? null;
    });
    connection.onRequest(Lsp.CompletionResolveRequest.type, async (item, token) => {
      const asked = item.data as Lsp.TextDocumentPositionParams;
      const doc = await at((of, position) => answers.completionDoc(of, position, item.label))(
        asked,
        token,
      );
      return { ...item, documentation: doc ?? "" };
    });
    connection.onRequest(Lsp.HoverRequest.type, at(answers.hover));
    connection.onRequest(Lsp.SignatureHelpRequest.type, at(answers.signature));
    connection.onRequest(Lsp.DefinitionRequest.type, at(answers.definition));
    connection.onRequest(Lsp.DocumentHighlightRequest.type, at(answers.highlights));
    connection.onRequest(
      Lsp.ReferencesRequest.type,
      ({ context, position, textDocument }, token) =>
        this.#ask(
          textDocument,
          token,
          (of) => references(of, position, context?.includeDeclaration ?? true, this.#documents),
        ),
    );
    connection.onRequest(
      Lsp.PrepareRenameRequest.type,
      at((of, position) => orError(prepareRename(of, position))),
    );
    connection.onRequest(
      Lsp.RenameRequest.type,
      ({ newName, position, textDocument }, token) =>
        this.#ask(
          textDocument,
          token,
          async (of) => orError(await rename(of, position, newName, this.#documents)),
        ),
    );
  }

  #answerAboutTexts(): void {
    const connection = this.#connection;
    const of = <P extends { textDocument: Lsp.TextDocumentIdentifier }, R>(
      answer: (of: Understood, asked: P) => R,
    ) =>
    (asked: P, token: Lsp.CancellationToken) =>
      this.#ask(asked.textDocument, token, (understood) => answer(understood, asked));
    connection.onRequest(Lsp.DocumentSymbolRequest.type, of(answers.symbols));
    connection.onRequest(Lsp.FoldingRangeRequest.type, of(answers.folding));
    connection.onRequest(Lsp.SemanticTokensRequest.type, of(answers.tokens));
    connection.onRequest(Lsp.CodeActionRequest.type, of(answers.codeActions));
    connection.onRequest(Lsp.CodeLensRequest.type, of(lenses));
    connection.onRequest(Lsp.DocumentLinkRequest.type, of(ruleLinks));
    connection.onRequest(
      Lsp.SelectionRangeRequest.type,
      of((understood, { positions }) => answers.selection(understood, positions)),
    );
    connection.onRequest(
      Lsp.InlayHintRequest.type,
      of((understood, { range }) => this.#values.of(understood, range)),
    );
    connection.onRequest(
      Lsp.DocumentFormattingRequest.type,
      of((understood) => answers.formatting(understood)),
    );
    connection.onRequest(
      Lsp.DocumentRangeFormattingRequest.type,
      of((understood, { range }) => answers.formatting(understood, range)),
    );
  }

  async #ask<R>(
    { uri }: Lsp.TextDocumentIdentifier,
    token: Lsp.CancellationToken,
    answer: (of: Understood) => R | Promise<R>,
  ): Promise<R | null> {
    const understood = await this.#documents.understand(uri);
    if (token.isCancellationRequested) throw CANCELLED;
    return understood === null ? null : await answer(understood);
  }

  /**
   * Checks every open text after a short time without changes, because any of the texts may use the
   * changed text.
   */
  #checkSoon(): void {
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => {
      for (const uri of this.#documents.uris) void this.#check(uri);
    }, QUIET_MS);
  }

  async #check(uri: string): Promise<void> {
    // An edit is waiting, which will cause another check.
    if (this.#inbox.hasEdits(uri)) return;
    const version = this.#documents.versionOf(uri);
    const understood = await this.#documents.understand(uri);
    // The text has changed in between, and will be checked again.
    if (understood === null || version !== this.#documents.versionOf(uri)) return;
    await this.#publish(uri, answers.diagnostics(understood), version);
    if (!this.#unrecorded.delete(uri) || !this.#showsValues) return;
    this.#recording = this.#recording.then(() => this.#record(understood));
  }

  async #record(understood: Understood): Promise<void> {
    if (this.#isOver) return;
    const connection = this.#connection;
    try {
      if (!await this.#values.record(understood) || !this.#asksAgain) return;
      await this.#send(() => connection.sendRequest(Lsp.InlayHintRefreshRequest.type));
    } catch (error) {
      const message = `No values for ${understood.uri}: ${error}`;
      const params = { type: Lsp.MessageType.Error, message } as const;
      await this.#send(() => connection.sendNotification(Lsp.LogMessageNotification.type, params));
    }
  }

  /** Ends the server when the client's process ends, unless that process is not visible from here. */
  #watchClient(processId: number | null): void {
    if (!isThere(processId)) return;
    this.#client = setInterval(() => {
      if (!isThere(processId)) this.#end();
    }, CLIENT_CHECK_MS);
  }

  #publish(uri: string, diagnostics: Lsp.Diagnostic[], version?: number): Promise<void> {
    const about = version === undefined ? {} : { version };
    const params = { uri, diagnostics, ...about };
    return this.#send(() =>
      this.#connection.sendNotification(Lsp.PublishDiagnosticsNotification.type, params)
    );
  }

  async #send(send: () => Promise<unknown>): Promise<void> {
    try {
      await send();
    } catch {
      // Ignored: the connection reports that the client has disconnected.
    }
  }
}

const NO_MESSAGE = new Lsp.ResponseError<void>(
  Lsp.ErrorCodes.InvalidRequest,
  "Not a request, a notification or a response",
);

/** Whether a process is running; false if that cannot be determined. */
function isThere(processId: number | null): boolean {
  try {
    return processId !== null && process.kill(processId, 0);
  } catch (error) {
    // EPERM: the process exists, but belongs to another user.
    return error instanceof Error && Reflect.get(error, "code") === "EPERM";
  }
}

/** Converts a reason to an error that editors show; other results are returned unchanged. */
function orError<T extends object>(result: T | string): T | Lsp.ResponseError<void> {
  // -32803 (RequestFailed): the request is valid, but could not be fulfilled.
  return typeof result === "string" ? new Lsp.ResponseError(-32803, result) : result;
}
