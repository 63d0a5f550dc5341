/** How long a client of the debug adapter waits for answers about moments of a long run. */
import type { DebugProtocol } from "@vscode/debugprotocol";
import { Session } from "../../dap/session.ts";
import { plainBenchmark } from "../benchmark.ts";
import { runDeno } from "../child.ts";
import { RECORDING_MAIN } from "../recording.ts";

const SCENARIO = "benches/long_run.dma";
const EVENTS = 120_000;
const PLACES = 200;
/** Coprime to the number of events: places in no order. */
const STRIDE = 77_773;
/** How long the adapter is left alone first, as it is by a person who looks. */
const QUIET_MS = 3000;

/** Asks without pipes: what is measured is the adapter. */
class Asker {
  readonly #session = new Session();
  readonly #waiting = new Map<string, (body: unknown) => void>();
  #seq = 0;

  constructor() {
    this.#session.onDidSendMessage((message) => {
      const { body, command, event, type } = message as
        & Partial<DebugProtocol.Response>
        & Partial<DebugProtocol.Event>;
      const name = type === "event" ? event! : command!;
      this.#waiting.get(name)?.(body);
      this.#waiting.delete(name);
    });
  }

  /** Waits for the event, where one is named, else for the answer. */
  // deno-lint-ignore no-explicit-any
  ask(command: string, args: object, until = command): Promise<any> {
    const answer = new Promise((resolve) => this.#waiting.set(until, resolve));
    const request = { seq: ++this.#seq, type: "request", command, arguments: args };
    this.#session.handleMessage(request as DebugProtocol.Request);
    return answer;
  }
}

/** Milliseconds of each answer, the shortest first. */
export async function measureAnswers(): Promise<readonly number[]> {
  const asker = new Asker();
  await asker.ask("initialize", {});
  await asker.ask("launch", { program: SCENARIO });
  await asker.ask("configurationDone", {}, "stopped");
  await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
  const times: number[] = [];
  const timed = async (command: string, args: object, until?: string) => {
    const startMs = performance.now();
    const body = await asker.ask(command, args, until);
    times.push(performance.now() - startMs);
    return body;
  };
  for (let place = 0; place < PLACES; place++) {
    const seq = (place * STRIDE) % EVENTS;
    await timed("dmalab.goto", { seq }, "stopped");
    const { stackFrames: [{ id }] } = await timed("stackTrace", { threadId: 1 });
    const { scopes } = await timed("scopes", { frameId: id });
    for (const scope of scopes) await timed("variables", scope);
    await timed("evaluate", { expression: "iommu.live_mappings", frameId: id });
    await timed("disassemble", {
      memoryReference: `0x${seq.toString(16)}`,
      instructionOffset: -25,
      instructionCount: 50,
    });
    await timed("stepBack", { granularity: "instruction" }, "stopped");
  }
  await asker.ask("disconnect", {});
  return times.sort((one, other) => one - other);
}

/** In a process that may read scenarios, as an editor starts it. */
function measure(what: string): number {
  return Number(runDeno(["-R=.", RECORDING_MAIN, what]));
}

export const DEBUG_ANSWERS = [
  plainBenchmark(
    "dap.answer",
    "ms",
    "an answer of the debug adapter about a moment of 120,000 events: the median",
    () => measure("answer"),
  ),
  plainBenchmark(
    "dap.answer.worst",
    "ms",
    "the longest of some 2,000 of them",
    () => measure("worst-answer"),
  ),
];
