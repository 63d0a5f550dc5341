/**
 * Puts functions in parentheses: `eager_functions_main.ts FOLDER COVERAGE` writes the files of the
 * folder anew that the coverage, in V8's own form, tells of.
 *
 * A function that is declared becomes a variable at the top of its file, and so is there before
 * anybody calls it, as it was. V8 compiles no method early that is written as one: a method becomes a
 * function that its class gives its prototype, first of all that the class does by itself, and a private
 * one a function in a variable (`private_methods.ts`). Constructors stay: what is left of one, when its
 * body is a function, takes as long to compile.
 */
import { fromFileUrl, join, toFileUrl } from "@std/path";
import ts from "typescript";
import { type Edit, edited, unusedName } from "./edits.ts";
import { findOwnFunctions, isStatic, type OwnFunctions, someWithin } from "./private_methods.ts";

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

type PlainFunction = ts.FunctionDeclaration | ts.FunctionExpression | ts.ArrowFunction;

type NamedMethod = ts.MethodDeclaration & { readonly name: ts.Identifier };

class EagerMarker {
  readonly #file: ts.SourceFile;
  readonly #text: string;
  readonly #ran: ReadonlySet<string>;
  /** A name that is nowhere in the file: what gives prototypes their methods. */
  readonly #giver: string;
  readonly #own: OwnFunctions;
  readonly #edits: Edit[] = [];
  readonly #declarations: ts.FunctionDeclaration[] = [];
  #moves = false;

  /** @param ran The places of the functions that ran, as `rangeOf` writes them. */
  constructor(text: string, ran: ReadonlySet<string>) {
    this.#file = ts.createSourceFile("bundle.js", text, ts.ScriptTarget.ESNext, true);
    this.#text = text;
    this.#ran = ran;
    this.#giver = unusedName(text, "$give");
    this.#own = findOwnFunctions(this.#file, (method) => this.#hasRun(method));
    this.#edits.push(...this.#own.edits);
  }

  marked(): string {
    ts.forEachChild(this.#file, (node) => this.#visit(node));
    const top = this.#top();
    const early = this.#declarations.map((declaration) => this.#asVariable(declaration));
    if (this.#moves) early.unshift(`var ${this.#giver}=${GIVE_METHODS};\n`);
    const own = [...this.#own.names.values()];
    if (own.length > 0) early.unshift(`var ${own.join(",")};\n`);
    for (const declaration of this.#declarations) this.#remove(declaration);
    this.#edits.push({ start: top, end: top, text: early.join("") });
    return this.#edited(0, this.#text.length);
  }

  #visit(node: ts.Node): void {
    if (isPlain(node) && this.#hasRun(node)) this.#mark(node);
    ts.forEachChild(node, (child) => this.#visit(child));
    // What is inside of its methods is marked by now, and moves along.
    if (ts.isClassLike(node)) this.#moveMethods(node);
  }

  #hasRun(node: ts.Node): boolean {
    const { start, end } = this.#placeOf(node);
    return this.#ran.has(rangeOf(start, end));
  }

  #mark(node: PlainFunction): void {
    if (ts.isFunctionDeclaration(node)) {
      if (ts.isSourceFile(node.parent)) this.#declarations.push(node);
    } else if (!ts.isParenthesizedExpression(node.parent)) {
      const { start, end } = this.#placeOf(node);
      this.#edits.push({ start, end: start, text: "(" }, { start: end, end, text: ")" });
    }
  }

  #moveMethods(node: ts.ClassLikeDeclaration): void {
    const own = node.members.filter(ts.isMethodDeclaration)
      .filter((member) => this.#own.names.has(member));
    const moved = node.members.filter((member) => this.#canMove(member));
    const statements = own.map((method) => this.#asOwnFunction(method));
    if (moved.length > 0) {
      this.#moves = true;
      statements.push(`${this.#giver}(this.prototype,${this.#asRecord(moved)})`);
    }
    if (statements.length === 0) return;
    // Before all fields: what a class makes of itself may call its methods.
    const { pos } = node.members;
    this.#edits.push({ start: pos, end: pos, text: `static{${statements.join(";")}}` });
    for (const method of [...own, ...moved]) this.#remove(method);
  }

  /** Whether something of a class is a method that ran, and does not depend on being written as one. */
  #canMove(member: ts.ClassElement): member is NamedMethod {
    return ts.isMethodDeclaration(member) && this.#hasRun(member) && !isStatic(member) &&
      // `__proto__` in a record is no field of it.
      ts.isIdentifier(member.name) && member.name.text !== "__proto__" &&
      !someWithin(member, ({ kind }) => kind === ts.SyntaxKind.SuperKeyword);
  }

  /** `async m(a) {}`, of which there may be several, as `{m:(async function(a) {})}`. */
  #asRecord(methods: readonly NamedMethod[]): string {
    const fields = methods.map((method) => {
      const rest = this.#edited(method.name.end, method.end);
      return `${method.name.text}:(${keywordOf(method)}${rest})`;
    });
    return `{${fields.join(",")}}`;
  }

  /** `#m(a) {}` as `$own0=(function($self,a) {})`. */
  #asOwnFunction(method: ts.MethodDeclaration): string {
    const comma = method.parameters.length > 0 ? "," : "";
    const rest = this.#edited(method.parameters.pos, method.end);
    const name = this.#own.names.get(method);
    return `${name}=(${keywordOf(method)}(${this.#own.self}${comma}${rest})`;
  }

  /** `function f(a) {}` as `var f=(function(a) {});`. */
  #asVariable(declaration: ts.FunctionDeclaration): string {
    const { start, end } = this.#placeOf(declaration);
    const name = declaration.name!;
    const keyword = this.#text.slice(start, name.getStart(this.#file));
    return `var ${name.text}=(${keyword}${this.#edited(name.end, end)});\n`;
  }

  #remove(node: ts.Node): void {
    this.#edits.push({ ...this.#placeOf(node), text: "" });
  }

  /** Where the first statement begins that is no import. */
  #top(): number {
    const statement = this.#file.statements.find((each) => !ts.isImportDeclaration(each));
    return statement?.getStart(this.#file) ?? this.#text.length;
  }

  /** A piece of the text with the edits in it. */
  #edited(start: number, end: number): string {
    return edited(this.#text, this.#edits, start, end);
  }

  #placeOf(node: ts.Node): { readonly start: number; readonly end: number } {
    return { start: node.getStart(this.#file), end: node.end };
  }
}

/** Gives a prototype what stands in a record, as methods of a class are given. */
const GIVE_METHODS =
  "(function(to,all){for(let name in all)Object.defineProperty(to,name,{value:all[name],writable:!0,configurable:!0})})";

function isPlain(node: ts.Node): node is PlainFunction {
  return ts.isFunctionDeclaration(node) || ts.isFunctionExpression(node) ||
    ts.isArrowFunction(node);
}

/** What a method begins with as a function. */
function keywordOf(method: ts.MethodDeclaration): string {
  const isAsync = (ts.getCombinedModifierFlags(method) & ts.ModifierFlags.Async) !== 0;
  return `${isAsync ? "async " : ""}function${method.asteriskToken ? "*" : ""}`;
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
  const marker = new EagerMarker(Deno.readTextFileSync(path), ran);
  Deno.writeTextFileSync(path, marker.marked());
}
