/** Controls the system's Firefox by WebDriver BiDi, with only the commands that the checks need. */
import { FIREFOX } from "./bench.ts";

/** A browser window. */
export interface LookedAt {
  open(url: string): Promise<void>;
  resize(width: number, height: number): Promise<void>;
  /** Evaluates an expression in the page. */
  evaluate(expression: string): Promise<unknown>;
  /** Errors of scripts since the last page was opened. */
  readonly errors: readonly string[];
  close(): Promise<void>;
}

interface Answer {
  readonly id?: number;
  readonly error?: string;
  readonly message?: string;
  readonly method?: string;
  // deno-lint-ignore no-explicit-any
  readonly result?: any;
  // deno-lint-ignore no-explicit-any
  readonly params?: any;
}

/** The line on stderr with the address on which Firefox listens. */
const LISTENS = /WebDriver BiDi listening on (ws:\/\/\S+)/;

/** Starts Firefox without a window. @throws {Error} When it is not installed, or does not listen. */
export async function startFirefox(): Promise<LookedAt> {
  if (FIREFOX === undefined) throw new Error("Firefox is missing: the package firefox-esr has it");
  const profile = Deno.makeTempDirSync();
  const process = new Deno.Command(FIREFOX, {
    args: ["--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0"],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let said = "";
  const reader = process.stderr.pipeThrough(new TextDecoderStream()).getReader();
  while (!LISTENS.test(said)) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`Firefox ended: ${said}`);
    said += value;
  }
  // Keeps reading stderr: a full pipe would stop Firefox.
  void (async () => {
    while (!(await reader.read()).done);
  })();
  const socket = new WebSocket(`${LISTENS.exec(said)![1]}/session`);
  await new Promise((done, fail) => {
    socket.onopen = done;
    socket.onerror = () => fail(new Error("Firefox refuses the connection"));
  });
  const waiting = new Map<number, (answer: Answer) => void>();
  const errors: string[] = [];
  socket.onmessage = ({ data }) => {
    const answer: Answer = JSON.parse(data);
    if (answer.id !== undefined) waiting.get(answer.id)?.(answer);
    else if (answer.method === "log.entryAdded" && answer.params.level === "error") {
      errors.push(answer.params.text);
    }
  };
  let next = 0;
  const send = async (method: string, params: object) => {
    const id = ++next;
    const answer = await new Promise<Answer>((done) => {
      waiting.set(id, done);
      socket.send(JSON.stringify({ id, method, params }));
    });
    waiting.delete(id);
    if (answer.error !== undefined) throw new Error(`${method}: ${answer.message}`);
    return answer.result;
  };
  await send("session.new", { capabilities: {} });
  await send("session.subscribe", { events: ["log.entryAdded"] });
  const context: string = (await send("browsingContext.getTree", {})).contexts[0].context;
  return {
    errors,
    async open(url) {
      errors.length = 0;
      await send("browsingContext.navigate", { context, url, wait: "complete" });
    },
    async resize(width, height) {
      await send("browsingContext.setViewport", { context, viewport: { width, height } });
    },
    async evaluate(expression) {
      const { exceptionDetails, result } = await send("script.evaluate", {
        // With the result as JSON text, the protocol's typed values need not be parsed.
        expression: `JSON.stringify(${expression}) ?? "null"`,
        target: { context },
        awaitPromise: true,
      });
      if (exceptionDetails !== undefined) throw new Error(exceptionDetails.text);
      return JSON.parse(result.value);
    },
    async close() {
      socket.close();
      process.kill("SIGTERM");
      await process.status;
      Deno.removeSync(profile, { recursive: true });
    },
  };
}
