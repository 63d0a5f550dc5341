/** The requests of the protocol, by name. */
import type { DebugProtocol } from "@vscode/debugprotocol";
import {
  atLine,
  blocksAhead,
  comparePositions,
  type Cursor,
  EvaluationError,
  type Position,
  readMemory,
  type Recording,
  START,
  type StepCommand,
} from "@dmalab/recording";
import { base64, incidentView } from "@dmalab/recording/views";
import type { Adapter } from "./adapter.ts";
import { boolean, list, number, object, optional, record, string } from "./arguments.ts";
import { EXCEPTION_FILTERS } from "./breakpoints.ts";
import { withLaunchKeys } from "./launch.ts";
import { RequestError } from "./request_error.ts";
import { dataBreakpointInfo } from "./variables.ts";
import { formatEvents } from "@dmalab/lang/render";
import { type Paint, painter } from "@dmalab/lang/text";
import { type CommandContext, NamesInSight, runReplCommand, suggestWords } from "@dmalab/cli/debug";

/** Width to which texts for the console are wrapped. */
const COLUMNS = 160;

class Lines implements CommandContext {
  readonly timeTravel = null;
  readonly paint: Paint = painter(false);
  readonly columns = COLUMNS;
  readonly all: string[] = [];
  traceAlways = false;
  lastMoveSeq: number;
  readonly session: NamesInSight;

  constructor(readonly cursor: Cursor) {
    this.session = new NamesInSight(cursor);
    this.lastMoveSeq = cursor.position.seq;
  }

  say(line: string): void {
    this.all.push(line);
  }

  refuse(line: string): void {
    this.say(line);
  }

  printEvents(events: Parameters<CommandContext["printEvents"]>[0]): void {
    if (events.length === 0) return;
    for (const line of formatEvents(events, this.columns)) this.all.push(line);
  }
}

/** The adapter's capabilities, which clients request first. */
const CAPABILITIES: DebugProtocol.Capabilities = {
  supportsConfigurationDoneRequest: true,
  supportsFunctionBreakpoints: true,
  supportsConditionalBreakpoints: true,
  supportsHitConditionalBreakpoints: true,
  supportsEvaluateForHovers: true,
  exceptionBreakpointFilters: [...EXCEPTION_FILTERS],
  supportsStepBack: true,
  supportsGotoTargetsRequest: true,
  supportsStepInTargetsRequest: true,
  supportsRestartRequest: true,
  supportsExceptionInfoRequest: true,
  supportsExceptionFilterOptions: true,
  supportsLogPoints: true,
  supportsTerminateRequest: true,
  supportsDataBreakpoints: true,
  supportsDataBreakpointBytes: true,
  supportsReadMemoryRequest: true,
  supportsSteppingGranularity: true,
  supportsLoadedSourcesRequest: true,
  supportsDelayedStackTraceLoading: true,
  supportsBreakpointLocationsRequest: true,
  supportsCompletionsRequest: true,
  completionTriggerCharacters: [":", "."],
  supportTerminateDebuggee: true,
  supportsCancelRequest: true,
};

const MAX_BYTES = 2 ** 20;
/** Largest number of completions that are offered at once. */
const MAX_COMPLETIONS = 200;

/** Answers a request. @returns The body of the response; undefined for none. */
type Answer = (adapter: Adapter, args: Readonly<Record<string, unknown>>) => unknown;

function answer<S extends Parameters<typeof record>[0]>(
  shape: S,
  run: (adapter: Adapter, args: ReturnType<ReturnType<typeof record<S>>>) => unknown,
): Answer {
  const read = record(shape);
  return (adapter, args) => run(adapter, read(args, "arguments"));
}

const SOURCE = record({ path: optional(string) });
const CONDITIONS = { condition: optional(string), hitCondition: optional(string) };

/** Answers a step request. If the client requests steps by instruction, the move is by events. */
function stepAnswer(
  unit: StepCommand["unit"],
  instruction: StepCommand["unit"],
  direction: StepCommand["direction"],
): Answer {
  return answer(
    { granularity: optional(string) },
    (adapter, { granularity }) =>
      adapter.go({ unit: granularity === "instruction" ? instruction : unit, direction }, "step"),
  );
}

const stepInto = stepAnswer("into", "event", "forward");

