/** Which function of a program a piece of its source belongs to. */
import { isInside, type Span } from "../source.ts";
import type { Code, FunctionCode } from "../vm/code.ts";

/** The innermost function around a span; null outside of all. */
export function innermostFunction({ functions }: Code, span: Span): FunctionCode | null {
  let found: FunctionCode | null = null;
  for (const each of functions) {
    if (each.role === "lambda" || !isInside(span, each.span)) continue;
    if (found === null || isInside(each.span, found.span)) found = each;
  }
  return found;
}
