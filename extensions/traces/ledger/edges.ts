/**
 * The places at which lines of a trace are missing or may be missing: at its start, after a gap,
 * and in a period without events.
 *
 * @see rules/traces.md T.7, T.68
 */
import type { TraceInstant } from "./traced_mapping.ts";
import { CALL_SECONDS, type Context } from "./page_table.ts";

/**
 * If a period without any line is longer than this, tracing may have been switched off in that
 * period.
 */
const SILENCE_SECONDS = 0.1;

/**
 * Clocks of two CPUs differ by less than this. If times go back further than this and stay there,
 * another recording or the buffer of another CPU begins.
 */
const BACK_SECONDS = 0.1;

/**
 * A reversed file has at least this number of steps back in time. Fewer steps are explained by the
 * lines of two CPUs.
 */
const LEAST_BACKWARD = 4;

const MAX_HOLES = 4096;

export class Edges {
  firstSeconds: number | null = null;
  lastSeconds = 0;
  /** Whether the lines before the first line of the trace were overwritten. */
  isHeadMissing = false;
  /**
   * Number of events that the file lacks, according to the count in its header; null if no header counts
   * events.
   */
  missingEvents: number | null = null;
  /** The last line before which lines are known to be missing; 0 without one. */
  lostLine = 0;
  /**
   * The last line that follows a long period without lines, in which tracing may have been off. 0
   * if there is no such line.
   */
  silenceLine = 0;
  silences = 0;
  /** The last line at which times jump far back; 0 without one. */
  backLine = 0;
  /**
   * Number of lines with a later time than the line above them; `#backward` counts lines with an
   * earlier time.
   */
  #forward = 0;
  #backward = 0;
  #previousSeconds = NaN;
  /**
   * A line with a time that is far back. If the line after it is in order again, only this one line
   * was moved. 0 if there is no such line.
   */
  #movedLine = 0;
  /** The time of the last line that is not far back. */
  #orderedSeconds = 0;
  /**
   * Silences in which lines are known to be missing, because lines before or after the silence have
   * no counterpart. Contains the first line after each silence, ascending.
   */
  readonly holes: number[] = [];
  /** For each CPU, the first line after its last gap. */
  readonly #gaps = new Map<number, TraceInstant>();
  /** Number of CPUs without a line since their last gap. */
  #openGaps = 0;
  #start: TraceInstant | null = null;
  #isCut = false;

  /**
   * Reads the time of a line. Keeps only copies of `now`. If the line follows a gap of its CPU, the
   * gap gets the line's instant.
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
   * Whether the file has the newest line first, as some log viewers export it. In such a file,
   * calls are in reverse order.
   */
  get isNewestFirst(): boolean {
    return this.#backward >= LEAST_BACKWARD && this.#backward > this.#forward;
  }

  /** Notes that lines were cut out by hand: the trace starts anew after them. */
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

  /**
   * Records the last silence as a hole. Called for a line without a counterpart, because such a line
   * shows that tracing was off in the silence.
   */
  noteHole(): void {
    if (this.silenceLine === 0 || this.holes.at(-1) === this.silenceLine) return;
    this.holes.push(this.silenceLine);
    // The oldest hole can be dropped: a finding that spans it spans the newer holes too.
    if (this.holes.length > MAX_HOLES) this.holes.shift();
  }

  /**
   * Whether all lines that the current call printed before this line are present. They are present
   * if, during the call, the trace neither starts nor has a gap.
   */
  isWhole(now: TraceInstant, context: Context): boolean {
    // Lines of a task that has moved to another CPU may be missing on any CPU.
    const hasMoved = context.lastCpu !== now.cpu && context.lastCpu >= 0;
    const gaps = hasMoved ? [...this.#gaps.values()] : [this.#gaps.get(now.cpu)];
    return [this.#start, ...gaps].every((edge) =>
      edge == null || context.lastLine >= edge.line || now.seconds - edge.seconds > CALL_SECONDS
    );
  }
}
