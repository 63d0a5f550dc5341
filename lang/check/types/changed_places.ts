/** `place = value`: what can be changed in place, as far as it is known before the run. */
import type { Type } from "../../values/spec.ts";
import type { DiagnosticBag } from "../../diagnostics/diagnostic.ts";
import { itHas } from "../../diagnostics/suggest.ts";
import type { ChangeStatement, CopyWithExpression, Expression } from "../../syntax/tree/ast.ts";
import { typeText } from "../../values/value_types.ts";
import type { Resolution } from "../names/bindings.ts";
import type { TypeMismatches } from "./type_mismatches.ts";
import type { OperatorTypes } from "./operator_types.ts";

/** What the check of a copy needs to know. */
interface CopyFacts {
  readonly bag: DiagnosticBag;
  readonly mismatches: TypeMismatches;
  kindOf(expression: Expression): Type;
}

/** What the check of a change needs to know. */
interface ChangeFacts extends CopyFacts {
  readonly resolution: Resolution;
}

/** Reports a place that never changes, and a sum without meaning. */
export function checkChange(
  statement: ChangeStatement,
  facts: ChangeFacts,
  operators: OperatorTypes,
): void {
  const { operator, operatorSpan, place, value } = statement;
  const object = facts.kindOf(place.object);
  const given = facts.kindOf(value);
  if (refuseConst(place.object, facts)) return;
  if (object.startsWith("@")) {
    facts.bag.error(
      "E0308",
      place.span,
      `Cannot change ${typeText(object)}: it belongs to the machine`,
      "only its functions and methods change it",
    );
    return;
  }
  const old = facts.kindOf(place);
  if (!["any", "record", place.kind === "Index" ? "list" : "any"].includes(object)) {
    // A field that is none has been reported when its kind was asked for.
    if (place.kind === "Index") {
      const message = `Cannot change an item of ${typeText(object)}`;
      facts.mismatches.wrong(
        "E0405",
        place.object,
        object,
        message,
        "only lists and records can be changed",
      );
    }
  } else if (operator === "+=") operators.sum(old, given, operatorSpan);
}

/** Reports what is no record, and entries that the record has not: a copy has no others. */
export function checkCopy(
  { entries, object }: Pick<CopyWithExpression, "entries" | "object">,
  known: ReadonlyMap<string, unknown> | null,
  facts: CopyFacts,
): void {
  const { bag, mismatches } = facts;
  const type = facts.kindOf(object);
  for (const { value } of entries) facts.kindOf(value);
  if (type !== "record" && type !== "any") {
    const message = `\`with\` copies a record, but this is ${typeText(type)}`;
    mismatches.wrong("E0405", object, type, message);
  }
  if (known === null) return;
  const names = [...known.keys()];
  for (const { key } of entries) {
    if (known.has(key.text)) continue;
    const hint = bag.didYouMean(key.text, names) ?? itHas(names);
    bag.error("E0315", key.span, `A record has no entry \`${key.text}\``, hint);
  }
}

/** Reports what a `const` holds: it is the same for every test, and never changes. */
export function refuseConst(
  object: Expression,
  { bag, resolution }: Pick<ChangeFacts, "bag" | "resolution">,
): boolean {
  let root = object;
  while (root.kind === "Field" || root.kind === "Index") root = root.object;
  const binding = root.kind === "Name" ? resolution.names.get(root) : undefined;
  if (binding?.kind !== "const") return false;
  const { text } = binding.declaration.name;
  bag.error(
    "E0308",
    object.span,
    `\`${text}\` is a \`const\`, which is read-only`,
    `\`let mine = ${text}.copy()\` makes a copy that can be changed`,
    [{ span: binding.declaration.name.span, message: "declared here" }],
  );
  return true;
}
