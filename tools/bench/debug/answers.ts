/** Response times of the debug adapter for positions of long runs. */
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
/**
 * Step from one visited position to the next, in events. It is coprime to the number of events, so
 * that positions are visited in scattered order.
 */
const STRIDE = 61_803;
/** Pause before the first request, and at each position: a person reads what is shown. */
const QUIET_MS = 3000;
const LOOKS_MS = 1000;
/** The longest acceptable wait. */
const WANTED_MS = 50;
/** Page size of a client that loads long lists in pages. */
const PAGE = 100;

function now(): { readonly wallMs: number; readonly cpuMs: number } {
  return { wallMs: performance.now(), cpuMs: 1000 * cpuSeconds() };
}

/** Sends requests and measures the time. It uses no pipes, so that only the adapter is measured. */
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
   * Sends a request and waits for the response, or for an event if `until` names an event.
   * @param label Key under which the time is stored; default: the request's name.
   * @throws {Error} When the adapter reports a failure.
   */
  // deno-lint-ignore no-explicit-any
  async ask(command: string, args: object, until = command, label = command): Promise<any> {
    const response = new Promise<DebugProtocol.Response>((resolve) =>
      this.#waiting.set(command, (message) => {
        // With `until`, a successful response says only that the request was accepted; the event is
        // the result.
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
    // A busy host makes the wall time too long, and collector threads make the processor time too
    // long. Therefore the shorter of the two times counts.
    const tookMs = Math.min(end.wallMs - start.wallMs, end.cpuMs - start.cpuMs);
    (this.times[label] ??= []).push(tookMs);
    if (success === false) throw new Error(`${command} ${JSON.stringify(args)}: ${message}`);
    return body;
  }

  /**
   * Requests the view of a position. The view is expanded as far as a client expands it
   * automatically, and by one further level.
   */
  async open(frameId: number): Promise<void> {
    const { scopes } = await this.ask("scopes", { frameId });
    for (const { variablesReference } of scopes as DebugProtocol.Scope[]) {
      const { variables } = await this.ask("variables", { variablesReference });
      for (const inner of variables as DebugProtocol.Variable[]) {
        if (inner.variablesReference > 0) await this.#page(inner);
      }
    }
  }

  /** Requests the last page of a list, and the whole list. */
  async #page(
    { indexedVariables: count = 0, variablesReference }: DebugProtocol.Variable,
  ): Promise<void> {
    const start = Math.max(0, count - PAGE);
    await this.ask("variables", { variablesReference, start, count: PAGE });
    await this.ask("variables", { variablesReference });
  }
}

/** Sends the requests of a client before the run starts, and those about a file. */
async function prepare(asker: Asker, path: string): Promise<void> {
  const source = { path };
  await asker.ask("setBreakpoints", { source, breakpoints: [{ line: 9, condition: "false" }] });
  await asker.ask("setBreakpoints", { source, breakpoints: [] });
  await asker.ask("setFunctionBreakpoints", { breakpoints: [] });
  await asker.ask("breakpointLocations", { source, line: 1, endLine: 99 });
  await asker.ask("loadedSources", {});
}

/** Sends all requests of a client at one position. */
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

/** Response times of a run in milliseconds, by request. */
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
  // These two requests include the run itself.
  const { configurationDone: _, launch: __, ...times } = asker.times;
  return times;
}

/** For a request: all its times, and the scenario with the longest one. */
interface Answers {
  readonly request: string;
  readonly times: readonly number[];
  readonly worstMs: number;
  readonly scenario: string;
}

/**
 * Measures each scenario in a separate process that may read the scenario. An editor starts the
 * adapter in the same way.
 */
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
