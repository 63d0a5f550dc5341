/**
 * One client's session: messages of the Debug Adapter Protocol, answered by {@linkcode REQUESTS}.
 *
 * This folder computes nothing itself. It maps each request to a query or a move of `recording/`,
 * and converts the result to the protocol's form.
 */
import type { DebugProtocol } from "@vscode/debugprotocol";
import { Cancelled, EvaluationError } from "@dmalab/recording";
import { BUG_CODE, bugMessage } from "@dmalab/lang/diagnostics";
import { Adapter } from "./adapter.ts";
import { object } from "./arguments.ts";
import { Cancellation } from "./cancellation.ts";
import type { Arrival } from "./client_reader.ts";
import { evaluationProblem, RequestError } from "./request_error.ts";
import { REQUESTS } from "./requests.ts";

export class DapSession {
  /**
   * Fulfilled when the client has disconnected. If the client did not speak DAP, the value is the
   * reason for disconnecting it; otherwise the value is null.
   */
  readonly closed: Promise<string | null>;
  #close: (problem: string | null) => void = () => {};
  readonly #adapter: Adapter;
  /**
   * The end of the last answer. Requests are answered one after the other, because a launch may
   * have to wait for the C compiler.
   */
  #answering: Promise<void> = Promise.resolve();
  #sent = 0;

  /** @param write Sends a message to the client. */
  constructor(
    private readonly write: (message: DebugProtocol.ProtocolMessage) => void,
    private readonly cancellation: Cancellation = new Cancellation(),
  ) {
    this.closed = new Promise((resolve) => this.#close = resolve);
    const send = (event: string, body?: object) =>
      this.#send({ type: "event", event, ...body === undefined ? {} : { body } });
    this.#adapter = new Adapter(send, cancellation);
  }

  receive(arrival: Arrival): void {
    if (arrival.kind === "request") {
      this.#answering = this.#answering.then(() => this.#answer(arrival.request));
      return;
    }
    if (arrival.problem !== null) {
      this.#adapter.say("stderr", `Malformed message: ${arrival.problem}\n`);
    }
    if (arrival.kind === "malformed") return;
    this.#adapter.end();
    this.#close(arrival.problem);
  }

  #send(message: { readonly type: string; readonly [name: string]: unknown }): void {
    this.write({ seq: ++this.#sent, ...message });
  }

  async #answer(request: DebugProtocol.Request): Promise<void> {
    const { arguments: args, command, seq } = request;
    const response = { type: "response", request_seq: seq, command };
    this.cancellation.begin(request);
    try {
      if (this.cancellation.isCancelled) throw new Cancelled("Cancelled");
      const answer = REQUESTS.get(command);
      if (answer === undefined) throw new RequestError(`There is no request "${command}"`);
      const body = await answer(this.#adapter, object(args ?? {}, "arguments"));
      this.#send({ ...response, success: true, ...body === undefined ? {} : { body } });
    } catch (error) {
      const { isCancelled } = this.cancellation;
      const message = isCancelled ? CANCELLED : problemOf(error);
      const showUser = !isCancelled && USER_ACTIONS.has(command);
      const body = { error: { id: 1, ...formatted(message), showUser } };
      this.#send({ ...response, success: false, message, body });
    }
    this.cancellation.end();
    // A move that a request starts runs after the response to that request.
    this.#adapter.answered().catch((error) => {
      this.#adapter.say("stderr", `${problemOf(error)}\n`);
      this.#adapter.end();
    });
    if (command === "disconnect") this.#close(null);
  }
}

/** The protocol's message for a cancelled request. */
const CANCELLED = "cancelled";

/**
 * Requests that a user makes by a key or button. Their errors are shown to the user. Clients send
 * all other requests automatically, for example for watches and hovers, and show an error instead
 * of the value.
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

/** The problem, as a message for the user. */
function problemOf(error: unknown): string {
  if (error instanceof Cancelled) return "Interrupted; the position is unchanged";
  if (error instanceof EvaluationError || error instanceof RequestError) {
    return evaluationProblem(error);
  }
  return `error[${BUG_CODE}]: ${bugMessage(error)}`;
}

/**
 * Makes a message format. In a format, braces enclose the name of a variable. Therefore a brace in
 * the text itself is written as a variable.
 */
function formatted(text: string): Pick<DebugProtocol.Message, "format" | "variables"> {
  if (!/[{}]/.test(text)) return { format: text };
  return {
    format: text.replaceAll(/[{}]/g, (brace) => brace === "{" ? "{open}" : "{close}"),
    variables: { open: "{", close: "}" },
  };
}
