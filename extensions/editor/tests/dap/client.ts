/** A client of the Debug Adapter Protocol, for tests. */
import type { DebugProtocol } from "@vscode/debugprotocol";
import { framed, MessageFrames } from "../../message_frames.ts";

/** A message of the adapter. */
type Message = DebugProtocol.Response | DebugProtocol.Event;

/** Time after which a client stops waiting. */
const PATIENCE_MS = 20_000;

export class Client {
  /** All events received, in order. */
  readonly events: DebugProtocol.Event[] = [];
  readonly #answers = new Map<number, (response: DebugProtocol.Response) => void>();
  #waiting: { readonly name: string; readonly take: (event: DebugProtocol.Event) => void }[] = [];
  /** Number of events that have been returned to a waiting caller or skipped. */
  #taken = 0;
  #seq = 0;
  readonly #frames = new MessageFrames(Infinity);

  constructor(private readonly write: (bytes: Uint8Array) => void) {}

  /** Receives the adapter's output, in chunks of any size. */
  receive(bytes: Uint8Array): void {
    for (const text of this.#frames.take(bytes)) this.#hear(JSON.parse(text));
  }

  #hear(message: Message): void {
    if (message.type === "response") {
      const response = message as DebugProtocol.Response;
      this.#answers.get(response.request_seq)?.(response);
      this.#answers.delete(response.request_seq);
      return;
    }
    this.events.push(message as DebugProtocol.Event);
    this.#serve();
  }

  #serve(): void {
    const [first] = this.#waiting;
    if (first === undefined) return;
    for (; this.#taken < this.events.length; this.#taken++) {
      const event = this.events[this.#taken]!;
      if (event.event !== first.name) continue;
      this.#taken++;
      this.#waiting.shift();
      first.take(event);
      return this.#serve();
    }
  }

  /** The number of the last request. */
  get lastSent(): number {
    return this.#seq;
  }

  /** Sends a request. @returns The whole response, even if it is a failure. */
  ask(command: string, args?: object): Promise<DebugProtocol.Response> {
    const seq = ++this.#seq;
    // The resolver is registered first, because the response may arrive before the write returns.
    const answer = new Promise<DebugProtocol.Response>((take) => this.#answers.set(seq, take));
    const request = { seq, type: "request", command, arguments: args };
    this.write(new TextEncoder().encode(framed(request)));
    return patient(command, answer);
  }

  /** The body of a successful response. */
  // deno-lint-ignore no-explicit-any
  async body(command: string, args?: object): Promise<any> {
    const { body, message, success } = await this.ask(command, args);
    if (!success) throw new Error(`${command}: ${message}`);
    return body;
  }

  /** The next event with a name: the search begins after the last awaited event. */
  // deno-lint-ignore no-explicit-any
  event(name: string): Promise<any> {
    const came = new Promise<DebugProtocol.Event>((take) => this.#waiting.push({ name, take }));
    this.#serve();
    return patient(name, came).then(({ body }) => body);
  }

  /** Sends a request for a move. @returns The adapter's event about the new position. */
  async move(command: string, args: object = { threadId: 1 }) {
    const stopped = this.event("stopped");
    await this.body(command, args);
    return await stopped;
  }

  /** The text printed so far in a category. */
  output(category: string): string {
    return this.events.filter(({ body, event }) => event === "output" && body.category === category)
      .map(({ body }) => body.output).join("");
  }
}

function patient<T>(what: string, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`"${what}" did not come`)), PATIENCE_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
