/** The tables of commands. They describe each command as `dmalab --help` does. */
import { COMMANDS, PERMISSIONS } from "@dmalab/bin/all_commands";
import { markdownTable, withPart } from "./marked_part.ts";
import type { CommandPermissions } from "@dmalab/cli/extend";

/**
 * The page with its table of commands. @throws {RangeError} When the page has no place for the
 * table.
 */
export function withCommandTable(page: string): string {
  const rows = COMMANDS.map(({ brief, name }) => [`\`dmalab ${name}\``, brief] as const);
  const names = Math.max(...rows.map(([name]) => name.length));
  const briefs = Math.max(...rows.map(([, brief]) => brief.length));
  const lines = [["command", "what it does"], ["-".repeat(names), "-".repeat(briefs)], ...rows]
    .map(([name, brief]) => `| ${name!.padEnd(names)} | ${brief!.padEnd(briefs)} |`);
  return withPart(page, "commands", lines);
}

/**
 * The page with its table of permissions. @throws {RangeError} When the page has no place for the
 * table.
 */
export function withPermissionTable(page: string): string {
  const rows = Object.entries(PERMISSIONS).map(([name, may]) => [
    `\`${name}\``,
    ...[readsOf(may), writesOf(may), othersOf(may)].map((parts) => parts.join(", ") || "–"),
  ]);
  const table = markdownTable(["command", "also reads", "writes", "else"], rows);
  return withPart(page, "permissions", table);
}

function code(words: readonly string[]): string[] {
  return words.map((word) => `\`${word}\``);
}

function readsOf(may: CommandPermissions): string[] {
  return [
    ...may.readsAll ? ["every file"] : [],
    ...may.compiles && !may.readsAll ? ["`$DMALAB_TREE`"] : [],
    ...may.findsRoot ? ["`.git` and packed files of dmalab in the folders above"] : [],
    ...code((may.variables ?? []).map((name) => `$${name}`)),
  ];
}

function writesOf(may: CommandPermissions): string[] {
  const options = [...may.files ?? [], ...may.folders ?? []];
  return [
    ...options.length > 0 ? [`what ${code(options).join(", ")} name`] : [],
    ...may.here === undefined
      ? []
      : [may.here === "always" ? "the current folder" : "else the current folder"],
    ...may.named === undefined
      ? []
      : [may.named === "always" ? "what is named" : `with \`${may.named}\` what is named`],
    ...may.keeps ? ["`.dmalab/`"] : [],
    ...may.compiles ? ["the cache of C drivers"] : [],
    ...may.caches ? ["the user's cache"] : [],
    ...may.spools ? ["temporary files"] : [],
  ];
}

function othersOf(may: CommandPermissions): string[] {
  return [
    ...may.compiles ? ["runs the compiler of C"] : [],
    ...may.runs === undefined ? [] : [`runs ${code(may.runs).join(", ")}`],
    ...may.shares ? ["sees how busy the processors are"] : [],
    ...may.reads === undefined ? [] : [`looks at ${code(may.reads).join(", ")}`],
    ...may.edits ? ["runs `$VISUAL` or `$EDITOR`"] : [],
    ...may.port === undefined ? [] : [`listens on \`${may.port}\` of 127.0.0.1`],
  ];
}
