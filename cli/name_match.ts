/** The value of `--match` in messages. The pages load this module, too. */
import { isAxisMatch, type NameMatch } from "@dmalab/lang/run";

/** The text of a match, as it is typed and printed. */
export function matchText(match: NameMatch): string {
  if (isAxisMatch(match)) return `${match.key}=${match.value}`;
  return typeof match === "string" ? `"${match}"` : String(match);
}
