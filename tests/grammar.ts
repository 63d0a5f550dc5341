/** Compares the scopes of the TextMate grammar with the tokens of the lexer. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import oniguruma from "vscode-oniguruma";
import textmate from "vscode-textmate";
import { SourceFile } from "@dmalab/lang";
import {
  AndThen,
  Bytes,
  CopyWith,
  NumberToken,
  Text,
  wordsOf,
  WordTypes,
} from "@dmalab/lang/syntax";

const FILE = new URL("../extensions/editor/vscode/syntaxes/dma.tmLanguage.json", import.meta.url);

type Grammar = Awaited<ReturnType<InstanceType<typeof textmate.Registry>["loadGrammar"]>> & object;

/** Loads the grammar file of the repository. */
export async function loadGrammar(): Promise<Grammar> {
  const wasm = createRequire(import.meta.url).resolve("vscode-oniguruma/release/onig.wasm");
  await oniguruma.loadWASM(readFileSync(wasm));
  const registry = new textmate.Registry({
    onigLib: Promise.resolve(oniguruma),
    loadGrammar: () =>
      Promise.resolve(textmate.parseRawGrammar(Deno.readTextFileSync(FILE), FILE.pathname)),
  });
  return (await registry.loadGrammar("source.dma"))!;
}

const WORDS: ReadonlySet<unknown> = new Set([...Object.values(WordTypes), AndThen, CopyWith]);

/** The scope that a token must have in the grammar, by its type in the lexer. */
function wantedScope(type: unknown): RegExp {
  if (WORDS.has(type)) return /\b(?:keyword\.control|keyword\.operator\.word|constant\.language)\./;
  if (type === NumberToken) return /\bconstant\.numeric\./;
  return /\bstring\./;
}

const ANY = /\b(?:keyword\.control|keyword\.operator\.word|constant|string|comment)\./;

/** Tokens with scopes that do not match their type, as `line: token, scopes`. */
export function grammarProblems(grammar: Grammar, name: string, text: string): string[] {
  const source = new SourceFile(name, text);
  const scopes = scopesOf(grammar, source);
  const problems: string[] = [];
  const wordsAndValues = wordsOf(source).filter(({ image }) => /^\w|^"/.test(image));
  for (const { image, startOffset, tokenType } of wordsAndValues) {
    const found = scopes(startOffset);
    const isName = !WORDS.has(tokenType) && ![NumberToken, Text, Bytes].includes(tokenType);
    const isRight = isName ? !ANY.test(found) : wantedScope(tokenType).test(found);
    const { line } = source.position(startOffset);
    if (!isRight) problems.push(`${name}:${line}: ${image} (${tokenType.name}) is ${found}`);
  }
  return problems;
}

/** Returns a function from an offset to the scopes at this offset, as one text. */
function scopesOf(grammar: Grammar, source: SourceFile): (offset: number) => string {
  let state = textmate.INITIAL;
  const lines = Array.from({ length: source.lineStarts.length }, (_, index) => {
    const { ruleStack, tokens } = grammar.tokenizeLine(source.line(index + 1), state);
    state = ruleStack;
    return tokens;
  });
  return (offset) => {
    const { column, line } = source.position(offset);
    const token = lines[line - 1]!.findLast(({ startIndex }) => startIndex < column);
    return token?.scopes.join(" ") ?? "";
  };
}
