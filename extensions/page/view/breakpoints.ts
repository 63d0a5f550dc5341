/** The stops of a run: faults, reports, warnings, its failure, and lines that the user chose. */
import { comparePositions, type Position, type RecordedRun, rowsAt } from "@dmalab/recording";

/** The positions of the stops, in order. @param lines Each as `file:line`. */
export function stopsOf(run: RecordedRun, lines: ReadonlySet<string>): readonly Position[] {
  const stops = rowsAt(run, "incidents", run.last).map(({ createdSeq }) =>
    run.afterEvent(createdSeq)
  );
  if (run.failedAt !== null) stops.push(run.failedAt);
  if (lines.size > 0) {
    const numbers = new Set<number>();
    run.code.statements.forEach(({ span: { source, start } }, number) => {
      if (lines.has(`${source.name}:${source.position(start).line}`)) numbers.add(number);
    });
    for (let started = 1; started <= run.statements.count; started++) {
      if (numbers.has(run.statements.numberAt(started))) stops.push(run.atStatement(started));
    }
  }
  return stops.sort(comparePositions);
}

/**
 * The position at which a run is opened. It is the incident or the leak that made the run fail, else the run's
 * failure, else its first incident, else its end.
 */
export function openingOf(run: RecordedRun): Position {
  const eventSeq = run.failure?.eventSeq;
  if (eventSeq !== undefined) return run.afterEvent(eventSeq);
  return run.failedAt ?? stopsOf(run, new Set())[0] ?? run.last;
}

/** The next or previous stop from a position; null for none. */
export function nextStop(
  stops: readonly Position[],
  position: Position,
  way: "forward" | "back",
): Position | null {
  return way === "forward"
    ? stops.find((each) => comparePositions(each, position) > 0) ?? null
    : stops.findLast((each) => comparePositions(each, position) < 0) ?? null;
}
