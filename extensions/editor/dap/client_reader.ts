/** Reads a client's messages for the session. */
import type { DebugProtocol } from "@vscode/debugprotocol";
import type { JobRunner } from "@dmalab/cli/extend";
import { FrameError, MessageFrames } from "../message_frames.ts";
import { Cancellation } from "./cancellation.ts";

/** A request, another message, or the end of the input. The end names the problem if there was one. */
export type Arrival =
  | { readonly kind: "request"; readonly request: DebugProtocol.Request }
  | { readonly kind: "malformed"; readonly problem: string }
  | { readonly kind: "end"; readonly problem: string | null };

/** Parses bytes, and notes requests that cancel the work on earlier ones. */
export class ClientReader {
  readonly #frames = new MessageFrames();
  #isOver = false;

  constructor(
    private readonly cancellation: Cancellation,
    private readonly send: (arrival: Arrival) => void,
  ) {}

  take(chunk: Uint8Array): void {
    if (this.#isOver) return;
    try {
      for (const text of this.#frames.take(chunk)) this.#receive(text);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.end(error.message);
    }
  }

  #receive(text: string): void {
    try {
      const request: Partial<DebugProtocol.Request> | null = JSON.parse(text);
      if (!isRequest(request)) {
        throw new SyntaxError('a request has a number, "seq", and a name, "command"');
      }
      this.cancellation.hear(request.command, request.arguments?.requestId);
      this.send({ kind: "request", request });
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      this.send({ kind: "malformed", problem: error.message });
    }
  }

  /** Notes the end of the input, or input that is not from a DAP client. */
  end(problem: string | null = null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.cancellation.hear("disconnect");
    this.send({ kind: "end", problem });
  }
}

/** Whether a message is a request: with the number and the name that a response needs. */
function isRequest(
  message: Partial<DebugProtocol.Request> | null,
): message is DebugProtocol.Request {
  return Number.isSafeInteger(message?.seq) && typeof message!.command === "string";
}

/** A job that reads the standard input while the adapter is busy. */
export interface StdinJob {
  readonly kind: "dap_stdin";
  readonly path: null;
  readonly shared: SharedArrayBuffer;
}

export const STDIN_RUNNER: JobRunner<StdinJob> = {
  async run({ shared }, send) {
    const reader = new ClientReader(new Cancellation(shared), send);
    try {
      for await (const bytes of Deno.stdin.readable) reader.take(bytes);
    } catch {
      // The client has disconnected.
    }
    reader.end();
  },
};
