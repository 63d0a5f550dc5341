/**
 * Reduces the errors about names to one error for each mistake.
 *
 * After a declaration without the word `let`, or a misspelled device, every later use of the name
 * is an error, too. Only the first of these errors is shown, with the number of the others. While
 * the machine block has errors, names that it declares are not reported as missing. Kinds are not
 * checked on lines where a name is missing. (Values that do not fit: `type_mismatches.ts`.)
 */
import { groupBy } from "@dmalab/runtime/basics";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { isInside, type Span, spanText } from "../source.ts";

/** Errors that are repeated at each use of a name. */
const ABOUT_NAMES: ReadonlySet<string> = new Set(["E0301", "E0303", "E0307", "E0308"]);

/**
 * Removes the consequences of other errors from sorted diagnostics. `machine` is the span of the
 * machine block.
 */
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
  /** For each kind of error, the index of its first error in `kept`, and the number of the others. */
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
 * Removes errors about kinds from lines with an error about names. An unknown name has no kind, so
 * the kind of an expression with such a name is wrong.
 */
export function withoutEchoes(
  aboutKinds: readonly Diagnostic[],
  aboutNames: readonly Diagnostic[],
): readonly Diagnostic[] {
  const errors = aboutNames.filter(({ code, severity }) =>
    severity === "error" && ABOUT_NAMES.has(code)
  );
  const lineOf = ({ source }: Span, offset: number) => source.position(offset).line;
  const lines = new Map(
    [...groupBy(errors, ({ span }) => span.source)].map(([source, inFile]) =>
      [source, new Set(inFile.map(({ span }) => lineOf(span, span.start)))] as const
    ),
  );
  return aboutKinds.filter(({ severity, span }) => {
    const wrong = lines.get(span.source);
    if (severity !== "error" || wrong === undefined) return true;
    const last = lineOf(span, span.end);
    for (let line = lineOf(span, span.start); line <= last; line++) {
      if (wrong.has(line)) return false;
    }
    return true;
  });
}

function withMore(diagnostic: Diagnostic, more: number): Diagnostic {
  const said = `the same in ${more} more place${more === 1 ? "" : "s"}`;
  const { hint } = diagnostic;
  return { ...diagnostic, hint: hint === undefined ? said : `${hint}\n(${said})` };
}
