/** `--match` in messages: the pages load this, too. */
import { isAxisMatch, type NameMatch } from "@dmalab/lang/run";

/** As it is typed and printed. */
export function matchText(match: NameMatch): string {
  if (isAxisMatch(match)) return `${match.key}=${match.value}`;
  return typeof match === "string" ? `"${match}"` : String(match);
}
