/**
 * What one client debugs: a run with a current position, and the objects at that position that the
 * client has been shown.
 */
import type { DebugProtocol } from "@vscode/debugprotocol";
import { printableText } from "@dmalab/lang/diagnostics";
import { formatEventText } from "@dmalab/lang/render";
import { formatCount } from "@dmalab/lang/text";
import {
  BreakpointSet,
  crossed,
  type Position,
  type Recording,
  type RunPosition,
  type SetBreakpoint,
  type StepCommand,
} from "@dmalab/recording";
import type { Cancellation } from "./cancellation.ts";
import { codeOfFailure } from "@dmalab/cli/exit_code";
import { Breakpoints } from "./breakpoints.ts";
import { Debuggee, type StoppedReason } from "./debuggee.ts";
import { boolean, optional, record, string } from "./arguments.ts";
import { launch, type LaunchArguments, readLaunch, withLaunchKeys } from "./launch.ts";
import { RequestError } from "./request_error.ts";
import { type ShownFrame, Threads } from "./stack.ts";
import { Sources } from "./sources.ts";
import { Variables } from "./variables.ts";

export type Send = (event: string, body?: object) => void;

type Category = DebugProtocol.OutputEvent["body"]["category"];

/** Idle time before machines are parked for later requests. */
const QUIET_MS = 20;

/**
 * Least duration of a search for which progress is shown; `REPORT_MS`: least time between two
 * progress reports.
 */
const UNSHOWN_MS = 500;
const REPORT_MS = 200;

const CLIENT = record({
  columnsStartAt1: optional(boolean),
  linesStartAt1: optional(boolean),
  pathFormat: optional(string),
  supportsProgressReporting: optional(boolean),
});

export interface LaunchedRun {
  readonly debuggee: Debuggee;
  readonly breakpoints: Breakpoints;
  readonly threads: Threads;
  readonly variables: Variables;
}

export class Adapter {
  sources: Sources = new Sources({});
  /** Work to do after the response to the current request was sent. */
  readonly #later: (() => Promise<void>)[] = [];
  readonly #progress: Progress;
  readonly #stops = new BreakpointSet();
  #target: LaunchedRun | null = null;
  /** The launch arguments, as the client sent them and as parsed. */
  #request: object = {};
  #launched: Partial<LaunchArguments> = {};
  #isGoing = false;
  #hasStarted = false;
  #hasEnded = false;
  #saidResult = false;
  #idle: ReturnType<typeof setTimeout> | undefined;
  /** The frames that were shown to the client, by the numbers that it received. */
  #frames: ShownFrame[] = [];
  /** Number of frames at earlier positions: their numbers are not reused. */
  #frameNumbers = 0;
  readonly #places: RunPosition<Recording>[] = [];
  #halt: StoppedReason | null = null;

  /**
   * @param cancellation Shows which requests the client has cancelled, and whether it wants a
   *   pause.
   */
  constructor(private readonly send: Send, private readonly cancellation: Cancellation) {
    this.#progress = new Progress(send);
  }

  /** Stores the client's capabilities, which it sends first. */
  initialize(args: object): void {
    const client = CLIENT(args, "arguments");
    this.sources = new Sources(client);
    this.#progress.isShown = client.supportsProgressReporting === true;
  }

  /** The debugged program. @throws {RequestError} If no program was launched. */
  get target(): LaunchedRun {
    if (this.#target === null) {
      throw new RequestError(
        "No run is launched",
        "launch first; breakpoints can be set from the event `initialized` on, which follows",
      );
    }
    return this.#target;
  }

