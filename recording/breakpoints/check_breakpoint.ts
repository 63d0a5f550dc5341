/** Checks a breakpoint before it is set. */
import { type Type, typeOf, typeText } from "@dmalab/lang/values";
import { EvaluationError } from "../evaluator.ts";
import { boundNames } from "../machines/replay.ts";
import { type LineLocation, statementsOnLine } from "../places.ts";
import { START } from "../position.ts";
import type { Recording } from "../recording.ts";
import { fieldsOf } from "./breakpoint_names.ts";
import { candidates, PlaceSet, placesOf } from "./breakpoint_search.ts";
import type { Breakpoint } from "./breakpoint.ts";

/**
 * Checks a breakpoint before it is set: its line, and the names and types of its expressions.
 *
 * @throws {EvaluationError} When the breakpoint could never stop, or its message could never be
 *   printed.
 */
export function checkBreakpoint(recording: Recording, spec: Breakpoint): void {
  const { cause, condition, log } = spec;
  const onLine = cause.kind === "line" ? statementsOnLine(recording, cause).numbers : null;
  if (onLine?.size === 0) throw noLine(recording, cause as LineLocation);
  const others = [log, cause.kind === "change" ? cause.expression : undefined];
  const texts = [condition, ...others].filter((text) => text !== undefined);
  if (texts.length === 0) return;
  const { code, evaluator } = recording;
  const fields = fieldsOf(recording, cause);
  const names = new Set<string>();
  for (const number of onLine ?? code.statements.keys()) {
    for (const { name } of boundNames(code, number)) names.add(name);
  }
  // The names visible in C are only known at run time.
  const isNative = [...onLine ?? []].some((number) =>
    code.statements[number]!.native !== undefined
  );
  for (const text of texts) {
    evaluator.question(text, fields);
    const type = isNative ? "any" : evaluator.check(text, names, fields);
    if (text === condition) {
      checkCondition(text, type === "any" ? kindAtHit(recording, spec) : type);
    }
  }
}

function checkCondition(text: string, type: Type): void {
  if (type === "bool" || type === "any") return;
  throw new EvaluationError(
    `A condition is true or false, but \`${text}\` is ${typeText(type)}`,
    `compare it: \`${text} == …\``,
  );
}

/**
 * The type of a condition at the first possible hit; unknown if the condition cannot be evaluated
 * at that hit.
 */
function kindAtHit(recording: Recording, spec: Breakpoint): Type {
  const places = { ...placesOf(recording, { ...spec, id: 0 }), pass: null };
  const [first] = candidates(recording, new PlaceSet([places]), START, recording.last);
  if (first === undefined) return "any";
  return recording.timeline.at(first.position, (paused) => {
    try {
      return typeOf(places.condition!.evaluate(paused).value);
    } catch (error) {
      const isNative = paused.innermost()?.native !== null;
      if (error instanceof EvaluationError && !isNative) return "any";
      throw error;
    }
  });
}

function noLine(recording: Recording, { file, line }: LineLocation): EvaluationError {
  const last = recording.linesOf(file).lines.at(-1);
  if (last === undefined) {
    return new EvaluationError(
      `No statement of this run is in ${file === undefined ? "a file" : `"${file}"`}`,
    );
  }
  return new EvaluationError(
    `No statement starts on line ${line} or after it`,
    `the last one is on line ${last}`,
  );
}
