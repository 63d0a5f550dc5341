/** The table of terminal.md: the keys of the debugger, each with its command. */
import { BOUND_KEYS, type BoundKey, keyText, REPL_COMMANDS } from "@dmalab/cli/debug";
import { markdownTable, withPart } from "./marked_part.ts";

/**
 * The page with its table of key bindings.
 * @throws {RangeError} When the page has no place for the table.
 */
export function withDebuggerKeys(page: string): string {
  const table = markdownTable(
    ["key", "command", "what it does"],
    BOUND_KEYS.map((key) => {
      const command = `\`${key.command}${key.asks === true ? " …" : ""}\``;
      return [keyText(key), command, docOf(key)];
    }),
  );
  return withPart(page, "keys of the debugger", table);
}

/** The command's own description. @throws {RangeError} When there is no such command. */
function docOf({ command }: BoundKey): string {
  const name = command.slice(1).split(" ")[0];
  const known = REPL_COMMANDS.find((each) => each.name === name);
  if (known === undefined) throw new RangeError(`A key does ${command}, which is no command`);
  return known.doc;
}
