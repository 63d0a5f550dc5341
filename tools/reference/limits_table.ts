/** The table of limits in `docs/language/running.md`, and the commands that have the option. */
import { COMMANDS } from "@dmalab/bin/all_commands";
import { groupThousands } from "@dmalab/lang/text";
import { LIMITS, type LimitSpec } from "@dmalab/lang/values";
import { markdownTable, withParts } from "./marked_part.ts";

/** The page with its limits. @throws {RangeError} When the page has no place for them. */
export function withLimitTable(page: string): string {
  const commands = COMMANDS.filter(({ options }) => Object.hasOwn(options, "limit"))
    .map(({ name }) => `\`${name}\``);
  return withParts(page, {
    limits: markdownTable(
      ["name", "default", "what it limits", "error"],
      Object.values<LimitSpec>(LIMITS).map(({ code, doc, factor = 1, name, value }) => [
        `\`${name}\``,
        groupThousands(value / factor),
        doc,
        `\`${code}\``,
      ]),
    ),
    "commands with limits": [`Commands with \`--limit\`: ${commands.join(", ")}.`],
  });
}
