/** What is wrong with a breakpoint before it is set. */
import { describeKind, type Kind, kindOf } from "@dmalab/lang/values";
import { refuseNamesOfC } from "../c_names.ts";
import { LookError } from "../look.ts";
import { boundNames } from "../machines/replay.ts";
import { type LinePlace, statementsOnLine } from "../places.ts";
import { START } from "../position.ts";
import type { Recording } from "../recording.ts";
import { fieldsOf } from "./stop_names.ts";
import { candidates, PlaceSet, placesOf } from "./stop_search.ts";
import type { StopSpec } from "./stop_spec.ts";

/**
 * Checks a breakpoint that is to be set: its line, and the names and kinds of its expressions.
 *
 * @throws {LookError} When it could never stop, or say, what is meant.
 */
export function checkStop(recording: Recording, spec: StopSpec): void {
  const { cause, condition, log } = spec;
  const onLine = cause.kind === "line" ? statementsOnLine(recording, cause).numbers : null;
  if (onLine?.size === 0) throw noLine(recording, cause as LinePlace);
  const others = [log, cause.kind === "change" ? cause.expression : undefined];
  const texts = [condition, ...others].filter((text) => text !== undefined);
  if (texts.length === 0) return;
  const { code, looker } = recording;
  const fields = fieldsOf(recording, cause);
  const names = new Set<string>();
  for (const number of onLine ?? code.statements.keys()) {
    for (const { name } of boundNames(code, number)) names.add(name);
  }
  for (const text of texts) {
    const question = looker.question(text, fields);
    if (onLine !== null) refuseNamesOfC(code, [...onLine][0]!, question);
    const kind = looker.check(text, names, fields);
    if (text === condition) {
      checkCondition(text, kind === "any" ? kindAtHit(recording, spec) : kind);
    }
  }
}

function checkCondition(text: string, kind: Kind): void {
  if (kind === "bool" || kind === "any") return;
  throw new LookError(
    `A condition is true or false, but \`${text}\` is ${describeKind(kind)}`,
    `compare it: \`${text} == …\``,
  );
}

/** What a condition is where the breakpoint could stop first; not known where it cannot be asked there. */
function kindAtHit(recording: Recording, spec: StopSpec): Kind {
  const places = { ...placesOf(recording, { ...spec, id: 0 }), pass: null };
  const [first] = candidates(recording, new PlaceSet([places]), START, recording.last);
  if (first === undefined) return "any";
  return recording.reruns.look(first.at, (seen) => {
    try {
      return kindOf(places.condition!.ask(seen).value);
    } catch (error) {
      if (error instanceof LookError) return "any";
      throw error;
    }
  });
}

function noLine(recording: Recording, { file, line }: LinePlace): LookError {
  const last = recording.linesOf(file).lines.at(-1);
  if (last === undefined) {
    return new LookError(
      `No statement of this run is in ${file === undefined ? "a file" : `"${file}"`}`,
    );
  }
  return new LookError(
    `No statement starts on line ${line} or after it`,
    `the last one is on line ${last}`,
  );
}
