/** The arms of every `match`. */
import type { Type } from "../../values/spec.ts";
import { type Span, spanText } from "../../source.ts";
import type { Expression } from "../../syntax/tree/ast.ts";
import {
  capitalized,
  comparableNumbers,
  comparableTypes,
  isNumeric,
  typeText,
} from "../../values/value_types.ts";
import { mixHint } from "../../values/operators.ts";
import { PATTERN_BINDS_NOTHING } from "../names/bindings.ts";
import type { TypeInference } from "./type_inference.ts";

/** An arm of a `match`, whatever code follows its arrow. */
export interface CheckedArm {
  readonly pattern: Expression | null;
  /** The code after the arrow. */
  readonly behind: Span;
}

/** Reports patterns that the subject can never match, and arms that are never reached. */
export function checkArms(
  subject: Expression,
  arms: readonly CheckedArm[],
  kinds: TypeInference,
): void {
  const { bag } = kinds;
  const type = kinds.kindOf(subject);
  const above = new Set<string>();
  let takesAll = false;
  for (const { behind, pattern } of arms) {
    const text = pattern === null ? "_" : spanText(pattern.span);
    if (takesAll || above.has(text)) {
      bag.warning(
        "W0302",
        pattern?.span ?? behind,
        `This arm is never taken: ${takesAll ? "`_`" : "the same pattern"} is above it`,
      );
    }
    above.add(text);
    takesAll ||= pattern === null;
    if (pattern !== null) checkPattern(pattern, type, kinds);
  }
}

function checkPattern(
  pattern: Expression,
  subject: Type,
  kinds: TypeInference,
): void {
  const own = kinds.kindOf(pattern);
  const type = pattern.kind === "Range" ? kinds.item(pattern).type : own;
  if (matchable(subject, type)) return;
  kinds.bag.error(
    "E0404",
    pattern.span,
    `${capitalized(typeText(subject))} never matches ${typeText(type)}`,
    pattern.kind === "Name" && type === "word"
      ? PATTERN_BINDS_NOTHING
      : mixHint("==", subject, type) ?? undefined,
  );
}

function matchable(subject: Type, pattern: Type): boolean {
  if (isNumeric(subject) && isNumeric(pattern)) return comparableNumbers(subject, pattern);
  return pattern === "range" || comparableTypes(subject, pattern);
}
