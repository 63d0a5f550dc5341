/**
 * Typing slips in the examples: each token left out, doubled, or swapped with the next token.
 *
 * The requirement: a slip causes at most three errors, and the first error is near the slip. Near
 * means on the changed line, or on the nearest line with code above or below the changed line. The
 * error itself must point there; a note of the error does not count.
 */
import type { Diagnostic } from "@dmalab/lang/diagnostics";
import { parse, type SourceLoader } from "@dmalab/lang/syntax";
import { type TokenEdit, tokenEdits } from "@dmalab/lang/testing";
import { loadProgram, SourceFile } from "@dmalab/lang";
import { openScenario, scenariosBelow } from "../examples.ts";

export const MAX_ERRORS = 3;

/**
 * Share of slips that may violate the requirement. Of 6,386 slips, 6 violate it. In these, a brace
 * is missing or doubled in a file with other braces at the same depth, or a function's parameter is
 * left out.
 */
const POOR_SHARE = 0.001;

/**
 * Number of slips that may violate the requirement if `variants` slips are tried: two standard deviations
 * more than usual.
 */
export function mostPoor(variants: number): number {
  const usual = variants * POOR_SHARE;
  return Math.ceil(usual + 2 * Math.sqrt(usual));
}

/**
 * Counts of refused variants: all, those with their first error elsewhere, those with too many
 * errors.
 */
type RefusedCounts = Record<"all" | "far" | "many", number>;

export interface SlipCounts {
  variants: number;
  /** Number of variants that are valid programs, although they have a slip. */
  valid: number;
  /** Counts of the variants that the grammar refuses. */
  readonly syntax: RefusedCounts;
  /** Counts of the variants that the grammar accepts and the checker refuses. */
  readonly meaning: RefusedCounts;
}

export interface SlipReport {
  readonly counts: SlipCounts;
  /** Variants that violate the requirement, as text. */
  readonly poor: readonly string[];
}

/**
 * Tries the variants of every example.
 *
 * @param step 1 to try all variants, 10 to try every tenth.
 */
export function trySlips(step: number): SlipReport {
  const counts: SlipCounts = {
    variants: 0,
    valid: 0,
    syntax: { all: 0, far: 0, many: 0 },
    meaning: { all: 0, far: 0, many: 0 },
  };
  const poor: string[] = [];
  let number = 0;
  for (const path of scenariosBelow("examples")) {
    const opened = openScenario(path);
    // Paths of the files that an example uses (data or other examples) are already resolved.
    const loader: SourceLoader = { load: (used) => opened.loader.load(used, null) };
    for (const edit of tokenEdits(new SourceFile(path, opened.entry.text))) {
      if (number++ % step === 0) {
        const said = judgeSlip(path, edit, loader, counts);
        if (said !== null) poor.push(said);
      }
    }
  }
  return { counts, poor };
}

function judgeSlip(
  path: string,
  edit: TokenEdit,
  loader: SourceLoader,
  counts: SlipCounts,
): string | null {
  const source = new SourceFile(path, edit.text);
  const syntax = parse(source).diagnostics;
  const errors = syntax.length > 0
    ? syntax
    : loadProgram(source, loader).diagnostics.filter(({ severity }) => severity === "error");
  counts.variants++;
  const [first] = errors;
  if (first === undefined) {
    counts.valid++;
    return null;
  }
  const isFar = !pointsNear(first, edit);
  const isMany = errors.length > MAX_ERRORS;
  const refused = syntax.length > 0 ? counts.syntax : counts.meaning;
  refused.all++;
  if (isFar) refused.far++;
  if (isMany) refused.many++;
  if (!isFar && !isMany) return null;
  const { line } = source.position(first.span.start);
  return `${path}:${edit.firstLine} (${edit.kind}): ${errors.length} errors, ` +
    `the first in line ${line}: ${first.message}`;
}

/** Whether an error points at a changed line or at a neighbouring line with code. */
function pointsNear({ span: { source, start } }: Diagnostic, edit: TokenEdit): boolean {
  const lines = edit.text.split("\n");
  /** How many of the lines above a line contain code. */
  const rank = (line: number) =>
    lines.slice(0, line - 1).filter((text) => !/^\s*(?:#|$)/.test(text)).length;
  const place = rank(source.position(start).line);
  return rank(edit.firstLine) - 1 <= place && place <= rank(edit.lastLine + 1);
}
