/** Runs a property: case after case, and when one fails, smaller cases. */
import { formatCount } from "../../text/numbers.ts";
import type { Failure } from "../../vm/failure.ts";
import { ListValue, type Value } from "../../values/value.ts";
import type { RunnableTest } from "../test_entry.ts";
import {
  type CaseEngine,
  type CaseSpace,
  caseSpace,
  caseValues,
  type Dimension,
  type Drawn,
  isSequence,
} from "./property_cases.ts";
import { shorterSequences } from "../../values/sequences.ts";
import type { TestRunResult } from "../defect_attribution.ts";
import type { Attempts } from "../attempts.ts";
import { NO_OUTPUT } from "../replay_run.ts";
import type { TestTally } from "../tally.ts";
import { quoted, sourceText } from "../../render/source_text.ts";
import { type Span, spanText } from "../../source.ts";
import type { PropertyDeclaration } from "../../syntax/tree/ast.ts";

/** Exponent of the largest power of two that is tried as a step. */
const MAX_BITS = 52;

/**
 * Smaller numbers of a dimension, the smallest first.
 *
 * Halving the distance to the smallest number finds where failures begin, if all larger numbers fail,
 * too. But sizes and addresses often fail only at multiples of a page or a sector, or at one offset in a
 * page or sector. Therefore the result also contains, for each power of two, the next smaller multiple,
 * and the number reduced by that power.
 *
 * @example
 * ```ts
 * smallerNumbers(4097, { first: 1, last: 8192 }); // [1, 2049, … 4096]
 * ```
 */
export function smallerNumbers(value: number, { first, last }: Dimension): readonly number[] {
  const sign = value < 0 ? -1 : 1;
  const magnitude = Math.abs(value);
  const nearest = first > 0 ? first : last < 0 ? last : 0;
  const found = new Set<number>();
  if (magnitude > Math.abs(nearest)) found.add(Math.abs(nearest));
  for (let bits = 0; bits <= MAX_BITS; bits++) {
    const step = 2 ** bits;
    if (step >= magnitude) break;
    const multiple = Math.floor((magnitude - 1) / step) * step;
    if (multiple >= Math.abs(nearest)) found.add(multiple);
    if (magnitude - step >= Math.abs(nearest)) found.add(magnitude - step);
  }
  // Avoids -0, the result of `0 * -1`.
  return [...found].sort((a, b) => a - b).map((number) => number * sign + 0);
}

/** Limit of the smaller cases that are tried. */
const SMALLER_CASES = 1000;

interface FailedCase {
  readonly drawn: readonly Drawn[];
  readonly values: readonly Value[];
  readonly result: TestRunResult;
  readonly failure: Failure;
}

/** Runs a property's cases until one fails, shrinks the failing case, and reports it to the tally. */
export function runProperty(
  engine: CaseEngine | null,
  entry: Omit<RunnableTest, "kind">,
  attempts: Attempts,
  tally: TestTally,
): void {
  const { combination, declaration, forall } = entry;
  if (engine === null || declaration?.kind !== "Property") {
    throw new Error("A property needs a case generator");
  }
  let smallest: FailedCase | null = null;
  let smaller = 0;
  /** Whether the run was interrupted, so that no smaller case would complete. */
  let interrupted = false;
  const holds = (drawn: readonly Drawn[]): boolean => {
    const values = caseValues(forall, drawn);
    const run = { ...entry, args: [...entry.args, ...values] };
    if (smallest === null) {
      const result = attempts.run(run);
      const { failure } = result;
      tally.add(result, attempts.attributionOf(result, run));
      if (failure === null) attempts.release(result);
      else smallest = { drawn, values, result, failure };
      return failure === null;
    }
    // No smaller cases are tried if the case ended at a limit, because each smaller case could also
    // run until the limit. None are tried after a bug of dmalab either, because the script has no
    // failure that could become smaller.
    const isEnough = interrupted || smaller === SMALLER_CASES;
    if (isEnough || smallest.failure.kind !== "failed") return true;
    smaller++;
    // Output of all smaller cases would hide the output of the failing one.
    const result = attempts.run(run, NO_OUTPUT);
    const { failure } = result;
    interrupted = failure?.diagnostic.code === "E0807";
    const isSmaller = failure !== null && failsAlike(failure, smallest.failure);
    attempts.release(isSmaller ? smallest.result : result);
    if (!isSmaller) return true;
    smallest = { drawn, values, result, failure };
    return false;
  };
  const space = caseSpace(forall, attempts.seed);
  engine.search(space, holds);
  while (smallest !== null && makeSmaller(space, (smallest as FailedCase).drawn, holds));
  const found = smallest as FailedCase | null;
  if (found === null) return;
  const { result, failure, values } = found;
  const shown = { ...entry, args: [...entry.args, ...values] };
  attempts.shown = shown;
  const ended = interrupted ? ", until the run was interrupted: there may be smaller ones" : "";
  const pasted = {
    property: declaration,
    values,
    bound:
      declaration.table?.axes.map(({ name }, index) => [name.text, entry.args[index]!] as const) ??
        [],
    combination,
    seed: attempts.options.machine.seed ?? null,
  };
  tally.fail(failure, [
    `case ${tally.cases} of ${space.count} fails; ${
      formatCount(smaller, "smaller case")
    } tried${ended}`,
    `minimal failing case: ${caseText(pasted)}`,
    "as a test to paste:",
    ...pastedTest(pasted).map((line) => `  ${line}`),
  ], attempts.attributionOf(result, shown));
  attempts.release(result);
}

