/**
 * One style for `.dma` files: `dmalab fmt`.
 *
 * The layout is made from tokens and comments; the syntax tree is used only to find where entries
 * begin. Literals, parentheses and comments are not changed. If the author puts a line end after an
 * opening bracket, the bracket stays broken over several lines; the formatter decides everything
 * else.
 */
import { maxOf } from "@dmalab/runtime/basics";
import { printer } from "prettier/doc";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { firstMistakes } from "../diagnostics/first_mistakes.ts";
import { SourceFile } from "../source.ts";
import type { FileNode } from "../syntax/tree/ast.ts";
import { parse } from "../syntax/parse.ts";
import { groupWords } from "./groups.ts";
import { findLandmarks } from "./landmarks.ts";
import { layOutFile } from "./layout.ts";
import { INDENT_WIDTH, LINE_WIDTH } from "./line_width.ts";
import { readWords, type Words } from "./words_and_comments.ts";
import { displayWidth } from "../diagnostics/display_width.ts";

/** Spaces between the code and its comment. */
const DISTANCE = 2;

/** Aligns comments at the ends of lines in columns. `mark` precedes each of these comments. */
function alignComments(text: string, mark: string): string {
  const lines = text.split("\n").map((line) => {
    const [code = "", ...comments] = line.split(mark);
    return { code: code.trimEnd(), comment: comments.map((each) => each.trim()).join("  ") };
  });
  const result: string[] = [];
  for (let start = 0; start < lines.length;) {
    let end = start;
    while (end < lines.length && lines[end]!.comment !== "" && lines[end]!.code !== "") end++;
    const run = lines.slice(start, end);
    const width = maxOf(run.map(({ code }) => displayWidth(code)), 0);
    for (const { code, comment } of run) {
      const blanks = " ".repeat(width - displayWidth(code) + DISTANCE);
      result.push(`${code}${blanks}${comment}`);
    }
    if (end === start) {
      const { code, comment } = lines[end]!;
      result.push(code === "" ? comment : code);
      end++;
    }
    start = end;
  }
  return result.join("\n");
}

/**
 * Maximum number of repetitions until nothing changes. Repetitions are needed because a line break
 * that the formatter made may count as the author's line break in the next repetition.
 */
const MAX_TURNS = 6;

export type Formatted =
  | { readonly ok: true; readonly text: string }
  /** The file has errors, and is not changed. */
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/**
 * Formats a file.
 *
 * @throws {Error} When the result would have another meaning, which is a bug of the formatter.
 */
export function formatSource(source: SourceFile): Formatted {
  let current = read(source);
  if (current.diagnostics.length > 0) {
    return { ok: false, diagnostics: firstMistakes(current.diagnostics) };
  }
  const original = current;
  for (let turn = 0; turn < MAX_TURNS; turn++) {
    const text = layOut(current);
    if (text === current.source.text) break;
    current = read(new SourceFile(source.name, text));
    if (current.diagnostics.length > 0) {
      throw new Error(`Formatting "${source.name}" would break it`);
    }
  }
  if (!sameTree(original.file, current.file) || !sameTree(original.comments, current.comments)) {
    throw new Error(`Formatting "${source.name}" would change its meaning`);
  }
  return { ok: true, text: current.source.text };
}

interface ReadFile {
  readonly source: SourceFile;
  readonly file: FileNode;
  readonly words: Words;
  /** The comments in textual order. */
  readonly comments: readonly string[];
  readonly diagnostics: readonly Diagnostic[];
}

function read(source: SourceFile): ReadFile {
  const { file, diagnostics } = parse(source);
  const words = readWords(source);
  const comments = [
    ...words.words.flatMap(({ before, after }) => [...before.map(({ text }) => text), ...after]),
    ...words.end.map(({ text }) => text),
  ];
  return { source, file, words, comments, diagnostics };
}

function layOut({ file, source, words }: ReadFile): string {
  const mark = unusedCharacter(source.text);
  // Marks comments at the ends of lines, to find them again when they are aligned.
  for (const word of words.words) word.after = word.after.map((comment) => `${mark}${comment}`);
  const { items, end } = groupWords(words, findLandmarks(file));
  const { formatted } = printer.printDocToString(layOutFile(items, end), {
    printWidth: LINE_WIDTH,
    tabWidth: INDENT_WIDTH,
    useTabs: false,
  });
  return alignComments(formatted, mark);
}

/** A character that does not occur in a text. */
function unusedCharacter(text: string): string {
  for (let code = 0;; code++) {
    const character = String.fromCharCode(code);
    if (!/\s/.test(character) && !text.includes(character)) return character;
  }
}

/** Compares two trees without their spans. */
export function sameTree(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true;
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) {
    return false;
  }
  const [ours, theirs] = [parts(one), parts(other)];
  return ours.length === theirs.length &&
    ours.every(([key, value], index) => {
      const [otherKey, otherValue] = theirs[index]!;
      return key === otherKey && sameTree(value, otherValue);
    });
}

function parts(node: object): [string, unknown][] {
  return Object.entries(node).filter(([key]) => key !== "span" && !key.endsWith("Span"));
}
