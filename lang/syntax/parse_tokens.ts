/** Tokens → the parser's own tree, by the quickest of its sorts. */
import type { CstNode, IRecognitionException, IToken } from "chevrotain";
import { makeParser } from "./make_parser.ts";
import type { DmaParser } from "./parser.ts";
import { PLAN } from "./plan.ts";
import { PlanReader } from "./plan_reader.ts";
import { numberTokens } from "./tokens.ts";

let plain: PlanReader | DmaParser | null = null;
let recovering: DmaParser | null = null;

/** The rules that a text can be parsed by. */
type Start = "file" | "insertion";

/** What came of parsing tokens by a rule. */
export interface ParsedTokens {
  readonly tree: CstNode;
  readonly errors: readonly IRecognitionException[];
}

/**
 * Parses tokens by a rule, and once more with recovery when there is an error in them.
 *
 * Building a parser takes longer than parsing most files. There is one of each sort, and the one
 * that recovers is built for the first mistake.
 */
export function parseByRule(rule: Start, tokens: IToken[]): ParsedTokens {
  const tree = parsePlainly(rule, tokens);
  if (tree !== null) return { tree, errors: [] };
  recovering ??= makeParser();
  numberTokens(tokens);
  recovering.input = tokens;
  return { tree: recovering[rule](), errors: recovering.errors };
}

/** Parses tokens by a rule; `null` when there is an error in them. */
function parsePlainly(rule: Start, tokens: IToken[]): CstNode | null {
  plain ??= PLAN === null ? makeParser({ recover: false }) : new PlanReader(PLAN());
  if (plain instanceof PlanReader) return plain.read(rule, tokens);
  numberTokens(tokens);
  plain.input = tokens;
  const tree = plain[rule]();
  return plain.errors.length === 0 ? tree : null;
}
