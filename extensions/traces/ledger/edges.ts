/**
 * Where lines of a trace are missing, or may be: at its start, after a gap, in a period without
 * events.
 *
 * @see rules/traces.md T.7, T.68
 */
import type { TraceInstant } from "./traced_mapping.ts";
import { CALL_SECONDS, type Context } from "./page_table.ts";

/**
 * A period without any line that is longer than this may mean that tracing was switched off in
 * between.
 */
const SILENCE_SECONDS = 0.1;

/**
 * Clocks of two CPUs differ by less than this. If times go back further and stay there, another
 * recording or CPU's buffer begins.
 */
const BACK_SECONDS = 0.1;

/**
 * Least number of steps back in time that show a reversed file; fewer come from the lines of two
 * CPUs.
 */
const LEAST_BACKWARD = 4;

const MAX_HOLES = 4096;

export class Edges {
  firstSeconds: number | null = null;
  lastSeconds = 0;
  /** The lines before the first one were overwritten. */
  isHeadMissing = false;
  /** Number of events that the file's own header counts but the file lacks; null if no header counts events. */
  missingEvents: number | null = null;
  /** The last line before which lines are known to be missing; 0 without one. */
  lostLine = 0;
  /**
   * The last line that follows a long period without lines: tracing may have been off. 0 without
   * one.
   */
  silenceLine = 0;
  silences = 0;
  /** The last line at which times jump far back; 0 without one. */
  backLine = 0;
  /** Number of lines that are later than the line above them, and of lines that are earlier. */
  #forward = 0;
  #backward = 0;
  #previousSeconds = NaN;
  /**
   * A line with a time far back: if the next line is in order again, only this line was moved. 0
   * without one.
   */
  #movedLine = 0;
  /** The time of the last line that is not far back. */
  #orderedSeconds = 0;
  /**
   * Silences in which lines are known to be missing, because lines around them have no counterpart:
   * the first line after each silence, ascending.
   */
  readonly holes: number[] = [];
  /** For each CPU, the first line after its last gap. */
  readonly #gaps = new Map<number, TraceInstant>();
  /** Number of CPUs without a line since their last gap. */
  #openGaps = 0;
  #start: TraceInstant | null = null;
  #isCut = false;

  /**
   * Reads the time of a line, and copies the given instant; a gap gets the instant of the CPU's
   * next line.
   */
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

  /**
   * Whether the file has the newest line first, as some log viewers export it: calls are then in
   * reverse order.
   */
  get isNewestFirst(): boolean {
    return this.#backward >= LEAST_BACKWARD && this.#backward > this.#forward;
  }

  /** Lines were cut out by hand: the trace starts anew after them. */
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

  /** Records the last silence as a hole: a line without counterpart shows that tracing was off then. */
  noteHole(): void {
    if (this.silenceLine === 0 || this.holes.at(-1) === this.silenceLine) return;
    this.holes.push(this.silenceLine);
    // The oldest hole can be dropped: a finding that spans it spans the newer holes too.
    if (this.holes.length > MAX_HOLES) this.holes.shift();
  }

  /**
   * Whether all lines that the current call printed before this one are present: the trace has no
   * edge in between.
   */
  isWhole(now: TraceInstant, context: Context): boolean {
    return [this.#start, this.#gaps.get(now.cpu)].every((edge) =>
      edge == null || context.lastLine >= edge.line || now.seconds - edge.seconds > CALL_SECONDS
    );
  }
}
