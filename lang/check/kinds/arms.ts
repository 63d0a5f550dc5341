/** The arms of every `match`. */
import type { Kind } from "../../values/spec.ts";
import type { DiagnosticBag } from "../../diagnostics/diagnostic.ts";
import { type Span, spanText } from "../../source.ts";
import type { Expression } from "../../syntax/tree/ast.ts";
import {
  capitalized,
  comparableKinds,
  comparableNumbers,
  describeKind,
  isNumeric,
} from "../../values/kinds.ts";
import { mixHint } from "../../values/operators.ts";
import { PATTERN_BINDS_NOTHING } from "../names/bindings.ts";
import type { OperandKinds } from "./operator_kinds.ts";

/** Kinds as they are known, and those of what a range gives. */
export interface ArmKinds extends OperandKinds {
  item(values: Expression): { readonly kind: Kind };
}

/** An arm of a `match`, whatever stands behind its arrow. */
export interface CheckedArm {
  readonly pattern: Expression | null;
  /** What stands behind the arrow. */
  readonly behind: Span;
}

/** Reports patterns that the subject never fits, and arms that are never reached. */
export function checkArms(
  subject: Expression,
  arms: readonly CheckedArm[],
  kinds: ArmKinds,
  bag: DiagnosticBag,
): void {
  const kind = kinds.kindOf(subject);
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
    if (pattern !== null) checkPattern(pattern, kind, kinds, bag);
  }
}

function checkPattern(
  pattern: Expression,
  subject: Kind,
  kinds: ArmKinds,
  bag: DiagnosticBag,
): void {
  const own = kinds.kindOf(pattern);
  const kind = pattern.kind === "Range" ? kinds.item(pattern).kind : own;
  if (matchable(subject, kind)) return;
  bag.error(
    "E0404",
    pattern.span,
    `${capitalized(describeKind(subject))} never matches ${describeKind(kind)}`,
    pattern.kind === "Name" && kind === "word"
      ? PATTERN_BINDS_NOTHING
      : mixHint("==", subject, kind) ?? undefined,
  );
}

function matchable(subject: Kind, pattern: Kind): boolean {
  if (isNumeric(subject) && isNumeric(pattern)) return comparableNumbers(subject, pattern);
  return pattern === "range" || comparableKinds(subject, pattern);
}
