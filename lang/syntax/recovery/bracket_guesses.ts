/**
 * Second thoughts about a bracket without its partner.
 *
 * `bracket_matcher.ts` finds where a partner is missed at the latest; the slip itself may be far
 * above. `bracket_layout.ts` says where it is likelier. Such a guess counts only when the whole
 * declaration, put right in this one place, is read without an error. None of it is looked at as
 * long as brackets pair up.
 */
import type { IToken } from "chevrotain";
import type { SourceFile } from "../../source.ts";
import { applyFixes, type BracketFix, endBefore, isBalanced } from "./bracket_fixes.ts";
import { guessesFor, type Line, linesOf, surplusOf } from "./bracket_layout.ts";
import { CLOSERS } from "../tokens.ts";

/** True when tokens with balanced brackets are read without a complaint. They are not touched. */
export type Reads = (tokens: readonly IToken[]) => boolean;

/** Tokens that are looked at in search of better guesses, all tries together. */
const MOST_TOKENS = 300_000;
/** With more mistakes than that in a file its layout is nothing to go by. */
const MOST_FIXES = 10;

/** A declaration, or a statement of the top level, and what is wrong with its brackets. */
interface Declaration {
  readonly start: number;
  readonly end: number;
  readonly fixes: readonly BracketFix[];
}

/** The fixes, with those replaced for which the layout knows a likelier place. */
export function reconsider(
  source: SourceFile,
  tokens: readonly IToken[],
  fixes: readonly BracketFix[],
  reads: Reads,
): readonly BracketFix[] {
  if (fixes.length > MOST_FIXES) return fixes;
  const lines = linesOf(source, tokens);
  let left = MOST_TOKENS;
  return declarations(lines, tokens, fixes).flatMap((declaration) => {
    const { start, end } = declaration;
    const tried = tokens.slice(start, end);
    const isRead = (guessed: readonly BracketFix[]) => {
      if (left < tried.length) return false;
      left -= tried.length;
      const mended = applyFixes(guessed.map((fix) => moved(fix, -start)), tried);
      return isBalanced(mended) && reads(mended);
    };
    const guess = likeliest(declaration, lines, tokens, isRead);
    if (guess === null) return declaration.fixes;
    // Where both are in one line, the place where it is missed at the latest says more.
    const line = (fix: BracketFix) => source.position(placeOf(fix, tokens)).line;
    const [only, ...more] = declaration.fixes;
    return more.length === 0 && line(only!) === line(guess) ? declaration.fixes : [guess];
  });
}

function likeliest(
  declaration: Declaration,
  lines: readonly Line[],
  tokens: readonly IToken[],
  isRead: (fixes: readonly BracketFix[]) => boolean,
): BracketFix | null {
  const { start, end, fixes } = declaration;
  const surplus = surplusOf(tokens.slice(start, end));
  const own = lines.filter((line) => line.start >= start && line.end <= end);
  let sound: boolean | null = null;
  const isSound = () => sound ??= isRead(fixes);
  for (const { fix, isLikely } of guessesFor(surplus, own, tokens, fixes)) {
    if (!isLikely && isSound()) continue;
    if (!isRead([fix])) continue;
    if (fix.kind !== "close" && fix.kind !== "unclosed") return fix;
    // The other place is worth a word only where the bracket could stand there.
    return isSound() ? fix : { ...fix, latest: undefined };
  }
  return null;
}

/** The stretches of the file that hold fixes. Each begins in the first column. */
function declarations(
  lines: readonly Line[],
  tokens: readonly IToken[],
  fixes: readonly BracketFix[],
): Declaration[] {
  const starts = lines
    .filter(({ start, column }) => column === 1 && !CLOSERS.has(tokens[start]!.tokenType))
    .map(({ start }) => start);
  const found: { start: number; end: number; fixes: BracketFix[] }[] = [];
  const inOrder = fixes.map((fix) => ({ fix, first: firstToken(fix) }))
    .sort((a, b) => a.first - b.first);
  for (const { fix, first } of inOrder) {
    const last = Math.max(first, fix.kind === "close" || fix.kind === "open" ? fix.at - 1 : fix.at);
    const previous = found.at(-1);
    const end = starts.find((start) => start > last) ?? tokens.length;
    if (previous !== undefined && first < previous.end) {
      previous.end = Math.max(previous.end, end);
      previous.fixes.push(fix);
    } else {
      const start = starts.findLast((start) => start <= first) ?? 0;
      found.push({ start, end, fixes: [fix] });
    }
  }
  return found;
}

function firstToken(fix: BracketFix): number {
  if (fix.kind === "close" || fix.kind === "replace") return fix.opener;
  return fix.kind === "open" ? Math.max(fix.at - 1, 0) : fix.at;
}

/** Where a fix is shown. */
function placeOf(fix: BracketFix, tokens: readonly IToken[]): number {
  return fix.kind === "close" || fix.kind === "open"
    ? endBefore(tokens, fix.at)
    : tokens[fix.at]!.startOffset;
}

function moved(fix: BracketFix, by: number): BracketFix {
  switch (fix.kind) {
    case "close":
    case "replace":
      return { ...fix, at: fix.at + by, opener: fix.opener + by };
    default:
      return { ...fix, at: fix.at + by };
  }
}
