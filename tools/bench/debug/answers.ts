/** How long a client of the debug adapter waits for answers about moments of long runs. */
import type { DebugProtocol } from "@vscode/debugprotocol";
import { DapSession } from "@dmalab/editor";
import { type Benchmark, benchResult } from "../benchmark.ts";
import { type BenchResult, median } from "@dmalab/cli/bench";
import { measureInChild } from "../child.ts";
import { cpuSeconds } from "../cpu_time.ts";

/** Runs of 100,000 to 180,000 events, each long in a different way. */
const SCENARIOS = [
  "tools/bench/scenarios/long_run.dma",
  "tools/bench/scenarios/long_live.dma",
  "tools/bench/scenarios/long_reads.dma",
  "tools/bench/scenarios/long_calls.dma",
  "tools/bench/scenarios/long_output.dma",
];
const EVENTS = 100_000;
const PLACES = 12;
/** Coprime to the number of events: places in no order. */
const STRIDE = 61_803;
/** Pause before the first question, and at each position: a person reads what is shown. */
const QUIET_MS = 3000;
const LOOKS_MS = 1000;
/** The longest acceptable wait. */
const WANTED_MS = 50;
/** How many of many clients ask for at once. */
const PAGE = 100;

function now(): { readonly wallMs: number; readonly cpuMs: number } {
  return { wallMs: performance.now(), cpuMs: 1000 * cpuSeconds() };
}

/** Asks without pipes, and takes the time: the measurement is of the adapter. */
class Asker {
  /** Milliseconds of each answer, by request. */
  readonly times: Record<string, number[]> = {};
  readonly #session = new DapSession((message) => this.#receive(message));
  readonly #waiting = new Map<string, (message: DebugProtocol.Response) => void>();
  #seq = 0;

  #receive(message: DebugProtocol.ProtocolMessage): void {
    const { command, event, type } = message as
      & Partial<DebugProtocol.Response>
      & Partial<DebugProtocol.Event>;
    const name = type === "event" ? event! : command!;
    this.#waiting.get(name)?.(message as DebugProtocol.Response);
    this.#waiting.delete(name);
  }

  /**
   * Waits for the event, where one is named, else for the answer.
   * @param label Under which its time is kept; the request's name when left out.
   * @throws {Error} When the adapter refuses it: an answer that says so is no answer.
   */
  // deno-lint-ignore no-explicit-any
  async ask(command: string, args: object, until = command, label = command): Promise<any> {
    const response = new Promise<DebugProtocol.Response>((resolve) =>
      this.#waiting.set(command, (message) => {
        // The event answers a request that was only accepted.
        if (!message.success || until === command) resolve(message);
      })
    );
    const event = new Promise<DebugProtocol.Response>((resolve) => {
      if (until !== command) this.#waiting.set(until, resolve);
    });
    const start = now();
    const request = { seq: ++this.#seq, type: "request", command, arguments: args };
    this.#session.receive({ kind: "request", request: request as DebugProtocol.Request });
    const { body, message, success } = await Promise.race([response, event]);
    const end = now();
    // A busy host lengthens the one, threads of the collector the other.
    const tookMs = Math.min(end.wallMs - start.wallMs, end.cpuMs - start.cpuMs);
    (this.times[label] ??= []).push(tookMs);
    if (success === false) throw new Error(`${command} ${JSON.stringify(args)}: ${message}`);
    return body;
  }

  /** The view of a moment, opened as far as a client opens it automatically and one level more. */
  async open(frameId: number): Promise<void> {
    const { scopes } = await this.ask("scopes", { frameId });
    for (const { variablesReference } of scopes as DebugProtocol.Scope[]) {
      const { variables } = await this.ask("variables", { variablesReference });
      for (const inner of variables as DebugProtocol.Variable[]) {
        if (inner.variablesReference > 0) await this.#page(inner);
      }
    }
  }

  /** The last page of something, and all of it. */
  async #page(
    { indexedVariables: count = 0, variablesReference }: DebugProtocol.Variable,
  ): Promise<void> {
    const start = Math.max(0, count - PAGE);
    await this.ask("variables", { variablesReference, start, count: PAGE });
    await this.ask("variables", { variablesReference });
  }
}

