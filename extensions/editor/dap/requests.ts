/** The requests of the protocol, each by its name. */
import type { DebugProtocol } from "@vscode/debugprotocol";
import {
  atLine,
  blocksAhead,
  comparePositions,
  EvaluationError,
  type Position,
  readMemory,
  START,
  type StepCommand,
} from "@dmalab/recording";
import { incidentView } from "@dmalab/recording/views";
import type { Adapter } from "./adapter.ts";
import { EXCEPTION_FILTERS } from "./breakpoints.ts";
import { completionsOf, runConsoleCommand } from "./console.ts";
import { listEvents } from "./event_list.ts";
import { type LaunchArguments, withLaunchKeys } from "./launch.ts";
import { RequestError } from "./request_error.ts";
import { dataBreakpointInfo } from "./variables.ts";

/** What the adapter can do, as clients ask before anything else. */
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
  supportsDisassembleRequest: true,
  supportsSteppingGranularity: true,
  supportsInstructionBreakpoints: true,
  supportsLoadedSourcesRequest: true,
  supportsDelayedStackTraceLoading: true,
  supportsBreakpointLocationsRequest: true,
  supportsCompletionsRequest: true,
  completionTriggerCharacters: [":", "."],
  supportTerminateDebuggee: true,
  supportsCancelRequest: true,
};

type Granular = { readonly granularity?: DebugProtocol.SteppingGranularity };

/** Bytes that are read at once at most. */
const MAX_BYTES = 2 ** 20;
/** Words that are offered at once at most. */
const MAX_COMPLETIONS = 200;

/** A method for each request. What one gives is the body of the answer. */
export class DapRequests {
  readonly #adapter: Adapter;
  readonly #event: (name: string) => void;

  constructor(adapter: Adapter, event: (name: string) => void) {
    this.#adapter = adapter;
    this.#event = event;
  }

  initialize(args: DebugProtocol.InitializeRequestArguments) {
    this.#adapter.initialize(args);
    return CAPABILITIES;
  }

  async launch(args: LaunchArguments) {
    if (this.#adapter.isLaunched) {
      throw new RequestError("A run is already launched", "use restart");
    }
    await this.#adapter.launch(args);
    // Not before: breakpoints can only be placed in a known run.
    this.#event("initialized");
  }

