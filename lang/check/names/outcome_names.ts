/** What `inject` names, and what `fails`, `faults` and `warns` name. */
import type { Registry } from "../../values/registry.ts";
import type { DiagnosticBag } from "../../diagnostics/diagnostic.ts";
import { didYouMean, listed } from "../../diagnostics/suggest.ts";
import type { ExpectedOutcome, FailStatement, OutcomeKind } from "../../syntax/tree/ast.ts";

/** Reports an error, fault or report that does not exist. */
export function checkOutcomeName(
  expected: ExpectedOutcome,
  registry: Registry,
  bag: DiagnosticBag,
): void {
  const written = expected.code.text;
  const name = registry.words.get(written)?.name ?? written;
  const known = namesOf(expected.outcome, registry);
  if (known.includes(name)) return;
  bag.error(
    "E0313",
    expected.code.span,
    `${NOUNS[expected.outcome]} is called \`${written}\``,
    otherOutcome(name, registry) ?? didYouMean(written, known) ??
      `there are ${listed(known, written)}`,
  );
}

const NOUNS: Readonly<Record<OutcomeKind, string>> = {
  error: "No error",
  fault: "No fault of the IOMMU",
  warning: "No report of the checker",
};

function namesOf(outcome: OutcomeKind, registry: Registry): readonly string[] {
  switch (outcome) {
    case "error":
      return [...registry.errnoNames, ...registry.blockStatusNames].filter((name) => name !== "OK");
    case "fault":
      return [...registry.faultReasons];
    case "warning":
      return [...registry.reportClasses];
  }
}

/** The right word when the name belongs to one of the other two. */
function otherOutcome(name: string, registry: Registry): string | undefined {
  if (registry.errnoNames.has(name)) return `${name} is an errno: \`fails\`, \`expect error\``;
  if (registry.faultReasons.has(name)) return `${name} is a fault: \`faults\`, \`expect fault\``;
  if (registry.reportClasses.has(name)) return `${name} is a report: \`warns\`, \`expect warning\``;
  return undefined;
}

/** Reports a point that does not exist, and an error that it cannot have. */
export function checkFail(statement: FailStatement, registry: Registry, bag: DiagnosticBag): void {
  const { error, nth, oldWordSpan, point } = statement;
  if (oldWordSpan !== null) {
    bag.warning(
      "W0307",
      oldWordSpan,
      "`fail` is called `inject`",
      "`dmalab fmt` writes it; `fails` behind a call is still what it expects",
    );
  }
  if (point === null) {
    const surplus = nth ?? error;
    if (surplus !== null) {
      bag.error(
        "E0321",
        surplus.span,
        "`inject each` takes neither `nth` nor `with`: it goes through every place by itself",
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
