/**
 * Bounds the depth of the syntax tree before anybody recurses over it.
 *
 * A text can nest without brackets too (`not not not …`, `a.b.c…`, `x => y => …`), so the depth is
 * estimated from the tokens: never too low, and exact enough that no hand-written script meets the
 * limit. Parser, checker and compiler may then recurse without counting.
 */
import type { IToken } from "chevrotain";
import type { DiagnosticReporter } from "../report.ts";
import * as t from "../tokens.ts";

const { Hard, Soft } = t;

/** How deep brackets may be nested. */
export const MAX_BRACKET_DEPTH = 200;
/** How deep the tree of one statement may be, by estimate. */
export const MAX_TREE_DEPTH = 500;
/** A lambda costs the parser as much stack as that many operators. */
const LAMBDA_WEIGHT = 10;

interface Level {
  /** Depth of what stands between two commas or line ends. */
  depth: number;
  /** The deepest of those before. */
  deepest: number;
  /** Branches of an `if` before this one. */
  branches: number;
}

/** Reports the first place where a file is nested too deeply; true when there is none. */
export function isShallow(tokens: readonly IToken[], reporter: DiagnosticReporter): boolean {
  const levels: Level[] = [];
  let level: Level = { depth: 0, deepest: 0, branches: 0 };
  for (const token of tokens) {
    const type = token.tokenType;
    if (t.OPENERS.has(type)) {
      levels.push(level);
      level = { depth: 0, deepest: 0, branches: 0 };
    } else if (t.CLOSERS.has(type)) {
      const inside = Math.max(level.depth, level.deepest) + 1;
      level = levels.pop() ?? level;
      level.depth += inside;
    } else if (t.isA(token, t.Separator)) {
      level.deepest = Math.max(level.depth, level.deepest);
      level.depth = 0;
      level.branches = 0;
    } else if (type === Hard.else) {
      level.deepest = Math.max(level.depth, level.deepest);
      level.depth = ++level.branches;
    } else if (type === t.FatArrow) {
      level.depth += LAMBDA_WEIGHT;
    } else if (
      type === t.Dot || type === Soft.as || t.isA(token, t.InfixOperator) ||
      t.isA(token, t.PrefixOperator)
    ) {
      level.depth++;
    }
    if (levels.length > MAX_BRACKET_DEPTH || level.depth > MAX_TREE_DEPTH) {
      const what = levels.length > MAX_BRACKET_DEPTH
        ? `more than ${MAX_BRACKET_DEPTH} open brackets`
        : `more than ${MAX_TREE_DEPTH} nested parts`;
      const message = `Nested too deeply: ${what}`;
      reporter.errorOn("E0214", token, message, "bind parts to names with `let`");
      return false;
    }
  }
  return true;
}
