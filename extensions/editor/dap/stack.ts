/**
 * Threads and their frames. A machine's threads are its CPUs, and the devices that have emitted
 * events. At a position, the CPU of the current event shows all running calls. All other threads
 * show their last event.
 */
import type { DebugProtocol } from "@vscode/debugprotocol";
import { formatEventText } from "@dmalab/lang/render";
import type { Span } from "@dmalab/lang";
import { type Position, type Recording, spanOfEvent } from "@dmalab/recording";
import { nameOf } from "./launch.ts";
import type { Sources } from "./sources.ts";

/** First thread number of devices; CPUs are numbered from 1. */
const FIRST_DEVICE = 1000;
/** Number of events that are searched backwards for the last event of a thread. */
const LAST_EVENT_EVENTS = 100_000;

/** A frame that was shown, to which requests refer by number. */
export interface ShownFrame {
  readonly position: Position;
  /** Index of the script's call with the visible names, 0 for the innermost call; null for none. */
  readonly call: number | null;
  readonly shown: Omit<DebugProtocol.StackFrame, "id">;
}

export class Threads {
  readonly #cpus = new Set([0]);
  readonly #devices: string[] = [];
  /** Number of log entries that were searched for threads. */
  #seen = 0;

  constructor(readonly recording: Recording, private readonly sources: Sources) {}

  /** All threads that have emitted events in the known part of the run. */
  list(): DebugProtocol.Thread[] {
    let lastCpu = 0;
    let lastDevice: string | null = null;
    this.#seen = this.recording.log.forEachOrigin(this.#seen, (cpu, device) => {
      // Consecutive events usually have the same origin.
      if (cpu !== lastCpu) this.#cpus.add(lastCpu = cpu);
      if (device === lastDevice || device === null) return;
      lastDevice = device;
      if (!this.#devices.includes(device)) this.#devices.push(device);
    });
    return [
      ...[...this.#cpus].sort((one, other) => one - other)
        .map((cpu) => ({ id: threadOfCpu(cpu), name: `CPU ${cpu}` })),
      ...this.#devices.map((name, index) => ({ id: FIRST_DEVICE + index, name })),
    ];
  }

  at({ seq }: Position): number {
    return threadOfCpu(seq === 0 ? 0 : this.recording.log.cpuAt(seq));
  }

  frames(thread: number, position: Position): readonly ShownFrame[] {
    if (thread === this.at(position)) return this.#running(position);
    const seq = this.#lastEvent(thread, position);
    return seq === null ? [] : [this.#eventFrame(this.recording.afterEvent(seq))];
  }

  #lastEvent(thread: number, { seq }: Position): number | null {
    const { log } = this.recording;
    const device = this.#devices[thread - FIRST_DEVICE];
    const isOwn = (event: number) =>
      thread < FIRST_DEVICE
        ? threadOfCpu(log.cpuAt(event)) === thread
        : log.deviceAt(event) === device;
    const last = Math.max(0, seq - LAST_EVENT_EVENTS);
    for (let event = seq; event > last; event--) if (isOwn(event)) return event;
    return null;
  }

  #running(position: Position): readonly ShownFrame[] {
    const recording = this.recording;
    const frames: ShownFrame[] = [];
    const isEvent = !recording.isStatementStart(position) && position.seq > 0;
    if (isEvent) frames.push(this.#eventFrame(position));
    for (const { name, seq } of recording.kernelFrames(position)) {
      // Skipped: the event of the call is already shown as the event at this position.
      if (isEvent && seq === position.seq) continue;
      frames.push(this.#frame(position, 0, `${name}()`, spanOfEvent(recording, seq), {
        presentationHint: "subtle",
      }));
    }
    recording.frames(position).forEach(({ depth, name, span }, call) => {
      frames.push(
        this.#frame(position, call, depth === 1 ? nameOf(recording) : name, span),
      );
    });
    if (recording.statement(position) !== null) return frames;
    // A frame with a source is shown even without a statement, because clients evaluate watches
    // only in such a frame.
    return position.statement === 0
      ? [this.#frame(position, null, "the machine is ready", this.#firstSpan())]
      : [this.#frame(position, 0, "the run is over", this.#endSpan())];
  }

  #firstSpan(): Span | null {
    const recording = this.recording;
    return recording.statements.count === 0 ? null : recording.started(1).span;
  }

  /** The end of the outermost function. */
  #endSpan(): Span | null {
    const span = this.#firstSpan();
    const own = span === null ? null : this.recording.functionAt(span);
    return own === null ? span : { ...own.span, start: Math.max(0, own.span.end - 1) };
  }

  #eventFrame(position: Position): ShownFrame {
    const text = `#${position.seq} ${formatEventText(this.recording.event(position.seq))}`;
    return this.#frame(
      position,
      position.statement === 0 ? null : 0,
      text,
      spanOfEvent(this.recording, position.seq),
    );
  }

  #frame(
    position: Position,
    call: number | null,
    name: string,
    span: Span | null,
    more: Partial<DebugProtocol.StackFrame> = {},
  ): ShownFrame {
    const place = span === null ? { line: 0, column: 0 } : this.sources.place(span);
    return { position, call, shown: { name, ...place, ...more } };
  }
}

function threadOfCpu(cpu: number): number {
  return 1 + cpu;
}
