/**
 * One client's session: messages of the Debug Adapter Protocol, answered by {@linkcode Requests}.
 *
 * Nothing is worked out in this folder. A request is a question or a move of `recording/`; what
 * comes back is written as the protocol wants it.
 */
import { ProtocolServer } from "@vscode/debugadapter/lib/protocol.js";
import type { DebugProtocol } from "@vscode/debugprotocol";
import { Cancelled, EvaluationError } from "@dmalab/recording";
import { BUG_CODE, bugMessage } from "@dmalab/lang/diagnostics";
import { Adapter } from "./adapter.ts";
import { checkArguments, withoutNulls } from "./arguments.ts";
import { Cancellation } from "./cancellation.ts";
import type { Arrivals } from "./stdin_worker.ts";
import { FrameError, MessageFrames } from "./message_frames.ts";
import { evaluationProblem, RequestError } from "./request_error.ts";
import { DapRequests } from "./requests.ts";

/** Streams as Node has them. */
type Input = Parameters<ProtocolServer["start"]>[0];
type Output = Parameters<ProtocolServer["start"]>[1];

export class DapSession extends ProtocolServer {
  /** Fulfilled when the client has disconnected. */
  readonly closed: Promise<void>;
  #close: () => void = () => {};
  readonly #adapter: Adapter;
  readonly #requests: DapRequests;
  /** Requests are answered one after the other: a launch may have to wait for the compiler of C. */
  #answering: Promise<void> = Promise.resolve();
  readonly #names = new Set(Object.getOwnPropertyNames(DapRequests.prototype));

  readonly #cancellation: Cancellation;

  /** @param arrivals Requests that were read while this thread was busy; null where no worker reads. */
  constructor(arrivals: Arrivals | null = null) {
    super();
    this.#cancellation = new Cancellation(arrivals);
    this.closed = new Promise((resolve) => this.#close = resolve);
    const send = (event: string, body?: object) =>
      this.sendEvent({ seq: 0, type: "event", event, ...body === undefined ? {} : { body } });
    this.#adapter = new Adapter(send, this.#cancellation);
    this.#requests = new DapRequests(this.#adapter, send);
    this.#names.delete("constructor");
  }

  /**
   * Serves a client until it is gone.
   *
   * @returns Why its bytes are no messages of the protocol; null when they were.
   */
  async serve(input: Input, output: Output): Promise<string | null> {
    let problem: string | null = null;
    this.on("close", () => this.#gone());
    this.on("error", (event: { readonly body?: unknown }) => {
      if (problem === null) this.#notUnderstood(String(event.body));
    });
    const frames = new MessageFrames();
    frames.on("error", (error) => {
      if (!(error instanceof FrameError)) return;
      problem = error.message;
      this.#notUnderstood(problem);
    });
    // Before the server listens: an error of the output (EPIPE) means that the client has gone.
    output.on("error", () => {
      this.#isGone = true;
      this.#gone();
    });
    for (const ending of ["end", "close", "error"]) input.on(ending, () => this.#gone());
    this.start(frames, output);
    input.pipe(frames);
    await this.closed;
    // Else what is left of the input would keep the process.
    input.pause();
    return problem;
  }

  #notUnderstood(why: string): void {
    this.#adapter.say("stderr", `Malformed message: ${why}\n`);
  }

  #gone(): void {
    this.#adapter.end();
    this.#close();
  }

  #isGone = false;

  // What is written to a client that has gone fails, and every failure would be reported to it again.
  override sendEvent(event: DebugProtocol.Event): void {
    if (!this.#isGone) super.sendEvent(event);
  }

  override sendResponse(response: DebugProtocol.Response): void {
    if (!this.#isGone) super.sendResponse(response);
  }

  protected override dispatchRequest(request: DebugProtocol.Request): void {
    // A response needs the number and the name of its request.
    if (!Number.isSafeInteger(request.seq) || typeof request.command !== "string") {
      this.#notUnderstood('a request has a number, "seq", and a name, "command"');
      return;
    }
    this.#cancellation.came(request.seq, request.command, request.arguments?.requestId);
    this.#answering = this.#answering.then(() => this.#answer(request));
  }

  async #answer(request: DebugProtocol.Request): Promise<void> {
    const { arguments: args, command } = request;
    const response: DebugProtocol.Response = {
      seq: 0,
      type: "response",
      request_seq: request.seq,
      success: true,
      command,
    };
    this.#cancellation.begins(request.seq, command);
    try {
      if (this.#cancellation.isCancelled) throw new Cancelled("Cancelled");
      if (!this.#names.has(command)) throw new RequestError(`There is no request "${command}"`);
      const given: unknown = withoutNulls(args ?? {});
      if (typeof given !== "object") throw new RequestError('"arguments" takes an object');
      checkArguments(command, given!);
      const answer: unknown = await Reflect.get(this.#requests, command).call(
        this.#requests,
        given,
      );
      if (answer !== undefined) response.body = answer;
    } catch (error) {
      response.success = false;
      const isCancelled = this.#cancellation.isCancelled;
      response.message = isCancelled ? CANCELLED : problemOf(error);
      const showUser = !isCancelled && USER_ACTIONS.has(command);
      response.body = { error: { id: 1, ...formatted(response.message), showUser } };
    }
    this.#cancellation.ended(request.seq);
    this.sendResponse(response);
    // What a request starts comes after its answer.
    this.#adapter.answered().catch((error) => {
      this.#adapter.say("stderr", `${problemOf(error)}\n`);
      this.#adapter.end();
    });
    if (command === "disconnect") this.#close();
  }
}

/** The protocol's message for a request that was cancelled. */
const CANCELLED = "cancelled";

/**
 * Requests that the user makes by a key or a button: their errors are shown. Clients send all others
 * by themselves, such as those for watches and hovers, and show an error in place of the value.
 */
const USER_ACTIONS: ReadonlySet<string> = new Set([
  "launch",
  "restart",
  "continue",
  "reverseContinue",
  "next",
  "stepIn",
  "stepOut",
  "stepBack",
  "pause",
  "goto",
  "dmalab.move",
  "dmalab.goto",
]);

/** What went wrong, for the person at the client. */
function problemOf(error: unknown): string {
  if (error instanceof Cancelled) return "Interrupted; the position is unchanged";
  if (error instanceof EvaluationError) return evaluationProblem(error);
  if (error instanceof RequestError) {
    return error.hint === null ? error.message : `${error.message} (${error.hint})`;
  }
  return `error[${BUG_CODE}]: ${bugMessage(error)}`;
}

/** Names of a format stand in braces; braces of the text itself are two such names. */
function formatted(text: string): Pick<DebugProtocol.Message, "format" | "variables"> {
  if (!/[{}]/.test(text)) return { format: text };
  return {
    format: text.replaceAll(/[{}]/g, (brace) => brace === "{" ? "{open}" : "{close}"),
    variables: { open: "{", close: "}" },
  };
}
