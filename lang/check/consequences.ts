/**
 * Leaves one error for one mistake among those about names.
 *
 * A `let` without its word, or a misspelled device, makes every later use of the name an error as
 * well, and a value of the wrong kind fits nowhere: the first is shown and says how many there are. What a machine block declares is not
 * missed elsewhere while the block itself is wrong.
 */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { type Span, spanText } from "../source.ts";

/** Errors that each use of a value of the wrong kind draws again; they say where it comes from. */
const ABOUT_VALUES: ReadonlySet<string> = new Set(["E0315", "E0402"]);

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
    const { code, message, span, related: [origin] = [] } = diagnostic;
    const isAboutName = ABOUT_NAMES.has(code);
    if (!isAboutName && (!ABOUT_VALUES.has(code) || origin === undefined)) {
      kept.push(diagnostic);
      continue;
    }
    const isOfMachine = isAboutName && machineWords.has(spanText(span));
    if (isOfMachine && !isInside(span, machine!)) continue;
    const key = isAboutName
      ? `${span.source.name} ${code} ${message}`
      : `${origin!.span.source.name} ${origin!.span.start}`;
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

function withMore(diagnostic: Diagnostic, more: number): Diagnostic {
  const places = `${more} more place${more === 1 ? "" : "s"}`;
  const said = ABOUT_NAMES.has(diagnostic.code)
    ? `the same in ${places}`
    : `it does not fit in ${places}`;
  const { hint } = diagnostic;
  return { ...diagnostic, hint: hint === undefined ? said : `${hint}\n(${said})` };
}

function isInside(span: Span, outer: Span): boolean {
  return span.source === outer.source && span.start >= outer.start && span.end <= outer.end;
}