const BREAKPOINTS = {
  setBreakpoints: answer({
    source: SOURCE,
    breakpoints: optional(
      list(record({ line: number, logMessage: optional(string), ...CONDITIONS })),
    ),
  }, (adapter, args) => ({ breakpoints: adapter.target.breakpoints.setLines(args) })),
  setFunctionBreakpoints: answer(
    { breakpoints: list(record({ name: string, ...CONDITIONS })) },
    (adapter, { breakpoints }) => ({
      breakpoints: adapter.target.breakpoints.setFunctions(breakpoints),
    }),
  ),
  setExceptionBreakpoints: answer({
    filters: list(string),
    filterOptions: optional(list(record({ filterId: string, condition: optional(string) }))),
  }, (adapter, args) => ({ breakpoints: adapter.target.breakpoints.setExceptions(args) })),
  setDataBreakpoints: answer(
    { breakpoints: list(record({ dataId: string, accessType: optional(string), ...CONDITIONS })) },
    (adapter, { breakpoints }) => ({
      breakpoints: adapter.target.breakpoints.setData(breakpoints),
    }),
  ),
  dataBreakpointInfo: answer(
    { name: string, variablesReference: optional(number), asAddress: optional(boolean) },
    ({ target: { debuggee, variables } }, { asAddress, name, variablesReference = 0 }) => {
      const isText = asAddress === true || variablesReference === 0;
      return dataBreakpointInfo(
        isText
          ? variables.watchedBy(debuggee.position, name)
          : variables.watchedIn(variablesReference, name) ??
            "only table rows, device addresses and expressions can be watched",
      );
    },
  ),
  breakpointLocations: answer(
    { source: SOURCE, line: number, endLine: optional(number) },
    ({ recording, sources }, { endLine, line, source }) => {
      const file = sources.fileOf(source);
      const first = sources.ownLine(line);
      const last = sources.ownLine(endLine ?? line);
      const lines = file === null ? [] : recording.linesOf(file).lines;
      const within = lines.filter((each) => each >= first && each <= last);
      return { breakpoints: within.map((each) => ({ line: sources.line(each) })) };
    },
  ),
} satisfies Readonly<Record<string, Answer>>;

const UNITS = ["event", "over", "into", "out", "activity", "run"] as const;

const MOVES: Readonly<Record<string, Answer>> = {
  continue(adapter) {
    adapter.go({ unit: "run", direction: "forward" }, "step");
    return { allThreadsContinued: true };
  },
  reverseContinue: (adapter) => adapter.go({ unit: "run", direction: "back" }, "step"),
  next: stepAnswer("over", "event", "forward"),
  stepIn: (adapter, args) =>
    args.targetId === undefined
      ? stepInto(adapter, args)
      : adapter.goToPlace(number(args.targetId, "targetId"), "step"),
  stepOut: stepAnswer("out", "activity", "forward"),
  stepBack: stepAnswer("over", "event", "back"),
  /** Targets of a step into the blocks of a `fork`, a `compare` or a `race`. */
  stepInTargets: answer({ frameId: number }, (adapter, { frameId }) => {
    const { recording } = adapter;
    const { position } = adapter.frame(frameId);
    return {
      targets: blocksAhead({ position, recording }).map(({ name, runPosition }) => ({
        id: adapter.numberPlace(runPosition),
        label: name,
      })),
    };
  }),
  /** A custom request for moves that the protocol lacks: any step of the core, in both directions. */
  "dmalab.move"(adapter, { count = 1, direction, unit }) {
    const step = { count, direction, unit } as Required<StepCommand>;
    const isStep = UNITS.includes(step.unit) && (direction === "forward" || direction === "back") &&
      Number.isSafeInteger(count) && step.count > 0;
    if (!isStep) {
      throw new RequestError(`"unit" is one of ${UNITS.join(", ")}, "direction" forward or back`);
    }
    adapter.go(step, "step");
  },
  pause(adapter) {
    const { debuggee } = adapter.target;
    if (adapter.isGoing) debuggee.pause();
    else if (debuggee.hasHeard) debuggee.hasHeard = false;
    else adapter.goTo(debuggee.position, "pause");
  },
  gotoTargets: answer({ source: SOURCE, line: number }, (adapter, { line, source }) => {
    const { recording, sources, standing: { debuggee: { position } } } = adapter;
    const file = sources.fileOf(source);
    if (file === null) return { targets: [] };
    const place = { file, line: sources.ownLine(line) };
    const first = atLine(recording, place, START);
    const next = atLine(recording, place, position);
    const target = (label: string, position: Position) => ({
      id: adapter.numberPlace({ position, recording }),
      label: `${label}: event ${position.seq}`,
      line: sources.line(lineOf(recording, position)),
    });
    return {
      targets: [
        ...next === null
          ? []
          : [target(comparePositions(next, position) > 0 ? "next time" : "first time", next)],
        ...first === null || next === null || comparePositions(first, next) === 0
          ? []
          : [target("first time", first)],
      ],
    };
  }),
  goto: answer(
    { targetId: number },
    (adapter, { targetId }) => adapter.goToPlace(targetId, "goto"),
  ),
  "dmalab.goto": answer({ seq: number }, (adapter, { seq }) => {
    const { recording } = adapter;
    if (!Number.isSafeInteger(seq) || seq < 0 || seq > recording.log.count) {
      throw new RequestError(`There is no event ${seq}: the last is ${recording.log.count}`);
    }
    adapter.goTo(recording.afterEvent(seq), "goto");
  }),
};

function lineOf(recording: Recording, position: Position): number {
  const { source, start } = recording.statement(position)!.span;
  return source.position(start).line;
}

