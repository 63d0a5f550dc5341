/** Which function of a program a piece of its source belongs to. */
import { isInside, type Span } from "@dmalab/lang";
import type { FunctionCode } from "@dmalab/lang/vm";

type Named = Pick<FunctionCode, "role" | "span">;

/** The innermost function around a span; null outside of all. */
export function innermostFunction<F extends Named>(
  { functions }: { readonly functions: readonly F[] },
  span: Span,
): F | null {
  let found: F | null = null;
  for (const each of functions) {
    if (each.role === "lambda" || !isInside(span, each.span)) continue;
    if (found === null || isInside(each.span, found.span)) found = each;
  }
  return found;
}
