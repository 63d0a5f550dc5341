/** The table of the README: the commands, each as `dmalab --help` describes it. */
import { COMMANDS } from "../../cli/commands/mod.ts";

const BEGIN = "<!-- commands: written by `deno task reference` -->";
const END = "<!-- end of the commands -->";

/** The page with its table of the commands there are. @throws {RangeError} When it has no place for it. */
export function withCommandTable(page: string): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin) throw new RangeError(`The page has no place for ${BEGIN}`);
  const rows = COMMANDS.map(({ brief, name }) => [`\`dmalab ${name}\``, brief] as const);
  const names = Math.max(...rows.map(([name]) => name.length));
  const briefs = Math.max(...rows.map(([, brief]) => brief.length));
  const lines = [["command", "what it does"], ["-".repeat(names), "-".repeat(briefs)], ...rows]
    .map(([name, brief]) => `| ${name!.padEnd(names)} | ${brief!.padEnd(briefs)} |`);
  return `${page.slice(0, begin)}${BEGIN}\n\n${lines.join("\n")}\n\n${page.slice(end)}`;
}
