/**
 * Where lines of a trace are missing, or may be: at its start, after a gap, in a silence.
 *
 * @see rules/traces.md T.7, T.68
 */
import type { TraceInstant } from "./traced_mapping.ts";
import { CALL_SECONDS, type Context } from "./page_table.ts";

/** Longer than this without any line, a trace may have been switched off in between. */
const SILENCE_SECONDS = 0.1;

/** So far back no clock of another CPU is: where times stay back, another recording or CPU begins. */
const BACK_SECONDS = 0.1;

/** So many lines back make an order; fewer are of two CPUs. */
const LEAST_BACKWARD = 4;

const MAX_HOLES = 4096;

export class Edges {
  firstSeconds: number | null = null;
  lastSeconds = 0;
  /** Lines from before the first one were overwritten. */
  isHeadMissing = false;
  /** Events that the file's own header counts and the file does not have; null where nothing counts them. */
  missingEvents: number | null = null;
  /** The last line before which lines are known to be missing; 0 without one. */
  lostLine = 0;
  /** The last line with a long silence before it: tracing may have been off. 0 without one. */
  silenceLine = 0;
  silences = 0;
  /** The last line from which on times are far before that of the line before it; 0 without one. */
  backLine = 0;
  /** Counts of lines that are later than the line above them, and of lines that are earlier. */
  #forward = 0;
  #backward = 0;
  #previousSeconds = NaN;
  /** A line with a time that is far back: alone, it has been moved. 0 without one. */
  #movedLine = 0;
  /** The time of the last line that is in order. */
  #orderedSeconds = 0;
  /** Silences that have swallowed lines, by the line after each, rising: unpaired lines prove it. */
  readonly holes: number[] = [];
  /** By CPU: the first line after a gap. */
  readonly #gaps = new Map<number, TraceInstant>();
  /** CPUs of which no line has followed the last gap. */
  #openGaps = 0;
  #start: TraceInstant | null = null;
  #isCut = false;

  /** Passes a line and copies its instant; the time of a gap is that of the CPU's next line. */
  pass(now: TraceInstant): void {
    const { seconds } = now;
    if (seconds > this.#previousSeconds) this.#forward++;
    else if (seconds < this.#previousSeconds) this.#backward++;
    this.#previousSeconds = seconds;
    if (this.#orderedSeconds - seconds < BACK_SECONDS) {
      this.#orderedSeconds = seconds;
      this.#movedLine = 0;
    } else if (this.#movedLine === 0) {
      this.#movedLine = now.line;
    } else {
      this.backLine = this.#movedLine;
      this.lostLine = Math.max(this.lostLine, this.backLine);
      this.#orderedSeconds = seconds;
      this.#movedLine = 0;
    }
    const isAfterSilence = this.firstSeconds !== null &&
      seconds - this.lastSeconds >= SILENCE_SECONDS;
    if (isAfterSilence) {
      this.silenceLine = now.line;
      this.silences++;
    }
    if (this.firstSeconds === null) {
      this.firstSeconds = seconds;
      this.#start = { ...now };
    } else if (this.#isCut) {
      this.#start = { ...now };
      this.#isCut = false;
    }
    if (seconds > this.lastSeconds) this.lastSeconds = seconds;
    if (this.#openGaps > 0 && this.#gaps.get(now.cpu)?.seconds === Infinity) {
      this.#gaps.set(now.cpu, { ...now });
      this.#openGaps--;
    }
  }

  /** The newest line comes first, as log viewers export them: calls are in the reverse order. */
  get isNewestFirst(): boolean {
    return this.#backward >= LEAST_BACKWARD && this.#backward > this.#forward;
  }

  /** A part was cut out by hand: the trace begins anew behind it. */
  cut(line: number): void {
    this.lostLine = line;
    this.#start = null;
    this.#isCut = true;
  }

  gap(cpu: number, line: number): void {
    this.lostLine = line;
    if (this.#gaps.get(cpu)?.seconds !== Infinity) this.#openGaps++;
    this.#gaps.set(cpu, { line, seconds: Infinity, cpu });
  }

  /** A line is missing that must have been there: where nothing was printed, tracing was off. */
  noteHole(): void {
    if (this.silenceLine === 0 || this.holes.at(-1) === this.silenceLine) return;
    this.holes.push(this.silenceLine);
    // A finding that reaches over an older one reaches over the kept ones too.
    if (this.holes.length > MAX_HOLES) this.holes.shift();
  }

  /** Whether what a call has printed before this line is there: the trace has no edge in between. */
  isWhole(now: TraceInstant, context: Context): boolean {
    return [this.#start, this.#gaps.get(now.cpu)].every((edge) =>
      edge == null || context.lastLine >= edge.line || now.seconds - edge.seconds > CALL_SECONDS
    );
  }
}
