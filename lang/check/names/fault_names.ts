/** What `fail` names: a point, and the error it is to fail with. */
import type { Registry } from "../../values/registry.ts";
import type { DiagnosticBag } from "../../diagnostics/diagnostic.ts";
import { didYouMean, listed } from "../../diagnostics/suggest.ts";
import type { FailStatement } from "../../syntax/tree/ast.ts";

/** Reports a point that does not exist, and an error that it cannot have. */
export function checkFail(statement: FailStatement, registry: Registry, bag: DiagnosticBag): void {
  const { error, nth, point } = statement;
  if (point === null) {
    const surplus = nth ?? error;
    if (surplus !== null) {
      bag.error(
        "E0321",
        surplus.span,
        "`fail each` takes neither `nth` nor `with`: it goes through every place by itself",
      );
    }
    return;
  }
  const errors = registry.faultPoints.get(point.text);
  if (errors === undefined) {
    const names = [...registry.faultPoints.keys()];
    bag.error(
      "E0320",
      point.span,
      `Nothing that can fail is called \`${point.text}\``,
      didYouMean(point.text, names) ?? `there are ${listed(names, point.text)}`,
    );
  } else if (error !== null && !errors.includes(error.text)) {
    bag.error(
      "E0321",
      error.span,
      `\`${point.text}\` cannot fail with \`${error.text}\``,
      errors.length === 1
        ? `it fails with ${errors[0]}, and \`with\` is not needed`
        : didYouMean(error.text, errors) ?? `it can fail with ${errors.join(", ")}`,
    );
  }
}
