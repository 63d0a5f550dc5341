/**
 * Transcript files: what the program prints for an input, as text.
 *
 * `NAME.expected` has lines `$ dmalab …`, each followed by all that the command prints, and by
 * `[exit N]` unless it ends with 0. Lines of the error stream begin with `! `. The lines before the
 * first command say what the case shows. The commands run in the file's folder, so that they name
 * their inputs (`NAME.txt`) as a user there does. Long objects of `--json` are laid out. Times that
 * the host took, and the folder of the checkout, are `…`.
 *
 * `deno task script repin TEST` writes what the commands print now into the files.
 */
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { dmalab } from "./dmalab_program.ts";
import { ROOT } from "./source_text.ts";
import { commandWords } from "./transcripts.ts";

/** A `$` line, and lines of comment or output. */
const PROMPT = "$ dmalab ";
const ENDING = ".expected";
/** The folder in which `dmalab test` keeps what failed. */
const KEPT = ".dmalab";
const UPDATE = Deno.args.includes("--update");

/** Lists what a transcript file says beside the outputs: its comment, and its commands. */
export function readTranscriptFile(text: string): { comment: string; commands: string[] } {
  const first = text.startsWith("$ ") ? 0 : text.indexOf("\n$ ") + 1;
  const commands = text.slice(first).split("\n").filter((line) => line.startsWith(PROMPT));
  return { comment: text.slice(0, first), commands: commands.map((line) => line.slice(2)) };
}

/** Times of a test in reports for programs: JSON and JUnit. */
const HOST_TIME = /("wallMs": ?| time=")[\d.e-]+/g;

/** Runs a command of a transcript file in this process. @returns The command with what it prints. */
async function rerun(command: string): Promise<string> {
  const { code, errors, output } = await dmalab(...commandWords(command));
  const said = linesOf(anywhere(output.replace(HOST_TIME, "$1…"))).flatMap(laidOut);
  const wrong = linesOf(anywhere(errors)).map((line) => `! ${line}`.trimEnd());
  const lines = [...said, ...wrong, ...code === 0 ? [] : [`[exit ${code}]`]];
  assert(!lines.some((line) => line.startsWith(PROMPT)), "an output has a line like a command");
  return [`$ ${command}`, ...lines, ""].join("\n");
}

/** A text without the folder of the checkout, which is part of places above the current folder. */
function anywhere(text: string): string {
  return text.replaceAll(ROOT, "…");
}

function linesOf(text: string): string[] {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

/** Objects up to this length stay as they are printed: a line for each, as the events of a log. */
const MAX_OBJECT_LENGTH = 800;
/** A value that fits a line, or is so deep in an object, is one line: a finding of a check. */
const COLUMNS = 100;
const FLAT_DEPTH = 2;

/** The lines of a printed line: a long object is laid out. */
function laidOut(line: string): string[] {
  if (!line.startsWith("{") || line.length <= MAX_OBJECT_LENGTH) return [line];
  return linesOfJson(JSON.parse(line), "", "");
}

function linesOfJson(value: unknown, indent: string, key: string): string[] {
  const flat = `${indent}${key}${JSON.stringify(value)}`;
  if (flat.length < COLUMNS || indent.length === FLAT_DEPTH || !isObject(value)) return [flat];
  const isList = Array.isArray(value);
  const parts = Object.entries(value).map(([name, each]) =>
    linesOfJson(each, `${indent} `, isList ? "" : `${JSON.stringify(name)}: `)
  );
  const [open, close] = isList ? "[]" : "{}";
  const lines = parts.flatMap((part, at) =>
    at === parts.length - 1 ? part : [...part.slice(0, -1), `${part.at(-1)},`]
  );
  return [`${indent}${key}${open}`, ...lines, `${indent}${close}`];
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** The text of a file with the outputs of now. */
async function rewritten(text: string, folder: string): Promise<string> {
  const { commands, comment } = readTranscriptFile(text);
  const here = Deno.cwd();
  Deno.chdir(folder);
  try {
    const parts: string[] = [];
    for (const command of commands) parts.push(await rerun(command));
    return comment + parts.join("\n");
  } finally {
    Deno.chdir(here);
  }
}

/**
 * Makes a test for each `NAME.expected` of a folder, and one that no input of the folder is left out.
 *
 * @param least The smallest number of files that the folder may have.
 */
export function testTranscripts(folder: string, least: number): void {
  const entries = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  const names = entries.filter((name) => name.endsWith(ENDING));
  const shown = folder.slice(folder.lastIndexOf("/", folder.lastIndexOf("/") - 1) + 1);

  Deno.test(`${shown} has transcripts, and each input is read by one of them`, () => {
    assert(names.length >= least, `only ${names.length} files`);
    const words = names.flatMap((name) =>
      readTranscriptFile(Deno.readTextFileSync(join(folder, name))).commands.flatMap(commandWords)
    );
    const isRead = (name: string) => words.includes(name) || name === KEPT || name.endsWith(ENDING);
    assertEquals(entries.filter((name) => !isRead(name)), []);
  });

  for (const name of names) {
    Deno.test(`${shown}/${name} is what the commands print`, async () => {
      const path = join(folder, name);
      const expected = Deno.readTextFileSync(path);
      const now = await rewritten(expected, folder);
      assert(readTranscriptFile(expected).commands.length > 0, "no command");
      if (UPDATE) Deno.writeTextFileSync(path, now);
      else assertEquals(now, expected);
    });
  }
}
