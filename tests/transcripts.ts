/**
 * Transcripts in pages. A `console` block begins with `$ dmalab …`; the rest of the block is the
 * output.
 *
 * `deno run -A tests/transcripts.ts README.md` runs the commands again and writes their present
 * output into the page; `git diff` then shows the changes.
 */
import { join } from "node:path";
import { MemoryScreen } from "@dmalab/cli";
import "@dmalab/bin/provide";
import { main } from "@dmalab/cli/program";
import { type CodeBlock, codeBlocks } from "@dmalab/cli/scenario";
import { ROOT } from "./source_text.ts";

export interface Transcript {
  /** The command as it is written after the `$`. */
  readonly command: string;
  readonly output: string;
}

/** The commands of a block, with their outputs. */
export function readTranscript(block: CodeBlock): Transcript[] {
  const parts = block.code.split(/^\$ /m);
  if (parts[0] !== "") throw new Error(`${place(block)} does not begin with "$ "`);
  return parts.slice(1).map((part) => {
    const end = part.indexOf("\n");
    return end < 0
      ? { command: part, output: "" }
      : { command: part.slice(0, end), output: part.slice(end + 1) };
  });
}

/** Commands that a page may contain: they read the project and write nothing. */
const SAFE =
  /^dmalab (?:(?:run|test|bench(?!.* --(?:host-time|plot|save|junit-path))|check|explain|hunt(?!.* --out)|releases|topology|trace (?:check|devices|show|summary))(?: |$)|(?:\w+ )?--(?:help|version)$)/;

/** Runs a command of a transcript in this process, and returns its output. */
export async function runTranscript(command: string): Promise<string> {
  const screen = new OneText();
  await main(transcriptWords(command), screen);
  return screen.output.trimEnd();
}

/** The words of a command after `dmalab`. */
export function transcriptWords(command: string): string[] {
  if (!SAFE.test(command)) throw new Error(`Not a command that a page may run: ${command}`);
  return commandWords(command);
}

/** The words of a command line after its program. Double quotes keep blanks in a word. */
export function commandWords(command: string): string[] {
  const [, ...words] = command.match(/"[^"]*"|\S+/g)!.map((word) => word.replace(/^"|"$/g, ""));
  return words;
}

/** Both output streams together, as a terminal shows them. */
class OneText extends MemoryScreen {
  override err(text: string): void {
    this.out(text);
  }
}

/** `page:line` of a block. */
export function place(block: CodeBlock): string {
  return `${block.page}:${block.line}`;
}

async function update(page: string): Promise<void> {
  const path = join(ROOT, page);
  let text = Deno.readTextFileSync(path);
  for (const block of codeBlocks(page, text)) {
    if (block.language !== "console") continue;
    let code = "";
    for (const { command } of readTranscript(block)) {
      code += `$ ${command}\n${await runTranscript(command)}\n`;
    }
    text = text.replace(`\`\`\`console\n${block.code}\n`, () => `\`\`\`console\n${code}`);
  }
  Deno.writeTextFileSync(path, text);
}

if (import.meta.main) {
  Deno.chdir(ROOT);
  for (const page of Deno.args) await update(page);
}
