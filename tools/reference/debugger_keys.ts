/** The table of terminal.md: the keys of the debugger, each with its command. */
import { BOUND_KEYS, type BoundKey, keyText } from "../../cli/debug/screen/keys.ts";
import { REPL_COMMANDS } from "../../cli/repl/commands.ts";

const BEGIN = "<!-- keys of the debugger: written by `deno task reference` -->";
const END = "<!-- end of the keys -->";

/** The page with its table as the keys are bound. @throws {RangeError} When it has no place for it. */
export function withDebuggerKeys(page: string): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin) throw new RangeError(`The page has no place for ${BEGIN}`);
  const rows = BOUND_KEYS.map((key) =>
    `| ${keyText(key)} | \`${key.command}${key.asks === true ? " …" : ""}\` | ${docOf(key)} |`
  );
  const table = ["| key | command | what it does |", "| --- | --- | --- |", ...rows];
  return `${page.slice(0, begin)}${BEGIN}\n${table.join("\n")}\n${page.slice(end)}`;
}

/** What the command says of itself. @throws {RangeError} When there is no such command. */
function docOf({ command }: BoundKey): string {
  const name = command.slice(1).split(" ")[0];
  const known = REPL_COMMANDS.find((each) => each.name === name);
  if (known === undefined) throw new RangeError(`A key does ${command}, which is no command`);
  return known.doc.replaceAll("|", "\\|");
}
