/** Generates fuzz cases: the same seed and number give the same text. */
import { Choices } from "@dmalab/hunt";
import { laidOut } from "./laid_out.ts";
import { changeNumbers, mutate } from "./mutations.ts";
import { join } from "node:path";
import { SourceFile } from "@dmalab/lang";
import { parse } from "@dmalab/lang/syntax";
import { SAMPLES } from "@dmalab/lang/testing";
import { filesBelow, ROOT } from "../source_text.ts";

interface FuzzCase {
  readonly text: string;
  /** Whether to run the program if it has no errors. */
  readonly run: boolean;
}

/** Most cases are short pieces, which are parsed fast; some are programs that may still run. */
export function fuzzCase(seed: number, number: number, corpus: Corpus): FuzzCase {
  const choices = Choices.of(seed, number);
  const share = choices.below(100);
  const program = () => laidOut(choices.pick(corpus.programs), choices);
  // Only three texts in a thousand are of this kind, because each costs as much as fifty others.
  if (choices.below(1000) < 3) return { text: repeatedLine(choices, corpus.pieces), run: false };
  if (share < 30) return { text: brokenText(choices, corpus.pieces), run: false };
  if (share < 74) {
    return { text: mutate(choices.pick(corpus.pieces), choices, corpus.pieces), run: false };
  }
  if (share < 84) return { text: mutate(program(), choices, corpus.pieces), run: true };
  if (share < 95) return { text: changeNumbers(program(), choices), run: true };
  if (share < 99) return { text: program(), run: true };
  return { text: mutate(choices.pick(corpus.files), choices, corpus.pieces), run: false };
}

/** Brackets for wrong places in a broken text. */
const BRACKETS = [..."(){}[]", "{ ", " }", ")]", "[(", "})", "f(", "x => {", "[ ["];

/**
 * A text that is broken in many places: two to thirty lines of different pieces. Two thirds of the
 * lines are cut off, or have a bracket inserted or removed.
 */
function brokenText(choices: Choices, pieces: readonly string[]): string {
  const lines: string[] = [];
  for (let left = choices.between(2, 30); left > 0; left--) {
    const of = choices.pick(pieces).split("\n");
    lines.push(brokenLine(choices.pick(of), choices));
  }
  return lines.join(choices.pick(["\n", "\n", "\n", "\r\n", " "]));
}

/** The text before and after a repeated line. */
const BLOCKS = [
  ["", ""],
  ['test "t" {', "\n}"],
  ["machine {", "\n}"],
  ["fn f() {", "\n}"],
  ["const all = [", "\n]"],
] as const;

/**
 * A text that repeats a damaged line hundreds of times, each time with other names: the cost of one error
 * must not grow with the number of errors.
 */
function repeatedLine(choices: Choices, pieces: readonly string[]): string {
  const damaged = mutate(choices.pick(pieces), choices, pieces).split("\n");
  const line = choices.pick(damaged).slice(0, 200);
  const named = (index: number) =>
    line.replace(/[a-z_]{3,}/g, (word) => choices.oneIn(3) ? `${word}${index}` : word);
  const lines = choices.times(50, choices.pick([100, 400, 1600]), named);
  const [begin, end] = choices.pick(BLOCKS);
  return `${begin}\n${lines.join("\n")}${end}\n`;
}

function brokenLine(line: string, choices: Choices): string {
  const at = choices.below(line.length + 1);
  return choices.way([
    () => line,
    () => line,
    () => line.slice(0, at),
    () => line.slice(at),
    () => line.slice(0, at) + choices.pick(BRACKETS) + line.slice(at),
    () => line.replace(choices.pick([/[(){}\[\]]/, /[)}\]]/, /[({\[]/]), ""),
  ]);
}

interface Corpus {
  /** Whole files, with and without errors. */
  readonly files: readonly string[];
  /** Declarations and statements from these files, most of them short. */
  readonly pieces: readonly string[];
  /** Programs without errors: the declarations of an example, with one of its tests. */
  readonly programs: readonly string[];
}

/** Longest piece, in characters: with short texts, many cases run in a second. */
const MAX_PIECE_LENGTH = 700;

const CASES: ReadonlySet<string> = new Set(["Test", "Property", "Bench"]);

export function readCorpus(): Corpus {
  const paths = ["examples", "tests/bad"].flatMap((folder) =>
    filesBelow(join(ROOT, folder)).filter((path) => path.endsWith(".dma"))
  ).sort();
  const files = [
    ...paths.map((path) => Deno.readTextFileSync(path)),
    ...SAMPLES.map(({ text }) => text),
  ];
  const examples = files.slice(0, paths.findLastIndex((path) => path.includes("/examples/")) + 1);
  return { files, pieces: files.flatMap(piecesOf), programs: examples.flatMap(programsOf) };
}

function programsOf(text: string): string[] {
  const { items } = parse(new SourceFile("corpus.dma", text)).file;
  // An example that loads files is skipped, because these files are in its folder.
  if (items.some(({ kind }) => kind === "Use" || kind === "Driver")) return [];
  const [cases = [], rest = []] = [true, false].map((isCase) =>
    items.filter(({ kind }) => CASES.has(kind) === isCase)
      .map(({ span }) => text.slice(span.start, span.end))
  );
  return cases.map((each) => [...rest, each, ""].join("\n"));
}

function piecesOf(text: string): string[] {
  const { file } = parse(new SourceFile("corpus.dma", text));
  const pieces: string[] = [];
  for (const item of file.items) {
    const { start, end } = item.span;
    if (end - start <= MAX_PIECE_LENGTH) pieces.push(text.slice(start, end));
    if (!("body" in item) || !("statements" in item.body)) continue;
    for (const { span } of item.body.statements) {
      if (span.end - span.start <= MAX_PIECE_LENGTH) pieces.push(text.slice(span.start, span.end));
    }
  }
  return pieces.filter((piece) => piece.length > 8);
}
