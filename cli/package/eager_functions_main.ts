/**
 * Puts functions in parentheses: `eager_functions_main.ts FOLDER COVERAGE` writes the files of the
 * folder anew that the coverage, in V8's own form, tells of.
 *
 * A function that is declared becomes a variable at the top of its file, and so is there before
 * anybody calls it, as it was. Methods stay what they are: V8 compiles none of them early.
 */
import { fromFileUrl, join, toFileUrl } from "@std/path";
import ts from "typescript";

/** V8's coverage of one file, as the inspector's protocol has it. */
interface ScriptCoverage {
  readonly url: string;
  readonly functions: readonly {
    /** The first is that of the whole function; offsets are in UTF-16 units. */
    readonly ranges: readonly {
      readonly startOffset: number;
      readonly endOffset: number;
      readonly count: number;
    }[];
  }[];
}

/** A piece of text that takes the place of what lies between two offsets. */
interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

type PlainFunction = ts.FunctionDeclaration | ts.FunctionExpression | ts.ArrowFunction;

class EagerMarker {
  readonly #file: ts.SourceFile;
  readonly #text: string;
  readonly #ran: ReadonlySet<string>;
  /** Parentheses, in the order of their places. */
  readonly #parentheses: Edit[] = [];
  readonly #declarations: ts.FunctionDeclaration[] = [];

  /** @param ran The places of the functions that ran, as `rangeOf` writes them. */
  constructor(text: string, ran: ReadonlySet<string>) {
    this.#file = ts.createSourceFile("bundle.js", text, ts.ScriptTarget.ESNext, true);
    this.#text = text;
    this.#ran = ran;
  }

  marked(): string {
    ts.forEachChild(this.#file, (node) => this.#visit(node));
    const top = this.#top();
    const early = this.#declarations.map((declaration) => this.#asVariable(declaration));
    const moved = this.#declarations.map((declaration): Edit => ({
      ...this.#placeOf(declaration),
      text: "",
    }));
    const outside = this.#parentheses.filter(({ start }) =>
      !moved.some((edit) => edit.start <= start && start < edit.end)
    );
    const edits = [...outside, ...moved, { start: top, end: top, text: early.join("") }];
    return this.#edited(0, this.#text.length, edits);
  }

  #visit(node: ts.Node): void {
    const isPlain = ts.isFunctionDeclaration(node) || ts.isFunctionExpression(node) ||
      ts.isArrowFunction(node);
    if (isPlain && this.#ran.has(this.#rangeOf(node))) this.#mark(node);
    ts.forEachChild(node, (child) => this.#visit(child));
  }

  #mark(node: PlainFunction): void {
    if (ts.isFunctionDeclaration(node)) {
      if (ts.isSourceFile(node.parent)) this.#declarations.push(node);
    } else if (!ts.isParenthesizedExpression(node.parent)) {
      const { start, end } = this.#placeOf(node);
      this.#parentheses.push({ start, end: start, text: "(" }, { start: end, end, text: ")" });
    }
  }

  /** `function f(a) {}` as `var f=(function(a) {});`. */
  #asVariable(declaration: ts.FunctionDeclaration): string {
    const { start, end } = this.#placeOf(declaration);
    const name = declaration.name!;
    const inside = this.#parentheses.filter((edit) => start < edit.start && edit.start < end);
    const unnamed = { start: name.getStart(this.#file), end: name.end, text: "" };
    return `var ${name.text}=(${this.#edited(start, end, [unnamed, ...inside])});\n`;
  }

  /** Where the first statement begins that is no import. */
  #top(): number {
    const statement = this.#file.statements.find((each) => !ts.isImportDeclaration(each));
    return statement?.getStart(this.#file) ?? this.#text.length;
  }

  #edited(start: number, end: number, edits: readonly Edit[]): string {
    let written = "";
    let next = start;
    for (const edit of edits.toSorted((a, b) => a.start - b.start || a.end - b.end)) {
      written += this.#text.slice(next, edit.start) + edit.text;
      next = edit.end;
    }
    return written + this.#text.slice(next, end);
  }

  #placeOf(node: ts.Node): { readonly start: number; readonly end: number } {
    return { start: node.getStart(this.#file), end: node.end };
  }

  #rangeOf(node: ts.Node): string {
    const { start, end } = this.#placeOf(node);
    return rangeOf(start, end);
  }
}

function rangeOf(start: number, end: number): string {
  return `${start} ${end}`;
}

/** The places of the functions that ran, by file. */
function readCoverage(folder: string): ReadonlyMap<string, Set<string>> {
  const ran = new Map<string, Set<string>>();
  for (const { name } of Deno.readDirSync(folder)) {
    const script = JSON.parse(Deno.readTextFileSync(join(folder, name))) as ScriptCoverage;
    const ranges = ran.getOrInsertComputed(script.url, () => new Set());
    for (const { ranges: [whole] } of script.functions) {
      if (whole!.count > 0) ranges.add(rangeOf(whole!.startOffset, whole!.endOffset));
    }
  }
  return ran;
}

const [folder, coverage] = Deno.args as [string, string];
const home = toFileUrl(join(Deno.realPathSync(folder), "/")).href;
for (const [url, ran] of readCoverage(coverage)) {
  if (!url.startsWith(home)) continue;
  const path = fromFileUrl(url);
  Deno.writeTextFileSync(path, new EagerMarker(Deno.readTextFileSync(path), ran).marked());
}
