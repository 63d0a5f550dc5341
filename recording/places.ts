/** Positions of a run by line, time or output, and source locations. */
import { countBefore } from "@dmalab/runtime/basics";
import { type Position, START } from "./position.ts";
import type { RecordedRun } from "./recorded_run.ts";

export interface LineLocation {
  /** A file's name; default: any file. */
  readonly file?: string;
  readonly line: number;
}

/**
 * The statements of the code that begin on a line. If none begins there, the statements that begin
 * on the next line with statements.
 */
export function statementsOnLine(recording: RecordedRun, place: LineLocation): {
  readonly line: number | null;
  readonly numbers: ReadonlySet<number>;
} {
  const { lines, numbers } = recording.linesOf(place.file);
  const line = lines[countBefore(lines.length, (index) => lines[index]! < place.line)] ?? null;
  return { line, numbers: line === null ? NO_STATEMENTS : numbers.get(line)! };
}

const NO_STATEMENTS: ReadonlySet<number> = new Set();

/**
 * The name of the file that a text means: the text is the whole name, or its last path components.
 * Null if no file or several files match.
 */
export function fileNamed({ code }: RecordedRun, text: string): string | null {
  const names = new Set(code.statements.map(({ span }) => span.source.name));
  if (names.has(text)) return text;
  const [only, second] = [...names].filter((name) => name.endsWith(`/${text}`));
  return second === undefined ? only ?? null : null;
}

/**
 * The location at which a function of the script or of C begins; null when there is no such
 * function.
 */
export function functionLocation(
  { code }: RecordedRun,
  name: string,
): Required<LineLocation> | null {
  const own = code.functions.find((each) => each.name === name && each.role !== "lambda") ??
    code.statements.find(({ native }) => native === name);
  if (own === undefined) return null;
  const { source, start } = own.span;
  return { file: source.name, line: source.position(start).line };
}

/**
 * The next position at which a line starts, after the position `from`. Without such a position, the
 * first position in the run at which the line starts.
 */
export function atLine(
  recording: RecordedRun,
  place: LineLocation,
  from: Position,
): Position | null {
  const { numbers } = statementsOnLine(recording, place);
  const { statements } = recording;
  const search = (first: number, last: number) => {
    for (let started = first; started <= last; started++) {
      if (numbers.has(statements.numberAt(started))) return recording.atStatement(started);
    }
    return null;
  };
  const { count } = statements;
  return search(from.statement + 1, count) ?? search(1, Math.min(count, from.statement));
}

/**
 * The first position at which the virtual time of some CPU or device has reached a value; null when
 * no clock reaches it. The clocks of different CPUs are not ordered among each other.
 */
export function atTime(recording: RecordedRun, nowNs: number): Position | null {
  const { log } = recording;
  if (nowNs <= 0) return START;
  for (let seq = 1; seq <= log.count; seq++) {
    if (log.atNs(seq) >= nowNs) return recording.afterEvent(seq);
  }
  return null;
}

/** The position at which an output line, counted from 1, was written; null if there is no such line. */
export function atOutput({ output }: RecordedRun, line: number): Position | null {
  return output[line - 1]?.position ?? null;
}