  configurationDone() {
    if (this.#adapter.hasStarted) throw new RequestError("The run has already started");
    this.#adapter.start();
  }

  async restart({ arguments: args = {} }: DebugProtocol.RestartArguments) {
    if (this.#adapter.isGoing) throw new RequestError("The target is running: pause it first");
    await this.#adapter.restart(args as LaunchArguments);
  }

  terminate() {
    this.#adapter.end();
  }

  disconnect() {
    this.#adapter.end();
  }

  /** Heard when it came: what was meant has its answer by now. */
  cancel() {}

  // Breakpoints.

  setBreakpoints(args: DebugProtocol.SetBreakpointsArguments) {
    return { breakpoints: this.#adapter.target.breakpoints.setLines(args) };
  }

  setFunctionBreakpoints({ breakpoints }: DebugProtocol.SetFunctionBreakpointsArguments) {
    return { breakpoints: this.#adapter.target.breakpoints.setFunctions(breakpoints) };
  }

  setExceptionBreakpoints(args: DebugProtocol.SetExceptionBreakpointsArguments) {
    return { breakpoints: this.#adapter.target.breakpoints.setExceptions(args) };
  }

  setInstructionBreakpoints({ breakpoints }: DebugProtocol.SetInstructionBreakpointsArguments) {
    return { breakpoints: this.#adapter.target.breakpoints.setInstructions(breakpoints) };
  }

  dataBreakpointInfo(args: DebugProtocol.DataBreakpointInfoArguments) {
    const { asAddress, name, variablesReference = 0 } = args;
    const { debuggee, variables } = this.#adapter.target;
    const isText = asAddress === true || variablesReference === 0;
    return dataBreakpointInfo(
      isText
        ? variables.watchedBy(debuggee.position, name)
        : variables.watchedIn(variablesReference, name) ??
          "only table rows, device addresses and expressions can be watched",
    );
  }

  setDataBreakpoints({ breakpoints }: DebugProtocol.SetDataBreakpointsArguments) {
    return { breakpoints: this.#adapter.target.breakpoints.setData(breakpoints) };
  }

  breakpointLocations({ endLine, line, source }: DebugProtocol.BreakpointLocationsArguments) {
    const { recording, sources } = this.#adapter;
    const file = sources.fileOf(source);
    const first = sources.ownLine(line);
    const last = sources.ownLine(endLine ?? line);
    const lines = file === null ? [] : recording.linesOf(file).lines;
    const within = lines.filter((each) => each >= first && each <= last);
    return { breakpoints: within.map((each) => ({ line: sources.line(each) })) };
  }

  // Moves.

  continue() {
    this.#go({ unit: "run", direction: "forward" });
    return { allThreadsContinued: true };
  }

  reverseContinue() {
    this.#go({ unit: "run", direction: "back" });
  }

  next({ granularity }: Granular) {
    this.#go({ unit: granularity === "instruction" ? "event" : "over", direction: "forward" });
  }

  stepIn({ granularity, targetId }: DebugProtocol.StepInArguments) {
    if (targetId !== undefined) return this.#adapter.goToPlace(targetId, "step");
    this.#go({ unit: granularity === "instruction" ? "event" : "into", direction: "forward" });
  }

  /** The blocks of a `fork`, a `compare` or a `race`. */
  stepInTargets({ frameId }: DebugProtocol.StepInTargetsArguments) {
    const { recording } = this.#adapter;
    const { position } = this.#adapter.frame(frameId);
    return {
      targets: blocksAhead({ position, recording }).map(({ name, runPosition }) => ({
        id: this.#adapter.numberPlace(runPosition),
        label: name,
      })),
    };
  }

  stepOut({ granularity }: Granular) {
    this.#go({ unit: granularity === "instruction" ? "activity" : "out", direction: "forward" });
  }

  stepBack({ granularity }: Granular) {
    this.#go({ unit: granularity === "instruction" ? "event" : "over", direction: "back" });
  }

  /** What the protocol has no request for: any step of the core, both ways. */
  "dmalab.move"({ count = 1, unit, direction }: Partial<StepCommand>) {
    const units = ["event", "over", "into", "out", "activity", "run"];
    const isStep = units.includes(unit!) && (direction === "forward" || direction === "back") &&
      Number.isSafeInteger(count) && count > 0;
    if (!isStep) {
      throw new RequestError(`"unit" is one of ${units.join(", ")}, "direction" forward or back`);
    }
    this.#go({ unit: unit!, direction: direction!, count });
  }

  pause() {
    const { debuggee } = this.#adapter.target;
    if (this.#adapter.isGoing) debuggee.pause();
    else if (debuggee.hasHeard) debuggee.hasHeard = false;
    else this.#adapter.goTo(debuggee.position, "pause");
  }

  gotoTargets({ line, source }: DebugProtocol.GotoTargetsArguments) {
    const adapter = this.#adapter;
    const { debuggee: { position } } = adapter.standing;
    const file = adapter.sources.fileOf(source);
    if (file === null) return { targets: [] };
    const place = { file, line: adapter.sources.ownLine(line) };
    const first = atLine(adapter.recording, place, START);
    const next = atLine(adapter.recording, place, position);
    const target = (label: string, position: Position) => ({
      id: adapter.numberPlace({ position: position, recording: adapter.recording }),
      label: `${label}: event ${position.seq}`,
      line: adapter.sources.line(this.#lineOf(position)),
    });
    return {
      targets: [
        ...next === null
          ? []
          : [target(isAfter(next, position) ? "next time" : "first time", next)],
        ...first === null || next === null || comparePositions(first, next) === 0
          ? []
          : [target("first time", first)],
      ],
    };
  }

  goto({ targetId }: DebugProtocol.GotoArguments) {
    this.#adapter.goToPlace(targetId, "goto");
  }

  /** To an event by its number. */
  "dmalab.goto"({ seq }: { readonly seq?: number }) {
    const { recording } = this.#adapter;
    if (!Number.isSafeInteger(seq) || seq! < 0 || seq! > recording.log.count) {
      throw new RequestError(`There is no event ${seq}: the last is ${recording.log.count}`);
    }
    this.#adapter.goTo(recording.afterEvent(seq!), "goto");
  }

  #go(step: StepCommand): void {
    this.#adapter.go(step, "step");
  }

  #lineOf(position: Position): number {
    const { source, start } = this.#adapter.recording.statement(position)!.span;
    return source.position(start).line;
  }

  // Questions.

  threads() {
    return { threads: this.#adapter.target.threads.list() };
  }

  stackTrace({ levels = 0, startFrame = 0, threadId }: DebugProtocol.StackTraceArguments) {
    const { debuggee, threads } = this.#adapter.standing;
    const all = threads.frames(threadId, debuggee.position);
    const wanted = all.slice(startFrame, levels === 0 ? undefined : startFrame + levels);
    return { stackFrames: this.#adapter.numberFrames(wanted), totalFrames: all.length };
  }

  scopes({ frameId }: DebugProtocol.ScopesArguments) {
    return { scopes: this.#adapter.standing.variables.scopes(this.#adapter.frame(frameId)) };
  }

  variables(args: DebugProtocol.VariablesArguments) {
    return { variables: this.#adapter.standing.variables.list(args) };
  }

  completions({ column, line, text }: DebugProtocol.CompletionsArguments) {
    const { debuggee } = this.#adapter.standing;
    const { sources } = this.#adapter;
    const own = line === undefined ? 1 : sources.ownLine(line);
    const typed = (text.split("\n")[own - 1] ?? "").slice(0, sources.before(column));
    const { all, part } = completionsOf(typed, debuggee);
    return {
      targets: all.slice(0, MAX_COMPLETIONS).map(({ doc, text: label }) => ({
        label,
        detail: doc,
        start: column - part.length,
        length: part.length,
      })),
    };
  }

  evaluate({ context, expression, frameId }: DebugProtocol.EvaluateArguments) {
    const { debuggee, variables } = this.#adapter.standing;
    if (context === "repl" && expression.startsWith(":")) return this.#command(expression);
    const { position, call } = frameId === undefined
      ? { position: debuggee.position, call: 0 }
      : this.#adapter.frame(frameId);
    return variables.evaluate(position, call ?? 0, expression);
  }

  #command(line: string) {
    const { debuggee } = this.#adapter.target;
    const { goesOn, moved, text } = runConsoleCommand(line, debuggee);
    if (!goesOn) this.#adapter.end();
    else if (moved) this.#adapter.goTo(debuggee.position, "goto");
    return { result: text, variablesReference: 0 };
  }

  exceptionInfo() {
    const { failure } = this.#adapter.target.debuggee.whole;
    const halt = this.#adapter.lastHalt;
    if (halt?.reason === "failed" && failure !== null) {
      const { code, lines, message } = failure;
      return {
        exceptionId: code,
        description: message,
        breakMode: "always",
        details: {
          message,
          typeName: failure.kind,
          stackTrace: withLaunchKeys(lines.join("\n")),
        },
      };
    }
    if (halt?.hit?.stop.cause.kind !== "incident") {
      throw new RequestError("Not stopped at an exception");
    }
    const { seq } = halt.hit.position;
    const { id, lines, title, why } = incidentView(this.#adapter.recording, seq)!;
    const description = why === "" ? title : `${title}\n${why}`;
    const { name } = this.#adapter.recording.event(seq);
    return {
      exceptionId: `${name}: ${id}`,
      description,
      breakMode: "always",
      details: { message: description, typeName: name, stackTrace: lines.join("\n") },
    };
  }

  readMemory({ count, memoryReference, offset = 0 }: DebugProtocol.ReadMemoryArguments) {
    const phys = /^\w+$/.test(memoryReference) ? Number(memoryReference) + offset : NaN;
    if (!Number.isSafeInteger(phys) || phys < 0) {
      throw new RequestError(`"${memoryReference}" is not a physical address`);
    }
    const address = `0x${phys.toString(16)}`;
    const { debuggee: { position, recording } } = this.#adapter.standing;
    try {
      const bytes = readMemory(recording, position, phys, Math.max(0, Math.min(count, MAX_BYTES)));
      return { address, data: base64(bytes) };
    } catch (error) {
      if (!(error instanceof EvaluationError)) throw error;
      return { address, unreadableBytes: count };
    }
  }

  disassemble(args: DebugProtocol.DisassembleArguments) {
    const { recording, sources } = this.#adapter;
    return { instructions: listEvents(recording, sources, args) };
  }

  loadedSources() {
    const { recording, sources } = this.#adapter;
    const names = new Set(recording.code.statements.map(({ span }) => span.source.name));
    return { sources: [...names].map((name) => sources.source(name)) };
  }
}

function isAfter(one: Position, other: Position): boolean {
  return comparePositions(one, other) > 0;
}

function base64(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}
