/** Leaves out of a case what it fails without: steps, requests, runs of pieces, faults. */
import { reduce } from "../reduce.ts";
import type { HuntCase, HuntStep, PieceRun } from "./hunt_case.ts";

/** Pieces that are tried instead of several runs: more than fit into most requests. */
const MANY_PIECES: readonly PieceRun[] = [4, 16, 40].map((count) => ({
  count,
  sizeBytes: 512,
  offsetBytes: 0,
  touching: false,
  high: false,
}));

/**
 * @param fails Whether a case still shows what it is about.
 * @returns A case that does, of which no part can be left out.
 */
export function simplify(start: HuntCase, fails: (each: HuntCase) => boolean): HuntCase {
  return reduce(start, smallerCases, (each) => fails(each) ? each : null);
}

function* smallerCases({ machine, steps }: HuntCase): Generator<HuntCase> {
  // The last step is the one that shows it: what came before goes first.
  if (steps.length > 2) yield { machine, steps: steps.slice(-1) };
  for (let index = 0; index < steps.length && steps.length > 1; index++) {
    yield { machine, steps: steps.toSpliced(index, 1) };
  }
  for (const [index, step] of steps.entries()) {
    for (const smaller of smallerSteps(step)) {
      yield { machine, steps: steps.with(index, smaller) };
    }
  }
}

function* smallerSteps(step: HuntStep): Generator<HuntStep> {
  const { ios } = step;
  if (step.fault !== null) yield { ...step, fault: null };
  if (step.plugged) yield { ...step, plugged: false };
  for (let index = 0; index < ios.length && ios.length > 1; index++) {
    yield { ...step, ios: ios.toSpliced(index, 1) };
  }
  for (const [index, io] of ios.entries()) {
    if (io.metadata !== null) yield { ...step, ios: ios.with(index, { ...io, metadata: null }) };
    for (let at = 0; at < io.runs.length && io.runs.length > 1; at++) {
      yield { ...step, ios: ios.with(index, { ...io, runs: io.runs.toSpliced(at, 1) }) };
    }
    if (io.runs.length > 1) {
      for (const run of MANY_PIECES) {
        yield { ...step, ios: ios.with(index, { ...io, runs: [run] }) };
      }
    } else {
      for (const run of fewerPieces(io.runs[0]!)) {
        yield { ...step, ios: ios.with(index, { ...io, runs: [run] }) };
      }
    }
  }
}

/** The same with fewer pieces: by half, by some, by one. */
function* fewerPieces(run: PieceRun): Generator<PieceRun> {
  for (const less of [Math.ceil(run.count / 2), 5, 1]) {
    if (less < run.count) yield { ...run, count: run.count - less };
  }
}