  /**
   * The debugged program, while it is stopped. @throws {RequestError} While it runs, or after its
   * end.
   */
  get standing(): LaunchedRun {
    if (this.#hasEnded) throw new RequestError("The session has ended");
    if (this.#isGoing) throw new RequestError("The target is running: pause it first");
    return this.target;
  }

  get recording(): Recording {
    return this.target.debuggee.recording;
  }

  get position(): Position {
    return this.target.debuggee.position;
  }

  get lastHalt(): StoppedReason | null {
    return this.#halt;
  }

  get isGoing(): boolean {
    return this.#isGoing;
  }

  /** Runs the work that waited for the response to be sent. */
  async answered(): Promise<void> {
    for (const work of this.#later.splice(0)) await work();
    this.#prepare();
  }

  /** Loads a scenario, and stops at the beginning of a run of it. */
  async launch(args: object): Promise<void> {
    if (this.#target !== null) throw new RequestError("A run is already launched", "use restart");
    await this.#load(args);
    // Sent only now, because the client then sets breakpoints, which requires a known run.
    this.send("initialized");
  }

  async #load(request: object): Promise<void> {
    const args = readLaunch(request);
    const { clock, names, run, warnings } = await launch(args, () => this.cancellation.isEnding);
    this.#request = request;
    this.#launched = args;
    run.recording.timeline.interruptedBy = this.cancellation;
    if (warnings !== "") this.say("stderr", warnings);
    const [own, ...others] = names;
    if (others.length > 0) {
      this.say(
        "console",
        `run: ${own}; the file has ${formatCount(others.length, "other")}: ` +
          `${others.slice(0, 20).join("; ")}\n`,
      );
    }
    const debuggee = new Debuggee(run, clock, {
      printed: ({ position, text }) =>
        this.say("stdout", `${text}\n`, { position, recording: run.recording }),
      logged: (text, runPosition) => this.say("console", `${text}\n`, runPosition),
      progressed: (share) => this.#progress.report(share),
    }, this.#stops);
    const breakpoints = this.#target?.breakpoints ?? new Breakpoints(debuggee, this.sources);
    debuggee.stopsAtFailure = this.#target?.debuggee.stopsAtFailure ?? false;
    breakpoints.debuggee = debuggee;
    const { recording } = run;
    this.#target = {
      debuggee,
      breakpoints,
      threads: new Threads(recording, this.sources),
      variables: new Variables(recording),
    };
    this.#saidResult = false;
  }

  /**
   * Switches to the current position's recording, which is the recording of the run or of a block.
   */
  #look(): void {
    const { recording, target } = this;
    if (target.threads.recording === recording) return;
    const threads = new Threads(recording, this.sources);
    this.#target = { ...target, threads, variables: new Variables(recording) };
  }

  /** Loads the scenario again in its present state, and starts anew. Breakpoints stay. */
  async restart(changes: object = {}): Promise<void> {
    if (this.#isGoing) throw new RequestError("The target is running: pause it first");
    await this.#load({ ...this.#request, ...changes });
    this.#hasStarted = false;
    this.start();
  }

  /** Starts the run: up to the first statement if requested, or to the first breakpoint. */
  start(): void {
    if (this.#hasStarted) throw new RequestError("The run has already started");
    this.#hasStarted = true;
    const { noDebug, stopOnEntry } = this.#launched;
    if (stopOnEntry === true && noDebug !== true) {
      this.go({ unit: "into", direction: "forward" }, "entry");
    } else this.go({ unit: "run", direction: "forward" }, "step");
  }

  /** Moves after the response to the request was sent, and reports the new position. */
  go(step: StepCommand, reason: string): void {
    const { debuggee } = this.standing;
    const isRun = step.unit === "run" && step.direction === "forward";
    this.#later.push(async () => {
      if (isRun && debuggee.isAtEnd) return this.end();
      this.#isGoing = true;
      const from = { position: this.position, recording: this.recording };
      const noDebug = this.#launched.noDebug === true;
      const halt = await debuggee.go(step, noDebug || reason === "entry" ? null : undefined);
      this.#isGoing = false;
      this.#progress.report(1);
      const note = crossed(from, debuggee, step);
      if (note !== null) this.say("console", `${note}\n`, debuggee);
      if (!this.#hasEnded && !this.cancellation.isEnding) this.#stand(halt, reason);
    });
  }

  /** Goes to a position at once. */
  goTo(position: Position, reason: string, recording = this.recording): void {
    this.standing.debuggee.goTo(position, recording);
    this.#later.push(() => {
      this.#stand({ reason: "arrived", hit: null }, reason);
      return Promise.resolve();
    });
  }

  #stand(halt: StoppedReason, reason: string): void {
    this.#halt = halt;
    this.#frameNumbers += this.#frames.length;
    this.#frames = [];
    this.target.variables.clear();
    this.#look();
    const { noDebug, stopAtEnd } = this.#launched;
    if (halt.reason === "end" || halt.reason === "failed") this.#printResult();
    if (halt.reason === "end" && (noDebug === true || stopAtEnd === false)) return this.end();
    for (const breakpoint of this.target.breakpoints.changed()) {
      this.send("breakpoint", { reason: "changed", breakpoint });
    }
    this.send("stopped", {
      ...this.#stoppedText(halt, reason),
      threadId: this.target.threads.at(this.position),
      allThreadsStopped: true,
    });
  }

