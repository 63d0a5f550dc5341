/** What a hunt prints: findings as scenarios, and lines beside them. */
import { currentFolder } from "@dmalab/cli";
import { relative, resolve, type Screen } from "@dmalab/cli/extend";

/**
 * A line of a hunt beside the scenarios that it prints. The line is a comment, so that the output with a
 * finding is a scenario, too.
 */
export function remark(line: string): string {
  return `# ${line}\n`;
}

/**
 * Prints findings, so that a redirected output is one scenario. A file has one machine: a further finding with a machine
 * of its own is a comment there.
 */
export class FindingPrinter {
  #machines = 0;

  constructor(private readonly screen: Screen) {}

  print(text: string): void {
    const isFirst = !/^machine \{/m.test(text) || this.#machines++ === 0;
    this.screen.out(isFirst || this.screen.columns !== null ? text : asComment(text));
  }
}

/** The text as a comment; lines that are comments stay as they are. */
function asComment(text: string): string {
  const lines = text.trimEnd().split("\n").map((line) =>
    line.startsWith("#") ? line : `# ${line}`.trimEnd()
  );
  return `${lines.join("\n")}\n\n`;
}

/**
 * A finding that uses the hunted file, for the current folder: the file's name in `use` is its path from there. A file
 * outside of the folder cannot be used from there, and a comment says where the finding belongs.
 *
 * @param text A finding for the folder of the file.
 * @param path The hunted file, as the command line has it; null for random machines.
 */
export function usedFromHere(text: string, path: string | null): string {
  if (path === null) return text;
  const from = currentFolder();
  const shown = relative(from, resolve(from, path)).replaceAll("\\", "/");
  const name = shown.slice(shown.lastIndexOf("/") + 1);
  if (shown === name) return text;
  const isBelow = !shown.startsWith("../");
  const use = isBelow
    ? `use "${shown}"`
    : `# Save it beside the file: ${shown.slice(0, -name.length)}\nuse "${name}"`;
  return text.split("\n").map((line) => line === `use "${name}"` ? use : line).join("\n");
}
