/**
 * The language server: a client's documents, and the requests about them.
 *
 * Nothing is worked out in this folder: `lang/editor/` answers, and the answer is written as the
 * protocol wants it.
 */
import * as Lsp from "vscode-languageserver-protocol/node";
import { TOKEN_MODIFIERS, TOKEN_TYPES } from "../../lang/editor/semantic_tokens.ts";
import { VERSION } from "../package_version.ts";
import { FrameError, MessageFrames } from "../dap/message_frames.ts";
import * as answers from "./answers.ts";
import { Documents, type Understood } from "./documents.ts";
import { lenses } from "./lenses.ts";
import { ruleLinks } from "./rules.ts";
import { prepareRename, references, rename } from "./renaming.ts";
import { RecordedValues } from "./values.ts";

/** Streams as Node has them. */
type Input = ConstructorParameters<typeof Lsp.StreamMessageReader>[0];
type Output = ConstructorParameters<typeof Lsp.StreamMessageWriter>[0];

/** How long a text stays as it is before it is checked, in milliseconds. */
const QUIET_MS = 25;

/** What the end of the input stands for, behind all messages before it. */
const EXIT_BODY = JSON.stringify({ jsonrpc: "2.0", method: Lsp.ExitNotification.method });
const EXIT = `Content-Length: ${EXIT_BODY.length}\r\n\r\n${EXIT_BODY}`;

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
  /** Runs until the open texts are checked, from the last change on. */
  #quiet: ReturnType<typeof setTimeout> | undefined;
  readonly #frames = new MessageFrames();
  readonly #values = new RecordedValues();
  /** Texts that were opened or saved, and have not been recorded since. */
  readonly #unrecorded = new Set<string>();
  /** One text after another. */
  #recording = Promise.resolve();
  /** The client shows values, and asks for them again when there are new ones. */
  #showsValues = false;
  #asksAgain = false;
  #problem: string | null = null;
  #end: () => void = () => {};

  constructor(private readonly input: Input, output: Output) {
    const reader = new Lsp.StreamMessageReader(this.#frames);
    const writer = new Lsp.StreamMessageWriter(output);
    reader.onError((error) => {
      this.#problem ??= error instanceof FrameError
        ? error.message
        : "A message is not a JSON object";
    });
    // A closed input ends nothing yet: what was asked before is answered.
    writer.onClose(() => this.#end());
    // One after another, so that the end comes behind all answers.
    const options = { maxParallelism: 1 };
    this.#connection = Lsp.createProtocolConnection(reader, writer, undefined, options);
    this.#hearDocuments();
    this.#answerAboutPlaces();
    this.#answerAboutTexts();
  }

  /** Serves the client until it is gone. @returns Why it was dropped; null where it left. */
  serve(): Promise<string | null> {
    return new Promise((resolve) => {
      this.#end = () => {
        clearTimeout(this.#quiet);
        this.#values.forgetAll();
        this.#connection.dispose();
        void this.#recording.then(() => resolve(this.#problem));
      };
      // It was dropped, or nothing can be written to it any more.
      this.#connection.onError(this.#end);
      this.#connection.listen();
      this.#frames.on("end", () => this.#frames.emit("data", EXIT));
      // Streams of a process end without being closed.
      for (const ending of ["end", "close", "error"]) {
        this.input.on(ending, () => this.#frames.end());
      }
      this.input.pipe(this.#frames);
    });
  }

  #hearDocuments(): void {
    const connection = this.#connection;
    connection.onRequest(Lsp.InitializeRequest.type, ({ capabilities }) => {
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
    ({ position, textDocument }: P) => this.#ask(textDocument, (of) => answer(of, position));
    connection.onRequest(Lsp.CompletionRequest.type, async (asked) => {
      const items = await at(answers.completion)(asked);
      return items?.map((item) => ({ ...item, data: asked })) ?? null;
    });
    connection.onRequest(Lsp.CompletionResolveRequest.type, async (item) => {
      const asked = item.data as Lsp.TextDocumentPositionParams;
      const doc = await at((of, position) => answers.completionDoc(of, position, item.label))(
        asked,
      );
      return { ...item, documentation: doc ?? "" };
    });
    connection.onRequest(Lsp.HoverRequest.type, at(answers.hover));
    connection.onRequest(Lsp.SignatureHelpRequest.type, at(answers.signature));
    connection.onRequest(Lsp.DefinitionRequest.type, at(answers.definition));
    connection.onRequest(Lsp.DocumentHighlightRequest.type, at(answers.highlights));
    connection.onRequest(
      Lsp.ReferencesRequest.type,
      ({ context, position, textDocument }) =>
        this.#ask(
          textDocument,
          (of) => references(of, position, context.includeDeclaration, this.#documents),
        ),
    );
    connection.onRequest(
      Lsp.PrepareRenameRequest.type,
      at((of, position) => orError(prepareRename(of, position))),
    );
    connection.onRequest(
      Lsp.RenameRequest.type,
      ({ newName, position, textDocument }) =>
        this.#ask(
          textDocument,
          async (of) => orError(await rename(of, position, newName, this.#documents)),
        ),
    );
  }

  #answerAboutTexts(): void {
    const connection = this.#connection;
    const of = <P extends { textDocument: Lsp.TextDocumentIdentifier }, R>(
      answer: (of: Understood, asked: P) => R,
    ) =>
    (asked: P) => this.#ask(asked.textDocument, (understood) => answer(understood, asked));
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
    answer: (of: Understood) => R | Promise<R>,
  ): Promise<R | null> {
    const understood = await this.#documents.understand(uri);
    return understood === null ? null : await answer(understood);
  }

  /** Checks every open text once nothing has changed for a moment: any may use the changed one. */
  #checkSoon(): void {
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => {
      for (const uri of this.#documents.uris) void this.#check(uri);
    }, QUIET_MS);
  }

  async #check(uri: string): Promise<void> {
    const version = this.#documents.versionOf(uri);
    const understood = await this.#documents.understand(uri);
    // A text that has changed in between is checked anew.
    if (understood === null || version !== this.#documents.versionOf(uri)) return;
    await this.#publish(uri, answers.diagnostics(understood), version);
    if (!this.#unrecorded.delete(uri) || !this.#showsValues) return;
    this.#recording = this.#recording.then(() => this.#record(understood));
  }

  async #record(understood: Understood): Promise<void> {
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
      // The connection reports that the client has gone.
    }
  }
}

/** Text that says why not becomes the error that editors show. */
function orError<T extends object>(result: T | string): T | Lsp.ResponseError<void> {
  // -32803: the request failed, and neither side is to blame.
  return typeof result === "string" ? new Lsp.ResponseError(-32803, result) : result;
}