/** Tries to make one dimension smaller than fast-check did. False when no smaller case fails. */
function makeSmaller(
  { dimensions }: CaseSpace,
  drawn: readonly Drawn[],
  holds: (drawn: readonly Drawn[]) => boolean,
): boolean {
  return dimensions.some((dimension, index) =>
    smallerThan(drawn[index]!, dimension).some((smaller) => !holds(drawn.with(index, smaller)))
  );
}

function smallerThan(
  drawn: Drawn,
  dimension: CaseSpace["dimensions"][number],
): readonly Drawn[] {
  if (isSequence(dimension)) {
    return typeof drawn === "number" ? [] : shorterSequences(drawn, dimension);
  }
  return typeof drawn === "number" ? smallerNumbers(drawn, dimension) : [];
}

/** A smaller case must fail in the same way: another mistake would hide the first. */
function failsAlike(one: Failure, other: Failure): boolean {
  return one.diagnostic.code === other.diagnostic.code &&
    one.diagnostic.span.source === other.diagnostic.span.source &&
    one.diagnostic.span.start === other.diagnostic.span.start;
}

interface PastedCase {
  readonly property: PropertyDeclaration;
  readonly values: readonly Value[];
  /** The values of the test's table row, by name. */
  readonly bound: readonly (readonly [name: string, value: Value])[];
  /** The machine's part of the name: `iommu.mode = lazy`; empty without a matrix. */
  readonly combination: string;
  /** The seed, if it differs from the seed in the file. */
  readonly seed: number | null;
}

/** The case as text: `pages = 1, skipped = 0`. */
function caseText({ property, values }: Pick<PastedCase, "property" | "values">): string {
  return property.forall
    .map(({ name }, index) => `${name.text} = ${sourceText(values[index]!)}`)
    .join(", ");
}

/** The lines of a test that does the same as the property does in this case, on the same machine. */
function pastedTest(pasted: PastedCase): readonly string[] {
  const { bound, combination, property, seed, values } = pasted;
  const settings = [
    ...property.modifiers.filter(({ kind }) => kind === "With").map(({ span }) => spanText(span)),
    ...combination === "" ? [] : [`with { ${combination} }`],
    ...seed === null ? [] : [`with { seed = 0x${seed.toString(16)} }`],
  ];
  const head = ["test", quoted(`${property.name}: ${shortText(pasted)}`), ...settings, "{"];
  return [
    head.join(" "),
    ...bound.flatMap(([name, value]) => bindingLines(name, value)),
    ...property.forall.flatMap(({ name }, index) => bindingLines(name.text, values[index]!)),
    ...innerLines(property.body.span),
    "}",
  ];
}

/**
 * The case as `caseText()` shows it, but with only the length of a sequence, because the name of a
 * test takes one line.
 */
function shortText({ property, values }: Pick<PastedCase, "property" | "values">): string {
  return property.forall.map(({ name }, index) => {
    const value = values[index]!;
    return value instanceof ListValue
      ? `${name.text} of ${formatCount(value.items.length, "step")}`
      : `${name.text} = ${sourceText(value)}`;
  }).join(", ");
}

/** The lines of a `let` for a value. A sequence has one line for each of its steps. */
function bindingLines(name: string, value: Value): readonly string[] {
  if (!(value instanceof ListValue) || value.items.length === 0) {
    return [`  let ${name} = ${sourceText(value)}`];
  }
  return [`  let ${name} = [`, ...value.items.map((step) => `    ${sourceText(step)},`), "  ]"];
}

/** The text between the braces of a block. */
function innerLines(body: Span): string[] {
  const inner = spanText(body).replace(/^\{/, "").replace(/\}$/, "");
  const lines = inner.split(/\r\n|\r|\n/);
  if (lines.length === 1) return [`  ${inner.trim()}`];
  // Text on the line of the opening brace comes first; the last line contains the closing brace.
  const first = lines.shift()!.trim();
  if (lines.at(-1)!.trim() === "") lines.pop();
  return [...first === "" ? [] : [`  ${first}`], ...lines.map((line) => line.trimEnd())];
}
