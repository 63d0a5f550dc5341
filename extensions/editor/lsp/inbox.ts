/** Messages of a client that are not handled yet. */
import * as Lsp from "vscode-languageserver-protocol/node";
import { MessageFrames } from "../message_frames.ts";

export type Input = ConstructorParameters<typeof Lsp.StreamMessageReader>[0];
type RequestId = number | string;

/** Counts of the edits of a text; `heard` is the number of edits that were received. */
interface Edits {
  heard: number;
  /** Number of edits that have been applied to the server's documents. */
  taken: number;
  /** For each method, the last request about the text, and the number of edits before it. */
  readonly asked: Map<string, { readonly id: RequestId; readonly heard: number }>;
}

const EDIT = Lsp.DidChangeTextDocumentNotification.method;
const CANCEL = "$/cancelRequest";
const EXIT: Lsp.NotificationMessage = { jsonrpc: "2.0", method: Lsp.ExitNotification.method };

/**
 * Reads messages, and finds waiting requests that need no answer any more: requests that the client
 * cancels, and requests that the client repeats after an edit of the same text.
 */
export class Inbox extends Lsp.AbstractMessageReader {
  readonly #edits = new Map<string, Edits>();
  /** The earlier request that the current message repeats. */
  #older: RequestId | null = null;

  /** @param refuse Called for JSON that is not a message. */
  constructor(private readonly input: Input, private readonly refuse: () => void) {
    super();
  }

  listen(callback: Lsp.DataCallback): Lsp.Disposable {
    const frames = new MessageFrames();
    let isOver = false;
    const end = () => {
      // The end of the input is handled like an exit notification after all messages before it.
      if (!isOver) callback(EXIT);
      isOver = true;
    };
    this.input.on("data", (chunk: Uint8Array) => {
      if (isOver) return;
      try {
        for (const text of frames.take(chunk)) this.#receive(JSON.parse(text), callback);
      } catch (error) {
        isOver = true;
        this.fireError(error);
      }
    });
    // A process's streams may end without being closed.
    for (const ending of ["end", "close", "error"]) this.input.on(ending, end);
    return { dispose: () => isOver = true };
  }

  #receive(message: Lsp.Message, callback: Lsp.DataCallback): void {
    // The connection would print an unknown message, and would fail at a message that is nested too
    // deeply.
    if (!isMessage(message)) return this.refuse();
    this.#older = this.#hear(message);
    if (this.#older !== null) callback(cancellationOf(this.#older));
    callback(message);
  }

  /** The response to a request that is cancelled before it was handled. */
  droppedAnswer({ id }: Lsp.RequestMessage): Lsp.ResponseMessage {
    const error = id === this.#older ? ASKED_AGAIN : CANCELLED;
    return { jsonrpc: "2.0", id, error: error.toJson() };
  }

  /** Notes that a message is now being handled. */
  take(message: Lsp.Message): void {
    const uri = uriOf(message);
    const edits = uri === null ? undefined : this.#edits.get(uri);
    if (edits === undefined) return;
    const { method } = message as Lsp.NotificationMessage;
    if (method === EDIT) edits.taken++;
    if (method === Lsp.DidCloseTextDocumentNotification.method) this.#edits.delete(uri!);
  }

  /** Whether edits of a text are waiting. */
  hasEdits(uri: string): boolean {
    const { heard = 0, taken = 0 } = this.#edits.get(uri) ?? {};
    return heard > taken;
  }

  /** @returns The earlier request that this one repeats, or null. */
  #hear(message: Lsp.Message): RequestId | null {
    const uri = uriOf(message);
    if (uri === null) return null;
    const edits = this.#edits.get(uri) ?? { heard: 0, taken: 0, asked: new Map() };
    this.#edits.set(uri, edits);
    const { id, method } = message as Lsp.RequestMessage;
    if (method === EDIT) edits.heard++;
    if (!isId(id)) return null;
    const { asked, heard } = edits;
    const older = asked.get(method);
    asked.set(method, { id, heard });
    return older !== undefined && older.heard < heard ? older.id : null;
  }
}

/** The error for a request that the client has cancelled. */
export const CANCELLED = new Lsp.ResponseError<void>(
  Lsp.LSPErrorCodes.RequestCancelled,
  "Cancelled",
);
const ASKED_AGAIN = new Lsp.ResponseError<void>(
  Lsp.LSPErrorCodes.ContentModified,
  "Asked again for the edited text",
);

function isMessage(message: Lsp.Message): boolean {
  if (Lsp.Message.isResponse(message)) return isId(message.id);
  const isCancel = Lsp.Message.isNotification(message) && message.method === CANCEL;
  if (isCancel) return isId(paramsOf(message).id);
  return Lsp.Message.isRequest(message) || Lsp.Message.isNotification(message);
}

function isId(id: unknown): id is RequestId {
  return typeof id === "number" || typeof id === "string";
}

function paramsOf(message: Lsp.Message): {
  readonly id?: unknown;
  readonly textDocument?: { readonly uri?: unknown };
} {
  return (message as Partial<Lsp.RequestMessage>).params as object ?? {};
}

/** The URI of the text that a message is about; null without one. */
function uriOf(message: Lsp.Message): string | null {
  const uri = paramsOf(message).textDocument?.uri;
  return typeof uri === "string" ? uri : null;
}

function cancellationOf(id: RequestId): Lsp.NotificationMessage {
  return { jsonrpc: "2.0", method: CANCEL, params: { id } };
}