/** The requests of a client before it starts, and its questions about a file. */
async function prepare(asker: Asker, path: string): Promise<void> {
  const source = { path };
  await asker.ask("setBreakpoints", { source, breakpoints: [{ line: 9, condition: "false" }] });
  await asker.ask("setBreakpoints", { source, breakpoints: [] });
  await asker.ask("setFunctionBreakpoints", { breakpoints: [] });
  await asker.ask("breakpointLocations", { source, line: 1, endLine: 99 });
  await asker.ask("loadedSources", {});
}

/** All requests that a client can make at one position. */
async function askAt(asker: Asker, seq: number, path: string): Promise<void> {
  await asker.ask("dmalab.goto", { seq }, "stopped");
  await asker.ask("threads", {});
  const { stackFrames: [{ id: frameId }] } = await asker.ask("stackTrace", { threadId: 1 });
  await asker.open(frameId);
  await asker.ask("evaluate", { expression: "iommu.live_mappings", frameId });
  for (const expression of [":state page_table", ":why", ":trace 20", ":who iommu.live_mappings"]) {
    const label = `console ${expression.split(" ")[0]}`;
    await asker.ask("evaluate", { expression, frameId, context: "repl" }, "evaluate", label);
  }
  await asker.ask("completions", { text: "iommu.", column: 7, frameId });
  await asker.ask("dataBreakpointInfo", { name: "iommu.live_mappings" });
  await asker.ask("gotoTargets", { source: { path }, line: 9 });
  await asker.ask("readMemory", { memoryReference: "0x40000000", count: 4096 });
  for (const granularity of ["instruction", "statement"]) {
    for (const step of ["stepBack", "stepIn", "next", "stepOut"]) {
      await asker.ask(step, { granularity }, "stopped");
    }
  }
}

function rest(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Milliseconds of each answer about a run, by request. */
export async function measureAnswers(
  scenario: string,
): Promise<Readonly<Record<string, readonly number[]>>> {
  const asker = new Asker();
  await asker.ask("initialize", {});
  await asker.ask("launch", { program: scenario });
  await prepare(asker, scenario);
  await asker.ask("configurationDone", {}, "stopped");
  await rest(QUIET_MS);
  for (let place = 0; place < PLACES; place++) {
    await askAt(asker, 1 + (place * STRIDE) % EVENTS, scenario);
    await rest(LOOKS_MS);
  }
  await asker.ask("disconnect", {});
  // They do the run itself, as long as it takes.
  const { configurationDone: _, launch: __, ...times } = asker.times;
  return times;
}

/** For a request: all its times, and the scenario that it took longest in. */
interface Answers {
  readonly request: string;
  readonly times: readonly number[];
  readonly worstMs: number;
  readonly scenario: string;
}

/** Each scenario in a separate process that may read it, as an editor starts one. */
function measureAll(): readonly Answers[] {
  const all = new Map<string, Answers>();
  for (const scenario of SCENARIOS) {
    const answers = measureInChild(measureAnswers, [scenario]);
    for (const [request, times] of Object.entries(answers)) {
      const before = all.get(request);
      const worstMs = Math.max(...times);
      const isWorse = before === undefined || worstMs > before.worstMs;
      all.set(request, {
        request,
        times: [...before?.times ?? [], ...times],
        ...isWorse ? { worstMs, scenario } : { worstMs: before.worstMs, scenario: before.scenario },
      });
    }
  }
  return [...all.values()].sort((one, other) => other.worstMs - one.worstMs);
}

function result(name: string, milliseconds: number, worst: Answers | null = null): BenchResult {
  if (worst === null) return benchResult(name, milliseconds, "ms");
  const to = `${WANTED_MS} ms: ${worst.request} in ${worst.scenario}`;
  return benchResult(name, milliseconds, "ms", milliseconds / WANTED_MS, to);
}

export const DEBUG_ANSWERS: readonly Benchmark[] = [{
  name: "dap.answer",
  doc: "answers of the debug adapter about runs of 100,000 events: the median, and the longest " +
    "of all and of each request",
  run: () => {
    const all = measureAll();
    const [worst] = all;
    return [
      result("dap.answer", median(all.flatMap(({ times }) => times))),
      result("dap.answer.worst", worst!.worstMs, worst),
      ...all.map((each) => result(`dap.answer.${each.request}`, each.worstMs, each)),
    ];
  },
}];