  #stoppedText(
    { hit, reason }: StoppedReason,
    asked: string,
  ): Partial<DebugProtocol.StoppedEvent["body"]> {
    switch (reason) {
      case "arrived":
        return { reason: asked };
      case "paused":
        return { reason: "pause" };
      case "beginning":
        return { reason: "entry", description: "Start of the run" };
      case "end":
        return { reason: "end", description: "End of the run", text: this.#result() };
      case "failed":
        return { reason: "exception", description: "The run failed", text: this.#result() };
      case "stop": {
        const { position, stop } = hit!;
        return {
          reason: this.target.breakpoints.reasonOf(stop),
          hitBreakpointIds: [stop.id],
          ...this.#stopText(stop, position),
        };
      }
    }
  }

  /**
   * The text about a stop at an event or at a changed expression: the event, or the expression. Empty
   * for a stop at a line.
   */
  #stopText({ cause }: SetBreakpoint, { seq }: Position): { readonly text?: string } {
    if (cause.kind === "line") return {};
    if (cause.kind === "change") return { text: cause.expression };
    return { text: formatEventText(this.recording.event(seq)) };
  }

  #result(): string {
    const { failure, log } = this.target.debuggee.whole;
    return failure === null ? `ok (${formatCount(log.count, "event")})` : failure.message;
  }

  #printResult(): void {
    if (this.#saidResult) return;
    this.#saidResult = true;
    const { debuggee, debuggee: { whole: { failure } } } = this.target;
    if (failure === null) this.say("console", `${this.#result()}\n`);
    else this.say("stderr", `${withLaunchKeys(failure.lines.join("\n"))}\n`, debuggee);
  }

  /** Writes to the client's console, with the location in the source. */
  say(category: Category, output: string, runPosition: RunPosition<Recording> | null = null): void {
    const position = runPosition?.position ?? null;
    const statement = position === null ? null : runPosition!.recording.statement(position);
    const place = statement === null ? null : this.sources.place(statement.span);
    this.send("output", {
      category,
      // Control characters are made visible, because clients execute escape sequences like a terminal.
      output: printableText(output, false),
      ...place === null ? {} : { source: place.source, line: place.line, column: place.column },
      ...position === null ? {} : { data: { seq: position.seq, statement: position.statement } },
    });
  }

  /** Parks machines for later requests, in short steps: requests are answered in between. */
  #prepare(quietMs = QUIET_MS): void {
    clearTimeout(this.#idle);
    if (this.#hasEnded) return;
    this.#idle = setTimeout(() => {
      if (this.#hasEnded || this.#isGoing || this.#target === null) return;
      if (this.target.debuggee.prepare()) this.#prepare(0);
    }, quietMs);
  }

  end(): void {
    clearTimeout(this.#idle);
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#target?.debuggee.pause();
    const failure = this.#target?.debuggee.whole.failure ?? null;
    if (this.#target !== null) this.send("exited", { exitCode: codeOfFailure(failure) });
    this.send("terminated");
  }

  numberFrames(frames: readonly ShownFrame[]): DebugProtocol.StackFrame[] {
    return frames.map((frame) => ({
      id: this.#frameNumbers + this.#frames.push(frame),
      ...frame.shown,
    }));
  }

  /** A frame that was shown. @throws {RequestError} If it belongs to an earlier position. */
  frame(id: number): ShownFrame {
    const frame = this.#frames[id - this.#frameNumbers - 1];
    if (frame === undefined) throw new RequestError("Stale frame id: the position has changed");
    return frame;
  }

  numberPlace(runPosition: RunPosition<Recording>): number {
    return this.#places.push(runPosition);
  }

  /** Goes to a target that was offered. @throws {RequestError} If there was no such target. */
  goToPlace(id: number, reason: string): void {
    const runPosition = this.#places[id - 1];
    if (runPosition === undefined) throw new RequestError("Unknown target");
    this.goTo(runPosition.position, reason, runPosition.recording);
  }
}

/** Reports the progress of a long search to the client. */
class Progress {
  /** Whether the client shows progress. */
  isShown = false;
  /** Number of searches shown so far. */
  #shown = 0;
  #isOpen = false;
  #startMs: number | null = null;
  #saidMs = 0;

  constructor(private readonly send: Send) {}

  /** @param share The share that is done; 1 at the end. */
  report(share: number): void {
    if (!this.isShown) return;
    const nowMs = performance.now();
    if (share >= 1) this.#end();
    else if (this.#startMs === null) this.#startMs = nowMs;
    else if (!this.#isOpen && nowMs - this.#startMs >= UNSHOWN_MS) this.#open(share);
    else if (this.#isOpen && nowMs - this.#saidMs >= REPORT_MS) this.#say("progressUpdate", share);
  }

  #open(share: number): void {
    this.#isOpen = true;
    this.#shown++;
    this.#say("progressStart", share, { title: "Evaluating breakpoint conditions" });
  }

  #end(): void {
    this.#startMs = null;
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.send("progressEnd", { progressId: this.#id });
  }

  #say(event: string, share: number, more: object = {}): void {
    this.#saidMs = performance.now();
    this.send(event, { progressId: this.#id, percentage: Math.floor(100 * share), ...more });
  }

  get #id(): string {
    return `search ${this.#shown}`;
  }
}
