/**
 * Tokens → the parser's own tree.
 *
 * `parser.ts` defines the grammar with Chevrotain; its plan, `grammar_plan.ts`, is committed. Every
 * text is read by the plan; Chevrotain's parser reads again what has a mistake, recovers and reports.
 */
import type { CstNode, IRecognitionException, IToken } from "chevrotain";
import { PLAN } from "./grammar_plan.ts";
import { DmaParser } from "./parser.ts";
import { PlanReader } from "./plan_reader.ts";
import { numberTokens } from "./tokens.ts";

const reader = new PlanReader(PLAN);
/** Built for the first mistake: that takes longer than reading most files. */
let recovering: DmaParser | null = null;

/** The rules that a text can be parsed by. */
type Start = "file" | "insertion";

/** What came of parsing tokens by a rule. */
export interface ParsedTokens {
  readonly tree: CstNode;
  readonly errors: readonly IRecognitionException[];
}

/** Parses tokens by a rule, and once more with recovery when there is an error in them. */
export function parseByRule(rule: Start, tokens: IToken[]): ParsedTokens {
  const tree = reader.read(rule, tokens);
  if (tree !== null) return { tree, errors: [] };
  recovering ??= new DmaParser();
  numberTokens(tokens);
  recovering.input = tokens;
  return { tree: recovering[rule](), errors: recovering.errors };
}
