/** The table of the README: the commands, each as `dmalab --help` describes it. */
import { COMMANDS } from "@dmalab/cli/all_commands";
import { withPart } from "./marked_part.ts";

/** The page with its table of the commands there are. @throws {RangeError} When it has no place for it. */
export function withCommandTable(page: string): string {
  const rows = COMMANDS.map(({ brief, name }) => [`\`dmalab ${name}\``, brief] as const);
  const names = Math.max(...rows.map(([name]) => name.length));
  const briefs = Math.max(...rows.map(([, brief]) => brief.length));
  const lines = [["command", "what it does"], ["-".repeat(names), "-".repeat(briefs)], ...rows]
    .map(([name, brief]) => `| ${name!.padEnd(names)} | ${brief!.padEnd(briefs)} |`);
  return withPart(page, "commands", lines);
}
