/**
 * Leaves one error for one mistake among those about names.
 *
 * A `let` without its word, or a misspelled device, makes every later use of the name an error as
 * well: the first is shown and says how many there are. What a machine block declares is not missed
 * elsewhere while the block itself is wrong, and kinds are not looked at where a name is missing.
 * (Values that do not fit: `misfits.ts`.)
 */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { isInside, type SourceFile, type Span, spanText } from "../source.ts";

/** Errors that each use of a name draws again. */
const ABOUT_NAMES: ReadonlySet<string> = new Set(["E0301", "E0303", "E0307", "E0308"]);

/** What is left of sorted diagnostics. `machine` is where the machine block stands. */
export function withoutConsequences(
  diagnostics: readonly Diagnostic[],
  machine: Span | null,
): readonly Diagnostic[] {
  const machineIsWrong = machine !== null &&
    diagnostics.some(({ code, span, severity }) =>
      severity === "error" && !ABOUT_NAMES.has(code) && isInside(span, machine)
    );
  const machineWords = new Set(machineIsWrong ? spanText(machine).match(/[A-Za-z_]\w*/g) : []);
  const kept: Diagnostic[] = [];
  /** Where the first of each kind is kept, and how many more there are. */
  const first = new Map<string, { readonly index: number; more: number }>();
  for (const diagnostic of diagnostics) {
    const { code, message, span } = diagnostic;
    if (!ABOUT_NAMES.has(code)) {
      kept.push(diagnostic);
      continue;
    }
    const isOfMachine = machineWords.has(spanText(span));
    if (isOfMachine && !isInside(span, machine!)) continue;
    const key = `${span.source.name} ${code} ${message}`;
    const known = first.get(key);
    if (known === undefined) {
      first.set(key, { index: kept.length, more: 0 });
      kept.push(diagnostic);
    } else known.more++;
  }
  for (const { index, more } of first.values()) {
    if (more > 0) kept[index] = withMore(kept[index]!, more);
  }
  return kept;
}

/**
 * Errors about kinds without those on the lines of an error about names: what nothing is called has
 * no kind, and what is made of it has a strange one.
 */
export function withoutEchoes(
  aboutKinds: readonly Diagnostic[],
  aboutNames: readonly Diagnostic[],
): readonly Diagnostic[] {
  /** Where errors about names are, in the order of the text. */
  const places = new Map<SourceFile, number[]>();
  for (const { code, severity, span: { source, start } } of aboutNames) {
    if (severity !== "error" || !ABOUT_NAMES.has(code)) continue;
    const known = places.get(source);
    if (known === undefined) places.set(source, [start]);
    else known.push(start);
  }
  return aboutKinds.filter(({ severity, span: { end, source, start } }) => {
    const starts = places.get(source);
    if (severity !== "error" || starts === undefined) return true;
    const lineOf = (offset: number) => source.position(offset).line;
    const next = starts[firstAtLeast(starts, source.lineStarts[lineOf(start) - 1]!)];
    return next === undefined || lineOf(next) > lineOf(end);
  });
}

/** Index of the first number that is not below a limit, in a list in ascending order. */
function firstAtLeast(numbers: readonly number[], limit: number): number {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle]! < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

function withMore(diagnostic: Diagnostic, more: number): Diagnostic {
  const said = `the same in ${more} more place${more === 1 ? "" : "s"}`;
  const { hint } = diagnostic;
  return { ...diagnostic, hint: hint === undefined ? said : `${hint}\n(${said})` };
}
