/** The names after `inject`, and after `fails`, `faults` and `warns`. */
import { canonicalName, type Registry } from "../../values/registry.ts";
import type { DiagnosticBag } from "../../diagnostics/diagnostic.ts";
import { listed } from "../../diagnostics/suggest.ts";
import { readNumber } from "../../syntax/tree/literals.ts";
import type { ExpectedOutcome, FailStatement, OutcomeKind } from "../../syntax/tree/ast.ts";

/** Adds a diagnostic if an expectation names an error, fault or warning that does not exist. */
export function checkOutcomeName(
  expected: ExpectedOutcome,
  registry: Registry,
  bag: DiagnosticBag,
): void {
  const written = expected.code.text;
  const name = canonicalName(written, registry);
  if (isNumber(written)) return checkStatusNumber(expected, registry, bag);
  const known = namesOf(expected.outcome, registry);
  if (known.includes(name)) return;
  bag.error(
    "E0313",
    expected.code.span,
    `${NOUNS[expected.outcome]} is called \`${written}\``,
    otherOutcome(name, registry) ?? bag.didYouMean(written, known) ??
      `there are ${listed(known, written)}`,
  );
}

/** Without its phase bit, a status has 15 bits. */
const MAX_STATUS = 0x7fff;

const isNumber = (written: string) => /^\d/.test(written);

/** The device status that a name or a number means; null for any other outcome. */
export function expectedStatus(
  written: string,
  { deviceStatusMask, deviceStatuses }: Registry,
): { readonly status: number; readonly mask: number } | null {
  const code = deviceStatuses.get(written);
  if (code !== undefined) return { status: code, mask: deviceStatusMask };
  if (!isNumber(written)) return null;
  const number = readNumber(written);
  return number.kind === "Integer" ? { status: number.value, mask: MAX_STATUS } : null;
}

/** Reports a number that is not a valid device status, with the nearest valid one. */
function checkStatusNumber(
  { code: { span, text }, outcome }: ExpectedOutcome,
  registry: Registry,
  bag: DiagnosticBag,
): void {
  const number = readNumber(text);
  const status = number.kind === "Integer" ? number.value : MAX_STATUS + 1;
  const { deviceStatusMask, deviceStatuses } = registry;
  const codes = [...deviceStatuses].filter(([, code]) => code !== 0);
  if (outcome !== "error" || status > MAX_STATUS) {
    return bag.error(
      "E0313",
      span,
      `${NOUNS[outcome]} is called \`${text}\``,
      outcome === "error" ? "the status of an NVMe command is a number of 15 bits" : undefined,
    );
  }
  const code = status & deviceStatusMask;
  if (codes.some(([, each]) => each === code)) return;
  const [name, nearest] = codes.reduce((best, each) =>
    Math.abs(each[1] - code) < Math.abs(best[1] - code) ? each : best
  );
  const whole = (status & ~deviceStatusMask) | nearest;
  bag.error(
    "E0313",
    span,
    `No NVMe status is \`${text}\``,
    `the nearest is \`0x${whole.toString(16).padStart(4, "0")}\`, ${name}`,
  );
}

const NOUNS: Readonly<Record<OutcomeKind, string>> = {
  error: "No error",
  fault: "No IOMMU fault",
  warning: "No checker report",
};

function namesOf(outcome: OutcomeKind, registry: Registry): readonly string[] {
  switch (outcome) {
    case "error":
      return [
        ...registry.errnoNames,
        ...registry.blockStatusNames,
        ...registry.deviceStatuses.keys(),
      ].filter((name) => name !== "OK" && registry.deviceStatuses.get(name) !== 0);
    case "fault":
      return [...registry.faultReasons];
    case "warning":
      return [...registry.reportClasses];
  }
}

/** A hint for a name that belongs to another kind of outcome: this kind, and its keywords. */
function otherOutcome(name: string, registry: Registry): string | undefined {
  if (registry.errnoNames.has(name)) return `${name} is an errno: \`fails\`, \`expect error\``;
  if (registry.faultReasons.has(name)) return `${name} is a fault: \`faults\`, \`expect fault\``;
  if (registry.reportClasses.has(name)) return `${name} is a report: \`warns\`, \`expect warning\``;
  return undefined;
}

/** Reports an unknown injection point, and an error that the point cannot return. */
export function checkFail(statement: FailStatement, registry: Registry, bag: DiagnosticBag): void {
  const { error, meanwhile, nth, point, verb } = statement;
  if (verb === "unplug" && meanwhile !== null) {
    bag.error(
      "E0321",
      meanwhile.span,
      "`unplug each` has one block",
      "a device that was pulled out does nothing: `remove each { … } and { … }` has a second one",
    );
  }
  if (point === null) {
    const surplus = nth ?? error;
    if (surplus !== null) {
      bag.error(
        "E0321",
        surplus.span,
        "`inject each` takes neither `nth` nor `with`: it tries every injection point",
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
      `No injection point is called \`${point.text}\``,
      bag.didYouMean(point.text, names) ?? `there are ${listed(names, point.text)}`,
    );
  } else if (error !== null && !errors.includes(canonicalName(error.text, registry))) {
    bag.error(
      "E0321",
      error.span,
      `\`${point.text}\` cannot fail with \`${error.text}\``,
      errors.length === 1
        ? `it fails only with ${errors[0]}: leave \`with\` out`
        : bag.didYouMean(error.text, errors) ?? `it can fail with ${errors.join(", ")}`,
    );
  }
}