const QUESTIONS: Readonly<Record<string, Answer>> = {
  threads: (adapter) => ({ threads: adapter.target.threads.list() }),
  stackTrace: answer(
    { threadId: number, startFrame: optional(number), levels: optional(number) },
    (adapter, { levels = 0, startFrame = 0, threadId }) => {
      const { debuggee, threads } = adapter.standing;
      const all = threads.frames(threadId, debuggee.position);
      const wanted = all.slice(startFrame, levels === 0 ? undefined : startFrame + levels);
      return { stackFrames: adapter.numberFrames(wanted), totalFrames: all.length };
    },
  ),
  scopes: answer({ frameId: number }, (adapter, { frameId }) => ({
    scopes: adapter.standing.variables.scopes(adapter.frame(frameId)),
  })),
  variables: answer({
    variablesReference: number,
    start: optional(number),
    count: optional(number),
    filter: optional(string),
  }, (adapter, args) => ({ variables: adapter.standing.variables.list(args) })),
  completions: answer(
    { text: string, column: number, line: optional(number) },
    ({ sources, standing: { debuggee } }, { column, line, text }) => {
      const own = line === undefined ? 1 : sources.ownLine(line);
      const typed = (text.split("\n")[own - 1] ?? "").slice(0, sources.before(column));
      const { all, part } = suggestWords(typed, new Lines(debuggee));
      return {
        targets: all.slice(0, MAX_COMPLETIONS).map(({ doc, text: label }) => ({
          label,
          detail: doc,
          start: column - part.length,
          length: part.length,
        })),
      };
    },
  ),
  evaluate: answer(
    { expression: string, frameId: optional(number), context: optional(string) },
    (adapter, { context, expression, frameId }) => {
      const { debuggee, variables } = adapter.standing;
      if (context === "repl" && expression.startsWith(":")) return command(adapter, expression);
      const { position, call } = frameId === undefined
        ? { position: debuggee.position, call: 0 }
        : adapter.frame(frameId);
      return variables.evaluate(position, call ?? 0, expression);
    },
  ),
  exceptionInfo,
  readMemory: answer(
    { memoryReference: string, count: number, offset: optional(number) },
    (adapter, { count, memoryReference, offset = 0 }) => {
      const phys = /^\w+$/.test(memoryReference) ? Number(memoryReference) + offset : NaN;
      if (!Number.isSafeInteger(phys) || phys < 0) {
        throw new RequestError(`"${memoryReference}" is not a physical address`);
      }
      const address = `0x${phys.toString(16)}`;
      const { debuggee: { position, recording } } = adapter.standing;
      try {
        const sizeBytes = Math.max(0, Math.min(count, MAX_BYTES));
        return { address, data: base64(readMemory(recording, position, phys, sizeBytes)) };
      } catch (error) {
        if (!(error instanceof EvaluationError)) throw error;
        return { address, unreadableBytes: count };
      }
    },
  ),
  loadedSources({ recording, sources }) {
    const names = new Set(recording.code.statements.map(({ span }) => span.source.name));
    return { sources: [...names].map((name) => sources.source(name)) };
  },
};

/** Runs a command, which begins with a colon. */
function command(adapter: Adapter, line: string) {
  const { debuggee } = adapter.target;
  const { position, recording } = debuggee;
  const lines = new Lines(debuggee);
  const goesOn = runReplCommand(line, lines);
  const hasMoved = recording !== debuggee.recording ||
    comparePositions(position, debuggee.position) !== 0;
  if (!goesOn) adapter.end();
  else if (hasMoved) adapter.goTo(debuggee.position, "goto");
  return { result: lines.all.join("\n"), variablesReference: 0 };
}

function exceptionInfo({ lastHalt: halt, target, recording }: Adapter) {
  const { failure } = target.debuggee.whole;
  if (halt?.reason === "failed" && failure !== null) {
    const { code, kind: typeName, lines, message } = failure;
    return {
      exceptionId: code,
      description: message,
      breakMode: "always",
      details: { message, typeName, stackTrace: withLaunchKeys(lines.join("\n")) },
    };
  }
  if (halt?.hit?.stop.cause.kind !== "incident") {
    throw new RequestError("Not stopped at an exception");
  }
  const { seq } = halt.hit.position;
  const { id, lines, title, why } = incidentView(recording, seq)!;
  const description = why === "" ? title : `${title}\n${why}`;
  const { name } = recording.event(seq);
  return {
    exceptionId: `${name}: ${id}`,
    description,
    breakMode: "always",
    details: { message: description, typeName: name, stackTrace: lines.join("\n") },
  };
}

export const REQUESTS: ReadonlyMap<string, Answer> = new Map(Object.entries<Answer>({
  initialize(adapter, args) {
    adapter.initialize(args);
    return CAPABILITIES;
  },
  launch: (adapter, args) => adapter.launch(args),
  configurationDone: (adapter) => adapter.start(),
  restart: (adapter, args) => adapter.restart(optional(object)(args.arguments, "arguments")),
  terminate: (adapter) => adapter.end(),
  disconnect: (adapter) => adapter.end(),
  /**
   * Nothing to do here: the cancellation was noted when this request was received, and the request
   * that it cancels has been answered.
   */
  cancel() {},
  ...BREAKPOINTS,
  ...MOVES,
  ...QUESTIONS,
}));
