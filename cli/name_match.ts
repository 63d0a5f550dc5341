/** `--match` in messages: the pages load this, too. */
import type { NameMatch } from "@dmalab/lang/run";

/** As it is typed and printed. */
export function matchText(match: NameMatch): string {
  return typeof match === "string" ? `"${match}"` : String(match);
}
