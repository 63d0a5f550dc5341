/** Formatting as edits that result in the formatter's layout. */
import { formatSource } from "../format/format.ts";
import { type SourceFile, type Span, spanText } from "../source.ts";
import type { TextEdit } from "./rename.ts";
import type { Diagnostic, Fix } from "../diagnostics/diagnostic.ts";
import type { Analysis } from "./analysis.ts";

/** Lines of a file, from 1, both included. */
export interface Lines {
  readonly first: number;
  readonly last: number;
}

/**
 * The edits of the formatter; null if the file has a mistake, because such a file is left
 * unchanged.
 *
 * @param within Only edits that touch these lines are returned.
 */
export function formatEdits(source: SourceFile, within?: Lines): readonly TextEdit[] | null {
  const formatted = formatSource(source);
  if (!formatted.ok) return null;
  const all = lineEdits(source, formatted.text);
  if (within === undefined) return all;
  return all.filter(({ span }) =>
    source.position(span.start).line <= within.last &&
    source.position(Math.max(span.start, span.end - 1)).line >= within.first
  );
}

/** Edits for the lines that differ, one edit for each run of such lines. Equal lines are not edited. */
function lineEdits(source: SourceFile, text: string): readonly TextEdit[] {
  const before = linesOf(source.text);
  const after = linesOf(text);
  const edits: TextEdit[] = [];
  let [at, to, offset] = [0, 0, 0];
  while (at < before.length || to < after.length) {
    if (at < before.length && before[at] === after[to]) {
      offset += before[at]!.length;
      [at, to] = [at + 1, to + 1];
      continue;
    }
    const [removed, added] = nextCommon(before, after, at, to);
    const end = offset + before.slice(at, at + removed).join("").length;
    const span = { source, start: offset, end };
    edits.push({ span, text: after.slice(to, to + added).join("") });
    [at, to, offset] = [at + removed, to + added, end];
  }
  return edits;
}

/**
 * The smallest numbers of lines to skip in `before` and in `after` so that the next lines of both
 * are equal.
 */
function nextCommon(
  before: readonly string[],
  after: readonly string[],
  at: number,
  to: number,
): readonly [removed: number, added: number] {
  const left = [before.length - at, after.length - to] as const;
  for (let sum = 1; sum < left[0] + left[1]; sum++) {
    for (let removed = Math.min(sum, left[0] - 1); removed >= 0; removed--) {
      const added = sum - removed;
      if (added >= left[1]) break;
      if (before[at + removed] === after[to + added]) return [removed, added];
    }
  }
  return left;
}

function linesOf(text: string): readonly string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

interface QuickFix {
  readonly title: string;
  readonly fix: Fix;
  /** The diagnostic that the fix corrects. */
  readonly diagnostic: Diagnostic;
  /** True if there is no other fix for the diagnostic. */
  readonly isOnly: boolean;
}

/** The fixes of mistakes between two offsets. */
export function fixesIn({ diagnostics, source }: Analysis, start: number, end: number): QuickFix[] {
  return diagnostics.flatMap((diagnostic) => {
    const { fixes = [], span } = diagnostic;
    const isThere = (each: Span) =>
      each.source === source && each.start <= end && each.end >= start;
    if (![span, ...fixes.map((fix) => fix.span)].some(isThere)) return [];
    return fixes.map((fix) => ({
      title: `Replace \`${spanText(fix.span)}\` with \`${fix.text}\``,
      fix,
      diagnostic,
      isOnly: fixes.length === 1,
    }));
  });
}
