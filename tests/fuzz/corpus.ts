/** The texts that mutations start from: the project's own scripts, whole and in pieces. */
import { join } from "node:path";
import { SourceFile } from "@dmalab/lang";
import { parse } from "@dmalab/lang/syntax";
import { SAMPLES } from "@dmalab/lang/syntax/testing_samples";
import { filesBelow, ROOT } from "../source_text.ts";

export interface Corpus {
  /** Whole files, right ones and wrong ones. */
  readonly files: readonly string[];
  /** Declarations and statements of them, most of them short. */
  readonly pieces: readonly string[];
  /** Programs that are right: what an example declares, with one of its tests. */
  readonly programs: readonly string[];
}

/** Longest piece, in characters: short texts make many cases a second. */
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
  // What a file loads lies beside it.
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
